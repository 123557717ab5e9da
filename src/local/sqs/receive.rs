//! Receiving: long polling, attribute selection, dead-lettering what was received too often.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::QueueName;
use super::super::sns::notification;
use super::super::store::Tx;
use super::super::store::catalogue::Queue;
use super::super::store::fifo;
use super::super::store::messages::{self, Stored, Taken};
use super::receipt::Receipt;
use super::send::valid_group;
use super::types::{Message, Messages, ReceiveMessage, WireAttributes};
use super::{digest, queues};

/// The system attributes a message can have.
const SYSTEM: [&str; 10] = [
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

/// Who sends when SNS delivers; what AWS shows there is an id of its own account.
const SNS_SENDER: &str = "AIDAIT2UOQQY3AUEKVGXU";

/// Messages in flight at most, in queues of both kinds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>).
const MOST_IN_FLIGHT: i64 = 120_000;
/// A receive that waits because of that looks again after so many milliseconds.
const HELD: u64 = 100;

/// Which attributes a receive wants to see.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    system: Vec<String>,
    user: Vec<String>,
}

impl Wanted {
    /// All there are.
    pub(crate) fn all() -> Self {
        Self { system: vec!["All".into()], user: vec!["All".into()] }
    }

    fn system(&self, name: &str) -> bool {
        self.system.iter().any(|wanted| wanted == "All" || wanted == name)
    }

    /// `All`, `.*`, `*`, a name, or `prefix.*`.
    fn user(&self, name: &str) -> bool {
        self.user.iter().any(|wanted| match wanted.as_str() {
            "All" | ".*" | "*" => true,
            wanted => wanted == name || wanted.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix)),
        })
    }
}

fn in_range(name: &str, value: Option<i64>, low: i64, high: i64, reason: &str) -> ApiResult<()> {
    match value {
        Some(value) if !(low..=high).contains(&value) => {
            Err(ApiError::invalid_value(format!("Value {value} for parameter {name} is invalid. Reason: {reason}")))
        }
        _ => Ok(()),
    }
}

