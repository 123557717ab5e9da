//! Where the messages go that a look brings: to the reporter, into a file, into a summary.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Ended, Progress, TailError};
use crate::engine::blocking::blocking;
use crate::engine::recording::Writer;
use crate::engine::shutdown::Shutdown;
use crate::engine::{Emitter, Untold};
use crate::event::Record;

/// Takes the messages of a look, one after the other.
pub(crate) trait Sink {
    /// Takes one, waiting while whoever reads is behind.
    async fn take(&mut self, record: Record) -> Result<(), Stop>;

    /// Nothing more is there for now.
    async fn rest(&mut self) -> Result<(), Stop> {
        Ok(())
    }

    /// Makes safe what was taken: after this the original may be deleted.
    async fn secure(&mut self) -> Result<(), Stop> {
        self.rest().await
    }
}

/// Why nothing more is taken.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It is over.
    Ended(Ended),
    /// It could not be taken.
    Failed(TailError),
}

/// Tells each message to the reporter.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    pub(crate) emit: &'a Emitter,
    pub(crate) shutdown: &'a Shutdown,
}

impl Sink for Told<'_> {
    async fn take(&mut self, record: Record) -> Result<(), Stop> {
        tell(self.emit, self.shutdown, Progress::Message(Box::new(record))).await
    }
}

/// Where the messages of a run go.
#[derive(Debug, Default)]
pub struct Outlets<'a> {
    /// To the reporter.
    pub show: bool,
    /// Into a recording.
    pub writer: Option<&'a mut Writer>,
    /// Into a folder, a file for each message.
    pub folder: Option<PathBuf>,
}

/// Hands each message to every outlet.
#[derive(Debug)]
pub(super) struct Spread<'a> {
    pub(super) told: Told<'a>,
    pub(super) outlets: Outlets<'a>,
    pub(super) kept: u64,
    /// Nobody is told any more. What was written before that was known is taken all the same.
    pub(super) over: Option<Ended>,
}

impl Sink for Spread<'_> {
    async fn take(&mut self, record: Record) -> Result<(), Stop> {
        if let Some(ended) = self.over {
            return Err(Stop::Ended(ended));
        }
        let kept = self.outlets.writer.is_some();
        if let Some(writer) = &mut self.outlets.writer {
            writer.push(&record).map_err(|error| unwritten("the recording cannot be written", error))?;
            self.kept += 1;
        }
        if let Some(folder) = &self.outlets.folder {
            dump(folder, &record)
                .map_err(|error| unwritten(format!("{} cannot be written to", folder.display()), error))?;
        }
        if !self.outlets.show {
            return Ok(());
        }
        match self.told.take(record).await {
            Err(Stop::Ended(ended)) if kept => {
                self.over = Some(ended);
                Ok(())
            }
            told => told,
        }
    }

    async fn rest(&mut self) -> Result<(), Stop> {
        let Some(writer) = &mut self.outlets.writer else { return Ok(()) };
        writer.flush().map_err(|error| unwritten("the recording cannot be written", error))?;
        let kept = std::mem::take(&mut self.kept);
        if kept == 0 {
            return Ok(());
        }
        tell(self.told.emit, self.told.shutdown, Progress::Kept(kept)).await
    }

    async fn secure(&mut self) -> Result<(), Stop> {
        if let Some(writer) = &mut self.outlets.writer {
            blocking(|| writer.sync()).map_err(|error| unwritten("the recording cannot be written", error))?;
        }
        // Once it is safe, whether somebody hears of it or not decides nothing any more.
        let _ = self.rest().await;
        Ok(())
    }
}

fn unwritten(what: impl Into<String>, error: std::io::Error) -> Stop {
    Stop::Failed(TailError::Unwritten { what: what.into(), error })
}

/// Writes the record as a file of its own, named by time, event and id: the same message is the same file, and one
/// without an id gets a number where that name is taken. Nobody else may read them.
fn dump(folder: &Path, record: &Record) -> std::io::Result<()> {
    let metadata = record.event.as_ref().map(|event| &event.metadata);
    let time = record.message.sent_at.as_deref().or(metadata.and_then(|m| m.publish_date.as_deref())).unwrap_or("-");
    let id = Some(record.message.id.as_str()).filter(|id| !id.is_empty()).or(record.message.sns_message_id.as_deref());
    let parts = [time, metadata.map_or("message", |m| m.event_name.as_str()), id.unwrap_or("-")];
    // What a publisher wrote decides no path.
    let plain = |part: &str| -> String {
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        part.chars().filter(|c| *c != ':').map(|c| if fine(c) { c } else { '_' }).take(80).collect()
    };
    let name = parts.map(plain).join("_");
    let text = format!("{}\n", record.to_line());
    let mut private = fs::File::options();
    private.write(true).mode(0o600);
    if id.is_some() {
        return private
            .create(true)
            .truncate(true)
            .open(folder.join(format!("{name}.json")))?
            .write_all(text.as_bytes());
    }
    for number in 1.. {
        let numbered = if number == 1 { format!("{name}.json") } else { format!("{name}.{number}.json") };
        let path = folder.join(numbered);
        match private.create_new(true).open(&path) {
            Ok(mut file) => return file.write_all(text.as_bytes()),
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) if fs::read(&path)? == text.as_bytes() => return Ok(()),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Hands `progress` on, waiting for a reader that is behind until a signal comes: what it will not see is given back.
pub(super) async fn tell(emit: &Emitter, shutdown: &Shutdown, progress: Progress) -> Result<(), Stop> {
    emit.emit_until(progress, shutdown.draining()).await.map_err(|untold| {
        Stop::Ended(match untold {
            Untold::Closed => Ended::OutputClosed,
            Untold::Over => Ended::Signal,
        })
    })
}
