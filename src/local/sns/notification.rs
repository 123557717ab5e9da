//! How a stored content becomes the body that a queue's reader gets: the wrapper, or the message itself.
//!
//! The wrapper names the subscription, so it differs per queue; it is written here, at receive time, from a content that is
//! stored once.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;
use sha2::{Digest as _, Sha256};

use super::super::names::{partition, split_arn};
use super::super::sqs::receive::stored_attributes;
use super::super::sqs::types::WireAttributes;
use super::super::store::messages::Stored;
use crate::event::{Notification, NotificationAttribute};

/// What SNS knows about a message beside its body: the `sns` column.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The id that Publish answered.
    pub(crate) message_id: String,
    /// The topic.
    pub(crate) topic_arn: String,
    /// The subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// When it was published, in milliseconds.
    pub(crate) at: i64,
    /// `1` or `2`: the topic's signature version.
    pub(crate) signature_version: String,
    /// FIFO topics only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<String>,
}

/// The body and the message attributes of a message. `base` is where the reader reached the bus: the link that ends the
/// subscription leads there.
pub(crate) fn unfold(base: &str, message: &Stored) -> (String, WireAttributes) {
    let attributes = stored_attributes(message.attributes.as_deref());
    let origin = message.sns.as_deref().and_then(|text| serde_json::from_str::<Origin>(text).ok());
    match (origin, message.subscription) {
        (Some(origin), Some(token)) => (wrap(base, &message.body, &attributes, origin, token), WireAttributes::new()),
        _ => (message.body.clone(), attributes),
    }
}

fn wrap(base: &str, body: &str, attributes: &WireAttributes, origin: Origin, token: [u8; 16]) -> String {
    let region = split_arn(&origin.topic_arn).map_or("us-east-1", |arn| arn.region);
    let subscription = format!("{}:{}", origin.topic_arn, uuid::Uuid::from_bytes(token));
    let message_attributes = attributes
        .iter()
        .map(|(name, attribute)| {
            let data_type = attribute.data_type.clone().unwrap_or_default();
            let value = attribute.string_value.clone().or_else(|| attribute.binary_value.clone()).unwrap_or_default();
            (name.clone(), NotificationAttribute { data_type, value })
        })
        .collect();
    // FIFO topics sign nothing.
    let signed = origin.sequence.is_none();
    let notification = Notification {
        kind: "Notification".into(),
        signing_cert_url: signed.then(|| {
            let domain = if partition(region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
            format!("https://sns.{region}.{domain}/SimpleNotificationService-00000000000000000000000000000000.pem")
        }),
        unsubscribe_url: Some(format!("{base}/?Action=Unsubscribe&SubscriptionArn={subscription}")),
        signature: signed.then(|| signature(&origin.message_id)),
        signature_version: signed.then_some(origin.signature_version),
        timestamp: timestamp(origin.at),
        message_id: origin.message_id,
        topic_arn: origin.topic_arn,
        subject: origin.subject,
        message: body.to_owned(),
        message_attributes,
        sequence_number: origin.sequence,
    };
    laid_out(&notification)
}

/// The wrapper as SNS lays it out: a member a line, an attribute a line
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>).
fn laid_out(notification: &Notification) -> String {
    let mut out = Vec::with_capacity(1_200 + notification.message.len());
    let mut writer = serde_json::Serializer::with_formatter(&mut out, Layout { depth: 0 });
    // A structure of strings always becomes JSON, and JSON is always text.
    let _ = notification.serialize(&mut writer);
    String::from_utf8(out).unwrap_or_default()
}

struct Layout {
    depth: usize,
}

impl Formatter for Layout {
    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        out.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        match self.depth {
            1 => out.write_all(b"\n  "),
            2 => out.write_all(b"\n    "),
            _ => Ok(()),
        }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(if self.depth < 3 { b" : " } else { b":" })
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        out.write_all(match self.depth {
            0 => b"\n}",
            1 => b"\n  }",
            _ => b"}",
        })
    }
}

/// RFC 3339 in UTC with milliseconds, as SNS writes it.
fn timestamp(at: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// 256 bytes that look like an RSA signature and verify against nothing: the bus has no key that anybody trusts.
fn signature(message_id: &str) -> String {
    let bytes: Vec<u8> = (0..8_u8).flat_map(|part| Sha256::digest([message_id.as_bytes(), &[part]].concat())).collect();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_three_digits() {
        assert_eq!(timestamp(1_700_000_000_000), "2023-11-14T22:13:20.000Z");
        assert_eq!(timestamp(1_700_000_000_120), "2023-11-14T22:13:20.120Z");
    }

    #[test]
    fn a_wrapper_has_a_member_a_line() {
        let attribute = |value: &str| NotificationAttribute { data_type: "String".into(), value: value.into() };
        let mut notification = Notification {
            kind: "Notification".into(),
            message_id: "id".into(),
            message: "{\"a\": {}}".into(),
            ..Notification::default()
        };
        let bare = "{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : \"id\",\n  \"TopicArn\" : \"\",\n  \"Message\" : \"{\\\"a\\\": {}}\",\n  \"Timestamp\" : \"\"";
        assert_eq!(laid_out(&notification), format!("{bare}\n}}"));
        notification.message_attributes =
            [("a", "1"), ("b", "2")].map(|(name, value)| (name.to_owned(), attribute(value))).into();
        let attributes = "  \"MessageAttributes\" : {\n    \"a\" : {\"Type\":\"String\",\"Value\":\"1\"},\n    \"b\" : {\"Type\":\"String\",\"Value\":\"2\"}\n  }";
        assert_eq!(laid_out(&notification), format!("{bare},\n{attributes}\n}}"));
        assert_eq!(Notification::parse(&laid_out(&notification)), Some(notification));
    }

    #[test]
    fn a_signature_is_as_long_as_one_of_rsa_2048() {
        assert_eq!(STANDARD.decode(signature("id")).unwrap().len(), 256);
        assert_ne!(signature("id"), signature("di"));
    }
}
