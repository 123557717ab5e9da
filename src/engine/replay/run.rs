//! The run itself: waves of messages are taken, selected, and handed to the transfer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::journal::Journal;
use super::pace::Pace;
use super::plan::{Origins, Place, Plan, Source};
use super::sink::Sink;
use super::transfer::Parcel;
use super::types::{Item, Outcome, Progress, ReplayError, Report, Request};
use crate::bus::{Bus, BusError, MAX_BATCH, Message, Queue, Receive};
use crate::engine::hold::{Holds, Released};
use crate::engine::record::record_of;
use crate::engine::shutdown::Shutdown;
use crate::engine::{Emitter, Event, Untold};
use crate::event::Record;

/// Empty long polls after which a queue is taken to be empty. One is not enough on AWS, where the count is approximate.
const EMPTY_POLLS: u32 = 2;

/// How long a receive hides its messages at first: long enough for two tries of an extension, and no longer than whoever resumes
/// a killed run wants to wait for what that had received and not noted.
pub(super) const FIRST: Duration = Duration::from_secs(30);

/// How long such a poll waits: a long poll asks all servers, a short one only some, so it must not be zero on AWS.
pub(super) const POLL: Duration = Duration::from_secs(2);

/// A wave with more in its bodies is followed by a smaller one, so that large messages do not fill the memory.
const WAVE_BYTES: usize = 16 * 1024 * 1024;

/// Receives in a row that bring nothing but latecomers, after which those are left to themselves: who rejects as fast as we send
/// would keep a replay going for ever.
const LATE_RECEIVES: u32 = 10;

/// How many of the messages sent last are remembered, in a few megabytes. What comes back comes back soon.
const REMEMBERED: usize = 1 << 17;

/// By how much the service's clock may differ from ours. What was sent that long before the start cannot be our own.
const SKEW_MS: i64 = 5 * 60 * 1000;

/// Carries out `plan`.
///
/// The first signal (or a closed output) stops the receiving; what is being sent is finished and the rest given back.
///
/// # Errors
/// [`ReplayError::Bus`] when the bus fails as a whole, [`ReplayError::Journal`] when its steps cannot be noted, and
/// [`ReplayError::File`]; all after everything held was given back.
pub async fn run(
    bus: &Bus,
    plan: &Plan,
    request: &Request,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Result<Report, ReplayError> {
    let mut run = Run::new(bus, plan, request, emit, shutdown);
    if run.say_what_it_costs().await == Err(Untold::Closed) {
        run.report.output_closed = true;
    }
    match &plan.source {
        Source::Recording(name, path) => {
            let fed = match run.take_up(None).await {
                Ok(()) => run.feed_through(name, path.clone()).await,
                failed => failed,
            };
            run.end(fed, Released::default()).await
        }
        Source::Queue { queue, .. } if request.is_dry_run() && bus.can_peek() => {
            let looked = run.peek_through(queue).await;
            run.end(looked, Released::default()).await
        }
        Source::Queue { queue, .. } => {
            let holds = Holds::start(bus, queue);
            let moved = match run.take_up(Some(queue)).await {
                Ok(()) => run.receive_through(queue, &holds).await,
                failed => failed,
            };
            let released = holds.release_all().await;
            run.end(moved, released).await
        }
    }
}

pub(super) struct Run<'a> {
    pub(super) bus: &'a Bus,
    /// The bus of the destinations.
    pub(super) there: &'a Bus,
    pub(super) plan: &'a Plan,
    pub(super) request: &'a Request,
    pub(super) emit: &'a Emitter,
    pub(super) shutdown: &'a Shutdown,
    pub(super) journal: Option<&'a Journal>,
    /// The run's own name, the same when it is resumed.
    pub(super) name: String,
    origins: Origins<'a>,
    hasher: RandomState,
    started_ms: i64,
    /// By hash of the id, what was looked at and stays: held until the end, so no more than a queue lets one hold (SQS: 120,000).
    pub(super) stays: HashSet<u64>,
    /// By hash of the id, what was confirmed elsewhere: never sent twice.
    pub(super) sent: Recent,
    /// By hash, the bodies of those.
    pub(super) sent_bodies: Recent,
    /// By id, what the run that is resumed had confirmed and perhaps not deleted: where it went, and as what.
    pub(super) sent_before: HashMap<String, (String, String)>,
    /// By hash of the id, what it had done for good.
    pub(super) done_before: HashSet<u64>,
    /// Until when what it had received may still be invisible.
    pub(super) wait_until: Option<Instant>,
    /// Whether that was said.
    pub(super) told_to_wait: bool,
    /// Whether anything was looked at yet.
    looked_at: bool,
    /// What is being sent and has no outcome yet.
    pub(super) in_flight: Mutex<HashSet<String>>,
    /// Places and groups of which a message was not sent: those after it must not overtake it.
    pub(super) blocked: Mutex<HashSet<(String, String)>>,
    pub(super) pace: Mutex<Pace>,
    pub(super) sink: Mutex<Option<Sink>>,
    pub(super) report: Report,
}

