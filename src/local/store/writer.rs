//! The one writing thread of a process: group commit.
//!
//! Requests queue up while a transaction runs; the next one takes all of them. One that fails leaves no trace and harms no
//! other, and each that must last is answered only when its commit is on disk. That is seen to by a thread of its own
//! ([`Synced`]), so that the next transaction runs while the last ones are on their way there.
//!
//! A request that may be refused half-way runs in a savepoint. SQLite keeps a copy of every page that is changed inside one,
//! which costs the path of messages a good part of its time; so what refuses before it changes anything goes without
//! ([`Kind::Checked`]).

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{Builder, JoinHandle, ThreadId};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::super::error::{ApiError, ApiResult};
use super::catalogue::Catalogue;
use super::place::Place;
use super::synced::{Group, Synced};
use super::watch::Wakes;

/// Requests in one transaction at most, so that the first of them is not kept waiting for the last.
const GROUP: usize = 256;

/// What a request sees of the transaction it runs in.
pub(crate) struct Tx<'a> {
    /// The connection, inside its transaction.
    pub(crate) connection: &'a Connection,
    /// Compiled topics and queues, as of this transaction.
    pub(crate) catalogue: &'a mut Catalogue,
    /// See the `bus` table.
    version: i64,
    next_seq: i64,
    /// How many receives of a queue, by its row, need not count what is in flight.
    pub(super) room: &'a mut Room,
    /// Queues that got something to receive.
    woken: Vec<i64>,
}

/// See [`Tx`]. What this process remembers; others take messages, too.
pub(super) type Room = HashMap<i64, i64>;

impl Tx<'_> {
    /// The next message's place.
    pub(crate) fn next_seq(&mut self) -> i64 {
        self.next_seq += 1;
        self.next_seq - 1
    }

    /// Says that topics, subscriptions or queues changed, to this process's cache and to every other's.
    pub(crate) fn catalogue_changed(&mut self) {
        self.version += 1;
        self.catalogue.renew(self.version);
    }

    /// After the commit, whoever waits for `queue` looks again.
    pub(crate) fn wake(&mut self, queue: i64) {
        if self.woken.last() != Some(&queue) {
            self.woken.push(queue);
        }
    }
}

/// How many steps SQLite takes for `work` in a transaction of its own, in hundreds.
#[cfg(test)]
pub(crate) fn steps(path: &std::path::Path, work: impl FnOnce(&mut Tx<'_>) -> ApiResult<()>) -> ApiResult<usize> {
    use std::sync::atomic::AtomicUsize;
    let mut connection = Connection::open(path)?;
    let counted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&counted);
    let count = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        false
    };
    connection.progress_handler(100, Some(count))?;
    let (version, next_seq, _) = begin(&connection)?;
    let mut catalogue = Catalogue::default();
    catalogue.renew(version);
    let mut room = Room::default();
    let (woken, catalogue, room) = (Vec::new(), &mut catalogue, &mut room);
    work(&mut Tx { connection: &connection, catalogue, version, next_seq, room, woken })?;
    execute(&connection, "COMMIT")?;
    Ok(counted.load(Ordering::SeqCst))
}

/// What a request asks of the writing thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// May fail at any point: what it changed until then is made undone.
    Guarded,
    /// Refuses before it changes anything, or not at all. If it fails later all the same (SQLite does, or we are at fault), the
    /// whole transaction is given up with it, and all its requests are told so: nothing half-done is committed.
    Checked,
    /// Checked, and answered when it is committed: the disk need not have it.
    Fleeting,
}

pub(super) trait Job: Send {
    /// Whether it needs a savepoint.
    fn guarded(&self) -> bool;
    /// Does the work and keeps its result; whether it succeeded.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Why it did not succeed.
    fn failure(&self) -> Option<ApiError>;
    /// Whether its answer waits until the commit is on disk.
    fn waits_for_disk(&self) -> bool;
    /// Answers: with the result if all was committed, and is on disk where that matters; else with why not.
    fn finish(self: Box<Self>, committed: ApiResult<()>);
}

