//! The one line that verbs hand each other: a message with everything it came with, and the event in it.
//!
//! ```json
//! {"version":1,"event":{"metadata":{"eventName":"UserRegistered",…},"payload":{…}},
//!  "message":{"id":"…","snsMessageId":"…","topic":"arn:…","queue":"user_events","sentAt":"2026-11-23T08:04:22.000Z","receiveCount":1},
//!  "attributes":{"eventName":{"type":"String","value":"UserRegistered"}},"body":"…"}
//! ```
//!
//! `body` is the queue's body to the last byte, and `attributes` those of the queue's message, with `Binary` values as
//! base64: the two are what a message is made of again. `event` is what [`read_body`] made of them, or `unreadable` says why
//! it made nothing. Dates are RFC 3339 in UTC with milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Attribute, AttributeValue, Attributes, Event, NotificationAttribute, Reading, Unreadable, read_body};

/// The version that this program writes, and the newest that it reads.
pub const RECORD_VERSION: u32 = 1;

/// One message of a queue and the event in it. Keys that a line has and this has not are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// The event, normalised: camelCase metadata, payload as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// Why there is no event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// The message's system fields.
    #[serde(default)]
    pub message: SystemRecord,
    /// The attributes by which the event was routed, from SNS's wrapper or, without one, those of the queue's message.
    #[serde(default, with = "typed_attributes")]
    pub attributes: Attributes,
    /// The attributes of the queue's message where it had some beside a wrapper's.
    #[serde(default, with = "typed_attributes", skip_serializing_if = "BTreeMap::is_empty")]
    pub outer_attributes: Attributes,
    /// The queue's body, to the last byte.
    pub body: String,
}

/// What SNS and SQS say about a message. What is unknown is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SystemRecord {
    /// SQS's id of the message.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// SNS's id, the one that publishing printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sns_message_id: Option<String>,
    /// The topic it came through (ARN).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The queue it was found in (name).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The subject given to SNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it was sent to the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// When it was received first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_received_at: Option<String>,
    /// How often it was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_count: Option<u32>,
    /// Its group, in FIFO and fair queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// Its deduplication id, in FIFO queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup_id: Option<String>,
    /// Its place in a FIFO queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
    /// The queue it was dead-lettered from (ARN).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_source: Option<String>,
    /// Who sent it, as SQS names senders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<String>,
    /// The X-Ray trace header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_header: Option<String>,
}

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not JSON, or a key is missing or of the wrong type.
    #[error("the line is no record: {0}")]
    Malformed(String),
    /// Written by a newer program.
    #[error("the record has version {0}, this program reads up to {RECORD_VERSION}")]
    Newer(u32),
}

impl Record {
    /// The record of a queue's message. `system` is what SQS said; SNS's id, topic and subject are taken from its wrapper.
    pub fn new(body: impl Into<String>, attributes: Attributes, system: SystemRecord) -> Self {
        let body = body.into();
        let reading = read_body(&body, &attributes);
        Self::of_reading(reading, body, attributes, system)
    }

    /// As [`Record::new`], for who has read the body already.
    pub fn of_reading(reading: Reading, body: String, attributes: Attributes, mut system: SystemRecord) -> Self {
        let (attributes, outer_attributes) = match &reading.notification {
            None => (attributes, Attributes::new()),
            Some(notification) => {
                let known = |text: &String| (!text.is_empty()).then(|| text.clone());
                system.sns_message_id = system.sns_message_id.or_else(|| known(&notification.message_id));
                system.topic = system.topic.or_else(|| known(&notification.topic_arn));
                system.subject = system.subject.or_else(|| notification.subject.clone());
                (notification.attributes(), attributes)
            }
        };
        let (event, unreadable) = match reading.event {
            Ok(event) => (Some(event), None),
            Err(Unreadable { reason }) => (None, Some(reason)),
        };
        Self { version: RECORD_VERSION, event, unreadable, message: system, attributes, outer_attributes, body }
    }

    /// The attributes to send with [`Record::body`] when it goes to a queue again: those the queue's message had.
    pub fn queue_attributes(&self) -> &Attributes {
        if super::Notification::parse(&self.body).is_some() { &self.outer_attributes } else { &self.attributes }
    }

    /// What was published to the topic, to be published again: the text inside SNS's wrapper, else the body.
    pub fn message_text(&self) -> String {
        super::Notification::parse(&self.body).map_or_else(|| self.body.clone(), |notification| notification.message)
    }

    /// The line, without a line feed at its end; there is none in it.
    pub fn to_line(&self) -> String {
        // The payload keeps its author's blanks in memory; a line feed among them must not break the line.
        let payload = self.event.as_ref().map(|event| super::json::compact(event.payload.get()));
        let flat = match payload {
            Some(std::borrow::Cow::Owned(compacted)) => {
                let mut flat = self.clone();
                if let Some(event) = &mut flat.event {
                    event.payload =
                        serde_json::value::RawValue::from_string(compacted).expect("JSON without its blanks is JSON");
                }
                std::borrow::Cow::Owned(flat)
            }
            _ => std::borrow::Cow::Borrowed(self),
        };
        serde_json::to_string(&flat).expect("text, numbers and maps with text keys serialise")
    }

    /// Reads a line.
    ///
    /// # Errors
    /// What is no record, and records of a newer version.
    pub fn parse(line: &str) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        match serde_json::from_str::<Self>(line) {
            Ok(record) if record.version > RECORD_VERSION => Err(RecordError::Newer(record.version)),
            Ok(record) => Ok(record),
            // A newer version may have other keys, and that it is newer says more.
            Err(error) => match serde_json::from_str(line) {
                Ok(Version { version }) if version > RECORD_VERSION => Err(RecordError::Newer(version)),
                _ => Err(RecordError::Malformed(error.to_string())),
            },
        }
    }
}

/// `{"name":{"type":"String","value":"…"}}`, binary values as base64.
mod typed_attributes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserializer, Serializer, de::Error as _};

    use super::{Attribute, AttributeValue, Attributes, BTreeMap, Deserialize, NotificationAttribute, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        data_type: String,
        value: String,
    }

    pub(super) fn serialize<S: Serializer>(attributes: &Attributes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(attributes.iter().map(|(name, attribute)| {
            let NotificationAttribute { data_type, value } = attribute.into();
            (name, Typed { data_type, value })
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Attributes, D::Error> {
        let found: BTreeMap<String, Typed> = BTreeMap::deserialize(deserializer)?;
        found
            .into_iter()
            .map(|(name, Typed { data_type, value })| {
                let value = if data_type.split('.').next() == Some("Binary") {
                    AttributeValue::Binary(
                        STANDARD
                            .decode(&value)
                            .map_err(|e| D::Error::custom(format!("attribute `{name}` is not base64: {e}")))?,
                    )
                } else {
                    AttributeValue::Text(value)
                };
                Ok((name, Attribute { data_type, value }))
            })
            .collect()
    }
}
