//! The loop that owns a queue: receives for free handlers, starts them, keeps the order, counts, and knows when to end.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::order::Order;
use super::room::{Reservation, Room};
use super::settle::FLUSH;
use super::take::Taken;
use super::work::{self, Context, Done, Item, Shared};
use super::{Counts, Ended, EventRef, MARGIN, Progress, Received, Released, take};
use crate::bus::{BusError, BusErrorKind, MAX_BATCH, MAX_WAIT, Message, Receive};
use crate::engine::backoff::{Backoff, random};
use crate::engine::tasks::result_of;

/// A long poll while draining. Any wait above zero asks all of SQS's servers
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>).
const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// How often a bus that answers exactly is asked again while draining and something of ours still runs.
const DRAIN_LOOK: Duration = Duration::from_millis(200);

/// How many handled events may wait to be settled before no more are received: what bounds memory when deletes are slow.
const UNSETTLED: usize = 1000;

/// How many events may wait here, for the first of their group or for a busy handler, before no more are received; ten times what
/// the handlers take at once where that is more.
const MOST_WAITING: usize = 100;

/// How long a receive that is no longer wanted is listened to: its answer may be on its way, and holds messages that nobody else
/// would give back before their visibility timeout.
const LINGER: Duration = Duration::from_millis(300);

/// The waits between receives that fail.
const RECEIVE_RETRY: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(30) };

/// How often it is looked whether what forbids receiving (a pause, others' reservations) is over.
const LOOK: Duration = Duration::from_millis(200);

/// Receives under way at once when there is much to do; one when there is not.
const MOST_POLLS: usize = 8;

/// The wait of a further receive beside the first: it is there because the queue is full.
const FURTHER_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Consumer {
    pub(super) context: Arc<Context>,
    /// Reserved before a receive, and taken by each event until its handler has ended.
    room: Arc<Room>,
    /// How many events the handlers take at once, all of them together.
    size: usize,
    polls: FuturesUnordered<BoxFuture<'static, Poll>>,
    /// Receives wanted at once.
    want: usize,
    /// One for each event until it is settled.
    tasks: JoinSet<Done>,
    order: Order,
    pub(super) counts: Counts,
    /// Empty receives in a row with nothing of ours in flight.
    empty: u32,
    /// Failed receives in a row.
    failures: u32,
    /// No receive before that; whether an event that is settled ends the wait.
    not_before: Option<(Instant, bool)>,
    /// Bytes of the largest message so far.
    largest: usize,
}

/// A receive that was answered.
struct Poll {
    answer: Result<Vec<Message>, BusError>,
    reservation: Reservation,
    idle_before: bool,
}

enum Step {
    Answer(Poll),
    Done(Done),
    Poll,
    Wake,
}

impl Consumer {
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self {
            room: Room::new(context.handlers.iter().map(|handler| handler.room)),
            size: context.handlers.iter().map(|handler| handler.room).fold(0, usize::saturating_add),
            context,
            polls: FuturesUnordered::new(),
            want: 1,
            tasks: JoinSet::new(),
            order: Order::default(),
            counts: Counts::default(),
            empty: 0,
            failures: 0,
            not_before: None,
            largest: 1024,
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.context.shared
    }

    /// Receives and starts handlers until something ends that. Handlers may still run when it returns.
    pub(super) async fn receive(&mut self) -> Ended {
        let ended = self.go_on_receiving().await;
        self.end_polls().await;
        ended
    }

    async fn go_on_receiving(&mut self) -> Ended {
        loop {
            // What receives under way still bring is given back.
            if self.shared().is_count_reached() {
                return Ended::Count;
            }
            let may = self.may_poll();
            let wants = may && self.room.open() > 0;
            let wake = self.next_wake(may);
            let shared = self.shared().clone();
            let step = tokio::select! {
                // In this order: an answer that is there is taken, also when it has become time to end.
                biased;
                Some(poll) = self.polls.next(), if !self.polls.is_empty() => Step::Answer(poll),
                ended = ended(&shared) => return ended,
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => Step::Done(result_of(done)),
                () = until(wake) => Step::Wake,
                () = self.room.changed(), if !wants => Step::Wake,
                () = std::future::ready(()), if wants => Step::Poll,
            };
            match step {
                Step::Answer(poll) => {
                    if let Some(ended) = self.answered(poll).await {
                        return ended;
                    }
                }
                Step::Done(done) => {
                    if self.not_before.is_some_and(|(_, until_done)| until_done) {
                        self.not_before = None;
                    }
                    self.note(done);
                }
                Step::Poll => self.poll(),
                Step::Wake => {
                    let now = Instant::now();
                    self.not_before = self.not_before.filter(|(at, _)| *at > now);
                    for item in self.order.due(now) {
                        self.start(item);
                    }
                }
            }
        }
    }

