//! The conversation of `consume`: what is said on stderr, for people.

use std::time::Duration;

use super::log::Log;
use crate::engine::consume::{Ended, EventRef, Left, Progress, Released, Report, Settlement};
use crate::output::{Tone, escape_control};
use crate::words::{count, list};

/// The conversation: the same beside either kind of answer.
pub(super) fn converse(log: &Log, progress: &Progress) {
    match progress {
        Progress::Begun(begun) => {
            let dead = match &begun.dead_letter {
                Some((queue, 1)) => format!("after 1 receive it goes to `{queue}`"),
                Some((queue, max)) => format!("after {max} receives it goes to `{queue}`"),
                None => "it has no dead-letter queue".into(),
            };
            log.note(
                None,
                format!(
                    "consuming `{}`: {}, {} per event; {dead}",
                    begun.queue,
                    count(begun.workers as u64, "worker"),
                    span(begun.timeout)
                ),
            );
        }
        Progress::HandlerStarted { event, pid } if log.verbose() => {
            log.status(None, format!("{}: attempt {}, process {pid}", name(event), event.attempt));
        }
        Progress::HandlerEnded { event, took, .. } if log.verbose() => {
            log.status(
                None,
                format!("{}: the handler took {}", name(event), span(Duration::from_millis(took.as_millis() as u64))),
            );
        }
        Progress::HandlerStarted { .. } | Progress::HandlerEnded { .. } => {}
        Progress::Settled { event, settlement } => settled(log, event, settlement),
        Progress::HandlerOutput { .. } => {}
        Progress::HandlerDied { handler, why, after } => {
            log.warn(None, format!("handler `{handler}` ended: {why}; started again in {}", short(*after)));
        }
        Progress::Paused { time } => {
            log.warn(None, format!("too much fails: nothing is handled for {}, then one event is tried", span(*time)));
        }
        Progress::Probing => log.status(None, "trying one event".to_owned()),
        Progress::Resumed => log.note(None, "the event that was tried was handled: all goes on".to_owned()),
        Progress::HeartbeatLost { event, error } => log.warn(
            Some(event),
            format!("{}: could not be kept from others ({error}): it may be handled twice", name(event)),
        ),
        Progress::DedupeFailing { error } => {
            log.warn(None, format!("what was handled cannot be remembered ({error}): events may be handled twice"));
        }
        Progress::NotAnnounced { event, error } => {
            log.warn(Some(event), format!("{}: its outcome event was not published ({error})", name(event)))
        }
        Progress::ReceiveFailing { error } => log.warn(None, format!("{error}; trying again until it works")),
        Progress::ReceiveRecovered { failures } => {
            log.note(None, format!("receiving works again after {}", count(u64::from(*failures), "failure")));
        }
        Progress::Draining { why, running } => {
            let running = count(*running as u64, "event");
            match why {
                Ended::Signal(signal) => log.status(
                    None,
                    format!(
                        "{}: receiving stopped; {running} to finish, a second signal ends the handlers",
                        signal.name()
                    ),
                ),
                Ended::OutputClosed => log.warn(None, format!("stdout was closed; {running} to finish")),
                Ended::CannotRun { handler, why } => {
                    log.warn(None, format!("handler `{handler}` cannot run: {why}; {running} to give back or finish"));
                }
                Ended::ReceiveFailed(_) => log.warn(None, format!("receiving failed for good; {running} to finish")),
                Ended::Count | Ended::Idle | Ended::Drained { .. } => {}
            }
        }
        Progress::Aborting { running } => {
            log.status(
                None,
                format!("Ending the handlers of {}: SIGTERM, after 5s SIGKILL", count(*running as u64, "event")),
            );
        }
    }
}

