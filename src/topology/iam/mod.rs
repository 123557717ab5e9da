//! Which AWS permissions a verb needs on the things of a topology: least privilege as an IAM policy document.
//!
//! One statement for each set of resources that needs the same actions. The lists are what the verbs call, no more; a test runs
//! each verb through a recorder and holds the two together. `GetCallerIdentity`, by which a topic's ARN is completed where the
//! context names no account, needs no permission. The listing calls by which a wrong name gets its suggestions are a courtesy
//! and not granted: without them the suggestions are missing and nothing else. Nor is reading a namesake of the other type, by
//! which a replacement is recognised: who may replace may delete, and that policy reads everything of the prefix.
//!
//! Actions and the resources they take: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html>.
//! Encrypted topics and queues: <https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html>,
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>.

mod actions;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::live::{Arns, is_arn};
use super::model::{Queue, Settings, Topology};
use super::{OWNER_TAG, TAP_PREFIX};
use actions::*;

/// The verbs that have a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Publish to topics.
    Publish,
    /// Handle what is in queues.
    Consume {
        /// The topics (names at the bus) that the outcome events go to.
        announces: Vec<String>,
    },
    /// Look at what is in queues, or passes through topics.
    Tail(Looking),
    /// Send what is in queues, dead letters above all, somewhere else.
    Replay {
        /// Where to.
        to: Destination,
        /// SQS moves them by itself.
        native: bool,
        /// Where the destination is, when it is not where the source is.
        there: Option<Arns>,
    },
    /// Bring the bus to what the file says.
    Provision {
        /// Deletes too.
        prune: bool,
    },
}

/// How it is looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Looking {
    /// Through a tap, or by receiving where no topic feeds the queue.
    #[default]
    Auto,
    /// Through a tap alone.
    Tap,
    /// By receiving and giving back.
    Receive,
    /// By receiving and deleting.
    Drain,
}

/// Where a replay sends what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To the queues that dead-lettered it.
    Origin,
    /// To this queue of the topology, or ARN.
    Queue(String),
    /// To this topic of the topology, or ARN.
    Topic(String),
    /// Into a file.
    File,
}

/// On what: names or ARNs. Nothing means all that the topology has for the verb.
#[derive(Clone, Debug, Default)]
pub struct Narrowed {
    /// These topics.
    pub topics: Vec<String>,
    /// These queues.
    pub queues: Vec<String>,
}

/// The policy document for `verbs` on the things of `topology`.
///
/// # Errors
/// Something that is narrowed to is not in the topology (its name), or there is nothing of the kind that a verb needs.
pub fn policy(topology: &Topology, verbs: &[Verb], narrowed: &Narrowed, arns: &Arns) -> Result<Value, IamFault> {
    let mut needs = Needs { topology, arns, granted: BTreeMap::new() };
    for verb in verbs {
        match verb {
            Verb::Publish => {
                for topic in needs.topics(narrowed)? {
                    needs.topic(topic, PUBLISH, KEY_TO_WRITE);
                }
            }
            Verb::Consume { announces } => {
                for queue in needs.queues(narrowed, "consume", false)? {
                    needs.queue(queue, CONSUME, KEY_TO_READ);
                    // A rejected event goes to the dead-letter queue by our own hand.
                    if let Some(dead) = topology.queue(queue).and_then(|queue| queue.dead_letter.as_ref()) {
                        needs.queue(&dead.queue, SEND, KEY_TO_WRITE);
                    }
                }
                announces.iter().for_each(|topic| needs.topic(topic, PUBLISH, KEY_TO_WRITE));
            }
            Verb::Tail(looking) => needs.tail(narrowed, *looking)?,
            Verb::Replay { to, native, there } => {
                needs.replay(narrowed, to, *native, there.as_ref().unwrap_or(arns))?
            }
            Verb::Provision { prune } => needs.provision(*prune),
        }
    }
    Ok(needs.document())
}

/// Why there is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IamFault {
    /// A name that the topology does not have.
    #[error("the topology has no {kind} `{name}`")]
    Unknown {
        /// `topic` or `queue`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Nothing to grant anything on.
    #[error("the topology has no {what}, so there is nothing to grant for `{verb}`")]
    Nothing {
        /// What is missing.
        what: &'static str,
        /// The verb.
        verb: &'static str,
    },
}

struct Needs<'a> {
    topology: &'a Topology,
    arns: &'a Arns,
    /// Actions by resource and condition; both as they are compared.
    granted: BTreeMap<(String, String), Vec<&'static str>>,
}

