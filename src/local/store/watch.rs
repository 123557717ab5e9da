//! Waking those who wait for a message.
//!
//! A commit of this process wakes them directly. A commit of another process is noticed by a thread that lives only while
//! somebody waits: inotify on the write-ahead log says "something is being written", `PRAGMA data_version` says when it is
//! committed. Without inotify the version alone is asked, every 2 ms. Waiting costs no processor time in the first case.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::open;
use super::place::log_of;

/// After a sign of writing, the version is asked this often …
const BRISK: Duration = Duration::from_micros(500);
/// … so many times: long enough for a checkpoint, or for a flush by SQLite itself, between the sign and the commit.
const BRISK_TIMES: u32 = 100;
/// But most commits come at once after the sign, so the first few times it is asked sooner.
const SOON: Duration = Duration::from_micros(100);
const SOON_TIMES: u32 = 10;
/// Otherwise this often, in case a sign was missed.
const CALM: Duration = Duration::from_millis(100);
/// How often the thread looks whether the bus is still open, while nobody waits.
const IDLE: Duration = Duration::from_secs(1);
/// How often where there are no signs.
const BLIND: Duration = Duration::from_millis(2);

/// Who waits, by queue.
#[derive(Debug)]
pub(super) struct Wakes {
    path: PathBuf,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queues: HashMap<i64, Waiters>,
    watching: bool,
}

/// Those who wait for one queue.
#[derive(Debug, Default)]
struct Waiters {
    notify: Arc<Notify>,
    many: usize,
    /// A commit of this process brought something, and none of them knows yet.
    news: Arc<AtomicBool>,
}

impl Wakes {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), state: Mutex::default(), arrived: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those who wait for one of `queues`.
    pub(super) fn wake(&self, queues: &[i64]) {
        if queues.is_empty() {
            return;
        }
        let state = self.state();
        for waiters in queues.iter().filter_map(|queue| state.queues.get(queue)) {
            waiters.news.store(true, Ordering::SeqCst);
            waiters.notify.notify_waiters();
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn waiters(&self) -> usize {
        self.state().queues.values().map(|waiters| waiters.many).sum()
    }

    fn wake_all(&self) {
        self.state().queues.values().for_each(|waiters| waiters.notify.notify_waiters());
    }

    pub(super) fn wait(wakes: &Arc<Self>, queue: i64) -> Waiting {
        let mut state = wakes.state();
        let waiters = state.queues.entry(queue).or_default();
        waiters.many += 1;
        let (notify, news) = (Arc::clone(&waiters.notify), Arc::clone(&waiters.news));
        if state.watching {
            wakes.arrived.notify_one();
        } else {
            let shared = Arc::downgrade(wakes);
            let path = wakes.path.clone();
            let started = std::thread::Builder::new().name("bus-watch".into()).spawn(move || {
                let mut watcher = None;
                // Held weakly: the bus may be dropped while nobody waits.
                while let Some(wakes) = shared.upgrade() {
                    match &mut watcher {
                        Some(watcher) => Watcher::look(watcher, &wakes),
                        // Out of descriptors, or the file is busy being made anew: those who wait must not be forgotten
                        // for it, so it is tried again.
                        None => watcher = Watcher::new(&path).or_else(|| wakes.pause()),
                    }
                }
            });
            state.watching = started.is_ok();
        }
        drop(state);
        let mut woken = Box::pin(Arc::clone(&notify).notified_owned());
        woken.as_mut().enable();
        Waiting { wakes: Arc::clone(wakes), queue, notify, news, woken }
    }

    /// Passes the time until the watching is tried again.
    fn pause<T>(&self) -> Option<T> {
        if self.somebody() {
            std::thread::sleep(CALM);
        }
        None
    }

    /// Whether somebody waits; blocks for a while when nobody does.
    fn somebody(&self) -> bool {
        let state = self.state();
        if !state.queues.is_empty() {
            return true;
        }
        let (state, _) = self.arrived.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
        !state.queues.is_empty()
    }
}

/// One who waits. Dropping it ends the waiting.
#[derive(Debug)]
pub(crate) struct Waiting {
    wakes: Arc<Wakes>,
    queue: i64,
    notify: Arc<Notify>,
    news: Arc<AtomicBool>,
    woken: Pin<Box<OwnedNotified>>,
}

impl Waiting {
    /// Returns when there may be something new, and is armed again before it does.
    pub(crate) async fn woken(&mut self) {
        self.woken.as_mut().await;
        self.woken.set(Arc::clone(&self.notify).notified_owned());
        self.woken.as_mut().enable();
    }

    /// Whether a commit of this process put something into the queue and this one is the first to ask. Only a hint: the others had
    /// better look before they write.
    pub(crate) fn is_news(&self) -> bool {
        self.news.swap(false, Ordering::SeqCst)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.wakes.state();
        if let Some(waiters) = state.queues.get_mut(&self.queue) {
            waiters.many -= 1;
            if waiters.many == 0 {
                state.queues.remove(&self.queue);
            }
        }
    }
}

struct Watcher {
    connection: Connection,
    version: i64,
    signs: Signs,
    brisk: u32,
}

impl Watcher {
    fn new(path: &Path) -> Option<Self> {
        let connection = open::connect(path).ok()?;
        // Reading makes sure that the log file exists.
        let _: i64 = connection.query_row("SELECT next_seq FROM bus", [], |row| row.get(0)).ok()?;
        // Zero is no version, so the first look wakes everybody: whatever was committed before it is not missed.
        Some(Self { connection, version: 0, signs: Signs::of(&log_of(path)), brisk: BRISK_TIMES })
    }

    /// One round.
    fn look(&mut self, wakes: &Wakes) {
        if !wakes.somebody() {
            return;
        }
        if let Ok(version) = self.connection.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0))
            && version != self.version
        {
            self.version = version;
            self.brisk = 0;
            wakes.wake_all();
        }
        if self.brisk > 0 {
            let soon = BRISK_TIMES - self.brisk < SOON_TIMES;
            self.brisk -= 1;
            std::thread::sleep(if soon { SOON } else { BRISK });
            // Signs that came meanwhile start the count again; who writes all the time is not asked about as if it had just begun.
            if self.signs.wait(Duration::ZERO) {
                self.brisk = BRISK_TIMES - SOON_TIMES;
            }
        } else if self.signs.wait(CALM) {
            self.brisk = BRISK_TIMES;
        }
    }
}

