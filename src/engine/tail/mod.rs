//! Looking into a queue: what waits, then what comes, each message once.
//!
//! Where the bus has a peek, looking changes nothing. Elsewhere there is only *receive and hold*: each message is received
//! once, kept invisible to others while this run lasts, and given back at its end. That raises its receive count, so it is
//! refused where the count can move a message to a dead-letter queue, or where a hold blocks a FIFO group.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::bus::{Bus, BusError, MAX_BATCH, MAX_WAIT, Message, Queue, Receive};
use crate::engine::hold::{FIRST, Holds, Released};
use crate::engine::record::record_of;
use crate::engine::shutdown::Shutdown;
use crate::engine::{Emitter, Event, OutputClosed};
use crate::event::Record;

/// How many messages one peek brings at most: few enough that a slow reader holds little in memory.
const PEEK_LIMIT: u32 = 50;

/// What to look at, and until when. Without any bound it goes on until a signal or until nobody reads.
#[derive(Clone, Debug)]
pub struct Request {
    /// The queue.
    pub queue: Queue,
    /// Show only events of this name.
    pub event: Option<String>,
    /// End after so many were shown.
    pub count: Option<u64>,
    /// End when nothing came for so long.
    pub idle: Option<Duration>,
    /// End after so long.
    pub duration: Option<Duration>,
    /// Look even where looking can dead-letter a message or block a FIFO group.
    pub force: bool,
}

/// How it is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The bus shows messages without receiving them.
    Peek,
    /// Each message is received once, held, and given back at the end.
    Receive,
}

/// What a tail tells.
#[derive(Clone, Debug)]
pub enum Progress {
    /// What looking will cost, told before the first look.
    Cost {
        /// How it is looked.
        mode: Mode,
        /// A sentence for the user.
        says: String,
    },
    /// A message.
    Message(Box<Record>),
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As many were shown as were asked for.
    Count,
    /// Nothing came for the time that was set.
    Idle,
    /// The time that was set is over.
    Time,
    /// Nobody reads any more.
    OutputClosed,
    /// A signal came.
    Signal,
}

/// How a tail went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it was looked.
    pub mode: Mode,
    /// Messages shown.
    pub shown: u64,
    /// Messages seen and not asked for.
    pub passed_over: u64,
    /// What was held and given back; zero when peeking.
    pub released: Released,
    /// Why it ended.
    pub ended: Ended,
}

/// Why it was not looked, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// Looking could change more than a receive count.
    #[error("queue `{queue}` {why}")]
    Costly {
        /// The queue's name.
        queue: String,
        /// What looking could do there.
        why: String,
    },
    /// The bus failed. What was held has been given back.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Looks into the queue. `reader_gone` ends it as a closed stdout does.
///
/// Whatever ends it, what is held is given back first.
///
/// # Errors
/// [`TailError::Costly`] without `force`, before anything is received; [`TailError::Bus`] when the bus fails.
pub async fn run(
    bus: &Bus,
    request: Request,
    emit: &Emitter,
    shutdown: &Shutdown,
    reader_gone: impl Future<Output = ()>,
) -> Result<Report, TailError> {
    let mut look = Look::new(&request);
    let ends = async {
        tokio::select! {
            () = shutdown.draining() => Ended::Signal,
            () = emit.closed() => Ended::OutputClosed,
            () = reader_gone => Ended::OutputClosed,
        }
    };
    tokio::pin!(ends);
    if bus.can_peek() {
        let says = format!("looking into `{}` without receiving: nothing is changed", request.queue.name);
        let ended = match emit.emit(Progress::Cost { mode: Mode::Peek, says }).await {
            Ok(()) => peek(bus, &request, emit, &mut look, ends).await?,
            Err(OutputClosed) => Ended::OutputClosed,
        };
        return Ok(look.report(Mode::Peek, Released::default(), ended));
    }
    let says = cost(bus, &request).await?;
    if emit.emit(Progress::Cost { mode: Mode::Receive, says }).await.is_err() {
        return Ok(look.report(Mode::Receive, Released::default(), Ended::OutputClosed));
    }
    let holds = Holds::start(bus, &request.queue);
    let ended = receive(bus, &request, emit, &mut look, &holds, ends).await;
    let released = holds.release_all().await;
    Ok(look.report(Mode::Receive, released, ended?))
}

/// The sentence that says what looking by receiving costs, or the refusal.
async fn cost(bus: &Bus, request: &Request) -> Result<String, TailError> {
    let queue = &request.queue;
    let attributes = bus.queue_attributes(queue).await?;
    let mut dangers = Vec::new();
    if attributes.fifo {
        dangers.push("is FIFO: a message that is being looked at blocks the rest of its group".to_owned());
    }
    if let Some(redrive) = &attributes.redrive {
        let dead_letters = redrive.dead_letter_arn.rsplit(':').next().unwrap_or_default();
        let times = if redrive.max_receives == 1 { "time" } else { "times" };
        dangers.push(format!(
            "moves a message to `{dead_letters}` once it was received {} {times}, and looking counts as a receive",
            redrive.max_receives
        ));
    }
    if !dangers.is_empty() && !request.force {
        return Err(TailError::Costly { queue: queue.name.clone(), why: dangers.join("; it ") });
    }
    let mut says = format!(
        "This bus cannot show messages without receiving them: each message of `{}` is received once (its receive count goes \
         up by one), hidden from consumers while this runs, and given back at the end",
        queue.name
    );
    if !dangers.is_empty() {
        says.push_str(&format!("; forced, although the queue {}", dangers.join("; it ")));
    }
    Ok(says)
}

