//! Topics, queues and their policies: rows of the plan.

use serde_json::{Value, json};

use super::values::same;
use super::{Action, Change, FieldChange, Kind, Work, same_json};
use crate::topology::fields::{self, Field};
use crate::topology::live::{Arns, Live, Texts};
use crate::topology::model::{Queue, RedriveAllow, Settings, Topic, Topology};
use crate::topology::policy::{self, PolicyFault};
use crate::topology::{OWNER_TAG, show_seconds};

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html>
const QUEUE_POLICY_LIMITS: (usize, usize) = (8_192, 20);
/// <https://docs.aws.amazon.com/general/latest/gr/sns.html>
const TOPIC_POLICY_LIMITS: (usize, usize) = (30_720, 100);

/// Who made a thing that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker<'a> {
    Us,
    Other(&'a str),
    Nobody,
    Unknown,
}

fn maker<'a>(topology: &Topology, tags: Option<&'a Texts>) -> Maker<'a> {
    match tags.map(|tags| tags.get(OWNER_TAG)) {
        None => Maker::Unknown,
        Some(None) => Maker::Nobody,
        Some(Some(name)) if *name == topology.owner() => Maker::Us,
        Some(Some(name)) => Maker::Other(name),
    }
}

fn note_of(maker: Maker<'_>) -> Option<String> {
    let why = match maker {
        Maker::Us => return None,
        Maker::Other(name) => format!("made by the topology `{name}`"),
        Maker::Nobody => "not made by a topology".into(),
        Maker::Unknown => "its tags cannot be read".into(),
    };
    Some(format!("{why}: only what the file states is changed"))
}

/// Attribute changes on their way into a row.
#[derive(Default)]
struct Differences {
    fields: Vec<FieldChange>,
    attributes: Texts,
}

impl Differences {
    fn add(&mut self, field: &str, attribute: &str, (old, new): (Option<String>, Option<String>), value: String) {
        self.fields.push(FieldChange { field: field.to_owned(), old, new });
        self.attributes.insert(attribute.to_owned(), value);
    }

    /// The plain fields: the stated ones, and for what is ours the defaults of the others.
    fn plain(&mut self, known: &'static [Field], settings: &Settings, actual: &Texts, ours: bool) {
        for field in known {
            let stated = settings.get(field.attribute);
            let Some(wanted) = stated.or_else(|| field.default.filter(|_| ours && !field.immutable)) else { continue };
            let standing = actual.get(field.attribute).map(String::as_str);
            if same(field, standing, wanted) || field.immutable {
                continue;
            }
            let old = standing.or(field.default).filter(|text| !text.is_empty()).map(|text| field.show(text));
            let new = Some(field.show(wanted)).filter(|text| !text.is_empty());
            self.add(field.key, field.attribute, (old, new), wanted.to_owned());
        }
    }
}

/// The stated fields of something that does not exist yet.
fn fresh(settings: &Settings) -> Differences {
    let mut differences = Differences::default();
    for (field, value) in settings.iter() {
        differences.add(field.key, field.attribute, (None, Some(field.show(value))), value.to_owned());
    }
    differences
}

fn owned(topology: &Topology, tags: &std::collections::BTreeMap<String, String>) -> Texts {
    let mut tags = tags.clone();
    tags.insert(OWNER_TAG.to_owned(), topology.owner());
    tags
}

/// The tags that have to be written; those that the file does not name stay.
fn tag_changes(wanted: &Texts, actual: Option<&Texts>, fields: &mut Vec<FieldChange>) -> Texts {
    let Some(actual) = actual else { return Texts::new() }; // not readable: no plan that converges could name them
    let differing = wanted.iter().filter(|(key, value)| actual.get(*key) != Some(value));
    let differing: Texts = differing.map(|(key, value)| (key.clone(), value.clone())).collect();
    for (key, value) in &differing {
        let old = actual.get(key).cloned();
        fields.push(FieldChange { field: format!("tags.{key}"), old, new: Some(value.clone()) });
    }
    differing
}

