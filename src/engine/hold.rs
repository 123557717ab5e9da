//! Messages held: kept invisible for as long as they are needed, and given back at the end.
//!
//! One task extends what is held before it lapses; whoever ends a hold (deleted, given back) says so first, and giving back
//! waits until no extension is under way, so that none can undo it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::bus::{Bus, MAX_BATCH, MAX_VISIBILITY, Queue};

/// How long a receive hides its messages at first. If this process is killed, they are back after at most so long, or after
/// [`EXTENSION`] when they were held for longer.
pub(crate) const FIRST: Duration = Duration::from_secs(60);

/// How long one extension lasts.
const EXTENSION: Duration = Duration::from_secs(120);

/// A hold is extended when it has less than this left: enough for several tries.
const MARGIN: Duration = Duration::from_secs(40);

/// How often it is looked whether something must be extended.
const BEAT: Duration = Duration::from_secs(10);

/// Batches under way at once.
const CONCURRENCY: usize = 8;

/// How many are extended between two looks at what is due: those that were received for a short time meanwhile come next.
const AT_ONCE: usize = 4_000;

/// So many held make an extension one length longer: to extend a hundred thousand takes minutes.
const MANY: usize = 10_000;

/// Batches in a row of which no entry could be given back for reasons of the moment, after which the rest is left to its timeout:
/// it would fail alike, and be tried for hours.
const HOPELESS: u32 = 8 * CONCURRENCY as u32;

/// How long is still given back after that was to end: what can be done at once is done.
const LAST: Duration = Duration::from_secs(3);

/// Tries of giving back before it is left to the visibility timeout.
const RELEASE_TRIES: u32 = 3;

/// The messages of one queue that this run holds.
#[derive(Debug)]
pub(crate) struct Holds {
    held: Arc<Mutex<HashMap<String, Held>>>,
    bus: Bus,
    queue: Queue,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// How giving back went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Visible to others again.
    pub given_back: u64,
    /// Will be visible again when their visibility timeout ends.
    pub not_yet: u64,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    since: Instant,
    until: Instant,
}

impl Holds {
    /// Starts to extend what will be held of `queue`. Must be called within a tokio runtime.
    pub(crate) fn start(bus: &Bus, queue: &Queue) -> Self {
        let held: Arc<Mutex<HashMap<String, Held>>> = Arc::default();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(extend_forever(bus.clone(), queue.clone(), held.clone(), stopped));
        Self { held, bus: bus.clone(), queue: queue.clone(), stop, task }
    }

    /// Holds what was just received with visibility [`FIRST`].
    pub(crate) fn add(&self, handle: &str) {
        self.add_for(handle, FIRST);
    }

    /// Holds what was just received with another visibility.
    pub(crate) fn add_for(&self, handle: &str, visibility: Duration) {
        let now = Instant::now();
        lock(&self.held).insert(handle.to_owned(), Held { since: now, until: now + visibility });
    }

    /// No longer held: deleted, or given up.
    pub(crate) fn remove(&self, handle: &str) {
        lock(&self.held).remove(handle);
    }

    /// Ends the extensions and gives everything back, as far as that is done before `over`: the rest becomes visible by itself.
    pub(crate) async fn release_all(mut self, over: impl Future<Output = ()>) -> Released {
        let _ = self.stop.send(true);
        let over = async {
            over.await;
            tokio::time::sleep(LAST).await;
        };
        tokio::pin!(over);
        let in_time = tokio::select! {
            // The task ends between two extensions. It cannot have panicked in a way that matters here: what is held is known.
            _ = &mut self.task => true,
            () = &mut over => false,
        };
        let handles: Vec<String> = lock(&self.held).drain().map(|(handle, _)| handle).collect();
        let all = handles.len() as u64;
        if !in_time {
            return Released { given_back: 0, not_yet: all };
        }
        release(&self.bus, &self.queue, handles, over).await
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn extend_forever(
    bus: Bus,
    queue: Queue,
    held: Arc<Mutex<HashMap<String, Held>>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut more = false;
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(BEAT), if !more => {}
            () = tokio::task::yield_now(), if more => {}
        }
        let now = Instant::now();
        let extension = EXTENSION * (1 + u32::try_from(lock(&held).len() / MANY).unwrap_or(0));
        let mut due: Vec<(String, Held)> = lock(&held)
            .iter()
            .filter(|(_, held)| held.until.saturating_duration_since(now) < MARGIN)
            .map(|(handle, held)| (handle.clone(), *held))
            .collect();
        // Those that lapse first come first.
        due.sort_by_key(|(_, held)| held.until);
        more = due.len() > AT_ONCE;
        due.truncate(AT_ONCE);
        let due: Vec<(String, Duration)> = due
            .into_iter()
            .filter_map(|(handle, held)| {
                // A message may be invisible for twelve hours from its receive on, no matter how it is extended.
                let left = MAX_VISIBILITY.saturating_sub(now.duration_since(held.since) + Duration::from_secs(1));
                (!left.is_zero()).then(|| (handle, extension.min(left)))
            })
            .collect();
        let batches = due.chunks(MAX_BATCH).map(<[_]>::to_vec);
        futures::stream::iter(batches)
            .for_each_concurrent(CONCURRENCY, |batch| {
                let (bus, queue, held) = (&bus, &queue, &held);
                async move {
                    let asked = Instant::now();
                    let outcomes = bus.change_visibility_batch(queue, &batch).await;
                    let mut held = lock(held);
                    for ((handle, by), outcome) in batch.iter().zip(outcomes) {
                        match (outcome, held.get_mut(handle)) {
                            (Ok(()), Some(entry)) => entry.until = asked + *by,
                            // Not in flight any more: it lapsed, or the queue forgot it. Nothing is left to extend.
                            (Err(error), Some(_)) if !error.retryable => {
                                held.remove(handle);
                            }
                            _ => {}
                        }
                    }
                }
            })
            .await;
    }
}

