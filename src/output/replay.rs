//! What `replay` shows: progress and what went wrong for people, a record a message for machines.
//!
//! The machine records are those of `schemas/output/replay.schema.json`.

use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;

use super::{Format, Reporter, Tone, Ui, escape_control};
use std::path::Path;

use crate::engine;
use crate::engine::replay::journal::Listed;
use crate::engine::replay::{Item, Outcome, Plan, Progress, Report, Request, Source};
use crate::words::{count, list};

/// The reporter of `replay`.
#[derive(Debug)]
pub struct ReplayReporter {
    ui: Ui,
    out: BufWriter<Stdout>,
    lines: bool,
    progress: super::Progress,
    verbs: (&'static str, &'static str),
}

impl ReplayReporter {
    /// A reporter that writes `format`; without one, what fits stdout.
    pub fn new(ui: &Ui, format: Option<Format>, request: &Request, plan: &Plan) -> Self {
        let lines = match format {
            Some(format) => format == Format::Ndjson,
            None => !ui.stdout_is_terminal(),
        };
        let verbs = match (&plan.source, request.is_copy()) {
            (Source::Recording(..), _) => ("send", "Sent"),
            (_, true) => ("copy", "Copied"),
            (_, false) => ("move", "Moved"),
        };
        Self { ui: ui.clone(), out: ui.out(), lines, progress: ui.progress("replayed"), verbs }
    }

    /// Says how it went: a record on stdout for machines, sentences on stderr for people.
    ///
    /// # Errors
    /// What writing to stdout answered.
    pub fn summary(&mut self, source: &str, to: &str, report: &Report, journal: Option<&Path>) -> io::Result<()> {
        let written = if self.lines { self.write(&SummaryLine::new(source, report, journal)) } else { Ok(()) };
        let done = count(report.done, "message");
        let (verb, past) = self.verbs;
        let mut text = match report.dry_run {
            true => format!("Would {verb} {done} from `{source}` to {to}"),
            false => format!("{past} {done} from `{source}` to {to}"),
        };
        if report.earlier > 0 {
            text.push_str(&format!(", {} before it was interrupted", report.earlier));
        }
        for (n, what) in [(report.failed, "failed"), (report.refused, "refused"), (report.skipped, "skipped")] {
            if n > 0 {
                text.push_str(&format!(", {n} {what}"));
            }
        }
        if report.late > 0 {
            text.push_str(&format!(", {} not touched since they came after the start", report.late));
        }
        if let Some(left) = report.left {
            text.push_str(&format!("; {left} left in `{source}`"));
        }
        self.ui.status(text);
        if report.duplicated > 0 {
            let n = count(report.duplicated, "message");
            self.ui.warn(format!("{n} sent, but still in `{source}`: will be seen again (duplicate)"));
        }
        if !report.possible_duplicates.is_empty() {
            let n = count(report.possible_duplicates.len() as u64, "possible duplicate");
            self.ui.warn(format!("{n}, since an answer was lost: {}", list(&report.possible_duplicates)));
        }
        if let Some(in_flight) = report.interrupted {
            let n = count(in_flight, "message");
            if report.abandoned.is_empty() {
                self.ui.status(format!("Interrupted with {n} in flight, which were finished; nothing is lost"));
            } else {
                self.ui.warn(format!(
                    "interrupted twice: {} may have been sent and are still in `{source}`: {}",
                    count(report.abandoned.len() as u64, "message"),
                    list(&report.abandoned)
                ));
            }
        }
        if report.released.not_yet > 0 {
            let n = count(report.released.not_yet, "message");
            self.ui.warn(format!("{n} could not be given back now and will be visible again within two minutes"));
        }
        written
    }

    fn write(&mut self, record: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, record)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }

    fn item(&mut self, item: &Item, to: Option<&str>, outcome: &Outcome) -> io::Result<()> {
        self.progress.inc(1);
        if self.lines {
            self.write(&MessageLine::new(item, to, outcome))?;
        }
        let (name, to) = (name(item), to.unwrap_or("its origin"));
        let bad = match outcome {
            Outcome::WouldMove if !self.lines => {
                return writeln!(self.out, "{}  to `{to}`", self.ui.paint(Tone::Name, name))
                    .and_then(|()| self.out.flush());
            }
            Outcome::Moved { uncertain: true, .. } | Outcome::Copied { uncertain: true, .. } => {
                format!("{name} may have arrived twice at `{to}`: an answer was lost before it was confirmed")
            }
            Outcome::WouldMove | Outcome::Moved { .. } | Outcome::Copied { .. } => return Ok(()),
            Outcome::Refused { reason } => format!("{name} stays: {}", escape_control(reason)),
            Outcome::Failed { code, reason, uncertain } => {
                let perhaps = if *uncertain { "; it may have arrived all the same" } else { "" };
                format!("{name} stays: `{to}` did not confirm it ({code}: {}){perhaps}", escape_control(reason))
            }
            Outcome::Duplicated { reason, .. } => {
                format!(
                    "{name} was sent to `{to}` but cannot be deleted ({}): it will be seen again",
                    escape_control(reason)
                )
            }
        };
        self.progress.suspend(|| self.ui.warn(bad));
        Ok(())
    }
}