/// Does `work`. A fault in it is its own failure, with its savepoint rolled back as for any other: the one writing thread must
/// outlive it.
fn contained<T>(work: impl FnOnce(&mut Tx<'_>) -> ApiResult<T>, tx: &mut Tx<'_>) -> ApiResult<T> {
    catch_unwind(AssertUnwindSafe(|| work(tx)))
        .unwrap_or_else(|_| Err(ApiError::internal("the request broke off half-way: a fault of eventbus itself")))
}

struct Request<T, F> {
    work: Option<F>,
    kind: Kind,
    outcome: Option<ApiResult<T>>,
    answer: oneshot::Sender<ApiResult<T>>,
}

impl<T: Send, F: FnOnce(&mut Tx<'_>) -> ApiResult<T> + Send> Job for Request<T, F> {
    fn guarded(&self) -> bool {
        self.kind == Kind::Guarded
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let outcome = contained(work, tx);
        let done = outcome.is_ok();
        self.outcome = Some(outcome);
        done
    }

    fn failure(&self) -> Option<ApiError> {
        self.outcome.as_ref()?.as_ref().err().cloned()
    }

    fn waits_for_disk(&self) -> bool {
        // A refusal left nothing behind that could be lost.
        self.kind != Kind::Fleeting && matches!(self.outcome, Some(Ok(_)))
    }

    fn finish(self: Box<Self>, committed: ApiResult<()>) {
        let answer = match (committed, self.outcome) {
            // A request that failed by itself keeps its own reason.
            (_, Some(Err(error))) | (Err(error), _) => Err(error),
            (Ok(()), Some(Ok(result))) => Ok(result),
            (Ok(()), None) => Err(ApiError::internal("the request was not run")),
        };
        // The caller may have gone away; what is committed stays committed, as on AWS. A result that must not stay when nobody
        // gets it says so when it is dropped.
        let _ = self.answer.send(answer);
    }
}

/// A request that nobody waits for.
struct Unasked<F>(Option<F>);

impl<F: FnOnce(&mut Tx<'_>) -> ApiResult<()> + Send> Job for Unasked<F> {
    fn guarded(&self) -> bool {
        true
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        self.0.take().is_some_and(|work| contained(work, tx).is_ok())
    }

    fn failure(&self) -> Option<ApiError> {
        None
    }

    fn waits_for_disk(&self) -> bool {
        false
    }

    fn finish(self: Box<Self>, _committed: ApiResult<()>) {}
}

type Jobs = Sender<Box<dyn Job>>;

/// A way to the writing thread that does not keep it alive, for what must be made undone when nobody waits any more.
#[derive(Clone)]
pub(crate) struct Afterwards {
    jobs: Weak<Jobs>,
    /// What arrives while the thread is already ending; it does this last.
    late: Late,
}

type Late = Arc<Mutex<Vec<Box<dyn Job>>>>;

impl std::fmt::Debug for Afterwards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Afterwards")
    }
}

