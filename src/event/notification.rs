//! The JSON that SNS puts around a message on its way to a queue without raw delivery.
//!
//! Shape: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html#http-notification-json>

use serde::{Deserialize, Serialize};

use super::{Attribute, AttributeValue, Attributes};
use std::collections::BTreeMap;

/// The wrapper, key by key as SNS writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Notification {
    /// Always `Notification` for a delivered message.
    #[serde(rename = "Type")]
    pub kind: String,
    /// The id that `Publish` answered.
    #[serde(default)]
    pub message_id: String,
    /// Only on FIFO topics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
    /// The topic that the message was published to.
    #[serde(default)]
    pub topic_arn: String,
    /// The subject, if the publisher gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The message as published.
    pub message: String,
    /// RFC 3339 in UTC with milliseconds.
    #[serde(default)]
    pub timestamp: String,
    /// `1` or `2`; FIFO topics sign nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_version: Option<String>,
    /// Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Where the signing certificate is.
    #[serde(default, rename = "SigningCertURL", skip_serializing_if = "Option::is_none")]
    pub signing_cert_url: Option<String>,
    /// A link that ends the subscription.
    #[serde(default, rename = "UnsubscribeURL", skip_serializing_if = "Option::is_none")]
    pub unsubscribe_url: Option<String>,
    /// Absent when the message had none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub message_attributes: BTreeMap<String, NotificationAttribute>,
}

/// One attribute inside the wrapper. A binary value is base64 text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationAttribute {
    /// The data type.
    #[serde(rename = "Type")]
    pub data_type: String,
    /// The value as text.
    #[serde(rename = "Value")]
    pub value: String,
}

impl Notification {
    /// Reads a queue's body as SNS's wrapper: `None` when it is anything else (raw delivery, a direct send, not JSON).
    pub fn parse(body: &str) -> Option<Self> {
        let found: Self = serde_json::from_str(body).ok()?;
        (found.kind == "Notification").then_some(found)
    }

    /// The attributes with their types, binary values decoded (left as text where the base64 is broken).
    pub fn attributes(&self) -> Attributes {
        use base64::Engine as _;
        let decode = |a: &NotificationAttribute| match a.data_type.split('.').next() {
            Some("Binary") => base64::engine::general_purpose::STANDARD
                .decode(&a.value)
                .map_or_else(|_| AttributeValue::Text(a.value.clone()), AttributeValue::Binary),
            _ => AttributeValue::Text(a.value.clone()),
        };
        self.message_attributes
            .iter()
            .map(|(name, a)| (name.clone(), Attribute { data_type: a.data_type.clone(), value: decode(a) }))
            .collect()
    }
}

impl From<&Attribute> for NotificationAttribute {
    fn from(attribute: &Attribute) -> Self {
        use base64::Engine as _;
        let value = match &attribute.value {
            AttributeValue::Text(text) => text.clone(),
            AttributeValue::Binary(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes),
        };
        Self { data_type: attribute.data_type.clone(), value }
    }
}
