//! Every example is valid, the same for the same seed, and what cannot be made is said.

use proptest::prelude::*;

use super::*;
use crate::schema::tests::arbitrary::{Dice, event};
use crate::schema::tests::compiled;

fn made(schema: &Value, seed: u64) -> Vec<Value> {
    let schema = compiled(&schema.to_string());
    (0..5).map(|index| example(&schema, seed, index).unwrap()).collect()
}

#[test]
fn every_keyword_is_honoured() {
    for schema in [
        json!({"type": "string", "format": "email", "maxLength": 15}),
        json!({"type": "string", "pattern": "^[A-Z]{2}-\\d{4}$"}),
        json!({"type": "string", "pattern": "^(foo|bar)\\w*$", "minLength": 8, "maxLength": 9}),
        json!({"type": "string", "minLength": 40, "maxLength": 41}),
        json!({"type": "integer", "minimum": 10, "maximum": 12}),
        json!({"type": "integer", "exclusiveMinimum": 10, "maximum": 11}),
        json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001}),
        json!({"type": "number", "multipleOf": 0.25, "minimum": 1, "maximum": 2}),
        json!({"type": "integer", "multipleOf": 7, "minimum": 50}),
        json!({"type": "integer", "maximum": -5}),
        json!({"type": "integer", "minimum": 9223372036854775807i64}),
        json!({"enum": ["a", null, 1]}),
        json!({"type": ["string", "null"]}),
        json!({"anyOf": [{"type": "integer", "minimum": 3}, {"type": "string", "minLength": 3}]}),
        json!({"oneOf": [{"type": "object", "properties": {"k": {"const": 1}}, "required": ["k"]}, {"type": "null"}]}),
        json!({"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 3}]}),
        json!({"not": {"type": "string"}}),
        json!({"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2, "uniqueItems": true}),
        json!({"type": "array", "prefixItems": [{"const": 1}], "items": {"const": 2}, "minItems": 3}),
        json!({"type": "array", "contains": {"const": 5}, "minContains": 2}),
        json!({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3}),
        json!({"type": "object", "patternProperties": {"^x-[a-z]+$": {"type": "integer"}}, "additionalProperties": false, "minProperties": 2}),
        json!({"type": "object", "properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}, "minProperties": 1}),
        json!({"type": "object", "required": ["a"], "if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "properties": {"a": {"enum": [1, 2]}}}),
    ] {
        let schema = json!({"type": "object", "properties": {"v": schema}, "required": ["v"]});
        assert_eq!(made(&schema, 1), made(&schema, 1), "{schema}");
        let _ = made(&schema, 99);
    }
    for format in crate::schema::diff::FORMATS {
        let schema = json!({"properties": {"v": {"type": "string", "format": format}}, "required": ["v"]});
        let _ = made(&schema, 7);
    }
}

#[test]
fn the_first_example_shows_every_property_and_others_vary() {
    let schema: Value = serde_json::from_str(include_str!("../../../schemas/events/UserRegistered.json")).unwrap();
    let examples = made(&schema, 1);
    assert_eq!(examples[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "email", "name", "plan"]);
    assert!(examples.windows(2).all(|pair| pair[0] != pair[1]));
    assert_ne!(made(&schema, 2), examples);
}

#[test]
fn recursion_ends() {
    let tree = json!({"$defs": {"n": {"type": "object", "properties": {"v": {"type": "integer"}, "of": {"type": "array", "items": {"$ref": "#/$defs/n"}}}, "required": ["v"]}}, "$ref": "#/$defs/n"});
    let _ = made(&tree, 3);
}

#[test]
fn what_cannot_be_made_is_refused_with_its_place() {
    for (schema, pointer) in [
        (
            json!({"properties": {"a": {"type": "string", "minimum": 1, "enum": [1]}}, "required": ["a"]}),
            "/properties/a",
        ),
        (
            json!({"properties": {"a": {"pattern": "^(?=x)y", "type": "string"}}, "required": ["a"]}),
            "/properties/a/pattern",
        ),
        (json!({"required": ["a"], "properties": {"a": false}}), "/properties/a"),
        (
            json!({"$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}}, "$ref": "#/$defs/n"}),
            "/properties/n",
        ),
    ] {
        let error = example(&compiled(&schema.to_string()), 1, 0).unwrap_err();
        assert!(error.pointer.starts_with(pointer), "{schema}: {error}");
    }
}

proptest! {
    #![proptest_config(crate::schema::tests::arbitrary::cases(96))]

    #[test]
    fn every_example_is_valid(seed in any::<u64>()) {
        let schema = compiled(&event(&mut Dice(seed)).to_string());
        for index in 0..3 {
            // Many schemas of dice let nothing pass.
            if let Ok(value) = example(&schema, seed, index) {
                prop_assert!(schema.is_valid(&value), "{} {value}", schema.source());
                prop_assert_eq!(example(&schema, seed, index), Ok(value));
            }
        }
    }
}
