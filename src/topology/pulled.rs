//! From what stands at a bus to the text of a topology file, which plans as *no changes*.
//!
//! Says what differs from AWS's defaults, in the file's own units, in a stable order. What this tool adds by itself (its tag, its
//! policy statement) is left out, what the language cannot say stands in comments at the place where one would look for it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::fields::{self, Field, Kind};
use super::live::{Arns, LiveQueue, LiveSubscription, LiveTopic, Texts};
use super::plan::OWN_TAGS;
use super::write::{Yaml, comment};
use super::{OWNER_TAG, VERSION, policy};
use crate::filter::FilterPolicy;
use crate::filter::Scope;

/// Everything that was read of a bus.
#[derive(Clone, Debug, Default)]
pub struct Pulled {
    /// The topics with their names.
    pub topics: Vec<(String, LiveTopic)>,
    /// The queues with their names.
    pub queues: Vec<(String, LiveQueue)>,
    /// Subscriptions of those topics to queues, with their attributes.
    pub subscriptions: Vec<LiveSubscription>,
    /// Subscriptions of those topics to anything else: the topic's ARN, the protocol and the endpoint.
    pub others: Vec<(String, String, String)>,
}

/// A file's text, and what was left out of it, a sentence each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The YAML.
    pub text: String,
    /// What the language cannot say; it stands in the text as comments, too.
    pub left_out: Vec<String>,
}

impl Pulled {
    /// The name and the prefix of the topology that made all of it, when there is exactly one.
    pub fn owner(&self) -> Option<(&str, &str)> {
        let tags =
            self.topics.iter().map(|(_, topic)| &topic.tags).chain(self.queues.iter().map(|(_, queue)| &queue.tags));
        let mut owners: Vec<&String> = tags.flatten().filter_map(|tags| tags.get(OWNER_TAG)).collect();
        owners.dedup();
        match owners.as_slice() {
            [one] => Some(one.split_once(':').unwrap_or((one.as_str(), ""))),
            _ => None,
        }
    }
}

/// Writes the topology file of `pulled` under `name`. `arns` is where the bus is.
pub fn write(pulled: &Pulled, name: &str, arns: &Arns) -> Written {
    let names = || pulled.topics.iter().map(|(name, _)| name).chain(pulled.queues.iter().map(|(name, _)| name));
    // Under the name of who made it, with the prefix, it stays theirs.
    let prefix = pulled.owner().filter(|(owner, _)| *owner == name).map_or("", |(_, prefix)| prefix);
    let prefix =
        if names().all(|name| name.strip_prefix(prefix).is_some_and(|key| !key.is_empty())) { prefix } else { "" };
    let (queues, external) = (BTreeSet::new(), BTreeMap::new());
    let mut writer = Writer { prefix, left_out: Vec::new(), own_tags: BTreeSet::new(), queues, external };
    writer.queues = pulled.queues.iter().map(|(name, _)| arns.queue(name)).collect();
    let mut topics: Vec<_> = pulled.topics.iter().collect();
    topics.sort_by(|a, b| a.0.cmp(&b.0));
    let mut queues: Vec<_> = pulled.queues.iter().collect();
    queues.sort_by(|a, b| a.0.cmp(&b.0));
    let mut text = String::new();
    text.push_str(&format!("version: {VERSION}\n"));
    text.push_str(&Yaml::map([("name", Yaml::text(name))]).block(0));
    if !prefix.is_empty() {
        text.push_str(&Yaml::map([("prefix", Yaml::text(prefix))]).block(0));
    }
    let topics: Vec<Entry> = topics.iter().map(|(name, topic)| writer.topic(name, topic)).collect();
    let mut queues: Vec<Entry> = queues.iter().map(|(name, queue)| writer.queue(name, queue)).collect();
    let subscriptions = writer.subscriptions(pulled);
    queues.extend(writer.external.iter().map(|(arn, key)| {
        let body = vec![("external".to_owned(), Yaml::Plain("true".into())), ("arn".to_owned(), Yaml::text(arn))];
        (key.clone(), Yaml::Flow(body), Vec::new())
    }));
    for (section, entries) in [("topics", topics), ("queues", queues)] {
        if entries.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{section}:\n"));
        for (name, body, comments) in entries {
            for line in comments {
                text.push_str(&format!("  {}", comment(&line)));
            }
            text.push_str(&Yaml::map([(name.as_str(), body)]).block(2));
        }
    }
    if !subscriptions.is_empty() {
        text.push_str(&format!("\nsubscriptions:\n{subscriptions}"));
    }
    let mut head = comment(&format!("What stood in region {} of account {}.", arns.region, arns.account));
    if !writer.own_tags.is_empty() {
        let tags: Vec<String> = writer.own_tags.iter().map(|tag| format!("`{tag}`")).collect();
        head.push_str(&comment(&format!("Not written here: tags that this tool sets by itself, {}.", tags.join(", "))));
    }
    Written { text: head + &text, left_out: writer.left_out }
}

