//! An event, the envelope it is written in, and the attributes that route it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::compact;
use super::metadata::{METADATA, Metadata, Out, PAYLOAD};
use super::{Attribute, Attributes, EnvelopeStyle};

/// Metadata and payload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// What is said about it.
    pub metadata: Metadata,
    /// The payload's JSON text, as its author wrote it.
    #[serde(default = "null")]
    pub payload: Box<RawValue>,
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.metadata == other.metadata && self.payload.get() == other.payload.get()
    }
}

impl Event {
    /// The text to publish: the envelope in one casing around the payload, which loses blanks between tokens and nothing
    /// else. What the metadata leaves out is written as the Python library's default, or left out where that is random.
    pub fn to_message(&self, style: EnvelopeStyle) -> String {
        let payload = compact(self.payload.get());
        let mut out = String::with_capacity(payload.len() + 384);
        out.push_str("{\"");
        out.push_str(METADATA.spelled(style));
        out.push_str("\":{");
        let mut first = true;
        for (key, value) in self.metadata.fields() {
            if matches!(value, Out::Absent) {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            out.push('"');
            out.push_str(key.spelled(style));
            out.push_str("\":");
            match value {
                Out::Bool(value) => out.push_str(if value { "true" } else { "false" }),
                Out::Text(text) => out.push_str(&serde_json::Value::from(text).to_string()),
                Out::Absent => {}
            }
        }
        out.push_str("},\"");
        out.push_str(PAYLOAD.spelled(style));
        out.push_str("\":");
        out.push_str(&payload);
        out.push('}');
        out
    }

    /// The attributes that every publisher of the system sets and subscriptions filter on: `entityName`, `publisherName`,
    /// `eventName`, as `String`, whatever the envelope's casing. An absent or empty one is left out: SNS refuses it.
    pub fn routing_attributes(&self) -> Attributes {
        let metadata = &self.metadata;
        [
            ("entityName", metadata.entity_name.as_deref()),
            ("publisherName", metadata.publisher_name.as_deref()),
            ("eventName", Some(metadata.event_name.as_str())),
        ]
        .into_iter()
        .filter_map(|(name, value)| {
            value.filter(|text| !text.is_empty()).map(|text| (name.to_owned(), Attribute::string(text)))
        })
        .collect()
    }

    /// `{"metadata":{…camelCase…},"payload":…}` on one line: what handlers, recordings and people see, whichever casing came.
    pub fn normalised_json(&self) -> String {
        let metadata = serde_json::to_string(&self.metadata).expect("text and a flag serialise");
        format!("{{\"metadata\":{metadata},\"payload\":{}}}", compact(self.payload.get()))
    }
}
