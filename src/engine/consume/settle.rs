//! Settles received messages in batches: deletes what was handled, and makes visible again what was not.
//!
//! A change waits at most [`FLUSH`] for company. The answer to a batch is read entry by entry; what may succeed later is tried
//! again, and whoever asked is told how its own entry ended.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use crate::bus::{Bus, ItemError, MAX_BATCH, Queue};
use crate::engine::backoff::{Backoff, random};

/// How long a change may wait for others to share a call.
pub(super) const FLUSH: Duration = Duration::from_millis(100);

/// How often an entry is tried, on top of the SDK's own retries of whole calls.
const TRIES: u32 = 5;

const RETRY: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(2) };

/// What is to become of a received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It was handled: gone for good.
    Delete,
    /// Visible to everybody after this long.
    Visible(Duration),
}

struct Order {
    handle: String,
    change: Change,
    done: oneshot::Sender<Result<(), ItemError>>,
}

/// Takes changes and answers each. Cheap to clone; the batches end with the last clone.
#[derive(Clone)]
pub(super) struct Settler {
    orders: mpsc::Sender<Order>,
    hurry: Arc<Notify>,
}

impl Settler {
    /// Starts it. `company`: whether changes wait for others at all (they do not where the next message of a FIFO group waits
    /// for them). The handle ends once every clone is dropped and every change answered.
    pub(super) fn start(bus: Bus, queue: Queue, company: bool) -> (Self, JoinHandle<()>) {
        let (orders, taken) = mpsc::channel(1024);
        let hurry = Arc::new(Notify::new());
        let batches =
            Batches { bus, queue, hurry: hurry.clone(), company: if company { FLUSH } else { Duration::ZERO } };
        (Self { orders, hurry }, tokio::spawn(batches.run(taken)))
    }

    /// Settles one message and returns how that ended.
    ///
    /// # Errors
    /// The service's answer to this entry, after the last try.
    pub(super) async fn settle(&self, handle: &str, change: Change) -> Result<(), ItemError> {
        let (done, answer) = oneshot::channel();
        let order = Order { handle: handle.to_owned(), change, done };
        if self.orders.send(order).await.is_ok()
            && let Ok(answer) = answer.await
        {
            return answer;
        }
        Err(ItemError {
            code: "NotSettled".into(),
            message: "the run ended before it was settled".into(),
            sender_fault: false,
            retryable: false,
            request_id: None,
        })
    }

    /// Lets nothing wait any longer: what is there goes out now.
    pub(super) fn flush(&self) {
        self.hurry.notify_one();
    }
}

struct Batches {
    bus: Bus,
    queue: Queue,
    hurry: Arc<Notify>,
    company: Duration,
}

impl Batches {
    async fn run(self, mut taken: mpsc::Receiver<Order>) {
        let mut calls = JoinSet::new();
        let mut open = true;
        while open {
            let first = tokio::select! {
                order = taken.recv() => order,
                Some(ended) = calls.join_next() => { reraise(ended); continue }
            };
            let Some(first) = first else { break };
            let (mut deletes, mut visible) = (Vec::new(), Vec::new());
            let mut sort = |order: Order| {
                let kind = if order.change == Change::Delete { &mut deletes } else { &mut visible };
                kind.push(order);
                kind.len() == MAX_BATCH
            };
            sort(first);
            let leave = Instant::now() + self.company;
            loop {
                let full = tokio::select! {
                    biased;
                    order = taken.recv() => match order {
                        Some(order) => sort(order),
                        None => { open = false; true }
                    },
                    () = self.hurry.notified() => true,
                    () = sleep_until(leave) => true,
                };
                if full {
                    break;
                }
            }
            for orders in [deletes, visible] {
                if !orders.is_empty() {
                    calls.spawn(deliver(self.bus.clone(), self.queue.clone(), orders));
                }
            }
        }
        while let Some(ended) = calls.join_next().await {
            reraise(ended);
        }
    }
}

fn reraise(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

/// Sends one batch of one kind until every entry is answered for good.
async fn deliver(bus: Bus, queue: Queue, orders: Vec<Order>) {
    let mut left: VecDeque<Order> = orders.into();
    for attempt in 1..=TRIES {
        let results = call(&bus, &queue, &left).await;
        for result in results {
            // One result per entry, in order.
            let Some(order) = left.pop_front() else { break };
            match result {
                Err(error) if error.retryable && attempt < TRIES => left.push_back(order),
                // Nobody waits any more: then nobody wants to know.
                result => drop(order.done.send(result)),
            }
        }
        if left.is_empty() {
            return;
        }
        sleep(RETRY.after(attempt, random())).await;
    }
}

async fn call(bus: &Bus, queue: &Queue, orders: &VecDeque<Order>) -> Vec<Result<(), ItemError>> {
    let deletes = orders.iter().all(|order| order.change == Change::Delete);
    if deletes {
        let handles: Vec<String> = orders.iter().map(|order| order.handle.clone()).collect();
        return bus.delete_batch(queue, &handles).await;
    }
    let changes: Vec<(String, Duration)> = orders
        .iter()
        .map(|order| match order.change {
            Change::Visible(after) => (order.handle.clone(), after),
            Change::Delete => (order.handle.clone(), Duration::ZERO),
        })
        .collect();
    bus.change_visibility_batch(queue, &changes).await
}
