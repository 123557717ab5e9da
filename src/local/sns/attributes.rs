//! Message attributes: what SNS takes and what it says to the rest.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>; the sentences are recorded ones
//! (localstack/localstack, tests/aws/services/sns, Apache-2.0, 2023-08-24 and 2024-11-15), except those about reserved names
//! and about `String.Array`.

use serde_json::Value;

use super::super::error::{ApiError, ApiResult};
use super::super::sqs::digest;
use super::super::sqs::types::{WireAttribute, WireAttributes};
use crate::event::{self, AttributeValue};

fn refused(message: impl Into<String>) -> ApiError {
    ApiError::coded("InvalidParameterValueException", "ParameterValueInvalid", message)
}

/// What AWS says to a member of the request that has to be there: `place` leads to it.
pub(super) fn null_at(place: &str) -> ApiError {
    ApiError::new(
        "ValidationError",
        format!(
            "1 validation error detected: Value null at '{place}' failed to satisfy constraint: Member must not be null"
        ),
    )
}

/// Checks the attributes and reads them for the filters. `entry` is the number of the message in a batch, from 1.
pub(super) fn check(attributes: &WireAttributes, entry: Option<usize>) -> ApiResult<event::Attributes> {
    attributes
        .iter()
        .map(|(name, attribute)| {
            check_name(name)?;
            let Some(data_type) = attribute.data_type.as_deref() else {
                let before = entry.map_or_else(String::new, |at| format!("publishBatchRequestEntries.{at}.member."));
                return Err(null_at(&format!("{before}messageAttributes.{name}.member.dataType")));
            };
            let value = value(name, data_type, attribute)?;
            Ok((name.clone(), event::Attribute { data_type: data_type.to_owned(), value }))
        })
        .collect()
}

fn check_name(name: &str) -> ApiResult<()> {
    if name.len() > 256 {
        return Err(refused("Length of message attribute name must be less than 256 bytes."));
    }
    if name.starts_with('.') {
        return Err(refused("Invalid message attribute name starting with character '.' was found."));
    }
    if name.ends_with('.') {
        return Err(refused("Invalid message attribute name ending with character '.' was found."));
    }
    let mut before = None;
    for letter in name.chars() {
        if !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.')) {
            return Err(refused(format!(
                "Invalid non-alphanumeric character '#x{:X}' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
                u32::from(letter)
            )));
        }
        if letter == '.' && before == Some('.') {
            return Err(refused("Message attribute name can not have successive '.' character."));
        }
        before = Some(letter);
    }
    let lower = name.to_ascii_lowercase();
    // What mobile push reads is sent to topics, too.
    let reserved = (lower.starts_with("aws.") && !lower.starts_with("aws.sns.mobile.")) || lower.starts_with("amazon.");
    if name.is_empty() || reserved {
        return Err(refused(format!(
            "The message attribute name '{name}' must not be empty or begin with 'AWS.' or 'Amazon.'."
        )));
    }
    Ok(())
}

/// `String`, `Number` or `Binary` of such a type, which may say more after a dot.
fn base_of(data_type: &str) -> Option<&str> {
    let (base, label) = data_type.split_once('.').map_or((data_type, None), |(base, label)| (base, Some(label)));
    (matches!(base, "String" | "Number" | "Binary") && label != Some("")).then_some(base)
}

fn value(name: &str, data_type: &str, attribute: &WireAttribute) -> ApiResult<AttributeValue> {
    let base = base_of(data_type).ok_or_else(|| {
        refused(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
        ))
    })?;
    let empty = || {
        refused(format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{data_type}'."
        ))
    };
    let field = |field: &str| {
        refused(format!("The message attribute '{name}' with type '{data_type}' must use field '{field}'."))
    };
    match (base, &attribute.string_value, &attribute.binary_value) {
        (_, None, None) => Err(empty()),
        ("Binary", _, None) => Err(field("Binary")),
        ("Binary", _, Some(base64)) => {
            digest::decoded(base64).filter(|bytes| !bytes.is_empty()).map(AttributeValue::Binary).ok_or_else(empty)
        }
        (_, None, _) => Err(field("String")),
        (_, Some(text), _) if text.is_empty() => Err(empty()),
        ("Number", Some(text), _) if !text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
            Err(refused(format!("Could not cast message attribute '{name}' value to number.")))
        }
        (_, Some(text), _)
            if data_type == "String.Array"
                && !serde_json::from_str::<Value>(text).is_ok_and(|json| json.is_array()) =>
        {
            Err(refused(format!("The message attribute '{name}' of type 'String.Array' must hold a JSON array.")))
        }
        (_, Some(text), _) => Ok(AttributeValue::Text(text.clone())),
    }
}
