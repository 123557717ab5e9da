//! Batches: how they are filled, and how each is sent until every message of it is sent or has failed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::prepare::{Fate, Prepared, Ready, is_fifo};
use super::{Item, Problem, Skip};
use crate::bus::{Bus, BusError, ItemError, MAX_BATCH, Outgoing, Sent, Topic};
use crate::engine::backoff::{Backoff, random};
use crate::engine::outbox::{Outbox, Settled};
use crate::engine::shutdown::Shutdown;
use crate::engine::stuck::Stuck;

/// Tries per message, the first included. The SDK makes none of its own: each that may have arrived is to be known.
const TRIES: u32 = 8;

/// A batch that failed is not sent again once so much time went by: a locked bus file answers after half a minute only.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between tries.
const PAUSE: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// Where nothing is lost by it, a topic that could not be looked up is not looked up again for so long.
const OFFLINE: Duration = Duration::from_secs(5);

/// One input in a batch, in the order of reading; what is refused travels along so that reports keep that order.
pub(super) struct Slot {
    pub(super) item: Item,
    pub(super) state: State,
    /// Its row in the outbox.
    pub(super) row: Option<i64>,
    /// It was sent before, by this run or another, without an answer whether it arrived.
    pub(super) in_doubt: bool,
}

impl Slot {
    /// The message group of what is still to be sent.
    fn group(&self) -> Option<String> {
        match &self.state {
            State::Ready(ready) => ready.outgoing.group_id.clone(),
            _ => None,
        }
    }
}

pub(super) enum State {
    Refused(Problem),
    Skipped(Skip),
    Ready(Box<Ready>),
    Sent(Sent),
    Failed(ItemError, u32),
}

/// Inputs that a window takes, whatever becomes of them.
const SLOTS: usize = 4 * MAX_BATCH;

/// What is being filled: a batch for each of the topics that the next inputs go to. Events that go to several topics fill several
/// batches at once, and are told in the order of reading all the same.
pub(super) struct Window {
    pub(super) slots: Vec<Slot>,
    lots: Vec<Lot>,
    /// Something did not fit any more.
    pub(super) closed: bool,
    /// Messages that it takes, of all topics.
    most: usize,
}

/// One batch of a window.
struct Lot {
    topic: String,
    messages: usize,
    bytes: usize,
    /// The groups of what a FIFO topic gets: one event of each. Were the first of two to fail and the second to go out, no
    /// second try could bring them into their order again.
    groups: HashSet<String>,
}

impl Lot {
    fn has_group_of(&self, ready: &Ready) -> bool {
        ready.outgoing.group_id.as_ref().is_some_and(|group| self.groups.contains(group))
    }

    fn take(&mut self, ready: &Ready) {
        self.messages += 1;
        self.bytes += ready.bytes;
        if is_fifo(&self.topic) {
            self.groups.extend(ready.outgoing.group_id.clone());
        }
    }
}

/// Fails what would go before an earlier one of its group that did not; the groups of what is still to be sent, slot by slot.
fn hold(stuck: &Stuck, topic: &str, slots: &mut [Slot]) -> Vec<Option<String>> {
    let groups = slots.iter_mut().map(|slot| {
        let group = slot.group()?;
        if !stuck.has(topic, &group) {
            return Some(group);
        }
        let why = format!("an earlier event of its message group `{group}` was not sent, and order is kept");
        slot.state = State::Failed(own("GroupOrder", why), 0);
        None
    });
    groups.collect()
}

/// Notes what did not go out though it may another time; `groups` are those that [`hold`] let through. One that the service
/// refused for what it is holds up nobody, as one that we refused.
fn note_failed(stuck: &Stuck, topic: &str, slots: &[Slot], groups: &[Option<String>]) {
    for (slot, group) in slots.iter().zip(groups) {
        if let (State::Failed(error, _), Some(group)) = (&slot.state, group)
            && (error.retryable || !error.sender_fault)
        {
            stuck.add(topic, group);
        }
    }
}

impl Window {
    /// `most` messages fit, as far as the service's limits allow.
    pub(super) fn new(most: usize) -> Self {
        Self { slots: Vec::new(), lots: Vec::new(), closed: false, most }
    }

    pub(super) fn fits(&self, prepared: &Prepared) -> bool {
        if self.slots.len() >= SLOTS {
            return false;
        }
        let Fate::Ready(ready) = &prepared.fate else { return true };
        self.messages() < self.most
            && self.lots.iter().find(|lot| lot.topic == ready.topic).is_none_or(|lot| {
                lot.messages < MAX_BATCH && lot.bytes + ready.bytes <= ready.limit && !lot.has_group_of(ready)
            })
    }

    pub(super) fn push(&mut self, prepared: Prepared) {
        let (mut row, mut in_doubt) = (None, false);
        let state = match prepared.fate {
            Fate::Refused(problem) => State::Refused(problem),
            Fate::Skipped(why) => State::Skipped(why),
            Fate::Ready(ready) => {
                let at = self.lots.iter().position(|lot| lot.topic == ready.topic).unwrap_or_else(|| {
                    let topic = ready.topic.clone();
                    self.lots.push(Lot { topic, messages: 0, bytes: 0, groups: HashSet::new() });
                    self.lots.len() - 1
                });
                self.lots[at].take(&ready);
                (row, in_doubt) = (ready.row, ready.in_doubt);
                State::Ready(ready)
            }
        };
        self.slots.push(Slot { item: prepared.item, state, row, in_doubt });
    }

