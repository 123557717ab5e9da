//! A CloudFormation template: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SNS.html>,
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SQS.html>.

use serde_json::{Map, Value, json};

use super::{Exported, Ids, senders, typed, unique};
use crate::topology::model::{Queue, RedriveAllow, Subscription, Topic, Topology};
use crate::topology::policy;

/// Attributes of the queue that the template spells as AWS does.
const QUEUE: &[&str] = &[
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "MaximumMessageSize",
    "SqsManagedSseEnabled",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];
/// The same for the topic.
const TOPIC: &[&str] =
    &["DisplayName", "KmsMasterKeyId", "TracingConfig", "ContentBasedDeduplication", "FifoThroughputScope"];

/// The template.
pub fn cloudformation(topology: &Topology) -> Exported {
    let ids = Ids::of_own(topology, |kind, name| {
        // Logical ids are letters and digits.
        let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
        let camel: String = parts.map(|part| part[..1].to_ascii_uppercase() + &part[1..]).collect();
        format!("{camel}{}", if kind == "topic" { "Topic" } else { "Queue" })
    });
    let mut left_out = Vec::new();
    let mut resources = Map::new();
    let mut add = |id: String, kind: &str, properties: Map<String, Value>| {
        let id = unique(id, |id| resources.contains_key(id));
        resources.insert(id, json!({ "Type": format!("AWS::{kind}"), "Properties": properties }));
    };
    for topic in topology.own_topics() {
        let Some(id) = ids.of("topic", &topic.name) else { continue };
        add(id.to_owned(), "SNS::Topic", topic_properties(topic, &mut left_out));
        if !topic.policy.is_empty() {
            let mut properties = Map::new();
            properties.insert("Topics".into(), json!([{ "Ref": id }]));
            properties.insert("PolicyDocument".into(), document(topic.policy.clone()));
            add(format!("{id}Policy"), "SNS::TopicPolicy", properties);
        }
    }
    for queue in topology.own_queues() {
        let Some(id) = ids.of("queue", &queue.name) else { continue };
        add(id.to_owned(), "SQS::Queue", queue_properties(queue, &ids));
        let mut statements = queue.policy.clone();
        let topics: Vec<Value> =
            senders(topology, &queue.name).into_iter().map(|topic| topic_arn(&ids, topic)).collect();
        if !topics.is_empty() {
            let mut ours = policy::queue_statement("", &[]);
            ours["Resource"] = queue_arn(&ids, &queue.name);
            ours["Condition"]["ArnEquals"]["aws:SourceArn"] = topics.into();
            statements.push(ours);
        }
        if !statements.is_empty() {
            let mut properties = Map::new();
            properties.insert("Queues".into(), json!([{ "Ref": id }]));
            properties.insert("PolicyDocument".into(), document(statements));
            add(format!("{id}Policy"), "SQS::QueuePolicy", properties);
        }
    }
    for subscription in &topology.subscriptions {
        let id = |name: &str| -> String {
            let last = name.rsplit(':').next().unwrap_or(name);
            last.chars().filter(char::is_ascii_alphanumeric).collect()
        };
        let (topic, queue) = (&subscription.topic, &subscription.queue);
        let topic_id = ids.of("topic", topic).map_or_else(|| format!("{}Topic", id(topic)), str::to_owned);
        let queue_id = ids.of("queue", queue).map_or_else(|| format!("{}Queue", id(queue)), str::to_owned);
        add(format!("{queue_id}Of{topic_id}"), "SNS::Subscription", subscription_properties(subscription, &ids));
    }
    let document = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Topology {}", topology.name),
        "Resources": resources,
    });
    Exported { document, left_out }
}

/// The ARN of a queue of the template; what is external is known by its own.
fn queue_arn(ids: &Ids, name: &str) -> Value {
    ids.of("queue", name).map_or_else(|| name.into(), |id| json!({ "Fn::GetAtt": [id, "Arn"] }))
}

fn topic_arn(ids: &Ids, name: &str) -> Value {
    ids.of("topic", name).map_or_else(|| name.into(), |id| json!({ "Ref": id }))
}

