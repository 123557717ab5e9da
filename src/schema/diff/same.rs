//! Whether two schemas say the same in the same words, but for what is for people.

use serde_json::{Map, Value};

use crate::schema::flat::{equal, is_annotation};
use crate::schema::resolve::{Doc, Documents};

/// One side: the documents, and the one that a value stands in.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) docs: &'a Documents,
    pub(super) doc: &'a Doc,
}

/// Whether the schemas `a` and `b` say the same. References are followed; a pair that is being compared already counts as the
/// same.
pub(super) fn same(a: &Value, left: Side<'_>, b: &Value, right: Side<'_>, open: &mut Vec<(usize, usize)>) -> bool {
    if left.doc.legacy != right.doc.legacy || left.doc.four != right.doc.four {
        return false;
    }
    let (a, b) = match (a, b) {
        (Value::Object(a), Value::Object(b)) => (a, b),
        _ => return a == b,
    };
    let pair = (std::ptr::from_ref(a) as usize, std::ptr::from_ref(b) as usize);
    if open.contains(&pair) {
        return true;
    }
    if open.len() > 64 {
        return false;
    }
    open.push(pair);
    let keys = |map: &Map<String, Value>| map.keys().filter(|key| !is_annotation(key)).count();
    let result = keys(a) == keys(b)
        && a.iter()
            .filter(|(key, _)| !is_annotation(key))
            .all(|(keyword, a)| b.get(keyword).is_some_and(|b| same_keyword(keyword, a, left, b, right, open)));
    open.pop();
    result
}

/// The same for the values of one keyword.
pub(super) fn same_keyword(
    keyword: &str,
    a: &Value,
    left: Side<'_>,
    b: &Value,
    right: Side<'_>,
    open: &mut Vec<(usize, usize)>,
) -> bool {
    match (keyword, a, b) {
        ("$ref", Value::String(x), Value::String(y)) => {
            match (left.docs.resolve(left.doc, x), right.docs.resolve(right.doc, y)) {
                (Some(x), Some(y)) => {
                    let (left, right) = (Side { doc: x.doc, ..left }, Side { doc: y.doc, ..right });
                    same(x.value, left, y.value, right, open)
                }
                _ => false,
            }
        }
        (
            "properties" | "patternProperties" | "dependentSchemas" | "dependencies",
            Value::Object(x),
            Value::Object(y),
        ) => x.len() == y.len() && x.iter().all(|(name, x)| y.get(name).is_some_and(|y| same(x, left, y, right, open))),
        ("allOf" | "anyOf" | "oneOf" | "items" | "prefixItems", Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, left, y, right, open))
        }
        (
            "not"
            | "if"
            | "then"
            | "else"
            | "items"
            | "additionalItems"
            | "additionalProperties"
            | "propertyNames"
            | "contains"
            | "unevaluatedItems"
            | "unevaluatedProperties",
            x,
            y,
        ) => same(x, left, y, right, open),
        ("$dynamicRef" | "$recursiveRef", ..) => false,
        (_, x, y) => equal(x, y),
    }
}
