//! A run: its queues, its handlers, and how they come to an end together.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::announce::Announcer;
use super::dedupe::Dedupe;
use super::flow::Flow;
use super::heartbeat::Heartbeats;
use super::protocol::Handler;
use super::receive::{Consumer, window};
use super::reject::name_of;
use super::settle::Settler;
use super::spans::{self, Spans};
use super::work::{Context, LAST_SETTLEMENTS, Shared};
use super::{Begun, ConsumeError, Counts, Ended, MARGIN, Progress, Remaining, Report, Request};
use crate::bus::{Bus, BusError, MAX_VISIBILITY, Queue, QueueAttributes};
use crate::engine::shutdown::Shutdown;
use crate::engine::tasks::result_of;
use crate::engine::{Emitter, Event};

/// How long handlers may run on a queue whose messages are never invisible: SQS's own default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Consumes until `request`, a signal, a closed stdout or a fault ends it.
///
/// # Errors
/// Only before anything was received: a queue cannot be found or asked, a timeout does not fit, or the memory of handled events
/// cannot be used. What goes wrong later is in the report, after draining.
pub async fn run(bus: &Bus, request: Request, emit: &Emitter, shutdown: &Shutdown) -> Result<Report, ConsumeError> {
    let begun = Instant::now();
    let longest = request.handlers.iter().filter_map(|handler| handler.timeout).max();
    if let Some(timeout) = longest.filter(|timeout| *timeout > MAX_VISIBILITY - 2 * MARGIN) {
        return Err(ConsumeError::TimeoutTooLong { timeout });
    }
    let announcer = request.announcements.clone().map(Announcer::new);
    let look = async {
        if let Some(announcer) = &announcer {
            announcer.find_topics(bus).await?;
        }
        let mut found: Vec<(Queue, QueueAttributes)> = Vec::new();
        for name in &request.queues {
            let queue = bus.queue(name).await?;
            if found.iter().all(|(known, _)| known.url != queue.url) {
                let attributes = bus.queue_attributes(&queue).await?;
                found.push((queue, attributes));
            }
        }
        Ok::<_, BusError>(found)
    };
    let queues = tokio::select! {
        found = look => found?,
        // Nothing was received yet: there is nothing to drain.
        () = shutdown.draining() => {
            let ended = shutdown.signal().map_or(Ended::Idle, Ended::Signal);
            let (counts, took) = (Counts::default(), begun.elapsed());
            return Ok(Report { queues: request.queues, counts, ended, remaining: None, took });
        }
    };
    let dedupe = match &request.dedupe {
        Some(spec) => Some(Dedupe::open(spec, request.clock.clone())?),
        None => None,
    };
    let (spans, sending) = match request.spans.clone() {
        Some(export) => {
            let (spans, sending) = Spans::start(export, emit.clone());
            (Some(spans), Some(sending))
        }
        None => (None, None),
    };
    let now = Instant::now();
    let shared = Arc::new(Shared {
        bus: bus.clone(),
        flow: Flow::new(request.rate, request.pause_after, request.max_memory),
        request,
        emit: emit.clone(),
        shutdown: shutdown.clone(),
        halt: Shutdown::manual(),
        cannot_run: OnceLock::new(),
        dedupe,
        announcer,
        spans,
        stopped: Shutdown::manual(),
        ended: OnceLock::new(),
        running: AtomicUsize::new(0),
        handled: AtomicU64::new(0),
        claimed: AtomicU64::new(0),
        reserved: AtomicU64::new(0),
        active: Mutex::new(now),
        unhandled: Mutex::new(HashSet::new()),
        dedupe_failing: AtomicBool::new(false),
        draining_told: AtomicBool::new(false),
        aborting_told: AtomicBool::new(false),
    });
    let handlers: Vec<Handler> =
        shared.request.handlers.iter().map(|handler| Handler::start(handler, &shared)).collect();
    let handlers = Arc::new(handlers);
    let (mut consumers, mut settling) = (Vec::new(), Vec::new());
    for (queue, attributes) in queues {
        let (context, settler) = begin(&shared, &handlers, queue, attributes, longest).await;
        consumers.push(Consumer::new(context));
        settling.push(settler);
    }
    shared.request.metrics.ready(true);
    let ends = futures::future::join_all(consumers.iter_mut().map(|consumer| consume(&shared, consumer))).await;
    shared.request.metrics.ready(false);

    let ended = end_of(&shared, ends);
    let counts = consumers.iter().fold(Counts::default(), |sum, consumer| sum.plus(&consumer.counts));
    let contexts: Vec<Arc<Context>> = consumers.into_iter().map(|consumer| consumer.context.clone()).collect();
    let queues = contexts.iter().map(|context| context.queue.name.clone()).collect();
    let remaining = match ended {
        Ended::Drained { .. } => remaining(&contexts).await,
        _ => None,
    };
    // The settlers end with their last clones; every event has been answered, so nothing is left in them.
    drop(contexts);
    for settler in settling {
        tokio::select! {
            biased;
            ended = settler => result_of(ended),
            () = shared.aborting_for(LAST_SETTLEMENTS) => {}
        }
    }
    if let Some(handlers) = Arc::into_inner(handlers) {
        futures::future::join_all(handlers.into_iter().map(Handler::end)).await;
    }
    let took = now.elapsed();
    if let Some(sending) = sending {
        last_spans(shared, sending).await;
    }
    Ok(Report { queues, counts, ended, remaining, took })
}

