//! What `schema check` found: every violation with its places, many files in a table.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::event::json::Location;
use crate::output::{Format, Table, Tone, Ui, escape_control};
use crate::schema::{Schema, Violation};
use crate::words::{count, thousands};

/// Files up to which no table is made of them.
const FEW: usize = 1;

/// One file.
#[derive(Debug, Default)]
pub struct Checked {
    /// Its name.
    pub file: String,
    /// The event of its first payload.
    pub event: Option<String>,
    /// Payloads in it.
    pub payloads: u64,
    /// Those that are invalid.
    pub invalid: u64,
    /// Violations in all of them.
    pub violations: u64,
}

impl Checked {
    /// A file that was begun.
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), ..Self::default() }
    }
}

/// One invalid payload.
#[derive(Debug)]
pub struct Found {
    /// The file, by its number.
    pub file: usize,
    /// The line, in a file of many payloads; else 0.
    pub line: usize,
    /// Why it is no payload at all.
    pub reason: Option<String>,
    /// Where.
    pub at: Option<Location>,
    /// Event, version and file of the schema.
    pub schema: Option<(String, u32, String)>,
    /// What it breaks.
    pub violations: Vec<Violation>,
}

impl Found {
    /// What is no payload.
    pub fn refused(line: usize, reason: String) -> Self {
        Self { file: 0, line, reason: Some(reason), at: None, schema: None, violations: Vec::new() }
    }

    /// What breaks its schema.
    pub fn broken(file: usize, line: usize, schema: &Schema, violations: Vec<Violation>) -> Self {
        let schema = (schema.event().to_owned(), schema.version(), schema.path().display().to_string());
        Self { file, line, reason: None, at: None, schema: Some(schema), violations }
    }
}

/// Everything.
#[derive(Debug, Default)]
pub struct Findings {
    /// The folder of schemas.
    pub schemas: PathBuf,
    /// The files, in order.
    pub files: Vec<Checked>,
    /// What is told of the invalid ones.
    pub found: Vec<Found>,
}

/// Writes it.
///
/// # Errors
/// What writing answered.
pub fn checked(ui: &Ui, findings: &Findings, format: Format) -> io::Result<()> {
    let mut out = ui.out();
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut out, &record(findings))?;
        writeln!(out)?;
        return out.flush();
    }
    let total = |of: fn(&Checked) -> u64| findings.files.iter().map(of).sum::<u64>();
    let (payloads, invalid, violations) = (total(|f| f.payloads), total(|f| f.invalid), total(|f| f.violations));
    let mut told = 0;
    for found in &findings.found {
        let file = &findings.files[found.file].file;
        let place = |at: Option<Location>| match (at, found.line) {
            (Some(at), _) => format!("{file}:{}:{}", at.line, at.column),
            (None, 0) => file.clone(),
            (None, line) => format!("{file}:{line}"),
        };
        if let Some(reason) = &found.reason {
            told += 1;
            writeln!(out, "{}: {}", ui.paint(Tone::Bad, escape_control(&place(found.at))), escape_control(reason))?;
        }
        for violation in &found.violations {
            told += 1;
            let pointer = match violation.pointer.as_str() {
                "" => "the payload".to_owned(),
                pointer => format!("`{pointer}`"),
            };
            let meant = violation.meant.as_ref().map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            let line = format!("{pointer} {}{meant}", violation.message);
            writeln!(out, "{}: {}", ui.paint(Tone::Bad, escape_control(&place(violation.at))), escape_control(&line))?;
            let says = format!("    says {}", violation.place_in(&findings.schemas));
            writeln!(out, "{}", ui.paint(Tone::Dim, escape_control(&says)))?;
        }
    }
    let more = violations.saturating_sub(told);
    if more > 0 {
        writeln!(out, "… and {} more; `--max-errors N` tells more of them", thousands(more))?;
    }
    if findings.files.len() > FEW {
        let mut table = Table::new(ui, &["File", "Event", "Payloads", "Invalid", "Violations"]).unbroken(&[0]);
        for file in &findings.files {
            let event = file.event.as_deref().unwrap_or_default();
            table.row([
                file.file.as_str(),
                event,
                &thousands(file.payloads),
                &thousands(file.invalid),
                &thousands(file.violations),
            ]);
        }
        let gap = if told > 0 { "\n" } else { "" };
        writeln!(out, "{gap}{table}")?;
    }
    match invalid {
        0 => writeln!(out, "{} valid.", verb(payloads))?,
        bad => {
            writeln!(out, "{} of {} invalid, with {}.", thousands(bad), verb(payloads), count(violations, "violation"))?
        }
    }
    out.flush()
}

/// `1 payload is`, `2 payloads are`.
fn verb(payloads: u64) -> String {
    format!("{} {}", count(payloads, "payload"), if payloads == 1 { "is" } else { "are" })
}

fn record(findings: &Findings) -> Value {
    let files: Vec<Value> = findings
        .files
        .iter()
        .map(|file| {
            json!({ "file": file.file, "event": file.event, "payloads": file.payloads, "invalid": file.invalid,
                "violations": file.violations })
        })
        .collect();
    let found: Vec<Value> = findings
        .found
        .iter()
        .map(|found| {
            let violation = |v: &Violation| {
                json!({
                    "line": v.at.map(|at| at.line),
                    "column": v.at.map(|at| at.column),
                    "pointer": v.pointer,
                    "value": v.value,
                    "message": v.message,
                    "meant": v.meant,
                    "schema": v.schema_in(&findings.schemas),
                    "schema_pointer": v.schema_pointer,
                })
            };
            json!({
                "file": findings.files[found.file].file,
                "payload_line": if found.line == 0 { None } else { Some(found.line) },
                "error": found.reason,
                "line": found.at.map(|at| at.line),
                "column": found.at.map(|at| at.column),
                "event": found.schema.as_ref().map(|(event, ..)| event),
                "schema_version": found.schema.as_ref().map(|(_, version, _)| version),
                "violations": found.violations.iter().map(violation).collect::<Vec<_>>(),
            })
        })
        .collect();
    let total = |of: fn(&Checked) -> u64| findings.files.iter().map(of).sum::<u64>();
    json!({
        "version": 1,
        "payloads": total(|f| f.payloads),
        "invalid": total(|f| f.invalid),
        "violations": total(|f| f.violations),
        "files": files,
        "found": found,
    })
}