fn settled(log: &Log, event: &EventRef, settlement: &Settlement) {
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
        Settlement::Acked => log.status(Some(event), format!("{name}: {}", log.paint(Tone::Good, "acknowledged"))),
        Settlement::Unconfirmed { error } => {
            log.warn(Some(event), format!("{name}: handled, but not deleted ({error}): it will be seen again"));
        }
        Settlement::Retrying { failure, after, last, unsettled } => {
            log.warn(
                Some(event),
                format!(
                    "{name}: attempt {} failed: {failure}; {}",
                    event.attempt,
                    again(unsettled, next(*last, after))
                ),
            );
        }
        Settlement::NotNow { after, last, unsettled } => {
            log.status(Some(event), format!("{name}: not now; {}", again(unsettled, next(*last, after))));
        }
        Settlement::Rejected { to, reason, untold, unsettled } => {
            log.warn(Some(event), format!("{name}: moved to `{to}`: {}", escape_control(reason)));
            if !untold.is_empty() {
                log.warn(Some(event), format!("{name}: the message had no room for the attributes {}", list(untold)));
            }
            if let Some(error) = unsettled {
                log.warn(
                    Some(event),
                    format!(
                        "{name}: its copy is in `{to}`, but it could not be deleted ({error}): it will be seen again"
                    ),
                );
            }
        }
        Settlement::RejectFailed { to, error, after } => {
            log.warn(Some(event), format!("{name}: could not be moved to `{to}` ({error}); again in {}", span(*after)));
        }
        Settlement::Left { reason, why } => {
            let reason = escape_control(reason);
            let after = "again after its visibility timeout";
            match why {
                Left::NoDeadLetters => log.warn(
                    Some(event),
                    format!("{name}: left in the queue, which has no dead-letter queue: {reason}; {after}"),
                ),
                Left::Asked => log.warn(Some(event), format!("{name}: left in the queue: {reason}; {after}")),
                Left::Unhandled { first: true, receives } => {
                    let dead = match receives {
                        Some(receives) => {
                            format!("; after {} it is a dead letter", count(u64::from(*receives), "receive"))
                        }
                        None => String::new(),
                    };
                    log.warn(
                        Some(event),
                        format!("{name}: left in the queue: {reason}; {after}{dead} (said once for each name)"),
                    );
                }
                Left::Unhandled { first: false, .. } => {
                    if log.verbose() {
                        log.status(Some(event), format!("{name}: left in the queue: {reason}; {after}"));
                    }
                }
            }
        }
        Settlement::Dismissed { reason, unsettled } => match unsettled {
            None => {
                log.status(Some(event), format!("{name}: acknowledged without a handler: {}", escape_control(reason)))
            }
            Some(error) => log.warn(
                Some(event),
                format!("{name}: not deleted ({error}), it will be seen again: {}", escape_control(reason)),
            ),
        },
        Settlement::Duplicate { unsettled } => match unsettled {
            None => log.status(Some(event), format!("{name}: skipped, it was handled before")),
            Some(error) => {
                log.warn(
                    Some(event),
                    format!("{name}: was handled before, but not deleted ({error}): it will be seen again"),
                );
            }
        },
        Settlement::Released { why, unsettled } => {
            let why = released(*why);
            log.status(Some(event), format!("{name}: given back, {why}; {}", again(unsettled, "visible now".into())));
        }
    }
}

pub(super) fn released(why: Released) -> &'static str {
    match why {
        Released::NotStarted => "not started",
        Released::Aborted => "its handler was ended",
        Released::CannotRun => "its handler cannot run",
        Released::BehindAnother => "behind an unhandled event of its group",
    }
}

/// The event's name and the id that publishing printed; both come from outside.
pub(super) fn name(event: &EventRef) -> String {
    let id = event.sns_message_id.as_ref().unwrap_or(&event.message_id);
    match &event.event_name {
        Some(name) => format!("{} {}", escape_control(name), escape_control(id)),
        None => format!("message {}", escape_control(id)),
    }
}

fn span(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

/// To tenths of a second.
fn short(time: Duration) -> String {
    span(Duration::from_millis(time.as_millis() as u64 / 100 * 100))
}

pub(super) fn summary_text(report: &Report) -> String {
    let queues = report.queues.join("`, `");
    let counts = &report.counts;
    let mut parts = vec![format!("{} acknowledged", counts.acked)];
    for (n, what) in [
        (counts.failed, "failed"),
        (counts.not_now, "not now"),
        (counts.rejected, "moved to the dead-letter queue"),
        (counts.left, "left"),
        (counts.dismissed, "acknowledged without a handler"),
        (counts.duplicates, "handled before"),
        (counts.released, "given back"),
        (counts.unconfirmed, "handled but not deleted"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    let mut text = format!("Handled {} from `{}`: {}", count(counts.handled, "event"), queues, parts.join(", "));
    if let Some(left) = report.remaining.filter(|left| left.visible + left.in_flight + left.delayed > 0) {
        text.push_str(&format!(
            "\n`{}` still holds {}: {} ready, {} in flight or backing off, {} delayed",
            queues,
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
