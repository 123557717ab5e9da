//! A recording read ahead on a thread of its own: so many bytes, however many lines that are, and no line waits for others.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Line, Reading, RecordingError, Window, lines};

/// Bytes of bodies that are read ahead: large messages must not fill the memory.
const BYTES: usize = 4 * 1024 * 1024;
/// And lines.
const LINES: usize = 512;

/// A reader that is ahead. Dropping it ends the reading, unless it waits for a pipe that gives nothing; nobody waits for that.
#[derive(Debug)]
pub struct Ahead(Arc<Shared>);

/// What was read since the last look.
#[derive(Debug, Default)]
pub struct Read {
    /// In their order.
    pub lines: Vec<Line>,
    /// How the reading ended; nothing comes after it.
    pub end: Option<Result<Reading, RecordingError>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    room: Condvar,
    more: Notify,
}

#[derive(Debug, Default)]
struct State {
    read: Read,
    bytes: usize,
    unwanted: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ahead {
    /// Begins to read the lines of `path` that may lie in `window`; `-` is stdin.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(path: PathBuf, window: Window) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new().name("recording".into()).spawn(move || {
            let end = lines(&path, window, &mut |line| {
                let state = theirs.state();
                let mut state = theirs
                    .room
                    .wait_while(state, |now| !now.unwanted && (now.bytes >= BYTES || now.read.lines.len() >= LINES))
                    .unwrap_or_else(PoisonError::into_inner);
                if state.unwanted {
                    return ControlFlow::Break(());
                }
                state.bytes += line.record.as_ref().map_or(0, |record| record.body.len());
                state.read.lines.push(line);
                let is_first = state.read.lines.len() == 1;
                drop(state);
                if is_first {
                    theirs.more.notify_one();
                }
                ControlFlow::Continue(())
            });
            theirs.state().read.end = Some(end);
            theirs.more.notify_one();
        })?;
        Ok(Self(shared))
    }

    /// What was read, waiting for something. May be dropped and asked again: nothing is lost by it.
    pub async fn read(&self) -> Read {
        loop {
            {
                let mut state = self.0.state();
                if !state.read.lines.is_empty() || state.read.end.is_some() {
                    state.bytes = 0;
                    let read = std::mem::take(&mut state.read);
                    self.0.room.notify_one();
                    return read;
                }
            }
            self.0.more.notified().await;
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.0.state().unwanted = true;
        self.0.room.notify_one();
    }
}
