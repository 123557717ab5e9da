//! One received event on its way: handler, verdict, settlement.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::announce::{Announcer, Ending, Unsaid};
use super::dedupe::{Dedupe, DedupeBy};
use super::flow::{Flow, Pass, Turn, Went};
use super::heartbeat::Heartbeats;
use super::protocol::{Answer, Begun, Handler, Job};
use super::reject::{DeadLetters, reject};
use super::room::Place;
use super::settle::{Change, Settler};
use super::spans::{Span, Spans};
use super::{Ended, EventRef, Left, MARGIN, Progress, Received, Released, Request, Settlement, Unclaimed};
use crate::bus::{Bus, MAX_VISIBILITY, Queue};
use crate::engine::Emitter;
use crate::engine::backoff::{Backoff, random};
use crate::engine::exec::{Failure, Outcome};
use crate::engine::outcome_event::failure_detail;
use crate::engine::shutdown::{Shutdown, Trigger};
use crate::event::Event;
use crate::words;

/// How long after the second signal what is left may take to be settled: the kill ladder, and some seconds.
pub(super) const LAST_SETTLEMENTS: Duration = MARGIN.saturating_add(Duration::from_secs(5));

/// The shortest wait that a handler may wish for: without one, an event that is to come again at once would be handled without a
/// pause until it is a dead letter.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What every event of a run shares.
pub(super) struct Shared {
    pub(super) bus: Bus,
    pub(super) request: Request,
    pub(super) emit: Emitter,
    /// The user's.
    pub(super) shutdown: Shutdown,
    /// Ours: drains when the run ends for another reason than a signal, aborts when the drain takes too long.
    pub(super) halt: (Trigger, Shutdown),
    /// Why the handler cannot run, and its name.
    pub(super) cannot_run: OnceLock<(String, String)>,
    pub(super) flow: Flow,
    pub(super) dedupe: Option<Dedupe>,
    pub(super) announcer: Option<Announcer>,
    pub(super) spans: Option<Spans>,
    /// No more is received, for this reason; what was received goes on.
    pub(super) stopped: (Trigger, Shutdown),
    pub(super) ended: OnceLock<Ended>,
    /// Events on their way, of all queues.
    pub(super) running: AtomicUsize,
    /// Attempts that came to a verdict; those and the ones under way; and events that a receive under way may bring.
    pub(super) handled: AtomicU64,
    pub(super) claimed: AtomicU64,
    pub(super) reserved: AtomicU64,
    /// When something last came or ended.
    pub(super) active: Mutex<Instant>,
    /// Names of events without a handler that were told.
    pub(super) unhandled: Mutex<HashSet<String>>,
    pub(super) dedupe_failing: AtomicBool,
    pub(super) draining_told: AtomicBool,
    pub(super) aborting_told: AtomicBool,
}

/// What every event of a queue shares.
pub(super) struct Context {
    pub(super) shared: Arc<Shared>,
    pub(super) handlers: Arc<Vec<Handler>>,
    pub(super) queue: Queue,
    /// How long a handler may run that has no timeout of its own.
    pub(super) timeout: Duration,
    /// How long a receive hides its messages.
    pub(super) window: Duration,
    /// The dead-letter queue's ARN, and the queue's max receives.
    pub(super) dead_letter: Option<(String, u32)>,
    pub(super) dead_letters: OnceCell<DeadLetters>,
    pub(super) settler: Settler,
    pub(super) beats: Heartbeats,
}

/// One event and what is known of it.
pub(super) struct Item {
    pub(super) received: Received,
    pub(super) name: Arc<EventRef>,
    pub(super) work: Work,
    /// What it must stay in order with.
    pub(super) group: Option<String>,
    /// Waits after an attempt here.
    pub(super) waits: u32,
}

/// What is to be done with it.
pub(super) enum Work {
    /// This event goes to the handler of this number.
    Handle(Event, usize),
    /// No handler is run over it, for this reason.
    Unclaimed(Unclaimed, String, Left),
}

impl Item {
    /// The handler that it goes to.
    pub(super) fn handler(&self) -> Option<usize> {
        match &self.work {
            Work::Handle(_, handler) => Some(*handler),
            Work::Unclaimed(..) => None,
        }
    }
}

/// How one event ended, or that it is tried again here.
pub(super) struct Done {
    pub(super) settlement: Settlement,
    /// Its handler came to a verdict.
    pub(super) handled: bool,
    /// It was to be one of those that are counted.
    pub(super) claimed: bool,
    /// The group whose next event may go on, if this one left the queue.
    pub(super) group: Option<String>,
    /// It stays ours, and is tried again then.
    pub(super) again: Option<(Box<Item>, Instant)>,
    pub(super) size: usize,
}

