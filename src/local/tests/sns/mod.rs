//! SNS against answers recorded from AWS. Where nothing else is said the sentences, codes and statuses are those of
//! localstack/localstack, tests/aws/services/sns/*.snapshot.json (Apache-2.0), recorded from AWS between 2023-08 and 2025-12.

mod publishing;
mod subscriptions;
mod topics;
mod wire;

use std::collections::BTreeMap;

use super::*;

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:t";

/// The parameters of a map or a list of structures, written as the SDKs do.
fn entries(prefix: &str, key: &str, value: &str, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .enumerate()
        .flat_map(|(at, (name, text))| {
            let at = at + 1;
            [
                (format!("{prefix}.{at}.{key}"), (*name).to_owned()),
                (format!("{prefix}.{at}.{value}"), (*text).to_owned()),
            ]
        })
        .collect()
}

/// The `Attributes` of an answer.
fn attributes(xml: &str) -> BTreeMap<String, String> {
    xml.split("<entry>").skip(1).map(|entry| (between(entry, "key"), text_of(entry, "value"))).collect()
}

/// The text of an element that may be empty.
fn text_of(xml: &str, name: &str) -> String {
    if xml.contains(&format!("<{name}/>")) { String::new() } else { between(xml, name) }
}

fn all<'a>(fixed: &[(&'a str, &'a str)], more: &'a [(String, String)]) -> Vec<(&'a str, &'a str)> {
    fixed.iter().copied().chain(more.iter().map(|(key, value)| (key.as_str(), value.as_str()))).collect()
}

impl Bench {
    async fn create(&self, name: &str, attributes: &[(&str, &str)], tags: &[(&str, &str)]) -> (u16, String) {
        let mut more = entries("Attributes.entry", "key", "value", attributes);
        more.extend(entries("Tags.member", "Key", "Value", tags));
        query(&self.bus, "2010-03-31", &all(&[("Action", "CreateTopic"), ("Name", name)], &more)).await
    }

    /// A topic that is there.
    async fn made(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        let (status, body) = self.create(name, attributes, &[]).await;
        assert_eq!(status, 200, "{body}");
        between(&body, "TopicArn")
    }

    /// `400 Code: Message` of an answer that is an error.
    async fn refusal(&self, form: &[(&str, &str)]) -> String {
        let (status, error) = self.sns_error(form).await;
        format!("{status} {error}")
    }

    async fn topic_attributes(&self, topic: &str) -> BTreeMap<String, String> {
        attributes(&self.sns(&[("Action", "GetTopicAttributes"), ("TopicArn", topic)]).await)
    }

    async fn subscription_attributes(&self, subscription: &str) -> BTreeMap<String, String> {
        attributes(&self.sns(&[("Action", "GetSubscriptionAttributes"), ("SubscriptionArn", subscription)]).await)
    }
}
