//! A schema as the list of all that must hold at once: references followed, `allOf` taken apart.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::resolve::{Doc, Documents, Node};

/// Types as bits. `number` is both of the last two.
pub(super) mod types {
    pub(in crate::schema) const NULL: u8 = 1;
    pub(in crate::schema) const BOOL: u8 = 2;
    pub(in crate::schema) const OBJECT: u8 = 4;
    pub(in crate::schema) const ARRAY: u8 = 8;
    pub(in crate::schema) const STRING: u8 = 16;
    pub(in crate::schema) const INTEGER: u8 = 32;
    pub(in crate::schema) const FRACTION: u8 = 64;
    pub(in crate::schema) const NUMBER: u8 = INTEGER | FRACTION;
    pub(in crate::schema) const ALL: u8 = 127;

    /// The bit of a type's name; all of them for a name that is none.
    pub(in crate::schema) fn named(name: &str) -> u8 {
        match name {
            "null" => NULL,
            "boolean" => BOOL,
            "object" => OBJECT,
            "array" => ARRAY,
            "string" => STRING,
            "integer" => INTEGER,
            "number" => NUMBER,
            _ => ALL,
        }
    }
}

/// The type of a value. `1.0` is an integer, as it is in every draft since 6.
pub(super) fn type_of(value: &Value) -> u8 {
    match value {
        Value::Null => types::NULL,
        Value::Bool(_) => types::BOOL,
        Value::Object(_) => types::OBJECT,
        Value::Array(_) => types::ARRAY,
        Value::String(_) => types::STRING,
        Value::Number(number) if number.is_i64() || number.is_u64() => types::INTEGER,
        Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => types::INTEGER,
        Value::Number(_) => types::FRACTION,
    }
}

/// Keywords that describe, identify or hold definitions, and let everything pass.
pub(super) fn is_annotation(keyword: &str) -> bool {
    is_note(keyword) || !KNOWN.contains(&keyword)
}

/// Whether anybody gives the keyword a meaning.
pub(super) fn has_meaning(keyword: &str) -> bool {
    is_note(keyword) || KNOWN.contains(&keyword)
}

fn is_note(keyword: &str) -> bool {
    matches!(
        keyword,
        "$schema"
            | "$id"
            | "id"
            | "$anchor"
            | "$dynamicAnchor"
            | "$recursiveAnchor"
            | "$comment"
            | "$vocabulary"
            | "$defs"
            | "definitions"
            | "title"
            | "description"
            | "default"
            | "examples"
            | "example"
            | "deprecated"
            | "readOnly"
            | "writeOnly"
    )
}

/// Keywords that some draft gives a meaning to.
pub(super) const KNOWN: [&str; 48] = [
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "type",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "items",
    "prefixItems",
    "additionalItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "required",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "extends",
    "disallow",
];

/// One object of keywords, all of which must hold.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    pub(super) object: Cow<'a, Map<String, Value>>,
    pub(super) doc: &'a Doc,
    /// JSON pointer in `doc`.
    pub(super) pointer: String,
    /// Tells it from every other.
    pub(super) origin: (usize, bool),
}

impl<'a> Part<'a> {
    /// The keyword's value.
    pub(super) fn get(&self, keyword: &str) -> Option<&Value> {
        self.object.get(keyword)
    }

    /// The schema at `parts` below, which lives as long as the documents; `None` in what was made up.
    pub(super) fn node(&self, parts: &[&str]) -> Option<Node<'a>> {
        let Cow::Borrowed(object) = &self.object else { return None };
        let (first, rest) = parts.split_first()?;
        let mut value = object.get(*first)?;
        for part in rest {
            value = match value {
                Value::Object(map) => map.get(*part)?,
                Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(Node { value, doc: self.doc, pointer: self.pointer.clone() }.below(value, parts))
    }

    /// Where it stands: `UserRegistered.json#/properties/id`.
    pub(super) fn place(&self) -> String {
        format!("{}#{}", self.doc.name, self.pointer)
    }
}

/// All that must hold at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Flat<'a> {
    pub(super) parts: Vec<Part<'a>>,
    /// Nothing passes.
    pub(super) never: bool,
    /// References that lead nowhere that could be followed.
    pub(super) lost: Vec<String>,
    /// Something was said twice: what is evaluated by whom is no longer known.
    pub(super) repeated: bool,
}

