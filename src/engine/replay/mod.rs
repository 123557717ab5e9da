//! From a dead-letter queue back to where its messages came from, or from any queue to another, without losing one.
//!
//! Per message: received and held, sent, confirmed, and only then deleted at the source. What fails stays where it was. What
//! was sent and cannot be deleted is reported, since it will be seen again.

mod plan;
#[cfg(test)]
mod tests;
mod transfer;

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::hold::{FIRST, Holds, Released};
use super::record::record_of;
use super::shutdown::Shutdown;
use super::tail::is_wanted;
use super::{Confirmed, Emitter, Event, Untold};
use crate::bus::{Bus, BusError, MAX_BATCH, Message, Queue, Receive};
use crate::clock::Clock;

pub use plan::{Plan, To, plan};

/// Empty long polls after which a queue is taken to be empty. One is not enough on AWS, where the count is approximate.
const EMPTY_POLLS: u32 = 2;

/// How long such a poll waits: a long poll asks all servers, a short one only some, so it must not be zero on AWS.
const POLL: Duration = Duration::from_secs(2);

/// Receives in a row that bring nothing but latecomers, after which those are left to themselves: who rejects as fast as we send
/// would keep a replay going for ever.
const LATE_RECEIVES: u32 = 10;

/// How many of the messages sent last are remembered, in a few megabytes. What comes back comes back soon.
const REMEMBERED: usize = 1 << 17;

/// By how much the service's clock may differ from ours. What was sent that long before the start cannot be our own.
const SKEW_MS: i64 = 5 * 60 * 1000;

/// What to take, and how.
#[derive(Debug)]
pub struct Request {
    /// Only events of this name.
    pub event: Option<String>,
    /// At most so many.
    pub limit: Option<u64>,
    /// What becomes of them.
    pub work: Work,
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
    /// Its id in the source.
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
    },
    /// Sent and confirmed; the original stays, as asked.
    Copied {
        /// Its id in the destination.
        message_id: String,
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
    /// One message is settled.
    Item {
        /// Which.
        item: Item,
        /// The queue it went to or should have gone to (its name), if that is known.
        to: Option<String>,
        /// What became of it.
        outcome: Outcome,
    },
}

/// How a replay went. Every message that was looked at is in exactly one of the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Moved, copied, or (dry run) would be moved.
    pub done: u64,
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

/// Carries out `plan`.
///
/// The first signal (or a closed output) stops the receiving; what is being sent is finished and the rest given back.
///
/// # Errors
/// [`ReplayError::Bus`] when the bus fails as a whole, after everything held was given back.
pub async fn run(
    bus: &Bus,
    plan: &Plan,
    request: &Request,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Result<Report, ReplayError> {
    let mut run = Run {
        bus,
        plan,
        request,
        emit,
        shutdown,
        origins: plan::Origins::new(bus, plan),
        hasher: RandomState::new(),
        started_ms: request.clock.now_ms(),
        stays: HashSet::new(),
        sent: Recent::new(REMEMBERED),
        sent_bodies: Recent::new(REMEMBERED),
        looked_at: false,
        in_flight: HashSet::new(),
        report: Report { dry_run: request.is_dry_run(), ..Report::default() },
    };
    if run.say_what_it_costs().await == Err(Untold::Closed) {
        run.report.output_closed = true;
    }
    if request.is_dry_run() && bus.can_peek() {
        let looked = run.peek_through().await;
        return run.end(looked, Released::default()).await;
    }
    let holds = Holds::start(bus, &plan.source);
    let moved = run.receive_through(&holds).await;
    let released = holds.release_all().await;
    run.end(moved, released).await
}

struct Run<'a> {
    bus: &'a Bus,
    plan: &'a Plan,
    request: &'a Request,
    emit: &'a Emitter,
    shutdown: &'a Shutdown,
    origins: plan::Origins<'a>,
    hasher: RandomState,
    started_ms: i64,
    /// By hash of the id, what was looked at and stays: held until the end, so no more than a queue lets one hold (SQS: 120,000).
    stays: HashSet<u64>,
    /// By hash of the id, what was confirmed elsewhere: never sent twice.
    sent: Recent,
    /// By hash, the bodies of those.
    sent_bodies: Recent,
    /// Whether anything was looked at yet.
    looked_at: bool,
    /// What is being sent and has no outcome yet.
    in_flight: HashSet<String>,
    report: Report,
}

/// The last so many hashes, however many there were.
struct Recent {
    known: HashSet<u64>,
    order: VecDeque<u64>,
    most: usize,
}

impl Recent {
    fn new(most: usize) -> Self {
        Self { known: HashSet::new(), order: VecDeque::new(), most }
    }

