//! What the exports say, and what they leave out. Whether other tools take them is tested beside real ones, in `tests/clients`.

use serde_json::json;

use super::*;
use crate::event::EnvelopeStyle;
use crate::topology::EventDocs;

fn read(text: &str) -> Topology {
    Topology::parse(text, "t.yaml").unwrap_or_else(|problems| panic!("{problems:?}"))
}

const FOREIGN: &str = "arn:aws:sqs:eu-west-1:111122223333:theirs";

fn shared() -> Topology {
    read(&format!(
        "version: 1\nname: s\ntopics: {{ t: {{ delivery_policy: {{ http: {{}} }}, maximum_message_size: 1MiB }} }}\nqueues:\n  a-b: {{}}\n  \
         a_b: {{}}\n  theirs: {{ external: true, arn: \"{FOREIGN}\" }}\nsubscriptions:\n  - {{ topic: t, queue: a-b }}\n  \
         - {{ topic: t, queue: a_b }}\n  - {{ topic: t, queue: theirs }}\nevents: {{ E: {{ topic: t }}, \"P.*\": {{ topic: t }} }}\n"
    ))
}

#[test]
fn names_that_become_the_same_are_told_apart() {
    let template = cloudformation(&shared()).document;
    assert_eq!(template["Resources"]["ABQueue"]["Properties"]["QueueName"], "a-b");
    assert_eq!(template["Resources"]["ABQueue2"]["Properties"]["QueueName"], "a_b");
    let terraform = terraform(&shared()).document;
    assert_eq!(terraform["resource"]["aws_sqs_queue"]["a_b"]["name"], "a-b");
    assert_eq!(terraform["resource"]["aws_sqs_queue"]["a_b2"]["name"], "a_b");
}

/// The arguments of the provider's resources with their types, `!` behind those that must be there: of the typings of
/// `@cdktf/provider-aws` 21.22.1, which are made of the schema of `hashicorp/aws` 6.
const PROVIDER: &[(&str, &str)] = &[
    (
        "aws_sqs_queue",
        "content_based_deduplication:boolean deduplication_scope:string delay_seconds:number fifo_queue:boolean \
         fifo_throughput_limit:string kms_data_key_reuse_period_seconds:number kms_master_key_id:string max_message_size:number \
         message_retention_seconds:number name:string name_prefix:string policy:string receive_wait_time_seconds:number \
         redrive_allow_policy:string redrive_policy:string region:string sqs_managed_sse_enabled:boolean tags:map \
         visibility_timeout_seconds:number",
    ),
    (
        "aws_sns_topic",
        "archive_policy:string content_based_deduplication:boolean delivery_policy:string display_name:string \
         fifo_throughput_scope:string fifo_topic:boolean kms_master_key_id:string name:string name_prefix:string policy:string \
         region:string signature_version:number sqs_failure_feedback_role_arn:string sqs_success_feedback_role_arn:string \
         sqs_success_feedback_sample_rate:number tags:map tracing_config:string",
    ),
    (
        "aws_sns_topic_subscription",
        "confirmation_timeout_in_minutes:number delivery_policy:string endpoint:string! endpoint_auto_confirms:boolean \
         filter_policy:string filter_policy_scope:string protocol:string! raw_message_delivery:boolean redrive_policy:string \
         region:string replay_policy:string subscription_role_arn:string topic_arn:string!",
    ),
    ("aws_sqs_queue_policy", "policy:string! queue_url:string! region:string"),
    ("aws_sqs_queue_redrive_allow_policy", "queue_url:string! redrive_allow_policy:string! region:string"),
    ("aws_sns_topic_policy", "arn:string! policy:string! region:string"),
];