struct Writer<'a> {
    prefix: &'a str,
    left_out: Vec<String>,
    /// What the keys of this tool's own tags were.
    own_tags: BTreeSet<String>,
    /// The ARNs of the queues in the file.
    queues: BTreeSet<String>,
    /// Queues that are only referred to: their ARNs, and what the file calls them.
    external: BTreeMap<String, String>,
}

/// A resource's name, what the file says of it, and comments to stand above it.
type Entry = (String, Yaml, Vec<String>);

impl Writer<'_> {
    /// What the file calls a topic or queue of its own.
    fn key<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(self.prefix).unwrap_or(name)
    }

    /// What the file calls a queue, of its own or not; `None` for what is no queue's ARN.
    fn queue_key(&mut self, arn: &str) -> Option<String> {
        if self.queues.contains(arn) {
            return Some(self.key(last(arn)).to_owned());
        }
        if let Some(key) = self.external.get(arn) {
            return Some(key.clone());
        }
        let parts: Vec<&str> = arn.split(':').collect();
        let [_, _, "sqs", region, account, name] = parts.as_slice() else { return None };
        let own: Vec<&str> = self.queues.iter().map(|arn| self.key(last(arn))).collect();
        let taken = |key: &str| own.contains(&key) || self.external.values().any(|other| other == key);
        let stem = name.strip_suffix(".fifo").unwrap_or(name);
        let candidates = [(*name).to_owned(), format!("{stem}_{account}"), format!("{stem}_{account}_{region}")];
        let key = candidates.into_iter().find(|key| !taken(key))?;
        self.external.insert(arn.to_owned(), key.clone());
        Some(key)
    }

    fn topic(&mut self, name: &str, topic: &LiveTopic) -> Entry {
        let (mut body, mut notes) = (Vec::new(), Vec::new());
        plain((fields::TOPIC, "262144"), &topic.attributes, &mut body, &mut notes);
        if let Some(text) = topic.attributes.get("ArchivePolicy").filter(|text| !is_nothing(text)) {
            match archive_days(text) {
                Some(days) => body.push(("archive".into(), Yaml::Plain(format!("{days}d")))),
                None => notes.push(format!("its ArchivePolicy {text} cannot be said here")),
            }
        }
        let standing = topic.attributes.get("Policy").map_or("", String::as_str);
        // Every topic has this statement from the beginning, under this id.
        statements(standing, &["__default_statement_ID"], &mut body, &mut notes);
        self.tags(topic.tags.as_ref(), &mut body, &mut notes);
        self.tell("topic", name, &notes);
        (self.key(name).to_owned(), Yaml::Map(body), notes)
    }

    fn queue(&mut self, name: &str, queue: &LiveQueue) -> Entry {
        let (mut body, mut notes) = (Vec::new(), Vec::new());
        plain((fields::QUEUE, "1048576"), &queue.attributes, &mut body, &mut notes);
        if let Some(text) = queue.attributes.get("RedrivePolicy").filter(|text| !is_nothing(text)) {
            match redrive(text).and_then(|(arn, times)| Some((self.queue_key(&arn)?, times))) {
                Some((target, times)) => {
                    let times = Yaml::Plain(times.to_string());
                    let fields = vec![("queue".into(), Yaml::text(&target)), ("max_receives".into(), times)];
                    body.push(("dead_letter".into(), Yaml::Flow(fields)));
                }
                None => notes.push(format!("its RedrivePolicy {text} cannot be said here")),
            }
        }
        if let Some(text) = queue.attributes.get("RedriveAllowPolicy").filter(|text| !is_nothing(text)) {
            match self.redrive_allow(text) {
                Ok(Some(allow)) => body.push(("redrive_allow".into(), allow)),
                Ok(None) => {}
                Err(why) => notes.push(why),
            }
        }
        let standing = queue.attributes.get("Policy").map_or("", String::as_str);
        statements(standing, &[], &mut body, &mut notes);
        self.tags(queue.tags.as_ref(), &mut body, &mut notes);
        self.tell("queue", name, &notes);
        (self.key(name).to_owned(), Yaml::Map(body), notes)
    }

    fn redrive_allow(&mut self, text: &str) -> Result<Option<Yaml>, String> {
        let policy: Value = serde_json::from_str(text).unwrap_or_default();
        match policy.get("redrivePermission").and_then(Value::as_str) {
            Some("allowAll") => Ok(None),
            Some("denyAll") => Ok(Some(Yaml::text("none"))),
            Some("byQueue") => {
                let sources = policy.get("sourceQueueArns").and_then(Value::as_array);
                let sources: Vec<&str> = sources.into_iter().flatten().filter_map(Value::as_str).collect();
                let keys: Option<Vec<String>> = sources.iter().map(|arn| self.queue_key(arn)).collect();
                match keys {
                    Some(mut keys) if !keys.is_empty() => {
                        keys.sort_unstable();
                        Ok(Some(Yaml::list(keys.iter().map(|key| Yaml::text(key)))))
                    }
                    _ => Err(format!("its RedriveAllowPolicy {text} cannot be said here")),
                }
            }
            _ => Err(format!("its RedriveAllowPolicy {text} cannot be said here")),
        }
    }

    fn subscriptions(&mut self, pulled: &Pulled) -> String {
        let mut text = String::new();
        let topics: BTreeSet<&str> = pulled.topics.iter().map(|(_, topic)| topic.arn.as_str()).collect();
        let mut all: Vec<&LiveSubscription> = pulled.subscriptions.iter().collect();
        all.sort_by(|a, b| (&a.topic_arn, &a.queue_arn).cmp(&(&b.topic_arn, &b.queue_arn)));
        for subscription in all {
            if subscription.arn.is_empty() {
                self.aside(&mut text, &format!("{} waits to be confirmed", pair(subscription)));
            } else if !topics.contains(subscription.topic_arn.as_str()) {
                self.aside(&mut text, &format!("{}: the topic is not in this file", pair(subscription)));
            } else {
                match self.subscription(subscription) {
                    Ok(body) => text.push_str(&body.item(2)),
                    // Half of it would be planned as a change: without its filter a queue gets everything.
                    Err(why) => self.aside(&mut text, &format!("{}: {why}", pair(subscription))),
                }
            }
        }
        let mut others = pulled.others.clone();
        others.sort();
        for (topic, protocol, endpoint) in others {
            // The endpoint may be a person's address or a URL with a secret in it.
            let shown = if protocol == "lambda" || protocol == "firehose" { endpoint } else { "an endpoint".into() };
            self.aside(&mut text, &format!("{} → {shown} over {protocol}: only queues can be said here", last(&topic)));
        }
        text
    }

    fn subscription(&mut self, subscription: &LiveSubscription) -> Result<Yaml, String> {
        let stands = |name: &str| subscription.attributes.get(name).map_or("", String::as_str);
        let queue = self.queue_key(&subscription.queue_arn).ok_or("its endpoint is no queue's ARN")?;
        let mut body = vec![
            ("topic".to_owned(), Yaml::text(self.key(last(&subscription.topic_arn)))),
            ("queue".to_owned(), Yaml::text(&queue)),
        ];
        let scope = Scope::from_aws(stands("FilterPolicyScope")).unwrap_or_default();
        if scope == Scope::MessageBody {
            body.push(("scope".into(), Yaml::text("body")));
        }
        let filter = stands("FilterPolicy");
        if !is_nothing(filter) {
            let parsed = serde_json::from_str(filter).ok().filter(|_| FilterPolicy::parse(filter, scope).is_ok());
            match parsed {
                Some(policy) => body.push(("filter".into(), Yaml::json(&policy))),
                None => return Err(format!("its filter {filter} is none that this tool reads")),
            }
        }
        if stands("RawMessageDelivery").eq_ignore_ascii_case("true") {
            body.push(("raw".into(), Yaml::Plain("true".into())));
        }
        let dead = stands("RedrivePolicy");
        if !is_nothing(dead) {
            let target: Value = serde_json::from_str(dead).unwrap_or_default();
            match target.get("deadLetterTargetArn").and_then(Value::as_str).and_then(|arn| self.queue_key(arn)) {
                Some(key) => body.push(("dead_letter".into(), Yaml::text(&key))),
                None => return Err(format!("its RedrivePolicy {dead} cannot be said here")),
            }
        }
        if !is_nothing(stands("ReplayPolicy")) {
            self.left_out.push(format!("{}: its replay policy, which is a command and no state", pair(subscription)));
        }
        Ok(Yaml::Map(body))
    }

    fn tags(&mut self, tags: Option<&Texts>, body: &mut Vec<(String, Yaml)>, notes: &mut Vec<String>) {
        let Some(tags) = tags else {
            notes.push("its tags cannot be read".into());
            return;
        };
        let (own, others): (Vec<_>, Vec<_>) = tags.iter().partition(|(key, _)| key.starts_with(OWN_TAGS));
        // Of a key that names one of many things, what they have in common.
        let stem = |key: &str| match key.rsplit_once(':') {
            Some((stem, _)) if stem.contains(':') => format!("{stem}:…"),
            _ => key.to_owned(),
        };
        self.own_tags.extend(own.iter().map(|(key, _)| stem(key)));
        let of_aws = |key: &str| key.to_lowercase().starts_with("aws:");
        let users = others.iter().filter(|(key, _)| !of_aws(key));
        let users: Vec<(String, Yaml)> = users.map(|(key, value)| ((*key).clone(), Yaml::text(value))).collect();
        if !users.is_empty() {
            body.push(("tags".into(), Yaml::Map(users)));
        }
    }

    fn aside(&mut self, text: &mut String, what: &str) {
        text.push_str(&format!("  {}", comment(what)));
        self.left_out.push(what.to_owned());
    }

    fn tell(&mut self, kind: &str, name: &str, notes: &[String]) {
        self.left_out.extend(notes.iter().map(|note| format!("{kind} `{name}`: {note}")));
    }
}

