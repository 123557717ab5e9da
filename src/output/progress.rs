//! Progress on a terminal's stderr, and only there, and only when there is something to wait for.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

/// What is over sooner than this needs no progress.
const SLOW: Duration = Duration::from_millis(250);

/// A running count with its rate. Hidden where nobody looks, and until the work turns out to be slow.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    hidden_since: Option<Instant>,
}

impl Progress {
    pub(super) fn new(label: &'static str, visible: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{spinner} {prefix} {human_pos} ({per_sec})")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style);
        bar.set_prefix(label);
        Self { bar, hidden_since: visible.then(Instant::now) }
    }

    /// `n` more were done.
    pub fn inc(&mut self, n: u64) {
        self.bar.inc(n);
        if self.hidden_since.is_some_and(|since| since.elapsed() >= SLOW) {
            self.hidden_since = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
            self.bar.enable_steady_tick(SLOW);
        }
    }

    /// What was read of what there is tells how many there will be, and so how long it takes: `done` of `read` in `total` bytes.
    pub fn expect(&mut self, done: u64, read: u64, total: u64) {
        // What was read is ahead of what is done; early guesses would be far too low.
        if read == 0 || done < 1000 {
            return;
        }
        let whole = u128::from(done) * u128::from(total.max(read)) / u128::from(read);
        self.total(u64::try_from(whole).unwrap_or(u64::MAX).max(done));
    }

    /// How many there are about, from which the time that is left is told.
    pub fn total(&mut self, n: u64) {
        if self.bar.length().is_none()
            && let Ok(style) = ProgressStyle::with_template(
                "{spinner} {prefix} {human_pos} of about {human_len} ({per_sec}, {eta} left)",
            )
        {
            self.bar.set_style(style);
        }
        self.bar.set_length(n.max(self.bar.position()));
    }

    /// So many are done by now.
    pub fn set(&mut self, n: u64) {
        self.inc(n.saturating_sub(self.bar.position()));
    }

    /// Takes the indicator off the screen, so that lines below it start on a clean one.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Runs `write` with the indicator out of the way.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}
