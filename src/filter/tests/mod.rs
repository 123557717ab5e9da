//! The filter language from the outside: AWS's own cases, then what they leave open.

mod explaining;
mod fixtures;
mod limits;
mod matching;
mod validation;

use super::{FilterPolicy, Message, PolicyError, Scope};
use crate::event::{Attribute, AttributeValue, Attributes};

fn body_policy(policy: &str) -> FilterPolicy {
    FilterPolicy::parse(policy, Scope::MessageBody).unwrap_or_else(|error| panic!("{policy}: {error}"))
}

fn attribute_policy(policy: &str) -> FilterPolicy {
    FilterPolicy::parse(policy, Scope::MessageAttributes).unwrap_or_else(|error| panic!("{policy}: {error}"))
}

/// Whether `body` passes `policy` in the body scope.
fn body(policy: &str, body: &str) -> bool {
    body_policy(policy).matches(&Attributes::new(), body)
}

/// Attributes from `(name, type, text)`.
fn attributes(list: &[(&str, &str, &str)]) -> Attributes {
    list.iter()
        .map(|(name, data_type, text)| {
            let value = match *data_type {
                "Binary" => AttributeValue::Binary(text.as_bytes().to_vec()),
                _ => AttributeValue::Text((*text).to_owned()),
            };
            ((*name).to_owned(), Attribute { data_type: (*data_type).to_owned(), value })
        })
        .collect()
}

/// Whether the attributes pass `policy` in the attribute scope.
fn attribute(policy: &str, list: &[(&str, &str, &str)]) -> bool {
    attribute_policy(policy).matches(&attributes(list), "no JSON")
}

fn refused(policy: &str, scope: Scope) -> PolicyError {
    match FilterPolicy::parse(policy, scope) {
        Ok(_) => panic!("accepted: {policy}"),
        Err(error) => error,
    }
}
