//! Looking at messages without receiving them, from a place in the queue on: what `tail` asks for.
//!
//! `GET /_eventbus/messages?QueueUrl=URL&after=SEQ&limit=N&wait=MILLISECONDS` shows the messages of a queue after a place in
//! it, whatever their state, and changes nothing; the answer is
//! `{"cursor": SEQ, "messages": [{"seq", "MessageId", "Body", "Attributes", "MessageAttributes"}]}`, attributes as
//! ReceiveMessage shows them. With `wait` it returns as soon as there is one, with none when the time is over.

use std::time::Duration;

use rusqlite::OptionalExtension as _;
use serde::Serialize;
use tokio::time::Instant;

use super::Cx;
use super::error::{ApiError, ApiResult};
use super::names::QueueName;
use super::sqs::receive::{Wanted, render};
use super::sqs::types::Message;
use super::store::catalogue::Queue;
use super::store::messages::{self, Bounds};

/// Messages of one answer at most, and if nothing is said.
const MOST: i64 = 1_000;
/// Bytes of their bodies at most: the rest comes with the next answer.
const BYTES: usize = 8 * 1024 * 1024;
const USUAL: i64 = 100;
/// The longest wait, in milliseconds: as for a long poll, twenty seconds.
const LONGEST: u64 = 20_000;

/// The answer.
#[derive(Debug, Serialize)]
pub(crate) struct Peeked {
    cursor: i64,
    messages: Vec<Shown>,
}

#[derive(Debug, Serialize)]
struct Shown {
    seq: i64,
    #[serde(flatten)]
    message: Message,
}

/// The queue that `url` names. Who names no region gets the queue of whatever region has one, the usual region first: a
/// person with curl does not sign.
pub(crate) async fn locate(cx: &Cx<'_>, in_region: bool, url: &str) -> ApiResult<QueueName> {
    let mut name = cx.caller.queue_at(url)?;
    if !in_region {
        let wanted = name.clone();
        name.region = cx
            .read(move |connection| {
                let region: Option<String> = connection
                    .prepare_cached(
                        "SELECT region FROM queues WHERE account = ?1 AND name = ?2 ORDER BY region <> ?3 LIMIT 1",
                    )?
                    .query_row((wanted.account, wanted.name, wanted.region), |row| row.get(0))
                    .optional()?;
                region.ok_or_else(ApiError::no_queue)
            })
            .await?;
    }
    Ok(name)
}

/// Answers with the parameters `pairs`.
pub(crate) async fn messages(cx: &Cx<'_>, in_region: bool, pairs: &[(String, String)]) -> ApiResult<Peeked> {
    let text = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let number = |name: &str, otherwise: i64| -> ApiResult<i64> {
        text(name).map_or(Ok(otherwise), |value| {
            value.parse().ok().filter(|number| *number >= 0).ok_or_else(|| {
                ApiError::invalid_value(format!(
                    "Value {value} for parameter {name} is invalid. Reason: Must be a whole number."
                ))
            })
        })
    };
    let name = locate(cx, in_region, text("QueueUrl").ok_or_else(|| ApiError::missing("QueueUrl"))?).await?;
    let (after, limit) = (number("after", 0)?, number("limit", USUAL)?.clamp(1, MOST));
    let wait = Duration::from_millis(number("wait", 0)?.unsigned_abs().min(LONGEST));
    let until = Instant::now() + wait;
    let mut waiting = None;
    let mut closing = cx.bus.closing.subscribe();
    let bounds = Bounds { messages: usize::try_from(limit).unwrap_or_default(), bytes: BYTES };
    loop {
        let (now, found) = (cx.now(), name.clone());
        let (queue, stored) = cx
            .read(move |connection| {
                let queue = Queue::find(connection, &found)?.ok_or_else(ApiError::no_queue)?;
                let (stored, _) = messages::peek(connection, &queue, after, bounds, now)?;
                Ok((queue, stored))
            })
            .await?;
        if !stored.is_empty() || Instant::now() >= until {
            let show = |message: &messages::Stored| Shown {
                seq: message.seq,
                message: Message {
                    receipt_handle: String::new(),
                    ..render(cx, queue.id, &queue.name, message, &Wanted::all())
                },
            };
            let cursor = stored.last().map_or(after, |message| message.seq);
            return Ok(Peeked { cursor, messages: stored.iter().map(show).collect() });
        }
        match &mut waiting {
            None => waiting = Some(cx.bus.store.waiting(queue.id)),
            Some(waiting) => {
                tokio::select! {
                    () = waiting.woken() => {}
                    // As a receive that waits: an empty answer, and not a connection that breaks.
                    _ = closing.wait_for(|closing| *closing) => {
                        return Ok(Peeked { cursor: after, messages: Vec::new() });
                    }
                    () = tokio::time::sleep_until(until) => {}
                }
            }
        }
    }
}
