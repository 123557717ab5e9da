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
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        format!("arn:{}:sns:{}:{}:{name}", self.partition, self.region, self.account)
    }

    /// The ARN of a queue of this name; an ARN is itself.
    pub fn queue(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        format!("arn:{}:sqs:{}:{}:{name}", self.partition, self.region, self.account)
    }
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

/// A queue's subscription that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSubscription {
    /// Its ARN; empty while it waits for a confirmation.
    pub arn: String,
    /// The topic's ARN.
    pub topic_arn: String,
    /// The queue's ARN.
    pub queue_arn: String,
    /// What `GetSubscriptionAttributes` answers; empty for a subscription that the file does not have.
    pub attributes: Texts,
}

/// Everything that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// The topics of the file that exist, by name.
    pub topics: BTreeMap<String, LiveTopic>,
    /// The queues of the file that exist, by name.
    pub queues: BTreeMap<String, LiveQueue>,
    /// The queue subscriptions of the file's topics, and of topics that our policy statements still name.
    pub subscriptions: Vec<LiveSubscription>,
    /// ARNs of topics whose subscriptions could not be read: permissions for them are left standing.
    pub unread_topics: Vec<String>,
}