fn row(kind: Kind, name: &str, action: Action, fields: Vec<FieldChange>, work: Work) -> Change {
    let (name, notes, needs) = (name.to_owned(), Vec::new(), Vec::new());
    Change { kind, name, action, fields, notes, needs, work }
}

pub(super) fn topic(topology: &Topology, topic: &Topic, live: &Live) -> Change {
    let archive = topic.archive_days.map(|days| json!({ "MessageRetentionPeriod": days.to_string() }).to_string());
    let Some(actual) = live.topics.get(&topic.name) else {
        let mut differences = fresh(&topic.settings);
        if let Some(archive) = archive {
            let new = topic.archive_days.map(|days| format!("{days}d"));
            differences.add("archive", "ArchivePolicy", (None, new), archive);
        }
        if topic.is_fifo() {
            differences.attributes.insert("FifoTopic".into(), "true".into());
        } else {
            differences.attributes.remove("FifoTopic"); // a standard topic is made by not saying so
        }
        let work = Work::CreateTopic { attributes: differences.attributes, tags: owned(topology, &topic.tags) };
        return row(Kind::Topic, &topic.name, Action::Create, differences.fields, work);
    };
    let maker = maker(topology, actual.tags.as_ref());
    let mut differences = Differences::default();
    differences.plain(fields::TOPIC, &topic.settings, &actual.attributes, maker == Maker::Us);
    if let Some(archive) = archive {
        let standing = actual.attributes.get("ArchivePolicy").map_or("", String::as_str);
        if !same_json(standing, &archive) {
            let old = days_of(standing);
            let new = topic.archive_days.map(|days| format!("{days}d"));
            differences.add("archive", "ArchivePolicy", (old, new), archive);
        }
    }
    let tags = tag_changes(&topic.tags, actual.tags.as_ref(), &mut differences.fields);
    let action = if differences.fields.is_empty() { Action::Unchanged } else { Action::Change };
    let work = match action {
        Action::Unchanged => Work::Nothing,
        _ => Work::ChangeTopic { arn: actual.arn.clone(), attributes: differences.attributes, tags },
    };
    let mut row = row(Kind::Topic, &topic.name, action, differences.fields, work);
    row.notes.extend(note_of(maker));
    row
}

fn days_of(archive: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(archive).ok()?;
    policy.get("MessageRetentionPeriod").and_then(Value::as_str).map(|days| format!("{days}d"))
}

