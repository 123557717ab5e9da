//! Subscriptions and the routing table.

use crate::filter::{FilterPolicy, Scope};
use crate::topology::fields;
use crate::topology::model::{Filter, Route, Subscription};
use crate::topology::problem::{Place, Problems};
use crate::topology::yaml::{Key, Node, Value, join};
use crate::words;

use super::scalar::{flag, text};
use super::table::{Table, entries};

pub(super) fn subscriptions(table: &Table, problems: &mut Problems) -> Vec<Subscription> {
    let Some((_, node)) = table.entries.iter().find(|(key, _)| key.text == "subscriptions") else { return Vec::new() };
    match &node.value {
        Value::Null => Vec::new(),
        Value::List(items) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| subscription(item, &format!("subscriptions.{index}"), problems))
            .collect(),
        _ => {
            let fix = Some("start each with `- topic: TOPIC`".into());
            let message = format!("`subscriptions` is {}; expected a list", node.found());
            problems.error(node.place, "subscriptions", message, fix);
            Vec::new()
        }
    }
}

fn subscription(node: &Node, path: &str, problems: &mut Problems) -> Option<Subscription> {
    if let Some(node) = node.at("remove") {
        let message = format!("`{path}.remove` is for overlays; here leave the whole subscription out");
        problems.error(node.place, &join(path, "remove"), message, Some("remove the line".into()));
        return None;
    }
    let table = Table::open(node, path, fields::SUBSCRIPTION_KEYS.to_vec(), problems)?;
    let topic = table.need_text("topic", "TOPIC", problems);
    let queue = table.need_text("queue", "QUEUE", problems);
    let scope = match table.get("scope", problems) {
        None => Some(Scope::MessageAttributes),
        Some(node) => scope(node, &join(path, "scope"), problems),
    };
    let filter = match (table.get("filter", problems), scope) {
        (Some(node), Some(scope)) => filter(node, scope, &join(path, "filter"), problems),
        _ => None,
    };
    let raw = table.get("raw", problems).and_then(|node| flag(node, &join(path, "raw"), problems)).unwrap_or(false);
    let dead_letter = table
        .get("dead_letter", problems)
        .and_then(|node| text(node, &join(path, "dead_letter"), problems).map(|name| (name, node.place)));
    let ((topic, topic_place), (queue, queue_place)) = (topic?, queue?);
    Some(Subscription {
        topic,
        queue,
        place: node.place,
        places: (topic_place, queue_place),
        filter,
        scope: scope.unwrap_or_default(),
        raw,
        dead_letter,
    })
}

fn scope(node: &Node, path: &str, problems: &mut Problems) -> Option<Scope> {
    let given = match &node.value {
        Value::Text(text) => text.as_str(),
        _ => "",
    };
    match given {
        "attributes" => Some(Scope::MessageAttributes),
        "body" => Some(Scope::MessageBody),
        _ => {
            let fix = match given {
                "MessageAttributes" => Some("write `attributes`".into()),
                "MessageBody" => Some("write `body`".into()),
                _ => words::did_you_mean(given, ["attributes", "body"])
                    .or_else(|| Some("write `attributes` or `body`".into())),
            };
            let message = format!("`{path}` is {}; expected `attributes` or `body`", node.found());
            problems.error(node.place, path, message, fix);
            None
        }
    }
}

fn filter(node: &Node, scope: Scope, path: &str, problems: &mut Problems) -> Option<Filter> {
    let entries = entries(node, path, problems)?;
    if entries.is_empty() {
        return None; // to SNS an empty policy is none
    }
    let filter = Filter { json: node.to_json(), place: node.place, node: node.clone() };
    let at = |pointer: &str| {
        let (place, inner) = node.locate(pointer);
        (place, if inner.is_empty() { path.to_owned() } else { join(path, &inner) })
    };
    match FilterPolicy::parse(&filter.text(), scope) {
        Ok(policy) => {
            for warning in policy.warnings() {
                let (place, here) = at(&warning.pointer);
                problems.warn(place, &here, format!("`{here}`: {}", warning.sentence), None);
            }
        }
        Err(error) => {
            let (place, here) = at(&error.pointer);
            let message = format!("`{here}` is not a filter policy that SNS takes: {}", error.sentence);
            problems.error(place, &here, message, fix_of(node, scope, &error.pointer));
        }
    }
    Some(filter)
}

/// What to write instead, where there is one answer.
fn fix_of(filter: &Node, scope: Scope, pointer: &str) -> Option<String> {
    let key = pointer.strip_prefix('/').filter(|key| !key.contains(['/', '~']))?;
    match &filter.at(key)?.value {
        Value::Text(text) => Some(format!("write `{key}: [{text}]`")),
        Value::Number(number) => Some(format!("write `{key}: [{number}]`")),
        Value::Bool(flag) => Some(format!("write `{key}: [{flag}]`")),
        Value::Map(_) if scope == Scope::MessageAttributes => Some("add `scope: body` to the subscription".into()),
        _ => None,
    }
}

pub(super) fn event(key: &Key, node: &Node, path: &str, problems: &mut Problems) -> Option<Route> {
    if let Value::Text(topic) = &node.value {
        let fix = Some(format!("write `{}: {{ topic: {topic} }}`", key.text));
        problems.error(node.place, path, format!("`{path}` is {}; expected a mapping", node.found()), fix);
        return None;
    }
    let table = Table::open(node, path, fields::EVENT_KEYS.to_vec(), problems)?;
    if key.text.trim().is_empty() || key.text.contains(char::is_whitespace) {
        let message = format!("the event name `{}` is empty or has white space", key.text);
        problems.error(key.place, path, message, None);
    }
    let (topics, topic_places) = topics(&table, path, problems)?.into_iter().unzip();
    Some(Route {
        pattern: key.text.clone(),
        place: key.place,
        topics,
        topic_places,
        schema: table.text("schema", problems),
        group_by: table.text("group_by", problems),
    })
}

/// One topic, a list of them, or, on purpose, none: `null` or `[]`.
fn topics(table: &Table<'_>, path: &str, problems: &mut Problems) -> Option<Vec<(String, Place)>> {
    let node = table.need_or_null("topic", "TOPIC", problems)?;
    let here = join(path, "topic");
    let items = match &node.value {
        Value::Null => return Some(Vec::new()),
        Value::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut found: Vec<(String, Place)> = Vec::new();
    for item in items {
        let name = text(item, &here, problems)?;
        if found.iter().any(|(known, _)| *known == name) {
            let fix = Some("keep one of them".to_owned());
            problems.error(item.place, &here, format!("`{here}` names `{name}` twice"), fix);
            continue;
        }
        found.push((name, item.place));
    }
    Some(found)
}
