//! What a topology file says, with its places.

use std::collections::BTreeMap;

use super::fields::Field;
use super::problem::{Place, Problem};
use crate::filter::Scope;

/// A whole file. Everything is in the order of the file.
#[derive(Clone, Debug)]
pub struct Topology {
    /// The language's version.
    pub version: u64,
    /// The owner's name: what this file makes carries the tag `eventbus:topology=<name>`.
    pub name: String,
    /// The topics.
    pub topics: Vec<Topic>,
    /// The queues, dead-letter queues among them.
    pub queues: Vec<Queue>,
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// The routing table.
    pub events: Vec<Route>,
    /// Findings that do not stop the work.
    pub warnings: Vec<Problem>,
}

/// The plain fields that the file states, with AWS's text for each. A field that is not stated is not here.
#[derive(Clone, Debug, Default)]
pub struct Settings(pub(crate) Vec<(&'static Field, String, Place)>);

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// The plain fields that were stated.
    pub settings: Settings,
    /// Days that a FIFO topic keeps its messages for replay; `None` when not stated.
    pub archive_days: Option<u64>,
    /// Access policy statements of the user's own, kept beside all others; each has a `Sid`.
    pub policy: Vec<serde_json::Value>,
    /// Tags of the user's own.
    pub tags: BTreeMap<String, String>,
}

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// The plain fields that were stated.
    pub settings: Settings,
    /// Where messages go that were received too often.
    pub dead_letter: Option<DeadLetter>,
    /// Which queues may use this one for their dead letters; `None` when not stated.
    pub redrive_allow: Option<RedriveAllow>,
    /// Access policy statements of the user's own, kept beside ours and all others; each has a `Sid`.
    pub policy: Vec<serde_json::Value>,
    /// Tags of the user's own.
    pub tags: BTreeMap<String, String>,
}

/// A queue's redrive policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The name of the dead-letter queue, which is in the same file.
    pub queue: String,
    /// Receives after which a message is moved: 1 to 1,000.
    pub max_receives: u64,
    /// Where the queue's name stands.
    pub place: Place,
}

/// Who may use a queue for dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedriveAllow {
    /// Every queue of the account and region; AWS's default.
    All,
    /// None.
    None,
    /// These, by their names in the same file: at most ten.
    Queues(Vec<(String, Place)>),
}

/// A queue's subscription to a topic.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The topic's name.
    pub topic: String,
    /// The queue's name.
    pub queue: String,
    /// Where the subscription stands.
    pub place: Place,
    /// Where the topic's and the queue's name stand.
    pub(crate) places: (Place, Place),
    /// What passes; `None` is everything.
    pub filter: Option<Filter>,
    /// What the filter looks at.
    pub scope: Scope,
    /// Raw delivery: the message without SNS's wrapper.
    pub raw: bool,
    /// The name of the queue for messages that SNS could not deliver.
    pub dead_letter: Option<(String, Place)>,
}

/// A filter policy as the file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// The policy.
    pub json: serde_json::Value,
    /// Where it stands.
    pub place: Place,
}

/// One entry of the routing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `Event`, `Publisher.Event`, or a pattern with `*`.
    pub pattern: String,
    /// Where it stands.
    pub place: Place,
    /// The topic's name.
    pub topic: String,
    pub(crate) topic_place: Place,
    /// The payload schema's name, when it is not the event's.
    pub schema: Option<String>,
    /// The payload field whose value is the message group on a FIFO topic: a name or a JSON pointer.
    pub group_by: Option<String>,
}

impl Settings {
    /// AWS's text for an attribute, when the file states it.
    pub fn get(&self, attribute: &str) -> Option<&str> {
        self.0.iter().find(|(field, ..)| field.attribute == attribute).map(|(_, value, _)| value.as_str())
    }

    /// Every stated field with AWS's text.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Field, &str)> {
        self.0.iter().map(|(field, value, _)| (*field, value.as_str()))
    }

    pub(crate) fn place(&self, attribute: &str) -> Option<Place> {
        self.0.iter().find(|(field, ..)| field.attribute == attribute).map(|(.., place)| *place)
    }

    fn number(&self, attribute: &str, default: u64) -> u64 {
        self.get(attribute).and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}

impl Topic {
    /// FIFO topics end in `.fifo`.
    pub fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }
}

impl Queue {
    /// FIFO queues end in `.fifo`.
    pub fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }

    /// Seconds that a received message stays hidden.
    pub fn visibility_timeout(&self) -> u64 {
        self.settings.number("VisibilityTimeout", 30)
    }

    /// Seconds that a message is kept.
    pub fn retention(&self) -> u64 {
        self.settings.number("MessageRetentionPeriod", 345_600)
    }
}

impl Filter {
    /// The policy as compact JSON, which is what SNS is sent.
    pub fn text(&self) -> String {
        self.json.to_string()
    }
}

/// The last part of an ARN; a plain name is itself.
fn bare(name_or_arn: &str) -> &str {
    name_or_arn.rsplit(':').next().unwrap_or(name_or_arn)
}

impl Topology {
    /// The topic of that name (or ARN).
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.name == bare(name))
    }

    /// The queue of that name (or ARN).
    pub fn queue(&self, name: &str) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.name == bare(name))
    }

    /// The subscriptions to a topic, named by name or ARN, in the order of the file.
    pub fn subscriptions_of<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Subscription> {
        self.subscriptions.iter().filter(move |subscription| subscription.topic == bare(topic))
    }

    /// Whether some queue or subscription sends its dead letters there.
    pub fn is_dead_letter_target(&self, queue: &str) -> bool {
        self.queues.iter().filter_map(|q| q.dead_letter.as_ref()).any(|dead| dead.queue == queue)
            || self.subscriptions.iter().filter_map(|s| s.dead_letter.as_ref()).any(|(name, _)| name == queue)
    }

    /// The only queue that is not a dead-letter target; `None` when there are more, or none.
    pub fn default_queue(&self) -> Option<&Queue> {
        let mut working = self.queues.iter().filter(|queue| !self.is_dead_letter_target(&queue.name));
        working.next().filter(|_| working.next().is_none())
    }

    /// The names of the events that are routed literally, for "did you mean".
    pub fn event_names(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(Route::event_name)
    }
}
