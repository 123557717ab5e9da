//! Note, send, confirm, note, then delete: a wave at a time, judged entry by entry.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use futures::StreamExt as _;

use super::journal::{State, Step};
use super::plan::Place;
use super::run::{Run, file_error};
use super::types::{Item, Outcome, ReplayError};
use crate::bus::{Bus, BusError, ItemError, MAX_BATCH, Message, Outgoing, Queue, Sent};
use crate::engine::hold::Holds;
use crate::engine::rejected::without_labels;
use crate::event::Record;

/// A `SendMessageBatch` may hold so many bytes in all, on every endpoint: AWS takes 1 MiB since 2025-08, but a queue's own
/// `MaximumMessageSize` and older endpoints count to 256 KiB. A single message that is larger goes alone.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const BATCH_BYTES: usize = 256 * 1024;

/// Tries of an entry that the service refused for the moment, and of a delete.
const TRIES: u32 = 4;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(250);

/// A message that was selected and has a destination.
pub(super) struct Parcel {
    /// What the journal knows it by.
    key: String,
    pub(super) item: Item,
    pub(super) to: Place,
    handle: String,
    /// By which it is known when it comes back.
    hash: u64,
    body: u64,
    outgoing: Outgoing,
    /// Only where records are written.
    record: Option<Record>,
}

/// What became of the sending of one parcel.
enum Delivered {
    Sent {
        message_id: String,
        /// An answer was lost before.
        doubt: bool,
    },
    Failed {
        error: ItemError,
        doubt: bool,
    },
    /// It was not even tried.
    Behind(String),
    /// It was not even tried, since a signal came.
    Left,
}

impl Parcel {
    /// The message as it is to be sent, or why it cannot be.
    pub(super) fn new(
        run: &Run<'_>,
        key: String,
        item: Item,
        message: &Message,
        record: Record,
        to: Place,
    ) -> Result<Self, String> {
        if to.is_fifo() && message.system.group_id.is_none() {
            return Err(format!("it has no message group, and `{}` is FIFO", to.name()));
        }
        let outgoing = match &to {
            Place::File(..) => Outgoing::default(),
            Place::Queue(_) => Outgoing {
                body: record.body.clone(),
                attributes: without_labels(record.queue_attributes()),
                ..Outgoing::default()
            },
            Place::Topic(topic) => {
                // What was published, to be wrapped again: not the wrapper, which would be wrapped itself.
                let outgoing = Outgoing {
                    body: record.message_text(),
                    attributes: without_labels(&record.attributes),
                    subject: record.message.subject.clone(),
                    ..Outgoing::default()
                };
                let bytes = size(&outgoing);
                if bytes > topic.max_bytes {
                    return Err(format!(
                        "it has {bytes} bytes with its attributes, topic `{}` takes at most {}",
                        topic.name, topic.max_bytes
                    ));
                }
                outgoing
            }
        };
        let outgoing = Outgoing {
            group_id: message.system.group_id.clone(),
            dedup_id: to.is_fifo().then(|| dedup_id(run, &key, message)),
            trace_header: message.system.trace_header.clone(),
            ..outgoing
        };
        Ok(Self {
            hash: run.hash(&message.id),
            body: run.hash(&message.body),
            handle: message.receipt_handle.clone(),
            record: matches!(to, Place::File(..)).then_some(record),
            key,
            item,
            to,
            outgoing,
        })
    }
}

/// A dead-letter queue has replaced the deduplication id, and the origin would swallow its own old one for five minutes,
/// confirming a message that it drops. The id of the message in the source is fresh there, and the same at every try of it, by
/// a resumed run as well. What is copied or changed may be wanted again at once, so it carries the run's name besides.
fn dedup_id(run: &Run<'_>, key: &str, message: &Message) -> String {
    let again = run.request.is_copy() || run.request.edit.is_some();
    let id = match (run.plan.source.queue(), again) {
        (Some(_), false) => format!("replay-{}", message.id),
        (Some(_), true) => format!("replay-{}-{}", run.name, message.id),
        (None, _) => format!("replay-{}-{}", run.name, key),
    };
    // 1 to 128 letters, digits and punctuation marks, whatever a recording holds.
    id.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).take(128).collect()
}