impl Done {
    /// Whether the event is out of the queue, so that what follows it in its group may be handled.
    pub(super) fn is_out(&self) -> bool {
        matches!(
            self.settlement,
            Settlement::Acked
                | Settlement::Rejected { unsettled: None, .. }
                | Settlement::Dismissed { unsettled: None, .. }
                | Settlement::Duplicate { unsettled: None }
        )
    }
}

impl Shared {
    /// Tells `progress`. A closed stdout ends the run elsewhere; a stdout that does not read must not outlive a second signal.
    pub(super) async fn tell(&self, progress: Progress) {
        let _ = self.emit.emit_until(progress, self.aborting_for(Duration::from_secs(1))).await;
    }

    /// Once handlers are to be ended: by the user, or because the drain took too long.
    pub(super) async fn aborting(&self) {
        tokio::select! {
            () = self.shutdown.aborting() => {}
            () = self.halt.1.aborting() => {}
        }
    }

    /// So long after that.
    pub(super) async fn aborting_for(&self, time: Duration) {
        self.aborting().await;
        sleep(time).await;
    }

    pub(super) fn is_aborting(&self) -> bool {
        self.shutdown.is_aborting() || self.halt.1.is_aborting()
    }

    /// Once no more is to be started.
    pub(super) async fn ending(&self) {
        tokio::select! {
            () = self.shutdown.draining() => {}
            () = self.halt.1.draining() => {}
        }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.shutdown.is_draining() || self.halt.1.is_draining()
    }