impl<'a> Flat<'a> {
    /// `node`, flattened.
    pub(super) fn of(docs: &'a Documents, node: &Node<'a>) -> Self {
        let mut flat = Self::default();
        flat.add(docs, node);
        flat
    }

    /// Adds all that `node` says.
    pub(super) fn add(&mut self, docs: &'a Documents, node: &Node<'a>) {
        self.walk(docs, node, &mut Vec::new());
    }

    fn walk(&mut self, docs: &'a Documents, node: &Node<'a>, above: &mut Vec<usize>) {
        let object = match node.value {
            Value::Bool(true) => return,
            Value::Bool(false) => {
                self.never = true;
                return;
            }
            Value::Object(object) => object,
            _ => return,
        };
        let here = std::ptr::from_ref(object) as usize;
        if above.contains(&here) {
            return;
        }
        above.push(here);
        let first = self.parts.len();
        if let Some(Value::String(reference)) = object.get("$ref") {
            match docs.resolve(node.doc, reference) {
                Some(target) => self.walk(docs, &target, above),
                None => self.lost.push(reference.clone()),
            }
            if node.doc.legacy {
                above.pop();
                return;
            }
        }
        for (index, value) in object.get("allOf").and_then(Value::as_array).into_iter().flatten().enumerate() {
            self.walk(docs, &node.below(value, &["allOf", &index.to_string()]), above);
        }
        above.pop();
        let origin = (here, false);
        let says = |key: &String| !matches!(key.as_str(), "$ref" | "allOf") && !is_annotation(key);
        if self.parts.iter().any(|part| part.origin == origin) {
            self.repeated = true;
        } else if object.keys().any(says) {
            self.parts.push(Part {
                object: Cow::Borrowed(object),
                doc: node.doc,
                pointer: node.pointer.clone(),
                origin,
            });
        }
        if let Some(rest) = object.get("unevaluatedProperties") {
            self.close(first, rest, node, (here, true));
        }
    }

    /// `unevaluatedProperties` over nothing but named properties is `additionalProperties` over all of them.
    fn close(&mut self, first: usize, rest: &Value, node: &Node<'a>, origin: (usize, bool)) {
        const BRANCHING: [&str; 9] = [
            "anyOf",
            "oneOf",
            "if",
            "then",
            "else",
            "dependentSchemas",
            "$dynamicRef",
            "$recursiveRef",
            "additionalProperties",
        ];
        // A part that was there before says nothing of what this one evaluates.
        let own = &self.parts[first..];
        if self.repeated
            || !self.lost.is_empty()
            || rest.is_object()
            || own.iter().any(|part| BRANCHING.iter().any(|k| part.get(k).is_some()))
        {
            return;
        }
        let (mut named, mut patterns) = (Map::new(), Map::new());
        for part in own {
            for (keyword, into) in [("properties", &mut named), ("patternProperties", &mut patterns)] {
                let keys = part.get(keyword).and_then(Value::as_object).into_iter().flat_map(Map::keys);
                into.extend(keys.map(|key| (key.clone(), Value::Bool(true))));
            }
        }
        let object = json!({ "properties": named, "patternProperties": patterns, "additionalProperties": rest });
        if let Value::Object(object) = object {
            let (doc, pointer) = (node.doc, node.pointer.clone());
            self.parts.push(Part { object: Cow::Owned(object), doc, pointer, origin });
        }
    }

    /// Whether `part`'s `unevaluatedProperties` is already told by another part.
    pub(super) fn closes(&self, part: &Part<'_>) -> bool {
        self.parts.iter().any(|other| other.origin == (part.origin.0, true))
    }

    /// The same with the parts of `other`, too.
    pub(super) fn and(mut self, other: &Self) -> Self {
        for part in &other.parts {
            if !self.parts.iter().any(|known| known.origin == part.origin) {
                self.parts.push(part.clone());
            }
        }
        self.never |= other.never;
        self.lost.extend(other.lost.iter().cloned());
        self
    }

