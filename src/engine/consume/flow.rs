//! How fast events go to the handlers: a rate, a circuit breaker, and a bound on the bodies in memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// So many events in so long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// From one start to the next.
    pub interval: Duration,
}

/// `--pause-after '20 failures in 1m'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseAfter {
    /// So many failed attempts
    pub failures: usize,
    /// within so long stop the handling. The first pause is as long.
    pub window: Duration,
}

/// The longest pause between two probes.
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// The pace of a run.
pub(super) struct Flow {
    rate: Option<(Rate, Mutex<Option<Instant>>)>,
    pub(super) breaker: Option<Breaker>,
    /// Bytes of bodies that may be in flight.
    limit: Option<usize>,
    used: AtomicUsize,
}

impl Flow {
    pub(super) fn new(rate: Option<Rate>, pause: Option<PauseAfter>, limit: Option<usize>) -> Self {
        Self {
            rate: rate.map(|rate| (rate, Mutex::new(None))),
            breaker: pause.map(Breaker::new),
            limit,
            used: AtomicUsize::new(0),
        }
    }

    /// Waits for this event's turn.
    pub(super) async fn turn(&self) {
        let Some((rate, next)) = &self.rate else { return };
        let at = {
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(at + rate.interval);
            at
        };
        sleep_until(at).await;
    }

    pub(super) fn took(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn gave_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How many more messages of up to `largest` bytes there is room for. One fits when nothing is there, however small the bound.
    pub(super) fn room(&self, largest: usize) -> usize {
        let Some(limit) = self.limit else { return usize::MAX };
        let used = self.used.load(Ordering::Relaxed);
        if used == 0 { (limit / largest.max(1)).max(1) } else { limit.saturating_sub(used) / largest.max(1) }
    }
}

/// Stops the handling when too much of it fails, and lets one event through at a time to see whether it works again.
pub(super) struct Breaker {
    pause: PauseAfter,
    state: Mutex<State>,
    changed: Notify,
}

enum State {
    Closed { failures: VecDeque<Instant> },
    Open { until: Instant, pause: Duration },
    Probing { pause: Duration },
}

/// Leave to handle one event. Whoever has it says how that went.
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
    told: bool,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    None,
    /// The handling stops for so long.
    Paused(Duration),
    /// The probe worked.
    Resumed,
}

/// How an event went, as far as the breaker is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Went {
    Well,
    Badly,
    /// Neither: "not now" of a healthy run, or it was ended.
    Neither,
}

impl Breaker {
    fn new(pause: PauseAfter) -> Self {
        Self { pause, state: Mutex::new(State::Closed { failures: VecDeque::new() }), changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether events may be received.
    pub(super) fn is_closed(&self) -> bool {
        match &*self.lock() {
            State::Closed { .. } => true,
            State::Open { until, .. } => *until <= Instant::now(),
            State::Probing { .. } => false,
        }
    }

    /// Waits for leave to handle an event. The second is whether it is a probe.
    pub(super) async fn pass(&self) -> Pass<'_> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let wait = {
                let mut state = self.lock();
                match &*state {
                    State::Closed { .. } => return Pass { breaker: self, probe: false, told: false },
                    State::Open { until, pause } if *until <= Instant::now() => {
                        *state = State::Probing { pause: *pause };
                        return Pass { breaker: self, probe: true, told: false };
                    }
                    State::Open { until, .. } => Some(*until),
                    State::Probing { .. } => None,
                }
            };
            match wait {
                Some(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }
}

impl Pass<'_> {
    pub(super) fn is_probe(&self) -> bool {
        self.probe
    }

    /// Says how it went.
    pub(super) fn tell(mut self, went: Went) -> Turn {
        self.told = true;
        let breaker = self.breaker;
        let now = Instant::now();
        let mut state = breaker.lock();
        let turn = match (&mut *state, went) {
            (State::Probing { .. }, Went::Well) if self.probe => {
                *state = State::Closed { failures: VecDeque::new() };
                Turn::Resumed
            }
            (State::Probing { pause }, _) if self.probe => {
                let pause = pause.saturating_mul(2).min(LONGEST_PAUSE.max(breaker.pause.window));
                *state = State::Open { until: now + pause, pause };
                Turn::Paused(pause)
            }
            (State::Closed { failures }, Went::Badly) => {
                failures.push_back(now);
                while failures.front().is_some_and(|at| now.duration_since(*at) > breaker.pause.window) {
                    failures.pop_front();
                }
                if failures.len() >= breaker.pause.failures {
                    let pause = breaker.pause.window;
                    *state = State::Open { until: now + pause, pause };
                    Turn::Paused(pause)
                } else {
                    Turn::None
                }
            }
            _ => Turn::None,
        };
        drop(state);
        breaker.changed.notify_waiters();
        turn
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // A probe that never was: the next event is one.
        if self.probe && !self.told {
            let mut state = self.breaker.lock();
            if let State::Probing { pause } = &*state {
                *state = State::Open { until: Instant::now(), pause: *pause };
            }
            drop(state);
            self.breaker.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    const PAUSE: PauseAfter = PauseAfter { failures: 3, window: Duration::from_secs(60) };

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_so_many_failures_in_the_window_and_no_sooner() {
        let breaker = Breaker::new(PAUSE);
        for _ in 0..10 {
            assert_eq!(breaker.pass().await.tell(Went::Badly), Turn::None);
            assert_eq!(breaker.pass().await.tell(Went::Well), Turn::None);
            assert_eq!(breaker.pass().await.tell(Went::Neither), Turn::None);
            tokio::time::sleep(Duration::from_secs(31)).await;
        }
        for expected in [Turn::None, Turn::Paused(PAUSE.window)] {
            assert_eq!(breaker.pass().await.tell(Went::Badly), expected);
        }
        assert!(!breaker.is_closed());
        assert!(breaker.pass().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_at_a_time_closes_it_or_doubles_the_pause() {
        let breaker = Breaker::new(PauseAfter { failures: 1, ..PAUSE });
        assert_eq!(breaker.pass().await.tell(Went::Badly), Turn::Paused(Duration::from_secs(60)));
        let from = Instant::now();
        let probe = breaker.pass().await;
        assert!(probe.is_probe() && from.elapsed() >= Duration::from_secs(60));
        assert!(breaker.pass().now_or_never().is_none(), "the others wait for the probe");
        assert_eq!(probe.tell(Went::Neither), Turn::Paused(Duration::from_secs(120)));
        let probe = breaker.pass().await;
        drop(probe);
        let probe = breaker.pass().now_or_never().expect("a probe that never was makes room for the next");
        assert_eq!(probe.tell(Went::Well), Turn::Resumed);
        assert!(!breaker.pass().await.is_probe());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_spaces_the_starts() {
        let flow = Flow::new(Some(Rate { interval: Duration::from_millis(100) }), None, None);
        let from = Instant::now();
        for _ in 0..11 {
            flow.turn().await;
        }
        assert_eq!(from.elapsed().as_millis() / 100, 10);
    }

    #[test]
    fn memory_always_has_room_for_one() {
        let flow = Flow::new(None, None, Some(1000));
        assert_eq!(flow.room(5000), 1);
        assert_eq!(flow.room(100), 10);
        flow.took(650);
        assert_eq!((flow.room(100), flow.room(5000)), (3, 0));
        flow.gave_back(650);
        assert_eq!(flow.room(5000), 1);
        assert_eq!(Flow::new(None, None, None).room(1), usize::MAX);
    }
}
