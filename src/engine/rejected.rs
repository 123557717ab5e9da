//! The labels of a message that `consume` moved to a dead-letter queue by itself: where it came from and why. Written by
//! `consume`, read and taken off again by `replay`, shown by `tail`.

use crate::bus::{Message, Queue};
use crate::event::Attributes;

/// The attribute of a message moved by us that holds the ARN of the queue it came from. SQS's own moves say that in the system
/// field `DeadLetterQueueSourceArn`, which nobody else can set.
pub const ORIGIN_ATTRIBUTE: &str = "eventbus.origin";

/// The attribute of a message moved by us that says why.
pub const REASON_ATTRIBUTE: &str = "eventbus.reason";

/// `attributes` as they were before the move.
pub(super) fn without_labels(attributes: &Attributes) -> Attributes {
    let mut bare = attributes.clone();
    bare.remove(ORIGIN_ATTRIBUTE);
    bare.remove(REASON_ATTRIBUTE);
    bare
}

/// The ARN of the queue that a dead letter came from: SQS's word, else our own label.
///
/// With raw delivery a publisher can set attributes of the queue's message, so the label counts only where it names one of
/// `sources`, the queues whose redrive policy points at the dead-letter queue.
pub(super) fn origin_of<'a>(message: &'a Message, sources: &[Queue]) -> Option<&'a str> {
    let label = || message.attributes.get(ORIGIN_ATTRIBUTE)?.text();
    message
        .system
        .dead_letter_source
        .as_deref()
        .or_else(|| label().filter(|arn| sources.iter().any(|source| source.arn == *arn)))
}
