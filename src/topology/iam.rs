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

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::OWNER_TAG;
use super::live::Arns;
use super::model::{Settings, Topology};

/// The verbs that have a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Publish to topics.
    Publish,
    /// Handle what is in queues.
    Consume,
    /// Look at what is in queues, and give it back.
    Tail,
    /// Send dead letters back to where they came from.
    Replay,
    /// Bring the bus to what the file says.
    Provision {
        /// Deletes too.
        prune: bool,
    },
}

/// On what: names or ARNs. Nothing means all that the topology has for the verb.
#[derive(Clone, Debug, Default)]
pub struct Narrowed {
    /// These topics.
    pub topics: Vec<String>,
    /// These queues.
    pub queues: Vec<String>,
}

/// What a publisher needs on a topic.
const PUBLISH: &[&str] = &["sns:GetTopicAttributes", "sns:Publish"];
const CONSUME: &[&str] = &[
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
];
const TAIL: &[&str] =
    &["sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"];
/// What is needed where messages are put: a dead-letter queue of a consumer, the origin of a replay.
const SEND: &[&str] = &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"];
const REPLAY: &[&str] = &[
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ListDeadLetterSourceQueues",
    "sqs:ReceiveMessage",
];
const PROVISION_TOPIC: &[&str] = &[
    "sns:CreateTopic",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:ListTagsForResource",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
    "sns:TagResource",
];
/// Not bound to a topic: these take no resource.
const PROVISION_SUBSCRIPTION: &[&str] = &["sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes"];
const PROVISION_QUEUE: &[&str] = &[
    "sqs:CreateQueue",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ListQueueTags",
    "sqs:SetQueueAttributes",
    "sqs:TagQueue",
];
/// A topic of somebody else is subscribed to and no more.
const PROVISION_FOREIGN_TOPIC: &[&str] = &["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Subscribe"];
/// What is deleted is not in the file: it is anything of the prefix that carries the tag, which has to be read first. SNS is not
/// asked to look at the tag; the verb does. A topic with an archive needs `sns:SetTopicAttributes` as well, which is not granted
/// on everything for the sake of a few.
const PRUNE_TOPIC: &[&str] =
    &["sns:DeleteTopic", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource"];
const PRUNE_READ_QUEUE: &[&str] = &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"];
/// Only what carries the tag:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-abac-tagging-resource-control.html>.
const PRUNE_QUEUE: &[&str] = &["sqs:DeleteQueue"];
/// The records of subscriptions that went.
const PRUNE_OWN_QUEUE: &[&str] = &["sqs:UntagQueue"];
/// `--prune` looks for what the file no longer has, which is found by listing.
const PRUNE_ANY: &[&str] = &["sns:ListTopics", "sns:Unsubscribe", "sqs:ListQueues"];

/// Writing to what is encrypted needs a data key, and reads it back.
const KEY_TO_WRITE: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey"];
const KEY_TO_READ: &[&str] = &["kms:Decrypt"];

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
            Verb::Consume => {
                for queue in needs.queues(narrowed, "consume", false)? {
                    needs.queue(queue, CONSUME, KEY_TO_READ);
                    // A rejected event goes to the dead-letter queue by our own hand.
                    if let Some(dead) = topology.queue(queue).and_then(|queue| queue.dead_letter.as_ref()) {
                        needs.queue(&dead.queue, SEND, KEY_TO_WRITE);
                    }
                }
            }
            Verb::Tail => {
                for queue in needs.queues(narrowed, "tail", false)? {
                    needs.queue(queue, TAIL, KEY_TO_READ);
                }
            }
            Verb::Replay => {
                for queue in needs.queues(narrowed, "replay", true)? {
                    needs.queue(queue, REPLAY, KEY_TO_READ);
                    let sources = topology
                        .queues
                        .iter()
                        .filter(|source| source.dead_letter.as_ref().is_some_and(|dead| dead.queue == queue));
                    for source in sources {
                        needs.queue(&source.name, SEND, KEY_TO_WRITE);
                    }
                }
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
            let known = |name: &String| {
                self.topology
                    .topic(name)
                    .map(|topic| topic.name.as_str())
                    .ok_or_else(|| IamFault::Unknown { kind: "topic", name: name.clone() })
            };
            return narrowed.topics.iter().map(known).collect();
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
            let known = |name: &String| {
                self.topology
                    .queue(name)
                    .map(|queue| queue.name.as_str())
                    .ok_or_else(|| IamFault::Unknown { kind: "queue", name: name.clone() })
            };
            return narrowed.queues.iter().map(known).collect();
        }
        let fits = |name: &&str| self.topology.is_dead_letter_target(name) == dead;
        let all: Vec<&str> = self.topology.queues.iter().map(|queue| queue.name.as_str()).filter(fits).collect();
        let what = if dead { "dead-letter queue" } else { "queue to work on" };
        if all.is_empty() { Err(IamFault::Nothing { what, verb }) } else { Ok(all) }
    }

    fn grant(&mut self, resource: String, condition: Option<Value>, actions: &[&'static str]) {
        let condition = condition.map(|condition| condition.to_string()).unwrap_or_default();
        self.granted.entry((resource, condition)).or_default().extend(actions);
    }

    fn topic(&mut self, name: &str, actions: &[&'static str], key: &[&'static str]) {
        self.grant(self.arns.topic(name), None, actions);
        if let Some(topic) = self.topology.topic(name) {
            self.key(&topic.settings, key);
        }
    }

    fn queue(&mut self, name: &str, actions: &[&'static str], key: &[&'static str]) {
        self.grant(self.arns.queue(name), None, actions);
        if let Some(queue) = self.topology.queue(name) {
            self.key(&queue.settings, key);
        }
    }

    fn key(&mut self, settings: &Settings, actions: &[&'static str]) {
        let Some(key) = settings.get("KmsMasterKeyId").filter(|key| !key.is_empty()) else { return };
        let Arns { partition, region, account } = self.arns;
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
            if prune {
                self.grant(self.arns.queue(&queue.name), None, PRUNE_OWN_QUEUE);
            }
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
