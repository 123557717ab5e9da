//! What is wrong with a topology file: every finding knows its place and, where there is one, its fix.

use std::fmt;

/// A place in the file: both count from 1. `0, 0` when the place is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// Whether a problem stops the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; somebody should know.
    Warning,
}

/// One finding in a topology file.
///
/// `Display` gives `topology.yaml:7:16: …` without the fix, which is the caller's to show as a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// The file's name as it was given.
    pub file: String,
    /// Where in the file.
    pub place: Place,
    /// The path of the value, such as `queues.user_events.retention`; empty for the file as a whole.
    pub path: String,
    /// What was found and what was expected: one lowercase fragment without a full stop.
    pub message: String,
    /// What to write instead, if there is one answer.
    pub fix: Option<String>,
}

impl Problem {
    /// Whether this stops the work.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.place.line > 0 {
            write!(f, ":{}:{}", self.place.line, self.place.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Collects findings while a file is read, so that all of them are told at once.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    file: String,
    found: Vec<Problem>,
}

impl Problems {
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    pub(crate) fn error(&mut self, place: Place, path: &str, message: String, fix: Option<String>) {
        self.push(Severity::Error, place, path, message, fix);
    }

    pub(crate) fn warn(&mut self, place: Place, path: &str, message: String, fix: Option<String>) {
        self.push(Severity::Warning, place, path, message, fix);
    }

    fn push(&mut self, severity: Severity, place: Place, path: &str, message: String, fix: Option<String>) {
        let problem = Problem { severity, file: self.file.clone(), place, path: path.to_owned(), message, fix };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(Problem::is_error)
    }

    /// All findings in the order of the file.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|p| (p.place, p.severity));
        self.found
    }
}
