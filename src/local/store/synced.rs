//! The thread that brings commits to the disk and answers those who made them.
//!
//! SQLite does both in one go: the thread that commits waits for the disk. Here it goes on with the next transaction; one
//! flush of the write-ahead log then serves every commit that was made before it began. What is answered is on disk, as with
//! `synchronous=FULL`; what is not yet answered may be seen by others already, whose own answers wait for a later flush of the
//! same log. Checkpoints flush by themselves.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;

use super::super::error::ApiError;
use super::writer::Job;

/// What one transaction did.
pub(super) type Group = Vec<Box<dyn Job>>;

/// The way to the thread; dropping it waits until all are answered. The default answers at once.
#[derive(Debug, Default)]
pub(super) struct Synced(Option<(Sender<Group>, JoinHandle<()>)>);

impl Synced {
    /// Takes the flushing over from `connection`. Where there is no write-ahead log (a file system without shared memory) SQLite
    /// keeps doing it, and answers go out at once.
    pub(super) fn start(connection: &Connection, path: &Path) -> std::io::Result<Self> {
        let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
        if !mode.is_ok_and(|mode| mode.eq_ignore_ascii_case("wal")) {
            return Ok(Self(None));
        }
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        // SQLite holds no locks on the log, so opening and closing it here takes none away.
        let Ok(log) = File::options().write(true).open(log) else { return Ok(Self(None)) };
        // Only now: from here on a commit returns before it is on disk.
        if connection.pragma_update(None, "synchronous", "NORMAL").is_err() {
            return Ok(Self(None));
        }
        let (groups, queue) = channel();
        let thread = Builder::new().name("bus-sync".into()).spawn(move || serve(&log, &queue))?;
        Ok(Self(Some((groups, thread))))
    }

    /// Answers when all that was committed so far is on disk.
    pub(super) fn answer(&self, group: Group) {
        let refused = match &self.0 {
            Some((groups, _)) => match groups.send(group) {
                Ok(()) => return,
                Err(unsent) => (unsent.0, Err(ApiError::internal("the bus is shutting down"))),
            },
            None => (group, Ok(())),
        };
        refused.0.into_iter().for_each(|job| job.finish(refused.1.clone()));
    }
}

impl Drop for Synced {
    fn drop(&mut self) {
        let Some((groups, thread)) = self.0.take() else { return };
        drop(groups);
        // A thread that panicked has nothing more to say.
        let _ = thread.join();
    }
}

fn serve(log: &File, queue: &Receiver<Group>) {
    let mut broken = None;
    while let Ok(first) = queue.recv() {
        let groups: Vec<Group> = std::iter::once(first).chain(queue.try_iter()).collect();
        if broken.is_none() {
            // The system forgets what it could not write and reports it once: nothing may be called safe after that.
            broken = log
                .sync_data()
                .err()
                .map(|error| ApiError::internal(format!("the bus file cannot be brought to the disk: {error}")));
        }
        let outcome = broken.clone().map_or(Ok(()), Err);
        groups.into_iter().flatten().for_each(|job| job.finish(outcome.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::super::error::ApiResult;
    use super::super::open;
    use super::super::writer::Tx;
    use super::*;

    struct Probe(Sender<ApiResult<()>>);

    impl Job for Probe {
        fn run(&mut self, _tx: &mut Tx<'_>) -> bool {
            true
        }

        fn failure(&self) -> Option<ApiError> {
            None
        }

        fn waits_for_disk(&self) -> bool {
            true
        }

        fn finish(self: Box<Self>, committed: ApiResult<()>) {
            self.0.send(committed).unwrap();
        }
    }

    #[test]
    fn all_are_answered_before_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus.db");
        let connection = open::prepare(&path, open::OnWait::default()).unwrap();
        let synced = Synced::start(&connection, &path).unwrap();
        let level: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert!(synced.0.is_some() && level == 1, "the flushing is taken over");
        let (answers, answered) = mpsc::channel();
        for _ in 0..100 {
            synced.answer(vec![Box::new(Probe(answers.clone())), Box::new(Probe(answers.clone()))]);
        }
        drop((synced, answers));
        let answered: Vec<_> = answered.try_iter().collect();
        assert_eq!((answered.len(), answered.iter().filter(|answer| answer.is_err()).count()), (200, 0));
    }

    #[test]
    fn without_a_log_sqlite_keeps_flushing() {
        let connection = Connection::open_in_memory().unwrap();
        let before: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        let synced = Synced::start(&connection, Path::new("none")).unwrap();
        let after: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert!(synced.0.is_none() && before == 2 && after == 2);
        let (answers, answered) = mpsc::channel();
        synced.answer(vec![Box::new(Probe(answers))]);
        assert!(matches!(answered.try_recv(), Ok(Ok(()))));
    }

    #[test]
    fn what_cannot_be_flushed_is_not_called_safe() {
        // A device that knows no flush.
        let log = File::options().write(true).open("/dev/null").unwrap();
        assert!(log.sync_data().is_err(), "the test needs a file that cannot be flushed");
        let ((groups, queue), (answers, answered)) = (channel(), mpsc::channel());
        for _ in 0..3 {
            groups.send(vec![Box::new(Probe(answers.clone())) as Box<dyn Job>]).unwrap();
        }
        drop(groups);
        serve(&log, &queue);
        drop(answers);
        assert_eq!(answered.iter().filter(Result::is_err).count(), 3);
    }
}
