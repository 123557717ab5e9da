//! Looking into queues: what waits, then what comes, each message once. It is said what looking costs, before the first look.
//!
//! | mode | what it does to the queue |
//! |---|---|
//! | peek | nothing: the bus shows messages without receiving them |
//! | tap | nothing: a temporary queue hangs beside it on the same topics, and shows what comes from now on |
//! | receive | each message is received once, held, and given back at the end; its receive count stays raised |
//! | drain | each message is handed on, made safe, and deleted |
//!
//! Receiving is refused where the count can move a message to a dead-letter queue, or where a hold blocks a FIFO group.

mod look;
mod plan;
mod sink;
#[cfg(test)]
mod tests;
mod ways;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use crate::bus::{Bus, BusError, Queue, Topic};
use crate::clock::Clock;
use crate::engine::hold::Released;
use crate::engine::jq::Failed;
use crate::engine::recording::{Reading, RecordingError};
use crate::engine::select::Selection;
use crate::engine::shutdown::Shutdown;
use crate::engine::{Confirmed, Emitter, Event, OutputClosed};
use crate::event::Record;

use look::{Look, Run, lock};
pub use sink::Outlets;
use sink::Spread;
pub(crate) use sink::{Sink, Stop, Told};

/// What is looked at.
#[derive(Clone, Debug)]
pub enum Source {
    /// A queue.
    Queue(Queue),
    /// All that is published to a topic.
    Topic(Topic),
    /// A recording; `-` is stdin.
    Recording(PathBuf),
}

/// How it shall be looked.
#[derive(Debug, Default)]
pub enum Choice {
    /// The first of peek, tap and receive that the bus has and that harms nothing.
    #[default]
    Auto,
    /// Only by peeking.
    Peek,
    /// Only through a tap.
    Tap,
    /// By receiving, where that harms nothing.
    Receive,
    /// By receiving and deleting.
    Drain(Confirmed),
}

/// A part of all messages, the same one at every look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample(f64);

impl Sample {
    /// So many percent, more than 0 and at most 100.
    pub fn percent(percent: f64) -> Option<Self> {
        (percent > 0.0 && percent <= 100.0).then_some(Self(percent))
    }

    /// Whether the message with this id is in it.
    pub fn takes(self, id: &str) -> bool {
        // FNV-1a: an id must fall on the same side in every run and version.
        let hash = id
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        // Its high bits, which are mixed best, as a share of one.
        (hash >> 11) as f64 / (1_u64 << 53) as f64 * 100.0 < self.0
    }
}

/// What to look at, and until when. Without any bound it goes on until a signal or until nobody reads.
#[derive(Debug, Default)]
pub struct Request {
    /// What is looked at.
    pub sources: Vec<Source>,
    /// How.
    pub mode: Choice,
    /// Which messages.
    pub selection: Selection,
    /// How many of those.
    pub sample: Option<Sample>,
    /// End after so many were shown.
    pub count: Option<u64>,
    /// End when nothing came for so long.
    pub idle: Option<Duration>,
    /// End after so long.
    pub duration: Option<Duration>,
    /// Look even where looking can dead-letter a message or block a FIFO group.
    pub force: bool,
    /// The time of day, for leases and for the end of the selection.
    pub clock: Clock,
}

/// How it is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The bus shows messages without receiving them.
    Peek,
    /// A temporary queue beside the one that is looked at.
    Tap,
    /// Each message is received once, held, and given back at the end.
    Receive,
    /// Each message is handed on and deleted.
    Drain,
    /// A recording is read.
    Read,
}

/// What a tail tells.
#[derive(Clone, Debug)]
pub enum Progress {
    /// What looking will cost, told before the first look.
    Cost {
        /// How it is looked.
        mode: Mode,
        /// A sentence for the user.
        says: String,
    },
    /// A tap is open: what is published from now on is seen.
    Open {
        /// The name of its queue.
        tap: String,
    },
    /// A message.
    Message(Box<Record>),
    /// So many messages more were written into the recording.
    Kept(u64),
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As many were shown as were asked for.
    Count,
    /// Nothing came for the time that was set.
    Idle,
    /// The time that was set is over.
    Time,
    /// Nobody reads any more.
    OutputClosed,
    /// A signal came.
    Signal,
    /// Everything was seen: recordings come to their end.
    All,
    /// Another source of the same run failed.
    Failed,
}

/// How a tail went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it was looked, a mode for each source.
    pub modes: Vec<Mode>,
    /// Messages shown.
    pub shown: u64,
    /// Messages seen and not asked for.
    pub passed_over: u64,
    /// Messages that a program could not judge, and the first reason.
    pub unjudged: (u64, Option<Failed>),
    /// What was held and given back; zero when peeking.
    pub released: Released,
    /// Messages deleted, by draining.
    pub drained: u64,
    /// Messages that were made safe and could not be deleted: they will be seen again.
    pub undeleted: u64,
    /// How reading went, for each recording.
    pub readings: Vec<(PathBuf, Reading)>,
    /// Taps that could not be removed, with the reason: the next run does it.
    pub left: Vec<String>,
    /// Why it ended.
    pub ended: Ended,
}