    /// The types that may pass, at most.
    pub(super) fn types(&self, docs: &'a Documents) -> u8 {
        self.types_within(docs, 8)
    }

    fn types_within(&self, docs: &'a Documents, depth: usize) -> u8 {
        if self.never {
            return 0;
        }
        let mut mask = types::ALL;
        for part in &self.parts {
            mask &= match part.get("type") {
                Some(Value::String(name)) => types::named(name),
                Some(Value::Array(names)) => {
                    names.iter().filter_map(Value::as_str).map(types::named).fold(0, |a, b| a | b)
                }
                _ => types::ALL,
            };
            if let Some(values) = part.get("enum").and_then(Value::as_array) {
                mask &= values.iter().map(type_of).fold(0, |a, b| a | b);
            }
            if let Some(value) = part.get("const") {
                mask &= type_of(value);
            }
            if depth == 0 {
                continue;
            }
            for keyword in ["anyOf", "oneOf"] {
                let branches = part.get(keyword).and_then(Value::as_array).map_or(0, Vec::len);
                if branches > 0 {
                    let types = |index: usize| {
                        let node = part.node(&[keyword, &index.to_string()]);
                        node.map_or(types::ALL, |node| Flat::of(docs, &node).types_within(docs, depth - 1))
                    };
                    mask &= (0..branches).map(types).fold(0, |a, b| a | b);
                }
            }
            // What is nothing but a list of types can be ruled out.
            if let Some(Value::Object(not)) = part.get("not")
                && not.len() == 1
            {
                mask &= match not.get("type") {
                    Some(Value::String(name)) => !types::named(name),
                    Some(Value::Array(names)) => {
                        !names.iter().filter_map(Value::as_str).map(types::named).fold(0, |a, b| a | b)
                    }
                    _ => types::ALL,
                };
            }
        }
        mask & types::ALL
    }

    /// The only values that may pass, where they are listed.
    pub(super) fn values(&self) -> Option<Vec<&Value>> {
        let mut listed: Option<Vec<&Value>> = None;
        for part in &self.parts {
            let own: Vec<&Value> = match (part.get("const"), part.get("enum")) {
                (Some(value), _) => vec![value],
                (None, Some(Value::Array(values))) => values.iter().collect(),
                _ => continue,
            };
            listed = Some(match listed {
                None => own,
                Some(before) => {
                    before.into_iter().filter(|value| own.iter().any(|other| equal(value, other))).collect()
                }
            });
        }
        listed
    }

    /// What must hold of the property `name`, and whether any part speaks of it.
    pub(super) fn property(&self, docs: &'a Documents, name: &str) -> (Flat<'a>, bool) {
        let (mut flat, mut described) = (Flat::default(), false);
        for part in &self.parts {
            described |= part.property(docs, name, &mut flat);
        }
        (flat, described)
    }

