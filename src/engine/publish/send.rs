//! Batches on their way: by ten and by bytes, retried entry by entry, each input reported in the order in which it was read.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesOrdered;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc};

use super::input::{self, Draft};
use super::prepare::{Prepared, Preparer, Ready};
use super::{Item, Problem, Progress, PublishError, Report, Request};
use crate::bus::{Bus, BusError, ItemError, MAX_BATCH, Outgoing, Sent, Topic};
use crate::engine::backoff::{Backoff, random};
use crate::engine::shutdown::Shutdown;
use crate::engine::{Emitter, Event};
use crate::words;

/// Inputs that may wait between the reader and the batches.
const AHEAD: usize = 128;

/// Batches on their way at once. Across a network that hides its latency; on the embedded bus one commit then takes several
/// batches. They are begun in the order of reading on one task, and the embedded bus has a batch in its writer's hands when
/// its future was polled once, so there the order stays; standard topics promise none. A FIFO topic gets one at a time.
const IN_FLIGHT: usize = 8;

/// How long a batch that is not full waits for more: long for a reader, short for a person.
const LINGER: Duration = Duration::from_millis(5);

/// Tries per message, the first included. Each is itself retried by the SDK where the whole call failed.
const TRIES: u32 = 5;

/// A batch that failed is not sent again once so much time went by: a locked bus file answers after half a minute only.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between tries.
const PAUSE: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) };

enum Produced {
    Input(Box<Prepared>),
    Warning(String),
    Failed(PublishError),
    End,
}