impl Afterwards {
    /// Runs `work` in one of the next transactions and says nothing of how it went.
    pub(crate) fn run(&self, work: impl FnOnce(&mut Tx<'_>) -> ApiResult<()> + Send + 'static) {
        let job: Box<dyn Job> = Box::new(Unasked(Some(work)));
        let refused = match self.jobs.upgrade() {
            Some(jobs) => jobs.send(job).err().map(|unsent| unsent.0),
            None => Some(job),
        };
        if let Some(job) = refused {
            self.late.lock().unwrap_or_else(PoisonError::into_inner).push(job);
        }
    }
}

/// The way to the writing thread; dropping it waits for what is queued and closes the file.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<Arc<Jobs>>,
    afterwards: Afterwards,
    thread: Option<JoinHandle<()>>,
    /// The thread that answers, which the writing thread waits for at its end.
    answering: Option<ThreadId>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        synced: Synced,
        (wakes, moving, place): (Arc<Wakes>, Arc<AtomicBool>, Arc<Place>),
    ) -> std::io::Result<Self> {
        let (jobs, queue) = channel();
        let (jobs, late) = (Arc::new(jobs), Late::default());
        let afterwards = Afterwards { jobs: Arc::downgrade(&jobs), late: Arc::clone(&late) };
        let answering = synced.thread();
        let shared = Shared { late: Arc::clone(&late), synced, wakes, moving, place };
        let thread = Builder::new().name("bus-writer".into()).spawn(move || serve(&connection, &queue, shared))?;
        Ok(Self { jobs: Some(jobs), afterwards, thread: Some(thread), answering })
    }

    pub(super) fn afterwards(&self) -> Afterwards {
        self.afterwards.clone()
    }

    /// Runs `work` in one of the next transactions; its result comes when that is on disk, or, if it is fleeting, committed.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl FnOnce(&mut Tx<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let gone = || ApiError::internal("the bus is shutting down");
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Request { work: Some(work), kind, outcome: None, answer });
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // Who drops it last may be one of the threads themselves, with a result that nobody took: they end on their own then,
        // and waiting for oneself, or for who waits for oneself, would never end.
        let here = std::thread::current().id();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != here
            && self.answering != Some(here)
        {
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

/// What the writing thread has in common with the others.
struct Shared {
    late: Late,
    synced: Synced,
    wakes: Arc<Wakes>,
    moving: Arc<AtomicBool>,
    place: Arc<Place>,
}

fn serve(connection: &Connection, queue: &Receiver<Box<dyn Job>>, mut shared: Shared) {
    let (mut catalogue, mut room) = (Catalogue::default(), Room::default());
    while let Ok(first) = queue.recv() {
        let mut waiting = VecDeque::from([first]);
        while waiting.len() < GROUP {
            match queue.try_recv() {
                Ok(job) => waiting.push_back(job),
                Err(_) => break,
            }
        }
        while !waiting.is_empty() {
            commit(connection, (&mut catalogue, &mut room), &mut waiting, &shared);
        }
    }
    // Everything is answered first: what an answer nobody waits for leaves to do comes late, too. Nobody waits for that.
    shared.synced = Synced::default();
    let mut waiting: VecDeque<_> = shared.late.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
    while !waiting.is_empty() {
        commit(connection, (&mut catalogue, &mut room), &mut waiting, &shared);
    }
}

/// One transaction over as much of `waiting` as it can carry; takes at least one.
fn commit(
    connection: &Connection,
    (catalogue, room): (&mut Catalogue, &mut Room),
    waiting: &mut VecDeque<Box<dyn Job>>,
    shared: &Shared,
) {
    // What could not be brought to the disk is gone for all anybody knows; nothing may be built on it, nor be seen again.
    if let Some(error) = shared.synced.broken().get() {
        waiting.drain(..).for_each(|job| job.finish(Err(error.clone())));
        return;
    }
    let begun = begin(connection);
    let (version, next_seq, moving) = match begun {
        Ok(found) => found,
        Err(error) => {
            roll_back(connection);
            let error = ApiError::from(error);
            waiting.drain(..).for_each(|job| job.finish(Err(error.clone())));
            return;
        }
    };
    shared.moving.store(moving, Ordering::SeqCst);
    catalogue.renew(version);
    let mut tx = Tx { connection, catalogue, version, next_seq, room, woken: Vec::new() };
    let mut done: Group = Vec::with_capacity(waiting.len());
    while let Some(mut job) = waiting.pop_front() {
        let stepped = if job.guarded() { guarded(&mut *job, &mut tx) } else { checked(&mut *job, &mut tx) };
        done.push(job);
        // A full disk or a broken file makes SQLite roll back everything by itself: the earlier ones lost their work too.
        if stepped.is_err() || connection.is_autocommit() {
            let lost = match stepped {
                Err(error) => ApiError::from(error),
                // The last one met it, and knows why.
                Ok(()) => done.last().and_then(|job| job.failure()).unwrap_or_else(|| {
                    ApiError::internal("the transaction was rolled back: the bus file cannot be written")
                }),
            };
            tx.catalogue.forget();
            roll_back(connection);
            done.into_iter().for_each(|job| job.finish(Err(lost.clone())));
            return;
        }
    }
    let Tx { version: new_version, next_seq: new_seq, woken, .. } = tx;
    let ended = (|| {
        if (new_version, new_seq) != (version, next_seq) {
            connection
                .prepare_cached("UPDATE bus SET catalogue = ?1, next_seq = ?2")?
                .execute((new_version, new_seq))?;
        }
        execute(connection, "COMMIT")
    })()
    .map_err(ApiError::from)
    // What went to a file that nobody will find again is not acknowledged.
    .and_then(|()| shared.place.check());
    match ended {
        Ok(()) => {
            // Who is woken sees the commit, maybe before it is on disk: see `Store::take`.
            shared.wakes.wake(&woken);
            let (durable, other): (Group, Group) = done.into_iter().partition(|job| job.waits_for_disk());
            other.into_iter().for_each(|job| job.finish(Ok(())));
            if !durable.is_empty() {
                shared.synced.answer(durable);
            }
        }
        Err(error) => {
            roll_back(connection);
            catalogue.forget();
            done.into_iter().for_each(|job| job.finish(Err(error.clone())));
        }
    }
}

/// Runs a job in a savepoint.
fn guarded(job: &mut dyn Job, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
    let (connection, woken) = (tx.connection, tx.woken.len());
    execute(connection, "SAVEPOINT request")?;
    if !job.run(tx) {
        refused(tx, woken);
        if !connection.is_autocommit() {
            execute(connection, "ROLLBACK TO request")?;
        }
    }
    if connection.is_autocommit() { Ok(()) } else { execute(connection, "RELEASE request") }
}

/// Runs a job that refuses before it changes anything; if it broke off later than that, so does the transaction.
fn checked(job: &mut dyn Job, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
    let (connection, woken) = (tx.connection, tx.woken.len());
    let before = connection.total_changes();
    if !job.run(tx) {
        refused(tx, woken);
        if connection.total_changes() != before {
            roll_back(connection);
        }
    }
    Ok(())
}

/// Forgets what a job that failed saw of its own changes: they must not be outlived.
fn refused(tx: &mut Tx<'_>, woken: usize) {
    tx.woken.truncate(woken);
    tx.catalogue.forget();
}

fn begin(connection: &Connection) -> rusqlite::Result<(i64, i64, bool)> {
    execute(connection, "BEGIN IMMEDIATE")?;
    connection
        .prepare_cached("SELECT catalogue, next_seq, moving > 0 FROM bus")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // Failing here means that SQLite has already done it.
        let _ = connection.execute_batch("ROLLBACK");
    }
}