    /// Messages in it.
    pub(super) fn messages(&self) -> usize {
        self.lots.iter().map(|lot| lot.messages).sum()
    }

    /// Batches in it.
    pub(super) fn batches(&self) -> usize {
        self.lots.len()
    }

    /// Whether one of its topics keeps an order.
    pub(super) fn is_fifo(&self) -> bool {
        self.lots.iter().any(|lot| is_fifo(&lot.topic))
    }

    pub(super) fn full(&self) -> bool {
        self.closed || self.messages() >= self.most || self.lots.iter().any(|lot| lot.messages >= MAX_BATCH)
    }
}

/// The topics of a run, each looked up once; a look-up that failed and may succeed is tried again with the next batch.
#[derive(Clone, Default)]
pub(super) struct Finder {
    known: Arc<Mutex<HashMap<String, Result<Topic, ItemError>>>>,
    /// Until when a look-up that failed and may succeed is not tried again.
    offline: Arc<StdMutex<Option<(Instant, ItemError)>>>,
    /// Nothing is lost by believing that the bus is away for a while.
    patient: bool,
    errors: Arc<StdMutex<Vec<BusError>>>,
}

impl Finder {
    pub(super) fn new(patient: bool) -> Self {
        Self { patient, ..Self::default() }
    }

    pub(super) async fn topic(&self, bus: &Bus, name: &str) -> Result<Topic, ItemError> {
        let mut known = self.known.lock().await;
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        if let Some((until, error)) = &*self.offline.lock().unwrap_or_else(PoisonError::into_inner)
            && *until > Instant::now()
        {
            return Err(error.clone());
        }
        let found = bus.topic(name).await.map_err(|error| {
            let item = error.to_item();
            let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            errors.retain(|before| before.message != error.message);
            errors.push(error);
            item
        });
        // What may be otherwise next time is asked next time: one lost connection must not fail every event after it.
        if !matches!(&found, Err(error) if error.retryable) {
            known.insert(name.to_owned(), found.clone());
        } else if let (true, Err(error)) = (self.patient, &found) {
            let until = Instant::now() + OFFLINE;
            *self.offline.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, error.clone()));
        }
        found
    }

    /// What the look-ups that failed answered.
    pub(super) fn errors(&self) -> Vec<BusError> {
        std::mem::take(&mut *self.errors.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What carries batches to the bus.
pub(super) struct Post {
    pub(super) bus: Bus,
    pub(super) finder: Finder,
    pub(super) outbox: Option<Arc<Outbox>>,
    pub(super) shutdown: Shutdown,
    pub(super) stuck: Stuck,
}

impl Post {
    /// Sends a window's batches side by side; what became of each input, in the order of reading.
    pub(super) async fn deliver(&self, window: Window) -> Vec<Slot> {
        let Window { mut slots, lots, .. } = window;
        match lots.as_slice() {
            [] => return slots,
            [lot] => {
                self.batch(&lot.topic, &mut slots).await;
                return slots;
            }
            _ => {}
        }
        let mut parts: Vec<Vec<(usize, Slot)>> = lots.iter().map(|_| Vec::new()).collect();
        let mut told = Vec::new();
        for (place, slot) in slots.into_iter().enumerate() {
            let lot = match &slot.state {
                State::Ready(ready) => lots.iter().position(|lot| lot.topic == ready.topic),
                _ => None,
            };
            lot.map_or(&mut told, |lot| &mut parts[lot]).push((place, slot));
        }
        let sent = lots.iter().zip(parts).map(|(lot, part)| async {
            let (places, mut slots): (Vec<usize>, Vec<Slot>) = part.into_iter().unzip();
            self.batch(&lot.topic, &mut slots).await;
            places.into_iter().zip(slots)
        });
        told.extend(futures::future::join_all(sent).await.into_iter().flatten());
        told.sort_by_key(|(place, _)| *place);
        told.into_iter().map(|(_, slot)| slot).collect()
    }

    /// Looks the topic up and sends the batch to it; with an outbox each event is kept there before, and marked after.
    async fn batch(&self, topic: &str, slots: &mut [Slot]) {
        let Self { bus, finder, outbox, shutdown, stuck } = self;
        if let Some(outbox) = outbox
            && let Err(error) = keep(outbox, topic, slots).await
        {
            return fail(slots, &error);
        }
        // After the keeping: what is held back is to be sent another time.
        let groups = if is_fifo(topic) { hold(stuck, topic, slots) } else { Vec::new() };
        let found = tokio::select! {
            biased;
            () = shutdown.aborting() => Err(ended("ended by a second signal, it was not sent")),
            found = finder.topic(bus, topic) => found,
        };
        match found {
            Ok(topic) => send(bus, &topic, slots, shutdown).await,
            Err(error) => fail(slots, &error),
        }
        note_failed(stuck, topic, slots, &groups);
        if let Some(outbox) = outbox {
            mark(outbox, slots).await;
        }
    }
}

fn fail(slots: &mut [Slot], error: &ItemError) {
    for slot in slots.iter_mut().filter(|slot| matches!(slot.state, State::Ready(_))) {
        slot.state = State::Failed(error.clone(), 0);
    }
}

/// Writes what is about to be sent to the outbox.
async fn keep(outbox: &Arc<Outbox>, topic: &str, slots: &mut [Slot]) -> Result<(), ItemError> {
    let mut events = Vec::new();
    for slot in slots.iter() {
        if let State::Ready(ready) = &slot.state {
            events.push((slot.item.clone(), slot.row, ready.digest, ready.outgoing.clone()));
        }
    }
    let (outbox, topic) = (outbox.clone(), topic.to_owned());
    let kept = tokio::task::spawn_blocking(move || outbox.keep(&topic, &events)).await;
    let rows = match kept {
        Ok(Ok(rows)) => rows,
        Ok(Err(error)) => return Err(not_kept(&error)),
        Err(error) => return Err(not_kept(&error)),
    };
    let ready = slots.iter_mut().filter(|slot| matches!(slot.state, State::Ready(_)));
    for (slot, row) in ready.zip(rows) {
        slot.row = Some(row);
    }
    Ok(())
}

fn not_kept(error: &dyn std::error::Error) -> ItemError {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    own("Outbox", format!("it was not sent, since it could not be kept before: {error}{cause}"))
}

/// Writes to the outbox what became of each. Should that fail, what was sent counts as in doubt there, which is true.
async fn mark(outbox: &Arc<Outbox>, slots: &[Slot]) {
    let mut settled = Vec::new();
    for slot in slots {
        let Some(row) = slot.row else { continue };
        let fate = match &slot.state {
            State::Sent(sent) => Settled::Sent(sent.message_id.clone()),
            State::Failed(error, _) => Settled::Unsent { error: error.to_string(), in_doubt: slot.in_doubt },
            State::Ready(_) | State::Refused(_) | State::Skipped(_) => continue,
        };
        settled.push((row, fate));
    }
    let outbox = outbox.clone();
    let _ = tokio::task::spawn_blocking(move || outbox.settle(&settled)).await;
}

/// Sends what is ready among `slots`, and again what failed and may succeed; each ends as sent or failed.
async fn send(bus: &Bus, topic: &Topic, slots: &mut [Slot], shutdown: &Shutdown) {
    let begun = tokio::time::Instant::now();
    // Whether a try that was made may have arrived.
    let mut doubts = vec![false; slots.len()];
    let mut tries = 0;
    loop {
        let open: Vec<usize> = (0..slots.len()).filter(|&at| matches!(slots[at].state, State::Ready(_))).collect();
        if shutdown.is_aborting() {
            for at in open {
                slots[at].in_doubt |= doubts[at];
                let what = if doubts[at] { "it may have arrived" } else { "it was not sent" };
                slots[at].state = State::Failed(ended(&format!("ended by a second signal, {what}")), tries);
            }
            return;
        }
        tries += 1;
        let messages: Vec<&Outgoing> = open
            .iter()
            .filter_map(|&at| match &slots[at].state {
                State::Ready(ready) => Some(&ready.outgoing),
                _ => None,
            })
            .collect();
        let outcomes = tokio::select! {
            biased;
            outcomes = bus.publish_batch_once(topic, &messages) => {
                outcomes.unwrap_or_else(|error| vec![Err(error.to_item()); messages.len()])
            }
            // Nobody waits for the answer any more; whether the bus took them is not known.
            () = shutdown.aborting() => {
                let unknown = "ended by a second signal before the bus answered, it may have arrived";
                vec![Err(ended(unknown)); messages.len()]
            }
        };
        let mut again = false;
        for (at, outcome) in open.into_iter().zip(outcomes) {
            match outcome {
                Ok(sent) => {
                    // On a FIFO topic the deduplication id has made one of both.
                    slots[at].in_doubt |= doubts[at] && !topic.is_fifo();
                    slots[at].state = State::Sent(sent);
                }
                Err(error) => {
                    doubts[at] |= !error.sender_fault && !error.is_throttled();
                    if error.retryable && tries < TRIES && begun.elapsed() < PATIENCE {
                        again = true;
                    } else {
                        slots[at].in_doubt |= doubts[at];
                        slots[at].state = State::Failed(error, tries);
                    }
                }
            }
        }
        if !again {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE.after(tries, random())) => {}
            () = shutdown.aborting() => {}
        }
    }
}

/// What became of a message when the run was ended by force.
fn ended(message: &str) -> ItemError {
    own("Ended", message.into())
}

/// Why a message was not sent, or perhaps not, that no service said.
fn own(code: &str, message: String) -> ItemError {
    ItemError { code: code.into(), message, sender_fault: false, retryable: false, request_id: None }
}
