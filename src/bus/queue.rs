//! What a queue is set to, and which queues dead-letter into it.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName as Name;

use super::{Bus, BusError, Queue};

/// The settings of a queue that the verbs need. Counts are SQS's approximations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueAttributes {
    /// How long a received message stays invisible, unless the receive says otherwise.
    pub visibility_timeout: Duration,
    /// Where messages go that were received too often.
    pub redrive: Option<RedrivePolicy>,
    /// FIFO, by attribute or by name.
    pub fifo: bool,
    /// FIFO queues that take the digest of the body for the deduplication id.
    pub content_based_deduplication: bool,
    /// Largest message in bytes, body and attributes.
    pub maximum_message_size: Option<usize>,
    /// How long a message is kept.
    pub retention: Option<Duration>,
    /// About how many can be received now.
    pub visible: u64,
    /// About how many are received and not yet settled.
    pub in_flight: u64,
    /// About how many are not yet due.
    pub delayed: u64,
    /// Every attribute as the service spells it.
    pub raw: HashMap<String, String>,
}

/// A queue's `RedrivePolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedrivePolicy {
    /// The dead-letter queue's ARN.
    pub dead_letter_arn: String,
    /// The receive after so many goes to the dead-letter queue instead.
    pub max_receives: u32,
}

impl Bus {
    /// Reads all attributes of a queue.
    ///
    /// # Errors
    /// What `GetQueueAttributes` answers.
    pub async fn queue_attributes(&self, queue: &Queue) -> Result<QueueAttributes, BusError> {
        let answer = self.sqs.get_queue_attributes().queue_url(&queue.url).attribute_names(Name::All).send().await;
        let answer = answer
            .map_err(|error| BusError::from_sdk("GetQueueAttributes", &format!("queue `{}`", queue.name), &error))?;
        let raw: HashMap<String, String> = answer
            .attributes
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| (name.as_str().to_owned(), value))
            .collect();
        Ok(QueueAttributes::read(queue, raw))
    }

    /// The queues whose redrive policy names `queue` as their dead-letter queue.
    ///
    /// # Errors
    /// What `ListDeadLetterSourceQueues` or the look-up of a source answers.
    pub async fn dead_letter_sources(&self, queue: &Queue) -> Result<Vec<Queue>, BusError> {
        let mut urls = Vec::new();
        let mut token = None;
        loop {
            let call = self.sqs.list_dead_letter_source_queues().queue_url(&queue.url);
            let call = match token {
                // Paging must be asked for from the first page on: without `MaxResults` AWS answers at most 1,000 and no token.
                None => call.max_results(1_000),
                Some(token) => call.max_results(1_000).next_token(token),
            };
            let answer = call.send().await.map_err(|error| {
                BusError::from_sdk("ListDeadLetterSourceQueues", &format!("queue `{}`", queue.name), &error)
            })?;
            urls.extend(answer.queue_urls);
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        let mut sources = Vec::with_capacity(urls.len());
        for url in urls {
            sources.push(self.queue(&url).await?);
        }
        Ok(sources)
    }
}

impl QueueAttributes {
    fn read(queue: &Queue, raw: HashMap<String, String>) -> Self {
        let number = |name: &str| raw.get(name).and_then(|value| value.parse::<u64>().ok());
        let yes = |name: &str| raw.get(name).is_some_and(|value| value == "true");
        Self {
            // 30 s is what SQS gives a queue that was not told otherwise.
            visibility_timeout: Duration::from_secs(number("VisibilityTimeout").unwrap_or(30)),
            redrive: raw.get("RedrivePolicy").and_then(|text| RedrivePolicy::parse(text)),
            fifo: yes("FifoQueue") || queue.is_fifo(),
            content_based_deduplication: yes("ContentBasedDeduplication"),
            maximum_message_size: number("MaximumMessageSize").map(|bytes| bytes as usize),
            retention: number("MessageRetentionPeriod").map(Duration::from_secs),
            visible: number("ApproximateNumberOfMessages").unwrap_or(0),
            in_flight: number("ApproximateNumberOfMessagesNotVisible").unwrap_or(0),
            delayed: number("ApproximateNumberOfMessagesDelayed").unwrap_or(0),
            raw,
        }
    }
}

impl RedrivePolicy {
    /// Reads the attribute's JSON; `maxReceiveCount` comes as number or as text, depending on who set it.
    /// An empty or unreadable policy is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        let count = &value["maxReceiveCount"];
        let max_receives = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
        let dead_letter_arn = value["deadLetterTargetArn"].as_str()?.to_owned();
        Some(Self { dead_letter_arn, max_receives: u32::try_from(max_receives).unwrap_or(u32::MAX) })
    }
}
