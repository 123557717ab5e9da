//! The developer peek: what lies in a queue, without receiving it. The embedded bus answers it, and LocalStack in its own way.
//!
//! `GET {endpoint}/_eventbus/messages?QueueUrl=URL&after=SEQ&limit=N&wait=MILLISECONDS` answers
//! `{"cursor": SEQ, "messages": [{"seq", "MessageId", "Body", "Attributes", "MessageAttributes"}]}`.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeName as Name;
use base64::Engine as _;
use serde::Deserialize;

use super::receive;
use super::{Bus, BusError, BusErrorKind, MAX_WAIT, Message, Peeked, Queue, SystemFields};
use crate::event::{Attribute, AttributeValue};

/// How long it is waited between two looks at an endpoint that does not wait itself.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

impl Bus {
    /// Shows up to `limit` messages that came after the cursor `after` (0 = from the beginning): waiting, in flight or delayed
    /// alike, oldest first, changing nothing. With a `wait` it returns as soon as there is one.
    ///
    /// # Errors
    /// `Unsupported` where [`Bus::can_peek`] says no; else what the endpoint answers.
    pub async fn peek(&self, queue: &Queue, after: u64, limit: u32, wait: Duration) -> Result<Peeked, BusError> {
        let (true, Some(endpoint)) = (self.peek, &self.endpoint_url) else {
            return Err(BusError::new(
                BusErrorKind::Unsupported,
                "peek",
                format!("queue `{}`: this bus cannot show messages without receiving them", queue.name),
            ));
        };
        if self.peek_whole {
            return self.peek_whole(endpoint, queue, after, wait).await;
        }
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("QueueUrl", &queue.url)
            .append_pair("after", &after.to_string())
            .append_pair("limit", &limit.to_string())
            .append_pair("wait", &wait.min(MAX_WAIT).as_millis().to_string())
            .finish();
        let uri = format!("{endpoint}/_eventbus/messages?{query}");
        let peeked: PeekAnswer = self.ask_developer("peek", &format!("queue `{}`", queue.name), uri, None).await?;
        Ok(Peeked { cursor: peeked.cursor, messages: peeked.messages.into_iter().map(Message::from).collect() })
    }
}

impl Bus {
    /// LocalStack's developer endpoint, which is asked as `ReceiveMessage` is and shows every message at every look:
    /// <https://docs.localstack.cloud/aws/services/sqs/>. It does not wait, so that is done here; the cursor only says whether
    /// it is the first look.
    async fn peek_whole(&self, endpoint: &str, queue: &Queue, after: u64, wait: Duration) -> Result<Peeked, BusError> {
        if after > 0 {
            tokio::time::sleep(wait.min(BETWEEN_LOOKS)).await;
        }
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("QueueUrl", &queue.url)
            .append_pair("ShowInvisible", "true")
            .append_pair("ShowDelayed", "true")
            .finish();
        let uri = format!("{endpoint}/_aws/sqs/messages?{query}");
        let call = self.sqs.receive_message().queue_url(&queue.url).max_number_of_messages(10);
        let call = call.message_system_attribute_names(Name::All).message_attribute_names("All").customize();
        let call = call.mutate_request(move |request| {
            // The endpoint was parsed when the bus was connected, so this cannot fail.
            let _ = request.set_uri(uri.as_str());
        });
        let answer = call
            .send()
            .await
            .map_err(|error| BusError::from_sdk("peek", &format!("queue `{}`", queue.name), &error))?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        let messages = messages.map(|message| Message { receipt_handle: String::new(), ..receive::read(message) });
        Ok(Peeked { cursor: 1, messages: messages.collect() })
    }
}

#[derive(Deserialize)]
struct PeekAnswer {
    cursor: u64,
    messages: Vec<PeekedMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PeekedMessage {
    #[serde(rename = "seq")]
    seq: Option<u64>,
    message_id: String,
    body: String,
    #[serde(default)]
    attributes: HashMap<String, String>,
    #[serde(default)]
    message_attributes: HashMap<String, PeekedAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PeekedAttribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl From<PeekedMessage> for Message {
    fn from(message: PeekedMessage) -> Self {
        let attributes = message.attributes.into_iter().map(|(name, value)| (name.as_str().into(), value)).collect();
        Self {
            id: message.message_id,
            receipt_handle: String::new(),
            place: message.seq,
            body: message.body,
            attributes: message.message_attributes.into_iter().map(|(name, value)| (name, value.into())).collect(),
            system: SystemFields::read(attributes),
        }
    }
}

impl From<PeekedAttribute> for Attribute {
    fn from(attribute: PeekedAttribute) -> Self {
        let binary =
            attribute.binary_value.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
        let value = match (attribute.string_value, binary) {
            (None, Some(bytes)) => AttributeValue::Binary(bytes),
            (text, _) => AttributeValue::Text(text.unwrap_or_default()),
        };
        Self { data_type: attribute.data_type, value }
    }
}
