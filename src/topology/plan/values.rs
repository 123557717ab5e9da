//! When two values mean the same.

use serde_json::{Map, Value};

use crate::topology::fields::{Field, Kind};

/// Whether AWS's value of a field means the wanted one. A value that is not there is the field's default.
pub(super) fn same(field: &Field, actual: Option<&str>, wanted: &str) -> bool {
    let actual = actual.or(field.default).unwrap_or_default();
    match field.kind {
        Kind::Seconds { .. } | Kind::Days { .. } | Kind::Bytes { .. } | Kind::Number { .. } => {
            match (actual.trim().parse::<u64>(), wanted.parse::<u64>()) {
                (Ok(a), Ok(b)) => a == b,
                _ => actual == wanted,
            }
        }
        Kind::Flag => actual.eq_ignore_ascii_case(wanted) || (actual.is_empty() && wanted == "false"),
        Kind::Json => same_json(actual, wanted),
        Kind::Text { .. } | Kind::Choice(_) => actual == wanted,
    }
}

/// Whether two JSON texts mean the same to SNS and SQS: the order of keys and of alternatives, and the spelling of numbers, do
/// not count. The order within a `numeric` condition does. Nothing at all and `{}` are the same.
pub fn same_json(one: &str, other: &str) -> bool {
    let parse = |text: &str| match text.trim() {
        "" | "{}" => Some(Value::Null),
        text => serde_json::from_str(text).ok().map(|value| canonical(value, false)),
    };
    match (parse(one), parse(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// A part in which two JSON objects differ: its dotted path, and what stands on either side.
pub(super) type Part = (String, Option<Value>, Option<Value>);

/// The parts in which two JSON objects differ, as dotted paths with what stands on either side; lists are compared whole. `None`
/// when one of the texts is no object.
pub fn differing(one: &str, other: &str) -> Option<Vec<Part>> {
    let object = |text: &str| match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    };
    let mut found = Vec::new();
    parts(&object(one)?, &object(other)?, "", &mut found);
    Some(found)
}

fn parts(one: &Map<String, Value>, other: &Map<String, Value>, path: &str, found: &mut Vec<Part>) {
    let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    for (key, value) in one {
        match (value, other.get(key)) {
            (Value::Object(one), Some(Value::Object(other))) => parts(one, other, &at(key), found),
            (value, Some(other)) if canonical(value.clone(), false) == canonical(other.clone(), false) => {}
            (value, other) => found.push((at(key), Some(value.clone()), other.cloned())),
        }
    }
    for (key, value) in other.iter().filter(|(key, _)| !one.contains_key(*key)) {
        found.push((at(key), None, Some(value.clone())));
    }
}

fn canonical(value: Value, ordered: bool) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .into_iter()
                .map(|(key, value)| {
                    let value = canonical(value, key == "numeric");
                    (key, value)
                })
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(list) => {
            let mut list: Vec<Value> = list.into_iter().map(|value| canonical(value, false)).collect();
            if !ordered {
                list.sort_by_cached_key(Value::to_string);
            }
            Value::Array(list)
        }
        // `5`, `5.0` and `5e0` are one number.
        Value::Number(n) if n.is_f64() => match n.as_f64() {
            Some(f) if f.fract() == 0.0 && f.abs() < 9e15 => Value::from(f as i64),
            _ => Value::Number(n),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::fields;

    #[test]
    fn order_and_spelling_do_not_count_where_aws_does_not_count_them() {
        for (one, other, same) in [
            (r#"{"a":["x","y"],"b":[1]}"#, r#"{ "b": [1.0], "a": ["y", "x"] }"#, true),
            (r#"{"a":["x"]}"#, r#"{"a":["X"]}"#, false),
            (r#"{"a":["1"]}"#, r#"{"a":[1]}"#, false),
            (r#"{"a":[{"numeric":[">",0,"<",5]}]}"#, r#"{"a":[{"numeric":[">",0.0,"<",5]}]}"#, true),
            (r#"{"a":[{"numeric":[">",0,"<",5]}]}"#, r#"{"a":[{"numeric":[">",5,"<",0]}]}"#, false),
            (r#"{"$or":[{"a":[1]},{"b":[2]}]}"#, r#"{"$or":[{"b":[2]},{"a":[1]}]}"#, true),
            ("", "{}", true),
            ("", r#"{"a":[1]}"#, false),
            ("not json", "not json", true),
        ] {
            assert_eq!(same_json(one, other), same, "{one} and {other}");
        }
    }

    #[test]
    fn only_what_differs_is_told() {
        let found = differing(r#"{"a":{"b":[1,2],"c":1},"d":"x"}"#, r#"{"a":{"b":[2,1.0],"c":2},"e":[]}"#).unwrap();
        let told: Vec<String> = found.iter().map(|(path, old, new)| format!("{path} {old:?} {new:?}")).collect();
        assert_eq!(
            told,
            ["a.c Some(Number(1)) Some(Number(2))", "d Some(String(\"x\")) None", "e None Some(Array []))"]
                .map(|text| text.replace("[]))", "[])"))
        );
        assert_eq!(differing("[]", "{}"), None);
    }

    #[test]
    fn an_absent_value_is_the_default() {
        let field = |key: &str| fields::QUEUE.iter().find(|field| field.key == key).unwrap();
        assert!(same(field("delay"), None, "0"));
        assert!(!same(field("delay"), None, "5"));
        assert!(same(field("sse"), Some("True"), "true"));
        assert!(same(field("content_deduplication"), None, "false"));
        assert!(same(field("retention"), Some("0345600"), "345600"));
    }
}
