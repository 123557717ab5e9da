//! Topics: rows of the plan.

use serde_json::{Value, json};

use super::owner;
use super::scene::{Differences, Scene, row};
use super::{Action, Change, Kind, Work, same_json};
use crate::topology::live::LiveTopic;
use crate::topology::model::Topic;
use crate::topology::{OWNER_TAG, fields};

pub(super) fn topic(scene: &Scene<'_>, topic: &Topic, faults: &mut Vec<String>) -> Change {
    let change = match scene.live.topics.get(&topic.name) {
        None => fresh(scene, topic),
        Some(actual) => standing(scene, topic, actual, faults),
    };
    let (tags, untag) = match &change.work {
        Work::CreateTopic { tags, .. } => (tags, 0),
        Work::ChangeTopic { tags, untag, .. } => (tags, untag.len()),
        _ => return change,
    };
    let actual = scene.live.topics.get(&topic.name).and_then(|actual| actual.tags.as_ref());
    let over = owner::too_many(tags, actual, untag);
    faults.extend(over.map(|why| format!("the topic `{}`: {why}", topic.name)));
    change
}

fn archive(topic: &Topic) -> Option<String> {
    topic.archive_days.map(|days| json!({ "MessageRetentionPeriod": days.to_string() }).to_string())
}

fn fresh(scene: &Scene<'_>, topic: &Topic) -> Change {
    let mut differences = Differences::fresh(&topic.settings);
    if let Some(archive) = archive(topic) {
        let new = topic.archive_days.map(|days| format!("{days}d"));
        differences.add("archive", "ArchivePolicy", (None, new), archive);
    }
    if topic.is_fifo() {
        differences.attributes.insert("FifoTopic".into(), "true".into());
    } else {
        differences.attributes.remove("FifoTopic"); // a standard topic is made by not saying so
    }
    let mut tags = topic.tags.clone();
    tags.insert(OWNER_TAG.to_owned(), scene.owner.clone());
    tags.extend(owner::notes(&topic.tags, &topic.policy));
    let work = Work::CreateTopic { attributes: differences.attributes, tags };
    row(Kind::Topic, &topic.name, Action::Create, differences.fields, work)
}

fn standing(scene: &Scene<'_>, topic: &Topic, actual: &LiveTopic, faults: &mut Vec<String>) -> Change {
    let maker = scene.maker(actual.tags.as_ref());
    let ours = scene.will_be_ours(&actual.arn);
    let mut differences = Differences::default();
    differences.plain(fields::TOPIC, &topic.settings, &actual.attributes, ours);
    if let Some(archive) = archive(topic) {
        let standing = actual.attributes.get("ArchivePolicy").map_or("", String::as_str);
        if !same_json(standing, &archive) {
            let new = topic.archive_days.map(|days| format!("{days}d"));
            differences.add("archive", "ArchivePolicy", (days_of(standing), new), archive);
        }
    }
    let mut wanted = topic.tags.clone();
    if ours {
        wanted.insert(OWNER_TAG.to_owned(), scene.owner.clone());
    }
    let notes = ours.then(|| owner::notes(&topic.tags, &topic.policy));
    let (tags, untag) = owner::tag_changes(&wanted, notes, actual.tags.as_ref(), &mut differences.fields);
    let action = super::resources::action_of(scene, (Kind::Topic, &topic.name), maker, &differences.fields, faults);
    let work = match action {
        Action::Change => {
            Work::ChangeTopic { arn: actual.arn.clone(), attributes: differences.attributes, tags, untag }
        }
        _ => Work::Nothing,
    };
    let fields = if work == Work::Nothing { Vec::new() } else { differences.fields };
    let mut row = row(Kind::Topic, &topic.name, action, fields, work);
    row.notes.extend(super::resources::note(maker, ours));
    row
}

fn days_of(archive: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(archive).ok()?;
    policy.get("MessageRetentionPeriod").and_then(Value::as_str).map(|days| format!("{days}d"))
}

/// The name that this topic or queue would have if it were of the other type.
pub(crate) fn twin(name: &str) -> String {
    match name.strip_suffix(".fifo") {
        Some(standard) => standard.to_owned(),
        None => format!("{name}.fifo"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins() {
        assert_eq!((twin("a"), twin("a.fifo")), ("a.fifo".to_owned(), "a".to_owned()));
    }
}
