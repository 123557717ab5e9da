//! The thread that brings commits to the disk and answers those who made them.
//!
//! SQLite does both in one go: the thread that commits waits for the disk. Here it goes on with the next transaction; one
//! flush of the write-ahead log then serves every commit that was made before it began. What is answered is on disk, as with
//! `synchronous=FULL`; what is not yet answered may be seen by others already. What they write because of it goes to the same
//! log after it, so it cannot be on disk without it. Checkpoints flush by themselves.
//!
//! A flush that fails is the end: the system forgets what it could not write and reports it once, so nothing may be called
//! safe after that, and the writer takes nothing more.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle, ThreadId};

use rusqlite::Connection;

use super::super::error::ApiError;
use super::place::Place;
use super::writer::Job;

/// What one transaction did.
pub(super) type Group = Vec<Box<dyn Job>>;

/// Why nothing more can be brought to the disk, once that is so.
pub(super) type Broken = Arc<OnceLock<ApiError>>;

/// The way to the thread; dropping it waits until all are answered. The default answers at once.
#[derive(Debug, Default)]
pub(super) struct Synced {
    thread: Option<(Sender<Group>, JoinHandle<()>)>,
    broken: Broken,
}

impl Synced {
    /// Takes the flushing over from `connection`. Where there is no write-ahead log (a file system without shared memory) SQLite
    /// keeps doing it, and answers go out at once.
    pub(super) fn start(connection: &Connection, place: &Place) -> io::Result<Self> {
        let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
        if !mode.is_ok_and(|mode| mode.eq_ignore_ascii_case("wal")) {
            return Ok(Self::default());
        }
        let Some(log) = place.open_log() else { return Ok(Self::default()) };
        // Only now: from here on a commit returns before it is on disk.
        if connection.pragma_update(None, "synchronous", "NORMAL").is_err() {
            return Ok(Self::default());
        }
        Self::by(move || log.sync_data())
    }

    /// Answers after `flush` has brought to the disk whatever was written before it.
    pub(super) fn by(flush: impl FnMut() -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let (broken, (groups, queue)) = (Broken::default(), channel());
        let breaks = Arc::clone(&broken);
        let thread = Builder::new().name("bus-sync".into()).spawn(move || serve(flush, &queue, &breaks))?;
        Ok(Self { thread: Some((groups, thread)), broken })
    }

    /// Set once a flush has failed, before anybody hears of it.
    pub(super) fn broken(&self) -> Broken {
        Arc::clone(&self.broken)
    }

    /// The thread that answers.
    pub(super) fn thread(&self) -> Option<ThreadId> {
        self.thread.as_ref().map(|(_, thread)| thread.thread().id())
    }

