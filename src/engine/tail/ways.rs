//! The four ways of looking, each until the run is over, and what has to be done after it.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::JoinSet;

use super::look::Run;
use super::plan::{Way, What};
use super::{Ended, Mode, Progress, Sink, Stop, TailError};
use crate::bus::{Bus, BusError, BusErrorKind, MAX_BATCH, Queue, Receive};
use crate::engine::delete::delete;
use crate::engine::hold::{FIRST, Holds, Released};
use crate::engine::record::record_of;
use crate::engine::recording::{Ahead, NoRecord, Reading, RecordingError, Window};
use crate::engine::tap::{self, Spot, Tap};
use crate::engine::tasks::result_of;
use crate::words::count;

/// How many messages one peek brings at most: few enough that a slow reader holds little in memory.
const PEEK_LIMIT: u32 = 50;
/// One that brings more bytes is followed by a smaller one.
const PEEK_BYTES: usize = 4 * 1024 * 1024;

/// How it went at one source.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) result: Result<(), TailError>,
    pub(super) released: Released,
    pub(super) drained: u64,
    pub(super) undeleted: u64,
    pub(super) reading: Option<(PathBuf, Reading)>,
    pub(super) left: Vec<String>,
    /// How it was looked in the end, where that is not how it was meant to be.
    pub(super) instead: Option<Mode>,
}

impl From<Result<(), TailError>> for Outcome {
    fn from(result: Result<(), TailError>) -> Self {
        Self {
            result,
            released: Released::default(),
            drained: 0,
            undeleted: 0,
            reading: None,
            left: Vec::new(),
            instead: None,
        }
    }
}

/// Looks until the run is over; a failure here ends it for the others, too.
pub(super) async fn follow<S: Sink>(run: &Run<'_, S>, way: Way) -> Outcome {
    let outcome = match (way.what, &way.bus) {
        (What::Read(path), _) => recorded(run, path).await,
        (What::Peek(queue), Some(bus)) => peek(run, bus, &queue).await.into(),
        (What::Receive(queue), Some(bus)) => received(run, bus, &queue).await,
        (What::Drain(queue), Some(bus)) => {
            let holds = Holds::start(bus, &queue);
            let (mut drained, mut undeleted) = (0, 0);
            let result = drain(run, bus, &queue, &holds, (&mut drained, &mut undeleted)).await;
            end_after(run, &result);
            Outcome { released: holds.release_all(run.shutdown.aborting()).await, drained, undeleted, ..result.into() }
        }
        (What::Tap(spot, instead), Some(bus)) => tapped(run, bus, *spot, instead).await,
        // The plan gives a bus to all that needs one.
        (_, None) => Ok(()).into(),
    };
    end_after(run, &outcome.result);
    outcome
}

fn end_after<S: Sink>(run: &Run<'_, S>, result: &Result<(), TailError>) {
    if result.is_err() {
        run.end(Ended::Failed);
    }
}

/// The value of a future, or the end of the function when the run is over first.
macro_rules! unless_over {
    ($run:expr, $work:expr) => {
        tokio::select! {
            biased;
            () = $run.ended() => return Ok(()),
            done = $work => done?,
        }
    };
}

/// Goes on, or ends the function as the sink says.
macro_rules! or_stop {
    ($run:expr, $taken:expr) => {
        match $taken {
            Ok(taken) => taken,
            Err(stop) => return $run.stop(stop),
        }
    };
}

async fn peek<S: Sink>(run: &Run<'_, S>, bus: &Bus, queue: &Queue) -> Result<(), TailError> {
    let (mut cursor, mut limit) = (0, PEEK_LIMIT / 5);
    let mut seen = Seen::default();
    // The next page, fetched while this one is shown.
    let mut ahead = JoinSet::new();
    while let Some(wait) = run.wait() {
        let peeked = unless_over!(run, async {
            match ahead.join_next().await {
                Some(fetched) => result_of(fetched),
                None => bus.peek(queue, cursor, limit, wait).await,
            }
        });
        let full = peeked.messages.len() >= limit as usize;
        cursor = peeked.cursor;
        let bytes: usize = peeked.messages.iter().map(|message| message.body.len()).sum();
        limit = if bytes > PEEK_BYTES { (limit / 2).max(1) } else { (limit * 2).min(PEEK_LIMIT) };
        if full && bytes <= PEEK_BYTES / 8 && !bus.peeks_from_the_start() {
            let (bus, queue) = (bus.clone(), queue.clone());
            ahead.spawn(async move { bus.peek(&queue, cursor, limit, Duration::ZERO).await });
        }
        let mut shown = 0;
        for message in peeked.messages {
            // Some endpoints show everything at every look.
            if !bus.peeks_from_the_start() || seen.is_new(&message.id) {
                or_stop!(run, run.show(record_of(&queue.name, message)).await);
                shown += 1;
            }
        }
        or_stop!(run, run.sink.lock().await.rest().await);
        run.looked(shown);
    }
    Ok(())
}

