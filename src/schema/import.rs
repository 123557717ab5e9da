//! The registry that the Python library prints, taken apart: one schema per event, under its real name.
//!
//! The registry is one document of `definitions`: events (with `z-event-name`) that hold `Metadata` and `Payload`, and what
//! these refer to. Its header says draft 4 over content that pydantic wrote for draft 7.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::meta::ALIASES;

/// The library's own base class, which is no event of anybody's.
const BASE_EVENT: &str = "EventFailPayload";

/// One event of a registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The event's name.
    pub event: String,
    /// The schema of its payload.
    pub schema: Value,
}

/// Why a document is no registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoRegistry(String);

/// The events of `registry` in its order, and what was left out with the reason.
///
/// # Errors
/// The document has no events.
pub fn import(registry: &Value) -> Result<(Vec<Imported>, Vec<String>), NoRegistry> {
    let definitions = registry
        .get("definitions")
        .and_then(Value::as_object)
        .ok_or_else(|| NoRegistry("it has no `definitions`, in which the Python registry keeps its events".into()))?;
    let (mut found, mut left_out): (Vec<Imported>, Vec<String>) = (Vec::new(), Vec::new());
    let mut events = 0;
    for (key, definition) in definitions {
        let Some(written) = definition.get("z-event-name").and_then(Value::as_str) else { continue };
        events += 1;
        let payload = ["Payload", "payload"].iter().find_map(|name| definition.get("properties")?.get(name));
        let Some(payload) = payload else {
            left_out.push(format!("`{written}`: it has no payload"));
            continue;
        };
        let class = payload.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/definitions/"));
        if class == Some(BASE_EVENT) {
            left_out.push(format!("`{written}`: the library's own base of failure events"));
            continue;
        }
        // The library lower-cases the class's name; the name that people filter on is the class without `Payload`.
        let real = class
            .filter(|class| camelized(class) == written)
            .map(|class| class.strip_suffix("Payload").filter(|name| !name.is_empty()).unwrap_or(class));
        let name = real.unwrap_or(written);
        if name.is_empty() || name.starts_with(['.', '_']) || name.contains(['/', '\\', '\0']) {
            left_out.push(format!("`{written}`: no file can have its name"));
            continue;
        }
        let name = if found.iter().any(|known| known.event == name) { written } else { name };
        if found.iter().any(|known| known.event == name) {
            left_out.push(format!("`{written}` (definition `{key}`): another event has the name"));
            continue;
        }
        let mut schema = Map::new();
        schema.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
        let target = class.and_then(|class| definitions.get(class)).unwrap_or(payload);
        schema.extend(target.as_object().cloned().into_iter().flatten());
        schema.insert("title".into(), name.into());
        if name != written {
            schema.insert(ALIASES.into(), json!([written]));
        }
        if let Some(publisher) = definition.get("z-publisher").and_then(Value::as_str) {
            schema.insert("x-publisher".into(), publisher.into());
        }
        let needed = needed(&Value::Object(schema.clone()), definitions);
        if !needed.is_empty() {
            schema.insert("definitions".into(), json!(needed));
        }
        found.push(Imported { event: name.to_owned(), schema: Value::Object(schema) });
    }
    if events == 0 {
        return Err(NoRegistry(
            "none of its `definitions` has a `z-event-name`, by which the Python registry names events".into(),
        ));
    }
    Ok((found, left_out))
}

/// `UserRegisteredPayload` as the library writes it: `Userregisteredpayload`. It takes `_`, `-` and blanks for ends of words.
fn camelized(class: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        first + &chars.as_str().to_lowercase()
    };
    class.split(['_', '-', ' ']).map(word).collect()
}

/// The definitions that `schema` refers to, and those that they refer to.
fn needed(schema: &Value, definitions: &Map<String, Value>) -> BTreeMap<String, Value> {
    fn walk<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(map) => {
                let own = map.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/definitions/"));
                found.extend(own.map(|name| name.split('/').next().unwrap_or(name)));
                map.values().for_each(|value| walk(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut wanted = BTreeSet::new();
    walk(schema, &mut wanted);
    let mut wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
    let mut needed = BTreeMap::new();
    while let Some(name) = wanted.pop() {
        if let Some(definition) = definitions.get(&name).filter(|_| !needed.contains_key(&name)) {
            let mut more = BTreeSet::new();
            walk(definition, &mut more);
            wanted.extend(more.into_iter().map(str::to_owned));
            needed.insert(name, definition.clone());
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_under_their_real_names_with_what_they_refer_to() {
        let registry = json!({
            "$schema": "http://json-schema.org/draft-04/schema#",
            "definitions": {
                "Colour": {"enum": ["red"]},
                "Base": {"properties": {"c": {"$ref": "#/definitions/Colour"}}},
                "OrderPlacedPayload": {"title": "OrderPlacedPayload", "type": "object", "description": "Order docs.",
                    "properties": {"Amount": {"type": "number", "exclusiveMinimum": 0}, "B": {"$ref": "#/definitions/Base"}}},
                "Orderplacedpayload": {"properties": {"Metadata": {}, "Payload": {"$ref": "#/definitions/OrderPlacedPayload"}},
                    "z-event-name": "Orderplacedpayload", "z-publisher": "Shop"},
                "Named": {"properties": {"Payload": {"$ref": "#/definitions/Base"}}, "z-event-name": "OrderGone"},
                "Eventfailpayload": {"properties": {"Payload": {"$ref": "#/definitions/EventFailPayload"}}, "z-event-name": "Eventfailpayload"},
            }
        });
        let (found, left_out) = import(&registry).unwrap();
        assert_eq!(found.iter().map(|event| event.event.as_str()).collect::<Vec<_>>(), ["OrderPlaced", "OrderGone"]);
        let schema = &found[0].schema;
        assert_eq!(schema["x-aliases"], json!(["Orderplacedpayload"]));
        assert_eq!(schema["definitions"].as_object().unwrap().len(), 2);
        assert_eq!(left_out.len(), 1);
        let compiled = crate::schema::tests::compiled(&schema.to_string());
        assert!(compiled.is_valid(&json!({"Amount": 1})) && !compiled.is_valid(&json!({"Amount": 0})));
        assert!(import(&json!({})).is_err() && import(&json!({"definitions": {}})).is_err());
    }
}
