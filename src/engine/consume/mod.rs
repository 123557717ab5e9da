//! `consume`: receives messages, runs a handler over each event, settles each message by the handler's verdict.
//!
//! May use the bus, event reading and `engine/exec`. Never prints: it tells [`Progress`] and returns a [`Report`].
//!
//! ```text
//! receive ──► read ──► handler ──► verdict ──► settler ──► SQS
//!    ▲          └─ no event ─────────┘            (batches of deletes and visibility changes)
//!    └── as many as there are free workers, never more
//! ```
//!
//! **Nothing is lost.** A message is deleted only after its handler exited with 0, or after the dead-letter queue confirmed its
//! copy. Whatever else happens, it becomes visible again: at once when it was not handled (released), after a backoff when the
//! handler failed, and after its visibility timeout when nobody could be told (we were killed, the network was gone).
//!
//! **Cancel the wait, never the work.** The long poll is the only thing that is ever dropped, and it is listened to for a moment
//! before: what its answer still brings is given back. A message whose answer takes even longer is unknown here: it becomes visible
//! again after its visibility timeout.
//!
//! **Time.** A handler has as long as the queue's visibility timeout. The receive asks for [`MARGIN`] more, so that ending a
//! handler that ran out of time, and acknowledging one that just made it, happens while the message is still ours.
//!
//! Where later work goes: another protocol to the handler beside [`crate::engine::exec`] in `work`, a table of handlers by event
//! name in [`Request`], heartbeats around `work`'s handler run, holding back a group's followers in `receive`'s waiting list.

mod handler;
mod receive;
mod reject;
mod settle;
#[cfg(test)]
mod tests;
mod work;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use super::backoff::Backoff;
pub use receive::run;

use crate::bus::{BusError, Message};
use crate::clock::Clock;
use crate::engine::exec::{Captured, Failure, Limits, Outcome, Program};
use crate::engine::shutdown::Signal;

/// How much longer than a handler may run its message stays ours: the whole kill ladder, and a second to settle.
pub const MARGIN: Duration = Limits::AFTER_TIMEOUT.saturating_add(Duration::from_secs(1));

/// What the handler reads on its stdin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    /// `{"metadata":{…camelCase…},"payload":{…}}` in one line.
    #[default]
    Event,
    /// The payload alone, as its author wrote it.
    Payload,
    /// The record: event, raw body, attributes and system fields in one line.
    Record,
    /// The queue's body, to the last byte.
    Body,
}

/// What to consume, how, and until when.
#[derive(Clone, Debug)]
pub struct Request {
    /// The queue's name, ARN or URL.
    pub queue: String,
    /// The handler, found already.
    pub program: Program,
    /// What it reads.
    pub stdin: Stdin,
    /// How many run at once.
    pub workers: NonZeroUsize,
    /// How long each may run; `None` = the queue's visibility timeout, which it may not exceed.
    pub timeout: Option<Duration>,
    /// End after so many events were handled, whatever came of them.
    pub count: Option<u64>,
    /// End when nothing came and nothing ran for so long.
    pub idle: Option<Duration>,
    /// End when nothing is left to receive and nothing of ours is in flight.
    pub drain: bool,
    /// After the first signal, end handlers that still run after so long; `None` = their own timeout alone.
    pub drain_timeout: Option<Duration>,
    /// The waits between attempts.
    pub backoff: Backoff,
    /// For the handlers' deadlines.
    pub clock: Clock,
}

/// One received event, as messages and records name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRef {
    /// SQS's id.
    pub message_id: String,
    /// SNS's id, the one that publishing printed.
    pub sns_message_id: Option<String>,
    /// The event's name; `None` when the body is no event.
    pub event_name: Option<String>,
    /// Which entity it is about.
    pub entity_id: Option<String>,
    /// The receive count: 1 for the first attempt.
    pub attempt: u32,
}

/// What happened, for whoever reports it.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The queue was found; receiving begins.
    Begun(Begun),
    /// A handler was started.
    HandlerStarted {
        /// For this event.
        event: Arc<EventRef>,
        /// Its process id, and its group's.
        pid: i32,
    },
    /// A handler ended. Told before [`Progress::Settled`] of the same event.
    HandlerEnded {
        /// For this event.
        event: Arc<EventRef>,
        /// What its exit means.
        outcome: Outcome,
        /// From its start to its exit.
        took: Duration,
        /// What it wrote, to be passed through whole.
        stdout: Arc<Captured>,
        /// What it wrote, to be passed through whole.
        stderr: Arc<Captured>,
    },
    /// An event's way through this run is over.
    Settled {
        /// This event.
        event: Arc<EventRef>,
        /// What became of it.
        settlement: Settlement,
    },
    /// Receiving fails and is tried again. Told once for a row of failures.
    ReceiveFailing {
        /// What the bus said.
        error: Arc<BusError>,
    },
    /// Receiving works again.
    ReceiveRecovered {
        /// How many times it had failed in a row.
        failures: u32,
    },
    /// No more is received; handlers finish.
    Draining {
        /// Why.
        why: Ended,
        /// How many events are still being handled or settled.
        running: usize,
    },
    /// Handlers that still run are being ended.
    Aborting {
        /// How many events are still being handled or settled.
        running: usize,
    },
}

