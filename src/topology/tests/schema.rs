//! The published schema and the model say the same.

use std::collections::BTreeSet;

use serde_json::{Value, json};

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

/// The schema of overlays, made from the topology's own: nothing has to be there, and nothing at all removes what stands there,
/// but for the two names by which a subscription is known.
fn overlay_schema() -> Value {
    let mut schema = schema();
    schema["title"] = "an overlay of topology.yaml of eventbus".into();
    schema["description"] = "Laid over a topology: `eventbus provision topology.yaml -f overlay.yaml`. Mappings are merged key by key, everything else is replaced, a key without a value removes what stands there. Subscriptions are merged by their topic and queue; `remove: true` removes one.".into();
    schema["type"] = json!(["object", "null"]);
    loosen(&mut schema, &["version", "name"]);
    for what in ["topic", "queue", "event"] {
        let part = &mut schema["$defs"][what];
        part["type"] = json!(["object", "null"]);
        loosen(part, &[]);
    }
    let dead_letter = &mut schema["$defs"]["queue"]["properties"]["dead_letter"];
    loosen(dead_letter, &[]);
    let subscription = &mut schema["$defs"]["subscription"];
    let known_by = subscription["required"].clone();
    loosen(subscription, &["topic", "queue"]);
    subscription["required"] = known_by;
    subscription["properties"]["remove"] = json!({ "description": "Remove the subscription of this queue to this topic.", "type": "boolean", "default": false });
    schema
}

/// Takes away what has to be there and what goes together, and lets every property but these be nothing.
fn loosen(schema: &mut Value, but: &[&str]) {
    let schema = schema.as_object_mut().unwrap();
    for key in ["required", "if", "then", "else"] {
        schema.shift_remove(key);
    }
    for (key, property) in schema["properties"].as_object_mut().unwrap() {
        if but.contains(&key.as_str()) {
            continue;
        }
        if let Some(Value::Array(ways)) = property.get_mut("anyOf") {
            ways.push(json!({ "type": "null" }));
        } else if let Some(one) = property.get("type").and_then(Value::as_str).map(str::to_owned) {
            property["type"] = json!([one, "null"]);
        } else {
            assert!(
                property["type"].as_array().is_some_and(|types| types.contains(&"null".into())),
                "{key}: {property}"
            );
        }
    }
}

#[test]
fn the_schema_of_overlays_is_that_of_topologies_without_what_has_to_be_there() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/topology-overlay.schema.json");
    let wanted = format!("{:#}\n", overlay_schema());
    #[expect(clippy::disallowed_methods, reason = "how all generated files are written anew")]
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == wanted, "{path} is out of date: UPDATE_GENERATED=1 cargo test the_schema_of_overlays");
}

#[test]
fn what_the_schema_of_overlays_takes_and_refuses_the_reader_does_too() {
    let lay = |overlay: &str| {
        let base = Source { name: "t.yaml", text: PRODUCT };
        Topology::load(base, &[Source { name: "o.yaml", text: overlay }], &Variables::default())
    };
    for good in [
        "# nothing yet\n",
        "name: prod\nprefix: prod-\nqueues:\n  user_events: { retention: 10d, visibility_timeout: null, tags: { stage: prod } }\n  extra:\n",
        "queues:\n  user_events: { dead_letter: { max_receives: 3 } }\n",
        "queues:\n  user_events: { dead_letter: }\nsubscriptions:\n  - { topic: users, queue: user_events, filter: }\nevents:\n  UserRegistered: { schema: Other }\n  UserRegistrationFailed:\n",
        "subscriptions:\n  - { topic: users, queue: user_events, remove: true }\n  - { topic: users, queue: user_events_dlq, raw: true }\n",
        "subscriptions:\ntopics:\n  more: {}\n",
    ] {
        assert_eq!(violations_of(&overlay_schema(), good), Vec::<String>::new(), "{good:?}");
        lay(good).unwrap_or_else(|problems| panic!("{good:?}: {problems:?}"));
    }
    for bad in [
        "queues:\n  user_events: { retenton: 10d }\n",
        "queues:\n  user_events: { retention: 10 }\n",
        "queues:\n  user_events: { dead_letter: { receives: 3 } }\n",
        "queue:\n  user_events: {}\n",
        "topics: { users: { tracing: on } }\n",
        "subscriptions:\n  - { topic: users, remove: 5 }\n",
        "subscriptions:\n  - { queue: user_events, raw: true }\n",
        "events: { UserRegistered: users }\n",
        "version: 2\n",
        "- 1\n",
    ] {
        assert!(!violations_of(&overlay_schema(), bad).is_empty(), "the schema takes {bad:?}");
        assert!(lay(bad).is_err(), "the reader takes {bad:?}");
    }
    // An overlay is no topology, and the topology's own schema says so.
    assert!(!violations("queues: { user_events: { retention: 10d } }\n").is_empty());
}

fn violations(yaml: &str) -> Vec<String> {
    violations_of(&schema(), yaml)
}

fn violations_of(schema: &Value, yaml: &str) -> Vec<String> {
    let value: Value = serde_saphyr::from_str(yaml).unwrap();
    let validator = jsonschema::validator_for(schema).unwrap();
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
