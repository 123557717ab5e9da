//! What `run` shows: the command's own streams, and on stderr what became of it and of its event.

use std::io::{self, Write as _};

use super::{Ui, escape_control, escape_control_keeping_lines};
use crate::engine::Event;
use crate::engine::publish;
use crate::engine::run::Progress;
use crate::error::CliError;

/// The reporter of `run`.
#[derive(Debug)]
pub struct Reporter {
    ui: Ui,
    /// The command left its last line of stderr open.
    open_line: bool,
    /// Warnings that were told: what is found before the command runs is found again when its event is published.
    warned: std::collections::BTreeSet<String>,
}

impl Reporter {
    /// A reporter on our streams.
    pub fn new(ui: Ui) -> Self {
        Self { ui, open_line: false, warned: std::collections::BTreeSet::new() }
    }

    /// Our own lines on stderr begin at the left.
    fn end_line(&mut self) {
        if std::mem::take(&mut self.open_line) {
            let _ = io::stderr().lock().write_all(b"\n");
        }
    }

    fn published(&mut self, progress: &publish::Progress) {
        self.end_line();
        match progress {
            publish::Progress::Sent { item, message_id, .. } => {
                let event = item.event.as_deref().unwrap_or_default();
                let topic = item.topic.as_deref().unwrap_or_default();
                self.ui.status(escape_control(&format!("Published `{event}` to `{topic}` ({message_id})")));
            }
            publish::Progress::Refused { item, problem } => {
                let text = format!("{}: {problem}", item.input);
                self.ui.error(&CliError::refused(escape_control_keeping_lines(&text)));
            }
            publish::Progress::Failed { item, error, .. } => {
                self.ui.error(&CliError::failed(escape_control(&format!("{}: {error}", item.input))));
            }
            publish::Progress::Skipped { item, why } => {
                self.ui.note(escape_control(&format!("{} is not published: {why}", item.input)));
            }
            publish::Progress::Planned { .. } | publish::Progress::Reading { .. } => {}
        }
    }
}

impl super::Reporter for Reporter {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            // Both are the command's own, to the last byte.
            Event::Run(Progress::Stdout(bytes)) => {
                let mut out = io::stdout().lock();
                return out.write_all(bytes).and_then(|()| out.flush());
            }
            Event::Run(Progress::Stderr(bytes)) => {
                self.open_line = !bytes.ends_with(b"\n");
                let _ = io::stderr().lock().write_all(bytes);
            }
            Event::Run(Progress::Again { attempt, most, why, after }) => {
                self.end_line();
                let wait = humantime::format_duration(std::time::Duration::from_millis(after.as_millis() as u64));
                self.ui
                    .warn(escape_control(&format!("attempt {attempt} of {most} failed ({why}); the next in {wait}")));
            }
            Event::Run(Progress::Failed { why }) => {
                self.end_line();
                self.ui.warn(escape_control(&format!("the command failed: {why}")));
            }
            Event::Publish(progress) => self.published(progress),
            Event::Warning(text) if self.warned.insert(text.clone()) => {
                self.end_line();
                self.ui.warn(escape_control(text));
            }
            _ => {}
        }
        Ok(())
    }
}