    /// Answers when all that was committed so far is on disk.
    pub(super) fn answer(&self, group: Group) {
        let refused = match &self.thread {
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
        let Some((groups, thread)) = self.thread.take() else { return };
        drop(groups);
        // A thread that panicked has nothing more to say.
        let _ = thread.join();
    }
}

fn serve(mut flush: impl FnMut() -> io::Result<()>, queue: &Receiver<Group>, broken: &OnceLock<ApiError>) {
    while let Ok(first) = queue.recv() {
        let groups: Vec<Group> = std::iter::once(first).chain(queue.try_iter()).collect();
        if broken.get().is_none()
            && let Err(error) = flush()
        {
            broken.get_or_init(|| {
                ApiError::unusable(format!("what is written to the bus file does not reach the disk: {error}"))
            });
        }
        let outcome = broken.get().cloned().map_or(Ok(()), Err);
        groups.into_iter().flatten().for_each(|job| job.finish(outcome.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::future::Future;
    use std::path::Path;
    use std::pin::pin;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::super::super::error::ApiResult;
    use super::super::open;
    use super::super::watch::Wakes;
    use super::super::writer::{Kind, Tx, Writer};
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    struct Probe(Sender<ApiResult<()>>);

    impl Job for Probe {
        fn guarded(&self) -> bool {
            false
        }

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

    /// A real writer in a folder, whose answers wait for this flush.
    fn writer(flush: impl FnMut() -> io::Result<()> + Send + 'static) -> (Writer, Broken, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus.db");
        let connection = open::prepare(&path, open::OnWait::default()).unwrap();
        let synced = Synced::by(flush).unwrap();
        let broken = synced.broken();
        let place = Arc::new(Place::of(&path, &path));
        let shared = (Arc::new(Wakes::new(&path)), Arc::new(AtomicBool::new(false)), place);
        (Writer::start(connection, synced, shared).unwrap(), broken, dir)
    }

    /// What is in the file's counter, put there by [`mark`].
    fn marked(dir: &tempfile::TempDir) -> i64 {
        let file = Connection::open(dir.path().join("bus.db")).unwrap();
        file.query_row("SELECT moving FROM bus", [], |row| row.get(0)).unwrap()
    }

    fn mark(tx: &mut Tx<'_>) -> ApiResult<()> {
        tx.connection.execute("UPDATE bus SET moving = moving + 1", [])?;
        Ok(())
    }

    #[test]
    fn all_are_answered_before_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus.db");
        let connection = open::prepare(&path, open::OnWait::default()).unwrap();
        let synced = Synced::start(&connection, &Place::of(&path, &path)).unwrap();
        let level: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert!(synced.thread.is_some() && level == 1, "the flushing is taken over");
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
        let level = |connection: &Connection| -> i64 {
            connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap()
        };
        let connection = Connection::open_in_memory().unwrap();
        let before = level(&connection);
        let synced = Synced::start(&connection, &Place::of(Path::new("none"), Path::new("none"))).unwrap();
        assert!(synced.thread.is_none() && before == 2 && level(&connection) == 2);
        let (answers, answered) = mpsc::channel();
        synced.answer(vec![Box::new(Probe(answers))]);
        assert!(matches!(answered.try_recv(), Ok(Ok(()))));

        // Nor is a log flushed that came later under the same name: it is not what SQLite writes to.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus.db");
        let connection = open::prepare(&path, open::OnWait::default()).unwrap();
        let place = Place::of(&path, &path);
        std::fs::rename(dir.path().join("bus.db-wal"), dir.path().join("aside")).unwrap();
        File::create(dir.path().join("bus.db-wal")).unwrap();
        assert!(Synced::start(&connection, &place).unwrap().thread.is_none() && level(&connection) == 2);
    }

    #[tokio::test]
    async fn what_cannot_be_flushed_is_not_called_safe_and_is_the_end() {
        // A device that knows no flush.
        let log = File::options().write(true).open("/dev/null").unwrap();
        assert!(log.sync_data().is_err(), "the test needs a file that cannot be flushed");
        let (writer, broken, dir) = writer(move || log.sync_data());
        assert!(writer.run(Kind::Fleeting, mark).await.is_ok(), "what need not be on disk");
        let refused = writer.run(Kind::Guarded, mark).await.unwrap_err();
        assert_eq!((refused.code, broken.get()), ("BusFileUnusable", Some(&refused)));
        assert_eq!(marked(&dir), 2);
        for kind in [Kind::Guarded, Kind::Fleeting, Kind::Checked] {
            assert_eq!(writer.run(kind, mark).await, Err(refused.clone()), "{kind:?}");
        }
        assert_eq!(marked(&dir), 2, "nothing more is written");
    }

    /// A flush that waits until it is let go, and says when it has begun.
    fn gate() -> (impl FnMut() -> io::Result<()> + Send + 'static, Receiver<()>, Sender<()>) {
        let ((begun, begins), (go, going)) = (channel(), channel());
        let flush = move || {
            let _ = begun.send(());
            // Let go for good when the test is over.
            let _ = going.recv();
            Ok(())
        };
        (flush, begins, go)
    }

    #[tokio::test]
    async fn nothing_durable_is_answered_before_the_flush() {
        let (flush, begins, go) = gate();
        let (writer, _, dir) = writer(flush);
        let mut durable = pin!(writer.run(Kind::Guarded, mark));
        let mut look = Context::from_waker(Waker::noop());
        assert!(durable.as_mut().poll(&mut look).is_pending());
        begins.recv_timeout(LONG).unwrap();
        assert_eq!(marked(&dir), 1, "it is committed, only not on disk");
        // This one is answered after the commit: had the first been answered on the way there, it would be by now.
        writer.run(Kind::Fleeting, mark).await.unwrap();
        assert!(durable.as_mut().poll(&mut look).is_pending(), "answered before it is on disk");
        go.send(()).unwrap();
        durable.await.unwrap();
    }

    /// What somebody gets as a result, and with it the last hold on the writer.
    struct Last(Option<Arc<Writer>>, Sender<()>);

    impl Drop for Last {
        fn drop(&mut self) {
            drop(self.0.take());
            self.1.send(()).unwrap();
        }
    }

    #[test]
    fn a_result_that_nobody_takes_may_be_the_last_to_hold_the_writer() {
        for kind in [Kind::Guarded, Kind::Fleeting] {
            let (flush, _begins, go) = gate();
            let (writer, _, _dir) = writer(flush);
            let writer = Arc::new(writer);
            let (dropped, drops) = channel();
            let (held, hold) = channel::<()>();
            let last = Last(Some(Arc::clone(&writer)), dropped);
            {
                // The work waits, so that whoever asked is gone when it is done.
                let work = move |_: &mut Tx<'_>| {
                    let _ = hold.recv();
                    Ok(last)
                };
                let asked = pin!(writer.run(kind, work));
                assert!(asked.poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            drop(writer);
            drop((held, go));
            drops.recv_timeout(LONG).expect("a thread waits for itself");
        }
    }

    #[tokio::test]
    async fn a_fault_in_one_request_harms_no_other() {
        let (writer, _, dir) = writer(|| Ok(()));
        let fault = |tx: &mut Tx<'_>| -> ApiResult<()> {
            mark(tx)?;
            panic!("a fault that a test makes")
        };
        let (before, broken, after) = tokio::join!(
            writer.run(Kind::Guarded, mark),
            writer.run(Kind::Guarded, fault),
            writer.run(Kind::Guarded, mark)
        );
        assert!(before.is_ok() && after.is_ok(), "{before:?} {after:?}");
        assert!(broken.unwrap_err().message.contains("a fault of eventbus itself"));
        assert_eq!(marked(&dir), 2, "nothing remains of what the fault broke off");
    }

    #[tokio::test]
    async fn what_refuses_before_it_changes_anything_harms_no_other_and_what_breaks_later_leaves_nothing() {
        let (writer, _, dir) = writer(|| Ok(()));
        let refuse = |_: &mut Tx<'_>| -> ApiResult<()> { Err(ApiError::unusable("refused")) };
        let (before, refused, after) = tokio::join!(
            writer.run(Kind::Checked, mark),
            writer.run(Kind::Checked, refuse),
            writer.run(Kind::Checked, mark)
        );
        assert_eq!((before, refused.map_err(|error| error.message), after), (Ok(()), Err("refused".into()), Ok(())));
        assert_eq!(marked(&dir), 2);

        // The writing thread waits, so that both are in one transaction, whose order is that of their coming.
        let (held, hold) = channel::<()>();
        let wait = move |_: &mut Tx<'_>| {
            let _ = hold.recv();
            Ok(())
        };
        let breaks = |tx: &mut Tx<'_>| -> ApiResult<()> {
            mark(tx)?;
            Err(ApiError::unusable("broken off"))
        };
        let release = async { drop(held) };
        let (_, with, broken, ()) = tokio::join!(
            writer.run(Kind::Guarded, wait),
            writer.run(Kind::Checked, mark),
            writer.run(Kind::Checked, breaks),
            release
        );
        let (with, broken) = (with.unwrap_err().message, broken.unwrap_err().message);
        assert_eq!((with.as_str(), broken.as_str()), ("broken off", "broken off"));
        assert_eq!(marked(&dir), 2, "nothing of that transaction remains");
        writer.run(Kind::Checked, mark).await.unwrap();
        assert_eq!(marked(&dir), 3);
    }

    #[tokio::test]
    async fn a_store_whose_log_cannot_be_flushed_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let store = super::super::Store::open(&dir.path().join("bus.db"), open::OnWait::default()).unwrap();
        assert_eq!(store.lost(), None);
        store.broken.set(ApiError::unusable("the flush failed")).unwrap();
        assert_eq!(store.lost().as_deref(), Some("the flush failed"));
        assert!(store.write(mark).await.is_err() && store.take(mark).await.is_err());
        assert_eq!(marked(&dir), 0);
    }

    #[tokio::test]
    async fn a_fault_in_one_read_harms_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = super::super::Store::open(&dir.path().join("bus.db"), open::OnWait::default()).unwrap();
        let fault = |_: &Connection| -> ApiResult<()> { panic!("a fault that a test makes") };
        // More of them than there are reading threads.
        for _ in 0..5 {
            assert!(store.read(fault).await.unwrap_err().message.contains("a fault of eventbus itself"));
        }
        let read =
            async || store.read(|c| Ok(c.query_row("SELECT moving FROM bus", [], |r| r.get::<_, i64>(0))?)).await;
        for _ in 0..5 {
            assert_eq!(read().await, Ok(0));
        }
    }
}
