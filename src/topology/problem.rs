//! What is wrong with a topology file: every finding knows its place and, where there is one, its fix.

use std::fmt;

/// A place in one of the files: line and column count from 1, and are 0 when the place is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file: 0 is the topology itself, overlays follow in the order in which they are laid over it.
    pub file: u16,
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

/// Collects findings while files are read, so that all of them are told at once.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    files: Vec<String>,
    found: Vec<Problem>,
}

impl Problems {
    /// `files` are named by [`Place::file`].
    pub(crate) fn new(files: Vec<String>) -> Self {
        Self { files, found: Vec::new() }
    }

    pub(crate) fn error(&mut self, place: Place, path: &str, message: String, fix: Option<String>) {
        self.push(Severity::Error, place, path, message, fix);
    }

    pub(crate) fn warn(&mut self, place: Place, path: &str, message: String, fix: Option<String>) {
        self.push(Severity::Warning, place, path, message, fix);
    }

    fn push(&mut self, severity: Severity, place: Place, path: &str, message: String, fix: Option<String>) {
        let file = self.files.get(usize::from(place.file)).cloned().unwrap_or_default();
        let problem = Problem { severity, file, place, path: path.to_owned(), message, fix };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(Problem::is_error)
    }

    /// A finding that has no place in any file, such as a flag's.
    pub(crate) fn error_of(&mut self, file: &str, message: String, fix: Option<String>) {
        let place = Place { file: u16::MAX, ..Place::default() };
        let file = file.to_owned();
        self.found.push(Problem { severity: Severity::Error, file, place, path: String::new(), message, fix });
    }

    /// All findings in the order of the files.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|p| (p.place, p.severity));
        self.found
    }
}
