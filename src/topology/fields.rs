//! The plain fields of topics, queues and subscriptions: their key in the file, their attribute at AWS, their range and the
//! value that AWS has when nobody set one.
//!
//! Attribute names, ranges and defaults:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>,
//! <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>,
//! <https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html>.
//!
//! Left out on purpose: what belongs to other protocols than SQS (their feedback roles, a subscription's `DeliveryPolicy` and
//! `SubscriptionRoleArn`); a subscription's `ReplayPolicy`, which is a command (it starts a replay) and no state to converge to;
//! and a topic's data protection policy, which has an API of its own.

use super::units::{show_bytes, show_seconds};

/// How a field is written in the file and read at AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A duration (`30s`, `4d`); seconds at AWS. Both ends are included.
    Seconds {
        /// The shortest.
        min: u64,
        /// The longest.
        max: u64,
    },
    /// A duration of whole days; days at AWS.
    Days {
        /// The fewest.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A size (`256KiB`); bytes at AWS.
    Bytes {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A whole number.
    Number {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// `true` or `false`.
    Flag,
    /// Text up to so many characters.
    Text {
        /// The longest.
        max: usize,
    },
    /// One of some words: as in the file, and as at AWS.
    Choice(&'static [(&'static str, &'static str)]),
    /// A JSON object, written as YAML.
    Json,
}

/// One plain field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The key in the file.
    pub key: &'static str,
    /// The attribute's name at AWS.
    pub attribute: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// What AWS has when nobody set it. `None`: there is no such value, and what the file does not say stays as it is.
    pub default: Option<&'static str>,
    /// Set at creation, for good.
    pub immutable: bool,
}

const fn field(key: &'static str, attribute: &'static str, kind: Kind, default: Option<&'static str>) -> Field {
    Field { key, attribute, kind, default, immutable: false }
}

const fn fixed(key: &'static str, attribute: &'static str, kind: Kind, default: Option<&'static str>) -> Field {
    Field { key, attribute, kind, default, immutable: true }
}

/// The plain fields of a queue.
///
/// Encryption and the FIFO modes have no default here: what the file does not say is left alone, so that encryption which
/// somebody else switched on is never switched off by silence.
pub const QUEUE: &[Field] = &[
    field("visibility_timeout", "VisibilityTimeout", Kind::Seconds { min: 0, max: 43_200 }, Some("30")),
    field("retention", "MessageRetentionPeriod", Kind::Seconds { min: 60, max: 1_209_600 }, Some("345600")),
    field("delay", "DelaySeconds", Kind::Seconds { min: 0, max: 900 }, Some("0")),
    field("receive_wait", "ReceiveMessageWaitTimeSeconds", Kind::Seconds { min: 0, max: 20 }, Some("0")),
    // Raised from 256 KiB in August 2025: queues whose value was set keep it, so silence leaves it alone.
    field("maximum_message_size", "MaximumMessageSize", Kind::Bytes { min: 1_024, max: 1_048_576 }, None),
    field("sse", "SqsManagedSseEnabled", Kind::Flag, None),
    field("kms_key", "KmsMasterKeyId", Kind::Text { max: 2_048 }, None),
    field("kms_reuse", "KmsDataKeyReusePeriodSeconds", Kind::Seconds { min: 60, max: 86_400 }, None),
    fixed("fifo", "FifoQueue", Kind::Flag, Some("false")),
    field("content_deduplication", "ContentBasedDeduplication", Kind::Flag, None),
    field(
        "deduplication_scope",
        "DeduplicationScope",
        Kind::Choice(&[("queue", "queue"), ("message_group", "messageGroup")]),
        None,
    ),
    field(
        "fifo_throughput",
        "FifoThroughputLimit",
        Kind::Choice(&[("queue", "perQueue"), ("message_group", "perMessageGroupId")]),
        None,
    ),
];

/// The plain fields of a topic.
pub const TOPIC: &[Field] = &[
    field("display_name", "DisplayName", Kind::Text { max: 100 }, Some("")),
    field("maximum_message_size", "MaximumMessageSize", Kind::Bytes { min: 1_024, max: 1_048_576 }, None),
    field("kms_key", "KmsMasterKeyId", Kind::Text { max: 2_048 }, None),
    field("signature_version", "SignatureVersion", Kind::Number { min: 1, max: 2 }, None),
    field("tracing", "TracingConfig", Kind::Choice(&[("pass_through", "PassThrough"), ("active", "Active")]), None),
    field("delivery_policy", "DeliveryPolicy", Kind::Json, None),
    field("success_log_role", "SQSSuccessFeedbackRoleArn", Kind::Text { max: 2_048 }, None),
    field("success_log_percent", "SQSSuccessFeedbackSampleRate", Kind::Number { min: 0, max: 100 }, None),
    field("failure_log_role", "SQSFailureFeedbackRoleArn", Kind::Text { max: 2_048 }, None),
    fixed("fifo", "FifoTopic", Kind::Flag, Some("false")),
    field("content_deduplication", "ContentBasedDeduplication", Kind::Flag, None),
    field(
        "fifo_throughput",
        "FifoThroughputScope",
        Kind::Choice(&[("topic", "Topic"), ("message_group", "MessageGroup")]),
        None,
    ),
];

/// The keys at the top of the file.
pub const TOP_KEYS: &[&str] = &["version", "name", "prefix", "topics", "queues", "subscriptions", "events"];
/// A topic's keys besides [`TOPIC`].
pub const TOPIC_KEYS: &[&str] = &["external", "arn", "archive", "policy", "tags"];
/// A queue's keys besides [`QUEUE`].
pub const QUEUE_KEYS: &[&str] = &["external", "arn", "dead_letter", "redrive_allow", "policy", "tags"];
/// A subscription's keys.
pub const SUBSCRIPTION_KEYS: &[&str] = &["topic", "queue", "filter", "scope", "raw", "dead_letter"];
/// The keys of a queue's `dead_letter`.
pub const DEAD_LETTER_KEYS: &[&str] = &["queue", "max_receives"];
/// An event's keys.
pub const EVENT_KEYS: &[&str] = &["topic", "schema", "group_by"];

impl Field {
    /// AWS's text in the file's own spelling: `345600` of a retention is `4d`.
    pub fn show(&self, value: &str) -> String {
        match self.kind {
            Kind::Seconds { .. } => value.parse().map_or_else(|_| value.to_owned(), show_seconds),
            Kind::Days { .. } => format!("{value}d"),
            Kind::Bytes { .. } => value.parse().map_or_else(|_| value.to_owned(), show_bytes),
            Kind::Choice(words) => {
                words.iter().find(|(_, aws)| *aws == value).map_or(value, |(word, _)| *word).to_owned()
            }
            Kind::Number { .. } | Kind::Flag | Kind::Text { .. } | Kind::Json => value.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_the_file_spells_them() {
        let shown = |key: &str, value: &str| {
            QUEUE.iter().find(|field| field.key == key).map(|field| field.show(value)).unwrap()
        };
        assert_eq!(shown("retention", "345600"), "4d");
        assert_eq!(shown("visibility_timeout", "90"), "1m30s");
        assert_eq!(shown("maximum_message_size", "262144"), "256KiB");
        assert_eq!(shown("fifo_throughput", "perMessageGroupId"), "message_group");
        assert_eq!(shown("delay", "soon"), "soon");
    }
}
