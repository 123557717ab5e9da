//! What a payload schema says about the values that lie at a path.
//!
//! Everything that is not understood counts as "anything": what is said here to be impossible, is.

use serde_json::{Map, Value};

use crate::filter::{Domain, Values};

/// References and combinations that are followed; a schema may refer to itself.
const DEEPEST: usize = 24;

/// What is known of a path.
#[derive(Clone, Debug)]
pub(super) struct Shape<'a> {
    /// What may be there.
    pub(super) domain: Domain<'a>,
    /// Whether the schema says anything about it. Where schemas are open, what is not declared may be there all the same.
    pub(super) declared: bool,
}

impl Shape<'_> {
    fn anything(declared: bool) -> Self {
        Self { domain: Domain::ANYTHING, declared }
    }

    fn nothing() -> Self {
        Self { domain: Domain::NOTHING, declared: false }
    }

    /// One or the other.
    fn or(self, other: Self) -> Self {
        let values = match (self.domain.values, other.domain.values) {
            (Values::None, values) | (values, Values::None) => values,
            (Values::Listed(mut one), Values::Listed(other)) => {
                one.extend(other);
                Values::Listed(one)
            }
            (
                Values::Kinds { text, number, boolean, null },
                Values::Kinds { text: t, number: n, boolean: b, null: z },
            ) => Values::Kinds { text: text || t, number: number || n, boolean: boolean || b, null: null || z },
            _ => Values::Any,
        };
        let may_be_absent = self.domain.may_be_absent || other.domain.may_be_absent;
        Self { domain: Domain { values, may_be_absent }, declared: self.declared || other.declared }
    }

    /// Both at once.
    fn and(self, other: Self) -> Self {
        let values = match (self.domain.values, other.domain.values) {
            (Values::None, _) | (_, Values::None) => Values::None,
            (Values::Any, values) | (values, Values::Any) => values,
            (Values::Listed(one), Values::Listed(other)) => {
                Values::Listed(one.into_iter().filter(|value| other.contains(value)).collect())
            }
            (listed @ Values::Listed(_), _) | (_, listed @ Values::Listed(_)) => listed,
            (one, _) => one,
        };
        let may_be_absent = self.domain.may_be_absent && other.domain.may_be_absent;
        Self { domain: Domain { values, may_be_absent }, declared: self.declared || other.declared }
    }
}

/// What `schema` says about the value at the dotted `path` of a payload.
pub(super) fn at(schema: &Value, path: &str) -> Shape<'static> {
    let steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
    look(schema, schema, &steps, DEEPEST)
}

fn look(root: &Value, schema: &Value, path: &[&str], depth: usize) -> Shape<'static> {
    let Some(depth) = depth.checked_sub(1) else { return Shape::anything(true) };
    let schema = match schema {
        Value::Object(schema) => schema,
        Value::Bool(false) => return Shape::nothing(),
        _ => return Shape::anything(false),
    };
    let mut shape = own(root, schema, path, depth);
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        shape = shape.and(match reference.strip_prefix('#').map(|pointer| root.pointer(pointer)) {
            Some(Some(target)) => look(root, target, path, depth),
            // In another file, or by an anchor.
            _ => Shape::anything(true),
        });
    }
    for part in branches(schema, "allOf") {
        shape = shape.and(look(root, part, path, depth));
    }
    for key in ["anyOf", "oneOf"] {
        let either = branches(schema, key).map(|part| look(root, part, path, depth)).reduce(Shape::or);
        if let Some(either) = either {
            shape = shape.and(either);
        }
    }
    for key in ["then", "else"] {
        // What they ask for depends on the rest; that they name a key is all that is taken from them.
        shape.declared |= schema.get(key).is_some_and(|part| look(root, part, path, depth).declared);
    }
    if schema.contains_key("patternProperties") || schema.contains_key("dependentSchemas") {
        shape.declared = true;
    }
    shape
}