impl Run<'_> {
    /// Sends parcels and settles each. The first signal lets it finish; the second abandons what has no answer yet.
    pub(super) async fn transfer(
        &mut self,
        parcels: Vec<Parcel>,
        held: &[(String, String)],
        holds: Option<&Holds>,
    ) -> Result<(), ReplayError> {
        if let Some(journal) = self.journal {
            let held: Vec<(&str, &str)> = held.iter().map(|(id, handle)| (id.as_str(), handle.as_str())).collect();
            let going: Vec<(&str, &str, &str)> =
                parcels.iter().map(|p| (p.key.as_str(), p.handle.as_str(), p.to.name())).collect();
            journal.intend(&held, &going)?;
        }
        if parcels.is_empty() {
            return Ok(());
        }
        if self.shutdown.is_aborting() {
            // Not sent: held, and given back at the end.
            self.report.skipped += parcels.len() as u64;
            return Ok(());
        }
        let shutdown = self.shutdown.clone();
        let delivered = tokio::select! {
            biased;
            delivered = self.deliver(&parcels) => Some(delivered),
            () = shutdown.aborting() => None,
        };
        let Some(delivered) = delivered else {
            self.abandon(&parcels);
            return Ok(());
        };
        let tried = delivered.iter().filter(|one| !matches!(one, Delivered::Left | Delivered::Behind(_))).count();
        // A failure here stops the run, but not before what is confirmed is settled: to delete it loses nothing.
        let noted = self.note(&parcels, &delivered);
        let removed = match (self.plan.source.queue(), self.request.is_copy()) {
            (Some(source), false) => {
                let sent = parcels.iter().zip(&delivered).filter(|(_, one)| matches!(one, Delivered::Sent { .. }));
                let handles: Vec<String> = sent.map(|(parcel, _)| parcel.handle.clone()).collect();
                let removed = tokio::select! {
                    biased;
                    removed = delete_all(self.bus, source, &handles, self.request.concurrency) => Some(removed),
                    () = shutdown.aborting() => None,
                };
                match removed {
                    Some(removed) => Some(removed.into_iter().collect()),
                    None => {
                        self.abandon(&parcels);
                        return noted;
                    }
                }
            }
            _ => None,
        };
        self.settle_all(parcels, delivered, removed, holds).await;
        if self.shutdown.is_draining() {
            *self.report.interrupted.get_or_insert(0) += tried as u64;
        }
        noted
    }

    /// After the second signal: what was begun has no outcome.
    fn abandon(&mut self, parcels: &[Parcel]) {
        let begun: HashSet<String> = self.in_flight.get_mut().unwrap_or_else(PoisonError::into_inner).drain().collect();
        let (begun, rest): (Vec<&Parcel>, Vec<&Parcel>) =
            parcels.iter().partition(|parcel| begun.contains(&parcel.item.message_id));
        *self.report.interrupted.get_or_insert(0) += begun.len() as u64;
        self.report.abandoned.extend(begun.into_iter().map(|parcel| parcel.item.message_id.clone()));
        self.report.skipped += rest.len() as u64;
    }

    /// Notes what the destination said.
    fn note(&self, parcels: &[Parcel], delivered: &[Delivered]) -> Result<(), ReplayError> {
        let Some(journal) = self.journal else { return Ok(()) };
        // Where nothing is deleted, a confirmed message is done.
        let sent = if self.plan.source.queue().is_none() || self.request.is_copy() { State::Done } else { State::Sent };
        let steps = parcels.iter().zip(delivered).map(|(parcel, delivered)| {
            let (state, id, doubt) = match delivered {
                Delivered::Sent { message_id, doubt } => (sent, Some(message_id.clone()), *doubt),
                Delivered::Failed { doubt: true, .. } => (State::Uncertain, None, true),
                Delivered::Failed { .. } => (State::Failed, None, false),
                Delivered::Behind(_) | Delivered::Left => (State::Held, None, false),
            };
            Step { key: parcel.key.clone(), state, sent: id, doubt }
        });
        let length =
            self.sink.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(super::sink::Sink::length);
        Ok(journal.settle(&steps.collect::<Vec<_>>(), length)?)
    }

    async fn settle_all(
        &mut self,
        parcels: Vec<Parcel>,
        delivered: Vec<Delivered>,
        removed: Option<std::collections::VecDeque<Result<(), ItemError>>>,
        holds: Option<&Holds>,
    ) {
        let mut removed = removed;
        // First what must be known even when nobody reads any more.
        let mut outcomes = Vec::with_capacity(parcels.len());
        let mut done = Vec::new();
        for (parcel, delivered) in parcels.into_iter().zip(delivered) {
            let outcome = match delivered {
                Delivered::Left => {
                    self.report.skipped += 1;
                    self.in_flight.get_mut().unwrap_or_else(PoisonError::into_inner).remove(&parcel.item.message_id);
                    continue;
                }
                Delivered::Behind(reason) => Outcome::Refused { reason },
                Delivered::Failed { error, doubt } => {
                    Outcome::Failed { code: error.code, reason: error.message, uncertain: doubt }
                }
                Delivered::Sent { message_id, doubt } => {
                    self.sent_bodies.insert(parcel.body);
                    match removed.as_mut().map(|removed| removed.pop_front().unwrap_or(Ok(()))) {
                        None => Outcome::Copied { message_id, uncertain: doubt },
                        Some(removed) => {
                            self.stays.remove(&parcel.hash);
                            self.sent.insert(parcel.hash);
                            match removed {
                                Ok(()) => {
                                    if let Some(holds) = holds {
                                        holds.remove(&parcel.handle);
                                    }
                                    let key = parcel.key.clone();
                                    done.push(Step { key, state: State::Done, sent: None, doubt: false });
                                    Outcome::Moved { message_id, uncertain: doubt }
                                }
                                Err(error) => Outcome::Duplicated { message_id, reason: error.to_string() },
                            }
                        }
                    }
                }
            };
            outcomes.push((parcel.item, parcel.to, outcome));
        }
        if let Some(journal) = self.journal {
            journal.settle_late(done);
        }
        for (item, to, outcome) in outcomes {
            self.settle(item, Some(&to), outcome).await;
        }
    }

    /// Sends all; one outcome per parcel, in order. Destinations beside each other; to a FIFO one in order.
    async fn deliver(&self, parcels: &[Parcel]) -> Vec<Delivered> {
        let mut places: Vec<(&Place, Vec<usize>)> = Vec::new();
        for (index, parcel) in parcels.iter().enumerate() {
            match places.iter_mut().find(|(place, _)| **place == parcel.to) {
                Some((_, indexes)) => indexes.push(index),
                None => places.push((&parcel.to, vec![index])),
            }
        }
        let per_place = places.into_iter().map(|(place, indexes)| self.deliver_to(place, indexes, parcels));
        let mut outcomes: Vec<Option<Delivered>> = parcels.iter().map(|_| None).collect();
        for (index, delivered) in futures::future::join_all(per_place).await.into_iter().flatten() {
            outcomes[index] = Some(delivered);
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or(Delivered::Left)).collect()
    }

    async fn deliver_to(&self, place: &Place, indexes: Vec<usize>, parcels: &[Parcel]) -> Vec<(usize, Delivered)> {
        let burst = self.pace.lock().unwrap_or_else(PoisonError::into_inner).burst().unwrap_or(MAX_BATCH);
        let most = burst.min(MAX_BATCH);
        if let Place::File(name, _) = place {
            return self.append(name, &indexes, parcels);
        }
        if place.is_fifo() {
            return self.deliver_in_order(place, indexes, parcels, most).await;
        }
        let batches = batches(indexes, parcels, most);
        let sends = futures::stream::iter(batches).map(|batch| self.deliver_batch(place, batch, parcels));
        sends.buffered(self.request.concurrency.max(1)).collect::<Vec<_>>().await.into_iter().flatten().collect()
    }

    /// One message of a group at a time: of two in one batch, the second could be taken and the first not.
    async fn deliver_in_order(
        &self,
        place: &Place,
        mut indexes: Vec<usize>,
        parcels: &[Parcel],
        most: usize,
    ) -> Vec<(usize, Delivered)> {
        let group = |index: usize| parcels[index].outgoing.group_id.clone().unwrap_or_default();
        let is_blocked = |index: usize| {
            let blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
            blocked.contains(&(place.name().to_owned(), group(index)))
        };
        let mut outcomes = Vec::with_capacity(indexes.len());
        while !indexes.is_empty() {
            let (mut batch, mut rest, mut bytes) = (Vec::new(), Vec::new(), 0);
            let mut groups = HashSet::new();
            for index in indexes {
                if is_blocked(index) {
                    let reason = "a message of its group before it was not sent, and it must not overtake it";
                    outcomes.push((index, Delivered::Behind(reason.into())));
                    continue;
                }
                let size = size(&parcels[index].outgoing);
                let fits = batch.is_empty() || (batch.len() < most && bytes + size <= BATCH_BYTES);
                // What is left behind keeps those of its group behind it.
                if groups.insert(group(index)) && fits {
                    bytes += size;
                    batch.push(index);
                } else {
                    rest.push(index);
                }
            }
            for (index, delivered) in self.deliver_batch(place, batch, parcels).await {
                if !matches!(delivered, Delivered::Sent { .. }) {
                    let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
                    blocked.insert((place.name().to_owned(), group(index)));
                }
                outcomes.push((index, delivered));
            }
            indexes = rest;
        }
        outcomes
    }

    async fn deliver_batch(&self, place: &Place, batch: Vec<usize>, parcels: &[Parcel]) -> Vec<(usize, Delivered)> {
        let turn = self.pace.lock().unwrap_or_else(PoisonError::into_inner).turn(batch.len());
        if let Some(turn) = turn {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(turn) => {}
                () = self.shutdown.draining() => return batch.into_iter().map(|index| (index, Delivered::Left)).collect(),
            }
        }
        if self.shutdown.is_aborting() {
            return batch.into_iter().map(|index| (index, Delivered::Left)).collect();
        }
        let begun = batch.iter().map(|index| parcels[*index].item.message_id.clone());
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).extend(begun);
        let outgoing: Vec<&Outgoing> = batch.iter().map(|index| &parcels[*index].outgoing).collect();
        let outcomes = send(self.there, place, &outgoing).await;
        batch.into_iter().zip(outcomes).collect()
    }

    fn append(&self, name: &str, indexes: &[usize], parcels: &[Parcel]) -> Vec<(usize, Delivered)> {
        let begun = indexes.iter().map(|index| parcels[*index].item.message_id.clone());
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).extend(begun);
        let records: Vec<&Record> = indexes.iter().filter_map(|index| parcels[*index].record.as_ref()).collect();
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let written = match sink.as_mut() {
            Some(sink) => sink.append(&records).map_err(|error| file_error(name, error)),
            None => Err(file_error(name, std::io::ErrorKind::NotFound.into())),
        };
        let outcome = |index: &usize| {
            let delivered = match &written {
                Ok(()) => Delivered::Sent { message_id: parcels[*index].item.message_id.clone(), doubt: false },
                Err(error) => {
                    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                    let error = ItemError {
                        code: "File".into(),
                        message: format!("{error}: {cause}"),
                        sender_fault: false,
                        retryable: false,
                        request_id: None,
                    };
                    Delivered::Failed { error, doubt: false }
                }
            };
            (*index, delivered)
        };
        indexes.iter().map(outcome).collect()
    }
}

