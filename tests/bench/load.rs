//! The load that all sides carry: events of a kibibyte in batches of ten, one topic, three queues, one of them filtered out.

use serde_json::json;

use crate::http::{Endpoint, element, form};

/// Entries of a batch.
pub(crate) const BATCH: usize = 10;
/// The event that is published.
pub(crate) const EVENT: &str = "OrderPlaced";
/// The filter policies of the three queues; none means that everything is wanted.
pub(crate) const QUEUES: [(&str, Option<&str>); 3] = [
    ("orders", Some(r#"{"eventName":["OrderPlaced","OrderCancelled"]}"#)),
    ("archive", None),
    ("users", Some(r#"{"eventName":["UserRegistered",{"prefix":"Account"}]}"#)),
];
/// How many of the queues, the first ones, get what is published.
pub(crate) const WANTED: usize = 2;

/// A body of 1,024 bytes, different for every `number`.
pub(crate) fn body(number: usize) -> String {
    let begin = format!(
        r#"{{"metadata":{{"eventName":"{EVENT}","eventId":"00000000-0000-4000-8000-{number:012}"}},"payload":{{"id":{number},"note":""#
    );
    let padding = "x".repeat(1_024 - begin.len() - 3);
    begin + &padding + r#""}}"#
}

/// The topic and the queues on a server.
pub(crate) struct Fanout {
    endpoint: Endpoint,
    topic: String,
    /// The URLs of [`QUEUES`].
    pub(crate) queues: Vec<String>,
}

impl Fanout {
    /// Makes them.
    pub(crate) fn make(endpoint: Endpoint) -> Fanout {
        let topic = element(&endpoint.sns("CreateTopic", &[("Name", "events")]), "TopicArn").to_owned();
        let mut queues = Vec::new();
        for (name, policy) in QUEUES {
            let made = endpoint.sqs("CreateQueue", &json!({ "QueueName": name }));
            queues.push(made["QueueUrl"].as_str().unwrap().to_owned());
            let arn = format!("arn:aws:sqs:us-east-1:{}:{name}", topic.split(':').nth(4).unwrap());
            let mut subscribe = vec![("TopicArn", topic.as_str()), ("Protocol", "sqs"), ("Endpoint", &arn)];
            if let Some(policy) = policy {
                subscribe.push(("Attributes.entry.1.key", "FilterPolicy"));
                subscribe.push(("Attributes.entry.1.value", policy));
            }
            endpoint.sns("Subscribe", &subscribe);
        }
        Fanout { endpoint, topic, queues }
    }

    /// One PublishBatch as it goes over the wire.
    pub(crate) fn batch(&self) -> String {
        let mut parameters = vec![("TopicArn".to_owned(), self.topic.clone())];
        for number in 1..=BATCH {
            let entry = format!("PublishBatchRequestEntries.member.{number}");
            let attribute = format!("{entry}.MessageAttributes.entry.1");
            parameters.extend([
                (format!("{entry}.Id"), number.to_string()),
                (format!("{entry}.Message"), body(number)),
                (format!("{attribute}.Name"), "eventName".to_owned()),
                (format!("{attribute}.Value.DataType"), "String".to_owned()),
                (format!("{attribute}.Value.StringValue"), EVENT.to_owned()),
            ]);
        }
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
        form("PublishBatch", &parameters)
    }

    /// How many messages wait in each queue.
    pub(crate) fn depths(&self) -> Vec<u64> {
        self.queues.iter().map(|queue| self.endpoint.depth(queue)).collect()
    }
}
