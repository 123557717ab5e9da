//! Why a policy is refused, in our words and in AWS's.

use super::place::{self, At};

/// Characters of a policy that AWS's reader repeats.
const SHOWN: usize = 500;

/// A policy that AWS refuses, or that no source describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Where in the policy: a JSON pointer, empty for the whole document.
    pub pointer: String,
    /// What was found and what was expected: a lowercase fragment without a full stop.
    pub sentence: String,
    /// AWS's own words for it, where they are known from recorded answers, without the `Invalid parameter: ` before them.
    pub(super) aws: Option<String>,
    /// At which token AWS's reader was, where that is known from recorded answers.
    pub(super) at: Option<At>,
    /// What AWS appends to its sentence: the policy and the place in it.
    pub(super) source: String,
}

impl std::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "filter policy: {}", self.sentence),
            pointer => write!(f, "filter policy at `{pointer}`: {}", self.sentence),
        }
    }
}

impl std::error::Error for PolicyError {}

impl PolicyError {
    pub(super) fn new(pointer: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), sentence: sentence.into(), aws: None, at: None, source: String::new() }
    }

    /// Where AWS's reader was.
    pub(super) fn at(mut self, at: At) -> Self {
        self.at = Some(at);
        self
    }

    /// Says what AWS says of the place in `policy`, which is JSON.
    pub(super) fn in_policy(mut self, policy: &str) -> Self {
        if let Some((line, column)) = self.at.and_then(|at| place::of(policy, &self.pointer, at)) {
            let shown: String = policy.chars().take(SHOWN).collect();
            let cut = policy.chars().count().saturating_sub(SHOWN);
            let cut = if cut > 0 { format!("[truncated {cut} chars]") } else { String::new() };
            self.source = format!("\n at [Source: (String)\"{shown}\"{cut}; line: {line}, column: {column}]");
        }
        self
    }

    pub(super) fn aws(mut self, text: impl Into<String>) -> Self {
        self.aws = Some(format!("FilterPolicy: {}", text.into()));
        self
    }

    /// For the one message of AWS that does not name the parameter.
    pub(super) fn aws_whole(mut self, text: impl Into<String>) -> Self {
        self.aws = Some(text.into());
        self
    }

    /// The message of AWS's `InvalidParameter` error: AWS's wording where it is known, else ours. `on_subscribe` chooses
    /// between `Subscribe` (`Invalid parameter: Attributes Reason: …`) and `SetSubscriptionAttributes` (`Invalid parameter: …`).
    /// With the `at [Source: …; line: …, column: …]` that AWS appends to some, as it was recorded: that of text that is no JSON
    /// in 2025, with the policy taken out, those of clauses in 2024, with the policy in it.
    pub fn aws_message(&self, on_subscribe: bool) -> String {
        let reason = if on_subscribe { "Attributes Reason: " } else { "" };
        match &self.aws {
            Some(text) => format!("Invalid parameter: {reason}{text}{}", self.source),
            None => format!("Invalid parameter: {reason}FilterPolicy: {}", self.sentence),
        }
    }
}

/// Something in an accepted policy that AWS's sources disagree about, or that does not do what it seems to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWarning {
    /// Where in the policy: a JSON pointer, empty for the whole document.
    pub pointer: String,
    /// What to know: a lowercase fragment without a full stop.
    pub sentence: String,
}
