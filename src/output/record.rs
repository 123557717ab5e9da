//! What `record` says when it has ended; with `-o json` as `schemas/output/recorded.schema.json` describes it.

use std::io::{self, Write as _};
use std::path::Path;

use serde_json::json;

use super::tail::{doubts, held};
use super::{Format, Ui};
use crate::engine::recording::Written;
use crate::engine::tail::Report;
use crate::words::count;

/// What was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// The file, as it was named.
    pub file: &'a Path,
    /// What was looked at.
    pub sources: &'a [String],
    /// How looking went.
    pub report: &'a Report,
    /// What was written.
    pub written: &'a Written,
}

/// Says it: to people on stderr, to machines on stdout.
///
/// # Errors
/// What writing answered.
pub fn write(ui: &Ui, recorded: &Recorded<'_>, format: Option<Format>) -> io::Result<()> {
    let Recorded { file, sources, report, written } = recorded;
    let mut text = format!(
        "Recorded {} ({}) in {}",
        count(written.records, "message"),
        count(written.bytes, "byte"),
        file.display()
    );
    if !written.rotated.is_empty() {
        text.push_str(&format!(" and {} put aside", count(written.rotated.len() as u64, "file")));
    }
    if report.passed_over > 0 {
        text.push_str(&format!(", passed over {}", report.passed_over));
    }
    ui.status(text + &held(report));
    doubts(ui, report);
    if format != Some(Format::Json) {
        return Ok(());
    }
    let answer = json!({
        "version": 1,
        "file": file.display().to_string(),
        "rotated": written.rotated.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "sources": sources,
        "records": written.records,
        "bytes": written.bytes,
        "passed_over": report.passed_over,
    });
    let mut out = ui.out();
    writeln!(out, "{answer}")?;
    out.flush()
}
