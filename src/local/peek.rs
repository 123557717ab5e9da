//! The developer endpoints: what AWS does not have and a laptop wants.
//!
//! `GET /_eventbus/messages?QueueUrl=URL&after=SEQ&limit=N&wait=MILLISECONDS` shows the messages of a queue after a place in
//! it, whatever their state, and changes nothing; the answer is
//! `{"cursor": SEQ, "messages": [{"seq", "MessageId", "Body", "Attributes", "MessageAttributes"}]}`, attributes as
//! ReceiveMessage shows them. With `wait` it returns as soon as there is one, with none when the time is over.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rusqlite::OptionalExtension as _;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::Cx;
use super::error::{ApiError, ApiResult};
use super::sqs::receive::{Wanted, render};
use super::sqs::types::Message;
use super::store::catalogue::Queue;
use super::store::messages;

/// Where the endpoints live.
pub(crate) const PREFIX: &str = "/_eventbus/";
/// Messages of one answer at most, and if nothing is said.
const MOST: i64 = 1_000;
const USUAL: i64 = 100;
/// The longest wait, in milliseconds: as for a long poll, twenty seconds.
const LONGEST: u64 = 20_000;

#[derive(Serialize)]
struct Peeked {
    cursor: i64,
    messages: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    seq: i64,
    #[serde(flatten)]
    message: Message,
}

/// Answers a request whose path begins with [`PREFIX`].
pub(crate) async fn answer(cx: &Cx<'_>, in_region: bool, request: &Request<Bytes>) -> Response<Bytes> {
    let (status, body) = match request.uri().path().strip_prefix(PREFIX) {
        Some("messages") if request.method() == http::Method::GET => match messages(cx, in_region, request).await {
            Ok(peeked) => (200, serde_json::to_value(peeked).unwrap_or(Value::Null)),
            Err(error) => (
                if error.sender { 400 } else { 500 },
                serde_json::json!({ "__type": format!("com.amazonaws.sqs#{}", error.shape), "message": error.message }),
            ),
        },
        Some("health") => (200, serde_json::json!({ "status": "ok" })),
        _ => (404, serde_json::json!({ "message": "there is nothing here" })),
    };
    let response = Response::builder().status(status).header(http::header::CONTENT_TYPE, "application/json");
    response.body(Bytes::from(body.to_string())).unwrap_or_default()
}

async fn messages(cx: &Cx<'_>, in_region: bool, request: &Request<Bytes>) -> ApiResult<Peeked> {
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
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
    let mut name = cx.caller.queue_at(text("QueueUrl").ok_or_else(|| ApiError::missing("QueueUrl"))?)?;
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
    let (after, limit) = (number("after", 0)?, number("limit", USUAL)?.clamp(1, MOST));
    let wait = Duration::from_millis(number("wait", 0)?.unsigned_abs().min(LONGEST));
    let until = Instant::now() + wait;
    let mut waiting = None;
    loop {
        let (now, found) = (cx.now(), name.clone());
        let (queue, stored) = cx
            .read(move |connection| {
                let queue = Queue::find(connection, &found)?.ok_or_else(ApiError::no_queue)?;
                let stored = messages::peek(connection, &queue, after, limit, now)?;
                Ok((queue, stored))
            })
            .await?;
        if !stored.is_empty() || Instant::now() >= until {
            let show = |message: &messages::Stored| Shown {
                seq: message.seq,
                message: Message { receipt_handle: String::new(), ..render(cx, &queue, message, &Wanted::all()) },
            };
            let cursor = stored.last().map_or(after, |message| message.seq);
            return Ok(Peeked { cursor, messages: stored.iter().map(show).collect() });
        }
        match &mut waiting {
            None => waiting = Some(cx.bus.store.waiting(queue.id)),
            Some(waiting) => {
                tokio::select! {
                    () = waiting.woken() => {}
                    () = tokio::time::sleep_until(until) => {}
                }
            }
        }
    }
}
