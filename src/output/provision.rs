//! What `provision` shows: the plan as a table, each resource as it is done, and one machine record.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::{Progress as Bar, Reporter, Table, Tone, Ui};
use crate::engine::Event;
use crate::engine::provision::{Progress, Report, RowOutcome};
use crate::topology::plan::{Action, Change, FieldChange, Kind, Plan, Work, differing};

/// Rows up to which a plan is shown whole. Of a longer one a person wants to see what happens.
const WHOLE: usize = 40;

/// Prints the plan as a table, grouped by kind, with its summary below.
///
/// # Errors
/// What writing to stdout answered.
pub fn print_plan(ui: &Ui, plan: &Plan) -> io::Result<()> {
    let short = plan.changes.len() > WHOLE && !ui.verbose();
    let mut table = Table::new(ui, &["Action", "Resource", "Name", "What"]);
    for change in plan.changes.iter().filter(|change| !short || !change.action.is_rest()) {
        let fields = change.fields.iter().flat_map(|field| shown(change.action, field));
        let what: Vec<String> = fields.chain(change.notes.iter().cloned()).collect();
        table.row_with_lines([change.action.id(), change.kind.noun(), &change.name], &what);
    }
    let mut out = ui.out();
    if !table.is_empty() {
        writeln!(out, "{table}")?;
    }
    writeln!(out, "{}", ui.paint(Tone::Strong, summary(plan)))?;
    out.flush()
}

/// ``retention: 4d → 14d``; for a creation ``retention: 4d``; of JSON only what differs, each part on a line of its own.
fn shown(action: Action, field: &FieldChange) -> Vec<String> {
    let name = &field.field;
    if let (Some(old), Some(new)) = (&field.old, &field.new)
        && let Some(parts) = differing(old, new)
        && !parts.is_empty()
    {
        let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), Value::to_string);
        return parts.iter().map(|(path, old, new)| format!("{name}.{path}: {} → {}", text(old), text(new))).collect();
    }
    let new = field.new.as_deref().unwrap_or("(none)");
    vec![match (&field.old, action) {
        (None, Action::Create | Action::Replace) => format!("{name}: {new}"),
        (old, _) => format!("{name}: {} → {new}", old.as_deref().unwrap_or("(none)")),
    }]
}

/// ``Plan for `users`: 3 to create, 1 to change, 2 unchanged``.
pub fn summary(plan: &Plan) -> String {
    let count = |action: Action| plan.count(action);
    let mut line = format!(
        "Plan for `{}`: {} to create, {} to change",
        plan.topology,
        count(Action::Create),
        count(Action::Change)
    );
    for (action, words) in [(Action::Replace, "to replace"), (Action::Delete, "to delete")] {
        if count(action) > 0 {
            line.push_str(&format!(", {} {words}", count(action)));
        }
    }
    line.push_str(&format!(", {} unchanged", count(Action::Unchanged)));
    if count(Action::Foreign) > 0 {
        line.push_str(&format!(", {} foreign", count(Action::Foreign)));
    }
    line
}

/// Prints where the bus differs from the file: what stands, what the file says.
///
/// # Errors
/// What writing to stdout answered.
pub fn print_drift(ui: &Ui, plan: &Plan) -> io::Result<()> {
    let mut table = Table::new(ui, &["Drift", "Resource", "Name", "At the bus → in the file"]);
    let (mut missing, mut differs, mut left) = (0, 0, 0);
    for change in plan.changes.iter().filter(|change| !change.action.is_rest()) {
        let (word, counter) = match change.action {
            Action::Create | Action::Replace => ("missing", &mut missing),
            Action::Delete => ("not in the file", &mut left),
            _ => ("differs", &mut differs),
        };
        *counter += 1;
        let fields = change.fields.iter().filter(|_| change.action == Action::Change);
        let fields: Vec<String> = fields.flat_map(|field| shown(change.action, field)).collect();
        table.row_with_lines([word, change.kind.noun(), &change.name], &fields);
    }
    let mut out = ui.out();
    if !table.is_empty() {
        writeln!(out, "{table}")?;
    }
    let line = if plan.is_empty() {
        let rest = if plan.options.lists() { "" } else { "; `--prune` looks at what it does not name, too" };
        format!("No drift: what `{}` names is as it says{rest}", plan.topology)
    } else {
        let mut line = format!("Drift of `{}`: {missing} missing, {differs} different", plan.topology);
        if left > 0 {
            line.push_str(&format!(", {left} not in the file"));
        }
        line
    };
    writeln!(out, "{}", ui.paint(Tone::Strong, line))?;
    out.flush()
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
        "Applied `{}`: {} created, {} changed",
        plan.topology,
        done(Action::Create) + done(Action::Replace),
        done(Action::Change)
    );
    if plan.count(Action::Delete) > 0 {
        line.push_str(&format!(", {} deleted", done(Action::Delete)));
    }
    line.push_str(&format!(", {} unchanged", plan.count(Action::Unchanged)));
    if report.failed() + report.not_tried() > 0 {
        line.push_str(&format!(", {} failed, {} not tried", report.failed(), report.not_tried()));
    }
    let mut out = ui.out();
    writeln!(out, "{line}")?;
    out.flush()?;
    if report.failed() + report.not_tried() > 0 {
        ui.hint("mend what failed and run the same command again: it goes on where this one ended");
    }
    Ok(())
}

