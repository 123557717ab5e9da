//! Whose a thing is: the owner's tag, and the tags that record a subscription.

use sha2::{Digest as _, Sha256};

use super::FieldChange;
use crate::topology::live::Texts;
use crate::topology::{OWNER_TAG, Topology};

/// What the key of a tag begins with that records a subscription of the queue. Subscriptions carry no tags themselves: one is
/// ours when both its ends are, and one to somebody else's topic when the queue that is ours says so.
const PAIR_TAG: &str = "eventbus:topic:";

/// Characters of a tag's value at most, and tags of a resource:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-tags.html>.
const TAG_VALUE: usize = 256;
const MOST_TAGS: usize = 50;

/// Who made a thing that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker<'a> {
    /// This topology.
    Us,
    /// Another topology.
    Other(&'a str),
    /// No topology.
    Nobody,
    /// Its tags cannot be read.
    Unknown,
}

/// What the tag says on what this topology makes.
pub(crate) fn owner(topology: &Topology) -> String {
    topology.owner()
}

/// What stands before the name of everything that this topology makes.
pub(crate) fn prefix(topology: &Topology) -> &str {
    &topology.prefix
}

pub(super) fn maker<'a>(owner: &str, tags: Option<&'a Texts>) -> Maker<'a> {
    match tags.map(|tags| tags.get(OWNER_TAG)) {
        None => Maker::Unknown,
        Some(None) => Maker::Nobody,
        Some(Some(name)) if *name == owner => Maker::Us,
        Some(Some(name)) => Maker::Other(name),
    }
}

/// Whether the tags are those of something that this topology made.
pub(crate) fn is_ours(owner: &str, tags: Option<&Texts>) -> bool {
    maker(owner, tags) == Maker::Us
}

/// What is said about a thing that is not ours.
pub(super) fn note_of(maker: Maker<'_>) -> Option<String> {
    match maker {
        Maker::Us => None,
        Maker::Other(name) => Some(format!("made by the topology `{name}`, which alone changes it")),
        Maker::Nobody => {
            Some("not made by a topology: only what the file states is changed; `--adopt` takes it over".into())
        }
        Maker::Unknown => Some("its tags cannot be read: only what the file states is changed".into()),
    }
}

/// The key of the tag on a queue that records its subscription to a topic. ARNs are longer than a key may be.
pub(super) fn pair_key(topic_arn: &str) -> String {
    let digest = Sha256::digest(topic_arn.as_bytes());
    let short: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{PAIR_TAG}{short}")
}

/// The tag itself. An ARN that is too long for a value is cut; the key still tells it from others.
pub(super) fn pair_tag(topic_arn: &str) -> (String, String) {
    (pair_key(topic_arn), topic_arn.chars().take(TAG_VALUE).collect())
}

/// The keys of the tags that record subscriptions.
pub(super) fn pair_keys(tags: &Texts) -> impl Iterator<Item = &String> {
    tags.keys().filter(|key| key.starts_with(PAIR_TAG))
}

/// The topics (ARNs) that a queue's tags say it was subscribed to, as far as they are whole.
pub(crate) fn recorded_topics(tags: &Texts) -> impl Iterator<Item = &String> {
    let whole = |(key, arn): &(&String, &String)| key.starts_with(PAIR_TAG) && **key == pair_key(arn);
    tags.iter().filter(whole).map(|(_, arn)| arn)
}

/// The tags that have to be written; those that the file does not name stay.
///
/// Tags that cannot be read are not compared: no plan that converges could name them.
pub(super) fn tag_changes(wanted: &Texts, actual: Option<&Texts>, fields: &mut Vec<FieldChange>) -> Texts {
    let Some(actual) = actual else { return Texts::new() };
    let differing = wanted.iter().filter(|(key, value)| actual.get(*key) != Some(value));
    let differing: Texts = differing.map(|(key, value)| (key.clone(), value.clone())).collect();
    for (key, value) in &differing {
        let old = actual.get(key).cloned();
        fields.push(FieldChange { field: format!("tags.{key}"), old, new: Some(value.clone()) });
    }
    differing
}

/// Why a resource cannot carry these tags.
pub(super) fn too_many(wanted: &Texts, actual: Option<&Texts>, untag: usize) -> Option<String> {
    let mut all = actual.cloned().unwrap_or_default();
    all.extend(wanted.clone());
    let count = all.len().saturating_sub(untag);
    (count > MOST_TAGS).then(|| format!("it would have {count} tags; the limit is {MOST_TAGS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_subscription_is_known_by_its_topic() {
        let arn = "arn:aws:sns:eu-west-1:123456789012:users";
        let (key, value) = pair_tag(arn);
        assert!(key.len() <= 128 && value == arn);
        let tags = Texts::from([(key, value), ("eventbus:topic:0000000000000000".into(), arn.into())]);
        assert_eq!(recorded_topics(&tags).collect::<Vec<_>>(), [arn], "a key that does not fit its value is no record");
        assert_eq!(pair_keys(&tags).count(), 2);
    }
}
