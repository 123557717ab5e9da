//! Subscriptions: rows of the plan.
//!
//! `Subscribe` never changes a subscription that stands, so one that differs is changed attribute by attribute, including what
//! the file does not state: no filter, no raw delivery, no dead letters.

use serde_json::{Value, json};

use super::{Action, Change, FieldChange, Kind, Work, same_json};
use crate::filter::Scope;
use crate::topology::live::{Arns, Live, LiveSubscription, Texts};
use crate::topology::model::{Subscription, Topology};

/// The last part of an ARN.
pub(super) fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn scope_text(scope: Scope) -> &'static str {
    match scope {
        Scope::MessageAttributes => "MessageAttributes",
        Scope::MessageBody => "MessageBody",
    }
}

/// AWS's spelling in the file's.
fn scope_shown(text: &str) -> String {
    match text {
        "MessageAttributes" => "attributes".into(),
        "MessageBody" => "body".into(),
        other => other.into(),
    }
}

fn redrive(arn: &str) -> String {
    json!({ "deadLetterTargetArn": arn }).to_string()
}

fn redrive_shown(text: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(text).ok()?;
    Some(last(policy.get("deadLetterTargetArn")?.as_str()?).to_owned())
}

pub(super) fn subscription(topology: &Topology, wanted: &Subscription, live: &Live, arns: &Arns) -> Change {
    let (topic_arn, queue_arn) = (arns.topic(&wanted.topic), arns.queue(&wanted.queue));
    let name = format!("{} → {}", wanted.topic, wanted.queue);
    let filter = wanted.filter.as_ref().map(|filter| filter.text());
    let dead = wanted.dead_letter.as_ref().map(|(queue, _)| redrive(&arns.queue(queue)));
    let mut standing = live.subscriptions.iter().filter(|s| s.topic_arn == topic_arn && s.queue_arn == queue_arn);
    // SNS asks the owner of a queue in another account, by a message into that queue. Asking again would not help.
    let outside = topology.queue(&wanted.queue).is_some_and(|queue| queue.external);
    if outside && standing.clone().any(|s| s.arn.is_empty()) && standing.clone().all(|s| s.arn.is_empty()) {
        let mut row = row(name, Action::Unchanged, Vec::new(), Work::Nothing);
        row.notes.push("waits for the confirmation of the queue's owner".into());
        return row;
    }
    let Some(actual) = standing.find(|s| !s.arn.is_empty()) else {
        let mut attributes = Texts::new();
        let mut fields = Vec::new();
        let mut add = |field: &str, attribute: &str, shown: Option<String>, value: String| {
            fields.push(FieldChange { field: field.into(), old: None, new: shown });
            attributes.insert(attribute.into(), value);
        };
        if let Some(filter) = &filter {
            add("filter", "FilterPolicy", Some(filter.clone()), filter.clone());
        }
        if wanted.scope == Scope::MessageBody {
            add("scope", "FilterPolicyScope", Some("body".into()), scope_text(wanted.scope).into());
        }
        if wanted.raw {
            add("raw", "RawMessageDelivery", Some("true".into()), "true".into());
        }
        if let Some(dead) = &dead {
            add("dead_letter", "RedrivePolicy", redrive_shown(dead), dead.clone());
        }
        let work = Work::Subscribe { topic_arn, queue_arn, attributes };
        return row(name, Action::Create, fields, work);
    };
    let (fields, attributes) = differences(wanted, actual, filter, dead);
    let action = if fields.is_empty() { Action::Unchanged } else { Action::Change };
    let work = match action {
        Action::Unchanged => Work::Nothing,
        _ => Work::ChangeSubscription { arn: actual.arn.clone(), attributes },
    };
    row(name, action, fields, work)
}

fn row(name: String, action: Action, fields: Vec<FieldChange>, work: Work) -> Change {
    Change { kind: Kind::Subscription, name, action, fields, notes: Vec::new(), needs: Vec::new(), work }
}

type Set = Vec<(String, Option<String>)>;

fn differences(
    wanted: &Subscription,
    actual: &LiveSubscription,
    filter: Option<String>,
    dead: Option<String>,
) -> (Vec<FieldChange>, Set) {
    let stands = |name: &str| actual.attributes.get(name).map_or("", String::as_str);
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty() && text != "{}");
    let mut fields = Vec::new();
    let mut set: Set = Vec::new();
    let mut add = |field: &str, old: Option<String>, new: Option<String>| {
        fields.push(FieldChange { field: field.into(), old, new });
    };
    if !same_json(stands("FilterPolicy"), filter.as_deref().unwrap_or_default()) {
        add("filter", text(stands("FilterPolicy")), filter.clone());
        // An empty object is how SNS is told "no filter":
        // https://docs.aws.amazon.com/sns/latest/dg/message-filtering-apply.html
        set.push(("FilterPolicy".into(), Some(filter.unwrap_or_else(|| "{}".into()))));
    }
    let scope = scope_text(wanted.scope);
    let standing = text(stands("FilterPolicyScope")).unwrap_or_else(|| "MessageAttributes".into());
    if standing != scope {
        add("scope", Some(scope_shown(&standing)), Some(scope_shown(scope)));
        let change = ("FilterPolicyScope".into(), Some(scope.to_owned()));
        // Only the body's scope takes a nested policy: it comes before one, and goes after it.
        let at = if wanted.scope == Scope::MessageBody { 0 } else { set.len() };
        set.insert(at, change);
    }
    // An endpoint that leaves the attribute out means `false`.
    if stands("RawMessageDelivery").eq_ignore_ascii_case("true") != wanted.raw {
        add("raw", Some((!wanted.raw).to_string()), Some(wanted.raw.to_string()));
        set.push(("RawMessageDelivery".into(), Some(wanted.raw.to_string())));
    }
    if !same_json(stands("RedrivePolicy"), dead.as_deref().unwrap_or_default()) {
        add("dead_letter", redrive_shown(stands("RedrivePolicy")), dead.as_deref().and_then(redrive_shown));
        set.push(("RedrivePolicy".into(), dead));
    }
    (fields, set)
}

/// Subscriptions between a topic and a queue of the file that the file does not have. They are left alone.
pub(super) fn strangers(topology: &Topology, live: &Live, arns: &Arns) -> Vec<String> {
    let mut found = Vec::new();
    for subscription in &live.subscriptions {
        let (topic, queue) = (last(&subscription.topic_arn), last(&subscription.queue_arn));
        let both = topology.own_topics().any(|t| arns.topic(&t.name) == subscription.topic_arn)
            && topology.own_queues().any(|q| arns.queue(&q.name) == subscription.queue_arn);
        if both && !topology.subscriptions.iter().any(|s| s.topic == topic && s.queue == queue) {
            found.push(format!("`{queue}` is subscribed to `{topic}`, and the file does not say so; it is left alone"));
        }
    }
    found
}
