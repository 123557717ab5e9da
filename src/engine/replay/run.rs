//! The run itself: its state, what it says beforehand, and how each message is selected and settled.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::journal::Journal;
use super::pace::Pace;
use super::parcel::Parcel;
use super::plan::{Origins, Place, Plan, Source};
use super::sink::Sink;
use super::types::{Item, Outcome, Progress, ReplayError, Report, Request};
use crate::bus::{Bus, BusError, MAX_BATCH, Message, Queue};
use crate::engine::hold::{Holds, Released};
use crate::engine::shutdown::Shutdown;
use crate::engine::stuck::Stuck;
use crate::engine::{Emitter, Event, Untold};
use crate::event::Record;

/// How long a receive hides its messages at first: long enough for two tries of an extension, and no longer than whoever resumes
/// a killed run wants to wait for what that had received and not noted.
pub(super) const FIRST: Duration = Duration::from_secs(30);

/// How long such a poll waits: a long poll asks all servers, a short one only some, so it must not be zero on AWS.
pub(super) const POLL: Duration = Duration::from_secs(2);

/// How many of the messages sent last are remembered, in a few megabytes. What comes back comes back soon.
const REMEMBERED: usize = 1 << 17;

/// Why a message of a FIFO queue is not sent.
pub(super) const BEHIND: &str = "a message of its group before it was not sent, and it must not overtake it";

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
        Source::Queue { queue, .. } if run.relocates() => {
            let moved = run.relocate_through(queue).await;
            run.end(moved, Released::default()).await
        }
        Source::Queue { queue, .. } => {
            let holds = Holds::start(bus, queue);
            let moved = match run.take_up(Some(queue)).await {
                Ok(()) => run.receive_through(queue, &holds).await,
                failed => failed,
            };
            let released = holds.release_all(shutdown.aborting()).await;
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
    pub(super) origins: Origins<'a>,
    hasher: RandomState,
    pub(super) started_ms: i64,
    /// By hash of the id, what was looked at and stays: held until the end, so no more than a queue lets one hold (SQS: 120,000).
    pub(super) stays: HashSet<u64>,
    /// By hash of the id, what was confirmed elsewhere: never sent twice.
    pub(super) sent: Recent,
    /// By hash, the bodies of those, for what a consumer of ours rejects: that gets a new id.
    pub(super) sent_bodies: Recent,
    /// By hash, the ids that they have at the destination. SQS leaves a message its id when it dead-letters it.
    pub(super) sent_as: Recent,
    /// By id, what the run that is resumed had confirmed and perhaps not deleted: where it went, and as what.
    pub(super) sent_before: HashMap<String, (String, String)>,
    /// By hash of the id, what it had done for good.
    pub(super) done_before: HashSet<u64>,
    /// Until when what it had received may still be invisible.
    pub(super) wait_until: Option<Instant>,
    /// Whether that was said.
    pub(super) told_to_wait: bool,
    /// Whether anything was looked at yet.
    pub(super) looked_at: bool,
    /// What is being sent and has no outcome yet.
    pub(super) in_flight: Mutex<HashSet<String>>,
    /// Places and groups of which a message was not sent: those after it must not overtake it.
    pub(super) blocked: Stuck,
    /// The same of messages that were refused before they were to be sent: those selected before them may still go.
    refused: Stuck,
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
            sent_as: Recent::new(REMEMBERED),
            sent_before: HashMap::new(),
            done_before: HashSet::new(),
            wait_until: None,
            told_to_wait: false,
            looked_at: false,
            in_flight: Mutex::default(),
            blocked: Stuck::default(),
            refused: Stuck::default(),
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
            let receives = !(self.request.is_dry_run() && self.bus.can_peek() || self.relocates());
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

    /// How many one wave takes at most: at a rate as many as go at once, so that what has its answer is noted and deleted at once.
    pub(super) fn wave(&self, lanes: usize) -> usize {
        let burst = self.pace.lock().unwrap_or_else(PoisonError::into_inner).burst();
        let most = (lanes * MAX_BATCH).min(burst.unwrap_or(usize::MAX));
        // With a selection it is not known which of ten count, so ten are taken; without, no more than are wanted.
        if self.request.selection.is_everything() {
            most.min(usize::try_from(self.room()).unwrap_or(usize::MAX))
        } else {
            most
        }
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

    pub(super) fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
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
        let group = message.system.group_id.clone();
        let group = group.as_deref();
        match self.request.selection.takes(&record) {
            Ok(true) => {}
            Ok(false) => {
                self.report.skipped += 1;
                return Ok(None);
            }
            // Nobody can say whether it is meant.
            Err(failed) => {
                self.refuse(item, None, group, failed.to_string()).await;
                return Ok(None);
            }
        }
        let to = match self.origins.of(&message, recorded).await? {
            Ok(to) => to,
            Err(reason) => {
                self.refuse(item, None, group, reason).await;
                return Ok(None);
            }
        };
        if to.is_fifo() && group.is_some_and(|group| self.is_behind(&to, group)) {
            self.refuse(item, Some(&to), group, BEHIND.into()).await;
            return Ok(None);
        }
        let edited = match &self.request.edit {
            Some(edit) => edit.apply(record, &self.request.clock),
            None => Ok(record),
        };
        match edited.and_then(|record| Parcel::new(self, key, item.clone(), &message, record, to.clone())) {
            Ok(parcel) => Ok(Some(parcel)),
            Err(reason) => {
                self.refuse(item, Some(&to), group, reason).await;
                Ok(None)
            }
        }
    }

    /// It cannot be sent; those of its group behind it must not overtake it.
    async fn refuse(&mut self, item: Item, to: Option<&Place>, group: Option<&str>, reason: String) {
        if let Some(group) = group {
            self.refused.add(to.map(Place::name).unwrap_or_default(), group);
        }
        self.settle(item, to, Outcome::Refused { reason }).await;
    }

    /// Whether a message before it in its group was refused, wherever it belonged, or not sent.
    fn is_behind(&self, to: &Place, group: &str) -> bool {
        self.refused.has("", group) || self.refused.has(to.name(), group) || self.blocked.has(to.name(), group)
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
