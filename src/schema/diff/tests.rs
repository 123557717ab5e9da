//! Keyword by keyword: what narrows, what widens, what nobody can tell.

use serde_json::{Value, json};

use super::*;
use crate::schema::tests::{compiled, folder};

fn schema(value: &Value) -> std::sync::Arc<Schema> {
    compiled(&value.to_string())
}

/// The effects backward and forward of all changes from `a` to `b`, the worst of each.
fn effects(a: &Value, b: &Value) -> (&'static str, &'static str) {
    let changes = compare(&schema(a), &schema(b));
    let worst = |effect: fn(&Change) -> &Effect| {
        ["breaks", "undecided", "by_the_letter"]
            .into_iter()
            .find(|name| changes.iter().any(|change| effect(change).name() == *name))
            .unwrap_or("none")
    };
    (worst(|change| &change.backward), worst(|change| &change.forward))
}

#[test]
fn every_keyword_narrows_one_way_and_widens_the_other() {
    let open = json!({});
    for (wide, narrow) in [
        (json!({"type": ["string", "null"]}), json!({"type": "string"})),
        (json!({"type": "number"}), json!({"type": "integer"})),
        (open.clone(), json!({"enum": ["a"]})),
        (json!({"enum": ["a", "b"]}), json!({"enum": ["a"]})),
        (json!({"enum": ["a", "b"]}), json!({"const": "a"})),
        (json!({"type": "boolean"}), json!({"const": true})),
        (open.clone(), json!({"minimum": 1})),
        (json!({"minimum": 1}), json!({"minimum": 2})),
        (json!({"minimum": 1}), json!({"exclusiveMinimum": 1})),
        (json!({"maximum": 2}), json!({"maximum": 1})),
        (json!({"type": "integer", "multipleOf": 2}), json!({"type": "integer", "multipleOf": 4})),
        (open.clone(), json!({"minLength": 1})),
        (json!({"maxLength": 2}), json!({"maxLength": 1})),
        (open.clone(), json!({"pattern": "^a"})),
        (open.clone(), json!({"format": "uuid"})),
        (json!({"format": "uri-reference"}), json!({"format": "uri"})),
        (open.clone(), json!({"required": ["a"]})),
        (open.clone(), json!({"minItems": 1})),
        (json!({"maxItems": 2}), json!({"maxItems": 1})),
        (open.clone(), json!({"uniqueItems": true})),
        (open.clone(), json!({"contains": {"type": "string"}})),
        (open.clone(), json!({"minProperties": 1})),
        (json!({"maxProperties": 2}), json!({"maxProperties": 1})),
        (json!({"items": {"type": "number"}}), json!({"items": {"type": "integer"}})),
        (json!({"prefixItems": [{"type": "number"}]}), json!({"prefixItems": [{"type": "integer"}]})),
        (json!({"properties": {"a": {"type": "number"}}}), json!({"properties": {"a": {"type": "integer"}}})),
        (json!({"properties": {"a": {"type": "number"}}}), json!({"properties": {"a": false}})),
        (json!({"additionalProperties": {"type": "number"}}), json!({"additionalProperties": {"type": "integer"}})),
        (
            json!({"patternProperties": {"^a": {"type": "number"}}}),
            json!({"patternProperties": {"^a": {"type": "integer"}}}),
        ),
        (json!({"propertyNames": {"maxLength": 2}}), json!({"propertyNames": {"maxLength": 1}})),
        (open.clone(), json!({"dependentRequired": {"a": ["b"]}})),
        (json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), json!({"anyOf": [{"type": "string"}]})),
        (json!({"oneOf": [{"type": "string"}, {"type": "null"}]}), json!({"oneOf": [{"type": "string"}]})),
        (open.clone(), json!({"allOf": [{"type": "string"}]})),
        (open, json!({"not": {"type": "string"}})),
    ] {
        assert_eq!(effects(&wide, &narrow), ("breaks", "none"), "{wide} to {narrow}");
        assert_eq!(effects(&narrow, &wide), ("none", "breaks"), "{narrow} to {wide}");
        assert_eq!(effects(&wide, &wide), ("none", "none"), "{wide}");
        assert_eq!(effects(&narrow, &narrow), ("none", "none"), "{narrow}");
    }
}