/// What one call takes, in order.
fn batches(indexes: Vec<usize>, parcels: &[Parcel], most: usize) -> Vec<Vec<usize>> {
    let mut batches: Vec<(usize, Vec<usize>)> = Vec::new();
    for index in indexes {
        let size = size(&parcels[index].outgoing);
        match batches.last_mut() {
            Some((bytes, batch)) if *bytes + size <= BATCH_BYTES && batch.len() < most => {
                *bytes += size;
                batch.push(index);
            }
            _ => batches.push((size, vec![index])),
        }
    }
    batches.into_iter().map(|(_, batch)| batch).collect()
}

fn size(outgoing: &Outgoing) -> usize {
    outgoing.body.len() + outgoing.attributes.iter().map(|(name, value)| name.len() + value.size()).sum::<usize>()
}

/// Sends, and tries again what may still be taken. A call whose answer was lost is tried again, too, and what was in it may have
/// arrived twice from then on; only where the destination tells the two apart by their deduplication id is there no doubt. An
/// entry that an answer does not mention is not sent again: it may have arrived, and stays at the source anyway.
async fn send(bus: &Bus, place: &Place, messages: &[&Outgoing]) -> Vec<Delivered> {
    let mut results: Vec<Option<Result<Sent, ItemError>>> = messages.iter().map(|_| None).collect();
    let mut doubts = vec![false; messages.len()];
    let mut again: Vec<usize> = (0..messages.len()).collect();
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(PAUSE * 2u32.pow(attempt - 1)).await;
        }
        let batch: Vec<Outgoing> = again.iter().map(|index| messages[*index].clone()).collect();
        let answer: Result<Vec<Result<Sent, ItemError>>, BusError> = match place {
            Place::Queue(queue) => bus.send_batch_once(queue, &batch).await,
            Place::Topic(topic) => bus.publish_batch_once(topic, &batch).await,
            Place::File(..) => Ok(Vec::new()),
        };
        let mut next = Vec::new();
        match answer {
            Ok(outcomes) => {
                for (index, outcome) in again.into_iter().zip(outcomes) {
                    if let Err(error) = &outcome {
                        let unknown = matches!(error.code.as_str(), "NoAnswer" | "DigestMismatch");
                        doubts[index] |= unknown && !place.is_fifo();
                        if error.retryable && (!unknown || place.is_fifo()) {
                            next.push(index);
                        }
                    }
                    results[index] = Some(outcome);
                }
            }
            Err(error) => {
                for index in again {
                    doubts[index] |= error.may_have_been_done() && !place.is_fifo();
                    results[index] = Some(Err(error.to_item()));
                    if error.retryable {
                        next.push(index);
                    }
                }
            }
        }
        again = next;
        if again.is_empty() {
            break;
        }
    }
    let unmentioned = || Err(ItemError::unmentioned(None));
    let settled = results.into_iter().zip(doubts).map(|(result, doubt)| match result.unwrap_or_else(unmentioned) {
        Ok(sent) => Delivered::Sent { message_id: sent.message_id, doubt },
        Err(error) => {
            // Within a group nothing was sent twice, and yet it may be there.
            let lost = matches!(error.code.as_str(), "Network" | "NoAnswer" | "DigestMismatch" | "Other");
            Delivered::Failed { doubt: doubt || lost, error }
        }
    });
    settled.collect()
}

