//! The fields of a payload, one a line, for tables.

use serde_json::Value;

use super::Schema;
use super::explain::cut;
use super::flat::{Flat, types};
use super::resolve::Documents;

/// Lines of a table.
const MOST: usize = 200;
/// Objects within objects that are shown.
const DEEPEST: usize = 4;

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, with the names of the objects that it is in: `address.city`, `tags[]`.
    pub name: String,
    /// Whether the object that it is in must have it.
    pub required: bool,
    /// What it holds, in words.
    pub holds: String,
    /// What the schema says of it.
    pub description: Option<String>,
}

/// The fields of the payload that `schema` describes, those of objects within it after them.
pub fn fields(schema: &Schema) -> Vec<Field> {
    let docs = schema.documents();
    let mut found = Vec::new();
    add(docs, &Flat::of(docs, &docs.root()), "", 0, &mut found);
    found
}

fn add<'d>(docs: &'d Documents, flat: &Flat<'d>, prefix: &str, depth: usize, found: &mut Vec<Field>) {
    let required = flat.required();
    for name in flat.names() {
        if found.len() >= MOST || depth > DEEPEST {
            return;
        }
        let (has, _) = flat.property(docs, name);
        if has.never {
            continue;
        }
        let raw = flat.parts.iter().find_map(|part| part.get("properties")?.get(name));
        let raw = raw.and_then(|value| value.get("description")).and_then(Value::as_str);
        let full = format!("{prefix}{name}");
        let description = raw.or_else(|| has.parts.iter().find_map(|part| part.get("description")?.as_str()));
        found.push(Field {
            name: full.clone(),
            required: required.contains(&name),
            holds: holds(docs, &has),
            description: description.map(str::to_owned),
        });
        add(docs, &has, &format!("{full}."), depth + 1, found);
        let element = has.element(docs, has.prefix());
        add(docs, &element, &format!("{full}[]."), depth + 1, found);
    }
}

/// `string (email), at least 1 character`.
fn holds<'d>(docs: &'d Documents, flat: &Flat<'d>) -> String {
    if let Some(values) = flat.values() {
        let shown: Vec<String> = values.iter().take(12).map(|value| cut(value)).collect();
        let more = if values.len() > 12 { ", …" } else { "" };
        return format!("one of {}{more}", shown.join(", "));
    }
    let mask = flat.types(docs);
    let mut words = Vec::new();
    if mask == types::ALL {
        words.push("anything");
    } else {
        for (bits, word) in [
            (types::OBJECT, "object"),
            (types::ARRAY, "array"),
            (types::STRING, "string"),
            (types::FRACTION, "number"),
            (types::BOOL, "boolean"),
        ] {
            if mask & bits != 0 {
                words.push(word);
            }
        }
        if mask & types::NUMBER == types::INTEGER {
            words.push("integer");
        }
        if mask & types::NULL != 0 {
            words.push("null");
        }
    }
    let mut text = words.join(" or ");
    let told = |keyword: &str| flat.parts.iter().find_map(|part| part.get(keyword));
    if let Some(format) = told("format").and_then(Value::as_str) {
        text.push_str(&format!(" ({format})"));
    }
    for (keyword, word) in [
        ("minimum", "≥"),
        ("exclusiveMinimum", ">"),
        ("maximum", "≤"),
        ("exclusiveMaximum", "<"),
        ("multipleOf", "multiple of"),
        ("minLength", "length ≥"),
        ("maxLength", "length ≤"),
        ("minItems", "elements ≥"),
        ("maxItems", "elements ≤"),
        ("pattern", "like"),
    ] {
        if let Some(value) = told(keyword) {
            text.push_str(&format!(", {word} {}", cut(value)));
        }
    }
    text
}