/// Publishes what `request` names; `bus` is needed unless it is a dry run.
///
/// After the first signal nothing more is read; what was read before is sent and reported. The second ends the waiting for
/// answers: what was on its way is reported as failed, since it may have arrived or not. A closed stdout stops nothing:
/// events are not lost because nobody reads about them.
///
/// # Errors
/// Only what makes the whole run impossible; single inputs end in the report.
pub async fn run(
    bus: Option<&Bus>,
    request: Request,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Result<Report, PublishError> {
    let request = Arc::new(request);
    // Checked here, so that an unknown event is refused before anything is read.
    for warning in Preparer::new(&request, &|_| None)?.warnings {
        let _ = emit.emit_until(Event::Warning(warning), shutdown.aborting()).await;
    }
    let (sender, receiver) = mpsc::channel(AHEAD);
    let reading = request.clone();
    let found = Finder::default();
    let asking = bus.filter(|_| !request.dry_run).map(|bus| (bus.clone(), found.clone(), Handle::current()));
    // A thread of its own, not the runtime's: a read of stdin cannot be cancelled, and must not keep the process alive.
    std::thread::Builder::new()
        .name("publish-reader".into())
        .spawn(move || {
            // Asked before the first event of a topic is judged; a run that ends meanwhile ends the asking.
            let limit_of = |topic: &str| {
                let (bus, found, runtime) = asking.as_ref()?;
                runtime.block_on(async {
                    tokio::select! {
                        found = found.topic(bus, topic) => found.ok().map(|topic| topic.max_bytes),
                        () = sender.closed() => None,
                    }
                })
            };
            produce(&reading, &sender, &limit_of);
        })
        .map_err(|_| PublishError::Reader)?;
    let sending = Sending { bus: bus.cloned(), request, emit, report: Report::default(), found, shutdown };
    sending.run(receiver).await
}

/// Reads, checks and wraps every input; with `all_or_nothing` twice, the first time only to count what is refused.
fn produce(request: &Request, sender: &mpsc::Sender<Produced>, limit_of: &dyn Fn(&str) -> Option<usize>) {
    let send = |produced| match sender.blocking_send(produced) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let mut sources = request.sources.clone();
    let mut refused = 0u64;
    if request.all_or_nothing {
        for source in &mut sources {
            if let Err(error) = source.spool() {
                let _ = send(Produced::Failed(PublishError::Spool(error)));
                return;
            }
        }
        let Ok(mut preparer) = Preparer::new(request, limit_of) else { return };
        let counted = input::for_each(&sources, &mut |draft: Draft<'_>| {
            refused += u64::from(preparer.prepare(draft).result.is_err());
            if sender.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if counted.is_break() {
            return;
        }
    }
    let held = (refused > 0).then(|| match refused {
        1 => "1 other was".to_owned(),
        n => format!("{} others were", words::thousands(n)),
    });
    let Ok(mut preparer) = Preparer::new(request, limit_of) else { return };
    preparer.warnings.clear();
    let done = input::for_each(&sources, &mut |draft| {
        let mut prepared = preparer.prepare(draft);
        if let (Some(others), Ok(_)) = (&held, &prepared.result) {
            prepared.result = Err(Problem::Held { others: others.clone() });
        }
        for warning in preparer.warnings.drain(..) {
            send(Produced::Warning(warning))?;
        }
        send(Produced::Input(Box::new(prepared)))
    });
    if done.is_continue() {
        let _ = send(Produced::End);
    }
}

/// One input in a batch, in the order of reading; what is refused travels along so that reports keep that order.
struct Slot {
    item: Item,
    state: State,
}

enum State {
    Refused(Problem),
    Ready(Box<Ready>),
    Sent(Sent),
    Failed(ItemError, u32),
}

/// The batch that is being filled.
#[derive(Default)]
struct Window {
    slots: Vec<Slot>,
    ready: usize,
    bytes: usize,
    topic: Option<String>,
    /// Something did not fit any more.
    closed: bool,
}

impl Window {
    fn fits(&self, prepared: &Prepared) -> bool {
        match &prepared.result {
            Err(_) => self.slots.len() < 4 * MAX_BATCH,
            Ok(ready) => {
                self.ready < MAX_BATCH
                    && self.bytes + ready.bytes <= ready.limit
                    && self.topic.as_ref().is_none_or(|topic| *topic == ready.topic)
            }
        }
    }

    fn push(&mut self, prepared: Prepared) {
        let state = match prepared.result {
            Err(problem) => State::Refused(problem),
            Ok(ready) => {
                self.ready += 1;
                self.bytes += ready.bytes;
                self.topic.get_or_insert_with(|| ready.topic.clone());
                State::Ready(Box::new(ready))
            }
        };
        self.slots.push(Slot { item: prepared.item, state });
    }

    fn full(&self) -> bool {
        self.closed || self.ready >= MAX_BATCH
    }
}

/// The topics of a run, each looked up once; a look-up that failed and may succeed is tried again with the next batch.
#[derive(Clone, Default)]
struct Finder {
    known: Arc<Mutex<HashMap<String, Result<Topic, ItemError>>>>,
    errors: Arc<StdMutex<Vec<BusError>>>,
}

impl Finder {
    async fn topic(&self, bus: &Bus, name: &str) -> Result<Topic, ItemError> {
        let mut known = self.known.lock().await;
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        let found = bus.topic(name).await.map_err(|error| {
            let item = error.to_item();
            let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            errors.retain(|before| before.message != error.message);
            errors.push(error);
            item
        });
        // What may be otherwise next time is asked next time: one lost connection must not fail every event after it.
        if !matches!(&found, Err(error) if error.retryable) {
            known.insert(name.to_owned(), found.clone());
        }
        found
    }
}

struct Sending<'a> {
    bus: Option<Bus>,
    request: Arc<Request>,
    emit: &'a Emitter,
    report: Report,
    found: Finder,
    shutdown: &'a Shutdown,
}

impl Sending<'_> {
    async fn run(mut self, mut inputs: mpsc::Receiver<Produced>) -> Result<Report, PublishError> {
        let mut flights: FuturesOrdered<BoxFuture<'static, Vec<Slot>>> = FuturesOrdered::new();
        let mut window = Window::default();
        let mut next: Option<Prepared> = None;
        let mut ended = false;
        let mut due = tokio::time::Instant::now();
        let mut failure = None;
        loop {
            let lingered = tokio::time::Instant::now() >= due;
            // Batches of a FIFO topic follow each other: its order is what it is for.
            let fifo = window.topic.as_deref().is_some_and(|topic| topic.ends_with(".fifo"));
            let room = flights.len() < if fifo { 1 } else { IN_FLIGHT };
            if !window.slots.is_empty() && room && (window.full() || ended || lingered) {
                let batch = std::mem::take(&mut window);
                flights.push_back(self.flight(batch));
                if let Some(prepared) = next.take() {
                    window.push(prepared);
                    due = tokio::time::Instant::now() + LINGER;
                }
                continue;
            }
            if ended && window.slots.is_empty() && flights.is_empty() {
                break;
            }
            let waiting = !window.slots.is_empty() && !window.full() && room;
            tokio::select! {
                biased;
                () = self.shutdown.draining(), if !ended => {
                    ended = true;
                    self.report.stopped = true;
                    inputs.close();
                    // What waited behind is not sent; its first is where to go on.
                    while let Ok(produced) = inputs.try_recv() {
                        if let Produced::Input(prepared) = produced {
                            self.report.stopped_at.get_or_insert(prepared.item.input);
                        }
                    }
                }
                Some(slots) = flights.next(), if !flights.is_empty() => self.settle(slots).await,
                produced = inputs.recv(), if !ended && !window.full() => {
                    if window.slots.is_empty() {
                        due = tokio::time::Instant::now() + LINGER;
                    }
                    let mut produced = produced.unwrap_or(Produced::Failed(PublishError::Reader));
                    // What has come already is taken at once: going round the loop for each would cost more than the event.
                    loop {
                        match produced {
                            Produced::Input(prepared) if window.fits(&prepared) => window.push(*prepared),
                            Produced::Input(prepared) => {
                                window.closed = true;
                                next = Some(*prepared);
                            }
                            Produced::Warning(text) => {
                                let _ = self.emit.emit_until(Event::Warning(text), self.shutdown.aborting()).await;
                            }
                            Produced::End => ended = true,
                            Produced::Failed(error) => {
                                failure = Some(error);
                                ended = true;
                            }
                        }
                        if ended || window.full() {
                            break;
                        }
                        match inputs.try_recv() {
                            Ok(more) => produced = more,
                            Err(_) => break,
                        }
                    }
                }
                () = tokio::time::sleep_until(due), if waiting => {}
            }
        }
        self.report.topic_errors =
            std::mem::take(&mut *self.found.errors.lock().unwrap_or_else(PoisonError::into_inner));
        match failure {
            Some(error) => Err(error),
            None => Ok(self.report),
        }
    }

    /// The future of one batch; a dry run's, and that of nothing but refusals, is there at once.
    fn flight(&self, window: Window) -> BoxFuture<'static, Vec<Slot>> {
        let (Some(bus), Some(topic), false) = (&self.bus, window.topic, self.request.dry_run) else {
            return futures::future::ready(window.slots).boxed();
        };
        let (bus, found, shutdown) = (bus.clone(), self.found.clone(), self.shutdown.clone());
        async move {
            let mut slots = window.slots;
            let found = tokio::select! {
                biased;
                () = shutdown.aborting() => Err(ended("ended by a second signal, it was not sent")),
                found = found.topic(&bus, &topic) => found,
            };
            match found {
                Ok(topic) => send(&bus, &topic, &mut slots, &shutdown).await,
                Err(error) => {
                    for slot in slots.iter_mut().filter(|slot| matches!(slot.state, State::Ready(_))) {
                        slot.state = State::Failed(error.clone(), 0);
                    }
                }
            }
            slots
        }
        .boxed()
    }

    async fn settle(&mut self, slots: Vec<Slot>) {
        for Slot { item, state } in slots {
            let progress = match state {
                State::Refused(problem) => {
                    self.report.refused += 1;
                    Progress::Refused { item, problem }
                }
                State::Sent(Sent { message_id, sequence_number }) => {
                    self.report.sent += 1;
                    Progress::Sent { item, message_id, sequence_number }
                }
                State::Failed(error, tries) => {
                    self.report.failed += 1;
                    self.report.first_failure.get_or_insert_with(|| error.clone());
                    Progress::Failed { item, error, tries }
                }
                State::Ready(ready) => {
                    self.report.planned += 1;
                    let Ready { outgoing, bytes, .. } = *ready;
                    let Outgoing { body: message, attributes, group_id, .. } = outgoing;
                    Progress::Planned { item, message, attributes, group_id, bytes }
                }
            };
            // A closed stdout stops the telling, not the sending; one that is not read holds it up until the second signal.
            let _ = self.emit.emit_until(Event::Publish(progress), self.shutdown.aborting()).await;
        }
    }
}