pub(super) fn queue(
    topology: &Topology,
    queue: &Queue,
    live: &Live,
    arns: &Arns,
    warnings: &mut Vec<String>,
) -> Change {
    let redrive = queue.dead_letter.as_ref().map(|dead| (arns.queue(&dead.queue), dead.max_receives));
    let allow = queue.redrive_allow.as_ref().map(|allow| allow_policy(allow, arns));
    let Some(actual) = live.queues.get(&queue.name) else {
        let mut differences = fresh(&queue.settings);
        if let Some((target, times)) = &redrive {
            let new = Some(redrive_shown(target, *times));
            differences.add("dead_letter", "RedrivePolicy", (None, new), redrive_policy(target, *times));
        }
        if let Some(allow) = allow {
            differences.add("redrive_allow", "RedriveAllowPolicy", (None, allow_shown(&allow)), allow);
        }
        if queue.is_fifo() {
            differences.attributes.insert("FifoQueue".into(), "true".into());
        } else {
            differences.attributes.remove("FifoQueue"); // SQS refuses `false`
        }
        let work = Work::CreateQueue { attributes: differences.attributes, tags: owned(topology, &queue.tags) };
        return row(Kind::Queue, &queue.name, Action::Create, differences.fields, work);
    };
    let maker = maker(topology, actual.tags.as_ref());
    let ours = maker == Maker::Us;
    let mut differences = Differences::default();
    differences.plain(fields::QUEUE, &queue.settings, &actual.attributes, ours);
    let standing = actual.attributes.get("RedrivePolicy").and_then(|text| read_redrive(text));
    if redrive != standing && (redrive.is_some() || ours) {
        let shown =
            |redrive: &Option<(String, u64)>| redrive.as_ref().map(|(target, times)| redrive_shown(target, *times));
        let value = redrive.as_ref().map(|(target, times)| redrive_policy(target, *times)).unwrap_or_default();
        differences.add("dead_letter", "RedrivePolicy", (shown(&standing), shown(&redrive)), value);
    }
    let everyone = allow_policy(&RedriveAllow::All, arns);
    if let Some(allow) = allow.or_else(|| ours.then(|| everyone.clone())) {
        let standing = actual.attributes.get("RedriveAllowPolicy").filter(|text| !text.is_empty()).unwrap_or(&everyone);
        if !same_json(standing, &allow) {
            let shown = (allow_shown(standing), allow_shown(&allow));
            differences.add("redrive_allow", "RedriveAllowPolicy", shown, allow);
        }
    }
    if let Some(shorter) =
        differences.attributes.get("MessageRetentionPeriod").and_then(|text| text.parse::<u64>().ok())
        && let Some(before) = actual.attributes.get("MessageRetentionPeriod").and_then(|text| text.parse::<u64>().ok())
        && shorter < before
    {
        warnings.push(format!(
            "shortening the retention of `{}` from {} to {} DELETES every message in it that is older",
            queue.name,
            show_seconds(before),
            show_seconds(shorter)
        ));
    }
    let tags = tag_changes(&queue.tags, actual.tags.as_ref(), &mut differences.fields);
    let action = if differences.fields.is_empty() { Action::Unchanged } else { Action::Change };
    let work = match action {
        Action::Unchanged => Work::Nothing,
        _ => Work::ChangeQueue { url: actual.url.clone(), attributes: differences.attributes, tags },
    };
    let mut row = row(Kind::Queue, &queue.name, action, differences.fields, work);
    row.notes.extend(note_of(maker));
    row
}

fn redrive_policy(target: &str, times: u64) -> String {
    json!({ "deadLetterTargetArn": target, "maxReceiveCount": times }).to_string()
}

fn redrive_shown(target: &str, times: u64) -> String {
    format!("{} after {}", super::subscriptions::last(target), crate::words::count(times, "receive"))
}

/// The target and the count, which SQS answers as a number or as text, depending on how it was set.
fn read_redrive(text: &str) -> Option<(String, u64)> {
    let policy: Value = serde_json::from_str(text).ok()?;
    let times = match policy.get("maxReceiveCount")? {
        Value::String(text) => text.parse().ok()?,
        other => other.as_u64()?,
    };
    Some((policy.get("deadLetterTargetArn")?.as_str()?.to_owned(), times))
}

fn allow_policy(allow: &RedriveAllow, arns: &Arns) -> String {
    match allow {
        RedriveAllow::All => json!({ "redrivePermission": "allowAll" }),
        RedriveAllow::None => json!({ "redrivePermission": "denyAll" }),
        RedriveAllow::Queues(names) => {
            let sources: Vec<String> = names.iter().map(|(name, _)| arns.queue(name)).collect();
            json!({ "redrivePermission": "byQueue", "sourceQueueArns": sources })
        }
    }
    .to_string()
}

fn allow_shown(policy: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    Some(match policy.get("redrivePermission")?.as_str()? {
        "allowAll" => "all".into(),
        "denyAll" => "none".into(),
        _ => {
            let sources = policy.get("sourceQueueArns")?.as_array()?;
            let names = sources.iter().filter_map(Value::as_str).map(super::subscriptions::last);
            names.collect::<Vec<_>>().join(", ")
        }
    })
}

pub(super) fn topic_policy(topic: &Topic, live: &Live, arns: &Arns, faults: &mut Vec<String>) -> Option<Change> {
    if topic.policy.is_empty() {
        return None;
    }
    let actual = live.topics.get(&topic.name);
    let standing = actual.and_then(|topic| topic.attributes.get("Policy")).map_or("", String::as_str);
    let statements = topic.policy.clone();
    let limits = TOPIC_POLICY_LIMITS;
    let arn = arns.topic(&topic.name);
    policy_row(
        Kind::TopicPolicy,
        &topic.name,
        (standing, limits),
        Work::MergePolicy { arn, statements, gone: vec![] },
        faults,
    )
}

