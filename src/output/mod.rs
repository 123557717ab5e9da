//! Every byte the user sees: stdout is the answer, stderr the conversation.
//!
//! May use event and the engine's Event types. Never the bus, an AWS crate, or a decision: what is done is the engine's, what
//! it means for the exit code the verb's.

pub mod consume;
pub mod explain;
mod format;
pub mod inspect;
pub mod local;
pub mod outbox;
mod progress;
mod prompt;
pub mod provision;
pub mod publish;
pub mod record;
pub mod replay;
pub mod run;
mod sanitize;
pub mod schema;
mod table;
pub mod tail;
pub mod topology;
pub mod trace;
mod ui;

pub use format::Format;
pub use progress::Progress;
pub use prompt::Asked;
pub use sanitize::{escape_control, escape_control_keeping_lines};
pub use table::Table;
pub use ui::{ColorChoice, Tone, Ui, UiOptions, quoted};

use std::io;

use crate::engine;

/// What stands in the place of personal data, of verbs that have the flag which it names.
const HIDDEN: &str = "(personal data: hidden, `--show-personal-data` shows it)";

/// A consumer of the engine's events: human text, machine records, progress.
///
/// Called by one dispatcher, in order. An error of kind `BrokenPipe` ends the run quietly, any other one is the run's failure.
pub trait Reporter: Send {
    /// Shows `event`, or ignores it.
    ///
    /// # Errors
    /// What writing to stdout or stderr answered.
    fn event(&mut self, event: &engine::Event) -> io::Result<()>;

    /// Nothing more is there for now: write what a reader may be waiting for.
    ///
    /// # Errors
    /// What writing answered.
    fn rest(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Nothing more will come: write what is still buffered.
    ///
    /// # Errors
    /// What writing answered.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Feeds `reporter` until the engine is done.
///
/// After the first failed write the engine is told that the output is closed, and the rest of the events still go to the
/// reporter, so that what belongs on stderr is said. Returns the reporter and the first error.
pub fn dispatch<R: Reporter>(mut events: engine::Events, mut reporter: R) -> (R, io::Result<()>) {
    let mut result = Ok(());
    while let Some(event) = events.next_blocking() {
        let mut written = reporter.event(&event);
        if events.is_empty() {
            written = written.and_then(|()| reporter.rest());
        }
        if let Err(error) = written {
            events.close_output();
            if result.is_ok() {
                result = Err(error);
            }
        }
    }
    let finished = reporter.finish();
    (reporter, result.and(finished))
}
