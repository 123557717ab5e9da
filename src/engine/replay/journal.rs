//! The journal of a replay: what was about to be sent, what was confirmed, what was deleted, noted before the next step is
//! taken. After a kill it says what must not be sent again, what may have arrived, and how to give back what was held.
//!
//! It holds ids and receipt handles, never a body: the messages themselves are at their source until their copy is confirmed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, random_id};
use crate::engine::ledger::{self, Kind, LedgerError};

const KIND: Kind = Kind {
    name: "journal of a replay",
    // `ebRJ`.
    application: 0x6562_524a,
    steps: &["CREATE TABLE run (facts TEXT NOT NULL, touched INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0,
                length INTEGER);
              CREATE TABLE items (
                key TEXT PRIMARY KEY, handle TEXT NOT NULL, state INTEGER NOT NULL, place TEXT NOT NULL DEFAULT '',
                sent TEXT, doubt INTEGER NOT NULL DEFAULT 0
              ) WITHOUT ROWID"],
};

/// What a run is, for who resumes it or lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The run's name, and its file's.
    pub id: String,
    /// When it began, milliseconds since the epoch.
    pub started_ms: i64,
    /// The command line, without the program's name.
    pub arguments: Vec<String>,
    /// The working directory: paths of the command line are relative to it.
    pub folder: PathBuf,
    /// The bus, in a few words.
    pub bus: String,
    /// The source: a queue's ARN, or a file.
    pub source: String,
    /// The destination in words.
    pub to: String,
}

/// What is known of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Received, and held to be given back.
    Held = 0,
    /// About to be sent: it may have arrived.
    Intended = 1,
    /// Confirmed at the destination; the original is still to be deleted.
    Sent = 2,
    /// Nothing is left to be done for it.
    Done = 3,
    /// Surely not sent.
    Failed = 4,
    /// Sent without an answer: it may have arrived.
    Uncertain = 5,
}

/// A step of one message.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its id in the source.
    pub key: String,
    /// What is known now.
    pub state: State,
    /// Its id in the destination.
    pub sent: Option<String>,
    /// It may have arrived twice.
    pub doubt: bool,
}

/// What an interrupted run left.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Confirmed and perhaps not deleted: id, receipt handle, place, id in the destination.
    pub sent: Vec<(String, String, String, String)>,
    /// Done for good, by id.
    pub done: Vec<String>,
    /// May have arrived, and are sent again.
    pub in_flight: Vec<String>,
    /// Confirmed, after an answer had been lost: they may have arrived twice.
    pub doubtful: Vec<String>,
    /// Receipt handles of what was held.
    pub held: Vec<String>,
    /// When the journal was written last, milliseconds since the epoch.
    pub touched_ms: i64,
    /// How long the file was that it writes to, after the last messages that are confirmed.
    pub length: Option<u64>,
}

