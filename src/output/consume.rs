//! What `consume` shows: the handlers' output, what became of each event, and the summary.
//!
//! On stdout, for people: what the handlers write there, each run whole. For machines (`-o json`, `-o ndjson`): the records of
//! `schemas/output/consume.schema.json` and nothing else; the handlers' stdout then goes to stderr.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::{Format, Reporter, Tone, Ui, escape_control};
use crate::engine;
use crate::engine::consume::{Ended, EventRef, Progress, Released, Report, Settlement};
use crate::engine::exec::Captured;
use crate::words::count;

/// The reporter for `format`.
pub fn reporter(ui: &Ui, format: Format) -> ConsumeReporter {
    match format {
        Format::Json => ConsumeReporter::Json(Json { ui: ui.clone(), lines: false }),
        Format::Ndjson => ConsumeReporter::Json(Json { ui: ui.clone(), lines: true }),
        _ => ConsumeReporter::Human(Human { ui: ui.clone() }),
    }
}

/// One of the two ways to report.
#[derive(Debug)]
pub enum ConsumeReporter {
    /// For people.
    Human(Human),
    /// For machines.
    Json(Json),
}

impl ConsumeReporter {
    /// Shows how the run went.
    ///
    /// # Errors
    /// What writing to stdout answered.
    pub fn summary(&mut self, report: &Report) -> io::Result<()> {
        match self {
            Self::Human(human) => {
                human.ui.status(summary_text(report));
                Ok(())
            }
            Self::Json(json) => json.write(&SummaryLine::new(report)),
        }
    }
}

impl Reporter for ConsumeReporter {
    fn event(&mut self, event: &engine::Event) -> io::Result<()> {
        let ui = match self {
            Self::Human(human) => &human.ui,
            Self::Json(json) => &json.ui,
        };
        let progress = match event {
            engine::Event::Consume(progress) => progress,
            engine::Event::Warning(text) => {
                ui.warn(text);
                return Ok(());
            }
            engine::Event::Note(text) => {
                ui.note(text);
                return Ok(());
            }
            _ => return Ok(()),
        };
        converse(ui, progress);
        match (self, progress) {
            (Self::Human(human), Progress::HandlerEnded { stdout, stderr, event, .. }) => {
                pass(stderr, &mut io::stderr().lock());
                warn_of_loss(&human.ui, event, [stdout, stderr]);
                if stdout.is_empty() {
                    return Ok(());
                }
                let mut out = io::stdout().lock();
                stdout.copy_to(&mut out)?;
                out.flush()
            }
            (Self::Json(json), Progress::HandlerEnded { stdout, stderr, event, .. }) => {
                let mut err = io::stderr().lock();
                pass(stdout, &mut err);
                pass(stderr, &mut err);
                drop(err);
                warn_of_loss(&json.ui, event, [stdout, stderr]);
                Ok(())
            }
            (Self::Json(json), Progress::Settled { event, settlement }) if json.lines => {
                json.write(&EventLine::new(event, settlement))
            }
            _ => Ok(()),
        }
    }
}

/// Nothing can be done about a stderr that is gone.
fn pass(captured: &Captured, err: &mut dyn Write) {
    let _ = captured.copy_to(err);
}

fn warn_of_loss(ui: &Ui, event: &EventRef, streams: [&Captured; 2]) {
    for lost in streams.into_iter().filter_map(Captured::lost) {
        ui.warn(format!(
            "{}: {} of the handler's output are lost: {}",
            name(event),
            count(lost.bytes, "byte"),
            lost.why
        ));
    }
}

/// For people.
#[derive(Debug)]
pub struct Human {
    ui: Ui,
}

/// For machines.
#[derive(Debug)]
pub struct Json {
    ui: Ui,
    lines: bool,
}

impl Json {
    fn write(&self, record: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()
    }
}

