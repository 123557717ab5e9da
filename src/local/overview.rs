//! The bus as its owner sees it: what is in the file, and a clean slate. In process only; see [`developer`](super::developer)
//! for what others may ask.

use super::error::ApiError;
use super::store::whole;
use super::{LocalBus, names};

/// The bus file could not be read or written; the sentence says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BusFileError(String);

impl From<ApiError> for BusFileError {
    fn from(error: ApiError) -> Self {
        Self(error.message)
    }
}

/// Everything in the bus, of all accounts and regions, sorted by name.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The topics.
    pub topics: Vec<TopicView>,
    /// The queues.
    pub queues: Vec<QueueView>,
    /// The subscriptions.
    pub subscriptions: Vec<SubscriptionView>,
}

/// A topic.
#[derive(Clone, Debug)]
pub struct TopicView {
    /// Its ARN.
    pub arn: String,
    /// How many subscribe to it.
    pub subscriptions: u64,
}

/// A queue and its messages; what has expired does not count.
#[derive(Clone, Debug)]
pub struct QueueView {
    /// Its ARN.
    pub arn: String,
    /// Messages that may be received now.
    pub waiting: u64,
    /// Received and not yet settled.
    pub in_flight: u64,
    /// Sent with a delay that is not over.
    pub delayed: u64,
    /// ARN of the queue that gets what was received too often.
    pub dead_letter: Option<String>,
}

/// A subscription.
#[derive(Clone, Debug)]
pub struct SubscriptionView {
    /// Its ARN.
    pub arn: String,
    /// ARN of its topic.
    pub topic: String,
    /// `sqs`.
    pub protocol: String,
    /// ARN of the queue, whether or not there is one.
    pub endpoint: String,
    /// Whether messages go without their wrapper.
    pub raw: bool,
    /// The filter policy as it was set, JSON.
    pub filter: Option<String>,
    /// `MessageAttributes` or `MessageBody`.
    pub filter_scope: String,
}

/// How much there was before it was emptied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Topics.
    pub topics: u64,
    /// Queues.
    pub queues: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Messages, those in flight and delayed included.
    pub messages: u64,
}

impl LocalBus {
    /// What is in the bus, in one snapshot.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn overview(&self) -> Result<Overview, BusFileError> {
        let now = self.0.options.clock.now_ms();
        let whole = self.0.store.read(move |connection| whole::overview(connection, now)).await?;
        let topic =
            |topic: whole::TopicSeen| TopicView { arn: topic.arn, subscriptions: topic.subscriptions.unsigned_abs() };
        let queue = |(queue, counts): (super::store::catalogue::Queue, super::store::messages::Counts)| QueueView {
            arn: queue.name.arn(),
            waiting: counts.visible.unsigned_abs(),
            in_flight: counts.in_flight.unsigned_abs(),
            delayed: counts.delayed.unsigned_abs(),
            dead_letter: queue.redrive.as_ref().map(|(target, _): &(names::QueueName, i64)| target.arn()),
        };
        let subscription = |found: whole::SubscriptionSeen| {
            let set = |name: &str| found.settings.get(name).filter(|value| !value.is_empty()).cloned();
            SubscriptionView {
                raw: set("RawMessageDelivery").is_some_and(|value| value.eq_ignore_ascii_case("true")),
                filter: set("FilterPolicy"),
                filter_scope: set("FilterPolicyScope").unwrap_or_else(|| "MessageAttributes".to_owned()),
                arn: found.arn,
                topic: found.topic,
                protocol: found.protocol,
                endpoint: found.endpoint,
            }
        };
        Ok(Overview {
            topics: whole.topics.into_iter().map(topic).collect(),
            queues: whole.queues.into_iter().map(queue).collect(),
            subscriptions: whole.subscriptions.into_iter().map(subscription).collect(),
        })
    }

    /// Removes everything from the bus, for everybody who has it open.
    ///
    /// # Errors
    /// The file cannot be written; nothing is removed then.
    pub async fn reset(&self) -> Result<Removed, BusFileError> {
        let removed = self.0.store.write(whole::empty).await?;
        Ok(Removed {
            topics: removed.topics.unsigned_abs(),
            queues: removed.queues.unsigned_abs(),
            subscriptions: removed.subscriptions.unsigned_abs(),
            messages: removed.messages.unsigned_abs(),
        })
    }
}