/// A journal that is listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The file.
    pub path: PathBuf,
    /// What the run is; none for a file that cannot be read.
    pub facts: Option<Facts>,
    /// Another process is at it.
    pub running: bool,
    /// Messages that are done.
    pub done: u64,
    /// Messages that were begun and are not done.
    pub open: u64,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be used at all.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Another process is at it.
    #[error("the replay of journal `{}` is still running", .0.display())]
    Running(PathBuf),
    /// It cannot be read or written.
    #[error("journal `{}` cannot be used", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// It cannot be removed.
    #[error("journal `{}` cannot be removed", path.display())]
    Stays {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// An open journal. Nobody else can have it open meanwhile.
#[derive(Debug)]
pub struct Journal {
    connection: Mutex<Connection>,
    /// Steps that need not be safe at once: they go with the next that must.
    late: Mutex<Vec<Step>>,
    path: PathBuf,
    facts: Facts,
    clock: Clock,
}

impl Journal {
    /// A new journal in `folder`; `facts.id` and `facts.started_ms` are filled in.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(folder: &Path, facts: Facts, clock: &Clock) -> Result<Self, JournalError> {
        let id = format!("{}-{:04x}", clock.now().strftime("%Y%m%d-%H%M%S"), random_id().as_u128() as u16);
        let facts = Facts { id: id.clone(), started_ms: clock.now_ms(), ..facts };
        let path = folder.join(format!("{id}.db"));
        let connection = ledger::open(KIND, &path, true)?;
        let journal =
            Self { connection: Mutex::new(connection), late: Mutex::default(), path, facts, clock: clock.clone() };
        journal.lock()?;
        let text = serde_json::to_string(&journal.facts).expect("texts and numbers serialise");
        journal
            .connection()
            .execute("INSERT INTO run (facts, touched) VALUES (?1, ?2)", (text, journal.clock.now_ms()))
            .map_err(|source| journal.unusable(source))?;
        Ok(journal)
    }

    /// The journal of a run that was interrupted.
    ///
    /// # Errors
    /// It is not there, is no journal, or its run still goes on.
    pub fn open(path: &Path, clock: &Clock) -> Result<Self, JournalError> {
        // Asked first without waiting: opening it for good would wait for the other process's end.
        if list_one(path).running {
            return Err(JournalError::Running(path.to_owned()));
        }
        let connection = ledger::open(KIND, path, false)?;
        let mut journal = Self {
            connection: Mutex::new(connection),
            late: Mutex::default(),
            path: path.to_owned(),
            facts: Facts::default(),
            clock: clock.clone(),
        };
        journal.lock()?;
        let text: Option<String> = journal
            .connection()
            .query_row("SELECT facts FROM run", [], |row| row.get(0))
            .optional()
            .map_err(|source| journal.unusable(source))?;
        let facts = text.and_then(|text| serde_json::from_str(&text).ok());
        journal.facts = facts.ok_or_else(|| LedgerError::Foreign { kind: KIND.name, path: path.to_owned() })?;
        Ok(journal)
    }

    /// Takes the file for this process alone, for as long as it lives: a kill ends that, too.
    fn lock(&self) -> Result<(), JournalError> {
        let connection = self.connection();
        let locked = connection
            .busy_timeout(std::time::Duration::ZERO)
            .and_then(|()| connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT"));
        locked.map_err(|source| match source {
            rusqlite::Error::SqliteFailure(error, _) if error.code == rusqlite::ErrorCode::DatabaseBusy => {
                JournalError::Running(self.path.clone())
            }
            source => self.unusable(source),
        })
    }

    /// What the run is.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Before anything of it is sent: what was received, with its receipt handle, and where what goes is to go.
    pub(super) fn intend(&self, held: &[(&str, &str)], going: &[(&str, &str, &str)]) -> Result<(), JournalError> {
        self.write(|transaction| {
            // What is confirmed stays so: the row of a message that came again is not taken back.
            let mut insert = transaction.prepare_cached(
                "INSERT INTO items (key, handle, state, place) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET
                   handle = excluded.handle,
                   place = excluded.place,
                   doubt = doubt OR state IN (1, 5),
                   state = CASE WHEN state IN (2, 3) THEN state ELSE excluded.state END",
            )?;
            for (key, handle) in held {
                insert.execute((key, handle, State::Held as i64, ""))?;
            }
            for (key, handle, place) in going {
                insert.execute((key, handle, State::Intended as i64, place))?;
            }
            Ok(())
        })
    }

    /// What is known now, safe before it returns.
    pub(super) fn settle(&self, steps: &[Step], length: Option<u64>) -> Result<(), JournalError> {
        self.write(|transaction| {
            if let Some(length) = length {
                transaction.execute("UPDATE run SET length = ?1", [i64::try_from(length).unwrap_or(i64::MAX)])?;
            }
            apply(transaction, steps)
        })
    }

    /// What is known now, safe with the next write: to do it again would do no harm.
    pub(super) fn settle_late(&self, steps: impl IntoIterator<Item = Step>) {
        self.late.lock().unwrap_or_else(PoisonError::into_inner).extend(steps);
    }

    /// What the run has done and left.
    pub(super) fn memory(&self) -> Result<Memory, JournalError> {
        let connection = self.connection();
        let read = || -> rusqlite::Result<Memory> {
            let mut memory = Memory::default();
            let mut statement = connection
                .prepare("SELECT key, handle, state, place, coalesce(sent, ''), doubt FROM items ORDER BY key")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (key, handle, state): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                if row.get(5)? && matches!(state, 2 | 3) {
                    memory.doubtful.push(key.clone());
                }
                match state {
                    2 => memory.sent.push((key, handle, row.get(3)?, row.get(4)?)),
                    3 => memory.done.push(key),
                    _ => {
                        if matches!(state, 1 | 5) {
                            memory.in_flight.push(key);
                        }
                        memory.held.push(handle);
                    }
                }
            }
            memory.held.retain(|handle| !handle.is_empty());
            let (touched, length): (i64, Option<i64>) =
                connection.query_row("SELECT touched, length FROM run", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            memory.touched_ms = touched;
            memory.length = length.map(i64::unsigned_abs);
            Ok(memory)
        };
        read().map_err(|source| self.unusable(source))
    }

    /// The run has ended by itself: what it held is given back. Nothing is left to resume when `finished`, and the file goes.
    ///
    /// # Errors
    /// It cannot be written or removed.
    pub fn end(self, finished: bool) -> Result<(), JournalError> {
        if !finished {
            return self.write(|transaction| {
                transaction.execute("DELETE FROM items WHERE state = 0", [])?;
                transaction.execute("UPDATE items SET handle = '' WHERE state <> 2", [])?;
                transaction.execute("UPDATE run SET ended = 1", []).map(drop)
            });
        }
        let path = self.path.clone();
        drop(self);
        remove(&path)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<()>) -> Result<(), JournalError> {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        let mut connection = self.connection();
        let all = || {
            let transaction = connection.transaction()?;
            apply(&transaction, &late)?;
            work(&transaction)?;
            transaction.execute("UPDATE run SET touched = ?1", [self.clock.now_ms()])?;
            transaction.commit()
        };
        all().map_err(|source| self.unusable(source))
    }

    fn unusable(&self, source: rusqlite::Error) -> JournalError {
        JournalError::Unusable { path: self.path.clone(), source }
    }
}

fn apply(transaction: &rusqlite::Transaction<'_>, steps: &[Step]) -> rusqlite::Result<()> {
    let mut update = transaction.prepare_cached(
        "UPDATE items SET state = ?2, sent = coalesce(?3, sent), doubt = doubt OR ?4 WHERE key = ?1 AND state <> 3",
    )?;
    for step in steps {
        update.execute((&step.key, step.state as i64, &step.sent, step.doubt))?;
    }
    Ok(())
}

/// The journals of `folder`, oldest first.
pub fn list(folder: &Path) -> Vec<Listed> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = found.filter(|path| path.extension().is_some_and(|end| end == "db")).collect();
    paths.sort();
    paths.iter().map(|path| list_one(path)).collect()
}

