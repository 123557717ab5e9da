//! From one queue of the embedded bus to another in one transaction: there nothing can end between the sending and the deleting.
//!
//! `POST /_eventbus/move` with `{"QueueUrl": URL, "Entries": [{"Place": SEQ, "Id": MESSAGE ID, "QueueUrl": URL, …}]}`, the rest
//! of an entry as `SendMessage` has it; the answer is `{"Entries": [{"MessageId"} | {"Code", "Message"} | {}]}`.

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_smithy_types::body::SdkBody;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::peek::Captured;
use super::{Bus, BusError, BusErrorKind, ItemError, Outgoing, Queue};
use crate::event::AttributeValue;

/// A message to be moved: where it lies, and as what it arrives.
#[derive(Debug)]
pub struct Relocation<'a> {
    /// Its place, as the peek showed it ([`super::Message::place`]).
    pub place: u64,
    /// Its id.
    pub message_id: &'a str,
    /// The queue, not FIFO, that gets it.
    pub to: &'a Queue,
    /// What arrives there.
    pub outgoing: &'a Outgoing,
}

impl Bus {
    /// Whether [`Bus::relocate`] can be used: on the embedded bus, in this process or served by another.
    pub fn can_relocate(&self) -> bool {
        self.peek && !self.peek_whole
    }

    /// Moves messages that may be received now out of `from`, which is not FIFO: all in one transaction, each sent as
    /// `SendMessage` would send it. One outcome each, in order: the new id, why it stays, or `None` when it is not to be had,
    /// being in flight, delayed, or gone.
    ///
    /// # Errors
    /// `Unsupported` where [`Bus::can_relocate`] says no; else what the bus answers. Nothing was moved then, unless
    /// [`Bus::may_have_relocated`] says that it is not known.
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
        let entries: Vec<Entry<'_>> = messages.iter().map(Entry::of).collect();
        let unwritten = |error: serde_json::Error| {
            BusError::new(
                BusErrorKind::Other,
                "move",
                format!("{subject}: the move cannot be written or read: {error}"),
            )
        };
        let body = serde_json::to_vec(&Call { queue_url: &from.url, entries }).map_err(unwritten)?;
        let uri = format!("{endpoint}/_eventbus/move");
        let answer = Captured::default();
        // Tried again after a lost answer, it would find nothing and not know why.
        let once = aws_sdk_sqs::config::Builder::new().retry_config(RetryConfig::disabled());
        // As for the peek, the call rides on an operation of the SDK.
        let call = self.sqs.list_queues().customize().interceptor(answer.clone()).config_override(once).mutate_request(
            move |request| {
                let _ = request.set_method("POST").and_then(|()| request.set_uri(uri.as_str()));
                request.headers_mut().remove("content-length");
                *request.body_mut() = SdkBody::from(body.clone());
            },
        );
        call.send().await.map_err(|error| BusError::from_sdk("move", &subject, &error))?;
        let answer: Answer = serde_json::from_slice(&answer.take()).map_err(unwritten)?;
        Ok(answer.entries.into_iter().map(Moved::outcome).collect())
    }
}

impl Bus {
    /// Whether a failed [`Bus::relocate`] may have moved all the same: over a connection an answer can be lost.
    pub fn may_have_relocated(&self, error: &BusError) -> bool {
        !self.in_process && error.may_have_been_done()
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
    queue_url: &'a str,
    message_body: &'a str,
    message_attributes: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<&'a str>,
    message_system_attributes: Map<String, Value>,
}

impl<'a> Entry<'a> {
    fn of(message: &'a Relocation<'a>) -> Self {
        let Relocation { place, message_id, to, outgoing } = message;
        let attributes = outgoing.attributes.iter().map(|(name, attribute)| {
            let value = match &attribute.value {
                AttributeValue::Text(text) => json!({ "DataType": attribute.data_type, "StringValue": text }),
                AttributeValue::Binary(bytes) => {
                    use base64::Engine as _;
                    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
                    json!({ "DataType": attribute.data_type, "BinaryValue": text })
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