async fn received<S: Sink>(run: &Run<'_, S>, bus: &Bus, queue: &Queue) -> Outcome {
    let holds = Holds::start(bus, queue);
    let result = receive(run, bus, queue, &holds).await;
    end_after(run, &result);
    Outcome { released: holds.release_all(run.shutdown.aborting()).await, ..result.into() }
}

async fn receive<S: Sink>(run: &Run<'_, S>, bus: &Bus, queue: &Queue, holds: &Holds) -> Result<(), TailError> {
    let mut seen = Seen::default();
    while let Some(wait) = run.wait() {
        let max = run.at_most().map_or(MAX_BATCH as u32, |left| left.clamp(1, MAX_BATCH as u64) as u32);
        let received = unless_over!(run, bus.receive(queue, Receive { max, wait, visibility: Some(FIRST) }));
        // All are held before the first is shown: a reader that blocks must not let the others lapse.
        for message in &received {
            holds.add(&message.receipt_handle);
        }
        let mut shown = 0;
        for message in received {
            // Seen before: its hold lapsed, or SQS delivered it twice.
            if seen.is_new(&message.id) {
                or_stop!(run, run.show(record_of(&queue.name, message)).await);
                shown += 1;
            }
        }
        or_stop!(run, run.sink.lock().await.rest().await);
        run.looked(shown);
    }
    Ok(())
}

async fn drain<S: Sink>(
    run: &Run<'_, S>,
    bus: &Bus,
    queue: &Queue,
    holds: &Holds,
    (drained, undeleted): (&mut u64, &mut u64),
) -> Result<(), TailError> {
    let (mut seen, mut kept) = (Seen::default(), Seen::default());
    while let Some(wait) = run.wait() {
        let max = run.at_most().map_or(MAX_BATCH as u32, |left| left.clamp(1, MAX_BATCH as u64) as u32);
        let received = unless_over!(run, bus.receive(queue, Receive { max, wait, visibility: Some(FIRST) }));
        for message in &received {
            holds.add(&message.receipt_handle);
        }
        let mut taken = Vec::new();
        let mut stopped = None;
        let mut shown = 0;
        for message in received {
            let (handle, id) = (message.receipt_handle.clone(), message.id.clone());
            if kept.has(&id) {
                // It is in the file, and could not be deleted then.
                taken.push((handle, id));
                continue;
            }
            if seen.has(&id) {
                continue;
            }
            shown += 1;
            match run.show(record_of(&queue.name, message)).await {
                Ok(true) => taken.push((handle, id)),
                Ok(false) => {
                    seen.is_new(&id);
                }
                Err(stop) => {
                    stopped = Some(stop);
                    break;
                }
            }
        }
        // What could not be written may have taken others with it, which were only to be written with it.
        if let Some(stop @ Stop::Failed(_)) = stopped {
            return run.stop(stop);
        }
        // What was handed on is made safe before its original goes, whatever ended the run meanwhile.
        if !taken.is_empty() {
            or_stop!(run, run.sink.lock().await.secure().await);
            let handles: Vec<String> = taken.iter().map(|(handle, _)| handle.clone()).collect();
            for ((handle, id), outcome) in taken.iter().zip(delete(bus, queue, &handles).await) {
                match outcome {
                    Ok(()) => {
                        holds.remove(handle);
                        *drained += 1;
                        *undeleted -= u64::from(kept.forget(id));
                    }
                    // It is in the file; shown again it would be there twice.
                    Err(_) => *undeleted += u64::from(kept.is_new(id)),
                }
            }
        }
        run.looked(shown);
        if let Some(stop) = stopped {
            return run.stop(stop);
        }
    }
    Ok(())
}

