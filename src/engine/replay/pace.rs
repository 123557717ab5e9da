//! How fast: so many messages a second, or a recording's own rhythm, sped up.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Lets messages go at a rate.
#[derive(Debug)]
pub(super) struct Pace {
    /// Messages a second.
    rate: Option<u32>,
    /// When the next may go.
    next: Instant,
}

impl Pace {
    pub(super) fn new(rate: Option<u32>) -> Self {
        Self { rate, next: Instant::now() }
    }

    /// How many go at once at most: about ten calls a second, so that the rate is a flow and no row of bursts.
    pub(super) fn burst(&self) -> Option<usize> {
        self.rate.map(|rate| (rate as usize).div_ceil(10).max(1))
    }

    /// Takes the turn of `count` messages and says when it is.
    pub(super) fn turn(&mut self, count: usize) -> Option<Instant> {
        let rate = self.rate?;
        // What was not used is not saved up.
        let at = self.next.max(Instant::now());
        self.next = at + Duration::from_secs_f64(count as f64 / f64::from(rate));
        Some(at)
    }
}

/// Lets the records of a recording go at the distances in time that they were sent at.
#[derive(Debug)]
pub(super) struct Rhythm {
    speed: f64,
    first: Option<(Timestamp, Instant)>,
}

impl Rhythm {
    pub(super) fn new(speed: f64) -> Self {
        Self { speed, first: None }
    }

    /// When a record that was sent `at` may go; at once where that is not known.
    pub(super) fn due(&mut self, at: Option<Timestamp>) -> Option<Instant> {
        let at = at?;
        let (first, begun) = *self.first.get_or_insert_with(|| (at, Instant::now()));
        let since = at.duration_since(first).as_secs_f64().max(0.0) / self.speed;
        Duration::try_from_secs_f64(since).ok().and_then(|since| begun.checked_add(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_a_flow() {
        let mut pace = Pace::new(Some(20));
        assert_eq!((pace.burst(), Pace::new(Some(3)).burst(), Pace::new(None).burst()), (Some(2), Some(1), None));
        let start = Instant::now();
        let turns: Vec<u128> = (0..3).map(|_| pace.turn(2).unwrap().duration_since(start).as_millis()).collect();
        assert_eq!(turns, [0, 100, 200]);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(pace.turn(2), Some(Instant::now()), "what was not used is not saved up");
        assert_eq!(Pace::new(None).turn(5), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_recording_has_its_own_rhythm() {
        let mut rhythm = Rhythm::new(10.0);
        let at = |text: &str| Some(text.parse().unwrap());
        let start = Instant::now();
        assert_eq!(rhythm.due(at("2026-01-01T00:00:00Z")), Some(start));
        assert_eq!(rhythm.due(at("2026-01-01T00:01:00Z")), Some(start + Duration::from_secs(6)));
        assert_eq!(rhythm.due(at("2025-01-01T00:00:00Z")), Some(start), "what is out of order does not wait");
        assert_eq!(rhythm.due(None), None);
    }
}
