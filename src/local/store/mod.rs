//! The bus file: one SQLite database in WAL mode that several processes share without a daemon.
//!
//! May use rusqlite, nix and threads; knows nothing of protocols. Must never answer before the commit, and never hold the
//! write lock while waiting for anything.
//!
//! * Every write goes through one thread per process ([`writer`]), which takes whatever has queued up into one
//!   `BEGIN IMMEDIATE` transaction; each request is answered when its commit is on disk ([`synced`]), what
//!   may be forgotten when it is committed ([`Store::take`]).
//! * Reads run on connections of their own ([`reader`]) and never wait for a writer.
//! * Who waits for a message is woken by a commit of this process at once, and by one of another process through
//!   [`watch`].

pub(crate) mod catalogue;
pub(crate) mod fifo;
mod filesystem;
pub(crate) mod messages;
pub(crate) mod moves;
mod open;
mod place;
mod reader;
mod synced;
mod watch;
pub(crate) mod whole;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::error::ApiResult;
use place::Place;
use synced::Broken;
use watch::Wakes;

pub use open::{OnWait, OpenError};
pub(crate) use watch::Waiting;
use writer::Kind;
#[cfg(test)]
pub(crate) use writer::steps;
pub(crate) use writer::{Afterwards, Tx};

/// The open bus file.
#[derive(Debug)]
pub(crate) struct Store {
    writer: writer::Writer,
    reader: reader::Reader,
    wakes: Arc<Wakes>,
    place: Arc<Place>,
    /// Why nothing more can be brought to the disk, once that is so.
    broken: Broken,
    /// Whether the file has tasks that move messages, as of the last transaction.
    moving: Arc<AtomicBool>,
}

impl Store {
    /// Opens `path`, making the file and its folder if they are not there. Blocks while another process does the same.
    /// `on_wait` hears of every lock that is waited for too long to keep silent about it.
    pub(crate) fn open(path: &Path, on_wait: OnWait) -> Result<Self, OpenError> {
        let connection = open::prepare(path, on_wait)?;
        // SQLite follows links and so must we: its log lies beside the file, not beside a link to it.
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let wakes = Arc::new(Wakes::new(&real));
        let left: bool = connection
            .query_row("SELECT moving > 0 FROM bus", [], |row| row.get(0))
            .map_err(|source| OpenError::of(path, source))?;
        let moving = Arc::new(AtomicBool::new(left));
        let place = Arc::new(Place::of(path, &real));
        let synced = synced::Synced::start(&connection, &place).map_err(OpenError::Thread)?;
        let broken = synced.broken();
        let shared = (Arc::clone(&wakes), Arc::clone(&moving), Arc::clone(&place));
        let writer = writer::Writer::start(connection, synced, shared).map_err(OpenError::Thread)?;
        let reader = reader::Reader::start(&real, &place).map_err(OpenError::Thread)?;
        Ok(Self { writer, reader, wakes, place, broken, moving })
    }

    /// Runs `work` in a write transaction and returns its result once that is on disk. If `work` or the commit fails, nothing
    /// of it remains.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.writer.run(Kind::Guarded, work).await
    }

    /// The same for `work` that refuses before it changes anything: see [`Kind::Checked`].
    pub(crate) async fn write_checked<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.writer.run(Kind::Checked, work).await
    }

    /// The same for what may be forgotten when the power fails: its result comes as soon as it is committed, which a kill of
    /// this process cannot undo. That a message was received is such a thing: forgotten, it is received again, as after every
    /// crash of who received it. A message may be taken so before its own publish is on disk and was answered; then its
    /// publisher sends it again, and at-least-once holds as well.
    pub(crate) async fn take<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.writer.run(Kind::Fleeting, work).await
    }

    /// Whether the file has tasks that move messages, as far as this process knows: every transaction looks.
    pub(crate) fn moving(&self) -> bool {
        self.moving.load(Ordering::SeqCst)
    }

    /// Says that this process has just added one.
    pub(crate) fn set_moving(&self) {
        self.moving.store(true, Ordering::SeqCst);
    }

    /// Why the file can no longer be used, if its path leads elsewhere by now or the disk does not take what is written.
    pub(crate) fn lost(&self) -> Option<String> {
        match self.broken.get() {
            Some(error) => Some(error.message.clone()),
            None => (!self.place.holds()).then(|| self.place.lost()),
        }
    }

    /// The way to write something after its caller has gone.
    pub(crate) fn afterwards(&self) -> Afterwards {
        self.writer.afterwards()
    }

    /// Runs `work` on a snapshot.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.reader.run(work).await
    }

    /// Announces that somebody waits for messages of `queue`. Look for messages *after* this call and wait on it then:
    /// nothing that arrives in between is missed.
    pub(crate) fn waiting(&self, queue: i64) -> Waiting {
        Wakes::wait(&self.wakes, queue)
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn waiters(&self) -> usize {
        self.wakes.waiters()
    }
}