    /// Whether one more event may be handled; it is one of those that are counted then.
    pub(super) fn claim(&self) -> bool {
        let more = |claimed: u64| self.request.count.is_none_or(|count| claimed < count).then_some(claimed + 1);
        self.claimed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    /// Whether as many were handled as are wanted.
    pub(super) fn is_count_reached(&self) -> bool {
        self.request.count.is_some_and(|count| self.handled.load(Ordering::SeqCst) >= count)
    }

    pub(super) fn last_active(&self) -> Instant {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_active(&self) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether nobody has said so yet.
    pub(super) fn told_draining(&self) -> bool {
        !self.draining_told.swap(true, Ordering::SeqCst)
    }

    /// Whether nobody has said so yet.
    pub(super) fn told_aborting(&self) -> bool {
        !self.aborting_told.swap(true, Ordering::SeqCst)
    }

    async fn turned(&self, turn: Turn) {
        match turn {
            Turn::None => {}
            Turn::Paused(time) => {
                self.request.metrics.paused(true);
                self.tell(Progress::Paused { time }).await;
            }
            Turn::Resumed => {
                self.request.metrics.paused(false);
                self.tell(Progress::Resumed).await;
            }
        }
    }

    async fn dedupe_failed(&self, error: String) {
        if !self.dedupe_failing.swap(true, Ordering::Relaxed) {
            self.tell(Progress::DedupeFailing { error }).await;
        }
    }
}

impl Context {
    /// Ends the extensions of a message and settles it; what the service answered when that failed.
    pub(super) async fn settle(&self, received: &Received, change: Change) -> Option<String> {
        let handle = &received.message.receipt_handle;
        let settled = async {
            self.beats.stop(handle).await;
            self.settler.settle(handle, change).await.err().map(|error| error.to_string())
        };
        tokio::select! {
            biased;
            failed = settled => failed,
            // Whoever asked twice for the end is not kept waiting by a bus that does not answer.
            () = self.shared.aborting_for(LAST_SETTLEMENTS) => Some("the bus had not answered when the run was ended".into()),
        }
    }

    /// Ends the extensions: it is seen again after what is left of its visibility timeout.
    pub(super) async fn leave(&self, received: &Received) {
        self.beats.stop(&received.message.receipt_handle).await;
    }

    pub(super) async fn make_visible(&self, received: &Received, after: Duration) -> Option<String> {
        self.settle(received, Change::Visible(after)).await
    }

    async fn settled(&self, item: &Item, settlement: Settlement, handled: bool) -> Done {
        let done = self.over(item.name.clone(), &item.received, settlement, handled, item.group.clone()).await;
        Done { claimed: item.handler().is_some(), ..done }
    }

    async fn over(
        &self,
        event: Arc<EventRef>,
        received: &Received,
        settlement: Settlement,
        handled: bool,
        group: Option<String>,
    ) -> Done {
        self.shared.request.metrics.settled(&event, &settlement);
        self.shared.tell(Progress::Settled { event, settlement: settlement.clone() }).await;
        Done { settlement, handled, claimed: false, group, again: None, size: received.size }
    }
}

/// Runs the handler over one event and settles its message. Its place is free again once the handler has ended and the reporter
/// has taken what it wrote.
pub(super) async fn handle(context: Arc<Context>, item: Item, place: Place) -> Done {
    let shared = &context.shared;
    let (event, handler) = match &item.work {
        Work::Handle(event, handler) => (event, &context.handlers[*handler]),
        Work::Unclaimed(what, reason, left) => return unclaimed(&context, &item, *what, reason, *left).await,
    };
    if let Some(done) = known(&context, &item, event).await {
        return done;
    }
    let start = async {
        let slot = handler.slot().await;
        // The turn counts: at a rate that is slow on purpose nothing is wanted ahead.
        let began = Instant::now();
        let pass = match &shared.flow.breaker {
            Some(breaker) => Some(breaker.pass().await),
            None => None,
        };
        shared.flow.turn().await;
        (slot, began, pass)
    };
    let started = tokio::select! {
        // In this order: what can start at once does not wait to be told otherwise.
        biased;
        started = start => Some(started),
        () = shared.ending() => None,
    };
    let limit = handler.timeout.unwrap_or(context.timeout).min(MAX_VISIBILITY - 2 * MARGIN);
    // What waited for hours behind another may have little left of SQS's twelve.
    let left = MAX_VISIBILITY.saturating_sub(item.received.at.elapsed() + 2 * MARGIN).min(limit);
    let why = if started.is_none() { Released::NotStarted } else { Released::BehindAnother };
    let Some((slot, began, pass)) = started.filter(|_| left >= limit / 2) else {
        let unsettled = context.make_visible(&item.received, Duration::ZERO).await;
        return context.settled(&item, Settlement::Released { why, unsettled }, false).await;
    };
    if pass.as_ref().is_some_and(Pass::is_probe) {
        shared.tell(Progress::Probing).await;
    }
    let (beating, handle) = (context.clone(), item.received.message.receipt_handle.clone());
    // It waits for as long as it must, and is wanted for so long from the moment on in which a process has it.
    let begun: Begun = Arc::new(move || beating.beats.limit(&handle, left + MARGIN));
    let metrics = &shared.request.metrics;
    metrics.started(&item.name, &item.received, shared.request.clock.now_ms());
    let queue = &context.queue.name;
    let span = shared.spans.as_ref().and_then(|_| Span::begin(&event.metadata, shared.request.clock.now_ms()));
    let traceparent = span.as_ref().map(Span::traceparent);
    let job = Job { received: &item.received, event, name: &item.name, queue, timeout: left, begun, traceparent };
    let mut answer = handler.handle(shared, job).await;
    // It ran out of what was left to it; what people know is the limit that they set.
    if let Outcome::Failed(Failure::Timeout(told)) = &mut answer.outcome {
        *told = limit;
    }
    if let Outcome::CannotRun(why) = &answer.outcome {
        let _ = shared.cannot_run.set((handler.name.clone(), why.clone()));
        // Before the slot is free: not one more event may meet such a handler.
        shared.halt.0.drain();
    }
    conclude(&context, &item, event, &mut answer).await;
    metrics.ended(&item.name, &answer.outcome, answer.took);
    if let (Some(spans), Some(span)) = (&shared.spans, span) {
        spans.take(span.end(&item.name, &item.received, &context.queue.url, &answer.outcome, answer.took));
    }
    let turned = pass.map(|pass| {
        let went = match &answer.outcome {
            Outcome::Ack | Outcome::Reject => Went::Well,
            Outcome::Failed(Failure::Aborted) | Outcome::NotNow | Outcome::CannotRun(_) => Went::Neither,
            Outcome::Failed(_) => Went::Badly,
        };
        pass.tell(went)
    });
    let detail = failure_detail(answer.stderr.head(), "");
    let Answer { outcome, retry_after, reason, stdout, stderr, took, .. } = answer;
    let answer_rest = (outcome.clone(), retry_after, reason);
    let ended = Progress::HandlerEnded {
        event: item.name.clone(),
        outcome: outcome.clone(),
        took,
        stdout: stdout.into(),
        stderr: stderr.into(),
    };
    let handled = !matches!(outcome, Outcome::CannotRun(_) | Outcome::Failed(Failure::Aborted));
    let went_well = matches!(outcome, Outcome::Ack);
    let told = async {
        if let Some(turned) = turned {
            shared.turned(turned).await;
        }
        shared.tell(ended).await;
        // Only now: while a reporter is behind, nothing more is received whose output would have to be kept.
        drop(slot);
        place.used(began.elapsed(), went_well);
    };
    let (verdict, ()) = tokio::join!(settle(&context, &item, event, &handler.backoff, answer_rest, &detail), told);
    match verdict {
        Verdict::Settled(settlement) => context.settled(&item, settlement, handled).await,
        Verdict::Again(settlement, failed) => again(&context, item, settlement, failed).await,
    }
}

/// Settles what was handled before.
async fn known(context: &Context, item: &Item, event: &Event) -> Option<Done> {
    let dedupe = context.shared.dedupe.as_ref()?;
    match dedupe.knows(key(context, item, event, dedupe.by)).await {
        Ok(true) => {
            let unsettled = context.settle(&item.received, Change::Delete).await;
            Some(context.settled(item, Settlement::Duplicate { unsettled }, false).await)
        }
        Ok(false) => None,
        Err(error) => {
            context.shared.dedupe_failed(error).await;
            None
        }
    }
}

fn key(context: &Context, item: &Item, event: &Event, by: DedupeBy) -> String {
    let metadata = &event.metadata;
    let message = item.received.sns_message_id.as_ref().unwrap_or(&item.received.message.id);
    let queue = &context.queue.arn;
    match (by, &metadata.entity_id, &metadata.publish_date) {
        (DedupeBy::Event, Some(entity), Some(date)) => {
            // Dates have whole seconds: two events of one second differ in what they say.
            let said = words::hex(&Sha256::digest(event.payload.get()));
            format!("{queue}\n{}\n{entity}\n{date}\n{said}", metadata.event_name)
        }
        _ => format!("{queue}\n{message}"),
    }
}

/// What belongs to a success before it is acknowledged: it is published and remembered.
async fn conclude(context: &Context, item: &Item, event: &Event, answer: &mut Answer) {
    if answer.outcome != Outcome::Ack {
        return;
    }
    let shared = &context.shared;
    if let Some(announcer) = &shared.announcer {
        let said = match &answer.payload {
            Some(payload) => payload.as_bytes(),
            None => answer.stdout.head(),
        };
        let ending = Ending::Success(said);
        let told =
            announcer.announce(&shared.bus, &shared.request.clock, &item.received, &item.name, event, ending).await;
        match told {
            Ok(()) => {}
            // It was handled, and would be handled in vain again: what cannot be said stays unsaid.
            Err(Unsaid { error, for_good: true }) => {
                shared.tell(Progress::NotAnnounced { event: item.name.clone(), error }).await;
            }
            Err(Unsaid { error, for_good: false }) => {
                answer.outcome = Outcome::Failed(Failure::Unannounced(error));
                return;
            }
        }
    }
    if let Some(dedupe) = &shared.dedupe {
        match dedupe.note(key(context, item, event, dedupe.by)).await {
            Ok(()) => shared.dedupe_failing.store(false, Ordering::Relaxed),
            // It was handled, so it is acknowledged; what is lost is the memory of it.
            Err(error) => shared.dedupe_failed(error).await,
        }
    }
}

/// Publishes a failure, where that is asked for.
async fn announce_failure(context: &Context, item: &Item, event: &Event, last: bool, detail: &str, ended: &str) {
    let Some(announcer) = context.shared.announcer.as_ref().filter(|announcer| last || announcer.what.every_failure)
    else {
        return;
    };
    let shared = &context.shared;
    let ending = Ending::Failure(if detail.is_empty() { ended } else { detail });
    let told = announcer.announce(&shared.bus, &shared.request.clock, &item.received, &item.name, event, ending).await;
    if let Err(Unsaid { error, .. }) = told {
        shared.tell(Progress::NotAnnounced { event: item.name.clone(), error }).await;
    }
}

enum Verdict {
    Settled(Settlement),
    /// It stays ours and is tried again here; whether that was a failed attempt.
    Again(Settlement, bool),
}

async fn settle(
    context: &Context,
    item: &Item,
    event: &Event,
    backoff: &Backoff,
    (outcome, retry_after, reason): (Outcome, Option<Duration>, Option<String>),
    detail: &str,
) -> Verdict {
    let received = &item.received;
    let in_order = item.group.is_some() && !context.shared.is_ending();
    let attempt = item.name.attempt;
    // The queue moves it to the dead-letter queue at its next receive.
    let last = context.dead_letter.as_ref().is_some_and(|(_, max)| attempt >= *max);
    let steps = received.message.system.receive_count.max(1).saturating_add(item.waits);
    let after = match retry_after {
        Some(wished) => {
            wished.max(SHORTEST_WAIT).min(MAX_VISIBILITY.saturating_sub(received.at.elapsed() + Duration::from_secs(1)))
        }
        None => backoff.visibility(steps, random(), received.at.elapsed()),
    };
    let after = Duration::from_secs(after.as_millis().div_ceil(1000) as u64);
    Verdict::Settled(match outcome {
        Outcome::Ack => match context.settle(received, Change::Delete).await {
            None => Settlement::Acked,
            Some(error) => Settlement::Unconfirmed { error },
        },
        Outcome::NotNow if in_order => {
            return Verdict::Again(Settlement::NotNow { after, last: false, unsettled: None }, false);
        }
        Outcome::NotNow => {
            let unsettled = context.make_visible(received, after).await;
            Settlement::NotNow { after, last, unsettled }
        }
        Outcome::Reject => {
            let why = match reason {
                Some(reason) => format!("rejected by the handler: {reason}"),
                None => "the handler exited with 65".to_owned(),
            };
            announce_failure(context, item, event, true, detail, &why).await;
            reject(context, received, &why).await
        }
        Outcome::CannotRun(_) => {
            let unsettled = context.make_visible(received, Duration::ZERO).await;
            Settlement::Released { why: Released::CannotRun, unsettled }
        }
        Outcome::Failed(Failure::Aborted) => {
            let unsettled = context.make_visible(received, Duration::ZERO).await;
            Settlement::Released { why: Released::Aborted, unsettled }
        }
        Outcome::Failed(failure) => {
            let words = match &reason {
                Some(reason) if failure != Failure::Said(reason.clone()) => reason.clone(),
                _ => failure.to_string(),
            };
            announce_failure(context, item, event, last, detail, &words).await;
            if in_order && last {
                reject(context, received, &format!("attempt {attempt}, the last, failed: {words}")).await
            } else if in_order {
                return Verdict::Again(Settlement::Retrying { failure, after, last, unsettled: None }, true);
            } else {
                // No attempt follows the last one; waiting would only delay the move.
                let after = if last { Duration::ZERO } else { after };
                let unsettled = context.make_visible(received, after).await;
                Settlement::Retrying { failure, after, last, unsettled }
            }
        }
    })
}

/// The event stays ours, with those behind it.
async fn again(context: &Context, mut item: Item, settlement: Settlement, failed: bool) -> Done {
    let after = match &settlement {
        Settlement::Retrying { after, .. } | Settlement::NotNow { after, .. } => *after,
        _ => Duration::ZERO,
    };
    context.beats.hold(&item.received.message.receipt_handle);
    let mut done = context.settled(&item, settlement, true).await;
    let attempt = item.name.attempt.saturating_add(u32::from(failed));
    item.name = Arc::new(EventRef { attempt, ..EventRef::clone(&item.name) });
    item.waits = item.waits.saturating_add(1);
    done.again = Some((Box::new(item), Instant::now() + after));
    done
}

/// What becomes of a message that no handler is run over.
async fn unclaimed(context: &Context, item: &Item, what: Unclaimed, reason: &str, left: Left) -> Done {
    let reason = reason.to_owned();
    let settlement = match what {
        Unclaimed::Ack => {
            let unsettled = context.settle(&item.received, Change::Delete).await;
            Settlement::Dismissed { reason, unsettled }
        }
        Unclaimed::Leave => {
            context.leave(&item.received).await;
            Settlement::Left { reason, why: left }
        }
        Unclaimed::Reject => reject(context, &item.received, &reason).await,
    };
    context.settled(item, settlement, false).await
}

/// Gives back what was received and will not be handled.
pub(super) async fn release(context: Arc<Context>, received: Received, name: Arc<EventRef>, why: Released) -> Done {
    let unsettled = context.make_visible(&received, Duration::ZERO).await;
    context.over(name, &received, Settlement::Released { why, unsettled }, false, None).await
}

/// Gives back an event that was not claimed, and says so to its group.
pub(super) async fn release_item(context: Arc<Context>, item: Item) -> Done {
    let unsettled = context.make_visible(&item.received, Duration::ZERO).await;
    let settlement = Settlement::Released { why: Released::NotStarted, unsettled };
    context.over(item.name.clone(), &item.received, settlement, false, item.group.clone()).await
}

/// Gives back an event that was to be tried again here, with what is left of its backoff. What became of it has been told.
pub(super) async fn put_off(context: Arc<Context>, item: Box<Item>, until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    let _ = context.make_visible(&item.received, left).await;
}