#[test]
fn the_arguments_are_those_of_the_provider() {
    let statement = "{ Sid: own, Effect: Deny, Principal: '*', Action: 'x:*', Resource: '*' }";
    let everything = read(&format!(
        "version: 1
name: s
topics:
  t: {{ display_name: T, kms_key: k, signature_version: 2, tracing: active, delivery_policy: {{ http: {{}} }}, success_log_role: r, success_log_percent: 5, failure_log_role: r, tags: {{ a: b }}, policy: [{statement}] }}
  f.fifo: {{ content_deduplication: true, fifo_throughput: message_group, archive: 7d }}
queues:
  q: {{ visibility_timeout: 1m, retention: 2d, delay: 1s, receive_wait: 2s, maximum_message_size: 64KiB, kms_key: k, kms_reuse: 5m, dead_letter: {{ queue: d, max_receives: 5 }}, tags: {{ a: b }}, policy: [{statement}] }}
  d: {{ retention: 14d, sse: true, redrive_allow: [q] }}
  f.fifo: {{ content_deduplication: true, deduplication_scope: message_group, fifo_throughput: message_group }}
subscriptions:
  - {{ topic: t, queue: q, filter: {{ a: [b] }}, scope: body, raw: true, dead_letter: d }}
  - {{ topic: f.fifo, queue: f.fifo }}
"
    ));
    let document = terraform(&everything).document;
    let resources = document["resource"].as_object().unwrap();
    assert_eq!(resources.len(), PROVIDER.len());
    let mut used = std::collections::BTreeSet::new();
    for (kind, all) in resources {
        let (_, known) = PROVIDER.iter().find(|(name, _)| name == kind).unwrap_or_else(|| panic!("no resource {kind}"));
        let known: Vec<(&str, &str)> = known.split_whitespace().map(|one| one.split_once(':').unwrap()).collect();
        for (id, arguments) in all.as_object().unwrap() {
            let arguments = arguments.as_object().unwrap();
            for (argument, value) in arguments {
                let of = known.iter().find(|(name, _)| name == argument);
                let (_, wanted) = of.unwrap_or_else(|| panic!("{kind}.{id}: no argument {argument}"));
                let found = match value {
                    Value::String(_) => "string",
                    Value::Number(_) => "number",
                    Value::Bool(_) => "boolean",
                    Value::Object(_) => "map",
                    _ => "none",
                };
                assert_eq!(found, wanted.trim_end_matches('!'), "{kind}.{id}.{argument}");
                used.insert(format!("{kind}.{argument}"));
            }
            for (name, _) in known.iter().filter(|(_, of)| of.ends_with('!')) {
                assert!(arguments.contains_key(*name), "{kind}.{id} has no {name}");
            }
        }
    }
    // The file above leaves nothing out that there is an argument for.
    assert!(used.len() >= 42, "{} arguments are held against the provider: {used:?}", used.len());
}

#[test]
fn what_is_external_is_referred_to_and_not_made() {
    let template = cloudformation(&shared()).document;
    let resources = template["Resources"].as_object().unwrap();
    let queues = resources.values().filter(|resource| resource["Type"] == "AWS::SQS::Queue").count();
    assert_eq!(queues, 2);
    assert_eq!(resources["theirsQueueOfTTopic"]["Properties"]["Endpoint"], FOREIGN);
    let terraform = terraform(&shared()).document;
    assert_eq!(terraform["resource"]["aws_sqs_queue"].as_object().unwrap().len(), 2);
    let endpoints: Vec<&Value> = terraform["resource"]["aws_sns_topic_subscription"]
        .as_object()
        .unwrap()
        .values()
        .map(|s| &s["endpoint"])
        .collect();
    assert!(endpoints.contains(&&json!(FOREIGN)), "{endpoints:?}");
}

#[test]
fn a_subscription_is_not_lost_to_one_of_the_same_id() {
    // Two queues whose ARNs end alike, and a queue and a topic that together read as another pair.
    let topology = read(
        "version: 1\nname: s\ntopics: { a: {}, a_to_b: {} }\nqueues:\n  c: {}\n  b_to_c: {}\n  \
         one: { external: true, arn: \"arn:aws:sqs:eu-west-1:111122223333:q\" }\n  \
         two: { external: true, arn: \"arn:aws:sqs:eu-west-1:444455556666:q\" }\nsubscriptions:\n  - { topic: a, queue: one }\n  \
         - { topic: a, queue: two }\n  - { topic: a_to_b, queue: c }\n  - { topic: a, queue: b_to_c }\n",
    );
    let template = cloudformation(&topology).document;
    let resources = template["Resources"].as_object().unwrap();
    let made: Vec<&Value> = resources.values().filter(|r| r["Type"] == "AWS::SNS::Subscription").collect();
    assert_eq!(made.len(), 4, "{made:#?}");
    assert_eq!(resources["qQueueOfATopic"]["Properties"]["Endpoint"], "arn:aws:sqs:eu-west-1:111122223333:q");
    assert_eq!(resources["qQueueOfATopic2"]["Properties"]["Endpoint"], "arn:aws:sqs:eu-west-1:444455556666:q");
    let terraform = terraform(&topology).document;
    let made = terraform["resource"]["aws_sns_topic_subscription"].as_object().unwrap();
    assert_eq!(made.len(), 4, "{made:#?}");
    assert_eq!(made["a_to_b_to_c"]["topic_arn"], "${aws_sns_topic.a_to_b.arn}");
    assert_eq!(made["a_to_b_to_c2"]["topic_arn"], "${aws_sns_topic.a.arn}");
}

