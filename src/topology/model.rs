//! What a topology file says, with its places.

use std::collections::BTreeMap;

use super::fields::Field;
use super::problem::{Place, Problem, Severity};
use super::yaml::Node;
use crate::filter::Scope;

/// A whole file. Everything is in the order of the file.
///
/// Topics and queues have two names: the `key` by which the file calls them, and the `name` by which the bus does, which is the
/// key with the prefix before it, or the ARN of what is external. Everything that refers to a topic or a queue holds the
/// latter, so that it can be handed to the bus, or to [`Arns`](super::live::Arns), as it is.
#[derive(Clone, Debug)]
pub struct Topology {
    /// The language's version.
    pub version: u64,
    /// The topology's name.
    pub name: String,
    /// What stands before the name of every topic and queue that the file makes; empty when there is none.
    pub prefix: String,
    /// The topics.
    pub topics: Vec<Topic>,
    /// The queues, dead-letter queues among them.
    pub queues: Vec<Queue>,
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// The routing table.
    pub events: Vec<Route>,
    /// Where `events:` stands, or where the file begins.
    pub events_place: Place,
    /// Findings that do not stop the work.
    pub warnings: Vec<Problem>,
    /// The files' names: the topology's own, then its overlays'.
    pub files: Vec<String>,
}

/// The plain fields that the file states, with AWS's text for each. A field that is not stated is not here.
#[derive(Clone, Debug, Default)]
pub struct Settings(pub(crate) Vec<(&'static Field, String, Place)>);

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name in the file.
    pub key: String,
    /// Its name at the bus; of an external one its ARN.
    pub name: String,
    /// Made by somebody else: referred to, never created, changed or deleted.
    pub external: bool,
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
    /// Its name in the file.
    pub key: String,
    /// Its name at the bus; of an external one its ARN.
    pub name: String,
    /// Made by somebody else: referred to, never created, changed or deleted.
    pub external: bool,
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
    /// The name of the dead-letter queue.
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
    /// These, by their names: at most ten.
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
    pub(super) node: Node,
}

/// One entry of the routing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `Event`, `Publisher.Event`, or a pattern with `*`.
    pub pattern: String,
    /// Where it stands.
    pub place: Place,
    /// The names of its topics, one as a rule; none: it goes nowhere, on purpose.
    pub topics: Vec<String>,
    pub(crate) topic_places: Vec<Place>,
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

    /// Where the part of a JSON pointer stands, and its dotted path; the deepest part that is there.
    pub fn locate(&self, pointer: &str) -> (Place, String) {
        self.node.locate(pointer)
    }
}

/// The last part of an ARN; a plain name is itself.
fn bare(name_or_arn: &str) -> &str {
    name_or_arn.rsplit(':').next().unwrap_or(name_or_arn)
}

/// Whether the thing of ours that the bus calls `name` is meant by `asked`, an ARN. What is external is known by its whole ARN
/// alone: another account may have one of the same name.
fn is_meant(name: &str, asked: &str) -> bool {
    !name.contains(':') && name == bare(asked)
}

/// The thing that is called exactly `asked` at the bus, else the one that is meant by it, else the one that the file calls so;
/// `names` gives a thing's name at the bus and its key. The exact name goes first: the ARN of what is external ends in the name
/// of our own namesake.
fn found<'a, T>(all: &'a [T], asked: &str, names: impl Fn(&T) -> (&str, &str)) -> Option<&'a T> {
    let exact = all.iter().find(|one| names(one).0 == asked);
    let meant = || all.iter().find(|one| is_meant(names(one).0, asked));
    exact.or_else(meant).or_else(|| all.iter().find(|one| names(one).1 == asked))
}

impl Topology {
    /// What the tag [`OWNER_TAG`](super::OWNER_TAG) says on everything that this topology makes: its name, and the prefix if
    /// it has one, so that `dev-` and `prod-` of one file never take each other's things for their own.
    pub fn owner(&self) -> String {
        // A `:` is in no name and no prefix.
        if self.prefix.is_empty() { self.name.clone() } else { format!("{}:{}", self.name, self.prefix) }
    }

    /// The topic that the bus knows by that name or ARN, else the one that the file calls so.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        found(&self.topics, name, |topic| (&topic.name, &topic.key))
    }

    /// The queue that the bus knows by that name or ARN, else the one that the file calls so.
    pub fn queue(&self, name: &str) -> Option<&Queue> {
        found(&self.queues, name, |queue| (&queue.name, &queue.key))
    }

    /// The topics that this file makes: all but the external ones.
    pub fn own_topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter().filter(|topic| !topic.external)
    }

    /// The queues that this file makes: all but the external ones.
    pub fn own_queues(&self) -> impl Iterator<Item = &Queue> {
        self.queues.iter().filter(|queue| !queue.external)
    }

    /// The subscriptions to a topic, which is named as for [`Topology::topic`], in the order of the file.
    pub fn subscriptions_of<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Subscription> {
        let name = self.topic(topic).map_or(topic, |topic| topic.name.as_str());
        self.subscriptions.iter().filter(move |subscription| subscription.topic == name)
    }

    /// A finding of somebody who knows more than the files, in the files' own form.
    pub fn warning(&self, place: Place, path: &str, message: String, fix: Option<String>) -> Problem {
        let file = self.files.get(usize::from(place.file)).cloned().unwrap_or_default();
        Problem { severity: Severity::Warning, file, place, path: path.to_owned(), message, fix }
    }

    /// Whether some queue or subscription sends its dead letters there.
    pub fn is_dead_letter_target(&self, queue: &str) -> bool {
        self.queues.iter().filter_map(|q| q.dead_letter.as_ref()).any(|dead| dead.queue == queue)
            || self.subscriptions.iter().filter_map(|s| s.dead_letter.as_ref()).any(|(name, _)| name == queue)
    }

    /// The only queue of its own that is not a dead-letter target; `None` when there are more, or none.
    pub fn default_queue(&self) -> Option<&Queue> {
        let mut working = self.own_queues().filter(|queue| !self.is_dead_letter_target(&queue.name));
        working.next().filter(|_| working.next().is_none())
    }

    /// The names of the events that are routed literally, for "did you mean".
    pub fn event_names(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(Route::event_name)
    }
}

impl Topology {
    /// Puts the bus's names in the place of the file's own, by which the checks know everything.
    pub(super) fn name_as_the_bus(&mut self) {
        let topics: BTreeMap<_, _> = self.topics.iter().map(|topic| (topic.key.clone(), topic.name.clone())).collect();
        let queues: BTreeMap<_, _> = self.queues.iter().map(|queue| (queue.key.clone(), queue.name.clone())).collect();
        let rename = |names: &BTreeMap<String, String>, name: &mut String| {
            if let Some(at_bus) = names.get(name) {
                name.clone_from(at_bus);
            }
        };
        for queue in &mut self.queues {
            queue.dead_letter.iter_mut().for_each(|dead| rename(&queues, &mut dead.queue));
            if let Some(RedriveAllow::Queues(names)) = &mut queue.redrive_allow {
                names.iter_mut().for_each(|(name, _)| rename(&queues, name));
            }
        }
        for subscription in &mut self.subscriptions {
            rename(&topics, &mut subscription.topic);
            rename(&queues, &mut subscription.queue);
            subscription.dead_letter.iter_mut().for_each(|(name, _)| rename(&queues, name));
        }
        self.events.iter_mut().flat_map(|route| &mut route.topics).for_each(|topic| rename(&topics, topic));
    }
}