/// The conversation: the same beside either kind of answer.
fn converse(ui: &Ui, progress: &Progress) {
    match progress {
        Progress::Begun(begun) => {
            let dead = match &begun.dead_letter {
                Some((queue, 1)) => format!("after 1 receive it goes to `{queue}`"),
                Some((queue, max)) => format!("after {max} receives it goes to `{queue}`"),
                None => "it has no dead-letter queue".into(),
            };
            ui.note(format!(
                "consuming `{}`: {}, {} per event; {dead}",
                begun.queue,
                count(begun.workers as u64, "worker"),
                span(begun.timeout)
            ));
        }
        Progress::HandlerStarted { event, pid } if ui.verbose() => {
            ui.status(format!("{}: attempt {}, process {pid}", name(event), event.attempt));
        }
        Progress::HandlerEnded { event, took, .. } if ui.verbose() => {
            ui.status(format!(
                "{}: the handler took {}",
                name(event),
                span(Duration::from_millis(took.as_millis() as u64))
            ));
        }
        Progress::HandlerStarted { .. } | Progress::HandlerEnded { .. } => {}
        Progress::Settled { event, settlement } => settled(ui, event, settlement),
        Progress::ReceiveFailing { error } => ui.warn(format!("{error}; trying again until it works")),
        Progress::ReceiveRecovered { failures } => {
            ui.note(format!("receiving works again after {}", count(u64::from(*failures), "failure")));
        }
        Progress::Draining { why, running } => {
            let running = count(*running as u64, "event");
            match why {
                Ended::Signal(signal) => ui.status(format!(
                    "{}: receiving stopped; {running} to finish, a second signal ends the handlers",
                    signal.name()
                )),
                Ended::OutputClosed => ui.warn(format!("stdout was closed; {running} to finish")),
                Ended::CannotRun(why) => {
                    ui.warn(format!("the handler cannot run: {why}; {running} to give back or finish"))
                }
                Ended::ReceiveFailed(_) => ui.warn(format!("receiving failed for good; {running} to finish")),
                Ended::Count | Ended::Idle | Ended::Drained { .. } => {}
            }
        }
        Progress::Aborting { running } => {
            ui.status(format!("Ending the handlers of {}: SIGTERM, after 5s SIGKILL", count(*running as u64, "event")));
        }
    }
}

fn settled(ui: &Ui, event: &EventRef, settlement: &Settlement) {
    let name = name(event);
    let again = |unsettled: &Option<String>, else_: String| match unsettled {
        Some(error) => format!("again after its visibility timeout ({error})"),
        None => else_,
    };
    let next = |last: bool, after: &Duration| {
        if last {
            "that was its last receive: the next one dead-letters it".into()
        } else {
            format!("again in {}", span(*after))
        }
    };
    match settlement {
        Settlement::Acked => ui.status(format!("{name}: {}", ui.paint_err(Tone::Good, "acknowledged"))),
        Settlement::Unconfirmed { error } => {
            ui.warn(format!("{name}: handled, but not deleted ({error}): it will be seen again"));
        }
        Settlement::Retrying { failure, after, last, unsettled } => {
            ui.warn(format!(
                "{name}: attempt {} failed: {failure}; {}",
                event.attempt,
                again(unsettled, next(*last, after))
            ));
        }
        Settlement::NotNow { after, last, unsettled } => {
            ui.status(format!("{name}: not now; {}", again(unsettled, next(*last, after))));
        }
        Settlement::Rejected { to, reason, untold, unsettled } => {
            ui.warn(format!("{name}: moved to `{to}`: {}", escape_control(reason)));
            if !untold.is_empty() {
                ui.warn(format!("{name}: the message had no room for the attributes {}", crate::words::list(untold)));
            }
            if let Some(error) = unsettled {
                ui.warn(format!(
                    "{name}: its copy is in `{to}`, but it could not be deleted ({error}): it will be seen again"
                ));
            }
        }
        Settlement::RejectFailed { to, error, after } => {
            ui.warn(format!("{name}: could not be moved to `{to}` ({error}); again in {}", span(*after)));
        }
        Settlement::Left { reason } => {
            ui.warn(format!(
                "{name}: left in the queue, which has no dead-letter queue: {}; again after its visibility timeout",
                escape_control(reason)
            ));
        }
        Settlement::Released { why, unsettled } => {
            let why = released(*why);
            ui.status(format!("{name}: given back, {why}; {}", again(unsettled, "visible now".into())));
        }
    }
}

fn released(why: Released) -> &'static str {
    match why {
        Released::NotStarted => "not started",
        Released::Aborted => "its handler was ended",
        Released::CannotRun => "its handler cannot run",
        Released::BehindAnother => "behind an unhandled event of its group",
    }
}

/// The event's name and the id that publishing printed; both come from outside.
fn name(event: &EventRef) -> String {
    let id = event.sns_message_id.as_ref().unwrap_or(&event.message_id);
    match &event.event_name {
        Some(name) => format!("{} {}", escape_control(name), escape_control(id)),
        None => format!("message {}", escape_control(id)),
    }
}

