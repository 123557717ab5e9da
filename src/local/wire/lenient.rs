//! Scalars that are text in the Query protocol and themselves in JSON.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

/// Numbers, booleans and nulls as SQS takes them where it wants text: written out, and as if they were not there.
pub(crate) fn as_text(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Bool(truth) => Value::String(truth.to_string()),
        Value::Array(items) => items.into_iter().filter(|item| !item.is_null()).map(as_text).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(name, field)| (name, as_text(field)))
            .collect(),
        other => other,
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Integer(i64),
    Boolean(bool),
    Text(String),
}

/// A whole number.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match Option::<Scalar>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Scalar::Integer(number)) => Ok(Some(number)),
        Some(Scalar::Text(text)) => {
            text.parse().map(Some).map_err(|_| D::Error::custom(format!("`{text}` is not a whole number")))
        }
        Some(Scalar::Boolean(_)) => Err(D::Error::custom("a whole number was expected")),
    }
}

/// `true` or `false`.
pub(crate) fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Option::<Scalar>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Scalar::Boolean(value)) => Ok(Some(value)),
        Some(Scalar::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(Scalar::Text(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(_) => Err(D::Error::custom("`true` or `false` was expected")),
    }
}
