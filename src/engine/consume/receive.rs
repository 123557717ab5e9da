//! The loop that owns a run: receives for free workers, starts them, counts, and knows when to end.

use std::collections::{HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};

use super::reject::name_of;
use super::settle::Settler;
use super::work::{self, Context, Done};
use super::{
    Begun, ConsumeError, Counts, Ended, EventRef, MARGIN, Progress, Received, Released, Remaining, Report, Request,
    Settlement,
};
use crate::bus::{Bus, BusError, BusErrorKind, MAX_BATCH, MAX_VISIBILITY, MAX_WAIT, Message, Receive};
use crate::engine::Emitter;
use crate::engine::backoff::{Backoff, random};
use crate::engine::shutdown::Shutdown;
use crate::event::{Event, Unreadable, read_body};

/// How long handlers may run on a queue whose messages are never invisible: SQS's own default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A long poll while draining. Any wait above zero asks all of SQS's servers
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>).
const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// How often a bus that answers exactly is asked again while draining and something of ours still runs.
const DRAIN_LOOK: Duration = Duration::from_millis(200);

/// How many handled events may wait to be settled before no more are received: what bounds memory when deletes are slow.
const UNSETTLED: usize = 1000;

/// How long a receive that is no longer wanted is listened to: its answer may be on its way, and holds messages that nobody else
/// would give back before their visibility timeout.
const LINGER: Duration = Duration::from_millis(300);

/// The waits between receives that fail.
const RECEIVE_RETRY: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(30) };

/// Consumes until `request`, a signal, a closed stdout or a fault ends it.
///
/// # Errors
/// Only before anything was received: the queue cannot be found or asked, or the timeout does not fit it. What goes wrong later
/// is in the report, after draining.
pub async fn run(bus: &Bus, request: Request, emit: &Emitter, shutdown: &Shutdown) -> Result<Report, ConsumeError> {
    let begun = Instant::now();
    let look = async {
        let queue = bus.queue(&request.queue).await?;
        let attributes = bus.queue_attributes(&queue).await?;
        Ok::<_, BusError>((queue, attributes))
    };
    let (queue, attributes) = tokio::select! {
        found = look => found?,
        // Nothing was received yet: there is nothing to drain.
        () = shutdown.draining() => {
            let ended = shutdown.signal().map_or(Ended::Idle, Ended::Signal);
            let counts = Counts::default();
            return Ok(Report { queue: request.queue, counts, ended, remaining: None, took: begun.elapsed() });
        }
    };
    let visibility = attributes.visibility_timeout;
    if let Some(timeout) = request.timeout.filter(|timeout| *timeout > visibility) {
        return Err(ConsumeError::TimeoutTooLong { queue: queue.name, timeout, visibility });
    }
    let fallback = if visibility.is_zero() { DEFAULT_TIMEOUT } else { visibility };
    let timeout = request.timeout.unwrap_or(fallback).min(MAX_VISIBILITY - MARGIN);
    let (settler, settling) = Settler::start(bus.clone(), queue.clone(), !queue.is_fifo());
    let dead_letter = attributes.redrive.map(|policy| (policy.dead_letter_arn, policy.max_receives));
    let found = Begun {
        queue: queue.name.clone(),
        handler: request.program.to_string(),
        workers: request.workers.get(),
        timeout,
        dead_letter: dead_letter.as_ref().map(|(arn, max)| (name_of(arn).to_owned(), *max)),
    };
    let context = Arc::new(Context {
        bus: bus.clone(),
        queue,
        timeout,
        dead_letter,
        dead_letters: OnceCell::new(),
        settler,
        emit: emit.clone(),
        shutdown: shutdown.clone(),
        halt: Shutdown::manual(),
        cannot_run: OnceLock::new(),
        request,
    });
    context.tell(Progress::Begun(found)).await;

    let mut consumer = Consumer::new(context.clone());
    let ended = consumer.receive().await;
    consumer.finish(&ended).await;
    // The last of `--count` may have been the first to tell.
    let ended = context.cannot_run.get().map_or(ended, |why| Ended::CannotRun(why.clone()));
    let (counts, started) = (consumer.counts, consumer.started);
    drop(consumer);

    let remaining = match ended {
        Ended::Drained { .. } => context.bus.queue_attributes(&context.queue).await.ok().map(|now| Remaining {
            visible: now.visible,
            in_flight: now.in_flight,
            delayed: now.delayed,
        }),
        _ => None,
    };
    let queue = context.queue.name.clone();
    // The settler ends with its last clone; every event has been answered, so nothing is left in it.
    drop(context);
    if let Err(error) = settling.await {
        reraise(error);
    }
    Ok(Report { queue, counts, ended, remaining, took: started.elapsed() })
}

