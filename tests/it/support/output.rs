//! What one run left: exit code, stdout, stderr, and the snapshot that shows all three.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use regex::{Captures, Regex};
use serde_json::Value;

/// A finished run. Whoever drops it unread has tested nothing.
#[must_use = "look at the exit code, stdout or stderr"]
pub(crate) struct Output {
    /// `eventbus` and its arguments, for messages.
    pub(crate) shown: String,
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// The bytes of stdout.
    pub(crate) stdout_bytes: Vec<u8>,
    /// The bytes of stderr.
    pub(crate) stderr_bytes: Vec<u8>,
    pub(super) root: PathBuf,
    pub(super) filters: Vec<(String, String)>,
}

impl Output {
    /// stdout as text; panics when it is not UTF-8.
    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout_bytes).expect("stdout is UTF-8")
    }

    /// stderr as text; panics when it is not UTF-8.
    pub(crate) fn stderr(&self) -> &str {
        std::str::from_utf8(&self.stderr_bytes).expect("stderr is UTF-8")
    }

    /// The exit code; `None` when a signal ended the program.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Asserts the exit code, showing the whole run when it is another.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Output {
        assert_eq!(self.code(), Some(code), "`{}` ended with another code\n{}", self.shown, self.snapshot());
        self
    }

    /// Asserts exit code 0.
    #[track_caller]
    pub(crate) fn success(self) -> Output {
        self.expect_code(0)
    }

    /// stdout as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout_bytes)
            .unwrap_or_else(|error| panic!("stdout of `{}` is not JSON: {error}\n{}", self.shown, self.snapshot()))
    }

    /// stdout as NDJSON: one value a line, no line empty.
    #[track_caller]
    pub(crate) fn ndjson(&self) -> Vec<Value> {
        let read = |(number, line): (usize, &str)| {
            serde_json::from_str(line).unwrap_or_else(|error| {
                panic!("stdout of `{}`, line {}: {error}\n{}", self.shown, number + 1, self.snapshot())
            })
        };
        self.stdout().lines().enumerate().map(read).collect()
    }

    /// Exit code, stdout and stderr as one text for an inline snapshot, with what differs from run to run replaced:
    /// the same id is shown by the same number everywhere.
    pub(crate) fn snapshot(&self) -> String {
        let code = match self.code() {
            Some(code) => format!("exit {code}"),
            None => self.status.to_string(),
        };
        let mut text = code;
        for (name, bytes) in [("stdout", &self.stdout_bytes), ("stderr", &self.stderr_bytes)] {
            // A terminal ends its lines with both.
            let shown = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
            match shown.strip_suffix('\n') {
                _ if shown.is_empty() => text.push_str(&format!("\n--- {name}: nothing")),
                Some(lines) => text.push_str(&format!("\n--- {name}\n{lines}")),
                None => text.push_str(&format!("\n--- {name} (no newline at its end)\n{shown}")),
            }
        }
        filtered(&text, &self.root, &self.filters)
    }
}

/// `text` with the caller's filters, then paths, ids, times, durations and ports replaced.
pub(super) fn filtered(text: &str, root: &Path, filters: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (regex, shown) in filters {
        text = Regex::new(regex)
            .expect("a filter is a regular expression")
            .replace_all(&text, shown.as_str())
            .into_owned();
    }
    for (folder, shown) in [("project", "[PROJECT]"), ("home", "[HOME]"), ("tmp", "[TMP]"), ("", "[ROOT]")] {
        // Without the slash that joining an empty name leaves.
        let path = root.join(folder);
        text = text.replace(path.to_str().expect("our paths are UTF-8").trim_end_matches('/'), shown);
    }
    text = text.replace(super::binary().to_str().expect("our paths are UTF-8"), "[EVENTBUS]");
    text = numbered(&text, r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID");
    for (regex, shown) in [
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|\+[0-9]{2}:[0-9]{2})?", "[TIME]"),
        (r"(?-u:\b)1[0-9]{12}(?-u:\b)", "[EPOCH_MS]"),
        (r"(?-u:\b)[0-9]+(\.[0-9]+)? ?(ms|us|µs|ns)(?-u:\b)", "[DURATION]"),
        (r"(?-u:\b)[0-9]+\.[0-9]+ ?s(?-u:\b)", "[DURATION]"),
        (r"(127\.0\.0\.1|localhost|\[::1\]):[0-9]+", "$1:[PORT]"),
    ] {
        text = Regex::new(regex).expect("a filter is a regular expression").replace_all(&text, shown).into_owned();
    }
    text
}

/// Replaces every distinct match by `[LABEL-1]`, `[LABEL-2]`… in order of first appearance.
fn numbered(text: &str, regex: &str, label: &str) -> String {
    let mut seen: Vec<String> = Vec::new();
    let shown = |found: &Captures<'_>| {
        let found = found[0].to_owned();
        let number = seen.iter().position(|known| *known == found).unwrap_or_else(|| {
            seen.push(found);
            seen.len() - 1
        });
        format!("[{label}-{}]", number + 1)
    };
    Regex::new(regex).expect("a filter is a regular expression").replace_all(text, shown).into_owned()
}
