//! Progress on a terminal's stderr, and only there.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A running count with its rate. Hidden where nobody looks.
#[derive(Clone, Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(label: &'static str, visible: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{spinner} {prefix} {human_pos} ({per_sec})")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style);
        bar.set_prefix(label);
        if visible {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Self(bar)
    }

    /// `n` more were done.
    pub fn inc(&self, n: u64) {
        self.0.inc(n);
    }

    /// Takes the indicator off the screen, so that lines below it start on a clean one.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }

    /// Runs `write` with the indicator out of the way.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }
}
