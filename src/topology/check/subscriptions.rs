//! Subscriptions: what SNS refuses, and what it takes and nobody would want.

use super::{kind, queue_of, topic_of};
use crate::topology::model::{Queue, Subscription, Topic, Topology};
use crate::topology::problem::{Place, Problems};
use crate::topology::units::show_bytes;
use crate::topology::yaml::join;

/// <https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html>: up to this, any number of subscriptions.
const LARGE: u64 = 262_144;

pub(super) fn all(topology: &Topology, problems: &mut Problems) {
    for (index, subscription) in topology.subscriptions.iter().enumerate() {
        let path = format!("subscriptions.{index}");
        duplicate(topology, index, &path, problems);
        let topic = topic_of(topology, &subscription.topic);
        let queue = queue_of(topology, &subscription.queue);
        let (Some(topic), Some(queue)) = (topic, queue) else { continue };
        types(topology, subscription, (topic, queue), &path, problems);
        if subscription.raw {
            let message = format!(
                "`{}` gets raw messages from `{}`: the Python library's subscribers need the wrapper and lose raw ones, and messages with more than ten attributes are discarded",
                queue.key, topic.key
            );
            problems.warn(subscription.place, &join(&path, "raw"), message, Some("remove `raw: true`".into()));
        }
        if dead_letter_target(topology, &queue.key) {
            let message = format!("`{}` takes dead letters, and is subscribed to `{}` as well", queue.key, topic.key);
            let fix = Some(format!("subscribe another queue to `{}`", topic.key));
            problems.warn(subscription.places.1, &path, message, fix);
        }
        outside(subscription, (topic, queue), &path, problems);
        encryption(queue, subscription.places.1, &path, problems);
        if let Some((name, place)) = &subscription.dead_letter
            && let Some(dead) = queue_of(topology, name)
        {
            encryption(dead, *place, &path, problems);
        }
        sizes(topic, queue, subscription, &path, problems);
    }
    for topic in topology.own_topics() {
        numbers(topology, topic, problems);
    }
}

fn duplicate(topology: &Topology, index: usize, path: &str, problems: &mut Problems) {
    let subscription = &topology.subscriptions[index];
    let pair = (&subscription.topic, &subscription.queue);
    let Some(first) = topology.subscriptions[..index].iter().find(|s| (&s.topic, &s.queue) == pair) else { return };
    let message = format!(
        "`{}` is subscribed to `{}` a second time; the first is on line {}, and SNS knows one subscription of a queue to a topic",
        subscription.queue, subscription.topic, first.place.line
    );
    let fix = Some("join the two filters with `$or`, or remove one".into());
    problems.error(subscription.place, path, message, fix);
}

fn types(
    topology: &Topology,
    subscription: &Subscription,
    (topic, queue): (&Topic, &Queue),
    path: &str,
    problems: &mut Problems,
) {
    if queue.is_fifo() && !topic.is_fifo() {
        let message = format!("`{}` is a FIFO queue and `{}` a standard topic; SNS refuses that", queue.key, topic.key);
        problems.error(subscription.places.1, path, message, Some("make both FIFO, or the queue standard".into()));
    }
    if let Some((name, place)) = &subscription.dead_letter
        && let Some(dead) = queue_of(topology, name)
        && dead.is_fifo() != topic.is_fifo()
    {
        let message = format!(
            "`{path}.dead_letter` is {}, and the topic `{}` is not of that type",
            kind(dead.is_fifo()),
            topic.key
        );
        let fix = format!("name {} there", kind(topic.is_fifo()));
        problems.error(*place, path, message, Some(fix));
    }
    if let Some((name, place)) = &subscription.dead_letter
        && *name == queue.key
    {
        let message = format!("`{path}.dead_letter` is `{name}`, the very queue that could not be delivered to");
        problems.error(*place, path, message, Some("name another queue".into()));
    }
}

fn dead_letter_target(topology: &Topology, key: &str) -> bool {
    topology.queues.iter().filter_map(|queue| queue.dead_letter.as_ref()).any(|dead| dead.queue == key)
        || topology.subscriptions.iter().filter_map(|s| s.dead_letter.as_ref()).any(|(name, _)| name == key)
}

