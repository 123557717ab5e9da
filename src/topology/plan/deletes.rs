//! What goes: topics and queues that carry this topology's tag and are not in the file, and what is replaced.

use std::collections::BTreeMap;

use super::queues::read_redrive;
use super::scene::{Scene, last, row};
use super::topics::twin;
use super::{Action, Change, Guard, Kind, Work};
use crate::topology::live::{LiveQueue, LiveTopic};
use crate::words;

/// Marks the creations that take the place of something of the other type, and returns what they replace, by name: standard
/// and FIFO are decided for good when a thing is made, and FIFO is part of the name.
pub(super) fn replaced(
    scene: &Scene<'_>,
    changes: &mut [Change],
    faults: &mut Vec<String>,
) -> BTreeMap<(Kind, String), usize> {
    let mut found = BTreeMap::new();
    for (index, change) in changes.iter_mut().enumerate() {
        if change.action != Action::Create || !matches!(change.kind, Kind::Topic | Kind::Queue) {
            continue;
        }
        let old = twin(&change.name);
        let (ours, named) = match change.kind {
            Kind::Topic => (scene.is_ours(&scene.arns.topic(&old)), scene.names_topic(&old)),
            _ => (scene.is_ours(&scene.arns.queue(&old)), scene.names_queue(&old)),
        };
        if !ours || named {
            continue;
        }
        let (noun, name) = (change.kind.noun(), &change.name);
        let of = |name: &str| if name.ends_with(".fifo") { "FIFO" } else { "standard" };
        if !scene.options.allow_replace {
            faults.push(format!(
                "the {noun} `{old}` is {} and cannot become {}: `{name}` is a replacement, and `{old}` would be deleted; add `--allow-replace` if that is what you want, or keep `{old}` in the file beside it",
                of(&old),
                of(name)
            ));
            continue;
        }
        change.action = Action::Replace;
        change.notes.push(format!("instead of `{old}`, which is {} and is deleted", of(&old)));
        found.insert((change.kind, old), index);
    }
    found
}

/// The rows of what goes, each after all that has to be done before it. `replaced`: what goes because another takes its place.
pub(super) fn rows(
    scene: &Scene<'_>,
    changes: &[Change],
    replaced: &BTreeMap<(Kind, String), usize>,
    warnings: &mut Vec<String>,
) -> Vec<Change> {
    let mut rows = Vec::new();
    let goes = |kind: Kind, name: &str, arn: &str, named: bool| {
        scene.is_ours(arn) && !named && (scene.options.lists() || replaced.contains_key(&(kind, name.to_owned())))
    };
    for (name, live) in &scene.live.topics {
        if goes(Kind::Topic, name, &live.arn, scene.names_topic(name)) {
            let mut change = topic(scene, name, live);
            change.needs = needs(scene, changes, replaced.get(&(Kind::Topic, name.clone())), &live.arn);
            rows.push(change);
        }
    }
    let mut queues: Vec<(&String, &LiveQueue)> = scene.live.queues.iter().collect();
    // Who sends dead letters goes before their queue.
    queues.sort_by_cached_key(|(name, _)| std::cmp::Reverse(depth(scene, name)));
    for (name, live) in queues {
        let arn = scene.arns.queue(name);
        if goes(Kind::Queue, name, &arn, scene.names_queue(name)) {
            let mut change = queue(scene, name, live);
            change.needs = needs(scene, changes, replaced.get(&(Kind::Queue, name.clone())), &arn);
            // Topics whose subscriptions end here, and queues whose dead letters do.
            let at = changes.len();
            let ends_here = |row: &Change| match row.kind {
                Kind::Topic => scene.standing(&scene.arns.topic(&row.name), &arn).is_some(),
                _ => target(scene, &row.name).as_deref() == Some(arn.as_str()),
            };
            let more = rows.iter().enumerate().filter(|(_, row)| ends_here(row)).map(|(index, _)| at + index);
            change.needs.extend(more);
            rows.push(change);
        }
    }
    warnings.extend(rows.iter().filter_map(|row| row.guard.as_ref().map(|guard| guard.why.clone())));
    rows
}

/// Where a queue that stands sends its dead letters.
fn target(scene: &Scene<'_>, queue: &str) -> Option<String> {
    let policy = scene.live.queues.get(queue)?.attributes.get("RedrivePolicy")?;
    read_redrive(policy).map(|(target, _)| target)
}

/// How many dead-letter steps lie behind a queue that stands; circles end.
fn depth(scene: &Scene<'_>, queue: &str) -> usize {
    let next = |name: &String| target(scene, name).map(|arn| last(&arn).to_owned());
    std::iter::successors(Some(queue.to_owned()), next).take(scene.live.queues.len() + 1).count()
}

