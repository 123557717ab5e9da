//! `consume`: receives messages, runs a handler over each event, settles each message by the handler's verdict.
//!
//! May use the bus, event reading and `engine/exec`. Never prints: it tells [`Progress`] and returns a [`Report`].
//!
//! ```text
//! receive ──► read ──► [dispatch] ──► [order] ──► handler ──► verdict ──► settler ──► SQS
//!    ▲           │ a loop for each queue    │      spawn | batch | stream | http     (batches of deletes and visibility changes)
//!    │           └─ no event, no handler ───┼────────────────────────────┘
//!    └── as many as the handlers have room  └─ followers wait behind the first of their group; heartbeats keep all of it ours
//! ```
//!
//! **Nothing is lost.** A message is deleted only after its handler succeeded, or after the dead-letter queue confirmed its copy.
//! Whatever else happens, it becomes visible again: at once when it was not handled (released), after a backoff when the handler
//! failed, and after its visibility timeout when nobody could be told (we were killed, the network was gone).
//!
//! **Cancel the wait, never the work.** The long poll is the only thing that is ever dropped, and it is listened to for a moment
//! before: what its answer still brings is given back. A message whose answer takes even longer is unknown here: it becomes visible
//! again after its visibility timeout.
//!
//! **Time.** A handler has its timeout from its start on; heartbeats extend the message for [`MARGIN`] longer, so that ending a
//! handler that ran out of time, and acknowledging one that just made it, happens while the message is still ours.
//!
//! **Order.** In a FIFO queue, and with an order of one's own in a standard one, one event of a group is handled at a time. While
//! the first backs off it stays ours and is tried again here, and so do those behind it: given back, they would be received in vain
//! each time, until they are dead letters that never met a handler. SQS itself would hand out none of a FIFO group meanwhile.
//! After as many attempts as the queue allows receives the first is moved to the dead-letter queue by us.

mod announce;
mod counts;
mod dedupe;
mod dispatch;
mod flow;
mod handler;
mod heartbeat;
mod metrics;
mod order;
pub mod preview;
mod protocol;
mod receive;
mod reject;
mod room;
mod run;
mod settle;
mod spans;
mod take;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_handlers;
mod work;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use super::backoff::Backoff;
pub use announce::{Announcement, Announcements};
pub use dedupe::{DedupeBy, DedupeSpec};
pub use dispatch::Table;
pub use flow::{PauseAfter, Rate};
pub use metrics::Metrics;
pub use protocol::{HandlerSpec, Protocol, Target};
pub use run::run;
pub use spans::{Headers, SpanExport};

use crate::bus::{BusError, Message};
use crate::clock::Clock;
use crate::engine::exec::{Captured, Failure, Limits, Outcome};
use crate::engine::shutdown::Signal;
use crate::schema::Catalogue;

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

/// What becomes of a message that no handler is run over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclaimed {
    /// It is acknowledged.
    Ack,
    /// It stays in the queue and is seen again after its visibility timeout.
    Leave,
    /// It is moved to the dead-letter queue; left where there is none.
    Reject,
}

/// What makes one event follow another in a standard queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderBy {
    /// The metadata's entity id.
    EntityId,
    /// The value at this JSON pointer of the payload.
    Payload(String),
}

/// What to consume, how, and until when.
#[derive(Clone, Debug)]
pub struct Request {
    /// The queues' names, ARNs or URLs; at least one.
    pub queues: Vec<String>,
    /// The handlers, found already.
    pub handlers: Vec<HandlerSpec>,
    /// Which of them an event goes to.
    pub table: Table,
    /// What becomes of events without a handler.
    pub unhandled: Unclaimed,
    /// What becomes of what is no event, or not what its schema says.
    pub invalid: Unclaimed,
    /// Check payloads against these schemas first.
    pub validate: Option<Arc<Catalogue>>,
    /// What handlers read.
    pub stdin: Stdin,
    /// The order of a standard queue.
    pub order_by: Option<OrderBy>,
    /// The pace.
    pub rate: Option<Rate>,
    /// The circuit breaker.
    pub pause_after: Option<PauseAfter>,
    /// Bytes of bodies in flight.
    pub max_memory: Option<usize>,
    /// Remember what was handled.
    pub dedupe: Option<DedupeSpec>,
    /// Publish how events were handled.
    pub announcements: Option<Announcements>,
    /// End after so many events were handled, whatever came of them.
    pub count: Option<u64>,
    /// End when nothing came and nothing ran for so long.
    pub idle: Option<Duration>,
    /// End when nothing is left to receive and nothing of ours is in flight.
    pub drain: bool,
    /// After the first signal, end handlers that still run after so long; `None` = their own timeout alone.
    pub drain_timeout: Option<Duration>,
    /// For the handlers' deadlines.
    pub clock: Clock,
    /// Counted for whoever looks from outside.
    pub metrics: Metrics,
    /// Where spans go.
    pub spans: Option<SpanExport>,
}

