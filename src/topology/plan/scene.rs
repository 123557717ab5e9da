//! What every row of the plan is made from, looked up fast: a plan of thousands of subscriptions takes no longer than it has to.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::owner::{self, Maker};
use super::topics::twin;
use super::{Change, FieldChange, Kind, Options};
use crate::topology::Topology;
use crate::topology::fields::Field;
use crate::topology::live::{Arns, Live, LiveSubscription, Texts};
use crate::topology::model::{Settings, Subscription};

/// The file, what stands, and what was asked for.
pub(super) struct Scene<'a> {
    pub(super) topology: &'a Topology,
    pub(super) live: &'a Live,
    pub(super) arns: &'a Arns,
    pub(super) options: Options,
    pub(super) owner: String,
    /// ARNs of what stands and carries our tag.
    ours: BTreeSet<String>,
    /// ARNs of what will be ours when the plan is applied.
    will_be_ours: BTreeSet<String>,
    /// The file's subscriptions, by the ARNs of their ends.
    wanted: HashSet<(String, String)>,
    /// What stands, by the ARNs of its ends.
    standing: HashMap<(&'a str, &'a str), &'a LiveSubscription>,
    /// The topics (ARNs) that send to a queue (ARN) as the file says, dead letters among them.
    senders: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(topology: &'a Topology, live: &'a Live, arns: &'a Arns, options: Options) -> Self {
        let owner = owner::owner(topology);
        let is_ours = |tags: Option<&Texts>| owner::is_ours(&owner, tags);
        let topics = live.topics.iter().filter(|(_, topic)| is_ours(topic.tags.as_ref()));
        let mut ours: BTreeSet<String> = topics.map(|(name, _)| arns.topic(name)).collect();
        let queues = live.queues.iter().filter(|(_, queue)| is_ours(queue.tags.as_ref()));
        ours.extend(queues.map(|(name, _)| arns.queue(name)));
        let mut will_be_ours = ours.clone();
        let taken = |tags: Option<Option<&Texts>>| match tags {
            None => true, // it is made
            Some(tags) => options.adopt && owner::maker(&owner, tags) == Maker::Nobody,
        };
        for topic in topology.own_topics() {
            if taken(live.topics.get(&topic.name).map(|topic| topic.tags.as_ref())) {
                will_be_ours.insert(arns.topic(&topic.name));
            }
        }
        for queue in topology.own_queues() {
            if taken(live.queues.get(&queue.name).map(|queue| queue.tags.as_ref())) {
                will_be_ours.insert(arns.queue(&queue.name));
            }
        }
        let ends = |s: &Subscription| (arns.topic(&s.topic), arns.queue(&s.queue));
        let mut senders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for subscription in &topology.subscriptions {
            let (topic, queue) = ends(subscription);
            if let Some((dead, _)) = &subscription.dead_letter {
                senders.entry(arns.queue(dead)).or_default().insert(topic.clone());
            }
            senders.entry(queue).or_default().insert(topic);
        }
        let standing = live.subscriptions.iter().map(|s| ((s.topic_arn.as_str(), s.queue_arn.as_str()), s)).collect();
        let wanted = topology.subscriptions.iter().map(ends).collect();
        Self { topology, live, arns, options, owner, ours, will_be_ours, wanted, standing, senders }
    }

    pub(super) fn maker(&self, tags: Option<&'a Texts>) -> Maker<'a> {
        owner::maker(&self.owner, tags)
    }

    /// Whether this stands and carries our tag.
    pub(super) fn is_ours(&self, arn: &str) -> bool {
        self.ours.contains(arn)
    }

    /// The same, once the plan is applied.
    pub(super) fn will_be_ours(&self, arn: &str) -> bool {
        self.will_be_ours.contains(arn)
    }

    /// Whether the file has a subscription of the queue to the topic.
    pub(super) fn wants(&self, topic_arn: &str, queue_arn: &str) -> bool {
        self.wanted.contains(&(topic_arn.to_owned(), queue_arn.to_owned()))
    }

    /// The subscription that stands between the two.
    pub(super) fn standing(&self, topic_arn: &str, queue_arn: &str) -> Option<&'a LiveSubscription> {
        self.standing.get(&(topic_arn, queue_arn)).copied()
    }

    /// The topics that have to be let into a queue.
    pub(super) fn senders(&self, queue_arn: &str) -> BTreeSet<String> {
        self.senders.get(queue_arn).cloned().unwrap_or_default()
    }

    /// Whether a subscription that stands is ours: both its ends are, or the tags of its queue record it.
    pub(super) fn subscription_is_ours(&self, subscription: &LiveSubscription) -> bool {
        if subscription.protocol != "sqs" || !self.is_ours(&subscription.queue_arn) {
            return false;
        }
        let tags = || self.live.queues.get(last(&subscription.queue_arn))?.tags.as_ref();
        self.is_ours(&subscription.topic_arn)
            || tags().is_some_and(|tags| tags.contains_key(&owner::pair_key(&subscription.topic_arn)))
    }

    /// Whether a subscription that stands is deleted by the plan, by itself: those of a deleted topic go with it.
    pub(super) fn goes(&self, subscription: &LiveSubscription) -> bool {
        (self.options.lists() || self.replaces_queue(last(&subscription.queue_arn)))
            && !subscription.arn.is_empty()
            && self.subscription_is_ours(subscription)
            && !self.wants(&subscription.topic_arn, &subscription.queue_arn)
            && !self.topic_goes(&subscription.topic_arn)
    }

    /// Whether the file has this topic or queue, by its name at the bus.
    pub(super) fn names_topic(&self, name: &str) -> bool {
        self.topology.topics.iter().any(|topic| topic.name == name)
    }

    pub(super) fn names_queue(&self, name: &str) -> bool {
        self.topology.queues.iter().any(|queue| queue.name == name)
    }

    /// The name of a subscription for people: what is not of this place with its whole ARN.
    pub(super) fn named(&self, topic_arn: &str, queue_arn: &str) -> String {
        let (topic, queue) = (last(topic_arn), last(queue_arn));
        let topic = if self.arns.topic(topic) == topic_arn { topic } else { topic_arn };
        let queue = if self.arns.queue(queue) == queue_arn { queue } else { queue_arn };
        format!("{topic} → {queue}")
    }

    /// Whether the plan deletes this topic because the tag says that it is ours and the file does not have it.
    pub(super) fn topic_goes(&self, arn: &str) -> bool {
        self.is_ours(arn) && !self.names_topic(last(arn)) && (self.options.lists() || self.replaces_topic(last(arn)))
    }

    /// Whether one of the other type takes this topic's place, which is made by the same plan.
    fn replaces_topic(&self, old: &str) -> bool {
        let new = twin(old);
        self.options.allow_replace
            && !self.names_topic(old)
            && self.topology.own_topics().any(|topic| topic.name == new)
            && !self.live.topics.contains_key(&new)
    }

    /// The same of a queue.
    fn replaces_queue(&self, old: &str) -> bool {
        let new = twin(old);
        self.options.allow_replace
            && !self.names_queue(old)
            && self.topology.own_queues().any(|queue| queue.name == new)
            && !self.live.queues.contains_key(&new)
    }
}