#[test]
fn messages_and_channels_of_the_same_key_are_told_apart() {
    let topology = read(
        "version: 1\nname: s\nprefix: dev-\ntopics:\n  t: {}\n  \
         dev-t: { external: true, arn: \"arn:aws:sns:eu-west-1:111122223333:t\" }\nqueues: { q: {} }\nsubscriptions:\n  \
         - { topic: t, queue: q }\nevents: { \"Grüße\": { topic: t }, \"Grööe\": { topic: t }, Gr_: { topic: dev-t } }\n",
    );
    let document = asyncapi(&topology, &EventDocs::new(), EnvelopeStyle::Pascal).document;
    let messages = document["components"]["messages"].as_object().unwrap();
    let names: Vec<&str> = messages.values().filter_map(|message| message["name"].as_str()).collect();
    assert_eq!(names.len(), 3, "{messages:#?}");
    assert_eq!((&messages["Gr__e"]["name"], &messages["Gr__e2"]["name"]), (&json!("Grüße"), &json!("Grööe")));
    assert_eq!(messages["Gr__e2"]["payload"]["properties"]["Payload"]["$ref"], "#/components/schemas/Gr__e2");
    let channels = document["channels"].as_object().unwrap();
    assert_eq!(channels.len(), 3, "{channels:#?}");
    assert_eq!(channels["topic-dev-t"]["messages"].as_object().unwrap().len(), 2);
    assert_eq!(channels["topic-dev-t2"]["messages"]["Gr_"]["$ref"], "#/components/messages/Gr_");
    let sent: Vec<&Value> = document["operations"]["send-dev-t"]["messages"].as_array().unwrap().iter().collect();
    assert_eq!(sent[1]["$ref"], "#/channels/topic-dev-t/messages/Gr__e2");
}

#[test]
fn what_cannot_be_said_is_told() {
    let told = cloudformation(&shared()).left_out.join("\n");
    assert!(told.contains("`delivery_policy`") && told.contains("`maximum_message_size`"), "{told}");
    let told = terraform(&shared()).left_out.join("\n");
    assert!(told.contains("`maximum_message_size`") && !told.contains("delivery"), "{told}");
    let told = asyncapi(&shared(), &EventDocs::new(), EnvelopeStyle::Pascal).left_out.join("\n");
    assert!(told.contains("`P.*`"), "{told}");
}

#[test]
fn the_envelope_and_the_payload_are_described_as_they_are_written() {
    let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "x", "properties":
        {"id": {"$ref": "#/$defs/id"}, "again": {"$ref": "#"}}, "$defs": {"id": {"type": "string"}}});
    let schemas = EventDocs::from([("E".into(), schema)]);
    for (style, outer, inner, name) in [
        (EnvelopeStyle::Pascal, "Metadata", "Payload", "EventName"),
        (EnvelopeStyle::Snake, "metadata", "payload", "event_name"),
    ] {
        let document = asyncapi(&shared(), &schemas, style).document;
        let message = &document["components"]["messages"]["E"]["payload"]["properties"];
        assert_eq!(message[outer]["properties"][name]["type"], "string");
        assert_eq!(message[inner]["$ref"], "#/components/schemas/E");
        let payload = &document["components"]["schemas"]["E"];
        assert_eq!(payload["properties"]["id"]["$ref"], "#/components/schemas/E/$defs/id");
        assert_eq!(payload["properties"]["again"]["$ref"], "#/components/schemas/E");
        assert!(payload.get("$schema").is_none() && payload.get("$id").is_none());
    }
}