/// What was found out before the first receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The queue's name.
    pub queue: String,
    /// The handler as the user wrote it.
    pub handler: String,
    /// How many run at once.
    pub workers: usize,
    /// How long each may run.
    pub timeout: Duration,
    /// The dead-letter queue's name, and after how many receives SQS moves a message there.
    pub dead_letter: Option<(String, u32)>,
}

/// What became of one received event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Handled, and deleted from the queue.
    Acked,
    /// Handled, but the delete failed for good: it will be seen again.
    Unconfirmed {
        /// What SQS said.
        error: String,
    },
    /// The attempt failed; the next one comes after a while.
    Retrying {
        /// How.
        failure: Failure,
        /// When it becomes visible again.
        after: Duration,
        /// The queue allows no further receive: the next one moves it to the dead-letter queue.
        last: bool,
        /// The wait could not be set, because of this: it is seen again after its visibility timeout.
        unsettled: Option<String>,
    },
    /// The handler said "not now".
    NotNow {
        /// When it becomes visible again.
        after: Duration,
        /// As for [`Settlement::Retrying`].
        last: bool,
        /// As for [`Settlement::Retrying`].
        unsettled: Option<String>,
    },
    /// Moved to the dead-letter queue.
    Rejected {
        /// The dead-letter queue's name.
        to: String,
        /// Why: the handler's verdict, or why the body is no event.
        reason: String,
        /// What of origin and reason the message had no room for; empty when it had.
        untold: Vec<&'static str>,
        /// The copy is there, but the delete failed: it will be seen here again.
        unsettled: Option<String>,
    },
    /// Should be moved to the dead-letter queue, which did not work: another attempt comes after a while.
    RejectFailed {
        /// The dead-letter queue's name or ARN.
        to: String,
        /// What the bus said.
        error: String,
        /// When it becomes visible again.
        after: Duration,
    },
    /// Left where it is, because there is no dead-letter queue: seen again after its visibility timeout.
    Left {
        /// Why it was not handled.
        reason: String,
    },
    /// Given back unhandled, visible at once.
    Released {
        /// Why.
        why: Released,
        /// It could not be given back, because of this: it is seen again after its visibility timeout.
        unsettled: Option<String>,
    },
}

/// Why an event was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// The run ended before its handler was started.
    NotStarted,
    /// The run ended its handler.
    Aborted,
    /// The handler cannot run.
    CannotRun,
    /// An earlier event of its FIFO group was not handled, or it waited so long for it that its time ran short.
    BehindAnother,
}

/// How a run came to its end.
#[derive(Clone, Debug)]
pub enum Ended {
    /// As many events were handled as were asked for.
    Count,
    /// Nothing came for as long as was asked for.
    Idle,
    /// Nothing is left to receive.
    Drained {
        /// Concluded from two empty long polls, which is as exact as SQS is.
        approximate: bool,
    },
    /// By a signal.
    Signal(Signal),
    /// Nobody reads stdout any more.
    OutputClosed,
    /// The handler cannot run.
    CannotRun(String),
    /// Receiving failed for a reason that does not go away by waiting.
    ReceiveFailed(Arc<BusError>),
}

/// Counts of a run. `handled` events had a handler run over them to its end; each is also counted by what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages received.
    pub received: u64,
    /// Handler runs that came to a verdict.
    pub handled: u64,
    /// Acknowledged.
    pub acked: u64,
    /// Handled, but not deleted.
    pub unconfirmed: u64,
    /// Failed attempts.
    pub failed: u64,
    /// "Not now".
    pub not_now: u64,
    /// Moved to the dead-letter queue by us.
    pub rejected: u64,
    /// Left in the queue for want of a dead-letter queue.
    pub left: u64,
    /// Given back unhandled.
    pub released: u64,
}

/// What the queue still holds, as `GetQueueAttributes` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Ready to be received.
    pub visible: u64,
    /// Received by somebody, or backing off.
    pub in_flight: u64,
    /// Not yet due.
    pub delayed: u64,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Report {
    /// The queue's name.
    pub queue: String,
    /// The counts.
    pub counts: Counts,
    /// How it came to its end.
    pub ended: Ended,
    /// After draining, where the queue could be asked.
    pub remaining: Option<Remaining>,
    /// From the first receive to the end.
    pub took: Duration,
}

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// The queue cannot be found or asked.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// Handlers may not run longer than the queue keeps a message invisible.
    #[error(
        "`--timeout {}` exceeds the visibility timeout of queue `{queue}`, which is {}",
        humantime::format_duration(*.timeout),
        humantime::format_duration(*.visibility)
    )]
    TimeoutTooLong {
        /// The queue's name.
        queue: String,
        /// What was asked for.
        timeout: Duration,
        /// The queue's visibility timeout.
        visibility: Duration,
    },
}

/// A message and when it came.
#[derive(Clone, Debug)]
struct Received {
    message: Message,
    sns_message_id: Option<String>,
    at: Instant,
}

impl From<Progress> for crate::engine::Event {
    fn from(progress: Progress) -> Self {
        Self::Consume(progress)
    }
}
