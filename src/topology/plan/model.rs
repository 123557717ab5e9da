//! What a plan is made of.

use crate::topology::live::Texts;

/// What the run was asked to do besides making and changing; also in saved plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Delete what carries this topology's tag and is not in the file.
    pub prune: bool,
    /// Delete all that carries this topology's tag.
    pub destroy: bool,
    /// Take over what exists and carries no topology's tag.
    pub adopt: bool,
    /// Replace what cannot be changed: make the new one, delete the old one.
    pub allow_replace: bool,
}

impl Options {
    /// Whether everything that carries the tag has to be found, which takes listing.
    pub const fn lists(self) -> bool {
        self.prune || self.destroy
    }
}

/// What kind of thing a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A topic.
    Topic,
    /// A queue.
    Queue,
    /// Statements in a topic's access policy.
    TopicPolicy,
    /// Statements in a queue's access policy.
    QueuePolicy,
    /// A subscription to a topic.
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
    /// It comes instead of one that cannot be changed into it.
    Replace,
    /// It carries this topology's tag and is to go.
    Delete,
    /// It is as it should be.
    Unchanged,
    /// It belongs to somebody else, and is left alone.
    Foreign,
}

impl Action {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] =
        [Self::Create, Self::Change, Self::Replace, Self::Delete, Self::Unchanged, Self::Foreign];

    /// Its name, for people and machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Unchanged => "unchanged",
            Self::Foreign => "foreign",
        }
    }

    /// Whether there is nothing to do.
    pub const fn is_rest(self) -> bool {
        matches!(self, Self::Unchanged | Self::Foreign)
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

/// Why a row is only carried out by somebody who types the resource's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The name to type.
    pub name: String,
    /// What is lost: a sentence fragment.
    pub why: String,
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
    /// Positions in [`Plan::changes`] of what has to be done first.
    pub needs: Vec<usize>,
    /// Set when it destroys something.
    pub guard: Option<Guard>,
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
    /// `SetTopicAttributes` for each, `UntagResource`, `TagResource`.
    ChangeTopic {
        /// The topic's ARN.
        arn: String,
        /// The attributes that differ.
        attributes: Texts,
        /// The tags that differ.
        tags: Texts,
        /// Keys of tags of ours that have to go.
        untag: Vec<String>,
    },
    /// `CreateQueue`.
    CreateQueue {
        /// The attributes.
        attributes: Texts,
        /// The tags, the owner's among them.
        tags: Texts,
    },
    /// `SetQueueAttributes`, `UntagQueue`, `TagQueue`.
    ChangeQueue {
        /// The queue's URL.
        url: String,
        /// The attributes that differ.
        attributes: Texts,
        /// The tags that differ.
        tags: Texts,
        /// Keys of tags of ours that have to go.
        untag: Vec<String>,
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
    /// `Unsubscribe`.
    DeleteSubscription {
        /// The subscription's ARN.
        arn: String,
    },
    /// Look once more, `DeleteTopic`: its subscriptions go with it.
    DeleteTopic {
        /// The topic's ARN.
        arn: String,
        /// What its owner's tag has to say.
        owner: String,
        /// Subscriptions that may go with it, as protocol and endpoint.
        known: Vec<(String, String)>,
    },
    /// Look once more, `DeleteQueue`.
    DeleteQueue {
        /// The queue's URL.
        url: String,
        /// What its owner's tag has to say.
        owner: String,
        /// Whether messages in it may be lost.
        with_messages: bool,
    },
}

/// The whole plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The topology's name.
    pub topology: String,
    /// What was asked for.
    pub options: Options,
    /// Every resource of the file, unchanged ones too, what belongs to others where it meets the file's, and what is deleted.
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
        self.changes.iter().all(|change| change.action.is_rest())
    }

    /// The rows that need a typed name, and why.
    pub fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.changes.iter().filter_map(|change| change.guard.as_ref())
    }

    /// The topics and queues that are deleted.
    pub fn deleted(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.action == Action::Delete && change.kind != Kind::Subscription)
    }
}