/// One received event, as messages and records name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRef {
    /// The queue's name.
    pub queue: String,
    /// SQS's id.
    pub message_id: String,
    /// SNS's id, the one that publishing printed.
    pub sns_message_id: Option<String>,
    /// The event's name; `None` when the body is no event.
    pub event_name: Option<String>,
    /// Which entity it is about.
    pub entity_id: Option<String>,
    /// The trace that it belongs to.
    pub trace_id: Option<String>,
    /// The receive count, and the attempts made here beyond it: 1 for the first attempt.
    pub attempt: u32,
}

/// What happened, for whoever reports it.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A queue was found; receiving begins.
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
    /// A batch's or a lasting handler wrote something that is no result.
    HandlerOutput {
        /// Lines of its stdout that are no results, or lines of its stderr.
        chatter: Vec<String>,
        /// All that it wrote on its stderr, where that is known only now.
        stderr: Arc<Captured>,
    },
    /// A lasting handler ended by itself, and is started again.
    HandlerDied {
        /// As the user wrote it.
        handler: String,
        /// How it ended.
        why: String,
        /// When it is started again.
        after: Duration,
    },
    /// Too much failed: nothing is handled for so long, then one event is tried.
    Paused {
        /// For so long.
        time: Duration,
    },
    /// One event is tried.
    Probing,
    /// The tried event was handled: all goes on.
    Resumed,
    /// A message could not be kept ours: it may be seen again while it is handled.
    HeartbeatLost {
        /// This event.
        event: Arc<EventRef>,
        /// What the bus said.
        error: String,
    },
    /// What was handled cannot be remembered or looked up; told once for a row of failures.
    DedupeFailing {
        /// Why.
        error: String,
    },
    /// An outcome event could not be published. What became of the event that it is about does not depend on that.
    NotAnnounced {
        /// This event.
        event: Arc<EventRef>,
        /// What the bus said.
        error: String,
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
    /// The handlers as the user wrote them.
    pub handlers: Vec<String>,
    /// How many processes or requests there are at once.
    pub workers: usize,
    /// How long the first handler may take.
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
    /// Left where it is: seen again after its visibility timeout.
    Left {
        /// Why it was not handled.
        reason: String,
        /// Why it is left.
        why: Left,
    },
    /// Acknowledged without a handler, as was asked for.
    Dismissed {
        /// Why no handler was run.
        reason: String,
        /// It could not be deleted, because of this: it will be seen again.
        unsettled: Option<String>,
    },
    /// It was handled before: acknowledged without a handler.
    Duplicate {
        /// It could not be deleted, because of this: it will be seen again.
        unsettled: Option<String>,
    },
    /// Given back unhandled, visible at once.
    Released {
        /// Why.
        why: Released,
        /// It could not be given back, because of this: it is seen again after its visibility timeout.
        unsettled: Option<String>,
    },
}

impl Settlement {
    /// Its word in machine records and metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Acked => "acked",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Retrying { .. } => "retrying",
            Self::NotNow { .. } => "not_now",
            Self::Rejected { .. } => "rejected",
            Self::RejectFailed { .. } => "reject_failed",
            Self::Left { .. } => "left",
            Self::Dismissed { .. } => "dismissed",
            Self::Duplicate { .. } => "duplicate",
            Self::Released { .. } => "released",
        }
    }
}

/// Why an event is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// There is no dead-letter queue.
    NoDeadLetters,
    /// It was asked for.
    Asked,
    /// It has no handler.
    Unhandled {
        /// The first event of its name in this run.
        first: bool,
        /// After how many receives the queue dead-letters it.
        receives: Option<u32>,
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
    /// A handler cannot run.
    CannotRun {
        /// As the user wrote it.
        handler: String,
        /// Why.
        why: String,
    },
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
    /// Left in the queue.
    pub left: u64,
    /// Acknowledged without a handler.
    pub dismissed: u64,
    /// Handled before, and acknowledged without a handler.
    pub duplicates: u64,
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
    /// The queues' names.
    pub queues: Vec<String>,
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
    /// No handler may run so long.
    #[error(
        "a timeout of {} leaves no time to settle: SQS keeps a message for at most 12h",
        humantime::format_duration(*.timeout)
    )]
    TimeoutTooLong {
        /// What was asked for.
        timeout: Duration,
    },
    /// The memory of handled events cannot be used.
    #[error(transparent)]
    Dedupe(#[from] crate::engine::ledger::LedgerError),
}

/// A message and when it came.
#[derive(Clone, Debug)]
struct Received {
    message: Message,
    sns_message_id: Option<String>,
    at: Instant,
    /// Bytes that it counts for.
    size: usize,
}

impl From<Progress> for crate::engine::Event {
    fn from(progress: Progress) -> Self {
        Self::Consume(progress)
    }
}
