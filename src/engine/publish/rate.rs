//! `--rate`: how many events go out in how much time.

use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;

use crate::bus::MAX_BATCH;

/// So many events in so much time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The time of one event.
    each: Duration,
}

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate, expected something like `500/s`, `30/m` or `10/h`")]
pub struct NoRate(String);

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        let wrong = || NoRate(text.to_owned());
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        let each = Duration::try_from_secs_f64(seconds / number).map_err(|_| wrong())?;
        // A longer wait than a day between two events is a slip, and so is none at all.
        if each > Duration::from_secs(86_400) || each.is_zero() {
            return Err(wrong());
        }
        Ok(Self { each })
    }
}

impl Rate {
    /// Events in one batch: as many as a tenth of a second is worth, so that a slow stream does not come in bursts.
    pub(super) fn batch(self) -> usize {
        let worth = Duration::from_millis(100).as_secs_f64() / self.each.as_secs_f64();
        (worth as usize).clamp(1, MAX_BATCH)
    }
}

/// When the next batch may go.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<Rate>,
    next: Instant,
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self { rate, next: Instant::now() }
    }

    /// Events that go out at once; without a rate the service's limits decide.
    pub(super) fn batch(&self) -> usize {
        self.rate.map_or(usize::MAX, Rate::batch)
    }

    /// When the next batch may go, if that is not now.
    pub(super) fn wait(&self) -> Option<Instant> {
        (self.rate.is_some() && self.next > Instant::now()).then_some(self.next)
    }

    /// `events` go now. What was not used before is not saved up: after a pause the stream goes on at its rate.
    pub(super) fn spend(&mut self, events: usize) {
        if let Some(rate) = self.rate {
            self.next = self.next.max(Instant::now()) + rate.each * u32::try_from(events).unwrap_or(u32::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_a_unit_or_mean_seconds() {
        let each = |text: &str| text.parse::<Rate>().map(|rate| rate.each.as_millis());
        assert_eq!(each("500/s"), Ok(2));
        assert_eq!(each("10"), Ok(100));
        assert_eq!(each("0.5/s"), Ok(2000));
        assert_eq!(each("30/m"), Ok(2000));
        assert_eq!(each("10/h"), Ok(360_000));
        for wrong in ["", "0/s", "-1/s", "x", "5/d", "1e-9/s", "inf", "nan/s", "1/s/s", "1e300"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn batches_are_as_large_as_a_tenth_of_a_second_and_nothing_is_saved_up() {
        let batch = |text: &str| Pace::new(Some(text.parse().unwrap())).batch();
        assert_eq!((batch("1000/s"), batch("50/s"), batch("3/s")), (10, 5, 1));
        let mut pace = Pace::new(Some("50/s".parse().unwrap()));
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < Duration::from_secs(2) {
            if let Some(until) = pace.wait() {
                tokio::time::sleep_until(until).await;
            }
            pace.spend(5);
            sent += 5;
            if sent == 20 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        assert!((60..=75).contains(&sent), "{sent} in a second that was used and one that was not");
    }
}
