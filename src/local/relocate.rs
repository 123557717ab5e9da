//! From one queue to another in one transaction: what `replay` asks for.
//!
//! `POST /_eventbus/move` takes `{"QueueUrl": URL, "Entries": [{"Place": SEQ, "Id": MESSAGE ID, "QueueUrl": URL, …}]}`: the place
//! and the id of a message as [`super::peek`] shows them, the queue that gets it, and the rest as SendMessage has it; with
//! `"NewId"` it gets that id there, so that who loses the answer knows it. Neither queue may be FIFO. The answer is `{"Entries": […]}`, one per entry in order: `{"MessageId"}` of what arrived,
//! `{"Code", "Message"}` of what SendMessage refuses, or `{}` for a message that is not to be had, being in flight, delayed, or
//! gone. Either every one of those that could be moved is moved, or, when the call fails, none.

use serde::{Deserialize, Serialize};

use super::Cx;
use super::error::{ApiError, ApiResult};
use super::names::QueueName;
use super::sqs::send;
use super::sqs::types::SendMessage;
use super::store::messages;

/// Entries of one call at most.
const MOST: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call {
    queue_url: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    place: i64,
    #[serde(default)]
    new_id: Option<String>,
    #[serde(flatten)]
    message: SendMessage,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Relocated {
    entries: Vec<Outcome>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl Outcome {
    fn refused(error: ApiError) -> Self {
        Self { message_id: None, code: Some(error.code), message: Some(error.message) }
    }
}

/// Answers the call with this body.
pub(crate) async fn messages(cx: &Cx<'_>, body: &[u8]) -> ApiResult<Relocated> {
    let call: Call = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid_value(format!("The move cannot be read: {error}")))?;
    if call.entries.len() > MOST {
        return Err(ApiError::invalid_value(format!("A move takes at most {MOST} messages.")));
    }
    let standard = |url: &str| -> ApiResult<QueueName> {
        let name = cx.caller.queue_at(url)?;
        if name.fifo() {
            return Err(ApiError::invalid_value("FIFO queues keep an order that this call does not.".to_owned()));
        }
        Ok(name)
    };
    let from = standard(&call.queue_url)?;
    let mut entries = Vec::with_capacity(call.entries.len());
    for Entry { place, new_id, message } in call.entries {
        let to = standard(message.queue_url.as_deref().unwrap_or_default())?;
        let uuid = |text: &str| {
            uuid::Uuid::try_parse(text)
                .map_err(|_| ApiError::invalid_value(format!("{text} is not the id of a message.")))
        };
        let id = uuid(message.id.as_deref().unwrap_or_default())?.into_bytes();
        let new_id = new_id.as_deref().map(uuid).transpose()?;
        entries.push((place, id, to, send::checked(message, new_id)));
    }
    let clock = cx.clock();
    cx.write(move |tx| {
        let now = clock.now_ms();
        let from = tx.catalogue.queue(tx.connection, &from)?;
        let mut outcomes = Vec::with_capacity(entries.len());
        for (place, id, to, checked) in entries {
            if !messages::may_be_taken(tx, &from, place, &id, now)? {
                outcomes.push(Outcome::default());
                continue;
            }
            let to = tx.catalogue.queue(tx.connection, &to)?;
            outcomes.push(match checked.and_then(|message| send::fitting(&to, message)) {
                Ok(message) => {
                    let sent = send::store(tx, &to, message, now)?;
                    messages::remove(tx, from.id, place, now)?;
                    Outcome { message_id: Some(sent.message_id), ..Outcome::default() }
                }
                Err(error) => Outcome::refused(error),
            });
        }
        Ok(Relocated { entries: outcomes })
    })
    .await
}
