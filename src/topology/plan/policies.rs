//! Access policies: rows of the plan. Our statement is one with all topics; the statements of others are never touched.

use serde_json::{Value, json};

use super::owner::{self, Maker};
use super::scene::{Scene, last, row};
use super::{Action, Change, FieldChange, Kind, Work};
use crate::topology::model::{Queue, Topic};
use crate::topology::policy;

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html>
const QUEUE_POLICY_LIMITS: (usize, usize) = (8_192, 20);
/// <https://docs.aws.amazon.com/general/latest/gr/sns.html>
const TOPIC_POLICY_LIMITS: (usize, usize) = (30_720, 100);

/// The row of a thing's policy, and whether a statement of the user's own leaves by it.
pub(super) type PolicyRow = Option<(Change, bool)>;

pub(super) fn topic_policy(scene: &Scene<'_>, topic: &Topic, faults: &mut Vec<String>) -> PolicyRow {
    let arn = scene.arns.topic(&topic.name);
    let actual = scene.live.topics.get(&topic.name);
    let standing = actual.and_then(|topic| topic.attributes.get("Policy")).map_or("", String::as_str);
    let mut gone = statements_gone(scene, &arn, standing, &topic.policy, actual.and_then(|topic| topic.tags.as_ref()));
    let mut statements = topic.policy.clone();
    if statements.is_empty() && gone.is_empty() {
        return None;
    }
    // A topic has a policy always. Where nothing of it would be left, and where the file had another in its place, AWS's own
    // comes back.
    let leaves = !gone.is_empty();
    let stays = policy::statements_of(standing).unwrap_or_default().len().saturating_sub(gone.len());
    let default = policy::default_topic_statement(&arn);
    let replaced = gone.iter().position(|sid| default["Sid"] == json!(sid));
    if let Some(at) = replaced {
        gone.remove(at);
    }
    if replaced.is_some() || (leaves && stays == 0 && statements.is_empty()) {
        statements.push(default);
    }
    let work = Work::MergePolicy { arn, statements, gone };
    let row = policy_row(Kind::TopicPolicy, &topic.name, (standing, TOPIC_POLICY_LIMITS), work, faults)?;
    let maker = actual.map_or(Maker::Us, |actual| scene.maker(actual.tags.as_ref()));
    Some((not_of_others(row, maker, &topic.policy, faults), leaves))
}

/// The policy of a queue of the file, or, with `queue` `None`, what is left of our statement in one that is not.
pub(super) fn queue_policy(
    scene: &Scene<'_>,
    name: &str,
    queue: Option<&Queue>,
    faults: &mut Vec<String>,
) -> PolicyRow {
    let arn = scene.arns.queue(name);
    let actual = scene.live.queues.get(name);
    let standing = actual.and_then(|queue| queue.attributes.get("Policy")).map_or("", String::as_str);
    let mut senders = scene.senders(&arn);
    // Nothing is taken from a subscription that stands: its messages would be lost without a word. Nor from one that is ours and
    // left the file: its dead letters may come here.
    let before = policy::topics_allowed(standing);
    let stands = |topic: &String| {
        scene.live.unread_topics.contains(topic)
            || scene.live.subscriptions.iter().any(|s| {
                let here = s.queue_arn == arn || (!scene.wants(topic, &s.queue_arn) && scene.subscription_is_ours(s));
                s.topic_arn == *topic && here && !scene.goes(s) && !scene.topic_goes(topic)
            })
    };
    let kept: Vec<&String> = before.iter().filter(|topic| !senders.contains(*topic) && stands(topic)).collect();
    senders.extend(kept.into_iter().cloned());
    let senders: Vec<String> = senders.into_iter().collect();
    let own = queue.map_or(&[] as &[Value], |queue| queue.policy.as_slice());
    let mut statements = own.to_vec();
    let mut gone = Vec::new();
    if queue.is_some() {
        gone = statements_gone(scene, &arn, standing, own, actual.and_then(|queue| queue.tags.as_ref()));
    }
    let leaves = !gone.is_empty();
    if senders.is_empty() {
        gone.push(policy::QUEUE_SID.to_owned());
    } else {
        statements.push(policy::queue_statement(&arn, &senders));
    }
    if statements.is_empty() && before.is_empty() && !leaves {
        return None;
    }
    let work = Work::MergePolicy { arn, statements, gone };
    let mut row = policy_row(Kind::QueuePolicy, name, (standing, QUEUE_POLICY_LIMITS), work, faults)?;
    let mut named = before.clone();
    named.sort();
    if !row.action.is_rest() && named != senders {
        let shown = |topics: &[String]| {
            let names: Vec<&str> = topics.iter().map(|arn| last(arn)).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        row.fields.retain(|field| field.field != statement_field(policy::QUEUE_SID));
        row.fields.insert(0, FieldChange { field: "topics".into(), old: shown(&before), new: shown(&senders) });
    }
    let maker = actual.map_or(Maker::Us, |actual| scene.maker(actual.tags.as_ref()));
    Some((not_of_others(row, maker, own, faults), leaves))
}

/// The statements of ours that left the file, of a thing that is ours.
fn statements_gone(
    scene: &Scene<'_>,
    arn: &str,
    standing: &str,
    own: &[Value],
    tags: Option<&crate::topology::live::Texts>,
) -> Vec<String> {
    if scene.will_be_ours(arn) { owner::statements_gone(standing, own, tags) } else { Vec::new() }
}

/// The user's own statements belong where the resource does; ours lets a topic in, which the subscription needs.
fn not_of_others(row: Change, maker: Maker<'_>, own: &[Value], faults: &mut Vec<String>) -> Change {
    let stated = |field: &FieldChange| {
        own.iter().any(|statement| {
            statement.get("Sid").and_then(Value::as_str).is_some_and(|sid| field.field == statement_field(sid))
        })
    };
    if let Maker::Other(other) = maker
        && row.fields.iter().any(stated)
    {
        faults.push(format!(
            "the {} of `{}`: it belongs to the topology `{other}`, and this file says something else about its statements",
            row.kind.noun(),
            row.name
        ));
    }
    row
}

fn statement_field(sid: &str) -> String {
    format!("policy.{sid}")
}

/// A row for statements to merge into `standing`; `None` when that cannot be, and why is among the faults.
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
            let fields = statements.iter().filter_map(|statement| {
                let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
                let alone = policy::merge(standing, std::slice::from_ref(statement), &[], (usize::MAX, usize::MAX));
                (alone != Ok(None)).then(|| FieldChange {
                    field: statement_field(sid),
                    old: policy::statement(standing, sid).map(|stood| stood.to_string()),
                    new: Some(statement.to_string()),
                })
            });
            let left = gone.iter().filter(|sid| **sid != policy::QUEUE_SID).filter_map(|sid| {
                let stood = policy::statement(standing, sid)?;
                Some(FieldChange { field: statement_field(sid), old: Some(stood.to_string()), new: None })
            });
            let fields = fields.chain(left).collect();
            let action = if standing.is_empty() { Action::Create } else { Action::Change };
            Some(row(kind, name, action, fields, work))
        }
        Err(fault) => {
            faults.push(format!("the {} of `{name}`: {fault}", kind.noun()));
            None
        }
    }
}

/// The limits of the policy that belongs to this ARN.
pub(crate) fn policy_limits(arn: &str) -> (usize, usize) {
    if arn.split(':').nth(2) == Some("sns") { TOPIC_POLICY_LIMITS } else { QUEUE_POLICY_LIMITS }
}
