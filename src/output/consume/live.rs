//! The live line of `consume` on a terminal: rate, what is in hand, failures, and how old the events are.

use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::engine::consume::Metrics;
use crate::output::Ui;

/// The line; none where nobody looks.
#[derive(Debug)]
pub(super) struct Live {
    bar: Option<ProgressBar>,
    metrics: Metrics,
}

impl Live {
    pub(super) fn new(ui: &Ui, wanted: bool, metrics: &Metrics) -> Self {
        let bar = (wanted && ui.stderr_is_terminal() && !ui.quiet()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
            let style = ProgressStyle::with_template("{spinner} {human_pos} events ({per_sec}){now}");
            let (style, metrics) = (style.unwrap_or_else(|_| ProgressStyle::default_spinner()), metrics.clone());
            // Asked whenever the line is drawn: it is right also while nothing happens.
            bar.set_style(style.with_key("now", move |_: &ProgressState, line: &mut dyn fmt::Write| {
                let now = metrics.snapshot();
                let age = humantime::format_duration(Duration::from_secs(now.age.as_secs())).to_string();
                let _ = write!(line, ", {} in hand, {} failed, {age} old", now.in_flight, now.failed);
            }));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar, metrics: metrics.clone() }
    }

    /// Runs `write` with the line out of the way.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub(super) fn update(&self) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(self.metrics.snapshot().done);
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