    fn insert(&mut self, hash: u64) {
        if self.known.insert(hash) {
            self.order.push_back(hash);
            if self.order.len() > self.most
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }

    fn contains(&self, hash: u64) -> bool {
        self.known.contains(&hash)
    }
}

/// A message that was selected and has a destination.
struct Parcel {
    message: Message,
    item: Item,
    to: Queue,
}

impl Run<'_> {
    /// Hands `event` on. A reader that is behind is waited for until the second signal; what was done is in the report anyway.
    async fn tell(&self, event: impl Into<Event>) -> Result<(), Untold> {
        self.emit.emit_until(event, self.shutdown.aborting()).await
    }

    /// What the user should know beforehand about a replay that gives messages back.
    async fn say_what_it_costs(&self) -> Result<(), Untold> {
        let Plan { source, attributes, to, .. } = self.plan;
        let gives_back = self.request.event.is_some() || self.request.is_dry_run() || self.request.is_copy();
        let receives = !(self.request.is_dry_run() && self.bus.can_peek());
        if self.request.is_dry_run() && receives {
            let says = format!(
                "this bus cannot show messages without receiving them: each message of `{}` is received once (its receive count \
                 goes up by one), hidden from consumers while this runs, and given back at the end",
                source.name
            );
            self.tell(Event::Warning(says)).await?;
        }
        if let Some(redrive) = attributes.redrive.as_ref().filter(|_| gives_back && receives) {
            let says = format!(
                "what is not moved is given back, but looking counts as a receive, and `{}` moves a message to `{}` once it was \
                 received {} times",
                source.name,
                redrive.dead_letter_arn.rsplit(':').next().unwrap_or_default(),
                redrive.max_receives
            );
            self.tell(Event::Warning(says)).await?;
        }
        if attributes.fifo && gives_back && receives {
            let says = format!(
                "`{}` is FIFO: in a group with a message that is not moved, those behind it may not be looked at",
                source.name
            );
            self.tell(Event::Warning(says)).await?;
        }
        let to_fifo = to.iter().chain(&self.plan.sources).any(Queue::is_fifo);
        if to_fifo && !self.request.is_dry_run() {
            let says = "the messages keep their groups and get fresh deduplication ids, since their old ones may still be swallowed";
            self.tell(Event::Note(says.into())).await?;
        }
        Ok(())
    }

    async fn end(mut self, result: Result<(), ReplayError>, released: Released) -> Result<Report, ReplayError> {
        self.report.released = released;
        // A courtesy: without the permission, or on a bus that just failed, the report goes without it.
        if result.is_ok()
            && let Ok(now) = self.bus.queue_attributes(&self.plan.source).await
        {
            self.report.left = Some(now.visible + now.in_flight + now.delayed);
        }
        match result {
            Ok(()) => Ok(self.report),
            Err(ReplayError::Bus { error, .. }) => Err(ReplayError::Bus { error, report: Box::new(self.report) }),
            Err(other) => Err(other),
        }
    }

    /// How many may still be taken.
    fn room(&self) -> u64 {
        let taken = self.report.done + self.report.refused + self.report.failed + self.report.duplicated;
        self.request.limit.map_or(u64::MAX, |limit| limit.saturating_sub(taken))
    }

    /// The dry run where nothing need be received.
    async fn peek_through(&mut self) -> Result<(), ReplayError> {
        let mut cursor = 0;
        while self.room() > 0 && !self.shutdown.is_draining() && !self.report.output_closed {
            let peeked = self.bus.peek(&self.plan.source, cursor, 100, Duration::ZERO).await?;
            if peeked.messages.is_empty() {
                break;
            }
            if cursor == 0 {
                self.check_origins(&peeked.messages)?;
            }
            cursor = peeked.cursor;
            for message in peeked.messages {
                if self.room() == 0 {
                    break;
                }
                if self.is_late(&message) {
                    self.report.late += 1;
                    continue;
                }
                if let Some(parcel) = self.select(message).await? {
                    self.settle(parcel.item, Some(&parcel.to), Outcome::WouldMove).await;
                }
            }
        }
        if self.shutdown.is_draining() {
            self.report.interrupted = Some(0);
        }
        Ok(())
    }