impl<'a> Needs<'a> {
    /// The topics to publish to: those asked for, else those that events are routed to, else all.
    fn topics(&self, narrowed: &Narrowed) -> Result<Vec<&'a str>, IamFault> {
        if !narrowed.topics.is_empty() {
            return narrowed.topics.iter().map(|name| self.known_topic(name)).collect();
        }
        let routed = |name: &str| {
            self.topology.events.is_empty()
                || self.topology.events.iter().flat_map(|e| &e.topics).any(|topic| topic == name)
        };
        let all: Vec<&str> =
            self.topology.topics.iter().map(|topic| topic.name.as_str()).filter(|name| routed(name)).collect();
        if all.is_empty() { Err(IamFault::Nothing { what: "topic", verb: "publish" }) } else { Ok(all) }
    }

    /// The queues asked for, else all that do, or do not, take dead letters.
    fn queues(&self, narrowed: &Narrowed, verb: &'static str, dead: bool) -> Result<Vec<&'a str>, IamFault> {
        if !narrowed.queues.is_empty() {
            return narrowed.queues.iter().map(|name| self.known_queue(name)).collect();
        }
        let fits = |name: &&str| self.topology.is_dead_letter_target(name) == dead;
        let all: Vec<&str> = self.topology.queues.iter().map(|queue| queue.name.as_str()).filter(fits).collect();
        let what = if dead { "dead-letter queue" } else { "queue to work on" };
        if all.is_empty() { Err(IamFault::Nothing { what, verb }) } else { Ok(all) }
    }

    fn known_topic(&self, name: &str) -> Result<&'a str, IamFault> {
        let topic = self.topology.topic(name).map(|topic| topic.name.as_str());
        topic.ok_or_else(|| IamFault::Unknown { kind: "topic", name: name.to_owned() })
    }

    fn known_queue(&self, name: &str) -> Result<&'a str, IamFault> {
        let queue = self.topology.queue(name).map(|queue| queue.name.as_str());
        queue.ok_or_else(|| IamFault::Unknown { kind: "queue", name: name.to_owned() })
    }

    fn tail(&mut self, narrowed: &Narrowed, looking: Looking) -> Result<(), IamFault> {
        let taps = matches!(looking, Looking::Auto | Looking::Tap);
        let named = if taps { narrowed.topics.as_slice() } else { &[] };
        for topic in named {
            let topic = self.known_topic(topic)?;
            self.topic(topic, TAPPED_BY_NAME, &[]);
            self.tap(topic);
        }
        if !named.is_empty() && narrowed.queues.is_empty() {
            return Ok(());
        }
        for queue in self.queues(narrowed, "tail", false)? {
            match looking {
                Looking::Tap => self.queue(queue, TAPPED_QUEUE, &[]),
                Looking::Auto | Looking::Receive => self.queue(queue, TAIL, KEY_TO_READ),
                Looking::Drain => {
                    self.queue(queue, TAIL, KEY_TO_READ);
                    self.queue(queue, DRAIN, &[]);
                }
            }
            if !taps {
                continue;
            }
            self.grant("*".into(), None, TAP_FEEDS);
            let topology = self.topology;
            for subscription in topology.subscriptions.iter().filter(|subscription| subscription.queue == queue) {
                self.tap(&subscription.topic);
            }
        }
        Ok(())
    }

    /// What a tap on a topic needs. It subscribes nothing but taps: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html#amazonsns-policy-keys>.
    fn tap(&mut self, topic: &str) {
        let taps = self.arns.queue(&format!("{TAP_PREFIX}*"));
        let only_taps = json!({ "StringLike": { "sns:Endpoint": taps }, "StringEquals": { "sns:Protocol": "sqs" } });
        self.grant(self.arns.topic(topic), Some(only_taps), TAP_TOPIC);
        self.grant(taps, None, TAP);
        self.grant("*".into(), None, TAP_ANY);
    }

    fn replay(&mut self, narrowed: &Narrowed, to: &Destination, native: bool, there: &Arns) -> Result<(), IamFault> {
        let topology = self.topology;
        for queue in self.queues(narrowed, "replay", true)? {
            self.queue(queue, if native { REPLAY_NATIVE } else { REPLAY }, KEY_TO_READ);
            if *to != Destination::Origin {
                continue;
            }
            self.queue(queue, REPLAY_TO_ORIGIN, &[]);
            let sends_here = |source: &&Queue| source.dead_letter.as_ref().is_some_and(|dead| dead.queue == queue);
            for source in topology.queues.iter().filter(sends_here) {
                self.queue(&source.name, ORIGIN, &[]);
                self.queue_at(there, &source.name, SEND, KEY_TO_WRITE);
            }
        }
        match to {
            Destination::Queue(name) if is_arn(name) => self.queue_at(there, name, SEND, KEY_TO_WRITE),
            Destination::Queue(name) => self.queue_at(there, self.known_queue(name)?, SEND, KEY_TO_WRITE),
            Destination::Topic(name) if is_arn(name) => self.topic_at(there, name, PUBLISH, KEY_TO_WRITE),
            Destination::Topic(name) => self.topic_at(there, self.known_topic(name)?, PUBLISH, KEY_TO_WRITE),
            Destination::Origin | Destination::File => {}
        }
        Ok(())
    }

    fn grant(&mut self, resource: String, condition: Option<Value>, actions: &[&'static str]) {
        let condition = condition.map(|condition| condition.to_string()).unwrap_or_default();
        self.granted.entry((resource, condition)).or_default().extend(actions);
    }

    fn topic(&mut self, name: &str, actions: &[&'static str], key: &[&'static str]) {
        self.topic_at(self.arns, name, actions, key);
    }

    fn topic_at(&mut self, arns: &Arns, name: &str, actions: &[&'static str], key: &[&'static str]) {
        self.grant(arns.topic(name), None, actions);
        if let Some(topic) = self.topology.topic(name) {
            self.key(arns, &topic.settings, key);
        }
    }

    fn queue(&mut self, name: &str, actions: &[&'static str], key: &[&'static str]) {
        self.queue_at(self.arns, name, actions, key);
    }

    fn queue_at(&mut self, arns: &Arns, name: &str, actions: &[&'static str], key: &[&'static str]) {
        self.grant(arns.queue(name), None, actions);
        if let Some(queue) = self.topology.queue(name) {
            self.key(arns, &queue.settings, key);
        }
    }

    fn key(&mut self, arns: &Arns, settings: &Settings, actions: &[&'static str]) {
        let Some(key) = settings.get("KmsMasterKeyId").filter(|key| !key.is_empty() && !actions.is_empty()) else {
            return;
        };
        let Arns { partition, region, account } = arns;
        let alias = key.strip_prefix("alias/").or_else(|| key.split_once(":alias/").map(|(_, alias)| alias));
        match alias {
            // A policy names keys by their ids alone; an alias is a condition:
            // https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
            Some(alias) => {
                let condition =
                    json!({ "ForAnyValue:StringEquals": { "kms:ResourceAliases": [format!("alias/{alias}")] } });
                self.grant(format!("arn:{partition}:kms:{region}:{account}:key/*"), Some(condition), actions);
            }
            None if key.starts_with("arn:") => self.grant(key.to_owned(), None, actions),
            None => self.grant(format!("arn:{partition}:kms:{region}:{account}:key/{key}"), None, actions),
        }
    }

    fn provision(&mut self, prune: bool) {
        for topic in &self.topology.topics {
            let actions = if topic.external { PROVISION_FOREIGN_TOPIC } else { PROVISION_TOPIC };
            self.grant(self.arns.topic(&topic.name), None, actions);
            let roles = ["SQSSuccessFeedbackRoleArn", "SQSFailureFeedbackRoleArn"];
            for role in roles.into_iter().filter_map(|name| topic.settings.get(name)) {
                let condition = json!({ "StringEquals": { "iam:PassedToService": "sns.amazonaws.com" } });
                self.grant(role.to_owned(), Some(condition), &["iam:PassRole"]);
            }
        }
        for queue in self.topology.own_queues() {
            self.grant(self.arns.queue(&queue.name), None, PROVISION_QUEUE);
        }
        if !self.topology.subscriptions.is_empty() {
            self.grant("*".into(), None, PROVISION_SUBSCRIPTION);
        }
        if prune {
            let any = format!("{}*", self.topology.prefix);
            let tagged = json!({ "StringEquals": { format!("aws:ResourceTag/{OWNER_TAG}"): self.topology.owner() } });
            self.grant(self.arns.topic(&any), None, PRUNE_TOPIC);
            self.grant(self.arns.queue(&any), None, PRUNE_READ_QUEUE);
            self.grant(self.arns.queue(&any), Some(tagged), PRUNE_QUEUE);
            self.grant("*".into(), None, PRUNE_ANY);
        }
    }

    /// The document: resources that are granted the same stand in one statement.
    fn document(mut self) -> Value {
        let mut statements: BTreeMap<(Vec<&str>, String), Vec<String>> = BTreeMap::new();
        for ((resource, condition), actions) in &mut self.granted {
            actions.sort_unstable();
            actions.dedup();
            statements.entry((actions.clone(), condition.clone())).or_default().push(resource.clone());
        }
        let statements: Vec<Value> = statements
            .into_iter()
            .enumerate()
            .map(|(index, ((actions, condition), resources))| {
                let mut statement = json!({
                    "Sid": format!("Eventbus{}", index + 1),
                    "Effect": "Allow",
                    "Action": actions,
                    "Resource": resources,
                });
                if let Ok(condition) = serde_json::from_str::<Value>(&condition) {
                    statement["Condition"] = condition;
                }
                statement
            })
            .collect();
        json!({ "Version": "2012-10-17", "Statement": statements })
    }
}
