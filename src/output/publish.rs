//! What `publish` tells: a table or a line per input on stdout; refusals, failures and the sum on stderr.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Stdout, Write as _};
use std::path::Path;

use serde::Serialize;

use super::{Format, HIDDEN, Table, Ui, escape_control, escape_control_keeping_lines};
use crate::engine::Event;
use crate::engine::publish::{Item, Problem, Progress, Report, Skip};
use crate::error::CliError;
use crate::event::json::shorten;
use crate::event::{Attributes, NotificationAttribute, read_message};
use crate::words;

/// Rows that wait for their table: a stream of any length is told in tables of so many.
const ROWS: usize = 100;

/// Refused and failed inputs that are told one by one; the rest is in the sum (and in the lines of `-o ndjson`).
const TOLD: u64 = 20;

/// Violations of one payload that are told.
const VIOLATIONS: usize = 20;

/// Characters of a problem that are told: names and values in it may be of any length.
const LONGEST: usize = 2000;

/// The version of the lines.
const VERSION: u32 = 1;

/// Both formats of the answer; they share the conversation.
#[derive(Debug)]
pub struct Reporter {
    ui: Ui,
    out: BufWriter<Stdout>,
    format: Format,
    dry_run: bool,
    /// Payloads that hold personal data are shown on a terminal.
    pub show_personal_data: bool,
    rows: Vec<[String; 5]>,
    topics: BTreeSet<String>,
    told: u64,
    progress: super::Progress,
    /// Inputs that were told.
    done: u64,
}

/// One line of `-o ndjson`; `schemas/output/publish.schema.json` describes it.
#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    status: &'static str,
    input: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<BTreeMap<&'a str, Typed>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure<'a>>,
}

#[derive(Serialize)]
struct Typed {
    #[serde(rename = "type")]
    data_type: String,
    value: String,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Broken<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tries: Option<u32>,
}

#[derive(Serialize)]
struct Broken<'a> {
    pointer: &'a str,
    schema_file: String,
    schema_pointer: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

fn typed(attributes: &Attributes) -> BTreeMap<&str, Typed> {
    let typed = |attribute| {
        let NotificationAttribute { data_type, value } = NotificationAttribute::from(attribute);
        Typed { data_type, value }
    };
    attributes.iter().map(|(name, attribute)| (name.as_str(), typed(attribute))).collect()
}

impl<'a> Line<'a> {
    fn new(item: &'a Item, status: &'static str) -> Self {
        Self {
            version: VERSION,
            status,
            input: &item.input,
            round: item.round,
            event: item.event.as_deref(),
            topic: item.topic.as_deref(),
            entity_id: item.entity_id.as_deref(),
            message_id: None,
            sequence_number: None,
            bytes: None,
            group_id: None,
            attributes: None,
            message: None,
            reason: None,
            error: None,
        }
    }

    /// The line of an input; none for what is about no single one.
    fn of(progress: &'a Progress) -> Option<Self> {
        Some(match progress {
            Progress::Reading { .. } => return None,
            Progress::Skipped { item, why } => Self { reason: Some(why.code()), ..Self::new(item, "skipped") },
            Progress::Sent { item, message_id, sequence_number } => Self {
                message_id: Some(message_id),
                sequence_number: sequence_number.as_deref(),
                ..Self::new(item, "sent")
            },
            Progress::Planned { item, message, attributes, group_id, bytes } => Self {
                message: Some(message),
                attributes: Some(typed(attributes)),
                group_id: group_id.as_deref(),
                bytes: Some(*bytes),
                ..Self::new(item, "planned")
            },
            Progress::Refused { item, problem } => {
                Self { error: Some(Failure::of_problem(problem)), ..Self::new(item, "refused") }
            }
            Progress::Failed { item, error, tries } => Self {
                error: Some(Failure {
                    code: &error.code,
                    message: error.message.clone(),
                    line: None,
                    column: None,
                    violations: Vec::new(),
                    request_id: error.request_id.as_deref(),
                    tries: Some(*tries),
                }),
                ..Self::new(item, "failed")
            },
        })
    }
}