async fn peek(
    bus: &Bus,
    request: &Request,
    emit: &Emitter,
    look: &mut Look,
    mut ends: std::pin::Pin<&mut impl Future<Output = Ended>>,
) -> Result<Ended, TailError> {
    let mut cursor = 0;
    loop {
        let wait = match look.wait() {
            Ok(wait) => wait,
            Err(ended) => return Ok(ended),
        };
        let peeked = tokio::select! {
            biased;
            ended = &mut ends => return Ok(ended),
            peeked = bus.peek(&request.queue, cursor, PEEK_LIMIT, wait) => peeked?,
        };
        cursor = peeked.cursor;
        for message in peeked.messages {
            if let Some(ended) = look.show(message, request, emit).await {
                return Ok(ended);
            }
        }
    }
}

async fn receive(
    bus: &Bus,
    request: &Request,
    emit: &Emitter,
    look: &mut Look,
    holds: &Holds,
    mut ends: std::pin::Pin<&mut impl Future<Output = Ended>>,
) -> Result<Ended, TailError> {
    // Only hashes: what is held may be a hundred thousand messages.
    let hasher = RandomState::new();
    let mut seen = HashSet::new();
    loop {
        let wait = match look.wait() {
            Ok(wait) => wait,
            Err(ended) => return Ok(ended),
        };
        let max = match (request.count, &request.event) {
            (Some(count), None) => (count - look.shown).min(MAX_BATCH as u64) as u32,
            _ => MAX_BATCH as u32,
        };
        let received = tokio::select! {
            biased;
            ended = &mut ends => return Ok(ended),
            received = bus.receive(&request.queue, Receive { max, wait, visibility: Some(FIRST) }) => received?,
        };
        // All are held before the first is shown: a reader that blocks must not let the others lapse.
        for message in &received {
            holds.add(&message.receipt_handle);
        }
        for message in received {
            // Seen before: its hold lapsed, or SQS delivered it twice.
            if seen.insert(hasher.hash_one(&message.id))
                && let Some(ended) = look.show(message, request, emit).await
            {
                return Ok(ended);
            }
        }
    }
}

/// The bounds and the counts of one run.
struct Look {
    shown: u64,
    passed_over: u64,
    count: Option<u64>,
    idle: Option<Duration>,
    last: Instant,
    over: Option<Instant>,
}

impl Look {
    fn new(request: &Request) -> Self {
        let now = Instant::now();
        Self {
            shown: 0,
            passed_over: 0,
            count: request.count,
            idle: request.idle,
            last: now,
            over: request.duration.and_then(|duration| now.checked_add(duration)),
        }
    }

    /// How long the next look may wait, or that there is none.
    fn wait(&self) -> Result<Duration, Ended> {
        if self.count.is_some_and(|count| self.shown >= count) {
            return Err(Ended::Count);
        }
        let now = Instant::now();
        let mut wait = MAX_WAIT;
        if let Some(over) = self.over {
            wait = wait.min(over.saturating_duration_since(now));
            if wait.is_zero() {
                return Err(Ended::Time);
            }
        }
        if let Some(idle) = self.idle {
            let left = idle.saturating_sub(now.duration_since(self.last));
            wait = wait.min(left);
            if wait.is_zero() {
                return Err(Ended::Idle);
            }
        }
        Ok(wait)
    }

    async fn show(&mut self, message: Message, request: &Request, emit: &Emitter) -> Option<Ended> {
        self.last = Instant::now();
        let record = record_of(&request.queue, message);
        if !is_wanted(&record, request.event.as_deref()) {
            self.passed_over += 1;
            return None;
        }
        self.shown += 1;
        if emit.emit(Progress::Message(Box::new(record))).await.is_err() {
            return Some(Ended::OutputClosed);
        }
        self.count.is_some_and(|count| self.shown >= count).then_some(Ended::Count)
    }

    fn report(self, mode: Mode, released: Released, ended: Ended) -> Report {
        Report { mode, shown: self.shown, passed_over: self.passed_over, released, ended }
    }
}

/// Whether the record is an event of this name; where the body is no event, its `eventName` attribute decides.
pub(crate) fn is_wanted(record: &Record, event: Option<&str>) -> bool {
    let Some(wanted) = event else { return true };
    match &record.event {
        Some(event) => event.metadata.event_name == wanted,
        None => record.attributes.get("eventName").and_then(|attribute| attribute.text()) == Some(wanted),
    }
}

impl From<Progress> for Event {
    fn from(progress: Progress) -> Self {
        Self::Tail(progress)
    }
}
