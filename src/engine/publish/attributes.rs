//! What SNS takes as a message attribute.
//!
//! Rules: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>

use crate::event::json::{Kind, members};
use crate::event::{Attribute, AttributeValue};

/// Why an attribute is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// A name that SNS refuses.
    #[error("attribute name `{name}` {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value that is not of its type.
    #[error("attribute `{name}` {reason}")]
    Value {
        /// The name.
        name: String,
        /// What is wrong with its value.
        reason: String,
    },
}

/// Checks what SNS checks: the name's length and characters, a value that is not empty and of its type.
///
/// # Errors
/// The first rule that is broken.
pub fn check_attribute(name: &str, attribute: &Attribute) -> Result<(), AttributeError> {
    let bad_name = |reason| AttributeError::Name { name: name.into(), reason };
    let lower = name.to_ascii_lowercase();
    if name.is_empty() {
        return Err(bad_name("is empty"));
    }
    if name.len() > 256 {
        return Err(bad_name("is longer than 256 characters"));
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
        return Err(bad_name("has a character other than letters, digits, `_`, `-` and `.`"));
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return Err(bad_name("starts or ends with a period, or has two in a row"));
    }
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return Err(bad_name("starts with `AWS.` or `Amazon.`, which is reserved"));
    }
    let wrong = |reason: &str| AttributeError::Value { name: name.into(), reason: reason.into() };
    let text = match &attribute.value {
        AttributeValue::Binary(bytes) if bytes.is_empty() => return Err(wrong("is empty, which SNS refuses")),
        AttributeValue::Binary(_) => return Ok(()),
        AttributeValue::Text(text) => text,
    };
    if text.is_empty() {
        return Err(wrong("is empty, which SNS refuses"));
    }
    if let Some(code) = refused_character(text) {
        return Err(wrong(&format!("holds the character U+{code:04X}, which SNS refuses")));
    }
    match attribute.data_type.as_str() {
        "Number" if serde_json::from_str::<serde_json::Number>(text).is_err() => Err(wrong("is not a number")),
        "String.Array" => {
            let sound = serde_json::from_str::<Vec<serde_json::Value>>(text).is_ok()
                && members(text).iter().all(|(_, value)| !matches!(Kind::of(value), Kind::Array | Kind::Object));
            if sound { Ok(()) } else { Err(wrong("is not an array of strings, numbers, true, false and null")) }
        }
        _ => Ok(()),
    }
}

/// The first character that SNS and SQS refuse, as its code point. Allowed are `#x9 #xA #xD`, `#x20` to `#xD7FF`, `#xE000` to
/// `#xFFFD`, `#x10000` to `#x10FFFF`: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
pub(super) fn refused_character(text: &str) -> Option<u32> {
    text.chars()
        .find(|c| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..))
        .map(u32::from)
}