impl<'a> Failure<'a> {
    fn of_problem(problem: &'a Problem) -> Self {
        let (at, folder, violations) = match problem {
            Problem::Json(error) => (error.at, Path::new(""), &[][..]),
            Problem::Schema { folder, violations, .. } => (None, folder.as_path(), violations.as_slice()),
            _ => (None, Path::new(""), &[][..]),
        };
        let broken = |v: &'a crate::schema::Violation| Broken {
            pointer: &v.pointer,
            schema_file: v.schema_in(folder),
            schema_pointer: &v.schema_pointer,
            message: &v.message,
            value: v.value.as_deref(),
            meant: v.meant.as_deref(),
            line: v.at.map(|at| at.line),
            column: v.at.map(|at| at.column),
        };
        Self {
            code: problem.code(),
            message: shorten(&problem.to_string(), LONGEST).into_owned(),
            line: at.map(|at| at.line),
            column: at.map(|at| at.column),
            violations: violations.iter().map(broken).collect(),
            request_id: None,
            tries: None,
        }
    }
}

impl Reporter {
    /// A reporter that writes `format` (a table or NDJSON) to stdout; of a run that sends, or of one that only would.
    pub fn new(ui: Ui, format: Format, dry_run: bool) -> Self {
        let out = ui.out();
        let progress = ui.progress("events");
        Self {
            ui,
            out,
            format,
            dry_run,
            show_personal_data: false,
            rows: Vec::new(),
            topics: BTreeSet::new(),
            told: 0,
            progress,
            done: 0,
        }
    }

    /// The run in a sentence: ``Published 3 events to `users`, refused 1``.
    pub fn summary(&self, report: &Report) -> String {
        let (verb, done) = if self.dry_run { ("Would publish", report.planned) } else { ("Published", report.sent) };
        let mut text = format!("{verb} {}", words::count(done, "event"));
        let topics: Vec<&String> = self.topics.iter().collect();
        if done > 0 && (1..=3).contains(&topics.len()) {
            text.push_str(&format!(" to {}", escape_control(&words::list(&topics))));
        }
        let skipped = report.skipped - report.nowhere;
        for (n, what) in [(report.refused, "refused"), (report.failed, "failed"), (skipped, "skipped")] {
            if n > 0 {
                text.push_str(&format!(", {what} {}", words::thousands(n)));
            }
        }
        if report.nowhere > 0 {
            text.push_str(&format!(", left {} that goes nowhere on purpose", words::thousands(report.nowhere)));
        }
        text
    }

    fn row(&mut self, item: &Item, id: &str) -> io::Result<()> {
        let known = |text: &Option<String>| text.clone().unwrap_or_default();
        let row = [item.input.clone(), known(&item.event), known(&item.topic), known(&item.entity_id), id.to_owned()];
        self.rows.push(row);
        if self.rows.len() >= ROWS { self.table() } else { Ok(()) }
    }

    fn table(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut table =
            Table::new(&self.ui, &["Input", "Event", "Topic", "Entity", "Message id"]).unbroken(&[1, 2, 3, 4]);
        for row in self.rows.drain(..) {
            table.row(row);
        }
        let out = &mut self.out;
        self.progress.suspend(|| writeln!(out, "{table}").and_then(|()| out.flush()))
    }

    /// A dry run, for people: what would go where, to the last byte.
    fn planned(&mut self, item: &Item, message: &str, attributes: &Attributes, bytes: usize) -> io::Result<()> {
        let topic = item.topic.as_deref().unwrap_or_default();
        let input = &item.input;
        let head = format!("{input} -> topic `{topic}`, {} with attributes", words::count(bytes as u64, "byte"));
        writeln!(self.out, "{}", escape_control(&head))?;
        for (name, Typed { data_type, value }) in typed(attributes) {
            writeln!(self.out, "  {}", escape_control(&format!("{name} ({data_type}): {value}")))?;
        }
        // Exact on a pipe, safe on a screen.
        if self.ui.stdout_is_terminal() {
            let personal = |message: &str| {
                read_message(message, attributes).is_ok_and(|event| event.metadata.contains_personal_data)
            };
            if !self.show_personal_data && personal(message) {
                return writeln!(self.out, "{HIDDEN}");
            }
            writeln!(self.out, "{}", escape_control(message))
        } else {
            writeln!(self.out, "{message}")
        }
    }