/// Says what AWS takes its time with, where the plan had some of it:
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
pub fn note_delays(ui: &Ui, plan: &Plan) {
    let has = |kind: Kind, field: &str| {
        plan.changes.iter().any(|change| {
            let changed = matches!(change.action, Action::Create | Action::Change);
            change.kind == kind && changed && change.fields.iter().any(|f| f.field == field)
        })
    };
    if has(Kind::Subscription, "filter") {
        ui.note("AWS takes up to 15 minutes until a filter is in effect everywhere");
    }
    if plan.changes.iter().any(|change| matches!(change.work, Work::ChangeQueue { .. })) {
        let longer = if has(Kind::Queue, "retention") { ", for a retention up to 15" } else { "" };
        ui.note(format!("AWS takes up to 1 minute until a queue's settings are in effect everywhere{longer}"));
    }
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

/// The machine record.
pub fn record(plan: &Plan, mode: &str, report: Option<&Report>) -> Value {
    let rows = plan.changes.iter().enumerate().map(|(index, change)| {
        let mut row = json!({
            "kind": change.kind.id(),
            "name": change.name,
            "action": change.action.id(),
            "fields": change.fields.iter().map(|f| json!({ "field": f.field, "old": f.old, "new": f.new })).collect::<Vec<_>>(),
            "notes": change.notes,
        });
        if let Some(guard) = &change.guard {
            row["confirm"] = json!({ "name": guard.name, "why": guard.why });
        }
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
    let mut summary = json!({});
    for action in Action::ALL {
        summary[action.id()] = plan.count(action).into();
    }
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

/// Tells each resource's outcome on stderr as it comes, and how far it is where that takes a while.
#[derive(Debug)]
pub struct Human {
    ui: Ui,
    bar: Bar,
}

impl Human {
    /// A reporter that speaks through `ui`; `doing` is what takes its time.
    pub fn new(ui: Ui, doing: &'static str) -> Self {
        let bar = ui.progress(doing);
        Self { ui, bar }
    }
}

impl Reporter for Human {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let ui = &self.ui;
        match event {
            Event::Provision(Progress::Read) => self.bar.inc(1),
            Event::Provision(Progress::Done { change, .. }) => {
                let (done, _) = verbs(change);
                self.bar.suspend(|| ui.status(format!("{} {}", ui.paint_err(Tone::Good, done), named(change))));
                self.bar.inc(1);
            }
            Event::Provision(Progress::Failed { change, error, .. }) => {
                let (_, undone) = verbs(change);
                let mut error = crate::error::CliError {
                    causes: error.clone(),
                    ..crate::error::CliError::failed(format!("{} could not be {undone}", named(change)))
                };
                error.causes.dedup();
                self.bar.suspend(|| ui.error(&error));
                self.bar.inc(1);
            }
            Event::Provision(Progress::Waiting(why)) => self.bar.suspend(|| ui.note(format!("waiting: {why}"))),
            Event::Provision(Progress::Started { change, .. }) if ui.verbose() => {
                self.bar.suspend(|| ui.note(format!("{} {}", change.action.id(), named(change))));
            }
            Event::Warning(text) => self.bar.suspend(|| ui.warn(text)),
            Event::Note(text) => self.bar.suspend(|| ui.note(text)),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.bar.clear();
        Ok(())
    }
}

fn verbs(change: &Change) -> (&'static str, &'static str) {
    match change.action {
        Action::Create | Action::Replace => ("Created", "created"),
        Action::Delete => ("Deleted", "deleted"),
        _ => ("Changed", "changed"),
    }
}

fn named(change: &Change) -> String {
    format!("{} `{}`", change.kind.noun(), change.name)
}
