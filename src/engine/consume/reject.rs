//! Moves a message to the dead-letter queue now, instead of after its last receive: send, confirm, then delete.

use std::time::Duration;

use tokio::time::sleep;

use super::settle::Change;
use super::work::Context;
use super::{Left, Received, Settlement};
use crate::bus::{Bus, ItemError, Outgoing, Queue};
use crate::engine::backoff::{Backoff, random};
use crate::engine::rejected::{ORIGIN_ATTRIBUTE, REASON_ATTRIBUTE, without_labels};
use crate::event::{Attribute, Attributes};

/// Attributes that one SQS message may have:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
const MAX_ATTRIBUTES: usize = 10;

/// Body and attributes of one SQS message, where the queue does not say otherwise (same page): 1 MiB.
const MAX_SIZE: usize = 1 << 20;

/// Bytes of a reason.
const MAX_REASON: usize = 512;

const TRIES: u32 = 3;

const RETRY: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(2) };

/// The dead-letter queue, found when it is needed first.
#[derive(Clone, Debug)]
pub(super) struct DeadLetters {
    queue: Queue,
    max_size: usize,
}

impl DeadLetters {
    async fn find(bus: &Bus, arn: &str) -> Result<Self, String> {
        let queue = bus.queue(arn).await.map_err(|error| error.to_string())?;
        // Who may send to a queue may not always ask for its attributes.
        let max_size = bus.queue_attributes(&queue).await.ok().and_then(|attributes| attributes.maximum_message_size);
        Ok(Self { queue, max_size: max_size.unwrap_or(MAX_SIZE) })
    }
}

/// Moves `received` for `reason`, or leaves it where there is no dead-letter queue.
pub(super) async fn reject(context: &Context, received: &Received, reason: &str) -> Settlement {
    let Some((arn, _)) = &context.dead_letter else {
        context.leave(received).await;
        return Settlement::Left { reason: reason.to_owned(), why: Left::NoDeadLetters };
    };
    match send(context, arn, received, reason).await {
        Ok((to, untold)) => {
            let deleted = context.settle(received, Change::Delete).await;
            Settlement::Rejected { to, reason: reason.to_owned(), untold, unsettled: deleted }
        }
        Err(error) => {
            let after =
                Backoff::default().visibility(received.message.system.receive_count, random(), received.at.elapsed());
            // Should that fail too, its visibility timeout does the same.
            let _ = context.settle(received, Change::Visible(after)).await;
            Settlement::RejectFailed { to: name_of(arn).to_owned(), error, after }
        }
    }
}

async fn send(
    context: &Context,
    arn: &str,
    received: &Received,
    reason: &str,
) -> Result<(String, Vec<&'static str>), String> {
    let letters = context.dead_letters.get_or_try_init(|| DeadLetters::find(&context.shared.bus, arn)).await?;
    let message = &received.message;
    let room = letters.max_size.saturating_sub(message.body.len());
    let (attributes, untold) = labelled(&message.attributes, &context.queue.arn, reason, room);
    let outgoing = [Outgoing {
        body: message.body.clone(),
        attributes,
        subject: None,
        group_id: message.system.group_id.clone(),
        // What SQS gives a message that it moves itself; a copy sent twice by our retry is then one message.
        dedup_id: letters.queue.is_fifo().then(|| message.id.clone()),
        trace_header: message.system.trace_header.clone(),
    }];
    let mut attempt = 1;
    loop {
        let answer = context.shared.bus.send_batch(&letters.queue, &outgoing).await.pop();
        match answer {
            Some(Ok(_)) => return Ok((letters.queue.name.clone(), untold)),
            Some(Err(ItemError { retryable: true, .. })) if attempt < TRIES => {
                sleep(RETRY.after(attempt, random())).await
            }
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("the answer says nothing about the message".into()),
        }
        attempt += 1;
    }
}

/// `attributes` with origin and reason, as far as count and `room` (bytes for all attributes) allow; and what they do not. The
/// origin wins: without it nobody can send the message back.
fn labelled(attributes: &Attributes, origin: &str, reason: &str, room: usize) -> (Attributes, Vec<&'static str>) {
    // Labels of an earlier move do not count.
    let mut labelled = without_labels(attributes);
    let mut untold = Vec::new();
    for (name, value) in [(ORIGIN_ATTRIBUTE, origin.to_owned()), (REASON_ATTRIBUTE, sendable(reason))] {
        labelled.insert(name.to_owned(), Attribute::string(value));
        let size: usize = labelled.iter().map(|(name, attribute)| name.len() + attribute.size()).sum();
        if labelled.len() > MAX_ATTRIBUTES || size > room {
            labelled.remove(name);
            untold.push(name);
        }
    }
    (labelled, untold)
}

/// A reason as SQS takes it: not empty, not long, without the characters that it refuses
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
fn sendable(reason: &str) -> String {
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let mut text: String = reason.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect();
    if text.len() > MAX_REASON {
        let cut = (0..=MAX_REASON).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
    }
    if text.is_empty() { "rejected".to_owned() } else { text }
}

/// The last part of an ARN.
pub(super) fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(count: usize) -> Attributes {
        (0..count).map(|n| (format!("a{n}"), Attribute::string("x"))).collect()
    }

    #[test]
    fn the_origin_wins_where_there_is_room_for_one() {
        let told = |count, room| {
            let (labelled, untold) = labelled(&attributes(count), "arn:origin", "because", room);
            assert!(labelled.len() <= MAX_ATTRIBUTES);
            assert!((0..count).all(|n| labelled.contains_key(&format!("a{n}"))), "the author's attributes stay");
            (labelled.contains_key(ORIGIN_ATTRIBUTE), labelled.contains_key(REASON_ATTRIBUTE), untold)
        };
        assert_eq!(told(8, MAX_SIZE), (true, true, vec![]));
        assert_eq!(told(9, MAX_SIZE), (true, false, vec![REASON_ATTRIBUTE]));
        assert_eq!(told(10, MAX_SIZE), (false, false, vec![ORIGIN_ATTRIBUTE, REASON_ATTRIBUTE]));
        let origin = ORIGIN_ATTRIBUTE.len() + "String".len() + "arn:origin".len();
        assert_eq!(told(0, origin), (true, false, vec![REASON_ATTRIBUTE]));
        assert_eq!(told(0, 0), (false, false, vec![ORIGIN_ATTRIBUTE, REASON_ATTRIBUTE]));
    }

    #[test]
    fn a_second_rejection_takes_the_place_of_the_first() {
        let (first, _) = labelled(&attributes(8), "arn:one", "one", MAX_SIZE);
        let (second, untold) = labelled(&first, "arn:two", "two", MAX_SIZE);
        assert_eq!(second[ORIGIN_ATTRIBUTE].text(), Some("arn:two"));
        assert_eq!((second[REASON_ATTRIBUTE].text(), untold), (Some("two"), vec![]));
    }

    #[test]
    fn a_reason_is_always_sendable() {
        assert_eq!(sendable(""), "rejected");
        assert_eq!(sendable("a\0b\u{1b}c"), "a\u{fffd}b\u{fffd}c");
        assert!(sendable(&"ä".repeat(1000)).len() <= MAX_REASON);
    }
}
