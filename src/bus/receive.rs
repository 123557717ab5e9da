//! Receiving: long polls, all attributes and all system fields, digests checked.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::operation::RequestId as _;
use aws_sdk_sqs::types::MessageSystemAttributeName as Name;
use md5::{Digest as _, Md5};

use super::{Answer, Bus, BusError, BusErrorKind, MAX_VISIBILITY, MAX_WAIT, Message, Queue, Receive, SystemFields};
use crate::event::{Attribute, AttributeValue};
use crate::words;

impl Bus {
    /// Receives up to `max` messages, waiting up to `wait` for the first. Dropping the future abandons the wait only; a message
    /// that the service had already handed out then becomes visible again after its visibility timeout.
    ///
    /// # Errors
    /// What `ReceiveMessage` answers; `Other` when a body does not fit its digest (nothing of that receive is used then: its
    /// messages come again after their visibility timeout).
    pub async fn receive(&self, queue: &Queue, receive: Receive) -> Result<Vec<Message>, BusError> {
        let answer = self
            .sqs
            .receive_message()
            .queue_url(&queue.url)
            .max_number_of_messages(receive.max.clamp(1, 10) as i32)
            .wait_time_seconds(seconds(receive.wait.min(MAX_WAIT)))
            .set_visibility_timeout(receive.visibility.map(|v| seconds(v.min(MAX_VISIBILITY))))
            .message_system_attribute_names(Name::All)
            .message_attribute_names("All")
            .send()
            .await;
        let answer =
            answer.map_err(|error| BusError::from_sdk("ReceiveMessage", &format!("queue `{}`", queue.name), &error))?;
        let request_id = answer.request_id().map(str::to_owned);
        let mut messages = Vec::new();
        for message in answer.messages.unwrap_or_default() {
            let digest = message.md5_of_body.clone();
            let message = read(message);
            if digest.is_some_and(|digest| digest_differs(&digest, &message.body)) {
                return Err(BusError {
                    retryable: true,
                    request_id: request_id.clone(),
                    answer: Some(Answer::new(format!(
                        "message {} (request id {})",
                        message.id,
                        request_id.unwrap_or_default()
                    ))),
                    ..BusError::new(
                        BusErrorKind::Other,
                        "ReceiveMessage",
                        format!("queue `{}`: a body arrived damaged: it does not fit its digest", queue.name),
                    )
                });
            }
            messages.push(message);
        }
        Ok(messages)
    }
}

/// Whole seconds, rounded up: a wait of 300 ms is a short wait, not a poll that returns at once.
pub(super) fn seconds(duration: Duration) -> i32 {
    duration.as_secs_f64().ceil() as i32
}

/// Whether `digest` (hexadecimal MD5) is given and is not that of `body`.
pub(super) fn digest_differs(digest: &str, body: &str) -> bool {
    if digest.is_empty() {
        return false;
    }
    !words::hex(&Md5::digest(body.as_bytes())).eq_ignore_ascii_case(digest)
}

/// A message as the SDK has it.
pub(super) fn read(message: aws_sdk_sqs::types::Message) -> Message {
    let attributes = message.message_attributes.unwrap_or_default();
    Message {
        id: message.message_id.unwrap_or_default(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
        place: None,
        body: message.body.unwrap_or_default(),
        attributes: attributes.into_iter().map(|(name, value)| (name, attribute(value))).collect(),
        system: SystemFields::read(message.attributes.unwrap_or_default()),
    }
}

fn attribute(value: aws_sdk_sqs::types::MessageAttributeValue) -> Attribute {
    let data_type = value.data_type;
    let value = match (value.string_value, value.binary_value) {
        (None, Some(bytes)) => AttributeValue::Binary(bytes.into_inner()),
        (text, _) => AttributeValue::Text(text.unwrap_or_default()),
    };
    Attribute { data_type, value }
}

impl SystemFields {
    /// Reads the fields out of SQS's `Attributes` of a message; what does not parse is left out.
    pub(super) fn read(mut all: HashMap<Name, String>) -> Self {
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Self {
            sent_at_ms: number(all.remove(&Name::SentTimestamp)),
            first_received_ms: number(all.remove(&Name::ApproximateFirstReceiveTimestamp)),
            receive_count: all.remove(&Name::ApproximateReceiveCount).and_then(|text| text.parse().ok()).unwrap_or(0),
            group_id: all.remove(&Name::MessageGroupId),
            dedup_id: all.remove(&Name::MessageDeduplicationId),
            sequence_number: all.remove(&Name::SequenceNumber),
            dead_letter_source: all.remove(&Name::DeadLetterQueueSourceArn),
            sender_id: all.remove(&Name::SenderId),
            trace_header: all.remove(&Name::AwsTraceHeader),
        }
    }
}
