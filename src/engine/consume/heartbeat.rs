//! Keeps received messages ours for as long as they are needed.
//!
//! A message is extended when a third of the time that it was hidden for is over, and never past its end: a little after its
//! handler's timeout while it is handled, SQS's twelve hours while it waits. Whoever settles a message first ends its extensions
//! and waits for one that is under way, so that none can overwrite a backoff that was chosen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::EventRef;
use crate::bus::{Bus, MAX_BATCH, MAX_VISIBILITY, Queue};

/// SQS's clock of a message started before ours.
const ROOM: Duration = Duration::from_secs(1);

/// Batches under way at once.
const CONCURRENCY: usize = 8;

/// The messages of one queue that are ours. The extensions end when it is dropped.
pub(super) struct Heartbeats {
    ours: Arc<Ours>,
    task: JoinHandle<()>,
    window: Duration,
}

struct Ours {
    held: Mutex<HashMap<String, Held>>,
    answered: Notify,
}

struct Held {
    since: Instant,
    until: Instant,
    end: Instant,
    name: Arc<EventRef>,
    /// An extension is under way.
    beating: bool,
}

impl Ours {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heartbeats {
    /// Starts to extend what will be received of `queue` with a visibility of `window`. `lost` is told of each message that cannot
    /// be extended any more, and why.
    pub(super) fn start(
        bus: &Bus,
        queue: &Queue,
        window: Duration,
        lost: impl Fn(Arc<EventRef>, String) + Send + Sync + 'static,
    ) -> Self {
        let ours = Arc::new(Ours { held: Mutex::default(), answered: Notify::new() });
        let task = tokio::spawn(beat(bus.clone(), queue.clone(), window, ours.clone(), lost));
        Self { ours, task, window }
    }

    /// Ours since `since`, and wanted for as long as SQS allows.
    pub(super) fn add(&self, handle: &str, since: Instant, name: &Arc<EventRef>) {
        let end = since + MAX_VISIBILITY - ROOM;
        let held = Held { since, until: since + self.window, end, name: name.clone(), beating: false };
        self.ours.lock().insert(handle.to_owned(), held);
    }

    /// Wanted for so long from now on, and no longer.
    pub(super) fn limit(&self, handle: &str, time: Duration) {
        if let Some(held) = self.ours.lock().get_mut(handle) {
            held.end = (Instant::now() + time).min(held.since + MAX_VISIBILITY - ROOM);
        }
    }

    /// Wanted again for as long as SQS allows.
    pub(super) fn hold(&self, handle: &str) {
        if let Some(held) = self.ours.lock().get_mut(handle) {
            held.end = held.since + MAX_VISIBILITY - ROOM;
        }
    }