/// What says that somebody is writing.
struct Signs {
    #[cfg(target_os = "linux")]
    inotify: Option<nix::sys::inotify::Inotify>,
}

impl Signs {
    #[cfg(target_os = "linux")]
    fn of(log: &Path) -> Self {
        use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
        let watch = || -> nix::Result<Inotify> {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
            inotify.add_watch(log, AddWatchFlags::IN_MODIFY)?;
            Ok(inotify)
        };
        Self { inotify: watch().ok() }
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_log: &Path) -> Self {
        Self {}
    }

    /// Waits at most `longest`; whether the version is worth asking soon.
    #[cfg(target_os = "linux")]
    fn wait(&self, longest: Duration) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd as _;
        let Some(inotify) = &self.inotify else {
            std::thread::sleep(longest.min(BLIND));
            return false;
        };
        let timeout = PollTimeout::try_from(longest).unwrap_or(PollTimeout::ZERO);
        let mut descriptors = [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)];
        let signed = poll(&mut descriptors, timeout).is_ok_and(|ready| ready > 0);
        if signed {
            // Only that there were some counts.
            let _ = inotify.read_events();
        }
        signed
    }

    #[cfg(not(target_os = "linux"))]
    fn wait(&self, longest: Duration) -> bool {
        std::thread::sleep(longest.min(BLIND));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::open::{OnWait, prepare};
    use super::*;

    #[tokio::test]
    async fn a_watch_that_cannot_begin_begins_when_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus.db");
        let wakes = Arc::new(Wakes::new(&path));
        let mut waiting = Wakes::wait(&wakes, 1);
        // Nothing to open yet, and watching must not make it.
        assert!(Watcher::new(&path).is_none() && !path.exists());
        let _open = prepare(&path, OnWait::default()).unwrap();
        waiting.woken().await;
    }
}