#[test]
fn the_same_in_other_words_is_no_change() {
    for (a, b) in [
        (json!({"type": ["string", "null"]}), json!({"anyOf": [{"type": "string"}, {"type": "null"}]})),
        (json!({"type": "string"}), json!({"allOf": [{"$ref": "#/$defs/t"}], "$defs": {"t": {"type": "string"}}})),
        (json!({"type": "integer", "minimum": 1}), json!({"type": "integer", "exclusiveMinimum": 0})),
        (json!({"enum": ["a", "b"]}), json!({"enum": ["b", "a"]})),
        (json!({"enum": [true, false]}), json!({"type": "boolean"})),
        (json!({"const": 1}), json!({"enum": [1.0]})),
        (
            json!({"properties": {"a": {"type": "string"}}}),
            json!({"allOf": [{"properties": {"a": {"type": "string"}}}]}),
        ),
        (
            json!({"properties": {"a": {}}, "additionalProperties": false}),
            json!({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": false}),
        ),
        (json!({"title": "a"}), json!({"title": "b", "description": "c"})),
        (
            json!({"$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"}),
            json!({"$defs": {"m": {"properties": {"next": {"$ref": "#/$defs/m"}}}}, "$ref": "#/$defs/m"}),
        ),
        (
            json!({"type": "object", "oneOf": [{"properties": {"k": {"const": "a"}}, "required": ["k"]}, {"properties": {"k": {"const": "b"}}, "required": ["k"]}]}),
            json!({"type": "object", "anyOf": [{"properties": {"k": {"const": "b"}}, "required": ["k"]}, {"properties": {"k": {"const": "a"}}, "required": ["k"]}]}),
        ),
    ] {
        assert_eq!(effects(&a, &b), ("none", "none"), "{a} and {b}");
        assert_eq!(effects(&b, &a), ("none", "none"), "{b} and {a}");
    }
}

#[test]
fn what_cannot_be_decided_is_said() {
    for (a, b) in [
        (json!({"pattern": "^a"}), json!({"pattern": "^b"})),
        (
            json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}}),
            json!({"if": {"required": ["a"]}, "then": {"required": ["c"]}}),
        ),
        (json!({"oneOf": [{"minimum": 1}, {"maximum": 5}]}), json!({"oneOf": [{"minimum": 2}, {"maximum": 5}]})),
    ] {
        assert_eq!(effects(&a, &b), ("undecided", "undecided"), "{a} and {b}");
        assert_eq!(effects(&a, &a), ("none", "none"), "{a}");
        let change = &compare(&schema(&a), &schema(&b))[0];
        assert!(change.is_breaking(Mode::Full, true) && !change.is_breaking(Mode::Full, false));
    }
}

#[test]
fn models_that_are_open_or_closed_are_treated_by_the_letter_or_pragmatically() {
    let two = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}});
    let one = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let closed = |value: &Value| {
        let mut value = value.clone();
        value["additionalProperties"] = false.into();
        value
    };
    assert_eq!(effects(&one, &two), ("by_the_letter", "none"), "an optional property comes into an open model");
    assert_eq!(effects(&two, &one), ("none", "by_the_letter"), "and goes");
    assert_eq!(effects(&closed(&one), &closed(&two)), ("none", "by_the_letter"), "it comes into a closed one");
    assert_eq!(effects(&closed(&two), &closed(&one)), ("breaks", "none"), "and goes: producers are refused");
    assert_eq!(effects(&one, &closed(&one)), ("by_the_letter", "none"));
    assert_eq!(effects(&closed(&one), &one), ("none", "by_the_letter"));
    let change = &compare(&schema(&one), &schema(&two))[0];
    assert_eq!((change.pointer.as_str(), change.what.as_str()), ("/properties/b", "property `b` added"));
    assert!(change.is_breaking(Mode::Full, true) && !change.is_breaking(Mode::Full, false));
    assert!(!change.is_breaking(Mode::Forward, true));
    let required = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    assert_eq!(effects(&required, &json!({"type": "object"})), ("none", "breaks"), "what was promised is gone");
}