fn pair(subscription: &LiveSubscription) -> String {
    format!("{} → {}", last(&subscription.topic_arn), subscription.queue_arn)
}

fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn is_nothing(text: &str) -> bool {
    matches!(text.trim(), "" | "{}" | "null")
}

/// What FIFO resources answer when nobody set it, which the table leaves open.
const QUIET: &[(&str, &[&str])] = &[
    ("ContentBasedDeduplication", &["false"]),
    ("DeduplicationScope", &["queue"]),
    ("FifoThroughputLimit", &["perQueue"]),
    ("FifoThroughputScope", &["Topic"]),
    ("SignatureVersion", &["1"]),
    ("TracingConfig", &["PassThrough"]),
    ("KmsMasterKeyId", &[""]),
    ("KmsDataKeyReusePeriodSeconds", &["300"]),
    ("SqsManagedSseEnabled", &["true"]),
];

/// The plain fields that differ from what one gets without saying anything. `bytes` is the largest message by default.
fn plain(
    (known, bytes): (&'static [Field], &str),
    actual: &Texts,
    body: &mut Vec<(String, Yaml)>,
    notes: &mut Vec<String>,
) {
    for field in known {
        let Some(value) = actual.get(field.attribute).map(|text| text.trim()) else { continue };
        // The name says it.
        if matches!(field.attribute, "FifoQueue" | "FifoTopic") {
            continue;
        }
        let quiet = (field.attribute == "MaximumMessageSize" && value == bytes)
            || QUIET
                .iter()
                .find(|(name, _)| *name == field.attribute)
                .is_some_and(|(_, quiet)| quiet.iter().any(|text| text.eq_ignore_ascii_case(value)));
        if value.is_empty() || quiet || field.default == Some(value) || (field.kind == Kind::Json && is_nothing(value))
        {
            continue;
        }
        match spelled(field, value) {
            Some(yaml) => body.push((field.key.to_owned(), yaml)),
            None => notes.push(format!("its {} is {value}, which the language does not take", field.attribute)),
        }
    }
}

/// AWS's value in the file's spelling; `None` when the language would refuse it.
fn spelled(field: &Field, value: &str) -> Option<Yaml> {
    let within = |min: u64, max: u64| value.parse::<u64>().ok().filter(|n| (min..=max).contains(n));
    match field.kind {
        Kind::Seconds { min, max } | Kind::Bytes { min, max } | Kind::Days { min, max } => {
            within(min, max).map(|_| Yaml::Plain(field.show(value)))
        }
        Kind::Number { min, max } => within(min, max).map(|n| Yaml::Plain(n.to_string())),
        Kind::Flag => value.to_ascii_lowercase().parse::<bool>().ok().map(|flag| Yaml::Plain(flag.to_string())),
        Kind::Text { max } => (value.chars().count() <= max).then(|| Yaml::text(value)),
        Kind::Choice(words) => words.iter().find(|(_, aws)| *aws == value).map(|(word, _)| Yaml::text(word)),
        Kind::Json => serde_json::from_str::<Value>(value).ok().filter(Value::is_object).map(|json| Yaml::json(&json)),
    }
}

fn archive_days(text: &str) -> Option<u64> {
    let policy: Value = serde_json::from_str(text).ok()?;
    let days = policy.get("MessageRetentionPeriod")?;
    let days = days.as_u64().or_else(|| days.as_str()?.parse().ok())?;
    (1..=365).contains(&days).then_some(days)
}

fn redrive(text: &str) -> Option<(String, u64)> {
    let policy: Value = serde_json::from_str(text).ok()?;
    let times = policy.get("maxReceiveCount")?;
    let times = times.as_u64().or_else(|| times.as_str()?.parse().ok())?;
    Some((policy.get("deadLetterTargetArn")?.as_str()?.to_owned(), times))
}

/// The user's own statements: ours and AWS's first one are known by their ids, and what has no id of its own cannot be found
/// again, so it stays where it is and is told.
fn statements(standing: &str, known: &[&str], body: &mut Vec<(String, Yaml)>, notes: &mut Vec<String>) {
    if is_nothing(standing) {
        return;
    }
    let Ok(all) = policy::statements_of(standing) else {
        notes.push("its access policy cannot be read".into());
        return;
    };
    let mut kept: Vec<Value> = Vec::new();
    for statement in all {
        match statement.get("Sid").and_then(Value::as_str) {
            Some(sid) if sid.starts_with("eventbus-") || known.contains(&sid) => {}
            Some(sid) if !kept.iter().any(|other| other["Sid"] == json!(sid)) => kept.push(statement),
            _ => notes.push(format!("a statement of its access policy has no Sid of its own: {statement}")),
        }
    }
    if !kept.is_empty() {
        body.push(("policy".into(), Yaml::List(kept.iter().map(Yaml::json).collect())));
    }
}
