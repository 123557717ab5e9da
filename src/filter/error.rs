//! Why a policy is refused, in our words and in AWS's.

/// A policy that AWS refuses, or that no source describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Where in the policy: a JSON pointer, empty for the whole document.
    pub pointer: String,
    /// What was found and what was expected: a lowercase fragment without a full stop.
    pub sentence: String,
    /// AWS's own words for it, where they are known from recorded answers, without the `Invalid parameter: ` before them.
    pub(super) aws: Option<String>,
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
        Self { pointer: pointer.into(), sentence: sentence.into(), aws: None }
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
    /// Of the `at [Source: …; line: …, column: …]` that AWS appends to some, only that of text that is no JSON is given.
    pub fn aws_message(&self, on_subscribe: bool) -> String {
        let reason = if on_subscribe { "Attributes Reason: " } else { "" };
        match &self.aws {
            Some(text) => format!("Invalid parameter: {reason}{text}"),
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
