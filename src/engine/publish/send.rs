//! Batches on their way: filled as inputs come, begun at the rate that was asked for, told in the order of reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesOrdered;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::batch::{Finder, Post, Slot, State, Window};
use super::hooks::{After, Leash};
use super::input;
use super::plan::Plans;
use super::prepare::{Prepared, Ready};
use super::produce::{self, Asking, Produced};
use super::rate::Pace;
use super::{Progress, PublishError, Report, Request, Skip};
use crate::bus::{Bus, Outgoing, Sent};
use crate::engine::shutdown::Shutdown;
use crate::engine::stuck::Stuck;
use crate::engine::{Emitter, Event};

/// Inputs that may wait between the reader and the batches.
const AHEAD: usize = 128;

/// How long a batch that is not full waits for more: long for a reader, short for a person.
const LINGER: Duration = Duration::from_millis(5);

/// Batches between two words about how far the reading is.
const WORD: u64 = 8;

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
    for said in Plans::new(&request)?.said {
        let _ = emit.emit_until(said, shutdown.aborting()).await;
    }
    let (sender, receiver) = mpsc::channel(AHEAD);
    let reading = request.clone();
    let found = Finder::new(request.outbox.is_some());
    let asking = bus.filter(|_| !request.dry_run).map(|bus| Asking {
        bus: bus.clone(),
        found: found.clone(),
        runtime: Handle::current(),
        sender: sender.clone(),
    });
    let read = Arc::new(AtomicU64::new(0));
    let counter = read.clone();
    let leash = Leash::default();
    let held = leash.clone();
    // A thread of its own, not the runtime's: a read of stdin cannot be cancelled, and must not keep the process alive.
    std::thread::Builder::new()
        .name("publish-reader".into())
        .spawn(move || produce::produce(&reading, &sender, asking.as_ref(), &counter, &held))
        .map_err(|_| PublishError::Reader)?;
    let total = input::length(&request.sources).map(|length| length.saturating_mul(request.repeat));
    let reading = total.filter(|total| *total > 0).map(|total| (read, total));
    let after = match request.hooks.after.as_ref().filter(|_| !request.dry_run).map(After::start) {
        Some(Ok(after)) => Some(after),
        Some(Err(why)) => {
            let _ = emit.emit_until(Event::Warning(why), shutdown.aborting()).await;
            None
        }
        None => None,
    };
    let report = Report::default();
    let sending =
        Sending { bus: bus.cloned(), request, emit, report, found, stuck: Stuck::default(), shutdown, after, reading };
    let done = sending.run(receiver).await;
    leash.end();
    done
}

struct Sending<'a> {
    bus: Option<Bus>,
    request: Arc<Request>,
    emit: &'a Emitter,
    report: Report,
    found: Finder,
    stuck: Stuck,
    shutdown: &'a Shutdown,
    /// The hook that is told what became of each.
    after: Option<After>,
    /// How much was read, of how much.
    reading: Option<(Arc<AtomicU64>, u64)>,
}

