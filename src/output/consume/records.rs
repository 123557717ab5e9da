//! The records of `consume`, for machines: `schemas/output/consume.schema.json`.

use std::time::Duration;

use serde::Serialize;

use super::text::released;
use crate::engine::consume::{Ended, EventRef, Report, Settlement};

/// `"kind": "event"`: what became of one event.
#[derive(Debug, Serialize)]
pub(super) struct EventLine<'a> {
    version: u32,
    kind: &'static str,
    queue: &'a str,
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
    pub(super) fn new(event: &'a EventRef, settlement: &'a Settlement) -> Self {
        let mut line = Self {
            version: 1,
            kind: "event",
            queue: &event.queue,
            event: event.event_name.as_deref(),
            entity_id: event.entity_id.as_deref(),
            message_id: &event.message_id,
            sns_message_id: event.sns_message_id.as_deref(),
            attempt: event.attempt,
            outcome: settlement.word(),
            reason: None,
            retry_after_seconds: None,
            last_receive: None,
            dead_letter_queue: None,
            error: None,
        };
        match settlement {
            Settlement::Acked => {}
            Settlement::Unconfirmed { error } => line.error = Some(error.as_str()),
            Settlement::Retrying { failure, after, last, unsettled } => {
                line.reason = Some(failure.to_string());
                line.wait(*after, *last, unsettled.as_deref());
            }
            Settlement::NotNow { after, last, unsettled } => {
                line.wait(*after, *last, unsettled.as_deref());
            }
            Settlement::Rejected { to, reason, unsettled, .. } => {
                line.reason = Some(reason.clone());
                (line.dead_letter_queue, line.error) = (Some(to.as_str()), unsettled.as_deref());
            }
            Settlement::RejectFailed { to, error, after } => {
                line.dead_letter_queue = Some(to.as_str());
                (line.error, line.retry_after_seconds) = (Some(error.as_str()), Some(after.as_secs()));
            }
            Settlement::Left { reason, .. } => line.reason = Some(reason.clone()),
            Settlement::Dismissed { reason, unsettled } => {
                (line.reason, line.error) = (Some(reason.clone()), unsettled.as_deref());
            }
            Settlement::Duplicate { unsettled } => line.error = unsettled.as_deref(),
            Settlement::Released { why, unsettled } => {
                line.reason = Some(released(*why).to_owned());
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
pub(super) struct SummaryLine<'a> {
    version: u32,
    kind: &'static str,
    queue: &'a str,
    queues: &'a [String],
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
    dismissed: u64,
    duplicates: u64,
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
    pub(super) fn new(report: &'a Report) -> Self {
        let counts = &report.counts;
        let (ended, signal, approximate) = match &report.ended {
            Ended::Count => ("count", None, None),
            Ended::Idle => ("idle", None, None),
            Ended::Drained { approximate } => ("drained", None, Some(*approximate)),
            Ended::Signal(signal) => ("signal", Some(signal.name()), None),
            Ended::OutputClosed => ("output_closed", None, None),
            Ended::CannotRun { .. } => ("cannot_run", None, None),
            Ended::ReceiveFailed(_) => ("receive_failed", None, None),
        };
        Self {
            version: 1,
            kind: "summary",
            queue: report.queues.first().map_or("", String::as_str),
            queues: &report.queues,
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
            dismissed: counts.dismissed,
            duplicates: counts.duplicates,
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