    async fn receive_through(&mut self, holds: &Holds) -> Result<(), ReplayError> {
        let (wait, polls) = if self.bus.can_peek() { (Duration::ZERO, 1) } else { (POLL, EMPTY_POLLS) };
        let (mut empty, mut late) = (0, 0);
        while self.room() > 0 && !self.report.output_closed {
            // With a selection it is not known which of ten count, so ten are taken; without, no more than are wanted.
            let max = if self.request.event.is_some() { MAX_BATCH as u64 } else { self.room().min(MAX_BATCH as u64) };
            let receive = Receive { max: max as u32, wait, visibility: Some(FIRST) };
            let received = tokio::select! {
                biased;
                () = self.shutdown.draining() => {
                    self.report.interrupted.get_or_insert(0);
                    return Ok(());
                }
                received = self.bus.receive(&self.plan.source, receive) => received?,
            };
            for message in &received {
                holds.add(&message.receipt_handle);
            }
            let fresh = self.only_fresh(received, holds).await;
            if fresh.is_empty() {
                empty += 1;
                if empty >= polls {
                    return Ok(());
                }
                continue;
            }
            empty = 0;
            let (latecomers, fresh): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|message| self.is_late(message));
            self.report.late += latecomers.len() as u64;
            if fresh.is_empty() {
                late += 1;
                if late >= LATE_RECEIVES {
                    return Ok(());
                }
                continue;
            }
            late = 0;
            if !std::mem::replace(&mut self.looked_at, true) {
                self.check_origins(&fresh)?;
            }
            let mut parcels = Vec::with_capacity(fresh.len());
            for message in fresh {
                // What is beyond the limit was received for nothing; it is held and given back like what is not selected.
                if parcels.len() as u64 >= self.room() {
                    self.report.skipped += 1;
                    continue;
                }
                if let Some(parcel) = self.select(message).await? {
                    parcels.push(parcel);
                }
            }
            if self.request.is_dry_run() {
                for parcel in parcels {
                    self.settle(parcel.item, Some(&parcel.to), Outcome::WouldMove).await;
                }
            } else {
                self.transfer(parcels, holds).await;
                if !self.report.abandoned.is_empty() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Looked at once, with the first messages: to find out one by one that nothing has an origin would touch them all.
    fn check_origins(&self, first: &[Message]) -> Result<(), ReplayError> {
        if !self.origins.are_unknown(first) {
            return Ok(());
        }
        let sources = self.plan.sources.iter().map(|queue| queue.name.clone()).collect();
        Err(ReplayError::UnknownOrigin { queue: self.plan.source.name.clone(), sources })
    }

    /// Leaves only what this run has not looked at yet. A message that was already sent and comes again is deleted again.
    async fn only_fresh(&mut self, received: Vec<Message>, holds: &Holds) -> Vec<Message> {
        let mut fresh = Vec::with_capacity(received.len());
        let mut again = Vec::new();
        for message in received {
            let hash = self.hash(&message.id);
            if self.sent.contains(hash) {
                again.push(message.receipt_handle);
            } else if self.stays.insert(hash) {
                fresh.push(message);
            }
        }
        if !again.is_empty() {
            for (handle, outcome) in again.iter().zip(self.bus.delete_batch(&self.plan.source, &again).await) {
                if outcome.is_ok() {
                    holds.remove(handle);
                }
            }
        }
        fresh
    }

    /// Whether the message came after the start: another rejection, or what this run itself had sent, back under a new id.
    ///
    /// SQS leaves a message the time of its first sending when it dead-letters it, so that time alone tells most. A clock that
    /// differs hides it: so what may be that recent is not sent either when the same body was.
    fn is_late(&self, message: &Message) -> bool {
        let sent_at = message.system.sent_at_ms;
        sent_at.is_some_and(|at| at > self.started_ms)
            || sent_at.is_none_or(|at| at > self.started_ms - SKEW_MS)
                && self.sent_bodies.contains(self.hash(&message.body))
    }

    fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    /// Makes a parcel of a message that is wanted and has somewhere to go; settles it otherwise.
    async fn select(&mut self, message: Message) -> Result<Option<Parcel>, BusError> {
        let record = record_of(&self.plan.source.name, message.clone());
        if !is_wanted(&record, self.request.event.as_deref()) {
            self.report.skipped += 1;
            return Ok(None);
        }
        let item = Item {
            message_id: message.id.clone(),
            event: record.event.as_ref().map(|event| event.metadata.event_name.clone()),
            entity_id: record.event.as_ref().and_then(|event| event.metadata.entity_id.clone()),
        };
        match self.origins.of(&message).await? {
            Ok(to) if to.is_fifo() && message.system.group_id.is_none() => {
                let reason = format!("it has no message group, and `{}` is FIFO", to.name);
                self.settle(item, Some(&to), Outcome::Refused { reason }).await;
                Ok(None)
            }
            Ok(to) => Ok(Some(Parcel { message, item, to })),
            Err(reason) => {
                self.settle(item, None, Outcome::Refused { reason }).await;
                Ok(None)
            }
        }
    }

    async fn settle(&mut self, item: Item, to: Option<&Queue>, outcome: Outcome) {
        self.in_flight.remove(&item.message_id);
        match &outcome {
            Outcome::Moved { .. } | Outcome::Copied { .. } | Outcome::WouldMove => self.report.done += 1,
            Outcome::Refused { .. } => self.report.refused += 1,
            Outcome::Failed { .. } => self.report.failed += 1,
            Outcome::Duplicated { .. } => self.report.duplicated += 1,
        }
        let to = to.map(|queue| queue.name.clone());
        if self.tell(Progress::Item { item, to, outcome }).await == Err(Untold::Closed) {
            self.report.output_closed = true;
        }
    }
}

impl From<Progress> for Event {
    fn from(progress: Progress) -> Self {
        Self::Replay(progress)
    }
}