/// What belongs to somebody else has to agree to it.
fn outside(subscription: &Subscription, (topic, queue): (&Topic, &Queue), path: &str, problems: &mut Problems) {
    let part = |arn: &str, at: usize| arn.split(':').nth(at).unwrap_or_default().to_owned();
    if queue.external {
        let message = format!(
            "`{}` is external, so its policy is not written here: until its owner lets the topic `{}` send, nothing arrives, and nobody is told",
            queue.key, topic.key
        );
        let fix = format!(
            "let its owner allow `sqs:SendMessage` on `{}` to `sns.amazonaws.com` where `aws:SourceArn` is the topic",
            queue.name
        );
        problems.warn(subscription.places.1, path, message, Some(fix));
    }
    if topic.external && queue.external && part(&topic.name, 4) != part(&queue.name, 4) {
        let message = format!(
            "neither end of the subscription of `{}` to `{}` is this file's, and they are of two accounts",
            queue.key, topic.key
        );
        let fix = Some("let one of the two owners make it".into());
        problems.warn(subscription.place, path, message, fix);
    }
}

/// The key that AWS manages for SQS cannot be used by SNS, so such a queue gets nothing:
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-enable-encryption-for-topic-sqs-queue-subscriptions.html>.
fn encryption(queue: &Queue, place: Place, path: &str, problems: &mut Problems) {
    let managed = queue.settings.get("KmsMasterKeyId").is_some_and(|key| key.ends_with("alias/aws/sqs"));
    if managed {
        let message = format!(
            "`{}` is encrypted with `alias/aws/sqs`, which SNS may not use: nothing that a topic sends arrives there",
            queue.key
        );
        let fix = "use a key of your own that lets `sns.amazonaws.com` use it, or `sse: true` instead of `kms_key`";
        problems.warn(place, path, message, Some(fix.into()));
    }
}

/// A message that the queue does not take is lost, or goes to the subscription's dead-letter queue.
fn sizes(topic: &Topic, queue: &Queue, subscription: &Subscription, path: &str, problems: &mut Problems) {
    let stated = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    let Some(takes) = stated(queue.settings.get("MaximumMessageSize")) else { return };
    let sends = stated(topic.settings.get("MaximumMessageSize")).unwrap_or(LARGE);
    if takes < sends && !topic.external {
        let message = format!(
            "`{}` takes messages up to {}, and `{}` sends them up to {}: larger ones do not arrive",
            queue.key,
            show_bytes(takes),
            topic.key,
            show_bytes(sends)
        );
        let fix = Some(format!("write `maximum_message_size: {}` for `{}`", show_bytes(sends), queue.key));
        problems.warn(subscription.places.1, path, message, fix);
    }
}

/// How many subscriptions a topic takes:
/// <https://docs.aws.amazon.com/general/latest/gr/sns.html> and the page of [`LARGE`].
fn numbers(topology: &Topology, topic: &Topic, problems: &mut Problems) {
    let of: Vec<_> = topology.subscriptions.iter().filter(|subscription| subscription.topic == topic.key).collect();
    let path = join("topics", &topic.key);
    if topic.is_fifo() && of.len() > 100 {
        let message = format!("`{path}` has {} subscriptions; a FIFO topic takes up to 100", of.len());
        problems.error(topic.place, &path, message, None);
    }
    let large = topic.settings.get("MaximumMessageSize").and_then(|text| text.parse::<u64>().ok());
    if large.is_some_and(|bytes| bytes > LARGE) && of.len() > 100 {
        let message = format!(
            "`{path}` has {} subscriptions; one whose messages may be larger than 256KiB takes up to 100",
            of.len()
        );
        let fix = Some("write `maximum_message_size: 256KiB`".into());
        problems.error(topic.place, &path, message, fix);
    }
    let filters = of.iter().filter(|subscription| subscription.filter.is_some()).count();
    if filters > 200 {
        let message = format!("`{path}` has {filters} filter policies; AWS takes up to 200 unless that was raised");
        problems.warn(topic.place, &path, message, Some("ask AWS for a higher quota".into()));
    }
}