fn span(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

fn summary_text(report: &Report) -> String {
    let counts = &report.counts;
    let mut parts = vec![format!("{} acknowledged", counts.acked)];
    for (n, what) in [
        (counts.failed, "failed"),
        (counts.not_now, "not now"),
        (counts.rejected, "moved to the dead-letter queue"),
        (counts.left, "left"),
        (counts.released, "given back"),
        (counts.unconfirmed, "handled but not deleted"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    let mut text = format!("Handled {} from `{}`: {}", count(counts.handled, "event"), report.queue, parts.join(", "));
    if let Some(left) = report.remaining.filter(|left| left.visible + left.in_flight + left.delayed > 0) {
        text.push_str(&format!(
            "\n`{}` still holds {}: {} ready, {} in flight or backing off, {} delayed",
            report.queue,
            count(left.visible + left.in_flight + left.delayed, "message"),
            left.visible,
            left.in_flight,
            left.delayed
        ));
    }
    if let Ended::Drained { approximate: true } = report.ended {
        text.push_str("\nThe end is approximate: two long polls in a row were empty");
    }
    text
}

/// `"kind": "event"`: what became of one event.
#[derive(Debug, Serialize)]
struct EventLine<'a> {
    version: u32,
    kind: &'static str,
    event: Option<&'a str>,
    entity_id: Option<&'a str>,
    message_id: &'a str,
    sns_message_id: Option<&'a str>,
    attempt: u32,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_receive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_queue: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> EventLine<'a> {
    fn new(event: &'a EventRef, settlement: &'a Settlement) -> Self {
        let mut line = Self {
            version: 1,
            kind: "event",
            event: event.event_name.as_deref(),
            entity_id: event.entity_id.as_deref(),
            message_id: &event.message_id,
            sns_message_id: event.sns_message_id.as_deref(),
            attempt: event.attempt,
            outcome: "",
            reason: None,
            retry_after_seconds: None,
            last_receive: None,
            dead_letter_queue: None,
            error: None,
        };
        match settlement {
            Settlement::Acked => line.outcome = "acked",
            Settlement::Unconfirmed { error } => (line.outcome, line.error) = ("unconfirmed", Some(error.as_str())),
            Settlement::Retrying { failure, after, last, unsettled } => {
                (line.outcome, line.reason) = ("retrying", Some(failure.to_string()));
                line.wait(*after, *last, unsettled.as_deref());
            }
            Settlement::NotNow { after, last, unsettled } => {
                line.outcome = "not_now";
                line.wait(*after, *last, unsettled.as_deref());
            }
            Settlement::Rejected { to, reason, unsettled, .. } => {
                (line.outcome, line.reason) = ("rejected", Some(reason.clone()));
                (line.dead_letter_queue, line.error) = (Some(to.as_str()), unsettled.as_deref());
            }
            Settlement::RejectFailed { to, error, after } => {
                (line.outcome, line.dead_letter_queue) = ("reject_failed", Some(to.as_str()));
                (line.error, line.retry_after_seconds) = (Some(error.as_str()), Some(after.as_secs()));
            }
            Settlement::Left { reason } => (line.outcome, line.reason) = ("left", Some(reason.clone())),
            Settlement::Released { why, unsettled } => {
                (line.outcome, line.reason) = ("released", Some(released(*why).to_owned()));
                line.error = unsettled.as_deref();
            }
        }
        line
    }

    fn wait(&mut self, after: Duration, last: bool, unsettled: Option<&'a str>) {
        self.last_receive = Some(last);
        match unsettled {
            Some(error) => self.error = Some(error),
            None => self.retry_after_seconds = Some(after.as_secs()),
        }
    }
}

/// `"kind": "summary"`: how the run went.
#[derive(Debug, Serialize)]
struct SummaryLine<'a> {
    version: u32,
    kind: &'static str,
    queue: &'a str,
    ended: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approximate: Option<bool>,
    received: u64,
    handled: u64,
    acked: u64,
    failed: u64,
    not_now: u64,
    rejected: u64,
    left: u64,
    released: u64,
    unconfirmed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<RemainingLine>,
    took_ms: u64,
}

#[derive(Debug, Serialize)]
struct RemainingLine {
    visible: u64,
    in_flight: u64,
    delayed: u64,
}

impl<'a> SummaryLine<'a> {
    fn new(report: &'a Report) -> Self {
        let counts = &report.counts;
        let (ended, signal, approximate) = match &report.ended {
            Ended::Count => ("count", None, None),
            Ended::Idle => ("idle", None, None),
            Ended::Drained { approximate } => ("drained", None, Some(*approximate)),
            Ended::Signal(signal) => ("signal", Some(signal.name()), None),
            Ended::OutputClosed => ("output_closed", None, None),
            Ended::CannotRun(_) => ("cannot_run", None, None),
            Ended::ReceiveFailed(_) => ("receive_failed", None, None),
        };
        Self {
            version: 1,
            kind: "summary",
            queue: &report.queue,
            ended,
            signal,
            approximate,
            received: counts.received,
            handled: counts.handled,
            acked: counts.acked,
            failed: counts.failed,
            not_now: counts.not_now,
            rejected: counts.rejected,
            left: counts.left,
            released: counts.released,
            unconfirmed: counts.unconfirmed,
            remaining: report.remaining.map(|left| RemainingLine {
                visible: left.visible,
                in_flight: left.in_flight,
                delayed: left.delayed,
            }),
            took_ms: report.took.as_millis() as u64,
        }
    }
}
