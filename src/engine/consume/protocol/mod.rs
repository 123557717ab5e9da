//! A handler is asked for the outcome of one event, and four protocols answer: a process for each event, a process for each batch,
//! a process that stays, and a web service.
//!
//! Whoever asks ([`super::work`]) knows nothing of the protocol: settling, heartbeats, backoff, order and draining are the same for
//! all of them. What a protocol must hold: an answer comes within the job's timeout and the kill ladder, and once
//! [`Shared::aborting`] is over as soon as the ladder allows.

mod batch;
mod http;
mod line;
mod spawn;
mod stream;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::work::Shared;
use super::{EventRef, Received};
use crate::clock::Clock;
use crate::engine::backoff::Backoff;
use crate::engine::exec::{Captured, Failure, HandlerEnv, Outcome, Program};
use crate::event::Event;

pub use self::http::Target;

/// How a handler is spoken to.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// A process for each event.
    Spawn(Program),
    /// A process for up to so many events, which are collected for so long.
    Batch {
        /// The command.
        program: Program,
        /// How many.
        most: NonZeroUsize,
        /// How long.
        wait: Duration,
    },
    /// Processes that stay, with so many events in the hands of each.
    Stream {
        /// The command.
        program: Program,
        /// How many.
        inflight: NonZeroUsize,
    },
    /// Requests to a web service.
    Http(Target),
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(program) | Self::Batch { program, .. } | Self::Stream { program, .. } => program.fmt(f),
            Self::Http(target) => target.fmt(f),
        }
    }
}

/// A handler as asked for.
#[derive(Clone, Debug)]
pub struct HandlerSpec {
    /// Whom to ask, and how.
    pub protocol: Protocol,
    /// How many processes or requests at once.
    pub workers: NonZeroUsize,
    /// How long one may take; `None` = the queue's visibility timeout.
    pub timeout: Option<Duration>,
    /// The waits between attempts.
    pub backoff: Backoff,
}

/// Called when a handler gets the event.
pub(super) type Begun = Arc<dyn Fn() + Send + Sync>;

/// One event to be handled.
pub(super) struct Job<'a> {
    pub(super) received: &'a Received,
    pub(super) event: &'a Event,
    pub(super) name: &'a Arc<EventRef>,
    pub(super) queue: &'a str,
    /// From the moment on in which the handler gets it.
    pub(super) timeout: Duration,
    pub(super) begun: Begun,
    /// What the handler continues, where that is not the event's own.
    pub(super) traceparent: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// The wait that the handler wishes for.
    pub(super) retry_after: Option<Duration>,
    /// What the handler says of it.
    pub(super) reason: Option<String>,
    /// The payload of the success event, where the handler named one.
    pub(super) payload: Option<String>,
    pub(super) stdout: Captured,
    pub(super) stderr: Captured,
    pub(super) took: Duration,
}

impl Answer {
    pub(super) fn of(outcome: Outcome, took: Duration) -> Self {
        Self {
            outcome,
            retry_after: None,
            reason: None,
            payload: None,
            stdout: Captured::default(),
            stderr: Captured::default(),
            took,
        }
    }

    fn said(verdict: line::Verdict, took: Duration) -> Self {
        let line::Verdict { outcome, retry_after, mut reason, payload } = verdict;
        if outcome == Outcome::Reject {
            reason.get_or_insert_with(|| "its result is `reject`".into());
        }
        Self { retry_after, reason, payload, ..Self::of(outcome, took) }
    }
}

/// A handler at work.
pub(super) struct Handler {
    /// As the user wrote it.
    pub(super) name: String,
    pub(super) timeout: Option<Duration>,
    pub(super) backoff: Backoff,
    /// How many processes or requests it has at once.
    pub(super) workers: usize,
    /// How many events it takes at once.
    pub(super) room: usize,
    slots: Arc<Semaphore>,
    runner: Runner,
}

enum Runner {
    Spawn(Program),
    Batch(batch::Batch),
    Stream(stream::Stream),
    Http(http::Http),
}

impl Handler {
    /// Starts what the protocol keeps running.
    pub(super) fn start(spec: &HandlerSpec, shared: &Arc<Shared>) -> Self {
        let workers = spec.workers.get();
        let room = match &spec.protocol {
            Protocol::Spawn(_) | Protocol::Http(_) => workers,
            Protocol::Batch { most, .. } => workers.saturating_mul(most.get()),
            Protocol::Stream { inflight, .. } => workers.saturating_mul(inflight.get()),
        };
        let room = room.min(Semaphore::MAX_PERMITS);
        let runner = match &spec.protocol {
            Protocol::Spawn(program) => Runner::Spawn(program.clone()),
            Protocol::Batch { program, most, wait } => {
                Runner::Batch(batch::Batch::start(program, workers, *most, *wait, shared))
            }
            Protocol::Stream { program, inflight } => {
                Runner::Stream(stream::Stream::start(program, workers, *inflight, shared))
            }
            Protocol::Http(target) => Runner::Http(http::Http::new(target)),
        };
        Self {
            name: spec.protocol.to_string(),
            timeout: spec.timeout,
            backoff: spec.backoff,
            workers,
            room,
            slots: Arc::new(Semaphore::new(room)),
            runner,
        }
    }

    /// Waits until it has room for one more event, in the order of asking.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        self.slots.clone().acquire_owned().await.ok()
    }

    /// Has one event handled.
    pub(super) async fn handle(&self, shared: &Shared, job: Job<'_>) -> Answer {
        match &self.runner {
            Runner::Spawn(program) => spawn::handle(program, shared, job).await,
            Runner::Batch(batch) => batch.handle(shared, job).await,
            Runner::Stream(stream) => stream.handle(shared, job).await,
            Runner::Http(http) => http.handle(shared, job).await,
        }
    }

    /// Ends what it keeps running, after the last event.
    pub(super) async fn end(self) {
        match self.runner {
            Runner::Spawn(_) | Runner::Http(_) => {}
            Runner::Batch(batch) => batch.end().await,
            Runner::Stream(stream) => stream.end().await,
        }
    }
}

/// Why an event that was handed to a worker has no answer.
fn worker_gone(shared: &Shared) -> Failure {
    if shared.is_aborting() { Failure::Aborted } else { Failure::NoResult("its worker is gone".into()) }
}

/// Hands a job to the tasks behind `jobs`, made around the sender of its answer, and waits for what they make of it.
async fn asked<T>(
    jobs: &mpsc::Sender<T>,
    shared: &Shared,
    begun: Instant,
    job: impl FnOnce(oneshot::Sender<Answer>) -> T,
) -> Answer {
    let (reply, answer) = oneshot::channel();
    if jobs.send(job(reply)).await.is_ok()
        && let Ok(answer) = answer.await
    {
        return answer;
    }
    Answer::of(Outcome::Failed(worker_gone(shared)), begun.elapsed())
}

/// Waits for tasks that end by themselves; a panic of one goes on here.
async fn all_ended(mut tasks: JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// The deadline of a handler that has `left` from now on, RFC 3339.
pub(super) fn deadline(clock: &Clock, left: Duration) -> Option<String> {
    let left = jiff::SignedDuration::try_from(left).ok()?;
    clock.now().checked_add(left).ok().map(|at| format!("{at:.3}"))
}

/// The environment of a process that handles many events: none of a single event's variables.
fn environment(protocol: &str) -> HandlerEnv {
    let mut env = HandlerEnv::default();
    for name in super::handler::VARIABLES {
        env.set(name, None);
    }
    env.set("EVENTBUS_PROTOCOL", Some(protocol));
    env
}