/// Why it was not looked, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// Looking could change more than a receive count.
    #[error("queue `{queue}` {why}")]
    Costly {
        /// The queue's name.
        queue: String,
        /// What looking could do there.
        why: String,
    },
    /// A permission is missing for a tap. Nothing of it is left but what the error names.
    #[error("a tap is not permitted{}", instead.as_ref().map(|why| format!(", and receiving instead is not harmless: {why}")).unwrap_or_default())]
    Untapped {
        /// What was denied.
        #[source]
        denied: BusError,
        /// Why it is not received instead, where that was thought of.
        instead: Option<String>,
    },
    /// The mode was asked for, and is not to be had.
    #[error("{0}")]
    NoSuchWay(String),
    /// A recording cannot be used.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The bus failed. What was held has been given back.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// What was taken could not be written. What was held has been given back.
    #[error("{what}")]
    Unwritten {
        /// What could not be written.
        what: String,
        /// Why.
        #[source]
        error: std::io::Error,
    },
}

/// Looks, and tells every message as [`Progress::Message`]; without a bus only at recordings. `reader_gone` ends it as a closed stdout does.
///
/// Whatever ends it, what is held is given back first, and taps are removed.
///
/// # Errors
/// [`TailError::Costly`] without `force` and [`TailError::NoSuchWay`], before anything is received; the others while looking.
pub async fn run(
    bus: Option<&Bus>,
    request: Request,
    emit: &Emitter,
    shutdown: &Shutdown,
    reader_gone: impl Future<Output = ()>,
) -> Result<Report, TailError> {
    run_into(bus, request, &mut Told { emit, shutdown }, emit, shutdown, reader_gone).await
}

/// The same with the messages going to `outlets`. What is drained is deleted once the recording among them has it on the disk.
///
/// # Errors
/// As [`run`], and [`TailError::Unwritten`].
pub async fn run_with(
    bus: Option<&Bus>,
    request: Request,
    outlets: Outlets<'_>,
    emit: &Emitter,
    shutdown: &Shutdown,
    reader_gone: impl Future<Output = ()>,
) -> Result<Report, TailError> {
    let mut sink = Spread { told: Told { emit, shutdown }, outlets, kept: 0, over: None };
    run_into(bus, request, &mut sink, emit, shutdown, reader_gone).await
}

/// The same with `sink` taking the messages.
pub(crate) async fn run_into<S: Sink>(
    bus: Option<&Bus>,
    request: Request,
    sink: &mut S,
    emit: &Emitter,
    shutdown: &Shutdown,
    reader_gone: impl Future<Output = ()>,
) -> Result<Report, TailError> {
    let ends = async {
        tokio::select! {
            () = shutdown.draining() => Ended::Signal,
            () = emit.closed() => Ended::OutputClosed,
            () = reader_gone => Ended::OutputClosed,
        }
    };
    tokio::pin!(ends);
    let mut report = Report {
        modes: Vec::new(),
        shown: 0,
        passed_over: 0,
        unjudged: (0, None),
        released: Released::default(),
        drained: 0,
        undeleted: 0,
        readings: Vec::new(),
        left: Vec::new(),
        ended: Ended::Signal,
    };
    let planned = tokio::select! {
        biased;
        ended = &mut ends => return Ok(Report { ended, ..report }),
        planned = plan::ways(bus, &request) => planned?,
    };
    report.modes = planned.iter().map(|way| way.mode()).collect();
    for way in &planned {
        let cost = Progress::Cost { mode: way.mode(), says: way.says.clone() };
        if let Err(Stop::Ended(ended)) = sink::tell(emit, shutdown, cost).await {
            return Ok(Report { ended, ..report });
        }
    }
    let (over, _) = watch::channel(None);
    let run = Run { request: &request, emit, shutdown, look: Look::new(&request).into(), sink: sink.into(), over };
    let results = {
        let looking = futures::future::join_all(planned.into_iter().map(|way| ways::follow(&run, way)));
        tokio::pin!(looking);
        tokio::select! {
            biased;
            results = &mut looking => results,
            ended = &mut ends => {
                run.end(ended);
                looking.await
            }
        }
    };
    let over = *run.over.borrow();
    let look = run.look.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    (report.shown, report.passed_over, report.unjudged) = (look.shown, look.passed_over, look.unjudged);
    report.ended = over.unwrap_or(Ended::All);
    let mut failed = None;
    for (mode, outcome) in report.modes.iter_mut().zip(results) {
        *mode = outcome.instead.unwrap_or(*mode);
        report.released = report.released + outcome.released;
        report.drained += outcome.drained;
        report.undeleted += outcome.undeleted;
        report.readings.extend(outcome.reading);
        report.left.extend(outcome.left);
        failed = failed.or(outcome.result.err());
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(report),
    }
}

impl From<Progress> for Event {
    fn from(progress: Progress) -> Self {
        Self::Tail(progress)
    }
}

impl From<OutputClosed> for Stop {
    fn from(_: OutputClosed) -> Self {
        Self::Ended(Ended::OutputClosed)
    }
}
