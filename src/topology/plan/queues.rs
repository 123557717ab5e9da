//! Queues: rows of the plan.

use serde_json::{Value, json};

use super::owner;
use super::scene::{Differences, Scene, last, row};
use super::{Action, Change, FieldChange, Guard, Kind, Work, same_json};
use crate::topology::live::{Arns, LiveQueue, Texts};
use crate::topology::model::{Queue, RedriveAllow};
use crate::topology::{OWNER_TAG, fields, show_seconds};
use crate::words;

pub(super) fn queue(scene: &Scene<'_>, queue: &Queue, warnings: &mut Vec<String>, faults: &mut Vec<String>) -> Change {
    let actual = scene.live.queues.get(&queue.name);
    let change = match actual {
        None => fresh(scene, queue),
        Some(actual) => standing(scene, queue, actual, (warnings, faults)),
    };
    let (tags, untag) = match &change.work {
        Work::CreateQueue { tags, .. } => (tags, 0),
        Work::ChangeQueue { tags, untag, .. } => (tags, untag.len()),
        _ => return change,
    };
    let over = owner::too_many(tags, actual.and_then(|actual| actual.tags.as_ref()), untag);
    faults.extend(over.map(|why| format!("the queue `{}`: {why}", queue.name)));
    change
}

/// The user's tags, and those that record subscriptions which could not be told for ours otherwise: to topics of others.
fn wanted_tags(scene: &Scene<'_>, queue: &Queue) -> Texts {
    let arn = scene.arns.queue(&queue.name);
    let mut tags = queue.tags.clone();
    if scene.will_be_ours(&arn) {
        tags.insert(OWNER_TAG.to_owned(), scene.owner.clone());
        let others = scene.senders(&arn).into_iter().filter(|topic| !scene.will_be_ours(topic));
        tags.extend(others.filter(|topic| scene.wants(topic, &arn)).map(|topic| owner::pair_tag(&topic)));
    }
    tags
}

fn fresh(scene: &Scene<'_>, queue: &Queue) -> Change {
    let mut differences = Differences::fresh(&queue.settings);
    if let Some(dead) = &queue.dead_letter {
        let target = scene.arns.queue(&dead.queue);
        let new = Some(redrive_shown(&target, dead.max_receives));
        differences.add("dead_letter", "RedrivePolicy", (None, new), redrive_policy(&target, dead.max_receives));
    }
    if let Some(allow) = &queue.redrive_allow {
        let allow = allow_policy(allow, scene.arns);
        differences.add("redrive_allow", "RedriveAllowPolicy", (None, allow_shown(&allow)), allow);
    }
    if queue.is_fifo() {
        differences.attributes.insert("FifoQueue".into(), "true".into());
    } else {
        differences.attributes.remove("FifoQueue"); // SQS refuses `false`
    }
    one_encryption(&mut differences.attributes, &Texts::new());
    let mut tags = wanted_tags(scene, queue);
    tags.extend(owner::notes(&queue.tags, &queue.policy));
    let work = Work::CreateQueue { attributes: differences.attributes, tags };
    row(Kind::Queue, &queue.name, Action::Create, differences.fields, work)
}

fn standing(
    scene: &Scene<'_>,
    queue: &Queue,
    actual: &LiveQueue,
    (warnings, faults): (&mut Vec<String>, &mut Vec<String>),
) -> Change {
    let arn = scene.arns.queue(&queue.name);
    let maker = scene.maker(actual.tags.as_ref());
    let ours = scene.will_be_ours(&arn);
    let mut differences = Differences::default();
    differences.plain(fields::QUEUE, &queue.settings, &actual.attributes, ours);
    redrive(scene, queue, actual, ours, &mut differences);
    one_encryption(&mut differences.attributes, &actual.attributes);
    let wanted = wanted_tags(scene, queue);
    let stale = stale_records(scene, &wanted, actual, &mut differences.fields);
    let notes = ours.then(|| owner::notes(&queue.tags, &queue.policy));
    let (tags, mut untag) = owner::tag_changes(&wanted, notes, actual.tags.as_ref(), &mut differences.fields);
    untag.extend(stale);
    let action = super::resources::action_of(scene, (Kind::Queue, &queue.name), maker, &differences.fields, faults);
    let guard = shortened(queue, actual, &differences.attributes).filter(|_| action == Action::Change);
    warnings.extend(guard.as_ref().map(|guard| guard.why.clone()));
    let work = match action {
        Action::Change => {
            Work::ChangeQueue { url: actual.url.clone(), attributes: differences.attributes, tags, untag }
        }
        _ => Work::Nothing,
    };
    let fields = if work == Work::Nothing { Vec::new() } else { differences.fields };
    let mut row = row(Kind::Queue, &queue.name, action, fields, work);
    row.guard = guard;
    row.notes.extend(super::resources::note(maker, ours));
    row
}

