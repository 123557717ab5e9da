//! How long what failed waits for its next attempt: doubling, half of it random, with a cap.

use std::time::Duration;

use crate::bus::MAX_VISIBILITY;
use crate::clock::random_id;

/// Exponential in the number of attempts, half of it random, with a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first attempt; doubles with each further one.
    pub base: Duration,
    /// The longest wait at all.
    pub cap: Duration,
}

impl Default for Backoff {
    /// From 1 s up to 15 min.
    fn default() -> Self {
        Self { base: Duration::from_secs(1), cap: Duration::from_secs(900) }
    }
}

impl Backoff {
    /// The wait after the `attempt`th receive (from 1). `random` lies in 0..=1 and spreads the wait over its upper half.
    pub fn after(&self, attempt: u32, random: f64) -> Duration {
        let doubled = 2u32.checked_pow(attempt.saturating_sub(1)).and_then(|times| self.base.checked_mul(times));
        let longest = doubled.unwrap_or(self.cap).min(self.cap);
        longest.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }

    /// The same as a visibility timeout for a message received `since` ago: whole seconds, at least one, and within the 12 hours
    /// that SQS counts from the receive
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>).
    pub fn visibility(&self, attempt: u32, random: f64, since: Duration) -> Duration {
        let seconds = self.after(attempt, random).as_secs_f64().round().max(1.0);
        // A second of room for the way to SQS, whose clock started earlier than ours.
        let room = MAX_VISIBILITY.saturating_sub(since + Duration::from_secs(1));
        Duration::from_secs((seconds as u64).min(room.as_secs()))
    }
}

/// A random number in 0..=1.
pub(crate) fn random() -> f64 {
    f64::from(random_id().as_u128() as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(2), cap: Duration::from_secs(60) };

    #[test]
    fn it_doubles_up_to_the_cap_whatever_the_count() {
        let seconds: Vec<u64> = [1, 2, 3, 4, 5, 6, 7, 1000, u32::MAX].map(|n| BACKOFF.after(n, 1.0).as_secs()).to_vec();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(BACKOFF.after(0, 1.0), Duration::from_secs(2), "a count that is missing is the first");
    }

    #[test]
    fn the_random_half_is_the_upper_one() {
        assert_eq!(BACKOFF.after(1, 0.0), Duration::from_secs(1));
        assert_eq!(BACKOFF.after(1, 0.5), Duration::from_millis(1500));
        let drawn = random();
        assert!((0.0..=1.0).contains(&drawn), "{drawn}");
    }

    #[test]
    fn a_visibility_is_whole_seconds_and_never_past_twelve_hours() {
        assert_eq!(
            Backoff { base: Duration::from_millis(1), ..BACKOFF }.visibility(1, 0.0, Duration::ZERO),
            Duration::from_secs(1)
        );
        let long = Backoff { base: MAX_VISIBILITY, cap: MAX_VISIBILITY };
        assert_eq!(long.visibility(1, 1.0, Duration::from_secs(60)), MAX_VISIBILITY - Duration::from_secs(61));
        assert_eq!(long.visibility(1, 1.0, MAX_VISIBILITY * 2), Duration::ZERO);
    }
}