impl Sending<'_> {
    async fn run(mut self, mut inputs: mpsc::Receiver<Produced>) -> Result<Report, PublishError> {
        let mut flights: FuturesOrdered<BoxFuture<'static, (usize, Vec<Slot>)>> = FuturesOrdered::new();
        // Batches in them.
        let mut under_way = 0;
        let mut pace = Pace::new(self.request.rate);
        let mut window = Window::new(pace.batch());
        let mut next: Option<Prepared> = None;
        let mut ended = false;
        let mut complete = false;
        let mut due = Instant::now();
        let mut failure = None;
        let mut batches = 0u64;
        loop {
            let lingered = Instant::now() >= due;
            // Batches of a FIFO topic follow each other: its order is what it is for. Those of other topics are begun in the
            // order of reading on one task, and the embedded bus has a batch in its writer's hands when its future was polled
            // once, so there the order stays; standard topics promise none.
            let room = if window.is_fifo() {
                flights.is_empty()
            } else {
                flights.is_empty() || under_way + window.batches() <= self.request.concurrency
            };
            let paced = if window.messages() > 0 { pace.wait() } else { None };
            if !window.slots.is_empty() && room && paced.is_none() && (window.full() || ended || lingered) {
                let batch = std::mem::replace(&mut window, Window::new(pace.batch()));
                pace.spend(batch.messages());
                let batches = batch.batches();
                under_way += batches;
                flights.push_back(self.flight(batch).map(move |slots| (batches, slots)).boxed());
                if let Some(prepared) = next.take() {
                    window.push(prepared);
                    due = Instant::now() + LINGER;
                }
                continue;
            }
            if ended && window.slots.is_empty() && flights.is_empty() {
                break;
            }
            let waiting = !window.slots.is_empty() && !window.full() && !ended && room;
            let wake = if waiting { due.max(paced.unwrap_or(due)) } else { paced.unwrap_or(due) };
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
                Some((landed, slots)) = flights.next(), if !flights.is_empty() => {
                    under_way -= landed;
                    self.settle(slots).await;
                    batches += 1;
                    if batches.is_multiple_of(WORD) {
                        self.tell_reading().await;
                    }
                }
                produced = inputs.recv(), if !ended && !window.full() => {
                    if window.slots.is_empty() {
                        due = Instant::now() + LINGER;
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
                            Produced::Said(said) => {
                                let _ = self.emit.emit_until(said, self.shutdown.aborting()).await;
                            }
                            Produced::End => {
                                ended = true;
                                complete = true;
                            }
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
                () = tokio::time::sleep_until(wake), if waiting || (paced.is_some() && room) => {}
                // A stream that is slow on purpose ends at once; what waits for its turn was not sent.
                () = self.shutdown.aborting(), if paced.is_some() => {
                    pace = Pace::new(None);
                }
            }
        }
        if let Some(outbox) = self.request.outbox.clone().filter(|_| !self.request.dry_run) {
            let tidied = tokio::task::spawn_blocking(move || outbox.tidy(complete)).await;
            if let (Ok(Err(error)), None) = (tidied, &failure) {
                failure = Some(PublishError::Outbox(error));
            }
        }
        if let Some(after) = self.after.take()
            && let Some(said) = after.finish().await
        {
            let _ = self.emit.emit_until(Event::Warning(said), self.shutdown.aborting()).await;
        }
        self.report.topic_errors = self.found.errors();
        match failure {
            Some(error) if !self.report.is_begun() => Err(error),
            broken => Ok(Report { broken, ..self.report }),
        }
    }

    async fn tell_reading(&self) {
        if let Some((read, total)) = &self.reading {
            let (read, total) = (read.load(Ordering::Relaxed), *total);
            let _ =
                self.emit.emit_until(Event::Publish(Progress::Reading { read, total }), self.shutdown.aborting()).await;
        }
    }

    /// The future of a window's batches; a dry run's, and that of nothing but refusals, is there at once.
    fn flight(&self, window: Window) -> impl Future<Output = Vec<Slot>> + Send + 'static {
        let post = self.bus.as_ref().filter(|_| !self.request.dry_run).map(|bus| Post {
            bus: bus.clone(),
            finder: self.found.clone(),
            outbox: self.request.outbox.clone(),
            shutdown: self.shutdown.clone(),
            stuck: self.stuck.clone(),
        });
        async move {
            match post {
                Some(post) => post.deliver(window).await,
                None => window.slots,
            }
        }
    }

    async fn settle(&mut self, slots: Vec<Slot>) {
        for Slot { item, state, row, in_doubt } in slots {
            let progress = match state {
                State::Refused(problem) => {
                    self.report.refused += 1;
                    Progress::Refused { item, problem }
                }
                State::Skipped(why) => {
                    self.report.skipped += 1;
                    self.report.nowhere += u64::from(why == Skip::NoTarget);
                    Progress::Skipped { item, why }
                }
                State::Sent(Sent { message_id, sequence_number }) => {
                    self.report.sent += 1;
                    self.report.perhaps_twice += u64::from(in_doubt);
                    Progress::Sent { item, message_id, sequence_number }
                }
                State::Failed(error, tries) => {
                    self.report.failed += 1;
                    self.report.kept += u64::from(row.is_some());
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
            if let Some(after) = &mut self.after {
                let said = tokio::select! {
                    said = after.tell(&progress) => said,
                    () = self.shutdown.aborting() => None,
                };
                if let Some(said) = said {
                    let _ = self.emit.emit_until(Event::Warning(said), self.shutdown.aborting()).await;
                }
            }
            // A closed stdout stops the telling, not the sending; one that is not read holds it up until the second signal.
            let _ = self.emit.emit_until(Event::Publish(progress), self.shutdown.aborting()).await;
        }
    }
}
