//! Terraform's JSON syntax, for the `aws` provider: <https://developer.hashicorp.com/terraform/language/syntax/json>,
//! <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/sqs_queue>, `sns_topic`, `sns_topic_subscription`.
//!
//! Every text in that syntax is a template: `${` and `%{` of ours are escaped, those that are references are not.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Exported, Ids, senders, typed, unique};
use crate::topology::model::{Queue, RedriveAllow, Subscription, Topic, Topology};
use crate::topology::policy;

/// AWS's attribute and the provider's argument.
const QUEUE: &[(&str, &str)] = &[
    ("VisibilityTimeout", "visibility_timeout_seconds"),
    ("MessageRetentionPeriod", "message_retention_seconds"),
    ("DelaySeconds", "delay_seconds"),
    ("ReceiveMessageWaitTimeSeconds", "receive_wait_time_seconds"),
    ("MaximumMessageSize", "max_message_size"),
    ("SqsManagedSseEnabled", "sqs_managed_sse_enabled"),
    ("KmsMasterKeyId", "kms_master_key_id"),
    ("KmsDataKeyReusePeriodSeconds", "kms_data_key_reuse_period_seconds"),
    ("ContentBasedDeduplication", "content_based_deduplication"),
    ("DeduplicationScope", "deduplication_scope"),
    ("FifoThroughputLimit", "fifo_throughput_limit"),
];
const TOPIC: &[(&str, &str)] = &[
    ("DisplayName", "display_name"),
    ("KmsMasterKeyId", "kms_master_key_id"),
    ("SignatureVersion", "signature_version"),
    ("TracingConfig", "tracing_config"),
    ("SQSSuccessFeedbackRoleArn", "sqs_success_feedback_role_arn"),
    ("SQSSuccessFeedbackSampleRate", "sqs_success_feedback_sample_rate"),
    ("SQSFailureFeedbackRoleArn", "sqs_failure_feedback_role_arn"),
    ("ContentBasedDeduplication", "content_based_deduplication"),
    ("FifoThroughputScope", "fifo_throughput_scope"),
];

/// The configuration.
pub fn terraform(topology: &Topology) -> Exported {
    let ids = Ids::of_own(topology, |_, name| {
        let id: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        // An identifier does not begin with a digit.
        if id.starts_with(|c: char| c.is_ascii_digit()) { format!("_{id}") } else { id }
    });
    let mut left_out = Vec::new();
    let mut resources: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut add = |kind: &'static str, id: &str, arguments: Map<String, Value>| {
        let of_kind = resources.entry(kind).or_default();
        let id = unique(id.to_owned(), |id| of_kind.contains_key(id));
        of_kind.insert(id, Value::Object(arguments));
    };
    for topic in topology.own_topics() {
        let Some(id) = ids.of("topic", &topic.name) else { continue };
        add("aws_sns_topic", id, topic_arguments(topic, &mut left_out));
        if !topic.policy.is_empty() {
            let arguments = [("arn", reference(&ids, "topic", &topic.name)), ("policy", document(&topic.policy))];
            add("aws_sns_topic_policy", id, object(arguments));
        }
    }
    for queue in topology.own_queues() {
        let Some(id) = ids.of("queue", &queue.name) else { continue };
        add("aws_sqs_queue", id, queue_arguments(queue, &ids));
        let mut statements: Vec<Value> = queue.policy.iter().map(escaped).collect();
        let topics: Vec<Value> =
            senders(topology, &queue.name).into_iter().map(|topic| reference(&ids, "topic", topic)).collect();
        if !topics.is_empty() {
            let mut ours = policy::queue_statement("", &[]);
            ours["Resource"] = reference(&ids, "queue", &queue.name);
            ours["Condition"]["ArnEquals"]["aws:SourceArn"] = topics.into();
            statements.push(ours);
        }
        if !statements.is_empty() {
            let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
            let arguments = [("queue_url", json!(format!("${{aws_sqs_queue.{id}.url}}"))), ("policy", policy.into())];
            add("aws_sqs_queue_policy", id, object(arguments));
        }
        // A resource of its own: the sources already refer to this queue, and Terraform has no circles.
        let allow = queue.redrive_allow.as_ref().map(|allow| match allow {
            RedriveAllow::All => json!({ "redrivePermission": "allowAll" }),
            RedriveAllow::None => json!({ "redrivePermission": "denyAll" }),
            RedriveAllow::Queues(names) => {
                let sources: Vec<Value> = names.iter().map(|(name, _)| reference(&ids, "queue", name)).collect();
                json!({ "redrivePermission": "byQueue", "sourceQueueArns": sources })
            }
        });
        if let Some(allow) = allow {
            let url = json!(format!("${{aws_sqs_queue.{id}.url}}"));
            let arguments = [("queue_url", url), ("redrive_allow_policy", allow.to_string().into())];
            add("aws_sqs_queue_redrive_allow_policy", id, object(arguments));
        }
    }
    for subscription in &topology.subscriptions {
        let id = |kind, name: &str| -> String {
            let own = ids.of(kind, name).map(str::to_owned);
            own.unwrap_or_else(|| name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect())
        };
        let id = format!("{}_to_{}", id("topic", &subscription.topic), id("queue", &subscription.queue));
        add("aws_sns_topic_subscription", &id, subscription_arguments(subscription, &ids));
    }
    let document = json!({
        "terraform": { "required_providers": { "aws": { "source": "hashicorp/aws", "version": ">= 5.83" } } },
        "resource": resources,
    });
    Exported { document, left_out }
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// `${aws_sqs_queue.id.arn}`; what is external is known by its own ARN.
fn reference(ids: &Ids, kind: &'static str, name: &str) -> Value {
    let resource = if kind == "topic" { "aws_sns_topic" } else { "aws_sqs_queue" };
    ids.of(kind, name).map_or_else(|| template(name).into(), |id| format!("${{{resource}.{id}.arn}}").into())
}