async fn tapped<S: Sink>(run: &Run<'_, S>, bus: &Bus, spot: Spot, instead: Option<Queue>) -> Outcome {
    // What others left behind. That this cannot be done is no reason not to look.
    match tap::tidy(bus, run.request.clock.now()).await {
        Ok(swept) if !swept.removed.is_empty() => {
            let note =
                format!("removed {} that earlier runs had left behind", count(swept.removed.len() as u64, "tap"));
            let _ = run.emit.emit(crate::engine::Event::Note(note)).await;
        }
        _ => {}
    }
    // Not given up half-way: what was made would be left.
    let tap = match Tap::open(bus, spot, &run.request.clock).await {
        Ok(tap) => tap,
        Err(denied) if denied.kind == BusErrorKind::Auth => return untapped(run, bus, denied, instead).await,
        Err(error) => return Err(TailError::Bus(error)).into(),
    };
    let _ = run.emit.emit(Progress::Open { tap: tap.name().to_owned() }).await;
    let result = through(run, &tap).await.map_err(|error| match error {
        TailError::Bus(denied) if denied.kind == BusErrorKind::Auth => TailError::Untapped { denied, instead: None },
        other => other,
    });
    end_after(run, &result);
    super::lock(&run.look).passed_over += tap.stopped();
    let name = tap.name().to_owned();
    let left = tap.close().await.err().map(|error| format!("`{name}`: {error}"));
    Outcome { left: left.into_iter().collect(), ..result.into() }
}

/// Receives instead, if the queue is one where that harms nothing; else the permission is missing.
async fn untapped<S: Sink>(run: &Run<'_, S>, bus: &Bus, denied: BusError, instead: Option<Queue>) -> Outcome {
    let Some(queue) = instead else { return Err(TailError::Untapped { denied, instead: None }).into() };
    let way = match super::plan::instead_of_tap(bus, run.request, &queue, denied).await {
        Ok(way) => way,
        Err(error) => return Err(error).into(),
    };
    let mode = way.mode();
    let _ = run.emit.emit(Progress::Cost { mode, says: way.says }).await;
    Outcome { instead: Some(mode), ..received(run, bus, &queue).await }
}

async fn through<S: Sink>(run: &Run<'_, S>, tap: &Tap) -> Result<(), TailError> {
    run.begin();
    while let Some(wait) = run.wait() {
        let records = unless_over!(run, tap.receive(wait));
        let shown = records.len();
        for record in records {
            or_stop!(run, run.show(record).await);
        }
        or_stop!(run, run.sink.lock().await.rest().await);
        run.looked(shown);
    }
    Ok(())
}

async fn recorded<S: Sink>(run: &Run<'_, S>, path: PathBuf) -> Outcome {
    let mut reading = None;
    let result = from_file(run, &path, &mut reading).await;
    Outcome { reading: reading.map(|reading| (path, reading)), ..result.into() }
}

async fn from_file<S: Sink>(run: &Run<'_, S>, path: &Path, reading: &mut Option<Reading>) -> Result<(), TailError> {
    let selection = &run.request.selection;
    let window = Window { since: selection.since, until: selection.until };
    // A reader that is dropped may be reading a pipe that gives nothing: that is not waited for.
    let ahead = Ahead::start(path.to_owned(), window).map_err(RecordingError::unread(path))?;
    run.begin();
    loop {
        let read = tokio::select! {
            biased;
            () = run.ended() => return Ok(()),
            read = ahead.read() => read,
        };
        for line in read.lines {
            match line.record {
                Ok(record) => {
                    or_stop!(run, run.show(record).await);
                }
                Err(NoRecord::Bad(why)) if line.number == 1 => {
                    return Err(RecordingError::Foreign { path: path.to_owned(), why: format!("line 1: {why}") }.into());
                }
                // Counted by the reader.
                Err(_) => {}
            }
        }
        or_stop!(run, run.sink.lock().await.rest().await);
        if let Some(end) = read.end {
            *reading = Some(end?);
            return Ok(());
        }
    }
}

/// Which messages were seen. Only hashes: what is held may be a hundred thousand messages.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl Seen {
    fn is_new(&mut self, id: &str) -> bool {
        self.hashes.insert(self.hasher.hash_one(id))
    }

    fn forget(&mut self, id: &str) -> bool {
        self.hashes.remove(&self.hasher.hash_one(id))
    }

    fn has(&self, id: &str) -> bool {
        self.hashes.contains(&self.hasher.hash_one(id))
    }
}
