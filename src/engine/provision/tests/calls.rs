//! How many calls a plan costs: they grow with the file, and with nothing else.

use std::collections::BTreeMap;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::wire::{Fate, field, operation};
use super::*;
use crate::topology::policy;

const ACCOUNT: &str = "000000000000";

/// A bus on which everything stands, answered without a store: subscriptions in pages of a hundred, as SNS gives them.
#[derive(Clone, Debug)]
struct Canned {
    topics: usize,
    queues: usize,
    subscriptions: usize,
}

impl Canned {
    /// The queues that are subscribed to a topic.
    fn of_topic(&self, topic: usize) -> Vec<usize> {
        let pairs = (0..self.subscriptions).map(|n| self.pair(n));
        pairs.filter(|(t, _)| *t == topic).map(|(_, queue)| queue).collect()
    }

    /// Half of all subscriptions are to the first topic, so that it has more than a page.
    fn pair(&self, n: usize) -> (usize, usize) {
        let half = self.queues.min(self.subscriptions / 2);
        if n < half {
            return (0, n);
        }
        let n = n - half;
        let (round, topic) = (n / (self.topics - 1), n % (self.topics - 1));
        (1 + topic, (31 * round + 3 * topic) % self.queues)
    }

    fn file(&self) -> String {
        let mut text = String::from("version: 1\nname: many\ntopics:\n");
        (0..self.topics).for_each(|n| text.push_str(&format!("  t{n}: {{}}\n")));
        text.push_str("queues:\n");
        (0..self.queues).for_each(|n| text.push_str(&format!("  q{n}: {{}}\n")));
        text.push_str("subscriptions:\n");
        for (topic, queue) in (0..self.subscriptions).map(|n| self.pair(n)) {
            text.push_str(&format!("  - {{ topic: t{topic}, queue: q{queue} }}\n"));
        }
        text
    }

    fn answer(&self, request: &HttpRequest) -> String {
        let body: Value =
            request.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        let name = || body["QueueUrl"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        let topic = |field: &str| field.rsplit(':').next().unwrap_or_default().to_owned();
        match operation(request).as_str() {
            "GetQueueUrl" => {
                let name = body["QueueName"].as_str().unwrap_or_default();
                json!({ "QueueUrl": format!("http://localhost/{ACCOUNT}/{name}") }).to_string()
            }
            "GetQueueAttributes" => {
                let arn = format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{}", name());
                let number: usize = name().trim_start_matches('q').parse().unwrap();
                let senders: BTreeMap<String, ()> = (0..self.subscriptions)
                    .map(|n| self.pair(n))
                    .filter(|(_, queue)| *queue == number)
                    .map(|(topic, _)| (format!("arn:aws:sns:us-east-1:{ACCOUNT}:t{topic}"), ()))
                    .collect();
                let senders: Vec<String> = senders.into_keys().collect();
                let policy = json!({ "Statement": [policy::queue_statement(&arn, &senders)] }).to_string();
                let policy = if senders.is_empty() { String::new() } else { policy };
                json!({ "Attributes": { "QueueArn": arn, "Policy": policy } }).to_string()
            }
            "ListQueueTags" => json!({ "Tags": { "eventbus:topology": "many" } }).to_string(),
            "ListTagsForResource" => wrapped(
                "ListTagsForResource",
                "<Tags><member><Key>eventbus:topology</Key><Value>many</Value></member></Tags>",
            ),
            "GetTopicAttributes" => wrapped("GetTopicAttributes", "<Attributes></Attributes>"),
            "ListSubscriptionsByTopic" => {
                let arn = field(request, "TopicArn");
                let number: usize = topic(&arn).trim_start_matches('t').parse().unwrap();
                let from: usize = field(request, "NextToken").parse().unwrap_or(0);
                let all = self.of_topic(number);
                let members: String = all[from..]
                    .iter()
                    .take(100)
                    .map(|queue| {
                        format!(
                            "<member><SubscriptionArn>{arn}:{queue}</SubscriptionArn><TopicArn>{arn}</TopicArn><Protocol>sqs</Protocol><Owner>{ACCOUNT}</Owner><Endpoint>arn:aws:sqs:us-east-1:{ACCOUNT}:q{queue}</Endpoint></member>"
                        )
                    })
                    .collect();
                let next = from + 100;
                let token = if next < all.len() { format!("<NextToken>{next}</NextToken>") } else { String::new() };
                wrapped("ListSubscriptionsByTopic", &format!("<Subscriptions>{members}</Subscriptions>{token}"))
            }
            "GetSubscriptionAttributes" => wrapped(
                "GetSubscriptionAttributes",
                "<Attributes><entry><key>RawMessageDelivery</key><value>false</value></entry></Attributes>",
            ),
            other => panic!("a plan does not need {other}"),
        }
    }
}

fn wrapped(operation: &str, result: &str) -> String {
    format!("<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>")
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = self.answer(&request);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body))))
    }
}

/// The calls of a plan: as stated at the top of `read.rs`.
async fn calls(bus: Canned) -> (usize, usize) {
    let wire = Wire::around(SharedHttpClient::new(bus.clone()));
    let topology = Topology::parse(&bus.file(), "t.yaml").unwrap();
    let found = plan(&over(&wire).await, &topology).await.unwrap();
    assert!(found.is_empty(), "{:#?}", rows(&found)[..3].to_vec());
    assert_eq!(found.count(Action::Unchanged), found.changes.len());
    let pages: usize = (0..bus.topics).map(|topic| bus.of_topic(topic).len().div_ceil(100).max(1)).sum();
    (wire.calls().len(), 3 * bus.queues + 2 * bus.topics + pages + bus.subscriptions)
}

#[tokio::test]
async fn the_calls_of_a_plan_grow_with_the_file() {
    let (small, stated) = calls(Canned { topics: 10, queues: 50, subscriptions: 200 }).await;
    assert_eq!((small, stated), (380, 380));
    let (large, stated) = calls(Canned { topics: 100, queues: 500, subscriptions: 2_000 }).await;
    assert_eq!((large, stated), (3_804, 3_804));
    // Ten times the file; the four more are pages of the topic that has more than a page.
    assert_eq!(large, 10 * small + 4);
}

#[tokio::test]
async fn only_what_may_delete_lists() {
    let world = World::new().await;
    world.converge(USERS).await;
    world.wire.on_call(|_, _| Fate::Pass);
    world.plan(USERS).await;
    let first = world.wire.calls();
    assert!(!first.iter().any(|call| matches!(call.as_str(), "ListQueues" | "ListTopics" | "ListSubscriptions")));
    assert_eq!(first.len(), 3 * 2 + 2 + 1 + 1, "{first:?}");
    world.planned(USERS, PRUNE).await;
    assert_eq!((world.wire.count("ListQueues"), world.wire.count("ListTopics")), (1, 1));
}
