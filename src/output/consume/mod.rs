//! What `consume` shows: the handlers' output, what became of each event, and the summary.
//!
//! On stdout, for people: what the handlers write there, each run whole. For machines (`-o json`, `-o ndjson`): the records of
//! `schemas/output/consume.schema.json` and nothing else; the handlers' stdout then goes to stderr.

mod live;
mod log;
pub mod preview;
mod records;
mod text;

use std::io::{self, Write};

use serde::Serialize;

use self::live::Live;
use self::log::Log;
use self::records::{EventLine, SummaryLine};
use super::{Format, Reporter, Ui};
use crate::engine;
use crate::engine::consume::{EventRef, Metrics, Progress, Report};
use crate::engine::exec::Captured;
use crate::words::count;

/// The reporter for `format`. `log_time`: the conversation is JSON lines, each with the time that this tells.
pub fn reporter(ui: &Ui, format: Format, log_time: Option<fn() -> String>, metrics: &Metrics) -> ConsumeReporter {
    let log = Log::new(ui, log_time);
    let live = Live::new(ui, log_time.is_none(), metrics);
    let answer = match format {
        Format::Json => Answer::Records { lines: false },
        Format::Ndjson => Answer::Records { lines: true },
        _ => Answer::Output,
    };
    ConsumeReporter { log, live, answer }
}

/// Tells of a run.
#[derive(Debug)]
pub struct ConsumeReporter {
    log: Log,
    live: Live,
    answer: Answer,
}

/// What stdout is for.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// What the handlers write there.
    Output,
    /// Records.
    Records {
        /// One for each event, too.
        lines: bool,
    },
}

impl ConsumeReporter {
    /// Shows how the run went.
    ///
    /// # Errors
    /// What writing to stdout answered.
    pub fn summary(&mut self, report: &Report) -> io::Result<()> {
        self.live.clear();
        match self.answer {
            Answer::Output => {
                self.log.status(None, text::summary_text(report));
                Ok(())
            }
            Answer::Records { .. } => write(&SummaryLine::new(report)),
        }
    }

    fn tell(&self, event: &engine::Event) -> io::Result<()> {
        let progress = match event {
            engine::Event::Consume(progress) => progress,
            engine::Event::Warning(text) => {
                self.log.warn(None, text.clone());
                return Ok(());
            }
            engine::Event::Note(text) => {
                self.log.note(None, text.clone());
                return Ok(());
            }
            _ => return Ok(()),
        };
        text::converse(&self.log, progress);
        match progress {
            Progress::HandlerEnded { stdout, stderr, event, .. } => {
                let passes = matches!(self.answer, Answer::Output);
                if !passes {
                    self.log.pass(Some(event), stdout);
                }
                self.log.pass(Some(event), stderr);
                self.warn_of_loss(event, [stdout, stderr]);
                if stdout.is_empty() || !passes {
                    return Ok(());
                }
                let mut out = io::stdout().lock();
                stdout.copy_to(&mut out)?;
                out.flush()
            }
            Progress::HandlerOutput { chatter, stderr } => {
                self.log.pass(None, stderr);
                chatter.iter().for_each(|line| self.log.pass_line(line));
                Ok(())
            }
            Progress::Settled { event, settlement } if matches!(self.answer, Answer::Records { lines: true }) => {
                write(&EventLine::new(event, settlement))
            }
            _ => Ok(()),
        }
    }

    fn warn_of_loss(&self, event: &EventRef, streams: [&Captured; 2]) {
        for lost in streams.into_iter().filter_map(Captured::lost) {
            self.log.warn(
                Some(event),
                format!(
                    "{}: {} of the handler's output are lost: {}",
                    text::name(event),
                    count(lost.bytes, "byte"),
                    lost.why
                ),
            );
        }
    }
}

impl Reporter for ConsumeReporter {
    fn event(&mut self, event: &engine::Event) -> io::Result<()> {
        let this = &*self;
        let told = this.live.suspend(|| this.tell(event));
        self.live.update();
        told
    }

    fn finish(&mut self) -> io::Result<()> {
        self.live.clear();
        Ok(())
    }
}

fn write(record: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}
