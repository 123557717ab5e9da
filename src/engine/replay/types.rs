//! What is asked of a replay and what it answers.

use std::io;
use std::sync::Arc;

use super::edit::Edit;
use super::journal::{Journal, JournalError};
use crate::bus::BusError;
use crate::clock::Clock;
use crate::engine::hold::Released;
use crate::engine::select::Selection;
use crate::engine::{Confirmed, Event};

/// What to take, and how.
#[derive(Debug)]
pub struct Request {
    /// Which messages.
    pub selection: Selection,
    /// At most so many.
    pub limit: Option<u64>,
    /// What becomes of them.
    pub work: Work,
    /// What is changed on the way.
    pub edit: Option<Edit>,
    /// Messages a second at most.
    pub rate: Option<u32>,
    /// So many times as fast as they were recorded.
    pub speed: Option<f64>,
    /// Calls of one kind at a time.
    pub concurrency: usize,
    /// Where each step is noted; a dry run has none.
    pub journal: Option<Arc<Journal>>,
    /// The journal is that of a run that was interrupted: go on where it ended.
    pub resume: bool,
    /// For the moment of the start.
    pub clock: Clock,
}

/// What becomes of the messages that are taken.
#[derive(Debug)]
pub enum Work {
    /// Only tell what would be done.
    DryRun {
        /// As a copy.
        copy: bool,
    },
    /// Leave the originals where they are.
    Copy(Confirmed),
    /// Delete each original once its copy is confirmed.
    Move(Confirmed),
}

impl Request {
    /// Whether nothing is counted, paced, copied, or taken up again: then a bus that can may move messages in one step.
    pub const fn is_plain(&self, dry_run: bool, copy: bool) -> bool {
        !dry_run && !copy && !self.resume && self.limit.is_none() && self.rate.is_none()
    }

    /// Whether it is only told what would be done.
    pub const fn is_dry_run(&self) -> bool {
        matches!(self.work, Work::DryRun { .. })
    }

    /// Whether the originals stay, or would.
    pub const fn is_copy(&self) -> bool {
        matches!(self.work, Work::Copy(_) | Work::DryRun { copy: true })
    }
}

/// A message, as reports name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id in the source; of a line that is no record, the line.
    pub message_id: String,
    /// The event's name, if the body is an event.
    pub event: Option<String>,
    /// The event's entity id, if it has one.
    pub entity_id: Option<String>,
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Sent, confirmed, and deleted at the source.
    Moved {
        /// Its id in the destination.
        message_id: String,
        /// An answer was lost before it was confirmed: it may have arrived twice.
        uncertain: bool,
    },
    /// Sent and confirmed; the original stays, as asked.
    Copied {
        /// Its id in the destination.
        message_id: String,
        /// An answer was lost before it was confirmed: it may have arrived twice.
        uncertain: bool,
    },
    /// A dry run would send it.
    WouldMove,
    /// Not sent: it cannot be, and stays where it is.
    Refused {
        /// Why.
        reason: String,
    },
    /// The destination did not confirm it; it stays where it is.
    Failed {
        /// The service's code.
        code: String,
        /// The service's sentence.
        reason: String,
        /// It may have arrived all the same: the answer was lost.
        uncertain: bool,
    },
    /// Sent and confirmed, but still at the source: it will be seen again.
    Duplicated {
        /// Its id in the destination.
        message_id: String,
        /// Why it could not be deleted.
        reason: String,
    },
}

/// What a replay tells.
#[derive(Clone, Debug)]
pub enum Progress {
    /// About so many messages there are to be looked at.
    Total(u64),
    /// SQS has moved about so many so far, by itself.
    MovedSoFar(u64),
    /// One message is settled.
    Item {
        /// Which.
        item: Item,
        /// The queue, topic or file it went to or should have gone to (its name), if that is known.
        to: Option<String>,
        /// What became of it.
        outcome: Outcome,
    },
}