pub(crate) async fn receive(cx: &Cx<'_>, input: ReceiveMessage) -> ApiResult<Messages> {
    let name = queues::named(cx, input.queue_url.as_ref())?;
    in_range("MaxNumberOfMessages", input.max_number_of_messages, 1, 10, "Must be between 1 and 10, if provided.")?;
    in_range("WaitTimeSeconds", input.wait_time_seconds, 0, 20, "Must be >= 0 and <= 20, if provided.")?;
    in_range("VisibilityTimeout", input.visibility_timeout, 0, 43_200, "Must be >= 0 and <= 43200, if provided.")?;
    let mut system = input.attribute_names;
    system.extend(input.message_system_attribute_names);
    if let Some(unknown) = system.iter().find(|name| !SYSTEM.contains(&name.as_str())) {
        return Err(ApiError::new("InvalidAttributeName", format!("Unknown Attribute {unknown}.")));
    }
    let wanted = Wanted { system, user: input.message_attribute_names };
    if let Some(attempt) = input.receive_request_attempt_id.as_ref().filter(|attempt| !valid_group(attempt)) {
        return Err(ApiError::invalid_value(format!(
            "Value {attempt} for parameter ReceiveRequestAttemptId is invalid. Reason: ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        )));
    }
    if let Some(attempt) = input.receive_request_attempt_id.as_ref().filter(|_| !name.fifo()) {
        return Err(ApiError::invalid_value(format!(
            "Value {attempt} for parameter ReceiveRequestAttemptId is invalid. Reason: The request include parameter that is not valid for this queue type."
        )));
    }
    let ask = Ask {
        visibility: input.visibility_timeout,
        most: input.max_number_of_messages.unwrap_or(1) as usize,
        attempt: input.receive_request_attempt_id,
    };
    // What an earlier attempt took is found although it is hidden, and a queue that has just given all that was asked for is
    // asked again without a look.
    let mut at_once = ask.attempt.is_some() || cx.bus.plenty.holds(&name);
    let mut held = false;
    let mut waiting = None;
    let mut deadline = None;
    let mut closing = cx.bus.closing.subscribe();
    loop {
        if std::mem::take(&mut at_once)
            && let Some(messages) = take(cx, &name, &ask, &wanted, &mut held).await?
        {
            return Ok(messages);
        }
        let found = name.clone();
        // Looking costs a reader nothing; the write lock is taken only when there is something to take.
        let (queue, next) = cx
            .read(move |connection| {
                let queue = Queue::find(connection, &found)?.ok_or_else(ApiError::no_queue)?;
                let next = messages::next_visible(connection, &queue)?;
                Ok((queue, next))
            })
            .await?;
        if next.is_some_and(|next| next <= cx.now())
            && let Some(messages) = take(cx, &name, &ask, &wanted, &mut held).await?
        {
            return Ok(messages);
        }
        let wait = input.wait_time_seconds.unwrap_or_else(|| queue.number("ReceiveMessageWaitTimeSeconds"));
        let until = *deadline.get_or_insert_with(|| Instant::now() + Duration::from_secs(wait.unsigned_abs()));
        // "If you use long polling, Amazon SQS returns no error messages", and FIFO queues never do
        // (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>).
        if held && wait == 0 && !queue.fifo() {
            return Err(ApiError::over_limit("The maximum number of in flight messages is reached."));
        }
        if Instant::now() >= until {
            return Ok(Messages { messages: Vec::new() });
        }
        match &mut waiting {
            // Once more, now that nothing can slip in unseen.
            None => waiting = Some(cx.bus.store.waiting(queue.id)),
            Some(waiting) => {
                let soonest = if held { HELD } else { 1 };
                let appears = next.map(|next| {
                    Instant::now() + Duration::from_millis(u64::try_from(next - cx.now()).unwrap_or(0).max(soonest))
                });
                tokio::select! {
                    () = waiting.woken() => at_once = waiting.is_news(),
                    _ = closing.wait_for(|closing| *closing) => return Ok(Messages { messages: Vec::new() }),
                    () = tokio::time::sleep_until(appears.map_or(until, |appears| appears.min(until))) => {}
                }
            }
        }
    }
}

/// The queues that gave all that was asked for when they were last asked, as far as this process knows. Only a hint: what it
/// says wrongly costs one transaction that finds nothing.
#[derive(Debug, Default)]
pub(crate) struct Plenty(Mutex<HashSet<QueueName>>);

impl Plenty {
    fn holds(&self, queue: &QueueName) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(queue)
    }

    fn is(&self, queue: &QueueName, plenty: bool) {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !plenty {
            queues.remove(queue);
        } else if !queues.contains(queue) {
            queues.insert(queue.clone());
        }
    }
}

/// What a receive asks for.
#[derive(Clone)]
struct Ask {
    visibility: Option<i64>,
    most: usize,
    attempt: Option<String>,
}

/// Takes what is asked for and renders it; `None` when there is nothing, `held` when too much of the queue is in flight.
async fn take(
    cx: &Cx<'_>,
    name: &QueueName,
    ask: &Ask,
    wanted: &Wanted,
    held: &mut bool,
) -> ApiResult<Option<Messages>> {
    let taken = taken(cx, name.clone(), ask.clone()).await;
    let count = taken.as_ref().ok().and_then(|taken| taken.as_ref()).map_or(0, Taken::len);
    cx.bus.plenty.is(name, count > 0 && count == ask.most);
    let taken = taken?;
    *held = taken.is_none();
    Ok(taken.filter(|taken| !taken.is_empty()).map(|taken| {
        // From here to the answer nothing waits, so nothing can be dropped half-way.
        let queue = taken.queue();
        let messages = taken.hand_over();
        Messages { messages: messages.iter().map(|message| render(cx, queue, name, message, wanted)).collect() }
    }))
}

async fn taken(cx: &Cx<'_>, name: QueueName, ask: Ask) -> ApiResult<Option<Taken>> {
    let clock = cx.clock();
    let afterwards = cx.bus.store.afterwards();
    let work = move |tx: &mut Tx<'_>| {
        let now = clock.now_ms();
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        let hidden = now + ask.visibility.unwrap_or_else(|| queue.number("VisibilityTimeout")) * 1_000;
        if let Some(attempt) = &ask.attempt
            && let Some(messages) = fifo::again(tx, queue.id, attempt, now, hidden)?
        {
            return Ok(Some(Taken::new(queue.id, hidden, messages, None, None)));
        }
        if !messages::has_room(tx, &queue, now, MOST_IN_FLIGHT)? {
            return Ok(None);
        }
        let target = match &queue.redrive {
            None => None,
            // A dead-letter queue that is gone: the message stays where it is.
            // So does one whose dead-letter queue is the queue itself: it would be buried and found again for ever.
            Some((target, most)) => tx
                .catalogue
                .maybe_queue(tx.connection, target)?
                .filter(|target| target.id != queue.id)
                .map(|target| (target, *most)),
        };
        let dead_letters = target.as_ref().map(|(target, most)| (&**target, *most));
        let taken = messages::take(tx, &queue, dead_letters, now, hidden, ask.most)?;
        if let Some(attempt) = ask.attempt.as_ref().filter(|_| !taken.is_empty()) {
            fifo::attempted(tx, queue.id, attempt, &taken, now, hidden)?;
        }
        Ok(Some(Taken::new(queue.id, hidden, taken, ask.attempt, Some(afterwards))))
    };
    cx.bus.store.take(work).await
}

/// The message as a receive answers it.
pub(crate) fn render(cx: &Cx<'_>, queue: i64, name: &QueueName, message: &Stored, wanted: &Wanted) -> Message {
    let mut attributes = BTreeMap::new();
    let mut system = |name: &'static str, value: Option<String>| {
        if let Some(value) = value.filter(|_| wanted.system(name)) {
            attributes.insert(name, value);
        }
    };
    let sender = if message.sns.is_some() { SNS_SENDER } else { name.account.as_str() };
    system("SenderId", Some(sender.to_owned()));
    system("SentTimestamp", Some(message.sent.to_string()));
    system("ApproximateReceiveCount", Some(message.receives.to_string()));
    system("ApproximateFirstReceiveTimestamp", message.first_received.map(|at| at.to_string()));
    system("SequenceNumber", message.sequence.clone());
    system("MessageDeduplicationId", message.dedup_id.clone());
    system("MessageGroupId", message.group_id.clone());
    system("AWSTraceHeader", message.trace.clone());
    system("DeadLetterQueueSourceArn", message.dead_letter_of.clone());

    let (body, mut message_attributes) = notification::unfold(&cx.caller.base, message);
    message_attributes.retain(|name, _| wanted.user(name));
    let receipt = Receipt { queue, seq: message.seq, receives: message.receives, at: message.taken_at };
    Message {
        message_id: uuid::Uuid::from_bytes(message.id).to_string(),
        receipt_handle: receipt.handle(),
        body_digest: digest::of_text(&body),
        body,
        attributes,
        attributes_digest: digest::of_attributes(&message_attributes),
        message_attributes,
    }
}

/// Reads the attributes column of a content.
pub(crate) fn stored_attributes(column: Option<&str>) -> WireAttributes {
    column.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_names_select() {
        let wanted = |names: &[&str]| Wanted { system: vec![], user: names.iter().map(|n| (*n).to_owned()).collect() };
        assert!(["All", ".*", "*"].iter().all(|every| wanted(&[every]).user("a")));
        assert!(wanted(&["foo.*"]).user("foo.bar") && wanted(&["foo.*"]).user("foo"));
        assert!(!wanted(&["foo.*"]).user("bar") && !wanted(&["Foo"]).user("foo") && !wanted(&[]).user("a"));
        assert!(Wanted::all().system("SenderId") && !wanted(&[]).system("SenderId"));
    }
}
