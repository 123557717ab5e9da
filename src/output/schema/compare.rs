//! What changed between schemas, and whom it breaks: a table, a record, or Markdown for a review.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::event::json::shorten;
use crate::output::{Format, Table, Tone, Ui, escape_control};
use crate::schema::diff::{Change, Effect, Mode};
use crate::words::count;

/// How changes are judged.
#[derive(Clone, Copy, Debug)]
pub struct Judgement {
    /// Whom they must not break.
    pub mode: Mode,
    /// By the letter.
    pub strict: bool,
}

/// Two schemas, compared.
#[derive(Debug)]
pub struct Comparison {
    /// The event.
    pub event: String,
    /// Version and file of the old one; none for a new event.
    pub old: Option<(u32, String)>,
    /// Version and file of the new one; none for an event that is gone.
    pub new: Option<(u32, String)>,
    /// What changed.
    pub changes: Vec<Change>,
}

impl Comparison {
    /// Whether anybody is broken. An event that is gone breaks those who still send or expect it.
    pub fn is_breaking(&self, how: Judgement) -> bool {
        self.new.is_none() || self.changes.iter().any(|change| change.is_breaking(how.mode, how.strict))
    }

    fn title(&self) -> String {
        match (&self.old, &self.new) {
            (Some((a, old)), Some((b, new))) => format!("{}: version {a} ({old}) to {b} ({new})", self.event),
            (None, Some((b, new))) => format!("{}: version {b} ({new}) is new", self.event),
            (Some((a, old)), None) => format!("{}: version {a} ({old}) is gone", self.event),
            (None, None) => self.event.clone(),
        }
    }
}

/// For whom a change is breaking: `producers`, `consumers`.
fn whom(change: &Change, how: Judgement) -> Vec<&'static str> {
    let backward = how.mode != Mode::Forward && change.backward.is_breaking(how.strict);
    let forward = how.mode != Mode::Backward && change.forward.is_breaking(how.strict);
    [(backward, "producers"), (forward, "consumers")].into_iter().filter(|(is, _)| *is).map(|(_, who)| who).collect()
}

fn verdict(change: &Change, how: Judgement) -> &'static str {
    if change.is_breaking(how.mode, how.strict) {
        "breaking"
    } else if change.is_undecided(how.mode) {
        "undecided"
    } else {
        "fine"
    }
}

/// The reasons that matter in this mode, the breaking ones first.
fn reasons(change: &Change, how: Judgement) -> Vec<String> {
    let sides = [(how.mode != Mode::Forward, &change.backward), (how.mode != Mode::Backward, &change.forward)];
    let mut effects: Vec<&Effect> = sides.into_iter().filter(|(counts, _)| *counts).map(|(_, effect)| effect).collect();
    effects.sort_by_key(|effect| !effect.is_breaking(how.strict));
    let words = |effect: &&Effect| {
        let reason = effect.reason()?;
        Some(match effect {
            Effect::ByTheLetter(_) if !how.strict => format!("by the letter only: {reason}"),
            Effect::Undecided(_) => format!("cannot be decided: {reason}"),
            _ => reason.to_owned(),
        })
    };
    effects.iter().filter_map(words).collect()
}

/// Writes it.
///
/// # Errors
/// What writing answered.
pub fn compared(ui: &Ui, comparisons: &[Comparison], how: Judgement, format: Format) -> io::Result<()> {
    let mut out = ui.out();
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &record(comparisons, how))?;
            writeln!(out)?;
        }
        Format::Markdown => out.write_all(markdown(comparisons, how).as_bytes())?,
        _ => people(ui, comparisons, how, &mut out)?,
    }
    out.flush()
}

fn sum(comparisons: &[Comparison], how: Judgement) -> String {
    let changes: Vec<&Change> = comparisons.iter().flat_map(|comparison| &comparison.changes).collect();
    let breaking = changes.iter().filter(|change| change.is_breaking(how.mode, how.strict)).count();
    let gone = comparisons.iter().filter(|comparison| comparison.new.is_none()).count();
    let undecided = changes.iter().filter(|change| verdict(change, how) == "undecided").count();
    let style = if how.strict { "strict" } else { "pragmatic" };
    let mut text = if changes.is_empty() && gone == 0 {
        "Nothing changed".to_owned()
    } else {
        format!("{}, {} breaking", count(changes.len() as u64, "change"), breaking)
    };
    if gone > 0 {
        text.push_str(&format!(", {} gone", count(gone as u64, "event")));
    }
    if undecided > 0 {
        text.push_str(&format!(", {undecided} not to be decided"));
    }
    format!("{text} ({}, {style}).", how.mode.name())
}