    /// What must hold of a property that no part names.
    pub(super) fn rest(&self, docs: &'a Documents) -> Flat<'a> {
        let mut flat = Flat::default();
        for part in &self.parts {
            part.rest(docs, &mut flat);
        }
        flat
    }

    /// The names in `properties`, in order.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for part in self.parts.iter().filter(|part| part.origin.1.eq(&false)) {
            for name in part.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The names in `required`, in order.
    pub(super) fn required(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for part in &self.parts {
            for name in part.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The patterns of `patternProperties`.
    pub(super) fn patterns(&self) -> Vec<&str> {
        let own = |part: &'_ Part<'a>| part.get("patternProperties").and_then(Value::as_object).is_some();
        let mut patterns: Vec<&str> = Vec::new();
        for part in self.parts.iter().filter(|part| own(part)) {
            for pattern in part.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                if !patterns.contains(&pattern.as_str()) {
                    patterns.push(pattern);
                }
            }
        }
        patterns
    }

    /// What must hold of the element at `index`.
    pub(super) fn element(&self, docs: &'a Documents, index: usize) -> Flat<'a> {
        let mut flat = Flat::default();
        for part in &self.parts {
            let (prefix, rest) = part.item_keywords();
            if let Some(node) = prefix.and_then(|keyword| part.node(&[keyword, &index.to_string()])) {
                flat.add(docs, &node);
            } else if let Some(node) = rest.and_then(|keyword| part.node(&[keyword])) {
                flat.add(docs, &node);
            }
        }
        flat
    }

    /// How many elements are described one by one.
    pub(super) fn prefix(&self) -> usize {
        self.parts.iter().map(Part::prefix).max().unwrap_or(0)
    }

    /// The tightest lower (`least`) or upper bound that a counting keyword sets.
    pub(super) fn bound(&self, keyword: &str, least: bool) -> Option<u64> {
        let bounds = self.parts.iter().filter_map(|part| part.get(keyword)).filter_map(whole);
        if least { bounds.max() } else { bounds.min() }
    }
}

impl<'a> Part<'a> {
    /// The keywords that hold the schemas of the first elements and of all others.
    pub(super) fn item_keywords(&self) -> (Option<&'static str>, Option<&'static str>) {
        match self.get("items") {
            Some(Value::Array(_)) => (Some("items"), Some("additionalItems")),
            Some(_) if self.get("prefixItems").is_some() && !self.doc.legacy => (Some("prefixItems"), Some("items")),
            Some(_) => (None, Some("items")),
            None if !self.doc.legacy => (Some("prefixItems"), None),
            None => (None, None),
        }
    }

    /// How many elements it describes one by one.
    pub(super) fn prefix(&self) -> usize {
        let keyword = self.item_keywords().0;
        keyword.and_then(|keyword| self.get(keyword)).and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// Adds what it says of the property `name`; whether it says anything.
    pub(super) fn property(&self, docs: &'a Documents, name: &str, flat: &mut Flat<'a>) -> bool {
        if self.origin.1 {
            // Made up: it names what others describe, and closes the rest.
            let named = self.get("properties").is_some_and(|named| named.get(name).is_some());
            let matched = self
                .object
                .get("patternProperties")
                .and_then(Value::as_object)
                .is_some_and(|patterns| patterns.keys().any(|pattern| matches(pattern, name).unwrap_or(true)));
            if !named && !matched && self.get("additionalProperties") == Some(&Value::Bool(false)) {
                flat.never = true;
            }
            return false;
        }
        let mut described = false;
        if let Some(node) = self.node(&["properties", name]) {
            flat.add(docs, &node);
            described = true;
        }
        let mut unsure = false;
        for pattern in self.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            match matches(pattern, name) {
                Some(true) => {
                    if let Some(node) = self.node(&["patternProperties", pattern]) {
                        flat.add(docs, &node);
                        described = true;
                    }
                }
                Some(false) => {}
                None => unsure = true,
            }
        }
        if !described
            && !unsure
            && let Some(node) = self.node(&["additionalProperties"])
        {
            flat.add(docs, &node);
            described = node.value.is_object() && node.value != &json!({});
        }
        described
    }

    /// Adds what it says of a property that nothing names. Patterns may name it: then nothing is said.
    pub(super) fn rest(&self, docs: &'a Documents, flat: &mut Flat<'a>) {
        if self.origin.1 {
            flat.never |= self.get("additionalProperties") == Some(&Value::Bool(false));
        } else if let Some(node) = self.node(&["additionalProperties"]) {
            flat.add(docs, &node);
        }
    }
}

/// Whether a name fits a pattern; `None` for a pattern that cannot be used.
pub(super) fn matches(pattern: &str, name: &str) -> Option<bool> {
    let schema = json!({ "pattern": pattern });
    jsonschema::validator_for(&schema).ok().map(|validator| validator.is_valid(&Value::from(name)))
}

/// A count. `3.0` is one.
pub(super) fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().filter(|n| *n >= 0.0 && n.fract() == 0.0 && *n < 1e15).map(|n| n as u64))
}

/// Equal as JSON Schema sees it: `1` and `1.0` are.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            x == y
                || (x.is_f64() || y.is_f64())
                    && x.as_f64().zip(y.as_f64()).is_some_and(|(x, y)| x == y && x.abs() < 9e15)
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| equal(x, y)))
        }
        _ => a == b,
    }
}
