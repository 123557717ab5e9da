//! Remembers what was handled, in a SQLite file that several processes of one machine share, so that a message that comes twice is
//! handled once.
//!
//! Noted after the handler succeeded and before the message is deleted: a crash in between means that the second delivery finds the
//! note. Two processes that hold the same message at the same moment both handle it: that takes an expired visibility timeout.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::engine::ledger::{self, Kind, LedgerError};

/// What `PRAGMA application_id` of the file says: `ebDD`.
const KIND: Kind = Kind {
    name: "memory of handled events",
    application: 0x6562_4444,
    steps: &["CREATE TABLE handled (key TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX handled_at ON handled (at_ms)"],
};

/// How many questions share a transaction.
const BATCH: usize = 256;

/// What makes two messages one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DedupeBy {
    /// The id of the message: SNS's where there is one, else SQS's.
    Message,
    /// The event's name, entity and publish date, which a publisher that retries repeats.
    Event,
}

/// `--dedupe`.
#[derive(Clone, Debug)]
pub struct DedupeSpec {
    /// The file.
    pub path: PathBuf,
    /// How long what was handled is remembered.
    pub window: Duration,
    /// By what.
    pub by: DedupeBy,
}

/// The memory of one run.
pub(super) struct Dedupe {
    pub(super) by: DedupeBy,
    asks: mpsc::Sender<Ask>,
}

struct Ask {
    key: String,
    /// Note it, or ask for it.
    note: bool,
    answer: oneshot::Sender<Result<bool, String>>,
}

impl Dedupe {
    /// Opens the file, making it if it is not there, and forgets what is too old.
    pub(super) fn open(spec: &DedupeSpec, clock: Clock) -> Result<Self, LedgerError> {
        let connection = ledger::open(KIND, &spec.path, true)?;
        let (asks, asked) = mpsc::channel(BATCH);
        let window = i64::try_from(spec.window.as_millis()).unwrap_or(i64::MAX);
        std::thread::spawn(move || serve(connection, asked, window, &clock));
        Ok(Self { by: spec.by, asks })
    }

    /// Whether `key` was handled within the window.
    pub(super) async fn knows(&self, key: String) -> Result<bool, String> {
        self.ask(key, false).await
    }

    /// Notes that `key` was handled; returns once that is on disk.
    pub(super) async fn note(&self, key: String) -> Result<(), String> {
        self.ask(key, true).await.map(drop)
    }

    async fn ask(&self, key: String, note: bool) -> Result<bool, String> {
        let gone = || "the memory of handled events is gone".to_owned();
        let (answer, answered) = oneshot::channel();
        self.asks.send(Ask { key, note, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Answers until nobody can ask any more. What waits together is committed together.
fn serve(mut connection: Connection, mut asked: mpsc::Receiver<Ask>, window: i64, clock: &Clock) {
    let mut pruned = None;
    while let Some(first) = asked.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(ask) = asked.try_recv()
        {
            batch.push(ask);
        }
        let now = clock.now_ms();
        let prune = pruned.is_none_or(|at| now - at > window.clamp(1000, 60_000));
        let answers = answer(&mut connection, &batch, now, window, prune);
        pruned = if prune { Some(now) } else { pruned };
        match answers {
            Ok(answers) => {
                for (ask, answer) in batch.into_iter().zip(answers) {
                    let _ = ask.answer.send(Ok(answer));
                }
            }
            Err(error) => {
                for ask in batch {
                    let _ = ask.answer.send(Err(error.to_string()));
                }
            }
        }
    }
}

fn answer(
    connection: &mut Connection,
    batch: &[Ask],
    now: i64,
    window: i64,
    prune: bool,
) -> Result<Vec<bool>, rusqlite::Error> {
    let oldest = now.saturating_sub(window);
    let writes = prune || batch.iter().any(|ask| ask.note);
    let behavior = if writes { TransactionBehavior::Immediate } else { TransactionBehavior::Deferred };
    let change = connection.transaction_with_behavior(behavior)?;
    if prune {
        change.prepare_cached("DELETE FROM handled WHERE at_ms < ?1")?.execute(params![oldest])?;
    }
    let mut answers = Vec::with_capacity(batch.len());
    {
        let mut look = change.prepare_cached("SELECT 1 FROM handled WHERE key = ?1 AND at_ms >= ?2")?;
        let mut note = change.prepare_cached(
            "INSERT INTO handled (key, at_ms) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET at_ms = excluded.at_ms",
        )?;
        for ask in batch {
            answers.push(if ask.note {
                note.execute(params![ask.key, now])?;
                true
            } else {
                look.exists(params![ask.key, oldest])?
            });
        }
    }
    change.commit()?;
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_noted_is_known_to_others_until_the_window_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let spec = DedupeSpec {
            path: folder.path().join("deep/dedupe.db"),
            window: Duration::from_secs(60),
            by: DedupeBy::Message,
        };
        let clock = Clock::manual(1_795_000_000_000);
        let one = Dedupe::open(&spec, clock.clone()).unwrap();
        let two = Dedupe::open(&spec, clock.clone()).unwrap();
        assert_eq!(one.knows("a".into()).await, Ok(false));
        one.note("a".into()).await.unwrap();
        assert_eq!((two.knows("a".into()).await, two.knows("b".into()).await), (Ok(true), Ok(false)));
        clock.advance(Duration::from_secs(59));
        assert_eq!(two.knows("a".into()).await, Ok(true));
        clock.advance(Duration::from_secs(2));
        assert_eq!(two.knows("a".into()).await, Ok(false));
        two.note("b".into()).await.unwrap();
        let rows = ledger::open(KIND, &spec.path, false).unwrap();
        let rows: i64 = rows.query_row("SELECT count(*) FROM handled", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1, "what is over is forgotten");
    }
}
