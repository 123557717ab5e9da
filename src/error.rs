//! What a verb answers when it cannot go on: a kind, a sentence, the causes below it and hints that can be pasted.
//!
//! The rooms below know their own errors and nothing of hints; the conversions that add them live with the verbs and here.

use std::error::Error as StdError;

use crate::bus::{BusError, BusErrorKind};
use crate::outcome::Outcome;
use crate::words;

/// An error on its way to the user.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// A lowercase fragment without a full stop, subject first.
    pub message: String,
    /// The causes, outermost first, each a fragment of the same form.
    pub causes: Vec<String>,
    /// Commands or lines to paste; none rather than a platitude.
    pub hints: Vec<String>,
}

/// What kind of failure, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// It was tried and failed.
    Failed,
    /// The command line, or a prompt without a terminal.
    Usage,
    /// Invalid input, refused before anything was sent.
    Refused,
    /// Credentials or permission.
    Auth,
    /// A wait that ran out.
    TimedOut,
}

impl ErrorKind {
    /// The outcome, and with it the exit code, that this kind ends in.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Failed => Outcome::Failed,
            Self::Usage => Outcome::Usage,
            Self::Refused => Outcome::Refused,
            Self::Auth => Outcome::Auth,
            Self::TimedOut => Outcome::TimedOut,
        }
    }
}

impl CliError {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// It was tried and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// The input is invalid.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// Adds `error` and everything below it as causes.
    #[must_use]
    pub fn because(mut self, error: &dyn StdError) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            let text = cause.to_string();
            if self.causes.last() != Some(&text) {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<BusError> for CliError {
    fn from(error: BusError) -> Self {
        Self::from(&error)
    }
}

impl From<&BusError> for CliError {
    fn from(error: &BusError) -> Self {
        let kind = match error.kind {
            BusErrorKind::Auth => ErrorKind::Auth,
            _ => ErrorKind::Failed,
        };
        let cli = Self::new(kind, error.to_string());
        let cli = match error.source() {
            Some(cause) => cli.because(cause),
            None => cli,
        };
        match (error.kind, words::did_you_mean_any(&error.nearest)) {
            (BusErrorKind::NotFound, Some(meant)) => cli.hint(meant),
            (BusErrorKind::NotFound, None) => {
                cli.hint("nothing but `provision` creates topics and queues: `eventbus provision topology.yaml`")
            }
            (BusErrorKind::Auth, _) => cli.hint("check who you are: `aws sts get-caller-identity`, and `--profile`"),
            _ => cli,
        }
    }
}