/// The last so many hashes, however many there were.
pub(super) struct Recent {
    pub(super) known: HashSet<u64>,
    pub(super) order: VecDeque<u64>,
    most: usize,
}

impl Recent {
    pub(super) fn new(most: usize) -> Self {
        Self { known: HashSet::new(), order: VecDeque::new(), most }
    }

    pub(super) fn insert(&mut self, hash: u64) {
        if self.known.insert(hash) {
            self.order.push_back(hash);
            if self.order.len() > self.most
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }

    pub(super) fn contains(&self, hash: u64) -> bool {
        self.known.contains(&hash)
    }
}

impl<'a> Run<'a> {
    fn new(bus: &'a Bus, plan: &'a Plan, request: &'a Request, emit: &'a Emitter, shutdown: &'a Shutdown) -> Self {
        let journal = request.journal.as_deref();
        let random = || format!("{:012x}", crate::clock::random_id().as_u128() & 0xffff_ffff_ffff);
        Run {
            bus,
            there: plan.other_bus.as_ref().unwrap_or(bus),
            plan,
            request,
            emit,
            shutdown,
            journal,
            name: journal.map_or_else(random, |journal| journal.facts().id.clone()),
            origins: Origins::new(bus, plan),
            hasher: RandomState::new(),
            // What came after the first start came after, however often it is resumed.
            started_ms: journal.map_or_else(|| request.clock.now_ms(), |journal| journal.facts().started_ms),
            stays: HashSet::new(),
            sent: Recent::new(REMEMBERED),
            sent_bodies: Recent::new(REMEMBERED),
            sent_before: HashMap::new(),
            done_before: HashSet::new(),
            wait_until: None,
            told_to_wait: false,
            looked_at: false,
            in_flight: Mutex::default(),
            blocked: Mutex::default(),
            pace: Mutex::new(Pace::new(request.rate)),
            sink: Mutex::default(),
            report: Report { dry_run: request.is_dry_run(), ..Report::default() },
        }
    }

    /// Hands `event` on. A reader that is behind is waited for until the second signal; what was done is in the report anyway.
    pub(super) async fn tell(&self, event: impl Into<Event>) -> Result<(), Untold> {
        self.emit.emit_until(event, self.shutdown.aborting()).await
    }

    /// What the user should know beforehand about a replay that gives messages back.
    async fn say_what_it_costs(&self) -> Result<(), Untold> {
        let Plan { source, to, .. } = self.plan;
        if let Source::Queue { queue, attributes, .. } = source {
            let all = self.request.selection.is_everything() && self.request.edit.is_none();
            let gives_back = !all || self.request.is_dry_run() || self.request.is_copy();
            let receives = !(self.request.is_dry_run() && self.bus.can_peek());
            if self.request.is_dry_run() && receives {
                let says = format!(
                    "this bus cannot show messages without receiving them: each message of `{}` is received once (its receive \
                     count goes up by one), hidden from consumers while this runs, and given back at the end",
                    queue.name
                );
                self.tell(Event::Warning(says)).await?;
            }
            if let Some(redrive) = attributes.redrive.as_ref().filter(|_| gives_back && receives) {
                let says = format!(
                    "what is not moved is given back, but looking counts as a receive, and `{}` moves a message to `{}` once it \
                     was received {} times",
                    queue.name,
                    redrive.dead_letter_arn.rsplit(':').next().unwrap_or_default(),
                    redrive.max_receives
                );
                self.tell(Event::Warning(says)).await?;
            }
            if attributes.fifo && gives_back && receives {
                let says = format!(
                    "`{}` is FIFO: in a group with a message that is not moved, those behind it may not be looked at",
                    queue.name
                );
                self.tell(Event::Warning(says)).await?;
            }
            let limit = self.request.limit.unwrap_or(u64::MAX);
            self.tell(Progress::Total(attributes.visible.min(limit))).await?;
        }
        let fifo = to.as_ref().is_some_and(Place::is_fifo) || source.sources().iter().any(Queue::is_fifo);
        if fifo && !self.request.is_dry_run() {
            let says = "the messages keep their groups and get fresh deduplication ids, since their old ones may still be swallowed";
            self.tell(Event::Note(says.into())).await?;
        }
        Ok(())
    }