fn redrive(scene: &Scene<'_>, queue: &Queue, actual: &LiveQueue, ours: bool, differences: &mut Differences) {
    let redrive = queue.dead_letter.as_ref().map(|dead| (scene.arns.queue(&dead.queue), dead.max_receives));
    let standing = actual.attributes.get("RedrivePolicy").and_then(|text| read_redrive(text));
    if redrive != standing && (redrive.is_some() || ours) {
        let shown = |redrive: &Option<(String, u64)>| redrive.as_ref().map(|(to, times)| redrive_shown(to, *times));
        let value = redrive.as_ref().map(|(to, times)| redrive_policy(to, *times)).unwrap_or_default();
        differences.add("dead_letter", "RedrivePolicy", (shown(&standing), shown(&redrive)), value);
    }
    let everyone = allow_policy(&RedriveAllow::All, scene.arns);
    let allow = queue.redrive_allow.as_ref().map(|allow| allow_policy(allow, scene.arns));
    if let Some(allow) = allow.or_else(|| ours.then(|| everyone.clone())) {
        let standing = actual.attributes.get("RedriveAllowPolicy").filter(|text| !text.is_empty()).unwrap_or(&everyone);
        if !same_json(standing, &allow) {
            let shown = (allow_shown(standing), allow_shown(&allow));
            differences.add("redrive_allow", "RedriveAllowPolicy", shown, allow);
        }
    }
}

/// A queue has one kind of encryption: who switches one on has to switch the other off in the same call
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>).
fn one_encryption(attributes: &mut Texts, actual: &Texts) {
    let is = |texts: &Texts, name: &str| texts.get(name).is_some_and(|text| !text.is_empty() && text != "false");
    if is(attributes, "KmsMasterKeyId") && is(actual, "SqsManagedSseEnabled") {
        attributes.entry("SqsManagedSseEnabled".into()).or_insert_with(|| "false".into());
    }
    if is(attributes, "SqsManagedSseEnabled") && is(actual, "KmsMasterKeyId") {
        attributes.entry("KmsMasterKeyId".into()).or_default();
    }
}

/// Tags that record subscriptions which the file does not have; they go once those went.
fn stale_records(scene: &Scene<'_>, wanted: &Texts, actual: &LiveQueue, fields: &mut Vec<FieldChange>) -> Vec<String> {
    let (true, Some(tags)) = (scene.options.lists() && scene.is_ours(&scene.arns.queue(last_of(actual))), &actual.tags)
    else {
        return Vec::new();
    };
    let stale: Vec<String> = owner::pair_keys(tags).filter(|key| !wanted.contains_key(*key)).cloned().collect();
    for key in &stale {
        fields.push(FieldChange { field: format!("tags.{key}"), old: tags.get(key).cloned(), new: None });
    }
    stale
}

fn last_of(queue: &LiveQueue) -> &str {
    queue.url.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// Shortening a retention deletes what is older
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>). Counts are
/// approximate, so a queue that seems to be empty makes no difference.
fn shortened(queue: &Queue, actual: &LiveQueue, attributes: &Texts) -> Option<Guard> {
    let seconds = |texts: &Texts| texts.get("MessageRetentionPeriod").and_then(|text| text.parse::<u64>().ok());
    let (after, before) = (seconds(attributes)?, seconds(&actual.attributes)?);
    (after < before).then(|| Guard {
        name: queue.name.clone(),
        why: format!(
            "shortening the retention of `{}` from {} to {} DELETES every message in it that is older; it holds about {}",
            queue.name,
            show_seconds(before),
            show_seconds(after),
            words::count(actual.messages(), "message")
        ),
    })
}

fn redrive_policy(target: &str, times: u64) -> String {
    json!({ "deadLetterTargetArn": target, "maxReceiveCount": times }).to_string()
}

fn redrive_shown(target: &str, times: u64) -> String {
    format!("{} after {}", last(target), words::count(times, "receive"))
}

/// The target and the count, which SQS answers as a number or as text, depending on how it was set.
pub(super) fn read_redrive(text: &str) -> Option<(String, u64)> {
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
            let names = sources.iter().filter_map(Value::as_str).map(last);
            names.collect::<Vec<_>>().join(", ")
        }
    })
}