#[test]
fn changes_are_told_with_their_place_through_references() {
    let dir = folder(&[
        ("E.v1.json", r#"{"properties":{"email":{"$ref":"parts/v1.json#/$defs/email"}}}"#),
        ("E.v2.json", r#"{"properties":{"email":{"$ref":"parts/v2.json#/$defs/email"}}}"#),
        ("parts/v1.json", r#"{"$defs":{"email":{"type":"string"}}}"#),
        ("parts/v2.json", r#"{"$defs":{"email":{"type":"string","format":"email"}}}"#),
    ]);
    let catalogue = crate::schema::Catalogue::open(dir.path()).unwrap();
    let of = |version| catalogue.schema("E", Some(version)).unwrap().unwrap();
    let changes = compare(&of(1), &of(2));
    assert_eq!(changes.len(), 1, "{changes:#?}");
    assert_eq!(changes[0].pointer, "/properties/email/format");
    assert_eq!(changes[0].place, "parts/v2.json#/$defs/email/format");
    assert_eq!(changes[0].what, "`format` \"email\" added");
    assert_eq!(
        changes[0].backward.reason(),
        Some("payloads of the old schema may be any text; the new one refuses that")
    );
}

mod proof {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::example::example;
    use crate::schema::tests::arbitrary::{Dice, cases, changed, event};

    /// Payloads of `schema`, with and without properties that it does not describe.
    fn payloads(schema: &Schema, seed: u64) -> Vec<(Value, bool)> {
        let mut made: Vec<(Value, bool)> =
            (0..8).filter_map(|index| Some((example(schema, seed, index).ok()?, true))).collect();
        for (value, _) in made.clone() {
            for stranger in ["b", "c", "zz"] {
                let mut more = value.clone();
                if more.get(stranger).is_none() && more.is_object() {
                    more[stranger] = json!([1]);
                    if schema.is_valid(&more) {
                        made.push((more, false));
                    }
                }
            }
        }
        made
    }

    proptest! {
        #![proptest_config(cases(96))]

        #[test]
        fn what_is_called_compatible_is(seed in any::<u64>()) {
            let mut dice = Dice(seed);
            let a = event(&mut dice);
            let mut b = changed(&a, &mut dice);
            if seed % 3 == 0 {
                b = changed(&b, &mut dice);
            }
            let dir = folder(&[("E.json", a.to_string().as_str()), ("E.v2.json", b.to_string().as_str())]);
            let catalogue = crate::schema::Catalogue::open(dir.path()).unwrap();
            let (Ok(Some(old)), Ok(Some(new))) = (catalogue.schema("E", Some(1)), catalogue.schema("E", Some(2))) else {
                return Ok(());
            };
            let changes = compare(&old, &new);
            for (mode, from, to) in [(Mode::Backward, &old, &new), (Mode::Forward, &new, &old)] {
                if changes.iter().any(|change| change.is_breaking(mode, true)) {
                    continue;
                }
                for (value, _) in payloads(from, seed) {
                    prop_assert!(to.is_valid(&value), "{mode:?}\n{a}\n{b}\n{value}");
                }
            }
        }
    }

    /// `value` without what refuses properties that are not described.
    fn opened(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let keeps = |key: &str, value: &Value| {
                    !(key.ends_with("Properties") && !key.starts_with('p') && *value == Value::Bool(false))
                };
                let kept = map.iter().filter(|(key, value)| keeps(key, value));
                Value::Object(kept.map(|(key, value)| (key.clone(), opened(value))).collect())
            }
            Value::Array(list) => Value::Array(list.iter().map(opened).collect()),
            other => other.clone(),
        }
    }

    /// Whether a property is required somewhere that is not described there.
    fn asks_for_more(schema: &Value) -> bool {
        match schema {
            Value::Object(map) => {
                let described = |name: &str| map.get("properties").is_some_and(|known| known.get(name).is_some());
                let required = map.get("required").and_then(Value::as_array).into_iter().flatten();
                required.filter_map(Value::as_str).any(|name| !described(name)) || map.values().any(asks_for_more)
            }
            Value::Array(list) => list.iter().any(asks_for_more),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(cases(128))]

        /// Payloads that hold what is described, consumers that ignore what they do not know.
        #[test]
        fn what_is_called_compatible_pragmatically_is(seed in any::<u64>()) {
            let mut dice = Dice(seed);
            let a = event(&mut dice);
            let b = changed(&a, &mut dice);
            let texts = [a.to_string(), b.to_string(), opened(&a).to_string()];
            // Where more is asked for than is described, examples have more; and one of several forms may turn into two.
            if asks_for_more(&a) || asks_for_more(&b) {
                return Ok(());
            }
            if texts.iter().any(|text| ["minProperties", "oneOf", "not", "if"].iter().any(|word| text.contains(word))) {
                return Ok(());
            }
            let files: Vec<_> = ["E.json", "E.v2.json", "Open.json"].into_iter().zip(texts.iter().map(String::as_str)).collect();
            let dir = folder(&files);
            let catalogue = crate::schema::Catalogue::open(dir.path()).unwrap();
            let of = |event: &str, version| catalogue.schema(event, Some(version));
            let (Ok(Some(old)), Ok(Some(new)), Ok(Some(open))) = (of("E", 1), of("E", 2), of("Open", 1)) else {
                return Ok(());
            };
            let changes = compare(&old, &new);
            for (mode, from, to) in [(Mode::Backward, &old, &new), (Mode::Forward, &new, &open)] {
                let quiet = !changes.iter().any(|change| change.is_breaking(mode, false) || change.is_undecided(mode));
                for value in (0..8).filter_map(|index| example(from, seed, index).ok()).filter(|_| quiet) {
                    prop_assert!(to.is_valid(&value), "{mode:?}\n{a}\n{b}\n{value}");
                }
            }
        }
    }

    /// How often the proof above has something to prove.
    #[test]
    fn many_changes_are_compatible_and_many_are_not() {
        let (mut compatible, mut breaking) = (0, 0);
        for seed in 0..300 {
            let mut dice = Dice(seed * 7919);
            let a = event(&mut dice);
            let b = changed(&a, &mut dice);
            let dir = folder(&[("E.json", a.to_string().as_str()), ("E.v2.json", b.to_string().as_str())]);
            let catalogue = crate::schema::Catalogue::open(dir.path()).unwrap();
            if let (Ok(Some(old)), Ok(Some(new))) = (catalogue.schema("E", Some(1)), catalogue.schema("E", Some(2))) {
                let broken = compare(&old, &new).iter().any(|change| change.is_breaking(Mode::Backward, true));
                *if broken { &mut breaking } else { &mut compatible } += 1;
            }
        }
        assert!(compatible > 50 && breaking > 50, "{compatible} compatible, {breaking} breaking");
    }
}