impl Reporter for ReplayReporter {
    fn event(&mut self, event: &engine::Event) -> io::Result<()> {
        match event {
            engine::Event::Replay(Progress::Item { item, to, outcome }) => self.item(item, to.as_deref(), outcome)?,
            engine::Event::Replay(Progress::Total(total)) => self.progress.total(*total),
            engine::Event::Replay(Progress::MovedSoFar(moved)) => self.progress.set(*moved),
            engine::Event::Warning(text) => self.progress.suspend(|| self.ui.warn(text)),
            engine::Event::Note(text) => self.progress.suspend(|| self.ui.note(text)),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.progress.clear();
        self.out.flush()
    }
}

/// Event and id; both come from outside.
fn name(item: &Item) -> String {
    match &item.event {
        Some(event) => format!("{} {}", escape_control(event), escape_control(&item.message_id)),
        None => format!("message {}", escape_control(&item.message_id)),
    }
}

/// `"kind": "message"`: what became of one message.
#[derive(Debug, Serialize)]
struct MessageLine<'a> {
    version: u32,
    kind: &'static str,
    message_id: &'a str,
    event: Option<&'a str>,
    entity_id: Option<&'a str>,
    to: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uncertain: Option<bool>,
}

impl<'a> MessageLine<'a> {
    fn new(item: &'a Item, to: Option<&'a str>, outcome: &'a Outcome) -> Self {
        let (word, new, code, reason, uncertain) = match outcome {
            Outcome::Moved { message_id, uncertain } => {
                ("moved", Some(message_id), None, None, uncertain.then_some(true))
            }
            Outcome::Copied { message_id, uncertain } => {
                ("copied", Some(message_id), None, None, uncertain.then_some(true))
            }
            Outcome::WouldMove => ("would_move", None, None, None, None),
            Outcome::Refused { reason } => ("refused", None, None, Some(reason), None),
            Outcome::Failed { code, reason, uncertain } => ("failed", None, Some(code), Some(reason), Some(*uncertain)),
            Outcome::Duplicated { message_id, reason } => ("duplicated", Some(message_id), None, Some(reason), None),
        };
        Self {
            version: 1,
            kind: "message",
            message_id: &item.message_id,
            event: item.event.as_deref(),
            entity_id: item.entity_id.as_deref(),
            to,
            outcome: word,
            new_message_id: new.map(String::as_str),
            code: code.map(String::as_str),
            reason: reason.map(String::as_str),
            uncertain,
        }
    }
}

/// `"kind": "summary"`: how the replay went.
#[derive(Debug, Serialize)]
struct SummaryLine<'a> {
    version: u32,
    kind: &'static str,
    source: &'a str,
    dry_run: bool,
    done: u64,
    failed: u64,
    refused: u64,
    skipped: u64,
    late: u64,
    duplicated: u64,
    given_back: u64,
    left: Option<u64>,
    interrupted: bool,
    abandoned: &'a [String],
    earlier: u64,
    possible_duplicates: &'a [String],
    journal: Option<String>,
}

impl<'a> SummaryLine<'a> {
    fn new(source: &'a str, report: &'a Report, journal: Option<&Path>) -> Self {
        Self {
            version: 1,
            kind: "summary",
            source,
            dry_run: report.dry_run,
            done: report.done,
            failed: report.failed,
            refused: report.refused,
            skipped: report.skipped,
            late: report.late,
            duplicated: report.duplicated,
            given_back: report.released.given_back,
            left: report.left,
            interrupted: report.interrupted.is_some(),
            abandoned: &report.abandoned,
            earlier: report.earlier,
            possible_duplicates: &report.possible_duplicates,
            journal: journal.map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned()),
        }
    }
}

/// `"kind": "journal"`: a replay that can be resumed.
#[derive(Debug, Serialize)]
struct JournalLine<'a> {
    version: u32,
    kind: &'static str,
    journal: String,
    running: bool,
    started_at: Option<String>,
    bus: Option<&'a str>,
    source: Option<&'a str>,
    to: Option<&'a str>,
    done: u64,
    open: u64,
}

/// Lists journals: a table for people, a record each for machines.
///
/// # Errors
/// What writing to stdout answered.
pub fn journals(ui: &Ui, format: Option<Format>, listed: &[Listed]) -> io::Result<()> {
    let mut out = ui.out();
    let lines = match format {
        Some(format) => format == Format::Ndjson,
        None => !ui.stdout_is_terminal(),
    };
    let started = |one: &Listed| {
        let ms = one.facts.as_ref()?.started_ms;
        jiff::Timestamp::from_millisecond(ms).ok().map(|at| format!("{at:.0}"))
    };
    for one in listed {
        let facts = one.facts.as_ref();
        let line = JournalLine {
            version: 1,
            kind: "journal",
            journal: one.path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            running: one.running,
            started_at: started(one),
            bus: facts.map(|facts| facts.bus.as_str()),
            source: facts.map(|facts| facts.source.as_str()),
            to: facts.map(|facts| facts.to.as_str()),
            done: one.done,
            open: one.open,
        };
        if lines {
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
            continue;
        }
        let name = ui.paint(Tone::Name, &line.journal);
        match (one.running, facts) {
            (true, _) => writeln!(out, "{name}  still running")?,
            (false, None) => writeln!(out, "{name}  cannot be read")?,
            (false, Some(facts)) => writeln!(
                out,
                "{name}  {} done, {} open, from {} to {}",
                line.done,
                line.open,
                escape_control(&facts.source),
                escape_control(&facts.to)
            )?,
        }
    }
    out.flush()?;
    if listed.is_empty() {
        ui.status("No replay was interrupted");
    }
    Ok(())
}
