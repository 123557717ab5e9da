//! What is wrong, or probably not meant, in a schema that compiles: typos that validators pass over in silence.

use serde_json::Value;

use super::diff::FORMATS;
use super::failure::{FAILURE_FIELDS, is_failure_name};
use super::flat::{Flat, KNOWN, types};
use super::meta::{ALIASES, OWNER, PERSONAL, TOPIC};
use super::resolve::push;
use super::{Schema, example};
use crate::words;

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Nothing could be published with it.
    pub error: bool,
    /// The rule's name.
    pub rule: &'static str,
    /// JSON pointer into the file.
    pub pointer: String,
    /// What is wrong, as a fragment.
    pub message: String,
}

/// Everything to mend in one schema.
pub fn lint(schema: &Schema) -> Vec<Lint> {
    let mut found = Vec::new();
    let source = schema.source();
    let mut tell = |error: bool, rule: &'static str, pointer: &str, message: String| {
        found.push(Lint { error, rule, pointer: pointer.to_owned(), message });
    };
    if source.get("$schema").is_none() {
        tell(false, "dialect", "", "`$schema` does not say which draft it is; 2020-12 is taken".into());
    }
    if source.get("description").and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
        tell(false, "description", "", "`description` does not say what the event means".into());
    }
    for (keyword, fits) in [
        (OWNER, Value::is_string as fn(&Value) -> bool),
        (TOPIC, Value::is_string),
        (PERSONAL, Value::is_boolean),
        (ALIASES, |value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string))),
    ] {
        if source.get(keyword).is_some_and(|value| !fits(value)) {
            let wanted = match keyword {
                PERSONAL => "true or false",
                ALIASES => "a list of names",
                _ => "a string",
            };
            tell(true, "metadata", &format!("/{keyword}"), format!("`{keyword}` has to be {wanted}"));
        }
    }
    let docs = schema.documents();
    let flat = Flat::of(docs, &docs.root());
    if flat.types(docs) & types::OBJECT == 0 {
        tell(true, "payload", "/type", "no object passes, and every payload is one".into());
    } else if is_failure_name(schema.event()) {
        let required: Vec<String> = flat.required().iter().map(|name| name.to_lowercase()).collect();
        let lacks: Vec<&str> = FAILURE_FIELDS.into_iter().filter(|name| !required.iter().any(|r| r == name)).collect();
        if !lacks.is_empty() {
            let message = format!(
                "a failure event has {}, and does not require {}",
                words::list(&FAILURE_FIELDS),
                words::list(&lacks)
            );
            tell(false, "failure", "/required", message);
        }
    }
    walk(source, "", &mut tell);
    if let Err(error) = example::example(schema, 1, 0) {
        tell(false, "example", &error.pointer, format!("no example was found: it {}", error.reason));
    }
    found.sort_by_key(|lint| !lint.error);
    found
}

fn walk(schema: &Value, pointer: &str, tell: &mut impl FnMut(bool, &'static str, &str, String)) {
    let Value::Object(map) = schema else { return };
    let at = |parts: &[&str]| {
        let mut pointer = pointer.to_owned();
        parts.iter().for_each(|part| push(&mut pointer, part));
        pointer
    };
    for (keyword, value) in map {
        if !super::flat::has_meaning(keyword)
            && !keyword.starts_with("x-")
            && !keyword.starts_with("z-")
            && keyword != "owner"
        {
            // By letters, not by how it begins: `propertys` is nearer to `properties` than to `propertyNames`.
            let near = KNOWN.iter().map(|known| (strsim::damerau_levenshtein(known, keyword), *known));
            let meant = near.filter(|(far, known)| *far <= 1 + known.len() / 4).min();
            let meant = words::did_you_mean_any(&meant.map(|(_, known)| known).into_iter().collect::<Vec<_>>());
            let meant = meant.map(|meant| format!("; {meant}")).unwrap_or_default();
            tell(false, "keyword", &at(&[keyword]), format!("`{keyword}` is no keyword, and does nothing{meant}"));
        }
        match keyword.as_str() {
            "format" => {
                if let Some(format) = value.as_str().filter(|format| !FORMATS.contains(format)) {
                    let meant = words::did_you_mean_any(
                        &words::nearest(format, FORMATS).into_iter().take(1).collect::<Vec<_>>(),
                    );
                    let meant = meant.map(|meant| format!("; {meant}")).unwrap_or_default();
                    tell(false, "format", &at(&["format"]), format!("`{format}` is no format that is checked{meant}"));
                }
            }
            "required" => {
                let Some(properties) = map.get("properties").and_then(Value::as_object) else { continue };
                let beside =
                    ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"].iter().any(|k| map.contains_key(*k));
                for name in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if !beside && !properties.contains_key(name) {
                        let meant = words::nearest(name, properties.keys().map(String::as_str));
                        let meant = words::did_you_mean_any(&meant.into_iter().take(1).collect::<Vec<_>>());
                        let meant = meant.map(|meant| format!("; {meant}")).unwrap_or_default();
                        let closed = map.get("additionalProperties") == Some(&Value::Bool(false));
                        tell(
                            closed,
                            "required",
                            &at(&["required"]),
                            format!("`{name}` is required and not described{meant}"),
                        );
                    }
                }
            }
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    walk(value, &at(&[keyword, name]), tell);
                }
            }
            "items"
            | "additionalItems"
            | "additionalProperties"
            | "propertyNames"
            | "contains"
            | "not"
            | "if"
            | "then"
            | "else"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "allOf"
            | "anyOf"
            | "oneOf"
            | "prefixItems" => match value {
                Value::Array(list) => {
                    for (index, value) in list.iter().enumerate() {
                        walk(value, &at(&[keyword, &index.to_string()]), tell);
                    }
                }
                value => walk(value, &at(&[keyword]), tell),
            },
            _ => {}
        }
    }
}