fn document(statements: Vec<Value>) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn tags(tags: &std::collections::BTreeMap<String, String>) -> Option<Value> {
    let list: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    (!list.is_empty()).then(|| list.into())
}

fn topic_properties(topic: &Topic, left_out: &mut Vec<String>) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert("TopicName".into(), topic.name.as_str().into());
    if topic.is_fifo() {
        properties.insert("FifoTopic".into(), true.into());
    }
    let mut log = Map::new();
    for (field, text) in topic.settings.iter() {
        match field.attribute {
            "FifoTopic" => {}
            // A text in the template, although it is a number.
            "SignatureVersion" => drop(properties.insert("SignatureVersion".into(), text.into())),
            "SQSSuccessFeedbackRoleArn" => drop(log.insert("SuccessFeedbackRoleArn".into(), text.into())),
            "SQSSuccessFeedbackSampleRate" => drop(log.insert("SuccessFeedbackSampleRate".into(), text.into())),
            "SQSFailureFeedbackRoleArn" => drop(log.insert("FailureFeedbackRoleArn".into(), text.into())),
            name if TOPIC.contains(&name) => drop(properties.insert(name.into(), typed(field, text))),
            _ => left_out.push(format!("topic `{}`: CloudFormation has no `{}` of a topic", topic.name, field.key)),
        }
    }
    if !log.is_empty() {
        log.insert("Protocol".into(), "sqs".into());
        properties.insert("DeliveryStatusLogging".into(), json!([log]));
    }
    if let Some(days) = topic.archive_days {
        properties.insert("ArchivePolicy".into(), json!({ "MessageRetentionPeriod": days.to_string() }));
    }
    properties.extend(tags(&topic.tags).map(|tags| ("Tags".to_owned(), tags)));
    properties
}

fn queue_properties(queue: &Queue, ids: &Ids) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert("QueueName".into(), queue.name.as_str().into());
    if queue.is_fifo() {
        properties.insert("FifoQueue".into(), true.into());
    }
    for (field, text) in queue.settings.iter().filter(|(field, _)| QUEUE.contains(&field.attribute)) {
        properties.insert(field.attribute.into(), typed(field, text));
    }
    if let Some(dead) = &queue.dead_letter {
        let policy =
            json!({ "deadLetterTargetArn": queue_arn(ids, &dead.queue), "maxReceiveCount": dead.max_receives });
        properties.insert("RedrivePolicy".into(), policy);
    }
    let allow = queue.redrive_allow.as_ref().map(|allow| match allow {
        RedriveAllow::All => json!({ "redrivePermission": "allowAll" }),
        RedriveAllow::None => json!({ "redrivePermission": "denyAll" }),
        RedriveAllow::Queues(names) => {
            // By name: the sources already refer to this queue, and a template has no circles.
            let arn = |name: &String| {
                if name.starts_with("arn:") {
                    return Value::from(name.as_str());
                }
                json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}") })
            };
            let sources: Vec<Value> = names.iter().map(|(name, _)| arn(name)).collect();
            json!({ "redrivePermission": "byQueue", "sourceQueueArns": sources })
        }
    });
    properties.extend(allow.map(|allow| ("RedriveAllowPolicy".to_owned(), allow)));
    properties.extend(tags(&queue.tags).map(|tags| ("Tags".to_owned(), tags)));
    properties
}

fn subscription_properties(subscription: &Subscription, ids: &Ids) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert("TopicArn".into(), topic_arn(ids, &subscription.topic));
    properties.insert("Protocol".into(), "sqs".into());
    properties.insert("Endpoint".into(), queue_arn(ids, &subscription.queue));
    if let Some(filter) = &subscription.filter {
        properties.insert("FilterPolicy".into(), filter.json.clone());
        properties.insert("FilterPolicyScope".into(), subscription.scope.as_aws().into());
    }
    properties.insert("RawMessageDelivery".into(), subscription.raw.into());
    if let Some((dead, _)) = &subscription.dead_letter {
        properties.insert("RedrivePolicy".into(), json!({ "deadLetterTargetArn": queue_arn(ids, dead) }));
    }
    properties
}
