//! The outbox: events on disk before they are sent, and until the bus has confirmed them. An interrupted publish goes on where it
//! stopped; what could not be sent waits here.
//!
//! May use SQLite, through [`super::ledger`]. Every call blocks; the async side calls it on a thread for that. Never talks to
//! the bus: `publish` does.
//!
//! An event is in one of three states: it waits, it is on its way (or was, when a run was killed: then nobody knows whether it
//! arrived), or it is sent. A run's sent events are remembered until all of the run is done, so that the same command, started
//! again, knows what it has taken already.

mod rows;
#[cfg(test)]
mod tests;
mod types;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::ledger::{self, Kind};
use super::publish::Item;
use crate::bus::Outgoing;

pub use types::{Begin, Entry, Known, OutboxError, Settled, Unfinished, Waiting};

const KIND: Kind = Kind {
    name: "outbox",
    application: 0x6562_6f78,
    steps: &[
        "CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        what TEXT NOT NULL,
        bus TEXT NOT NULL,
        began_ms INTEGER NOT NULL,
        complete INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
        input TEXT NOT NULL,
        round INTEGER NOT NULL,
        digest BLOB NOT NULL,
        state INTEGER NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,
        event TEXT,
        entity_id TEXT,
        topic TEXT NOT NULL,
        message TEXT NOT NULL,
        message_id TEXT,
        error TEXT,
        session INTEGER NOT NULL
    );
    CREATE TABLE sessions (last INTEGER NOT NULL);
    INSERT INTO sessions VALUES (0);
    CREATE INDEX events_by_input ON events (run, input, round, topic);
    CREATE INDEX events_unsent ON events (id) WHERE state < 2;",
        // One file may be named twice, and is two inputs then.
        "ALTER TABLE events ADD COLUMN source INTEGER NOT NULL DEFAULT 0;",
    ],
};

/// It waits, and has certainly not arrived.
const WAITS: i64 = 0;
/// It was on its way when nobody was told how that ended.
const UNDER_WAY: i64 = 1;
/// The bus confirmed it.
const SENT: i64 = 2;

/// Events that are read at a time.
const PAGE: usize = 100;

/// An outbox that is open, with the run that writes to it.
#[derive(Debug)]
pub struct Outbox {
    // Before the lock, so that it is closed first: closing any other handle of the file would take SQLite's locks away.
    connection: Mutex<Connection>,
    path: PathBuf,
    run: Mutex<Option<Run>>,
    /// The number of this opening.
    session: i64,
    _lock: Option<File>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    id: i64,
    resumed: bool,
}

