//! Subscriptions: rows of the plan.
//!
//! `Subscribe` never changes a subscription that stands, so one that differs is changed attribute by attribute, including what
//! the file does not state: no filter, no raw delivery, no dead letters.

use serde_json::{Value, json};

use super::scene::{Scene, last};
use super::{Action, Change, FieldChange, Kind, Work, same_json};
use crate::filter::Scope;
use crate::topology::live::{LiveSubscription, Texts, is_arn};
use crate::topology::model::Subscription;

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

pub(super) fn subscription(scene: &Scene<'_>, wanted: &Subscription, warnings: &mut Vec<String>) -> Change {
    let (topic_arn, queue_arn) = (scene.arns.topic(&wanted.topic), scene.arns.queue(&wanted.queue));
    let name = scene.named(&topic_arn, &queue_arn);
    let filter = wanted.filter.as_ref().map(|filter| filter.text());
    let dead = wanted.dead_letter.as_ref().map(|(queue, _)| redrive(&scene.arns.queue(queue)));
    let stands = scene.standing(&topic_arn, &queue_arn);
    if stands.is_some_and(is_pending) {
        // To subscribe once more would change nothing but send another request for confirmation.
        let note = format!("`{name}` waits until the queue's owner confirms it; until then nothing of it can be set");
        warnings.push(note.clone());
        let mut row = super::scene::row(Kind::Subscription, name, Action::Unchanged, Vec::new(), Work::Nothing);
        row.notes.push("waits for a confirmation".into());
        return row;
    }
    let Some(actual) = stands else {
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
        let theirs = is_arn(&wanted.queue);
        let mut row = super::scene::row(
            Kind::Subscription,
            name,
            Action::Create,
            fields,
            Work::Subscribe { topic_arn, queue_arn, attributes },
        );
        if theirs {
            row.notes.push("the queue is somebody else's: its policy has to let the topic in".into());
        }
        return row;
    };
    let (fields, attributes) = differences(wanted, actual, filter, dead);
    let action = if fields.is_empty() { Action::Unchanged } else { Action::Change };
    let work = match action {
        Action::Unchanged => Work::Nothing,
        _ => Work::ChangeSubscription { arn: actual.arn.clone(), attributes },
    };
    super::scene::row(Kind::Subscription, name, action, fields, work)
}

/// Whether its attributes can be neither read nor set yet.
fn is_pending(subscription: &LiveSubscription) -> bool {
    subscription.arn.is_empty() || subscription.attributes.get("PendingConfirmation").is_some_and(|text| text == "true")
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

/// Subscriptions that stand and that the file does not have: ours go where it was asked for, and are only told of otherwise;
/// those of others are left alone.
pub(super) fn strangers(scene: &Scene<'_>, warnings: &mut Vec<String>) -> Vec<Change> {
    let mut rows = Vec::new();
    for subscription in &scene.live.subscriptions {
        let (topic, queue) = (subscription.topic_arn.as_str(), subscription.queue_arn.as_str());
        if scene.wants(topic, queue) {
            continue;
        }
        let name = scene.named(topic, queue);
        let listed = scene.names_topic(last(topic)) && scene.arns.topic(last(topic)) == topic;
        if scene.goes(subscription) {
            let work = Work::DeleteSubscription { arn: subscription.arn.clone() };
            rows.push(super::scene::row(Kind::Subscription, name, Action::Delete, Vec::new(), work));
        } else if listed && scene.names_queue(last(queue)) && scene.arns.queue(last(queue)) == queue {
            let (topic, queue) = (last(topic), last(queue));
            let fate = if scene.subscription_is_ours(subscription) { "; `--prune` deletes it" } else { "" };
            warnings.push(format!(
                "`{queue}` is subscribed to `{topic}`, and the file does not say so; it is left alone{fate}"
            ));
        } else if listed || (scene.topic_goes(topic) && !scene.subscription_is_ours(subscription)) {
            let mut row = super::scene::row(Kind::Subscription, name, Action::Foreign, Vec::new(), Work::Nothing);
            row.notes.push(if scene.subscription_is_ours(subscription) {
                // Its queue left the file, which is deleted when it is asked for.
                "made by this topology, and not in the file; `--prune` deletes it".to_owned()
            } else {
                format!("somebody else's ({})", subscription.protocol)
            });
            if scene.topic_goes(topic) {
                row.notes.push("it goes with its topic".into());
            }
            rows.push(row);
        }
    }
    rows
}
