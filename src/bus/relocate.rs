//! From one queue of the embedded bus to another in one transaction: there nothing can end between the sending and the deleting.
//!
//! `POST /_eventbus/move` with `{"QueueUrl": URL, "Entries": [{"Place": SEQ, "Id": MESSAGE ID, "NewId": ID, "QueueUrl": URL, …}]}`,
//! the rest of an entry as `SendMessage` has it; the answer is `{"Entries": [{"MessageId"} | {"Code", "Message"} | {}]}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Bus, BusError, BusErrorKind, ItemError, Outgoing, Queue};
use crate::event::AttributeValue;

/// A message to be moved: where it lies, and as what it arrives.
#[derive(Debug)]
pub struct Relocation<'a> {
    /// Its place, as the peek showed it ([`super::Message::place`]).
    pub place: u64,
    /// Its id.
    pub message_id: &'a str,
    /// The id that it gets, a UUID. It is chosen here, so that it is known whatever becomes of the answer.
    pub new_id: String,
    /// The queue, not FIFO, that gets it.
    pub to: &'a Queue,
    /// What arrives there.
    pub outgoing: &'a Outgoing,
}

impl Bus {
    /// Whether [`Bus::relocate`] can be used: on the embedded bus, in this process or served.
    pub fn can_relocate(&self) -> bool {
        self.peek && !self.peek_whole
    }

    /// Moves messages that may be received now out of `from`, which is not FIFO: all in one transaction, each sent as
    /// `SendMessage` would send it. One outcome each, in order: the new id, why it stays, or `None` when it is not to be had,
    /// being in flight, delayed, or gone.
    ///
    /// # Errors
    /// `Unsupported` where [`Bus::can_relocate`] says no; else what the bus answers, and then nothing was moved unless
    /// [`BusError::may_have_been_done`]. It is asked once: a call that is repeated finds gone what the first one moved.
    pub async fn relocate(
        &self,
        from: &Queue,
        messages: &[Relocation<'_>],
    ) -> Result<Vec<Option<Result<String, ItemError>>>, BusError> {
        let subject = format!("queue `{}`", from.name);
        let (true, Some(endpoint)) = (self.can_relocate(), &self.endpoint_url) else {
            let says = format!("{subject}: this bus cannot move messages in one step");
            return Err(BusError::new(BusErrorKind::Unsupported, "move", says));
        };
        let entries = messages.iter().map(Entry::of).collect();
        let body = serde_json::to_vec(&Call { queue_url: &from.url, entries }).expect("texts and numbers serialise");
        let uri = format!("{endpoint}/_eventbus/move");
        let Answer { entries } = self.ask_developer("move", &subject, uri, Some(body)).await?;
        if entries.len() != messages.len() {
            let says = format!("{subject}: the move of {} was answered for {}", messages.len(), entries.len());
            return Err(BusError::new(BusErrorKind::Other, "move", says));
        }
        Ok(entries.into_iter().map(Moved::outcome).collect())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Call<'a> {
    queue_url: &'a str,
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    place: u64,
    id: &'a str,
    new_id: &'a str,
    queue_url: &'a str,
    message_body: &'a str,
    message_attributes: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<&'a str>,
    message_system_attributes: Map<String, Value>,
}

impl<'a> Entry<'a> {
    fn of(message: &'a Relocation<'a>) -> Self {
        let Relocation { place, message_id, new_id, to, outgoing } = message;
        let attributes = outgoing.attributes.iter().map(|(name, attribute)| {
            let value = match &attribute.value {
                AttributeValue::Text(text) => json!({ "DataType": attribute.data_type, "StringValue": text }),
                AttributeValue::Binary(bytes) => {
                    json!({ "DataType": attribute.data_type, "BinaryValue": STANDARD.encode(bytes) })
                }
            };
            (name.clone(), value)
        });
        let trace = outgoing.trace_header.as_ref();
        let trace =
            trace.map(|text| ("AWSTraceHeader".to_owned(), json!({ "DataType": "String", "StringValue": text })));
        Self {
            place: *place,
            id: message_id,
            new_id,
            queue_url: &to.url,
            message_body: &outgoing.body,
            message_attributes: attributes.collect(),
            message_group_id: outgoing.group_id.as_deref(),
            message_system_attributes: trace.into_iter().collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    entries: Vec<Moved>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Moved {
    message_id: Option<String>,
    code: Option<String>,
    message: String,
}

impl Moved {
    fn outcome(self) -> Option<Result<String, ItemError>> {
        match (self.message_id, self.code) {
            (Some(id), _) => Some(Ok(id)),
            (None, Some(code)) => {
                let message = self.message;
                Some(Err(ItemError { code, message, sender_fault: true, retryable: false, request_id: None }))
            }
            (None, None) => None,
        }
    }
}