/// What is done before something goes: what points at it turns away first, and what takes its place is there.
fn needs(scene: &Scene<'_>, changes: &[Change], replacement: Option<&usize>, arn: &str) -> Vec<usize> {
    let new = replacement.map(|index| &changes[*index].name);
    let points = |change: &Change| match (&change.work, change.kind) {
        (Work::DeleteSubscription { arn: subscription }, _) => scene
            .live
            .subscriptions
            .iter()
            .any(|s| s.arn == *subscription && (s.topic_arn == arn || s.queue_arn == arn)),
        (Work::ChangeSubscription { arn: subscription, attributes }, _) => {
            let stood = scene.live.subscriptions.iter().find(|s| s.arn == *subscription);
            let dead = stood.and_then(|s| s.attributes.get("RedrivePolicy"));
            attributes.iter().any(|(name, _)| name == "RedrivePolicy") && dead.is_some_and(|text| text.contains(arn))
        }
        (Work::ChangeQueue { .. }, _) => target(scene, &change.name).as_deref() == Some(arn),
        (Work::Subscribe { topic_arn, queue_arn, .. }, _) => {
            new.is_some_and(|new| last(topic_arn) == new || last(queue_arn) == new)
        }
        (Work::MergePolicy { .. }, Kind::QueuePolicy) => new.is_some_and(|new| change.name == *new),
        _ => false,
    };
    let pointing = changes.iter().enumerate().filter(|(_, change)| points(change)).map(|(index, _)| index);
    replacement.copied().into_iter().chain(pointing).collect()
}

fn topic(scene: &Scene<'_>, name: &str, live: &LiveTopic) -> Change {
    let all: Vec<_> = scene.live.subscriptions.iter().filter(|s| s.topic_arn == live.arn).collect();
    let known = all.iter().map(|s| (s.protocol.clone(), s.queue_arn.clone())).collect();
    let work = Work::DeleteTopic { arn: live.arn.clone(), owner: scene.owner.clone(), known };
    let mut change = row(Kind::Topic, name, Action::Delete, Vec::new(), work);
    if !all.is_empty() {
        change.notes.push(format!("with its {}", words::count(all.len() as u64, "subscription")));
    }
    let foreign: Vec<&str> =
        all.iter().filter(|s| !scene.subscription_is_ours(s)).map(|s| s.queue_arn.as_str()).collect();
    if scene.live.unread_topics.contains(&live.arn) {
        change.guard = Some(Guard {
            name: name.to_owned(),
            why: format!("deleting the topic `{name}` deletes its subscriptions, which may not be listed"),
        });
    } else if !foreign.is_empty() {
        const SHOWN: usize = 10;
        let mut shown = words::list(&foreign[..foreign.len().min(SHOWN)]);
        if foreign.len() > SHOWN {
            shown.push_str(&format!(" (and {} more)", words::thousands((foreign.len() - SHOWN) as u64)));
        }
        change.guard = Some(Guard {
            name: name.to_owned(),
            why: format!(
                "deleting the topic `{name}` deletes {} of others: {shown}",
                words::count(foreign.len() as u64, "subscription")
            ),
        });
    }
    change
}

fn queue(scene: &Scene<'_>, name: &str, live: &LiveQueue) -> Change {
    let messages = live.messages();
    let work = Work::DeleteQueue { url: live.url.clone(), owner: scene.owner.clone(), with_messages: messages > 0 };
    let mut change = row(Kind::Queue, name, Action::Delete, Vec::new(), work);
    if messages > 0 {
        let count = words::count(messages, "message");
        change.notes.push(format!("with about {count} in it"));
        change.guard =
            Some(Guard { name: name.to_owned(), why: format!("deleting the queue `{name}` deletes about {count}") });
    }
    change
}

/// A creation and a deletion of the same kind whose names come close: perhaps a rename, which nothing here can do.
pub(super) fn renames(changes: &[Change]) -> Vec<String> {
    let mut told = Vec::new();
    for kind in [Kind::Topic, Kind::Queue] {
        let of = |action: Action| {
            changes.iter().filter(move |change| change.kind == kind && change.action == action).map(|c| c.name.as_str())
        };
        for created in of(Action::Create) {
            if let Some(deleted) = words::nearest(created, of(Action::Delete)).first() {
                let kept = if kind == Kind::Queue { "its messages stay behind and go" } else { "its subscriptions go" };
                told.push(format!(
                    "`{created}` is new and `{deleted}` is deleted: if that is a rename, {kept} with `{deleted}`; to move over, keep both in the file until the old one is empty and unused"
                ));
            }
        }
    }
    told
}