    /// No longer extended; returns once none is under way.
    pub(super) async fn stop(&self, handle: &str) {
        loop {
            let answered = self.ours.answered.notified();
            tokio::pin!(answered);
            // From here on no answer is missed.
            answered.as_mut().enable();
            {
                let mut held = self.ours.lock();
                if !held.get(handle).is_some_and(|held| held.beating) {
                    held.remove(handle);
                    return;
                }
            }
            answered.await;
        }
    }
}

impl Drop for Heartbeats {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn beat(
    bus: Bus,
    queue: Queue,
    window: Duration,
    ours: Arc<Ours>,
    lost: impl Fn(Arc<EventRef>, String) + Send + Sync + 'static,
) {
    let tick = (window / 12).clamp(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        sleep(tick).await;
        let now = Instant::now();
        let mut due = Vec::new();
        for (handle, held) in ours.lock().iter_mut() {
            let third = held.until.checked_sub(window * 2 / 3).unwrap_or(held.until);
            if !held.beating && now >= third && held.until < held.end && now < held.end {
                held.beating = true;
                due.push((handle.clone(), window.min(held.end - now)));
            }
        }
        let batches = due.chunks(MAX_BATCH).map(<[_]>::to_vec);
        futures::stream::iter(batches)
            .for_each_concurrent(CONCURRENCY, |batch| {
                let (bus, queue, ours, lost) = (&bus, &queue, &ours, &lost);
                async move {
                    let asked = Instant::now();
                    let outcomes = bus.change_visibility_batch(queue, &batch).await;
                    for ((handle, by), outcome) in batch.into_iter().zip(outcomes) {
                        let mut all = ours.lock();
                        let Some(held) = all.get_mut(&handle) else { continue };
                        held.beating = false;
                        match outcome {
                            Ok(()) => held.until = asked + by,
                            // The next tick tries again.
                            Err(error) if error.retryable => {}
                            // It lapsed, or was deleted: nothing is left to extend.
                            Err(error) => {
                                let name = held.name.clone();
                                all.remove(&handle);
                                drop(all);
                                lost(name, error.to_string());
                            }
                        }
                    }
                    ours.answered.notify_waiters();
                }
            })
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Receive;
    use crate::bus::tests::fake::{Fake, Fault};

    const WINDOW: Duration = Duration::from_secs(30);

    async fn received(fake: &Fake) -> (Bus, Queue, String) {
        fake.put("q", "a", serde_json::Value::Null, &[]);
        let bus = fake.bus().await;
        let queue = bus.queue("q").await.unwrap();
        let receive = Receive { max: 1, wait: Duration::ZERO, visibility: Some(WINDOW) };
        let handle = bus.receive(&queue, receive).await.unwrap().remove(0).receipt_handle;
        (bus, queue, handle)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ours_stays_invisible_through_lost_answers_and_lapses_at_its_end() {
        let fake = Fake::new(&["q"]);
        let (bus, queue, handle) = received(&fake).await;
        fake.on_call(|operation, before, _| {
            (operation == "ChangeMessageVisibilityBatch" && before % 2 == 0)
                .then(|| Fault::FailEntries(vec![0], "InternalError", false))
        });
        let beats = Heartbeats::start(&bus, &queue, WINDOW, |_, _| {});
        beats.add(&handle, Instant::now(), &Arc::default());
        for _ in 0..100 {
            sleep(Duration::from_secs(7)).await;
            assert!(!fake.messages("q")[0].is_visible());
        }
        beats.limit(&handle, Duration::from_secs(60));
        sleep(Duration::from_secs(58)).await;
        assert!(!fake.messages("q")[0].is_visible());
        sleep(Duration::from_secs(4)).await;
        assert!(fake.messages("q")[0].is_visible(), "its end is its end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_chosen_backoff_is_never_overwritten() {
        let fake = Fake::new(&["q"]);
        let (bus, queue, handle) = received(&fake).await;
        let beats = Heartbeats::start(&bus, &queue, WINDOW, |_, _| {});
        beats.add(&handle, Instant::now(), &Arc::default());
        sleep(Duration::from_secs(60)).await;
        beats.stop(&handle).await;
        let calls = fake.calls("ChangeMessageVisibilityBatch");
        assert!(calls >= 3, "{calls}");
        let changed = bus.change_visibility_batch(&queue, &[(handle, Duration::from_secs(900))]).await;
        assert!(changed[0].is_ok());
        sleep(Duration::from_secs(890)).await;
        assert_eq!(fake.calls("ChangeMessageVisibilityBatch"), calls + 1);
        assert!(!fake.messages("q")[0].is_visible());
    }

    #[tokio::test(start_paused = true)]
    async fn a_handle_that_is_gone_is_told_once() {
        let fake = Fake::new(&["q"]);
        let (bus, queue, handle) = received(&fake).await;
        fake.on_call(|operation, _, _| {
            (operation == "ChangeMessageVisibilityBatch")
                .then(|| Fault::FailEntries(vec![0], "ReceiptHandleIsInvalid", true))
        });
        let (told, lost) = std::sync::mpsc::channel();
        let beats = Heartbeats::start(&bus, &queue, WINDOW, move |name, why| {
            let _ = told.send((name.message_id.clone(), why));
        });
        beats.add(&handle, Instant::now(), &EventRef { message_id: "m".into(), ..EventRef::default() }.into());
        sleep(Duration::from_secs(200)).await;
        let lost: Vec<_> = lost.try_iter().collect();
        assert_eq!(lost.len(), 1);
        assert!(lost[0].0 == "m" && lost[0].1.contains("ReceiptHandleIsInvalid"));
    }
}
