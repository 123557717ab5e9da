//! What `consume --dry-run` shows: which handler would get which message.

use std::io::{self, Write};

use serde::Serialize;

use crate::engine::consume::Unclaimed;
use crate::engine::consume::preview::Planned;
use crate::output::{Format, Ui, escape_control};
use crate::words::count;

/// `"kind": "planned"`: where one waiting message would go.
#[derive(Debug, Serialize)]
struct PlannedLine<'a> {
    version: u32,
    kind: &'static str,
    queue: &'a str,
    event: Option<&'a str>,
    entity_id: Option<&'a str>,
    message_id: &'a str,
    handler: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    without_handler: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// `"kind": "plan"`: all of it.
#[derive(Debug, Serialize)]
struct Plan<'a> {
    version: u32,
    kind: &'static str,
    planned: Vec<PlannedLine<'a>>,
}

/// Shows it.
///
/// # Errors
/// What writing to stdout answered.
pub fn show(ui: &Ui, format: Format, planned: &[Planned], handlers: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let lines: Vec<PlannedLine<'_>> = planned.iter().map(|planned| line(planned, handlers)).collect();
    match format {
        Format::Json => {
            serde_json::to_writer(&mut out, &Plan { version: 1, kind: "plan", planned: lines })?;
            out.write_all(b"\n")?;
        }
        Format::Ndjson => {
            for line in &lines {
                serde_json::to_writer(&mut out, line)?;
                out.write_all(b"\n")?;
            }
        }
        _ => {
            for line in &lines {
                let goes = match (line.handler, line.without_handler, line.reason) {
                    (Some(handler), ..) => format!("goes to `{handler}`"),
                    (None, Some(word), Some(reason)) => format!("{word}: {reason}"),
                    _ => String::new(),
                };
                let name = line.event.unwrap_or("message");
                writeln!(out, "{}", escape_control(&format!("{}  {name} {}  {goes}", line.queue, line.message_id)))?;
            }
        }
    }
    out.flush()?;
    drop(out);
    let none = planned.iter().filter(|planned| planned.goes_to.is_err()).count() as u64;
    ui.status(format!(
        "{} looked at, {none} of them without a handler; nothing was changed",
        count(planned.len() as u64, "message")
    ));
    Ok(())
}

fn line<'a>(planned: &'a Planned, handlers: &'a [String]) -> PlannedLine<'a> {
    let (handler, without_handler, reason) = match &planned.goes_to {
        Ok(handler) => (handlers.get(*handler).map(String::as_str), None, None),
        Err((what, reason)) => {
            let word = match what {
                Unclaimed::Ack => "acknowledged",
                Unclaimed::Leave => "left",
                Unclaimed::Reject => "rejected",
            };
            (None, Some(word), Some(reason.as_str()))
        }
    };
    PlannedLine {
        version: 1,
        kind: "planned",
        queue: &planned.queue,
        event: planned.event_name.as_deref(),
        entity_id: planned.entity_id.as_deref(),
        message_id: &planned.message_id,
        handler,
        without_handler,
        reason,
    }
}
