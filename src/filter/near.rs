//! Near misses: what a message has instead of what a policy wanted, and the traps behind the usual ones.

use super::clause::{Clause, Scalar, quoted};
use super::json::Json;
use super::number::Decimal;
use super::policy::{Leaf, Message};
use crate::event::AttributeValue;

/// Properties of a body that are looked at for a similar name.
const SEARCHED: usize = 2_000;

/// Values that would have passed but for their spelling or their type.
pub(super) fn values(leaf: &Leaf, seen: &[Scalar<'_>]) -> Vec<String> {
    let mut hints = Vec::new();
    for value in seen.iter().take(20) {
        for clause in &leaf.clauses {
            let hint = match (clause, value) {
                (Clause::Text(wanted), Scalar::Text(seen)) => spelling(wanted, seen),
                (Clause::Text(wanted), Scalar::Number(seen)) => (wanted == seen.as_ref()).then(|| {
                    format!(
                        "{seen} was sent as a number, the policy wants the text {}: types are never converted",
                        quoted(wanted)
                    )
                }),
                (Clause::Text(wanted), Scalar::Bool(seen)) => (*wanted == seen.to_string())
                    .then(|| format!("{seen} was sent as a truth value, the policy wants the text {}", quoted(wanted))),
                (Clause::Bool(wanted), Scalar::Text(seen)) => (*seen == wanted.to_string())
                    .then(|| format!("{} was sent as text, the policy wants the truth value {wanted}", quoted(seen))),
                (Clause::Null, Scalar::Text(seen)) => {
                    (seen == "null").then(|| "\"null\" was sent as text, the policy wants null itself".to_owned())
                }
                (clause, Scalar::Text(seen)) if clause.needs_number() => would_pass_as_number(clause, seen),
                (Clause::Prefix(prefix), Scalar::Text(seen)) => {
                    let start: String = seen.chars().take(prefix.chars().count()).collect();
                    (start.to_lowercase() == prefix.to_lowercase()).then(|| case_only(&start, prefix))
                }
                _ => None,
            };
            hints.extend(hint.filter(|hint| !hints.contains(hint)));
        }
        let any_text = leaf.clauses.iter().any(|clause| matches!(clause, Clause::Text(_) | Clause::Number(_)));
        if let Scalar::Text(text) = value
            && any_text
            && seen.len() == 1
            && text.starts_with('[')
            && text.ends_with(']')
        {
            hints.push("the value looks like a list: only the type String.Array is compared element by element".into());
        }
    }
    hints.truncate(4);
    hints
}

fn case_only(seen: &str, wanted: &str) -> String {
    format!("{} differs from {} in upper and lower case only", quoted(seen), quoted(wanted))
}

fn spelling(wanted: &str, seen: &str) -> Option<String> {
    if wanted == seen {
        return None;
    }
    if wanted.trim() == seen.trim() {
        return Some(format!("{} and {} differ in white space", quoted(seen), quoted(wanted)));
    }
    let separated = |text: &str| text.contains(['_', '-', ' ']);
    if (separated(wanted) || separated(seen)) && plain(wanted) == plain(seen) {
        return Some(format!("{} and {} differ in their separators", quoted(seen), quoted(wanted)));
    }
    if seen == camelize(wanted) || seen == camelize(&format!("{wanted}Payload")) {
        let from = if seen == camelize(wanted) { wanted.to_owned() } else { format!("{wanted}Payload") };
        return Some(format!(
            "{} is what the Python library makes of `{from}`: it lower-cases the rest of each word in publisher names and in the \
             event names of Celery callbacks; list both spellings, or {{\"equals-ignore-case\": {}}}",
            quoted(seen),
            quoted(seen),
        ));
    }
    if wanted == camelize(seen) || wanted == camelize(&format!("{seen}Payload")) {
        return Some(format!(
            "the policy holds {}, the spelling that the Python library's publisher would send; this one was sent as {}",
            quoted(wanted),
            quoted(seen),
        ));
    }
    if wanted.to_lowercase() == seen.to_lowercase() {
        return Some(case_only(seen, wanted));
    }
    let short = wanted.len().min(seen.len());
    ((5..=100).contains(&short) && strsim::damerau_levenshtein(wanted, seen) <= 2)
        .then(|| format!("{} is close to {}", quoted(seen), quoted(wanted)))
}

/// The camelizer of the Python library: the first letter of each word upper, the rest lower, the separators gone.
pub fn camelize(text: &str) -> String {
    text.split(['_', '-', ' '])
        .map(|word| {
            let mut letters = word.chars();
            let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
            first + &letters.as_str().to_lowercase()
        })
        .collect()
}

fn would_pass_as_number(clause: &Clause, seen: &str) -> Option<String> {
    let number = Decimal::parse(seen)?;
    clause
        .accepts(&Scalar::Number(seen.into()), Some(&number))
        .then(|| format!("{} was sent as text: a numeric clause compares the type Number only", quoted(seen)))
}

/// A name without what people spell differently.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Why an attribute is not there, or is not seen.
pub(super) fn missing_attribute(leaf: &Leaf, message: &Message<'_>) -> Vec<String> {
    if let Some(attribute) = message.attributes.get(&leaf.name) {
        let hint = match &attribute.value {
            AttributeValue::Binary(_) => {
                Some(format!("`{}` is there as Binary, which filter policies ignore", leaf.name))
            }
            AttributeValue::Text(text) if text.trim_start().starts_with('[') && text.trim_end().ends_with(']') => {
                Some(format!("`{}` is an empty array, which counts as absent", leaf.name))
            }
            AttributeValue::Text(_) => None,
        };
        return hint.into_iter().collect();
    }
    if message.attributes.is_empty() {
        let only_absence = if leaf.may_be_absent { "; `exists: false` needs at least one other attribute" } else { "" };
        return vec![format!("the message has no attributes at all{only_absence}")];
    }
    let names = message.attributes.keys().map(String::as_str);
    if let Some(hint) = similar_name(&leaf.name, names, "the message has the attribute") {
        return vec![hint];
    }
    let paths = properties(message);
    let last = |path: &str| plain(path.rsplit('.').next().unwrap_or(path));
    let found = paths.iter().find(|path| last(path) == plain(&leaf.name));
    found
        .map(|path| format!("the body has `{path}`, but this policy looks at attributes (scope `attributes`)"))
        .into_iter()
        .collect()
}

/// Why a property is not there.
pub(super) fn missing_property(leaf: &Leaf, message: &Message<'_>) -> Vec<String> {
    let paths = properties(message);
    let below = format!("{}.", leaf.name);
    if paths.iter().any(|path| path.starts_with(&below)) {
        return vec![format!("`{}` is an object: policies compare the values inside it", leaf.name)];
    }
    if let Some(hint) = similar_name(&leaf.name, paths.iter().map(String::as_str), "the body has") {
        return vec![hint];
    }
    let last = |path: &str| plain(path.rsplit('.').next().unwrap_or(path));
    if let Some(path) = paths.iter().find(|path| last(path) == last(&leaf.name)) {
        return vec![format!("the body has `{path}`")];
    }
    let attribute = message.attributes.keys().find(|name| plain(name) == last(&leaf.name));
    attribute
        .map(|name| format!("the message has the attribute `{name}`, but this policy looks at the body (scope `body`)"))
        .into_iter()
        .collect()
}

fn similar_name<'n>(wanted: &str, names: impl Iterator<Item = &'n str> + Clone, where_it_is: &str) -> Option<String> {
    if let Some(name) = names.clone().find(|name| plain(name) == plain(wanted)) {
        return Some(format!("{where_it_is} `{name}`: names are compared letter by letter"));
    }
    let near = |name: &&str| wanted.len() >= 4 && name.len() <= 100 && strsim::damerau_levenshtein(name, wanted) <= 2;
    names
        .filter(near)
        .min_by_key(|name| strsim::damerau_levenshtein(name, wanted))
        .map(|name| format!("{where_it_is} `{name}`"))
}

/// The dotted paths of a body's values, as far as looking for them is worth it.
fn properties(message: &Message<'_>) -> Vec<String> {
    fn walk(json: &Json<'_>, path: &str, into: &mut Vec<String>) {
        if into.len() >= SEARCHED {
            return;
        }
        match json {
            Json::Object(members) => {
                for (key, value) in members {
                    let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
                    walk(value, &path, into);
                }
            }
            Json::Array(elements) => elements.iter().for_each(|element| walk(element, path, into)),
            _ if into.last().is_none_or(|last| last != path) => into.push(path.to_owned()),
            _ => {}
        }
    }
    let mut paths = Vec::new();
    if let Some(json @ Json::Object(_)) = message.json() {
        walk(json, "", &mut paths);
    }
    paths
}
