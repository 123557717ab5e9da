//! SNS filter policies (being built).
use crate::event::Attributes;

/// What a policy looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The message attributes; the default.
    #[default]
    MessageAttributes,
    /// The message body, read as a JSON object.
    MessageBody,
}

/// A compiled policy.
#[derive(Clone, Debug)]
pub struct FilterPolicy {}

/// Why a policy is refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct PolicyError {
    /// Where in the policy, as a JSON pointer; empty for the whole.
    pub pointer: String,
    /// What is wrong, in one sentence fragment.
    pub sentence: String,
    /// What AWS says after `Invalid parameter: Attributes Reason: FilterPolicy: ` (or our sentence where AWS's is not known).
    pub aws: String,
}

/// What a policy says about one message.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether the message passes.
    pub matched: bool,
}

impl FilterPolicy {
    /// Parses.
    pub fn parse(_json_text: &str, _scope: Scope) -> Result<FilterPolicy, PolicyError> {
        Ok(FilterPolicy {})
    }

    /// Matches.
    pub fn matches(&self, _attributes: &Attributes, _body: &str) -> bool {
        true
    }

    /// Explains.
    pub fn explain(&self, attributes: &Attributes, body: &str) -> Verdict {
        Verdict { matched: self.matches(attributes, body) }
    }
}
