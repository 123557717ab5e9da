//! One run over all its sources: the bounds and counts that they share, and the one sink.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Ended, Request, Sink, Stop, TailError};
use crate::bus::MAX_WAIT;
use crate::engine::Emitter;
use crate::engine::jq::Failed;
use crate::engine::shutdown::Shutdown;
use crate::event::Record;

/// How long it is waited for more where only what has been sent already is asked for.
const ONLY_PAST: Duration = Duration::from_secs(1);

/// What the sources of a run share.
pub(super) struct Run<'a, S> {
    pub(super) request: &'a Request,
    pub(super) emit: &'a Emitter,
    pub(super) shutdown: &'a Shutdown,
    pub(super) look: Mutex<Look>,
    pub(super) sink: tokio::sync::Mutex<&'a mut S>,
    pub(super) over: watch::Sender<Option<Ended>>,
}

impl<S: Sink> Run<'_, S> {
    /// Ends the run, unless it has ended.
    pub(super) fn end(&self, ended: Ended) {
        self.over.send_if_modified(|over| over.is_none() && over.replace(ended).is_none());
    }

    /// Returns when the run has ended.
    pub(super) async fn ended(&self) {
        // The sender is ours, so it cannot be gone.
        let _ = self.over.subscribe().wait_for(Option::is_some).await;
    }

    /// The time begins to count: what was done until now was no looking.
    pub(super) fn begin(&self) {
        lock(&self.look).begin();
    }

    /// A look is done with, and what it brought dealt with: only what the next ones wait for counts as idle.
    pub(super) fn looked(&self, brought: usize) {
        if brought > 0 {
            lock(&self.look).last = Instant::now();
        }
    }

    /// How long the next look may wait; none when the run is over, which it then is for all.
    pub(super) fn wait(&self) -> Option<Duration> {
        if self.over.borrow().is_some() {
            return None;
        }
        let wait = lock(&self.look).wait();
        wait.map_err(|ended| self.end(ended)).ok()
    }

    /// Whether every message that comes is shown, so that no more need be fetched than are still wanted.
    pub(super) fn at_most(&self) -> Option<u64> {
        let look = lock(&self.look);
        let all = self.request.selection.is_everything() && self.request.sample.is_none();
        look.count.filter(|_| all).map(|count| count.saturating_sub(look.shown))
    }

    /// Shows a record that is asked for: `true` when it was taken, `false` when it was passed over.
    pub(super) async fn show(&self, record: Record) -> Result<bool, Stop> {
        {
            let mut look = lock(&self.look);
            look.last = Instant::now();
            if look.count.is_some_and(|count| look.shown >= count) {
                return Err(Stop::Ended(Ended::Count));
            }
            let taken = match self.request.selection.takes(&record) {
                Ok(taken) => taken && self.request.sample.is_none_or(|sample| sample.takes(&record.message.id)),
                Err(failed) => {
                    look.unjudged.0 += 1;
                    look.unjudged.1.get_or_insert(failed);
                    false
                }
            };
            if !taken {
                look.passed_over += 1;
                return Ok(false);
            }
            // Before it is handed on: while one source waits for the reader, another must not exceed the count.
            look.shown += 1;
        }
        let taken = self.sink.lock().await.take(record).await;
        let mut look = lock(&self.look);
        match taken {
            Err(stop) => {
                look.shown -= 1;
                Err(stop)
            }
            Ok(()) if look.count.is_some_and(|count| look.shown >= count) => {
                drop(look);
                self.end(Ended::Count);
                Ok(true)
            }
            Ok(()) => Ok(true),
        }
    }

    /// Ends the run as `stop` says.
    pub(super) fn stop(&self, stop: Stop) -> Result<(), TailError> {
        match stop {
            Stop::Ended(ended) => {
                self.end(ended);
                Ok(())
            }
            Stop::Failed(error) => {
                self.end(Ended::Failed);
                Err(error)
            }
        }
    }
}

/// The bounds and the counts of one run.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) shown: u64,
    pub(super) passed_over: u64,
    pub(super) unjudged: (u64, Option<Failed>),
    count: Option<u64>,
    idle: Option<Duration>,
    last: Instant,
    over: Option<Instant>,
    begun: bool,
    lasts: Option<Duration>,
    until: Option<Instant>,
}

impl Look {
    pub(super) fn new(request: &Request) -> Self {
        let now = Instant::now();
        let lasts = request.duration;
        let mut over = lasts.and_then(|duration| now.checked_add(duration));
        let mut idle = request.idle;
        let mut moment = None;
        if let Some(until) = request.selection.until {
            match left(request.clock.now(), until) {
                // Nothing that comes can be meant; what waits is still looked at.
                None => idle = Some(idle.unwrap_or(ONLY_PAST).min(ONLY_PAST)),
                Some(left) => {
                    let at = now.checked_add(left);
                    moment = at;
                    over = over.map_or(at, |over| Some(at.map_or(over, |at| at.min(over))));
                }
            }
        }
        Self {
            shown: 0,
            passed_over: 0,
            unjudged: (0, None),
            count: request.count,
            idle,
            last: now,
            over,
            begun: false,
            lasts,
            until: moment,
        }
    }

    fn begin(&mut self) {
        let now = Instant::now();
        self.last = now;
        // Of several sources the first one to look begins.
        if !std::mem::replace(&mut self.begun, true)
            && let Some(end) = self.lasts.and_then(|lasts| now.checked_add(lasts))
        {
            // `--until`, a moment and no length of time, stays where it is.
            self.over = Some(self.until.map_or(end, |until| until.min(end)));
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
            wait = wait.min(idle.saturating_sub(now.duration_since(self.last)));
            if wait.is_zero() {
                return Err(Ended::Idle);
            }
        }
        Ok(wait)
    }
}

/// How long it is until `until`; none when it is past.
fn left(now: Timestamp, until: Timestamp) -> Option<Duration> {
    Duration::try_from(until.duration_since(now)).ok().filter(|left| !left.is_zero())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
