//! Message attributes as SNS and SQS carry them: a name, a data type and a value.

use std::collections::BTreeMap;

/// The attributes of one message, by name. Sorted by name, which is also the order in which SQS digests them.
pub type Attributes = BTreeMap<String, Attribute>;

/// One message attribute.
///
/// Data types: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html> (`String`, `String.Array`, `Number`,
/// `Binary`, each with an optional custom suffix on SQS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `String`, `String.Array`, `Number`, `Binary`, or one of them with a custom suffix (`Number.int`).
    pub data_type: String,
    /// The value; numbers and arrays as their text.
    pub value: AttributeValue,
}

/// The value of an attribute: text for every type but `Binary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// The text of a `String`, `String.Array` (JSON text) or `Number` (decimal text, as the author wrote it).
    Text(String),
    /// The bytes of a `Binary`.
    Binary(Vec<u8>),
}

impl Attribute {
    /// A `String` attribute.
    pub fn string(value: impl Into<String>) -> Self {
        Self { data_type: "String".into(), value: AttributeValue::Text(value.into()) }
    }

    /// A `Number` attribute; `value` is the decimal text.
    pub fn number(value: impl Into<String>) -> Self {
        Self { data_type: "Number".into(), value: AttributeValue::Text(value.into()) }
    }

    /// A `String.Array` attribute; `value` is the JSON text of the array.
    pub fn string_array(value: impl Into<String>) -> Self {
        Self { data_type: "String.Array".into(), value: AttributeValue::Text(value.into()) }
    }

    /// The text, unless the attribute is binary.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Binary(_) => None,
        }
    }

    /// Bytes that count towards SNS's and SQS's message size limits: type and value (the caller adds the name).
    pub fn size(&self) -> usize {
        self.data_type.len()
            + match &self.value {
                AttributeValue::Text(text) => text.len(),
                AttributeValue::Binary(bytes) => bytes.len(),
            }
    }
}