    fn trouble(&mut self, item: &Item, text: String) {
        self.told += 1;
        match self.told {
            told if told <= TOLD => {
                let message = escape_control_keeping_lines(&format!("{}: {text}", item.input)).into_owned();
                self.progress.suspend(|| self.ui.error(&CliError::failed(message)));
            }
            told if told == TOLD + 1 => self.progress.suspend(|| {
                self.ui.warn(format!(
                    "more inputs were refused or failed than the {TOLD} told here; the lines of `-o ndjson` have all of them"
                ));
            }),
            _ => {}
        }
    }
}

/// All violations, a line each, with their places.
fn words_for(problem: &Problem) -> String {
    let Problem::Schema { schema, folder, violations } = problem else {
        return shorten(&problem.to_string(), LONGEST).into_owned();
    };
    let mut text = format!("{} of {}", words::count(violations.len() as u64, "violation"), schema.display());
    for violation in violations.iter().take(VIOLATIONS) {
        text.push_str(&format!("\n  {violation}\n    says {}", violation.place_in(folder)));
    }
    if violations.len() > VIOLATIONS {
        text.push_str(&format!("\n  and {} more", violations.len() - VIOLATIONS));
    }
    text
}

impl super::Reporter for Reporter {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let progress = match event {
            Event::Publish(progress) => progress,
            Event::Warning(text) => {
                self.progress.suspend(|| self.ui.warn(escape_control(text)));
                return Ok(());
            }
            Event::Note(text) => {
                self.ui.note(escape_control(text));
                return Ok(());
            }
            _ => return Ok(()),
        };
        if let Progress::Reading { read, total } = progress {
            self.progress.expect(self.done, *read, *total);
            return Ok(());
        }
        self.done += 1;
        self.progress.inc(1);
        match progress {
            Progress::Reading { .. } | Progress::Skipped { .. } => {}
            Progress::Sent { item, .. } | Progress::Planned { item, .. } => {
                if let Some(topic) =
                    item.topic.as_ref().filter(|topic| self.topics.len() < 4 && !self.topics.contains(*topic))
                {
                    self.topics.insert(topic.clone());
                }
            }
            // The others are told; that these wait for them is in the sum.
            Progress::Refused { problem: Problem::Held { .. }, .. } => {}
            Progress::Refused { item, problem } => self.trouble(item, words_for(problem)),
            Progress::Failed { item, error, tries } => {
                let after = if *tries > 1 { format!(" (after {tries} tries)") } else { String::new() };
                self.trouble(item, format!("{error}{after}"));
            }
        }
        if self.format == Format::Ndjson {
            let Some(line) = Line::of(progress) else { return Ok(()) };
            serde_json::to_writer(&mut self.out, &line)?;
            self.out.write_all(b"\n")?;
            return self.out.flush();
        }
        match progress {
            Progress::Sent { item, message_id, .. } => self.row(item, message_id),
            Progress::Planned { item, message, attributes, bytes, .. } => {
                self.planned(item, message, attributes, *bytes)
            }
            Progress::Skipped { item, why: Skip::NoTarget } if self.dry_run => {
                writeln!(self.out, "{}", escape_control(&format!("{} -> nowhere, on purpose", item.input)))
            }
            Progress::Skipped { item, why: Skip::NoTarget } => self.row(item, "goes nowhere, on purpose"),
            Progress::Refused { .. }
            | Progress::Failed { .. }
            | Progress::Reading { .. }
            | Progress::Skipped { .. } => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.progress.clear();
        self.table()?;
        self.out.flush()
    }
}