    /// How many more events are wanted.
    fn needed(&self) -> u64 {
        let shared = self.shared();
        let (claimed, reserved) = (shared.claimed.load(Ordering::SeqCst), shared.reserved.load(Ordering::SeqCst));
        shared.request.count.map_or(u64::MAX, |count| count.saturating_sub(claimed + reserved))
    }

    /// Whether another receive may begin, if there is room for what it brings.
    fn may_poll(&self) -> bool {
        let shared = self.shared();
        // Behind others of their groups, or for handlers that have no room.
        let waiting = self.order.len() + self.room.beyond();
        self.polls.len() < self.want
            && self.not_before.is_none()
            && self.tasks.len() < self.size.saturating_add(UNSETTLED)
            && waiting < self.size.saturating_mul(10).max(MOST_WAITING)
            && shared.flow.breaker.as_ref().is_none_or(|breaker| breaker.is_closed())
            && shared.flow.room(self.largest) > 0
            && self.needed() > 0
    }

    fn next_wake(&self, may: bool) -> Option<Instant> {
        let look = (!may && self.polls.is_empty()).then(|| Instant::now() + LOOK);
        [self.not_before.map(|(at, _)| at), self.order.next_due(), look].into_iter().flatten().min()
    }

    /// Starts a receive for as many events as there is room for and as are needed.
    fn poll(&mut self) {
        let shared = self.shared().clone();
        let fits = shared.flow.room(self.largest).min(MAX_BATCH) as u64;
        let reservation = self.room.reserve(self.needed().min(fits) as usize);
        if reservation.size == 0 {
            return;
        }
        let idle_before = self.nothing_of_ours() && self.polls.is_empty();
        let wait = if self.polls.is_empty() { self.wait() } else { self.wait().min(FURTHER_WAIT) };
        let receive = Receive { max: reservation.size as u32, wait, visibility: Some(self.context.window) };
        shared.reserved.fetch_add(reservation.size as u64, Ordering::SeqCst);
        let context = self.context.clone();
        self.polls.push(Box::pin(async move {
            let answer = context.shared.bus.receive(&context.queue, receive).await;
            Poll { answer, reservation, idle_before }
        }));
    }

    async fn answered(&mut self, poll: Poll) -> Option<Ended> {
        let asked = poll.reservation.size;
        self.shared().reserved.fetch_sub(asked as u64, Ordering::SeqCst);
        match poll.answer {
            Ok(messages) => {
                self.recovered().await;
                // More receives while they come back full, fewer when not.
                let most = self.size.div_ceil(MAX_BATCH).min(MOST_POLLS);
                self.want = match messages.len() {
                    0 => 1,
                    came if came >= asked => (self.want + 1).min(most),
                    came if came * 2 < asked => (self.want / 2).max(1),
                    _ => self.want,
                };
                if messages.is_empty() {
                    drop(poll.reservation);
                    self.nothing_came(poll.idle_before)
                } else {
                    self.dispatch(messages, poll.reservation);
                    None
                }
            }
            Err(error) => {
                drop(poll.reservation);
                self.failed(error).await
            }
        }
    }

    /// Listens for a moment to what receives that are no longer wanted still bring, and gives that back.
    async fn end_polls(&mut self) {
        let shared = self.shared().clone();
        let mut patience = pin!(async {
            tokio::select! {
                () = shared.aborting() => {}
                () = sleep(LINGER) => {}
            }
        });
        while !self.polls.is_empty() {
            let poll = tokio::select! {
                biased;
                Some(poll) = self.polls.next() => poll,
                () = &mut patience => break,
            };
            shared.reserved.fetch_sub(poll.reservation.size as u64, Ordering::SeqCst);
            for message in poll.answer.unwrap_or_default() {
                let taken = self.take(message, Instant::now());
                self.release(taken.received, taken.name, Released::NotStarted);
            }
        }
        self.polls.clear();
    }