async fn release(bus: &Bus, queue: &Queue, handles: Vec<String>, over: impl Future<Output = ()>) -> Released {
    let batches = futures::stream::iter(handles.chunks(MAX_BATCH).map(<[_]>::to_vec))
        .map(|batch| release_batch(bus, queue, batch))
        .buffer_unordered(CONCURRENCY);
    tokio::pin!(batches, over);
    let (mut sum, mut in_a_row) = (Released::default(), 0);
    loop {
        let next = tokio::select! {
            biased;
            next = batches.next() => next,
            () = &mut over => None,
        };
        let Some((one, failed)) = next else { break };
        sum = sum + one;
        in_a_row = if failed { in_a_row + 1 } else { 0 };
        if in_a_row >= HOPELESS {
            break;
        }
    }
    // What was not even tried, or not to its end.
    sum.not_yet = handles.len() as u64 - sum.given_back;
    sum
}

/// How giving back these went, and whether all of them failed for reasons of the moment.
async fn release_batch(bus: &Bus, queue: &Queue, handles: Vec<String>) -> (Released, bool) {
    let mut hopeless = true;
    let mut released = Released::default();
    let mut batch: Vec<(String, Duration)> = handles.into_iter().map(|handle| (handle, Duration::ZERO)).collect();
    for attempt in 1..=RELEASE_TRIES {
        let outcomes = bus.change_visibility_batch(queue, &batch).await;
        let mut again = Vec::new();
        for (entry, outcome) in batch.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => {
                    released.given_back += 1;
                    hopeless = false;
                }
                Err(error) if error.retryable && attempt < RELEASE_TRIES => again.push(entry),
                Err(error) => {
                    released.not_yet += 1;
                    hopeless &= error.retryable;
                }
            }
        }
        if again.is_empty() {
            break;
        }
        batch = again;
        tokio::time::sleep(Duration::from_millis(200) * attempt).await;
    }
    (released, hopeless)
}

impl std::ops::Add for Released {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { given_back: self.given_back + other.given_back, not_yet: self.not_yet + other.not_yet }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Receive;
    use crate::bus::tests::fake::{Fake, Fault};

    async fn hold_three(fake: &Fake) -> (Bus, Holds) {
        for body in ["a", "b", "c"] {
            fake.put("q", body, serde_json::Value::Null, &[]);
        }
        let bus = fake.bus().await;
        let queue = bus.queue("q").await.unwrap();
        let holds = Holds::start(&bus, &queue);
        let receive = Receive { max: 10, wait: Duration::ZERO, visibility: Some(FIRST) };
        for message in bus.receive(&queue, receive).await.unwrap() {
            holds.add(&message.receipt_handle);
        }
        (bus, holds)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_stays_invisible_through_lost_and_refused_extensions() {
        let fake = Fake::new(&["q"]);
        let (_bus, holds) = hold_three(&fake).await;
        fake.on_call(|operation, before, _| match operation {
            "ChangeMessageVisibilityBatch" if before % 3 == 0 => {
                Some(Fault::FailEntries(vec![0, 1, 2], "InternalError", false))
            }
            "ChangeMessageVisibilityBatch" if before % 3 == 1 => Some(Fault::OmitEntries(vec![1])),
            _ => None,
        });
        for _ in 0..720 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert!(fake.messages("q").iter().all(|message| !message.is_visible()));
        }
        fake.on_call(|_, _, _| None);
        assert_eq!(holds.release_all(std::future::pending()).await, Released { given_back: 3, not_yet: 0 });
        assert!(fake.messages("q").iter().all(|message| message.is_visible() && message.receives == 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_release_is_tried_again_and_then_counted() {
        let fake = Fake::new(&["q"]);
        let (_bus, holds) = hold_three(&fake).await;
        fake.on_call(|operation, before, _| {
            (operation == "ChangeMessageVisibilityBatch" && before == 0)
                .then(|| Fault::FailEntries(vec![1], "InternalError", false))
        });
        assert_eq!(holds.release_all(std::future::pending()).await, Released { given_back: 3, not_yet: 0 });

        // Who does not want to wait any more leaves the rest to its timeout.
        let fake = Fake::new(&["q"]);
        let (_bus, holds) = hold_three(&fake).await;
        fake.on_call(|_, _, _| Some(Fault::FailEntries(vec![0, 1, 2], "InternalError", false)));
        let over = tokio::time::sleep(Duration::from_millis(100));
        assert_eq!(holds.release_all(over).await, Released { given_back: 0, not_yet: 3 });

        let fake = Fake::new(&["q"]);
        let (_bus, holds) = hold_three(&fake).await;
        fake.on_call(|_, _, _| Some(Fault::FailEntries(vec![1], "ReceiptHandleIsInvalid", true)));
        assert_eq!(holds.release_all(std::future::pending()).await, Released { given_back: 2, not_yet: 1 });
    }
}