struct Consumer {
    context: Arc<Context>,
    /// One for each worker; taken before a receive, given back when the handler has ended.
    slots: Arc<Semaphore>,
    /// One for each event until it is settled.
    tasks: JoinSet<Done>,
    /// Events of a FIFO group one of which is being handled, in order, each with its slot.
    waiting: VecDeque<Waiting>,
    groups: HashSet<String>,
    counts: Counts,
    /// Events given to a handler, or about to be.
    claimed: u64,
    /// Empty receives in a row with nothing of ours in flight.
    empty: u32,
    /// Failed receives in a row.
    failures: u32,
    started: Instant,
    /// When something last came or ended.
    active: Instant,
}

struct Waiting {
    group: String,
    received: Received,
    name: Arc<EventRef>,
    event: Event,
    slot: OwnedSemaphorePermit,
}

/// What interrupted a wait.
enum Interrupt {
    Ended(Ended),
    Done(Done),
}

impl Consumer {
    fn new(context: Arc<Context>) -> Self {
        let now = Instant::now();
        Self {
            slots: Arc::new(Semaphore::new(context.request.workers.get())),
            context,
            tasks: JoinSet::new(),
            waiting: VecDeque::new(),
            groups: HashSet::new(),
            counts: Counts::default(),
            claimed: 0,
            empty: 0,
            failures: 0,
            started: now,
            active: now,
        }
    }

    /// Receives and starts handlers until something ends that. Handlers may still run when it returns.
    async fn receive(&mut self) -> Ended {
        loop {
            let slots = match self.free_slots().await {
                Ok(slots) => slots,
                Err(ended) => return ended,
            };
            let idle_before = self.nothing_of_ours();
            let receive = Receive {
                max: slots.len() as u32,
                wait: self.wait(),
                visibility: Some((self.context.timeout + MARGIN).min(MAX_VISIBILITY)),
            };
            let answer = match self.poll(receive).await {
                Ok(answer) => answer,
                Err(ended) => return ended,
            };
            let step = match answer {
                Ok(messages) => {
                    self.recovered().await;
                    if messages.is_empty() {
                        drop(slots);
                        self.nothing_came(idle_before).await
                    } else {
                        self.dispatch(messages, slots);
                        None
                    }
                }
                Err(error) => {
                    drop(slots);
                    self.failed(error).await
                }
            };
            if let Some(ended) = step {
                return ended;
            }
        }
    }

