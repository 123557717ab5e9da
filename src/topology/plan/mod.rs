//! The plan: desired × actual → changes, in an order in which they can be made.
//!
//! Additive: nothing is ever deleted. What is external to the file has no row of its own. What this topology made (its tag says so) is brought to what the file says, and to AWS's
//! default where the file says nothing; of what somebody else made only the stated fields are changed. Everything is compared
//! by meaning, so that a second plan after an apply is empty.

mod outside;
mod resources;
mod subscriptions;
mod values;

pub(crate) use resources::policy_limits;
pub use values::same_json;

use super::live::{Arns, Live, Texts};
use super::model::Topology;

/// What kind of thing a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A topic.
    Topic,
    /// A queue.
    Queue,
    /// Statements in a topic's access policy.
    TopicPolicy,
    /// Statements in a queue's access policy.
    QueuePolicy,
    /// A queue's subscription to a topic.
    Subscription,
}

impl Kind {
    /// Its name for people.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Queue => "queue",
            Self::TopicPolicy => "topic policy",
            Self::QueuePolicy => "queue policy",
            Self::Subscription => "subscription",
        }
    }

    /// Its name in machine records.
    pub const fn id(self) -> &'static str {
        match self {
            Self::TopicPolicy => "topic_policy",
            Self::QueuePolicy => "queue_policy",
            other => other.noun(),
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It does not exist.
    Create,
    /// It exists and differs.
    Change,
    /// It is as it should be.
    Unchanged,
}

impl Action {
    /// Its name, for people and machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Unchanged => "unchanged",
        }
    }
}

/// One field that gets a value, in the file's spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The field's key in the file.
    pub field: String,
    /// What stands there; `None` for nothing.
    pub old: Option<String>,
    /// What it becomes; `None` for nothing.
    pub new: Option<String>,
}

/// One row of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is about.
    pub kind: Kind,
    /// The resource's name; `topic → queue` for a subscription.
    pub name: String,
    /// What is to be done.
    pub action: Action,
    /// The fields, for a creation the stated ones.
    pub fields: Vec<FieldChange>,
    /// What else to know about it.
    pub notes: Vec<String>,
    /// Positions in [`Plan::changes`] of what has to be there first.
    pub needs: Vec<usize>,
    /// The work.
    pub work: Work,
}

/// The calls of a change, with AWS's own names and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// None.
    Nothing,
    /// `CreateTopic`.
    CreateTopic {
        /// The attributes.
        attributes: Texts,
        /// The tags, the owner's among them.
        tags: Texts,
    },
    /// `SetTopicAttributes` for each, `TagResource`.
    ChangeTopic {
        /// The topic's ARN.
        arn: String,
        /// The attributes that differ.
        attributes: Texts,
        /// The tags that differ.
        tags: Texts,
    },
    /// `CreateQueue`.
    CreateQueue {
        /// The attributes.
        attributes: Texts,
        /// The tags, the owner's among them.
        tags: Texts,
    },
    /// `SetQueueAttributes`, `TagQueue`.
    ChangeQueue {
        /// The queue's URL.
        url: String,
        /// The attributes that differ.
        attributes: Texts,
        /// The tags that differ.
        tags: Texts,
    },
    /// Read the policy, merge, set it.
    MergePolicy {
        /// The resource's ARN.
        arn: String,
        /// The statements that have to stand.
        statements: Vec<serde_json::Value>,
        /// Statement ids of ours that have to go.
        gone: Vec<String>,
    },
    /// `Subscribe`.
    Subscribe {
        /// The topic's ARN.
        topic_arn: String,
        /// The queue's ARN.
        queue_arn: String,
        /// The attributes.
        attributes: Texts,
    },
    /// `SetSubscriptionAttributes` for each, in this order.
    ChangeSubscription {
        /// The subscription's ARN.
        arn: String,
        /// The attributes that differ.
        attributes: Vec<(String, Option<String>)>,
    },
}

/// The whole plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The topology's name.
    pub topology: String,
    /// Every resource of the file, unchanged ones too.
    pub changes: Vec<Change>,
    /// What somebody should know before going ahead.
    pub warnings: Vec<String>,
    /// Why it cannot be applied; empty when it can.
    pub faults: Vec<String>,
}

impl Plan {
    /// How many rows have this action.
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }

    /// Whether everything is as the file says.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.action == Action::Unchanged)
    }
}

/// Compares what the file says with what stands at the bus.
pub fn plan(topology: &Topology, live: &Live, arns: &Arns) -> Plan {
    let mut plan = Plan { topology: topology.name.clone(), ..Plan::default() };
    let topics = topology.own_topics().map(|topic| resources::topic(topology, topic, live)).collect::<Vec<_>>();
    plan.changes.extend(topics);
    // Dead-letter queues stand before the queues that name them.
    let mut queues: Vec<_> = topology.own_queues().collect();
    queues.sort_by_key(|queue| depth(topology, &queue.name));
    for queue in &queues {
        let needs = queue.dead_letter.as_ref().and_then(|dead| find(&plan, Kind::Queue, &dead.queue));
        let mut change = resources::queue(topology, queue, live, arns, &mut plan.warnings);
        change.needs.extend(needs);
        plan.changes.push(change);
    }
    for topic in topology.own_topics() {
        let needs = find(&plan, Kind::Topic, &topic.name);
        if let Some(mut change) = resources::topic_policy(topic, live, arns, &mut plan.faults) {
            change.needs.extend(needs);
            plan.changes.push(change);
        }
    }
    for queue in topology.own_queues() {
        let needs = find(&plan, Kind::Queue, &queue.name);
        if let Some(mut change) = resources::queue_policy(topology, queue, live, arns, &mut plan.faults) {
            change.needs.extend(needs);
            plan.changes.push(change);
        }
    }
    for subscription in &topology.subscriptions {
        let mut change = subscriptions::subscription(topology, subscription, live, arns);
        // The policy first: a subscription whose queue does not let it in loses what it gets.
        change.needs = [
            find(&plan, Kind::Topic, &subscription.topic),
            find(&plan, Kind::Queue, &subscription.queue),
            find(&plan, Kind::QueuePolicy, &subscription.queue),
            subscription.dead_letter.as_ref().and_then(|(name, _)| find(&plan, Kind::Queue, name)),
            subscription.dead_letter.as_ref().and_then(|(name, _)| find(&plan, Kind::QueuePolicy, name)),
        ]
        .into_iter()
        .flatten()
        .collect();
        plan.changes.push(change);
    }
    plan.warnings.extend(subscriptions::strangers(topology, live, arns));
    plan.faults.extend(outside::faults(topology, arns));
    plan
}

fn find(plan: &Plan, kind: Kind, name: &str) -> Option<usize> {
    plan.changes.iter().position(|change| change.kind == kind && change.name == name)
}

/// How many dead-letter steps lie behind a queue. The checks refuse circles, so this ends; it is bounded all the same.
fn depth(topology: &Topology, queue: &str) -> usize {
    let next = |name: &String| {
        topology.queue(name).and_then(|queue| queue.dead_letter.as_ref()).map(|dead| dead.queue.clone())
    };
    std::iter::successors(Some(queue.to_owned()), next).take(topology.queues.len() + 1).count()
}