/// Sends what is ready among `slots`, and again what failed and may succeed; each ends as sent or failed.
async fn send(bus: &Bus, topic: &Topic, slots: &mut [Slot], shutdown: &Shutdown) {
    let begun = tokio::time::Instant::now();
    let mut tries = 0;
    loop {
        tries += 1;
        let open: Vec<usize> = (0..slots.len()).filter(|&at| matches!(slots[at].state, State::Ready(_))).collect();
        let messages: Vec<&Outgoing> = open
            .iter()
            .filter_map(|&at| match &slots[at].state {
                State::Ready(ready) => Some(&ready.outgoing),
                _ => None,
            })
            .collect();
        let outcomes = if shutdown.is_aborting() {
            vec![Err(ended("ended by a second signal, it was not sent")); messages.len()]
        } else {
            tokio::select! {
                biased;
                outcomes = bus.publish_batch(topic, &messages) => outcomes,
                // Nobody waits for the answer any more; whether the bus took them is not known.
                () = shutdown.aborting() => {
                    let unknown = "ended by a second signal before the bus answered, it may have arrived";
                    vec![Err(ended(unknown)); messages.len()]
                }
            }
        };
        let mut again = false;
        for (at, outcome) in open.into_iter().zip(outcomes) {
            match outcome {
                Ok(sent) => slots[at].state = State::Sent(sent),
                Err(error)
                    if error.retryable && tries < TRIES && begun.elapsed() < PATIENCE && !shutdown.is_aborting() =>
                {
                    again = true
                }
                Err(error) => slots[at].state = State::Failed(error, tries),
            }
        }
        if !again {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE.after(tries, random())) => {}
            () = shutdown.aborting() => {}
        }
    }
}

/// What became of a message when the run was ended by force.
fn ended(message: &str) -> ItemError {
    ItemError { code: "Ended".into(), message: message.into(), sender_fault: false, retryable: false, request_id: None }
}
