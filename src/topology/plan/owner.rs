//! Whose a thing is: the owner's tag, and the tags that record a subscription.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::FieldChange;
use crate::topology::live::Texts;
use crate::topology::{OWNER_TAG, Topology, policy};
use crate::words;

/// What the key of a tag begins with that records a subscription of the queue. Subscriptions carry no tags themselves: one is
/// ours when both its ends are, and one to somebody else's topic when the queue that is ours says so.
const PAIR_TAG: &str = "eventbus:topic:";

/// What the key of a tag begins with that notes which tags and policy statements of a thing its topology set, so that they, and
/// nobody else's, can go when they leave the file.
const SETS_TAG: &str = "eventbus:sets";

/// What begins the keys of the tags that are this tool's own.
pub(crate) const OWN_TAGS: &str = "eventbus:";

/// Notes in one tag: each has eight characters and a blank behind it.
const NOTES: usize = 28;

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
    format!("{PAIR_TAG}{}", words::hex(&Sha256::digest(topic_arn.as_bytes())[..8]))
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

/// A note: names may be longer than tags' values and hold what those may not.
fn note(kind: &str, name: &str) -> String {
    words::hex(&Sha256::digest(format!("{kind} {name}").as_bytes())[..4])
}

fn is_notes(key: &str) -> bool {
    key.strip_prefix(SETS_TAG).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// The tags that note what the file sets of a thing.
pub(super) fn notes(tags: &Texts, statements: &[Value]) -> Texts {
    let sids = statements.iter().filter_map(|statement| statement.get("Sid")?.as_str());
    let notes = tags.keys().map(|key| note("tag", key)).chain(sids.map(|sid| note("statement", sid)));
    let notes: Vec<String> = notes.collect::<BTreeSet<_>>().into_iter().collect();
    let key = |at: usize| if at == 0 { SETS_TAG.to_owned() } else { format!("{SETS_TAG}:{}", at + 1) };
    notes.chunks(NOTES).enumerate().map(|(at, some)| (key(at), some.join(" "))).collect()
}

fn is_noted(actual: &Texts, note: &str) -> bool {
    actual.iter().any(|(key, value)| is_notes(key) && value.split(' ').any(|noted| noted == note))
}

/// The ids of the statements that stand in `policy`, were set by this topology, and are not among its `own` any more.
pub(super) fn statements_gone(policy: &str, own: &[Value], actual: Option<&Texts>) -> Vec<String> {
    let (Some(actual), Ok(standing)) = (actual, policy::statements_of(policy)) else { return Vec::new() };
    let sids = standing.iter().filter_map(|statement| statement.get("Sid")?.as_str());
    let is_own = |sid: &str| own.iter().any(|statement| statement.get("Sid").and_then(Value::as_str) == Some(sid));
    sids.filter(|sid| !is_own(sid) && is_noted(actual, &note("statement", sid))).map(str::to_owned).collect()
}

/// The tags that have to be written, and the keys of those that have to go: what this topology set and the file does not say any
/// more. What somebody else set stays. `notes` are what is noted on a thing that is this topology's, and `None` for any other.
///
/// Tags that cannot be read are not compared: no plan that converges could name them.
pub(super) fn tag_changes(
    wanted: &Texts,
    notes: Option<Texts>,
    actual: Option<&Texts>,
    fields: &mut Vec<FieldChange>,
) -> (Texts, Vec<String>) {
    let Some(actual) = actual else { return Default::default() };
    let differing = wanted.iter().filter(|(key, value)| actual.get(*key) != Some(value));
    let differing: Texts = differing.map(|(key, value)| (key.clone(), value.clone())).collect();
    for (key, value) in &differing {
        let old = actual.get(key).cloned();
        fields.push(FieldChange { field: format!("tags.{key}"), old, new: Some(value.clone()) });
    }
    let Some(notes) = notes else { return (differing, Vec::new()) };
    let goes =
        |key: &&String| !wanted.contains_key(*key) && !key.starts_with(OWN_TAGS) && is_noted(actual, &note("tag", key));
    let mut untag: Vec<String> = actual.keys().filter(goes).cloned().collect();
    for key in &untag {
        fields.push(FieldChange { field: format!("tags.{key}"), old: actual.get(key).cloned(), new: None });
    }
    let stale = actual.keys().filter(|key| is_notes(key) && !notes.contains_key(*key)).cloned();
    let stale: Vec<String> = stale.collect();
    let fresh: Texts = notes.into_iter().filter(|(key, value)| actual.get(key) != Some(value)).collect();
    // What they note is told by itself; they are told where nothing else is to be done.
    if fields.is_empty()
        && let Some(key) = fresh.keys().chain(&stale).next()
    {
        let (old, new) = (actual.get(key).cloned(), fresh.get(key).cloned());
        fields.push(FieldChange { field: format!("tags.{key}"), old, new });
    }
    untag.extend(stale);
    (differing.into_iter().chain(fresh).collect(), untag)
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
    fn what_was_set_goes_and_what_others_set_stays() {
        let tags =
            |text: &str| -> Texts { text.split_whitespace().map(|key| (key.to_owned(), "v".to_owned())).collect() };
        let statement = serde_json::json!({ "Sid": "own" });
        let before = notes(&tags("a b"), std::slice::from_ref(&statement));
        assert_eq!(before.len(), 1);
        let actual: Texts = tags("a b theirs eventbus:topology").into_iter().chain(before.clone()).collect();
        let mut fields = Vec::new();
        let after = notes(&tags("a"), &[]);
        let (set, untag) = tag_changes(&tags("a"), Some(after.clone()), Some(&actual), &mut fields);
        assert_eq!((set, untag), (after, vec!["b".to_owned()]));
        assert_eq!(fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["tags.b"]);
        let (set, untag) = tag_changes(&Texts::new(), Some(Texts::new()), Some(&actual), &mut Vec::new());
        assert_eq!((set, untag), (Texts::new(), ["a", "b", "eventbus:sets"].map(str::to_owned).to_vec()));
        // Of what is not this topology's nothing goes.
        let (set, untag) = tag_changes(&tags("new"), None, Some(&actual), &mut Vec::new());
        assert_eq!((set, untag), (tags("new"), Vec::new()));
        let policy = serde_json::json!({ "Statement": [statement, { "Sid": "theirs" }, {}] }).to_string();
        assert_eq!(statements_gone(&policy, &[], Some(&actual)), ["own"]);
        assert_eq!(statements_gone(&policy, &[statement], Some(&actual)), [] as [&str; 0]);
        assert_eq!(statements_gone(&policy, &[], Some(&tags("a"))), [] as [&str; 0]);
    }

    #[test]
    fn notes_that_fill_a_tag_go_on_in_the_next() {
        let many: Texts = (0..60).map(|n| (format!("tag {n}"), String::new())).collect();
        let noted = notes(&many, &[]);
        assert_eq!(noted.keys().collect::<Vec<_>>(), ["eventbus:sets", "eventbus:sets:2", "eventbus:sets:3"]);
        assert!(noted.values().all(|value| value.len() <= TAG_VALUE));
        assert!(many.keys().all(|key| is_noted(&noted, &note("tag", key))) && !is_noted(&noted, &note("tag", "x")));
        let fewer = notes(&many.into_iter().take(5).collect(), &[]);
        let mut fields = Vec::new();
        let (set, untag) = tag_changes(&Texts::new(), Some(fewer.clone()), Some(&noted), &mut fields);
        assert_eq!((set, untag), (fewer, vec!["eventbus:sets:2".to_owned(), "eventbus:sets:3".to_owned()]));
        assert_eq!(fields.len(), 1, "{fields:?}");
    }

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