    /// Waits for a free worker, and takes all that are free and needed.
    async fn free_slots(&mut self) -> Result<Vec<OwnedSemaphorePermit>, Ended> {
        loop {
            let needed = self.context.request.count.map_or(u64::MAX, |count| count.saturating_sub(self.claimed));
            if needed == 0 {
                return Err(Ended::Count);
            }
            let slots = self.slots.clone();
            let room = self.tasks.len() < self.context.request.workers.get() + UNSETTLED;
            let first = tokio::select! {
                biased;
                interrupt = interrupted(&self.context, &mut self.tasks) => Err(interrupt),
                slot = slots.acquire_owned(), if room => Ok(slot),
            };
            let first = match first {
                Ok(Ok(slot)) => slot,
                // The semaphore is never closed.
                Ok(Err(_)) => continue,
                Err(Interrupt::Ended(ended)) => return Err(ended),
                Err(Interrupt::Done(done)) => {
                    self.note(done);
                    continue;
                }
            };
            let most = needed.min(MAX_BATCH as u64) as usize;
            let more = std::iter::from_fn(|| self.slots.clone().try_acquire_owned().ok());
            return Ok(std::iter::once(first).chain(more.take(most - 1)).collect());
        }
    }

    /// One receive. When the run is to end, an answer that comes within [`LINGER`] is given back; after that the wait is dropped.
    async fn poll(&mut self, receive: Receive) -> Result<Result<Vec<Message>, BusError>, Ended> {
        let context = self.context.clone();
        let mut answer = pin!(context.bus.receive(&context.queue, receive));
        loop {
            let interrupt = tokio::select! {
                // In this order: an answer that is there is taken, also when it has become time to end.
                biased;
                answer = &mut answer => return Ok(answer),
                interrupt = interrupted(&context, &mut self.tasks) => interrupt,
            };
            match interrupt {
                Interrupt::Ended(ended) => {
                    let late = tokio::select! {
                        biased;
                        answer = &mut answer => answer.unwrap_or_default(),
                        () = context.aborting() => Vec::new(),
                        () = sleep(LINGER) => Vec::new(),
                    };
                    for message in late {
                        let (received, name, _) = self.take(message, Instant::now());
                        self.release(received, name, Released::NotStarted);
                    }
                    return Err(ended);
                }
                Interrupt::Done(done) => self.note(done),
            }
        }
    }

    fn wait(&self) -> Duration {
        let request = &self.context.request;
        if request.drain {
            return if self.context.bus.can_peek() { Duration::ZERO } else { DRAIN_WAIT };
        }
        match request.idle {
            Some(idle) if self.nothing_of_ours() => idle.saturating_sub(self.active.elapsed()).min(MAX_WAIT),
            Some(idle) => idle.min(MAX_WAIT),
            None => MAX_WAIT,
        }
    }

    /// Nothing received, nothing running, nothing waiting to be settled.
    fn nothing_of_ours(&self) -> bool {
        self.tasks.is_empty() && self.waiting.is_empty()
    }

    async fn nothing_came(&mut self, idle_before: bool) -> Option<Ended> {
        let (drain, idle) = (self.context.request.drain, self.context.request.idle);
        let exact = self.context.bus.can_peek();
        if drain && idle_before {
            self.empty += 1;
            if exact || self.empty >= 2 {
                return Some(Ended::Drained { approximate: !exact });
            }
        } else if drain {
            self.empty = 0;
            if exact {
                // The end waits for what runs, so that runs alone; deletes need not wait for company.
                self.context.settler.flush();
                return self.pause(DRAIN_LOOK, true).await;
            }
        }
        let over = idle.is_some_and(|idle| self.nothing_of_ours() && self.active.elapsed() >= idle);
        over.then_some(Ended::Idle)
    }

    /// Starts a handler for each event, or puts it behind the one of its group.
    fn dispatch(&mut self, messages: Vec<Message>, slots: Vec<OwnedSemaphorePermit>) {
        self.active = Instant::now();
        self.empty = 0;
        let ending = self.context.shutdown.is_draining() || self.context.halt.1.is_draining();
        // SQS never answers with more than was asked for; were it to, the rest is given back.
        let mut slots = slots.into_iter();
        for message in messages {
            let (received, name, event) = self.take(message, self.active);
            let context = self.context.clone();
            match event {
                _ if ending => self.release(received, name, Released::NotStarted),
                Err(unreadable) => {
                    self.tasks.spawn(work::unreadable(context, received, name, unreadable.reason));
                }
                Ok(event) => match slots.next() {
                    Some(slot) => {
                        self.claimed += 1;
                        self.start(received, name, event, slot);
                    }
                    None => self.release(received, name, Released::NotStarted),
                },
            }
        }
    }