    fn wait(&self) -> Duration {
        let request = &self.shared().request;
        if request.drain {
            return if self.shared().bus.can_peek() { Duration::ZERO } else { DRAIN_WAIT };
        }
        // What one queue waits for is reserved for it, so another must not wait for that.
        let longest = if request.count.is_some() && request.queues.len() > 1 { FURTHER_WAIT } else { MAX_WAIT };
        match request.idle {
            Some(idle) if self.nothing_of_ours() => {
                idle.saturating_sub(self.shared().last_active().elapsed()).min(longest)
            }
            Some(idle) => idle.min(longest),
            None => longest,
        }
    }

    /// Nothing running, nothing waiting to be settled. What is put off until its next attempt does not count.
    fn nothing_of_ours(&self) -> bool {
        self.tasks.is_empty()
    }

    fn nothing_came(&mut self, idle_before: bool) -> Option<Ended> {
        let (drain, idle) = (self.shared().request.drain, self.shared().request.idle);
        let exact = self.shared().bus.can_peek();
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
                self.not_before = Some((Instant::now() + DRAIN_LOOK, true));
                return None;
            }
        }
        let shared = self.shared();
        let quiet = |idle| shared.running.load(Ordering::SeqCst) == 0 && shared.last_active().elapsed() >= idle;
        idle.is_some_and(quiet).then_some(Ended::Idle)
    }

    /// Starts a handler for each event, or puts it behind the one of its group.
    fn dispatch(&mut self, messages: Vec<Message>, reservation: Reservation) {
        let now = Instant::now();
        self.shared().is_active();
        self.empty = 0;
        let ending = self.shared().is_ending();
        // SQS never answers with more than was asked for; were it to, the rest is given back.
        let asked = reservation.size;
        drop(reservation);
        for (number, message) in messages.into_iter().enumerate() {
            let taken = self.take(message, now);
            if ending || number >= asked {
                self.release(taken.received, taken.name, Released::NotStarted);
                continue;
            }
            let item = taken.into_item(&self.context);
            if let Some(item) = self.order.admit(item) {
                self.start(item);
            }
        }
    }

    /// Counts and reads a message that came; from here on it is kept ours.
    fn take(&mut self, message: Message, at: Instant) -> Taken {
        self.counts.received += 1;
        let taken = take::take(&self.context, message, at);
        self.largest = self.largest.max(taken.received.size);
        self.shared().request.metrics.received(&taken.name);
        self.shared().flow.took(taken.received.size);
        self.context.beats.add(&taken.received.message.receipt_handle, at, &taken.name);
        taken
    }

    /// Has it handled, unless as many are being handled as are wanted: then it is given back, and those behind it with it.
    fn start(&mut self, item: Item) {
        if item.handler().is_some() && !self.shared().claim() {
            self.shared().running.fetch_add(1, Ordering::SeqCst);
            self.tasks.spawn(work::release_item(self.context.clone(), item));
            return;
        }
        self.shared().running.fetch_add(1, Ordering::SeqCst);
        let place = self.room.take(item.handler());
        self.tasks.spawn(work::handle(self.context.clone(), item, place));
    }

    fn release(&mut self, received: Received, name: Arc<EventRef>, why: Released) {
        self.shared().running.fetch_add(1, Ordering::SeqCst);
        self.tasks.spawn(work::release(self.context.clone(), received, name, why));
    }

    /// Counts an event that is settled, or that is to be tried again, and lets its group go on.
    fn note(&mut self, done: Done) {
        let shared = self.shared().clone();
        shared.is_active();
        shared.running.fetch_sub(1, Ordering::SeqCst);
        self.counts.add(&done.settlement, done.handled);
        match (done.claimed, done.handled) {
            (true, true) => {
                shared.handled.fetch_add(1, Ordering::SeqCst);
            }
            // It was none of those that are wanted: another takes its place.
            (true, false) => {
                shared.claimed.fetch_sub(1, Ordering::SeqCst);
            }
            (false, _) => {}
        }
        let out = done.is_out();
        if let Some((item, at)) = done.again {
            // Its body stays, and so do those behind it.
            self.order.put_off(item, at);
            return;
        }
        shared.flow.gave_back(done.size);
        let Some(group) = done.group else { return };
        if out && !shared.is_ending() {
            if let Some(item) = self.order.next_of(&group) {
                self.start(item);
            }
            return;
        }
        // Behind one that was not handled: they come again in order.
        let why = if shared.is_ending() { Released::NotStarted } else { Released::BehindAnother };
        for item in self.order.disband(&group) {
            self.release(item.received, item.name, why);
        }
    }

    async fn failed(&mut self, error: BusError) -> Option<Ended> {
        let error = Arc::new(error);
        let passing = error.retryable || matches!(error.kind, BusErrorKind::Throttled | BusErrorKind::Network);
        if !passing {
            return Some(Ended::ReceiveFailed(error));
        }
        self.want = 1;
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            self.shared().request.metrics.receiving(false);
            self.shared().tell(Progress::ReceiveFailing { error }).await;
        }
        let wait = RECEIVE_RETRY.after(self.failures, random());
        self.not_before = Some((Instant::now() + wait, false));
        None
    }

    async fn recovered(&mut self) {
        let failures = std::mem::take(&mut self.failures);
        if failures > 0 {
            self.shared().request.metrics.receiving(true);
            self.shared().tell(Progress::ReceiveRecovered { failures }).await;
        }
    }

    /// Lets what runs come to its end, gives back what was not started, and waits until everything is settled.
    pub(super) async fn finish(&mut self, ended: &Ended) {
        let context = self.context.clone();
        let shared = context.shared.clone();
        let mut draining = !matches!(ended, Ended::Count | Ended::Idle | Ended::Drained { .. });
        if draining {
            self.begin_draining(ended.clone()).await;
        }
        let mut limit = pin!(deadline(shared.request.drain_timeout.filter(|_| draining)));
        let mut aborting = false;
        let mut leaving = JoinSet::new();
        loop {
            self.put_off_the_rest();
            for (item, at) in self.order.leave() {
                shared.flow.gave_back(item.received.size);
                leaving.spawn(work::put_off(context.clone(), item, at));
            }
            if self.nothing_of_ours() && leaving.is_empty() {
                break;
            }
            // Everything that is left waits for this.
            context.settler.flush();
            tokio::select! {
                biased;
                Some(done) = self.tasks.join_next() => self.note(result_of(done)),
                Some(left) = leaving.join_next() => result_of(left),
                () = shared.shutdown.draining(), if !draining => {
                    draining = true;
                    if let Some(signal) = shared.shutdown.signal() {
                        self.begin_draining(Ended::Signal(signal)).await;
                    }
                    limit.set(deadline(shared.request.drain_timeout));
                }
                () = shared.aborting(), if !aborting => {
                    aborting = true;
                    if shared.told_aborting() {
                        shared.tell(Progress::Aborting { running: shared.running.load(Ordering::SeqCst) }).await;
                    }
                }
                () = &mut limit, if !aborting => shared.halt.0.abort(),
                () = sleep(FLUSH) => {}
            }
        }
    }

    /// What waits for its next attempt here has none any more: those behind it are given back.
    fn put_off_the_rest(&mut self) {
        for group in self.order.put_off_groups() {
            for item in self.order.followers(&group) {
                self.release(item.received, item.name, Released::BehindAnother);
            }
        }
    }

    async fn begin_draining(&mut self, why: Ended) {
        for item in self.order.all_followers() {
            self.release(item.received, item.name, Released::NotStarted);
        }
        if self.shared().told_draining() {
            let running = self.shared().running.load(Ordering::SeqCst);
            self.shared().tell(Progress::Draining { why, running }).await;
        }
    }
}

/// Once no more is to be received.
async fn ended(shared: &Shared) -> Ended {
    tokio::select! {
        biased;
        () = shared.shutdown.draining() => match shared.shutdown.signal() {
            Some(signal) => Ended::Signal(signal),
            // Drained without a signal: the one who holds the trigger has had enough.
            None => Ended::Idle,
        },
        () = shared.halt.1.draining() => match shared.cannot_run.get() {
            Some((handler, why)) => Ended::CannotRun { handler: handler.clone(), why: why.clone() },
            None => shared.ended.get().cloned().unwrap_or(Ended::Idle),
        },
        () = shared.stopped.1.draining() => shared.ended.get().cloned().unwrap_or(Ended::Idle),
        () = shared.emit.closed() => Ended::OutputClosed,
    }
}

async fn deadline(after: Option<Duration>) {
    match after {
        Some(after) => sleep(after).await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// How long a receive hides a message of a queue with this visibility timeout, where a handler may take so long.
pub(super) fn window(visibility: Duration, longest: Duration) -> Duration {
    longest.min(visibility.max(Duration::from_secs(30))).saturating_add(MARGIN)
}