impl Outbox {
    /// Opens an outbox, and makes it when `create` says so. It is this process's alone until it is dropped.
    ///
    /// # Errors
    /// The file is none, or another process has it.
    pub fn open(path: &Path, create: bool) -> Result<Self, OutboxError> {
        let connection = ledger::open(KIND, path, create)?;
        let locked = |source| OutboxError::Lock { path: path.to_owned(), source };
        let lock = File::open(path).map_err(locked)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OutboxError::Busy(path.to_owned()),
            TryLockError::Error(source) => locked(source),
        })?;
        let session = connection
            .query_row("UPDATE sessions SET last = last + 1 RETURNING last", [], |row| row.get(0))
            .map_err(|source| OutboxError::Store { path: path.to_owned(), source })?;
        let (connection, path) = (Mutex::new(connection), path.to_owned());
        Ok(Self { connection, path, run: Mutex::new(None), session, _lock: Some(lock) })
    }

    /// Opens an outbox only to look at what is in it, whoever sends from it meanwhile.
    ///
    /// # Errors
    /// The file is none.
    pub fn look(path: &Path) -> Result<Self, OutboxError> {
        let connection = Mutex::new(ledger::open(KIND, path, false)?);
        Ok(Self { connection, path: path.to_owned(), run: Mutex::new(None), session: 0, _lock: None })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a publish, or goes on with the same one that was interrupted; says whether it does.
    ///
    /// # Errors
    /// The outbox cannot be written.
    pub fn begin(&self, begin: &Begin<'_>) -> Result<bool, OutboxError> {
        let connection = self.connection();
        let found = connection
            .query_row(
                // The same command for another bus is another publish.
                "SELECT id FROM runs WHERE key = ?1 AND bus = ?2 AND (complete = 0 OR ?3) ORDER BY id DESC LIMIT 1",
                params![begin.key, begin.bus, begin.again],
                |row| row.get(0),
            )
            .optional()
            .map_err(|e| self.store(e))?;
        let run = match found {
            Some(id) => Run { id, resumed: true },
            None => {
                connection
                    .execute(
                        "INSERT INTO runs (key, what, bus, began_ms) VALUES (?1, ?2, ?3, ?4)",
                        params![begin.key, begin.what, begin.bus, begin.now_ms],
                    )
                    .map_err(|e| self.store(e))?;
                Run { id: connection.last_insert_rowid(), resumed: false }
            }
        };
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
        Ok(run.resumed)
    }

    /// Whether the interrupted run that goes on has taken this input already.
    ///
    /// # Errors
    /// The outbox cannot be read.
    pub fn knows(&self, item: &Item, topic: &str, digest: &[u8; 32]) -> Result<Known, OutboxError> {
        let Some(Run { id, resumed: true }) = self.run() else { return Ok(Known::No) };
        let round = i64::try_from(item.round.unwrap_or(1)).unwrap_or(i64::MAX);
        let found: Option<i64> = self
            .connection()
            .prepare_cached(
                "SELECT session FROM events
                 WHERE run = ?1 AND input = ?2 AND round = ?3 AND topic = ?4 AND digest = ?5 AND source = ?6",
            )
            .and_then(|mut found| {
                found.query_row(params![id, item.input, round, topic, digest, item.source], |row| row.get(0)).optional()
            })
            .map_err(|e| self.store(e))?;
        Ok(match found {
            None => Known::No,
            Some(session) if session == self.session => Known::HandedOut,
            Some(_) => Known::Sent,
        })
    }

    /// The next events after number `after` that are not sent, in the order in which they came; none at the end.
    ///
    /// # Errors
    /// The outbox cannot be read.
    pub fn waiting(&self, after: i64) -> Result<Vec<Waiting>, OutboxError> {
        let connection = self.connection();
        let mut rows = connection
            .prepare_cached(
                "SELECT id, input, source, round, event, entity_id, topic, message, digest, state FROM events
                 WHERE state < 2 AND id > ?1 ORDER BY id LIMIT ?2",
            )
            .map_err(|e| self.store(e))?;
        let found = rows.query_map(params![after, PAGE as i64], rows::read).map_err(|e| self.store(e))?;
        let waiting: Vec<Waiting> = found
            .map(|row| {
                let (row, message) = row.map_err(|e| self.store(e))?;
                let outgoing = rows::outgoing(&message);
                let outgoing = outgoing.map_err(|reason| OutboxError::Damaged {
                    path: self.path.clone(),
                    row: row.row,
                    reason,
                })?;
                Ok(Waiting { outgoing, ..row })
            })
            .collect::<Result<_, OutboxError>>()?;
        if let Some(last) = waiting.last() {
            connection
                .execute(
                    "UPDATE events SET session = ?1 WHERE state < 2 AND id > ?2 AND id <= ?3",
                    params![self.session, after, last.row],
                )
                .map_err(|e| self.store(e))?;
        }
        Ok(waiting)
    }

    /// Writes events that are about to be sent to `topic`, or takes note that those which are there already are tried again.
    /// When this returns they survive a power failure.
    ///
    /// # Errors
    /// The outbox cannot be written: then none of them may be sent.
    pub fn keep(
        &self,
        topic: &str,
        events: &[(Item, Option<i64>, [u8; 32], Outgoing)],
    ) -> Result<Vec<i64>, OutboxError> {
        let run = self.run();
        let mut connection = self.connection();
        let work = |connection: &mut Connection| {
            let change = connection.transaction()?;
            let mut numbers = Vec::with_capacity(events.len());
            for (item, row, digest, outgoing) in events {
                if let Some(row) = row {
                    change
                        .prepare_cached("UPDATE events SET state = ?2, tries = tries + 1 WHERE id = ?1")?
                        .execute(params![row, UNDER_WAY])?;
                    numbers.push(*row);
                    continue;
                }
                let run = run.map_or(0, |run| run.id);
                let round = i64::try_from(item.round.unwrap_or(1)).unwrap_or(i64::MAX);
                change
                    .prepare_cached(
                        "INSERT INTO events (run, input, round, digest, state, tries, event, entity_id, topic, message,
                                             session, source)
                         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10, ?11)",
                    )?
                    .execute(params![
                        run,
                        item.input,
                        round,
                        digest,
                        UNDER_WAY,
                        item.event,
                        item.entity_id,
                        topic,
                        rows::message(outgoing),
                        self.session,
                        item.source
                    ])?;
                numbers.push(change.last_insert_rowid());
            }
            change.commit()?;
            Ok(numbers)
        };
        work(&mut connection).map_err(|e| self.store(e))
    }

    /// Writes what became of events that were on their way. A sent one gives its text up and is only remembered.
    ///
    /// # Errors
    /// The outbox cannot be written: then they count as in doubt.
    pub fn settle(&self, settled: &[(i64, Settled)]) -> Result<(), OutboxError> {
        let mut connection = self.connection();
        let work = |connection: &mut Connection| {
            let change = connection.transaction()?;
            for (row, settled) in settled {
                match settled {
                    Settled::Sent(id) => change
                        .prepare_cached(
                            "UPDATE events SET state = ?2, message = '', error = NULL, message_id = ?3 WHERE id = ?1",
                        )?
                        .execute(params![row, SENT, id])?,
                    Settled::Unsent { error, in_doubt } => change
                        .prepare_cached("UPDATE events SET state = ?2, error = ?3 WHERE id = ?1")?
                        .execute(params![row, if *in_doubt { UNDER_WAY } else { WAITS }, error])?,
                };
            }
            change.commit()
        };
        work(&mut connection).map_err(|e| self.store(e))
    }

    /// The end of a run; `complete` says that all its inputs were read. Runs of which nothing is left to do are forgotten.
    ///
    /// # Errors
    /// The outbox cannot be written.
    pub fn tidy(&self, complete: bool) -> Result<(), OutboxError> {
        let run = self.run().filter(|_| complete);
        let mut connection = self.connection();
        let work = |connection: &mut Connection| {
            let change = connection.transaction()?;
            if let Some(run) = run {
                change.execute("UPDATE runs SET complete = 1 WHERE id = ?1", [run.id])?;
            }
            change.execute(
                "DELETE FROM runs WHERE complete = 1
                 AND NOT EXISTS (SELECT 1 FROM events WHERE events.run = runs.id AND state < 2)",
                [],
            )?;
            change.commit()
        };
        work(&mut connection).map_err(|e| self.store(e))
    }

    /// Every event that is not sent, in the order in which they came, each handed to `take` until that says no.
    ///
    /// # Errors
    /// The outbox cannot be read.
    pub fn entries(&self, mut take: impl FnMut(Entry) -> bool) -> Result<(), OutboxError> {
        let connection = self.connection();
        let mut rows = connection
            .prepare(
                "SELECT id, input, event, topic, entity_id, tries, state, error FROM events WHERE state < 2 ORDER BY id",
            )
            .map_err(|e| self.store(e))?;
        let found = rows.query_map([], rows::entry).map_err(|e| self.store(e))?;
        for entry in found {
            if !take(entry.map_err(|e| self.store(e))?) {
                break;
            }
        }
        Ok(())
    }

    /// The publishes that are not done, oldest first.
    ///
    /// # Errors
    /// The outbox cannot be read.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>, OutboxError> {
        let connection = self.connection();
        let read = || {
            connection
                .prepare(
                    "SELECT what, bus, began_ms, complete,
                     (SELECT count(*) FROM events WHERE run = runs.id AND state = 2),
                     (SELECT count(*) FROM events WHERE run = runs.id AND state < 2) FROM runs ORDER BY id",
                )?
                .query_map([], rows::unfinished)?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|e| self.store(e))
    }

    /// That what waits in it is meant for `here`.
    ///
    /// # Errors
    /// It is meant for another bus, or the outbox cannot be read.
    pub fn is_for(&self, here: &str) -> Result<(), OutboxError> {
        match self.unfinished()?.into_iter().find(|run| run.waiting > 0 && run.bus != here) {
            Some(run) => Err(OutboxError::Foreign { meant: run.bus, here: here.to_owned(), path: self.path.clone() }),
            None => Ok(()),
        }
    }

    /// Forgets events that are not sent: those of `rows`, or all; and with all of them the runs. Returns how many.
    ///
    /// # Errors
    /// The outbox cannot be written.
    pub fn forget(&self, rows: Option<&[i64]>, _: super::Confirmed) -> Result<u64, OutboxError> {
        let mut connection = self.connection();
        let work = |connection: &mut Connection| {
            let change = connection.transaction()?;
            let mut gone = 0;
            match rows {
                None => {
                    gone += change.execute("DELETE FROM events WHERE state < 2", [])?;
                    change.execute("DELETE FROM runs", [])?;
                }
                Some(rows) => {
                    for row in rows {
                        gone += change.execute("DELETE FROM events WHERE id = ?1 AND state < 2", [row])?;
                    }
                }
            }
            change.commit()?;
            Ok(gone as u64)
        };
        work(&mut connection).map_err(|e| self.store(e))
    }

    fn run(&self) -> Option<Run> {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, source: rusqlite::Error) -> OutboxError {
        OutboxError::Store { path: self.path.clone(), source }
    }
}