/// Deletes, several calls at a time; one outcome per handle, in order.
async fn delete_all(bus: &Bus, source: &Queue, handles: &[String], concurrency: usize) -> Vec<Result<(), ItemError>> {
    let deletes = futures::stream::iter(handles.chunks(MAX_BATCH)).map(|batch| delete(bus, source, batch));
    deletes.buffered(concurrency.max(1)).collect::<Vec<_>>().await.into_iter().flatten().collect()
}

/// Deletes, and tries again whatever may still work: deleting twice does no harm.
async fn delete(bus: &Bus, source: &Queue, handles: &[String]) -> Vec<Result<(), ItemError>> {
    let mut outcomes = bus.delete_batch(source, handles).await;
    for attempt in 1..TRIES {
        let again: Vec<usize> = outcomes
            .iter()
            .enumerate()
            .filter(|(_, outcome)| outcome.as_ref().is_err_and(|error| error.retryable))
            .map(|(index, _)| index)
            .collect();
        if again.is_empty() {
            break;
        }
        tokio::time::sleep(PAUSE * 2u32.pow(attempt - 1)).await;
        let batch: Vec<String> = again.iter().map(|index| handles[*index].clone()).collect();
        for (index, outcome) in again.into_iter().zip(bus.delete_batch(source, &batch).await) {
            outcomes[index] = outcome;
        }
    }
    outcomes
}
