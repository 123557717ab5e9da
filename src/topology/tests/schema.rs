//! The published schema and the model say the same.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::fields::{self, Field, Kind};
use super::*;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../schemas/topology.schema.json")).unwrap()
}

fn keys(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let properties = schema.pointer(pointer).and_then(Value::as_object).unwrap_or_else(|| panic!("no {pointer}"));
    properties.keys().cloned().collect()
}

fn known(plain: &[Field], others: &[&str]) -> BTreeSet<String> {
    plain.iter().map(|field| field.key).chain(others.iter().copied()).map(str::to_owned).collect()
}

#[test]
fn every_key_of_the_model_is_in_the_schema_and_the_other_way_round() {
    let schema = schema();
    for (pointer, plain, others) in [
        ("/properties", &[][..], fields::TOP_KEYS),
        ("/$defs/topic/properties", fields::TOPIC, fields::TOPIC_KEYS),
        ("/$defs/queue/properties", fields::QUEUE, fields::QUEUE_KEYS),
        ("/$defs/queue/properties/dead_letter/properties", &[][..], fields::DEAD_LETTER_KEYS),
        ("/$defs/subscription/properties", &[][..], fields::SUBSCRIPTION_KEYS),
        ("/$defs/event/properties", &[][..], fields::EVENT_KEYS),
    ] {
        assert_eq!(keys(&schema, pointer), known(plain, others), "{pointer}");
    }
}

#[test]
fn kinds_ranges_and_words_are_the_same() {
    let schema = schema();
    for (what, plain) in [("topic", fields::TOPIC), ("queue", fields::QUEUE)] {
        for field in plain {
            let property = &schema["$defs"][what]["properties"][field.key];
            let at = format!("{what}.{}", field.key);
            let said = property.pointer("/anyOf/0").unwrap_or(property);
            assert!(property["description"].is_string(), "{at} is not described");
            match field.kind {
                Kind::Flag => assert_eq!(said["type"], "boolean", "{at}"),
                Kind::Number { min, max } => {
                    assert_eq!((&said["minimum"], &said["maximum"]), (&min.into(), &max.into()), "{at}");
                }
                Kind::Text { max } => assert_eq!(property["maxLength"], max, "{at}"),
                Kind::Choice(words) => {
                    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                    assert_eq!(said["enum"], Value::from(words), "{at}");
                }
                Kind::Json => assert_eq!(property["type"], "object", "{at}"),
                Kind::Seconds { min, max } => {
                    let text = property["description"].as_str().unwrap();
                    let range = format!("{} to {}", show_seconds(min), show_seconds(max));
                    assert!(text.contains(&range), "{at} does not say `{range}`");
                    assert_eq!(
                        property.get("default").and_then(Value::as_str).map(str::to_owned),
                        field.default.map(|default| field.show(default)),
                        "{at}"
                    );
                }
                Kind::Bytes { min, max } => {
                    let text = property["description"].as_str().unwrap();
                    let range = format!("{} to {}", show_bytes(min), show_bytes(max));
                    assert!(text.contains(&range), "{at} does not say `{range}`");
                }
                Kind::Days { .. } => unreachable!("no plain field is counted in days"),
            }
        }
    }
}

fn violations(yaml: &str) -> Vec<String> {
    let value: Value = serde_saphyr::from_str(yaml).unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn what_the_schema_takes_and_refuses_the_reader_does_too() {
    assert_eq!(violations(PRODUCT), Vec::<String>::new());
    assert_eq!(violations(include_str!("../../commands/init/topology.yaml")), Vec::<String>::new());
    for good in [
        "version: 1\nname: \"${N:-x}\"\nprefix: \"${STAGE:-dev}-\"\nqueues: { q: { retention: \"${R:-4d}\", sse: \"${S:-true}\" } }\n",
        "version: 1\nname: x\ntopics: { t: { external: true, arn: \"arn:aws:sns:eu-west-1:111122223333:t\" } }\n",
    ] {
        assert_eq!(violations(good), Vec::<String>::new(), "{good:?}");
        Topology::parse(good, "t").unwrap();
    }
    for bad in [
        "version: 1\nname: x\nprefix: \"a b\"\n",
        "version: 1\nname: x\ntopics: { t: { external: true } }\n",
        "version: 1\nname: x\nqueues: { q: { arn: \"arn:aws:sqs:eu-west-1:111122223333:q\", external: false } }\n",
        "version: 1\nname: x\nqueues: { q: { external: true, arn: \"arn:aws:sqs:eu-west-1:111122223333:q\", delay: 1s } }\n",
        "version: 2\nname: x\n",
        "name: x\n",
        "version: 1\nname: x\nqueues: { q: { retenton: 4d } }\n",
        "version: 1\nname: x\nqueues: { q: { delay: 30 } }\n",
        "version: 1\nname: x\nqueues: { q: { maximum_message_size: 1024 } }\n",
        "version: 1\nname: x\nqueues: { \"q q\": {} }\n",
        "version: 1\nname: x\ntopics: { t: { tracing: on } }\n",
        "version: 1\nname: x\ntopics: { t: }\nqueues: { q: }\nsubscriptions: [{ topic: t }]\n",
        "version: 1\nname: x\ntopics: { t: }\nevents: { E: t }\n",
    ] {
        assert!(!violations(bad).is_empty(), "the schema takes {bad:?}");
        assert!(Topology::parse(bad, "t").is_err(), "the reader takes {bad:?}");
    }
}