pub(super) fn queue_policy(
    topology: &Topology,
    queue: &Queue,
    live: &Live,
    arns: &Arns,
    faults: &mut Vec<String>,
) -> Option<Change> {
    let arn = arns.queue(&queue.name);
    let standing = live.queues.get(&queue.name).and_then(|queue| queue.attributes.get("Policy"));
    let standing = standing.map_or("", String::as_str);
    let mut senders: Vec<String> = Vec::new();
    for subscription in &topology.subscriptions {
        let dead = subscription.dead_letter.as_ref().is_some_and(|(name, _)| *name == queue.name);
        let topic = arns.topic(&subscription.topic);
        if (subscription.queue == queue.name || dead) && !senders.contains(&topic) {
            senders.push(topic);
        }
    }
    // Nothing is taken from a subscription that stands: its messages would be lost without a word.
    let before = policy::topics_allowed(standing);
    let stands = |topic: &String| {
        live.unread_topics.contains(topic)
            || live.subscriptions.iter().any(|s| s.topic_arn == *topic && s.queue_arn == arn)
    };
    senders.extend(before.iter().filter(|topic| stands(topic)).cloned().collect::<Vec<_>>());
    senders.sort();
    senders.dedup();
    let mut statements = queue.policy.clone();
    let mut gone = Vec::new();
    if senders.is_empty() {
        gone.push(policy::QUEUE_SID.to_owned());
    } else {
        statements.push(policy::queue_statement(&arn, &senders));
    }
    if statements.is_empty() && before.is_empty() {
        return None;
    }
    let work = Work::MergePolicy { arn, statements, gone };
    let mut row = policy_row(Kind::QueuePolicy, &queue.name, (standing, QUEUE_POLICY_LIMITS), work, faults)?;
    if row.action != Action::Unchanged && before != senders {
        let shown = |topics: &[String]| {
            let names: Vec<&str> = topics.iter().map(|arn| super::subscriptions::last(arn)).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        row.fields.insert(0, FieldChange { field: "topics".into(), old: shown(&before), new: shown(&senders) });
    }
    Some(row)
}

/// A row for statements to merge into `standing`.
fn policy_row(
    kind: Kind,
    name: &str,
    (standing, limits): (&str, (usize, usize)),
    work: Work,
    faults: &mut Vec<String>,
) -> Option<Change> {
    let Work::MergePolicy { statements, gone, .. } = &work else { return None };
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    match policy::merge(standing, statements, &gone, limits) {
        Ok(None) => Some(row(kind, name, Action::Unchanged, Vec::new(), Work::Nothing)),
        Ok(Some(_)) => {
            let mut fields = Vec::new();
            for statement in statements {
                let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
                let alone = policy::merge(standing, std::slice::from_ref(statement), &[], (usize::MAX, usize::MAX));
                if sid != policy::QUEUE_SID && alone != Ok(None) {
                    let stood = standing.contains(&format!("\"{sid}\"")).then(|| "another statement".to_owned());
                    fields.push(FieldChange {
                        field: format!("policy.{sid}"),
                        old: stood,
                        new: Some("as in the file".into()),
                    });
                }
            }
            let action = if standing.is_empty() { Action::Create } else { Action::Change };
            Some(row(kind, name, action, fields, work))
        }
        Err(fault) => {
            faults.push(match fault {
                PolicyFault::Unreadable(_) => format!("the {} of `{name}`: {fault}", kind.noun()),
                PolicyFault::TooLarge { .. } => format!("the {} of `{name}`: {fault}", kind.noun()),
            });
            None
        }
    }
}

/// The limits of the policy that belongs to this ARN.
pub(crate) fn policy_limits(arn: &str) -> (usize, usize) {
    if arn.split(':').nth(2) == Some("sns") { TOPIC_POLICY_LIMITS } else { QUEUE_POLICY_LIMITS }
}