async fn last_spans(shared: Arc<Shared>, sending: JoinHandle<()>) {
    let dropped = shared.spans.as_ref().map_or(0, Spans::dropped);
    if dropped > 0 {
        let told = format!("{dropped} spans were dropped: more came than the collector took");
        let _ = shared.emit.emit_until(Event::Warning(told), shared.aborting_for(Duration::from_secs(1))).await;
    }
    let shutdown = shared.shutdown.clone();
    // The sending ends with the last who could hand one over.
    drop(shared);
    spans::ended(sending, async move { shutdown.aborting().await }).await;
}

async fn begin(
    shared: &Arc<Shared>,
    handlers: &Arc<Vec<Handler>>,
    queue: Queue,
    attributes: QueueAttributes,
    longest: Option<Duration>,
) -> (Arc<Context>, JoinHandle<()>) {
    let visibility = attributes.visibility_timeout;
    let timeout = if visibility.is_zero() { DEFAULT_TIMEOUT } else { visibility }.min(MAX_VISIBILITY - 2 * MARGIN);
    let all_have_one = handlers.iter().all(|handler| handler.timeout.is_some());
    let longest = longest.map_or(timeout, |longest| if all_have_one { longest } else { longest.max(timeout) });
    let window = window(visibility, longest);
    // Where the next of a group waits for it, no change waits for company.
    let company = !queue.is_fifo() && shared.request.order_by.is_none();
    let (settler, settling) = Settler::start(shared.bus.clone(), queue.clone(), company);
    let dead_letter = attributes.redrive.map(|policy| (policy.dead_letter_arn, policy.max_receives));
    let told = Begun {
        queue: queue.name.clone(),
        handlers: handlers.iter().map(|handler| handler.name.clone()).collect(),
        workers: handlers.iter().map(|handler| handler.workers).sum(),
        timeout: handlers.first().and_then(|handler| handler.timeout).unwrap_or(timeout),
        dead_letter: dead_letter.as_ref().map(|(arn, max)| (name_of(arn).to_owned(), *max)),
    };
    shared.tell(Progress::Begun(told)).await;
    let (emit, metrics) = (shared.emit.clone(), shared.request.metrics.clone());
    let beats = Heartbeats::start(&shared.bus, &queue, window, move |event, error| {
        metrics.heartbeat_lost(&event);
        let emit = emit.clone();
        // Heartbeats wait for nobody.
        tokio::spawn(async move { emit.emit(Progress::HeartbeatLost { event, error }).await });
    });
    let context = Context {
        shared: shared.clone(),
        handlers: handlers.clone(),
        queue,
        timeout,
        window,
        dead_letter,
        dead_letters: OnceCell::new(),
        settler,
        beats,
    };
    (Arc::new(context), settling)
}

/// One queue from its first receive to the last settlement. What ends one for good ends all.
async fn consume(shared: &Shared, consumer: &mut Consumer) -> Ended {
    let ended = consumer.receive().await;
    match &ended {
        Ended::Drained { .. } => {}
        Ended::Count | Ended::Idle => {
            let _ = shared.ended.set(ended.clone());
            shared.stopped.0.drain();
        }
        Ended::Signal(_) | Ended::OutputClosed | Ended::CannotRun { .. } | Ended::ReceiveFailed(_) => {
            let _ = shared.ended.set(ended.clone());
            shared.halt.0.drain();
        }
    }
    consumer.finish(&ended).await;
    ended
}

fn end_of(shared: &Shared, ends: Vec<Ended>) -> Ended {
    // The last of `--count` may have been the first to tell.
    if let Some((handler, why)) = shared.cannot_run.get() {
        return Ended::CannotRun { handler: handler.clone(), why: why.clone() };
    }
    if let Some(ended) = shared.ended.get() {
        return ended.clone();
    }
    let approximate = ends.iter().any(|ended| matches!(ended, Ended::Drained { approximate: true }));
    Ended::Drained { approximate }
}

async fn remaining(contexts: &[Arc<Context>]) -> Option<Remaining> {
    let mut sum = Remaining { visible: 0, in_flight: 0, delayed: 0 };
    for context in contexts {
        let now = context.shared.bus.queue_attributes(&context.queue).await.ok()?;
        sum.visible += now.visible;
        sum.in_flight += now.in_flight;
        sum.delayed += now.delayed;
    }
    Some(sum)
}
