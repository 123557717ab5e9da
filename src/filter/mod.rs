//! SNS filter policies: read and validated as AWS does, compiled once, matched against messages, and explained.
//!
//! The language is AWS's own: <https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html> and the pages
//! under it (string, numeric and key matching, AND/OR logic, constraints). Where those pages are silent the behaviour is that
//! of AWS's open matching engine, <https://github.com/aws/event-ruler>; where the two contradict each other the SNS page wins.
//! A policy that is accepted only by one of the sources is accepted here too, with a [`PolicyWarning`].
//!
//! Pure: may use std, small pure crates and the attribute types of `event`. Never tokio, an AWS crate, a terminal crate, the
//! environment, the file system or a clock.

mod body;
mod clause;
mod error;
mod explain;
mod json;
mod limits;
mod near;
mod number;
mod operators;
mod parse;
mod place;
mod policy;
mod possible;

#[cfg(test)]
mod tests;

pub use error::{PolicyError, PolicyWarning};
pub use explain::{Mismatch, Verdict};
pub use near::camelize;
pub use policy::{FilterPolicy, Message};
pub use possible::{Domain, Part, Values};

/// What AWS says about `text` when it expects JSON and `text` is none: `failed to parse JSON. …`. `None` when it is JSON.
pub fn not_json(text: &str) -> Option<String> {
    json::parse(text).err().map(|error| error.in_aws_words(text))
}

/// What a policy looks at: the subscription attribute `FilterPolicyScope`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `MessageAttributes`, the default: the keys are names of message attributes, without nesting.
    #[default]
    MessageAttributes,
    /// `MessageBody`: the keys are properties of the message, which has to be a JSON object.
    MessageBody,
}

impl Scope {
    /// Reads the subscription attribute's value; `None` when it is neither of the two.
    pub fn from_aws(value: &str) -> Option<Self> {
        match value {
            "MessageAttributes" => Some(Self::MessageAttributes),
            "MessageBody" => Some(Self::MessageBody),
            _ => None,
        }
    }

    /// The subscription attribute's value.
    pub fn as_aws(self) -> &'static str {
        match self {
            Self::MessageAttributes => "MessageAttributes",
            Self::MessageBody => "MessageBody",
        }
    }
}
