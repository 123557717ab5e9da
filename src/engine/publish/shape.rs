//! From what an input is to what is published: the event's name in it, and the types of a table's texts.

use serde_json::Value;

use crate::event::json::{Document, JsonError, JsonErrorKind, Kind, compact, member, members};

/// Any JSON document, for a `--map` to make payloads of; as strict as a payload otherwise.
pub(super) fn any_json(bytes: &[u8]) -> Result<&str, JsonError> {
    match Document::parse(bytes) {
        Ok(document) => Ok(document.text()),
        // All that is wrong with it is that it is no object.
        Err(JsonError { kind: JsonErrorKind::NotAnObject(_), .. }) => {
            let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
            Ok(std::str::from_utf8(bytes).unwrap_or_default())
        }
        Err(error) => Err(error),
    }
}

/// The text in a field of a document, which names an event: a property's name, or a JSON pointer.
///
/// # Errors
/// There is none, or it is no text.
pub(super) fn name_in(text: &str, field: &str) -> Result<String, String> {
    let found = match field.strip_prefix('/') {
        None => child(text, field),
        Some(path) => {
            path.split('/').try_fold(text, |text, key| child(text, &key.replace("~1", "/").replace("~0", "~")))
        }
    };
    let Some(found) = found else { return Err(format!("there is no `{field}` that would name the event")) };
    match Kind::of(found) {
        Kind::String => match serde_json::from_str::<String>(found) {
            Ok(name) if !name.trim().is_empty() => Ok(name),
            _ => Err(format!("`{field}` is empty, expected the event's name")),
        },
        other => Err(format!("`{field}` is {}, expected the event's name", other.words())),
    }
}

fn child<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    match Kind::of(text) {
        Kind::Object => member(&members(text), key),
        Kind::Array => members(text).get(key.parse::<usize>().ok()?).map(|(_, element)| *element),
        _ => None,
    }
}

/// A table's row with the types that the schema's properties have: a text that reads as the number, truth value, list or object
/// which the schema wants becomes one. What does not stays a text, for the schema to refuse.
pub(super) fn typed(row: &str, schema: &Value) -> String {
    let properties = schema.get("properties");
    let mut out = String::with_capacity(row.len());
    out.push('{');
    for (name, value) in members(row) {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&Value::from(name.as_ref()).to_string());
        out.push(':');
        let wanted = properties.and_then(|properties| properties.get(name.as_ref()));
        match wanted.and_then(|wanted| meant(value, wanted)) {
            Some(meant) => out.push_str(&meant),
            None => out.push_str(value),
        }
    }
    out.push('}');
    out
}

/// The value that the JSON string `text` means to a property's schema; `None` where it is the string itself.
fn meant(text: &str, wanted: &Value) -> Option<String> {
    let types: Vec<&str> = match wanted.get("type")? {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    if types.contains(&"string") {
        return None;
    }
    let inner: String = serde_json::from_str(text).ok()?;
    let inner = inner.trim();
    serde_json::from_str::<serde::de::IgnoredAny>(inner).ok()?;
    let fits = match Kind::of(inner) {
        Kind::Number => types.contains(&"number") || types.contains(&"integer"),
        Kind::Bool => types.contains(&"boolean"),
        Kind::Null => types.contains(&"null"),
        Kind::Array => types.contains(&"array"),
        Kind::Object => types.contains(&"object"),
        Kind::String => false,
    };
    fits.then(|| compact(inner).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_may_be_a_name_or_a_pointer() {
        let text = r#"{"type":"A","meta":{"a/b":["x",{"name":"B"}]},"no":5,"empty":" "}"#;
        assert_eq!(name_in(text, "type").as_deref(), Ok("A"));
        assert_eq!(name_in(text, "/meta/a~1b/1/name").as_deref(), Ok("B"));
        assert_eq!(name_in(text, "nope").unwrap_err(), "there is no `nope` that would name the event");
        assert_eq!(name_in(text, "no").unwrap_err(), "`no` is a number, expected the event's name");
        assert_eq!(name_in(text, "empty").unwrap_err(), "`empty` is empty, expected the event's name");
        assert!(name_in("[1]", "type").is_err());
    }

    #[test]
    fn texts_of_a_table_become_what_the_schema_wants() {
        let schema = serde_json::json!({"properties": {
            "n": {"type": "integer"}, "p": {"type": ["number", "null"]}, "b": {"type": "boolean"},
            "list": {"type": "array"}, "s": {"type": "string"}, "either": {"type": ["string", "integer"]}, "any": {}
        }});
        let row = r#"{"n":"007","p":" 1.10 ","b":"true","list":"[1, 2]","s":"5","either":"5","any":"5","extra":"5"}"#;
        assert_eq!(
            typed(row, &schema),
            r#"{"n":"007","p":1.10,"b":true,"list":[1,2],"s":"5","either":"5","any":"5","extra":"5"}"#,
            "007 is no JSON number"
        );
    }

    #[test]
    fn any_document_can_be_mapped_but_none_that_is_broken() {
        assert_eq!(any_json(b"\xEF\xBB\xBF[1]").unwrap(), "[1]");
        assert_eq!(any_json(b" 5").unwrap(), " 5");
        assert!(any_json(b"[{\"a\":1,\"a\":2}]").is_err());
        assert!(any_json(b"").is_err());
    }
}
