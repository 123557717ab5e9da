//! Note, send, confirm, note, then delete: a wave at a time, judged entry by entry.

use std::collections::HashSet;
use std::sync::PoisonError;

use futures::StreamExt as _;

use super::journal::{State, Step};
use super::parcel::Parcel;
use super::plan::Place;
use super::run::{BEHIND, Run, file_error};
use super::send::{BATCH_BYTES, Delivered, batches, delete_all, send, size};
use super::types::{Outcome, ReplayError};
use crate::bus::{ItemError, MAX_BATCH, Outgoing};
use crate::engine::blocking::blocking;
use crate::engine::hold::Holds;
use crate::event::Record;

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
            blocking(|| journal.intend(&held, &going))?;
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
        let steps: Vec<Step> = steps.collect();
        Ok(blocking(|| journal.settle(&steps, length))?)
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
                    let sent_as = self.hash(&message_id);
                    self.sent_as.insert(sent_as);
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
        let batches = batches(indexes, parcels, most, BATCH_BYTES);
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
        let is_blocked = |index: usize| self.blocked.has(place.name(), &group(index));
        let mut outcomes = Vec::with_capacity(indexes.len());
        while !indexes.is_empty() {
            let (mut batch, mut rest, mut bytes) = (Vec::new(), Vec::new(), 0);
            let mut groups = HashSet::new();
            for index in indexes {
                if is_blocked(index) {
                    outcomes.push((index, Delivered::Behind(BEHIND.into())));
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
                    self.blocked.add(place.name(), &group(index));
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
            Some(sink) => blocking(|| sink.append(&records)).map_err(|error| file_error(name, error)),
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