impl From<Progress> for Event {
    fn from(progress: Progress) -> Self {
        Self::Replay(progress)
    }
}

/// How a replay went. Every message that was looked at is in exactly one of the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Moved, copied, or (dry run) would be moved.
    pub done: u64,
    /// Done by the run that this one resumes.
    pub earlier: u64,
    /// Not selected; given back.
    pub skipped: u64,
    /// Came after the start, or what this run itself had sent came back; given back.
    pub late: u64,
    /// Not sendable; given back.
    pub refused: u64,
    /// Not confirmed; given back.
    pub failed: u64,
    /// Sent, but still at the source.
    pub duplicated: u64,
    /// By their ids in the source, what may have arrived twice: an answer was lost, or a run was killed while it waited for one.
    pub possible_duplicates: Vec<String>,
    /// What was held and given back.
    pub released: Released,
    /// A signal came; how many messages were being sent at that moment (they were finished).
    pub interrupted: Option<u64>,
    /// A second signal came: these ids may have been sent and are still at the source.
    pub abandoned: Vec<String>,
    /// About how many messages are in the source now, in flight and delayed ones included, if that could be asked.
    pub left: Option<u64>,
    /// Nobody read the report to its end, so it stopped early.
    pub output_closed: bool,
    /// It was only looked.
    pub dry_run: bool,
}

impl Report {
    /// Whether a resumed run would find nothing to do.
    pub fn is_finished(&self) -> bool {
        self.failed == 0
            && self.duplicated == 0
            && self.interrupted.is_none()
            && self.abandoned.is_empty()
            && !self.output_closed
    }
}

/// Why a replay did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Source and destination are the same queue.
    #[error("source and destination are both `{0}`")]
    SameQueue(String),
    /// Nothing says where the messages came from. They were given back.
    #[error("the messages of `{queue}` do not say where they came from, and {}", said(sources))]
    UnknownOrigin {
        /// The source.
        queue: String,
        /// The names of the queues that dead-letter into it; not just one.
        sources: Vec<String>,
    },
    /// A FIFO queue takes only messages of a group.
    #[error("`{to}` is FIFO and `{from}` is not: its messages have no group to be ordered in")]
    FifoMismatch {
        /// The source.
        from: String,
        /// The destination.
        to: String,
    },
    /// The bus failed. What was held has been given back, and what had been done is in the report.
    #[error("{error}")]
    Bus {
        /// The failure.
        #[source]
        error: BusError,
        /// What had been done until then.
        report: Box<Report>,
    },
    /// The journal failed, so nothing more was sent. What was held has been given back.
    #[error("{error}")]
    Journal {
        /// The failure.
        #[source]
        error: JournalError,
        /// What had been done until then.
        report: Box<Report>,
    },
    /// A file failed: the recording that is read, or the one that is written.
    #[error("`{name}` cannot be used")]
    File {
        /// The file.
        name: String,
        /// The failure.
        #[source]
        error: io::Error,
        /// What had been done until then.
        report: Box<Report>,
    },
}

impl ReplayError {
    /// The same with what had been done until then.
    pub(super) fn after(self, done: Report) -> Self {
        let report = Box::new(done);
        match self {
            Self::Bus { error, .. } => Self::Bus { error, report },
            Self::Journal { error, .. } => Self::Journal { error, report },
            Self::File { name, error, .. } => Self::File { name, error, report },
            other => other,
        }
    }
}

fn said(sources: &[String]) -> String {
    match sources {
        [] => "no queue dead-letters there".into(),
        many => format!("{} all dead-letter there", crate::words::list(many)),
    }
}

impl From<BusError> for ReplayError {
    fn from(error: BusError) -> Self {
        Self::Bus { error, report: Box::default() }
    }
}

impl From<JournalError> for ReplayError {
    fn from(error: JournalError) -> Self {
        Self::Journal { error, report: Box::default() }
    }
}