    async fn end(mut self, result: Result<(), ReplayError>, released: Released) -> Result<Report, ReplayError> {
        self.report.released = released;
        // A courtesy: without the permission, or on a bus that just failed, the report goes without it.
        if result.is_ok()
            && let Some(queue) = self.plan.source.queue()
            && let Ok(now) = self.bus.queue_attributes(queue).await
        {
            self.report.left = Some(now.visible + now.in_flight + now.delayed);
        }
        self.report.possible_duplicates.sort();
        self.report.possible_duplicates.dedup();
        match result {
            Ok(()) => Ok(self.report),
            Err(error) => Err(error.after(self.report)),
        }
    }

    /// How many may still be taken.
    pub(super) fn room(&self) -> u64 {
        let Report { done, earlier, refused, failed, duplicated, .. } = self.report;
        self.request
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(done + earlier + refused + failed + duplicated))
    }

    /// How many one wave takes at most: a rate is kept to the second, so that a signal need not wait for long.
    pub(super) fn wave(&self, lanes: usize) -> usize {
        let most = (lanes * MAX_BATCH).min(self.request.rate.map_or(usize::MAX, |rate| rate.max(1) as usize));
        // With a selection it is not known which of ten count, so ten are taken; without, no more than are wanted.
        if self.request.selection.is_everything() {
            most.min(usize::try_from(self.room()).unwrap_or(usize::MAX))
        } else {
            most
        }
    }