fn branches<'s>(schema: &'s Map<String, Value>, key: &str) -> impl Iterator<Item = &'s Value> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Whether `kind` is among the types that the schema allows.
fn allows(schema: &Map<String, Value>, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(kind)),
        _ => true,
    }
}

/// What the keywords of one schema say, those that combine schemas aside.
fn own(root: &Value, schema: &Map<String, Value>, path: &[&str], depth: usize) -> Shape<'static> {
    // Filters look into lists, element by element.
    let elements = schema.get("items").filter(|_| allows(schema, "array"));
    let elements = elements.map(|items| match items {
        Value::Array(_) => Shape::anything(true),
        one => {
            let mut shape = look(root, one, path, depth);
            shape.domain.may_be_absent = true; // the list may be empty
            shape
        }
    });
    let itself = if path.is_empty() { value(schema) } else { property(root, schema, path, depth) };
    match elements {
        Some(elements) if schema.get("type").and_then(Value::as_str) == Some("array") => elements,
        Some(elements) => itself.or(elements),
        None => itself,
    }
}

/// At the end of the path.
fn value(schema: &Map<String, Value>) -> Shape<'static> {
    let values = if let Some(only) = schema.get("const") {
        Values::Listed(vec![only.clone()])
    } else if let Some(listed) = schema.get("enum").and_then(Value::as_array) {
        Values::Listed(listed.clone())
    } else if schema.contains_key("type") {
        let array = allows(schema, "array");
        if array {
            Values::Any
        } else {
            Values::Kinds {
                text: allows(schema, "string"),
                number: allows(schema, "number") || allows(schema, "integer"),
                boolean: allows(schema, "boolean"),
                null: allows(schema, "null"),
            }
        }
    } else {
        Values::Any
    };
    Shape { domain: Domain { values, may_be_absent: false }, declared: true }
}

/// On the way: the property that the path begins with. A property's name may hold dots itself.
fn property(root: &Value, schema: &Map<String, Value>, path: &[&str], depth: usize) -> Shape<'static> {
    if !allows(schema, "object") {
        return Shape::nothing();
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for taken in 1..=path.len() {
        let name = path[..taken].join(".");
        let Some(found) = properties.and_then(|properties| properties.get(&name)) else { continue };
        let mut shape = look(root, found, &path[taken..], depth);
        let required = schema.get("required").and_then(Value::as_array);
        let required = required.is_some_and(|names| names.iter().any(|known| known.as_str() == Some(&name)));
        shape.domain.may_be_absent |= !required;
        if !matches!(found, Value::Bool(false)) {
            shape.declared |= path.len() == taken;
        }
        return shape;
    }
    if schema.contains_key("patternProperties") {
        return Shape::anything(true);
    }
    match schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties")) {
        // Beside other schemas of the same value, the keys that those declare would be refused as well.
        Some(Value::Bool(false)) => {
            match ["allOf", "anyOf", "oneOf", "$ref"].iter().any(|key| schema.contains_key(*key)) {
                true => Shape::anything(false),
                false => Shape::nothing(),
            }
        }
        Some(Value::Object(others)) => {
            let mut shape = look(root, &Value::Object(others.clone()), &path[1..], depth);
            shape.domain.may_be_absent = true;
            shape.declared = true;
            shape
        }
        _ => Shape::anything(false),
    }
}

/// The dotted paths that a schema declares, for "did you mean".
pub(super) fn paths(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(schema, schema, "", &mut found, 8);
    found.sort();
    found.dedup();
    found
}

fn collect(root: &Value, schema: &Value, path: &str, found: &mut Vec<String>, depth: usize) {
    let (Some(depth), Some(schema)) = (depth.checked_sub(1), schema.as_object()) else { return };
    if found.len() > 1_000 {
        return;
    }
    for (name, below) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        found.push(here.clone());
        collect(root, below, &here, found, depth);
    }
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    let parts = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|key| branches(schema, key));
    for part in parts.chain(schema.get("items")).chain(reference.and_then(|pointer| root.pointer(pointer))) {
        collect(root, part, path, found, depth);
    }
}
