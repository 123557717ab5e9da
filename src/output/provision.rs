//! What `provision` shows: the plan as a table, each resource as it is done, and one machine record.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::{Reporter, Table, Tone, Ui};
use crate::engine::Event;
use crate::engine::provision::{Progress, Report, RowOutcome};
use crate::topology::plan::{Action, Change, FieldChange, Plan};

/// Prints the plan as a table, grouped by kind, with its summary below.
///
/// # Errors
/// What writing to stdout answered.
pub fn print_plan(ui: &Ui, plan: &Plan) -> io::Result<()> {
    let mut table = Table::new(ui, &["Action", "Resource", "Name", "What"]);
    for change in &plan.changes {
        let what: Vec<String> =
            change.fields.iter().map(|field| shown(change.action, field)).chain(change.notes.iter().cloned()).collect();
        table.row_with_lines([change.action.id(), change.kind.noun(), &change.name], &what);
    }
    let mut out = ui.out();
    if !table.is_empty() {
        writeln!(out, "{table}")?;
    }
    writeln!(out, "{}", ui.paint(Tone::Strong, summary(plan)))?;
    out.flush()
}

/// ``retention: 4d → 14d``; for a creation ``retention: 4d``.
fn shown(action: Action, field: &FieldChange) -> String {
    let name = &field.field;
    let new = field.new.as_deref().unwrap_or("(none)");
    match (&field.old, action) {
        (None, Action::Create) => format!("{name}: {new}"),
        (old, _) => format!("{name}: {} → {new}", old.as_deref().unwrap_or("(none)")),
    }
}

/// ``Plan for `users`: 3 to create, 1 to change, 2 unchanged``.
pub fn summary(plan: &Plan) -> String {
    format!(
        "Plan for `{}`: {} to create, {} to change, {} unchanged",
        plan.topology,
        plan.count(Action::Create),
        plan.count(Action::Change),
        plan.count(Action::Unchanged)
    )
}

/// Prints how an apply ended: what was not tried and why, and one line of counts.
///
/// # Errors
/// What writing to stdout answered.
pub fn print_report(ui: &Ui, plan: &Plan, report: &Report) -> io::Result<()> {
    for (change, row) in plan.changes.iter().zip(&report.rows) {
        if let RowOutcome::NotTried(why) = row {
            ui.warn(format!("{} `{}` was not tried: {why}", change.kind.noun(), change.name));
        }
    }
    let done = |action: Action| {
        let rows = plan.changes.iter().zip(&report.rows);
        rows.filter(|(change, row)| change.action == action && **row == RowOutcome::Done).count()
    };
    let mut line = format!(
        "Applied `{}`: {} created, {} changed, {} unchanged",
        plan.topology,
        done(Action::Create),
        done(Action::Change),
        plan.count(Action::Unchanged)
    );
    if report.failed() + report.not_tried() > 0 {
        line.push_str(&format!(", {} failed, {} not tried", report.failed(), report.not_tried()));
    }
    let mut out = ui.out();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Prints the machine record; its form is `schemas/output/provision.schema.json`. `report` is `None` where nothing was applied.
///
/// # Errors
/// What writing to stdout answered.
pub fn print_json(ui: &Ui, plan: &Plan, mode: &str, report: Option<&Report>) -> io::Result<()> {
    let mut out = ui.out();
    writeln!(out, "{:#}", record(plan, mode, report))?;
    out.flush()
}

fn record(plan: &Plan, mode: &str, report: Option<&Report>) -> Value {
    let rows = plan.changes.iter().enumerate().map(|(index, change)| {
        let mut row = json!({
            "kind": change.kind.id(),
            "name": change.name,
            "action": change.action.id(),
            "fields": change.fields.iter().map(|f| json!({ "field": f.field, "old": f.old, "new": f.new })).collect::<Vec<_>>(),
            "notes": change.notes,
        });
        if let Some(outcome) = report.and_then(|report| report.rows.get(index)) {
            let (word, error) = match outcome {
                RowOutcome::Unchanged => ("unchanged", None),
                RowOutcome::Done => ("done", None),
                RowOutcome::Failed { error, .. } => ("failed", Some(error.join(": "))),
                RowOutcome::NotTried(why) => ("not_tried", Some(why.clone())),
            };
            row["outcome"] = word.into();
            if let Some(error) = error {
                row["error"] = error.into();
            }
        }
        row
    });
    let mut summary = json!({
        "create": plan.count(Action::Create),
        "change": plan.count(Action::Change),
        "unchanged": plan.count(Action::Unchanged),
    });
    if let Some(report) = report {
        summary["done"] = report.done().into();
        summary["failed"] = report.failed().into();
        summary["not_tried"] = report.not_tried().into();
    }
    json!({
        "version": 1,
        "topology": plan.topology,
        "mode": mode,
        "changes": rows.collect::<Vec<_>>(),
        "summary": summary,
        "warnings": plan.warnings,
    })
}

/// Tells each resource's outcome on stderr as it comes.
#[derive(Debug)]
pub struct Human {
    ui: Ui,
}

impl Human {
    /// A reporter that speaks through `ui`.
    pub fn new(ui: Ui) -> Self {
        Self { ui }
    }
}

impl Reporter for Human {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Provision(Progress::Done { change, .. }) => {
                let verb = if change.action == Action::Create { "Created" } else { "Changed" };
                self.ui.status(format!("{} {}", self.ui.paint_err(Tone::Good, verb), named(change)));
            }
            Event::Provision(Progress::Failed { change, error, .. }) => {
                let verb = if change.action == Action::Create { "created" } else { "changed" };
                let mut error = crate::error::CliError {
                    causes: error.clone(),
                    ..crate::error::CliError::failed(format!("{} could not be {verb}", named(change)))
                };
                error.causes.dedup();
                self.ui.error(&error);
            }
            Event::Provision(Progress::Waiting(why)) => self.ui.note(format!("waiting: {why}")),
            Event::Provision(Progress::Started { change, .. }) if self.ui.verbose() => {
                self.ui.note(format!("{} {}", change.action.id(), named(change)));
            }
            Event::Warning(text) => self.ui.warn(text),
            Event::Note(text) => self.ui.note(text),
            _ => {}
        }
        Ok(())
    }
}

fn named(change: &Change) -> String {
    format!("{} `{}`", change.kind.noun(), change.name)
}