fn list_one(path: &Path) -> Listed {
    let mut listed = Listed { path: path.to_owned(), facts: None, running: false, done: 0, open: 0 };
    let read = |listed: &mut Listed| -> rusqlite::Result<()> {
        // Written to when a kill has left a log to be taken in.
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        let text: String = connection.query_row("SELECT facts FROM run", [], |row| row.get(0))?;
        listed.facts = serde_json::from_str(&text).ok();
        let count = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        listed.done = count("SELECT count(*) FROM items WHERE state = 3")?.unsigned_abs();
        listed.open = count("SELECT count(*) FROM items WHERE state NOT IN (0, 3)")?.unsigned_abs();
        Ok(())
    };
    if let Err(rusqlite::Error::SqliteFailure(error, _)) = read(&mut listed) {
        listed.running = error.code == rusqlite::ErrorCode::DatabaseBusy;
    }
    listed
}

/// Removes a journal, unless its run still goes on.
///
/// # Errors
/// It is running, or cannot be removed.
pub fn remove(path: &Path) -> Result<(), JournalError> {
    if list_one(path).running {
        return Err(JournalError::Running(path.to_owned()));
    }
    std::fs::remove_file(path).map_err(|source| JournalError::Stays { path: path.to_owned(), source })?;
    for beside in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        let _ = std::fs::remove_file(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(key: &str, state: State, sent: Option<&str>) -> Step {
        Step { key: key.into(), state, sent: sent.map(str::to_owned), doubt: false }
    }

    #[test]
    fn what_was_begun_is_known_after_a_kill_and_only_one_process_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(1_795_000_000_000);
        let facts = Facts { source: "dlq".into(), arguments: vec!["replay".into(), "dlq".into()], ..Facts::default() };
        let journal = Journal::create(dir.path(), facts, &clock).unwrap();
        journal
            .intend(&[("held", "h0")], &[("a", "h1", "q"), ("b", "h2", "q"), ("c", "h3", "q"), ("d", "h4", "q")])
            .unwrap();
        let uncertain = step("c", State::Uncertain, None);
        journal
            .settle(&[step("a", State::Sent, Some("n1")), step("b", State::Sent, Some("n2")), uncertain], Some(7))
            .unwrap();
        journal.settle_late([step("a", State::Done, None)]);
        assert!(list(dir.path())[0].running);
        assert!(matches!(Journal::open(journal.path(), &clock), Err(JournalError::Running(_))));
        assert!(matches!(remove(journal.path()), Err(JournalError::Running(_))));
        journal.intend(&[], &[("e", "h5", "q")]).unwrap();
        let path = journal.path().to_owned();
        drop(journal);

        let listed = list(dir.path()).remove(0);
        assert_eq!((listed.running, listed.done, listed.open), (false, 1, 4));
        let journal = Journal::open(&path, &clock).unwrap();
        assert_eq!(journal.facts().arguments, ["replay", "dlq"]);
        let memory = journal.memory().unwrap();
        assert_eq!((memory.done, memory.length), (vec!["a".to_owned()], Some(7)));
        assert_eq!(memory.sent, [("b".into(), "h2".into(), "q".into(), "n2".into())]);
        assert_eq!(memory.in_flight, ["c", "d", "e"]);
        assert_eq!(memory.held, ["h3", "h4", "h5", "h0"]);
        // What comes again is not taken back to where it was, and what was in doubt stays so.
        journal.intend(&[("a", "h6")], &[("b", "h7", "q"), ("d", "h8", "q")]).unwrap();
        assert_eq!(journal.memory().unwrap().sent[0].1, "h7");
        journal.end(false).unwrap();
        let journal = Journal::open(&path, &clock).unwrap();
        assert_eq!(journal.memory().unwrap().held, Vec::<String>::new());
        journal.end(true).unwrap();
        assert!(list(dir.path()).is_empty() && std::fs::read_dir(dir.path()).unwrap().next().is_none());
    }

    #[test]
    fn what_is_no_journal_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        assert!(matches!(
            Journal::open(&path, &Clock::system()),
            Err(JournalError::Ledger(LedgerError::Missing { .. }))
        ));
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(
            Journal::open(&path, &Clock::system()),
            Err(JournalError::Ledger(LedgerError::Foreign { .. }))
        ));
    }
}