    /// Counts and reads a message that came.
    fn take(&mut self, message: Message, at: Instant) -> (Received, Arc<EventRef>, Result<Event, Unreadable>) {
        self.counts.received += 1;
        let reading = read_body(&message.body, &message.attributes);
        let sns_message_id = reading.notification.as_ref().map(|n| n.message_id.clone()).filter(|id| !id.is_empty());
        let metadata = reading.event.as_ref().ok().map(|event| &event.metadata);
        let name = Arc::new(EventRef {
            message_id: message.id.clone(),
            sns_message_id: sns_message_id.clone(),
            event_name: metadata.map(|metadata| metadata.event_name.clone()),
            entity_id: metadata.and_then(|metadata| metadata.entity_id.clone()),
            attempt: message.system.receive_count,
        });
        (Received { message, sns_message_id, at }, name, reading.event)
    }

    fn start(&mut self, received: Received, name: Arc<EventRef>, event: Event, slot: OwnedSemaphorePermit) {
        match work::group_of(&self.context, &received) {
            Some(group) if !self.groups.insert(group.clone()) => {
                self.waiting.push_back(Waiting { group, received, name, event, slot });
            }
            _ => {
                self.tasks.spawn(work::handle(self.context.clone(), received, name, event, slot));
            }
        }
    }

    fn release(&mut self, received: Received, name: Arc<EventRef>, why: Released) {
        self.tasks.spawn(work::release(self.context.clone(), received, name, why));
    }

    /// Counts an event that is settled, and lets its group go on.
    fn note(&mut self, done: Done) {
        self.active = Instant::now();
        self.counts.handled += u64::from(done.handled);
        let count = match &done.settlement {
            Settlement::Acked => &mut self.counts.acked,
            Settlement::Unconfirmed { .. } => &mut self.counts.unconfirmed,
            Settlement::Retrying { .. } | Settlement::RejectFailed { .. } => &mut self.counts.failed,
            Settlement::NotNow { .. } => &mut self.counts.not_now,
            Settlement::Rejected { .. } => &mut self.counts.rejected,
            Settlement::Left { .. } => &mut self.counts.left,
            Settlement::Released { .. } => &mut self.counts.released,
        };
        *count += 1;
        if !done.handled && matches!(done.settlement, Settlement::Released { why: Released::BehindAnother, .. }) {
            self.claimed = self.claimed.saturating_sub(1);
        }
        let out = done.is_out();
        if let Some(group) = done.group {
            self.groups.remove(&group);
            self.go_on(&group, out);
        }
    }

    /// The next event of `group` is started if the one before it is `out` of the queue; else all that wait behind it are given
    /// back, so that they come again in order.
    fn go_on(&mut self, group: &str, out: bool) {
        let ending = self.context.shutdown.is_draining() || self.context.halt.1.is_draining();
        while let Some(at) = self.waiting.iter().position(|waiting| waiting.group == group) {
            let Some(Waiting { received, name, event, slot, .. }) = self.waiting.remove(at) else { return };
            if out && !ending {
                self.start(received, name, event, slot);
                return;
            }
            drop(slot);
            self.claimed = self.claimed.saturating_sub(1);
            self.release(received, name, if ending { Released::NotStarted } else { Released::BehindAnother });
        }
    }

    async fn failed(&mut self, error: BusError) -> Option<Ended> {
        let error = Arc::new(error);
        let passing = error.retryable || matches!(error.kind, BusErrorKind::Throttled | BusErrorKind::Network);
        if !passing {
            return Some(Ended::ReceiveFailed(error));
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            self.context.tell(Progress::ReceiveFailing { error }).await;
        }
        let wait = RECEIVE_RETRY.after(self.failures, random());
        self.pause(wait, false).await
    }