    /// The dry run where nothing need be received.
    async fn peek_through(&mut self, queue: &Queue) -> Result<(), ReplayError> {
        let mut cursor = 0;
        while self.room() > 0 && !self.shutdown.is_draining() && !self.report.output_closed {
            let peeked = self.bus.peek(queue, cursor, 100, Duration::ZERO).await?;
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
                if let Some(parcel) = self.select_message(queue, message).await? {
                    self.settle(parcel.item, Some(&parcel.to), Outcome::WouldMove).await;
                }
            }
        }
        if self.shutdown.is_draining() {
            self.report.interrupted = Some(0);
        }
        Ok(())
    }

    async fn receive_through(&mut self, queue: &Queue, holds: &Holds) -> Result<(), ReplayError> {
        let (wait, polls) = if self.bus.can_peek() { (Duration::ZERO, 1) } else { (POLL, EMPTY_POLLS) };
        let most = if self.plan.is_ordered() { 1 } else { self.request.concurrency.max(1) };
        let (mut empty, mut late, mut lanes) = (0, 0, 1);
        while self.room() > 0 && !self.report.output_closed {
            let wave = self.wave(lanes);
            let asked: Vec<usize> = (0..wave).step_by(MAX_BATCH).map(|at| (wave - at).min(MAX_BATCH)).collect();
            let receives = asked
                .iter()
                .map(|max| self.bus.receive(queue, Receive { max: *max as u32, wait, visibility: Some(FIRST) }));
            let received = tokio::select! {
                biased;
                () = self.shutdown.draining() => {
                    self.report.interrupted.get_or_insert(0);
                    return Ok(());
                }
                received = futures::future::join_all(receives) => received,
            };
            // All are held before anything else is looked at, a failure beside them included.
            for message in received.iter().flatten().flatten() {
                holds.add_for(&message.receipt_handle, FIRST);
            }
            let received: Vec<Vec<Message>> = received.into_iter().collect::<Result<_, _>>()?;
            // Many receives at once only while there is plenty: the last messages need no crowd, and idle polls cost.
            let plenty = received.iter().zip(&asked).all(|(messages, max)| messages.len() == *max);
            let bytes: usize = received.iter().flatten().map(|message| message.body.len()).sum();
            lanes = match plenty {
                true if bytes > WAVE_BYTES => (lanes / 2).max(1),
                true => (lanes * 2).min(most),
                false => 1,
            };
            let fresh = self.only_fresh(queue, received.into_iter().flatten().collect(), holds).await;
            if fresh.is_empty() {
                if self.more_may_come_back(queue).await {
                    continue;
                }
                empty += 1;
                if empty >= polls {
                    return Ok(());
                }
                continue;
            }
            empty = 0;
            let (latecomers, fresh): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|message| self.is_late(message));
            self.report.late += latecomers.len() as u64;
            let held: Vec<(String, String)> =
                latecomers.iter().chain(&fresh).map(|m| (m.id.clone(), m.receipt_handle.clone())).collect();
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
                if let Some(parcel) = self.select_message(queue, message).await? {
                    parcels.push(parcel);
                }
            }
            self.go_on(parcels, &held, Some(holds)).await?;
            if !self.report.abandoned.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) async fn go_on(
        &mut self,
        parcels: Vec<Parcel>,
        held: &[(String, String)],
        holds: Option<&Holds>,
    ) -> Result<(), ReplayError> {
        if !self.request.is_dry_run() {
            return self.transfer(parcels, held, holds).await;
        }
        for parcel in parcels {
            self.settle(parcel.item, Some(&parcel.to), Outcome::WouldMove).await;
        }
        Ok(())
    }

    /// Looked at once, with the first messages: to find out one by one that nothing has an origin would touch them all.
    fn check_origins(&self, first: &[Message]) -> Result<(), ReplayError> {
        if !self.origins.are_unknown(first) {
            return Ok(());
        }
        let sources = self.plan.source.sources().iter().map(|queue| queue.name.clone()).collect();
        Err(ReplayError::UnknownOrigin { queue: self.plan.source.name().to_owned(), sources })
    }

    /// Leaves only what this run has not looked at yet. A message that was already sent and comes again is deleted again.
    async fn only_fresh(&mut self, queue: &Queue, received: Vec<Message>, holds: &Holds) -> Vec<Message> {
        let mut fresh = Vec::with_capacity(received.len());
        let mut again = Vec::new();
        for message in received {
            let hash = self.hash(&message.id);
            let earlier = self.done_before.contains(&hash);
            if earlier && self.request.is_copy() {
                // Copied by the run that is resumed: it is held, so that it does not come again and again, and given back.
                self.stays.insert(hash);
            } else if earlier || self.sent.contains(hash) || self.sent_before.contains_key(&message.id) {
                again.push(message);
            } else if self.stays.insert(hash) {
                fresh.push(message);
            }
        }
        if !again.is_empty() {
            let handles: Vec<String> = again.iter().map(|message| message.receipt_handle.clone()).collect();
            let deleted = self.bus.delete_batch(queue, &handles).await;
            for (message, outcome) in again.into_iter().zip(deleted) {
                if outcome.is_err() {
                    continue;
                }
                holds.remove(&message.receipt_handle);
                if let Some((place, message_id)) = self.sent_before.remove(&message.id) {
                    self.report.earlier -= 1;
                    self.finish_earlier(message.id, place, message_id).await;
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

    pub(super) fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    async fn select_message(&mut self, queue: &Queue, message: Message) -> Result<Option<Parcel>, BusError> {
        let record = record_of(&queue.name, message.clone());
        let key = message.id.clone();
        self.select(record, message, key, None).await
    }

    /// Makes a parcel of a message that is wanted and has somewhere to go; settles it otherwise.
    pub(super) async fn select(
        &mut self,
        record: Record,
        message: Message,
        key: String,
        recorded: Option<&str>,
    ) -> Result<Option<Parcel>, BusError> {
        let item = Item {
            message_id: message.id.clone(),
            event: record.event.as_ref().map(|event| event.metadata.event_name.clone()),
            entity_id: record.event.as_ref().and_then(|event| event.metadata.entity_id.clone()),
        };
        match self.request.selection.takes(&record) {
            Ok(true) => {}
            Ok(false) => {
                self.report.skipped += 1;
                return Ok(None);
            }
            // Nobody can say whether it is meant.
            Err(failed) => {
                self.settle(item, None, Outcome::Refused { reason: failed.to_string() }).await;
                return Ok(None);
            }
        }
        let to = match self.origins.of(&message, recorded).await? {
            Ok(to) => to,
            Err(reason) => {
                self.settle(item, None, Outcome::Refused { reason }).await;
                return Ok(None);
            }
        };
        let edited = match &self.request.edit {
            Some(edit) => edit.apply(record, &self.request.clock),
            None => Ok(record),
        };
        match edited.and_then(|record| Parcel::new(self, key, item.clone(), &message, record, to.clone())) {
            Ok(parcel) => Ok(Some(parcel)),
            Err(reason) => {
                self.settle(item, Some(&to), Outcome::Refused { reason }).await;
                Ok(None)
            }
        }
    }

    pub(super) async fn settle(&mut self, item: Item, to: Option<&Place>, outcome: Outcome) {
        self.in_flight.get_mut().unwrap_or_else(PoisonError::into_inner).remove(&item.message_id);
        match &outcome {
            Outcome::Moved { uncertain, .. } | Outcome::Copied { uncertain, .. } => {
                self.report.done += 1;
                if *uncertain {
                    self.report.possible_duplicates.push(item.message_id.clone());
                }
            }
            Outcome::WouldMove => self.report.done += 1,
            Outcome::Refused { .. } => self.report.refused += 1,
            Outcome::Failed { uncertain, .. } => {
                self.report.failed += 1;
                if *uncertain {
                    self.report.possible_duplicates.push(item.message_id.clone());
                }
            }
            Outcome::Duplicated { .. } => self.report.duplicated += 1,
        }
        let to = to.map(|place| place.name().to_owned());
        if self.tell(Progress::Item { item, to, outcome }).await == Err(Untold::Closed) {
            self.report.output_closed = true;
        }
    }
}

pub(super) fn file_error(name: &str, error: std::io::Error) -> ReplayError {
    ReplayError::File { name: name.to_owned(), error, report: Box::default() }
}
