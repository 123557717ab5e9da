//! The base of failure events: the four fields that every one of them has, and a file to refer to.

use serde_json::{Value, json};

/// The file that holds the base, beside the schemas that refer to it.
pub const FAILURE_FILE: &str = "_failure.json";

/// The fields of every failure event.
pub const FAILURE_FIELDS: [&str; 4] = ["code", "data", "detail", "origin"];

/// The base: what the file holds.
pub fn failure_base() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Failure",
        "description": "What every failure event says. Refer to it: { \"$ref\": \"_failure.json\" }",
        "type": "object",
        "properties": {
            "code": { "type": "string", "minLength": 1, "description": "Machine-readable, e.g. APPLICATION_ERROR." },
            "data": { "type": "object", "description": "What the failed task was about; `id` becomes metadata.entityId." },
            "detail": { "type": "string", "description": "For people." },
            "origin": { "type": "string", "description": "Where it failed, e.g. application." }
        },
        "required": FAILURE_FIELDS
    })
}

/// A schema to begin with for the event `name`.
pub fn starter(name: &str, failure: bool) -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        "description": format!("{} happened: say here what that means.", words_of(name)),
        "x-owner": "",
        "x-contains-personal-data": false,
        "type": "object",
    });
    if failure {
        schema["$ref"] = FAILURE_FILE.into();
        schema["unevaluatedProperties"] = false.into();
    } else {
        schema["properties"] = json!({
            "id": { "type": "string", "format": "uuid", "description": "Becomes metadata.entityId." }
        });
        schema["required"] = json!(["id"]);
        schema["additionalProperties"] = false.into();
    }
    if let Value::Object(map) = &mut schema {
        map.retain(|_, value| value != "");
    }
    schema
}

/// `UserRegistered` as `User registered`.
fn words_of(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push(' ');
            out.extend(c.to_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a name is that of a failure.
pub fn is_failure_name(name: &str) -> bool {
    ["Failed", "Failure", "failed", "failure"].iter().any(|ending| name.ends_with(ending))
}