    async fn recovered(&mut self) {
        let failures = std::mem::take(&mut self.failures);
        if failures > 0 {
            self.context.tell(Progress::ReceiveRecovered { failures }).await;
        }
    }

    /// Waits `time`, or, if so wished, until an event is settled; returns early when the run is to end.
    async fn pause(&mut self, time: Duration, until_done: bool) -> Option<Ended> {
        let mut time = pin!(sleep(time));
        loop {
            let interrupt = tokio::select! {
                biased;
                interrupt = interrupted(&self.context, &mut self.tasks) => interrupt,
                () = &mut time => return None,
            };
            match interrupt {
                Interrupt::Ended(ended) => return Some(ended),
                Interrupt::Done(done) => {
                    self.note(done);
                    if until_done {
                        return None;
                    }
                }
            }
        }
    }

    /// Lets what runs come to its end, gives back what was not started, and waits until everything is settled.
    async fn finish(&mut self, ended: &Ended) {
        let context = self.context.clone();
        let cut_short = !matches!(ended, Ended::Count | Ended::Idle | Ended::Drained { .. });
        let mut draining = cut_short;
        if draining {
            self.begin_draining(ended.clone()).await;
        }
        let mut limit = pin!(deadline(context.request.drain_timeout.filter(|_| draining)));
        let mut aborting = false;
        while !self.nothing_of_ours() {
            // Everything that is left waits for this.
            context.settler.flush();
            tokio::select! {
                biased;
                Some(done) = self.tasks.join_next() => self.note(unwrap(done)),
                () = context.shutdown.draining(), if !draining => {
                    draining = true;
                    if let Some(signal) = context.shutdown.signal() {
                        self.begin_draining(Ended::Signal(signal)).await;
                    }
                    limit.set(deadline(context.request.drain_timeout));
                }
                () = context.aborting(), if !aborting => {
                    aborting = true;
                    context.tell(Progress::Aborting { running: self.tasks.len() }).await;
                }
                () = &mut limit, if !aborting => context.halt.0.abort(),
                () = sleep(super::settle::FLUSH) => {}
            }
        }
    }

    async fn begin_draining(&mut self, why: Ended) {
        // `claimed` no longer matters: nothing is received any more.
        for Waiting { received, name, slot, .. } in std::mem::take(&mut self.waiting) {
            drop(slot);
            self.release(received, name, Released::NotStarted);
        }
        self.context.tell(Progress::Draining { why, running: self.tasks.len() }).await;
    }
}

/// The next thing that a wait must not hold up.
async fn interrupted(context: &Context, tasks: &mut JoinSet<Done>) -> Interrupt {
    tokio::select! {
        biased;
        () = context.shutdown.draining() => Interrupt::Ended(match context.shutdown.signal() {
            Some(signal) => Ended::Signal(signal),
            // Drained without a signal: the one who holds the trigger has had enough.
            None => Ended::Idle,
        }),
        () = context.halt.1.draining() => {
            Interrupt::Ended(Ended::CannotRun(context.cannot_run.get().cloned().unwrap_or_default()))
        }
        () = context.emit.closed() => Interrupt::Ended(Ended::OutputClosed),
        Some(done) = tasks.join_next() => Interrupt::Done(unwrap(done)),
    }
}

async fn deadline(after: Option<Duration>) {
    match after {
        Some(after) => sleep(after).await,
        None => std::future::pending().await,
    }
}

fn unwrap(done: Result<Done, JoinError>) -> Done {
    match done {
        Ok(done) => done,
        // Nobody cancels these tasks, so it is a panic, and it goes on here.
        Err(error) => reraise(error),
    }
}

fn reraise(error: JoinError) -> ! {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => unreachable!("a task of this run was cancelled: {error}"),
    }
}
