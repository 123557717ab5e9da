//! What stands at the bus, as far as a topology needs to know it. Filled by the bus, compared by the plan.

use std::collections::BTreeMap;

/// Attributes or tags by name.
pub type Texts = BTreeMap<String, String>;

/// Where the bus is: enough to know a resource's ARN before it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arns {
    /// `aws`, `aws-cn`, ….
    pub partition: String,
    /// The region.
    pub region: String,
    /// The account that owns what is made.
    pub account: String,
}

impl Arns {
    /// The ARN of a topic of this name; an ARN is itself.
    pub fn topic(&self, name: &str) -> String {
        if is_arn(name) {
            return name.to_owned();
        }
        format!("arn:{}:sns:{}:{}:{name}", self.partition, self.region, self.account)
    }

    /// The ARN of a queue of this name; an ARN is itself.
    pub fn queue(&self, name: &str) -> String {
        if is_arn(name) {
            return name.to_owned();
        }
        format!("arn:{}:sqs:{}:{}:{name}", self.partition, self.region, self.account)
    }
}

/// Whether a name is an ARN: then the thing belongs to somebody else, and is referred to only.
pub fn is_arn(name: &str) -> bool {
    name.starts_with("arn:")
}

/// A topic that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveTopic {
    /// Its ARN.
    pub arn: String,
    /// Every attribute that `GetTopicAttributes` answers.
    pub attributes: Texts,
    /// Its tags; `None` when they may not be read.
    pub tags: Option<Texts>,
}

/// A queue that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveQueue {
    /// Its URL.
    pub url: String,
    /// Every attribute that `GetQueueAttributes` answers.
    pub attributes: Texts,
    /// Its tags; `None` when they may not be read.
    pub tags: Option<Texts>,
}

impl LiveQueue {
    /// About how many messages it holds: waiting, in flight and delayed.
    pub fn messages(&self) -> u64 {
        ["", "NotVisible", "Delayed"]
            .iter()
            .filter_map(|end| self.attributes.get(&format!("ApproximateNumberOfMessages{end}"))?.parse::<u64>().ok())
            .sum()
    }
}

/// A subscription that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSubscription {
    /// Its ARN; empty while it waits for a confirmation.
    pub arn: String,
    /// The topic's ARN.
    pub topic_arn: String,
    /// How it is delivered: `sqs`, `https`, `lambda`, ….
    pub protocol: String,
    /// Where to: the ARN of a queue, or what else the protocol takes.
    pub queue_arn: String,
    /// What `GetSubscriptionAttributes` answers; empty for a subscription that the file does not have.
    pub attributes: Texts,
}

/// Everything that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Topics that exist, by name: those of the file, those that carry its tag where the bus was listed, and those that one of
    /// the file may replace.
    pub topics: BTreeMap<String, LiveTopic>,
    /// Queues that exist, by name; likewise.
    pub queues: BTreeMap<String, LiveQueue>,
    /// The subscriptions of those topics, of external ones, and of topics that our policy statements still name.
    pub subscriptions: Vec<LiveSubscription>,
    /// ARNs of topics whose subscriptions could not be read: permissions for them are left standing.
    pub unread_topics: Vec<String>,
}