/// The last part of an ARN; a plain name is itself.
pub(super) fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// Attribute changes on their way into a row.
#[derive(Default)]
pub(super) struct Differences {
    pub(super) fields: Vec<FieldChange>,
    pub(super) attributes: Texts,
}

impl Differences {
    pub(super) fn add(
        &mut self,
        field: &str,
        attribute: &str,
        (old, new): (Option<String>, Option<String>),
        value: String,
    ) {
        self.fields.push(FieldChange { field: field.to_owned(), old, new });
        self.attributes.insert(attribute.to_owned(), value);
    }

    /// The plain fields: the stated ones, and for what is ours the defaults of the others.
    pub(super) fn plain(&mut self, known: &'static [Field], settings: &Settings, actual: &Texts, ours: bool) {
        for field in known {
            let stated = settings.get(field.attribute);
            let Some(wanted) = stated.or_else(|| field.default.filter(|_| ours && !field.immutable)) else { continue };
            let standing = actual.get(field.attribute).map(String::as_str);
            if super::values::same(field, standing, wanted) || field.immutable {
                continue;
            }
            let old = standing.or(field.default).filter(|text| !text.is_empty()).map(|text| field.show(text));
            let new = Some(field.show(wanted)).filter(|text| !text.is_empty());
            self.add(field.key, field.attribute, (old, new), wanted.to_owned());
        }
    }

    /// The stated fields of something that does not exist yet.
    pub(super) fn fresh(settings: &Settings) -> Self {
        let mut differences = Self::default();
        for (field, value) in settings.iter() {
            differences.add(field.key, field.attribute, (None, Some(field.show(value))), value.to_owned());
        }
        differences
    }
}

/// A row without needs and guard.
pub(super) fn row(
    kind: Kind,
    name: impl Into<String>,
    action: super::Action,
    fields: Vec<FieldChange>,
    work: super::Work,
) -> Change {
    Change { kind, name: name.into(), action, fields, notes: Vec::new(), needs: Vec::new(), guard: None, work }
}