fn template(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// The same value with every text of it as a template that means the text.
fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) => template(text).into(),
        Value::Array(items) => items.iter().map(escaped).collect(),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (template(key), escaped(value))).collect())
        }
        other => other.clone(),
    }
}

fn document(statements: &[Value]) -> Value {
    let statements: Vec<Value> = statements.iter().map(escaped).collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string().into()
}

fn tags(tags: &BTreeMap<String, String>) -> Option<(String, Value)> {
    let map: Map<String, Value> = tags.iter().map(|(key, value)| (template(key), template(value).into())).collect();
    (!map.is_empty()).then(|| ("tags".to_owned(), map.into()))
}

fn topic_arguments(topic: &Topic, left_out: &mut Vec<String>) -> Map<String, Value> {
    let mut arguments = object([("name", topic.name.as_str().into())]);
    if topic.is_fifo() {
        arguments.insert("fifo_topic".into(), true.into());
    }
    for (field, text) in topic.settings.iter().filter(|(field, _)| field.attribute != "FifoTopic") {
        match TOPIC.iter().find(|(attribute, _)| *attribute == field.attribute) {
            Some((_, argument)) => drop(arguments.insert((*argument).into(), escaped(&typed(field, text)))),
            // A text with JSON in it.
            None if field.attribute == "DeliveryPolicy" => {
                arguments.insert("delivery_policy".into(), escaped(&typed(field, text)).to_string().into());
            }
            None => left_out.push(format!("topic `{}`: the provider has no `{}` of a topic", topic.name, field.key)),
        }
    }
    if let Some(days) = topic.archive_days {
        let policy = json!({ "MessageRetentionPeriod": days }).to_string();
        arguments.insert("archive_policy".into(), policy.into());
    }
    arguments.extend(tags(&topic.tags));
    arguments
}

fn queue_arguments(queue: &Queue, ids: &Ids) -> Map<String, Value> {
    let mut arguments = object([("name", queue.name.as_str().into())]);
    if queue.is_fifo() {
        arguments.insert("fifo_queue".into(), true.into());
    }
    for (field, text) in queue.settings.iter() {
        if let Some((_, argument)) = QUEUE.iter().find(|(attribute, _)| *attribute == field.attribute) {
            arguments.insert((*argument).into(), escaped(&typed(field, text)));
        }
    }
    if let Some(dead) = &queue.dead_letter {
        let target = reference(ids, "queue", &dead.queue);
        let policy = json!({ "deadLetterTargetArn": target, "maxReceiveCount": dead.max_receives });
        arguments.insert("redrive_policy".into(), policy.to_string().into());
    }
    arguments.extend(tags(&queue.tags));
    arguments
}

fn subscription_arguments(subscription: &Subscription, ids: &Ids) -> Map<String, Value> {
    let mut arguments = object([
        ("topic_arn", reference(ids, "topic", &subscription.topic)),
        ("protocol", "sqs".into()),
        ("endpoint", reference(ids, "queue", &subscription.queue)),
        ("raw_message_delivery", subscription.raw.into()),
    ]);
    if let Some(filter) = &subscription.filter {
        arguments.insert("filter_policy".into(), escaped(&filter.json).to_string().into());
        arguments.insert("filter_policy_scope".into(), subscription.scope.as_aws().into());
    }
    if let Some((dead, _)) = &subscription.dead_letter {
        let policy = json!({ "deadLetterTargetArn": reference(ids, "queue", dead) });
        arguments.insert("redrive_policy".into(), policy.to_string().into());
    }
    arguments
}