fn people(ui: &Ui, comparisons: &[Comparison], how: Judgement, out: &mut impl Write) -> io::Result<()> {
    for comparison in comparisons {
        if comparison.changes.is_empty()
            && comparison.old.is_some()
            && comparison.new.is_some()
            && comparisons.len() > 1
        {
            continue;
        }
        writeln!(out, "{}", ui.paint(Tone::Name, escape_control(&comparison.title())))?;
        if !comparison.changes.is_empty() {
            let mut table = Table::new(ui, &["", "For", "Where", "Change", "Why"]).unbroken(&[0, 1]);
            for change in &comparison.changes {
                let whom = whom(change, how).join(", ");
                let why = reasons(change, how).join("; ");
                table.row([verdict(change, how), &whom, &change.pointer, &change.what, &why]);
            }
            writeln!(out, "{table}")?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{}", sum(comparisons, how))
}

/// A cell or a line that begins nothing of Markdown's or HTML's.
fn safe(text: &str) -> String {
    let mut out = String::new();
    for c in shorten(text, 600).chars() {
        match c {
            '|' | '<' | '>' | '*' | '_' | '[' | ']' | '\\' | '#' | '!' | '&' | '~' | '@' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    // Back quotes only in pairs.
    if out.matches('`').count() % 2 == 1 { out.replace('`', "'") } else { out }
}

fn markdown(comparisons: &[Comparison], how: Judgement) -> String {
    let breaking = comparisons.iter().any(|comparison| comparison.is_breaking(how));
    let head = if breaking { "Breaking schema changes" } else { "No breaking schema changes" };
    let mut out = format!("### {head}\n\n{}\n", sum(comparisons, how));
    for comparison in comparisons {
        if comparison.changes.is_empty() && comparison.old.is_some() && comparison.new.is_some() {
            continue;
        }
        out.push_str(&format!("\n#### {}\n", safe(&comparison.title())));
        if comparison.changes.is_empty() {
            continue;
        }
        out.push_str("\n| | For | Where | Change | Why |\n|---|---|---|---|---|\n");
        for change in &comparison.changes {
            let mark = match verdict(change, how) {
                "breaking" => "**breaking**",
                other => other,
            };
            out.push_str(&format!(
                "| {mark} | {} | {} | {} | {} |\n",
                whom(change, how).join(", "),
                safe(&change.pointer),
                safe(&change.what),
                safe(&reasons(change, how).join("; "))
            ));
        }
    }
    out
}

fn record(comparisons: &[Comparison], how: Judgement) -> Value {
    let effect = |effect: &Effect| json!({ "effect": effect.name(), "reason": effect.reason() });
    let side =
        |side: &Option<(u32, String)>| side.as_ref().map(|(version, file)| json!({ "version": version, "file": file }));
    let comparisons_of = |comparison: &Comparison| {
        let changes: Vec<Value> = comparison
            .changes
            .iter()
            .map(|change| {
                json!({
                    "pointer": change.pointer,
                    "keyword": change.keyword,
                    "change": change.what,
                    "old": change.old,
                    "new": change.new,
                    "place": change.place,
                    "verdict": verdict(change, how),
                    "breaks": whom(change, how),
                    "backward": effect(&change.backward),
                    "forward": effect(&change.forward),
                })
            })
            .collect();
        json!({
            "event": comparison.event,
            "old": side(&comparison.old),
            "new": side(&comparison.new),
            "breaking": comparison.is_breaking(how),
            "changes": changes,
        })
    };
    json!({
        "version": 1,
        "mode": how.mode.name(),
        "strict": how.strict,
        "breaking": comparisons.iter().any(|comparison| comparison.is_breaking(how)),
        "comparisons": comparisons.iter().map(comparisons_of).collect::<Vec<_>>(),
    })
}
