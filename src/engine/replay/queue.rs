//! A queue as the source: looked into, or received from wave by wave and held, until nothing that was there at the start is left.

use std::time::Duration;

use super::parcel::Parcel;
use super::run::{FIRST, POLL, Run};
use super::types::{Outcome, ReplayError};
use crate::bus::{BusError, MAX_BATCH, Message, Queue, Receive};
use crate::engine::hold::Holds;
use crate::engine::record::record_of;
use crate::engine::rejected::ORIGIN_ATTRIBUTE;

/// Empty long polls after which a queue is taken to be empty. One is not enough on AWS, where the count is approximate.
const EMPTY_POLLS: u32 = 2;

/// A wave with more in its bodies is followed by a smaller one, so that large messages do not fill the memory.
pub(super) const WAVE_BYTES: usize = 16 * 1024 * 1024;

/// Receives in a row that bring nothing but latecomers, after which those are left to themselves: who rejects as fast as we send
/// would keep a replay going for ever.
const LATE_RECEIVES: u32 = 10;

/// By how much the service's clock may differ from ours. What was sent that long before the start cannot be our own.
const SKEW_MS: i64 = 5 * 60 * 1000;

impl Run<'_> {
    /// The dry run where nothing need be received.
    pub(super) async fn peek_through(&mut self, queue: &Queue) -> Result<(), ReplayError> {
        let mut cursor = 0;
        while self.room() > 0 && !self.shutdown.is_draining() && !self.report.output_closed {
            let peeked = self.bus.peek(queue, cursor, 100, Duration::ZERO).await?;
            if peeked.messages.is_empty() {
                break;
            }
            if cursor == 0 {
                self.check_origins(&peeked.messages)?;
            }
            cursor = peeked.cursor;
            for message in peeked.messages {
                if self.room() == 0 {
                    break;
                }
                if self.is_late(&message) {
                    self.report.late += 1;
                    continue;
                }
                if let Some(parcel) = self.select_message(queue, message).await? {
                    self.settle(parcel.item, Some(&parcel.to), Outcome::WouldMove).await;
                }
            }
        }
        if self.shutdown.is_draining() {
            self.report.interrupted = Some(0);
        }
        Ok(())
    }

    pub(super) async fn receive_through(&mut self, queue: &Queue, holds: &Holds) -> Result<(), ReplayError> {
        let (wait, polls) = if self.bus.can_peek() { (Duration::ZERO, 1) } else { (POLL, EMPTY_POLLS) };
        let most = if self.plan.is_ordered() { 1 } else { self.request.concurrency.max(1) };
        let (mut empty, mut late, mut lanes) = (0, 0, 1);
        while self.room() > 0 && !self.report.output_closed {
            let wave = self.wave(lanes);
            let asked: Vec<usize> = (0..wave).step_by(MAX_BATCH).map(|at| (wave - at).min(MAX_BATCH)).collect();
            let receives = asked.iter().map(|max| async {
                let received =
                    self.bus.receive(queue, Receive { max: *max as u32, wait, visibility: Some(FIRST) }).await?;
                // Held before anything else is looked at, the other lanes and their failures included.
                for message in &received {
                    holds.add_for(&message.receipt_handle, FIRST);
                }
                Ok::<_, BusError>(received)
            });
            let receiving = futures::future::join_all(receives);
            tokio::pin!(receiving);
            if self.shutdown.is_draining() {
                self.report.interrupted.get_or_insert(0);
                return Ok(());
            }
            let received = tokio::select! {
                biased;
                received = &mut receiving => received,
                () = self.shutdown.draining() => {
                    // What is on its way is waited for, to be given back with the rest.
                    tokio::select! {
                        _ = &mut receiving => {}
                        () = self.shutdown.aborting() => {}
                    }
                    self.report.interrupted.get_or_insert(0);
                    return Ok(());
                }
            };
            if self.shutdown.is_draining() {
                self.report.interrupted.get_or_insert(0);
                return Ok(());
            }
            let received: Vec<Vec<Message>> = received.into_iter().collect::<Result<_, _>>()?;
            // Many receives at once only while there is plenty: the last messages need no crowd, and idle polls cost.
            let plenty = received.iter().zip(&asked).all(|(messages, max)| messages.len() == *max);
            let bytes: usize = received.iter().flatten().map(|message| message.body.len()).sum();
            lanes = match plenty {
                true if bytes > WAVE_BYTES => (lanes / 2).max(1),
                true => (lanes * 2).min(most),
                false => 1,
            };
            let fresh = self.only_fresh(queue, received.into_iter().flatten().collect(), holds).await;
            if fresh.is_empty() {
                if self.more_may_come_back(queue).await {
                    continue;
                }
                empty += 1;
                if empty >= polls {
                    return Ok(());
                }
                continue;
            }
            empty = 0;
            let (latecomers, fresh): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|message| self.is_late(message));
            self.report.late += latecomers.len() as u64;
            let held: Vec<(String, String)> =
                latecomers.iter().chain(&fresh).map(|m| (m.id.clone(), m.receipt_handle.clone())).collect();
            if fresh.is_empty() {
                late += 1;
                if late >= LATE_RECEIVES {
                    return Ok(());
                }
                continue;
            }
            late = 0;
            if !std::mem::replace(&mut self.looked_at, true) {
                self.check_origins(&fresh)?;
            }
            let mut parcels = Vec::with_capacity(fresh.len());
            for message in fresh {
                // What is beyond the limit was received for nothing; it is held and given back like what is not selected.
                if parcels.len() as u64 >= self.room() {
                    self.report.skipped += 1;
                    continue;
                }
                if let Some(parcel) = self.select_message(queue, message).await? {
                    parcels.push(parcel);
                }
            }
            self.go_on(parcels, &held, Some(holds)).await?;
            if !self.report.abandoned.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looked at once, with the first messages: to find out one by one that nothing has an origin would touch them all.
    pub(super) fn check_origins(&self, first: &[Message]) -> Result<(), ReplayError> {
        if !self.origins.are_unknown(first) {
            return Ok(());
        }
        let sources = self.plan.source.sources().iter().map(|queue| queue.name.clone()).collect();
        Err(ReplayError::UnknownOrigin { queue: self.plan.source.name().to_owned(), sources })
    }

    /// Leaves only what this run has not looked at yet. A message that was already sent and comes again is deleted again.
    async fn only_fresh(&mut self, queue: &Queue, received: Vec<Message>, holds: &Holds) -> Vec<Message> {
        let mut fresh = Vec::with_capacity(received.len());
        let mut again = Vec::new();
        for message in received {
            let hash = self.hash(&message.id);
            let earlier = self.done_before.contains(&hash);
            if earlier && self.request.is_copy() {
                // Copied by the run that is resumed: it is held, so that it does not come again and again, and given back.
                self.stays.insert(hash);
            } else if earlier || self.sent.contains(hash) || self.sent_before.contains_key(&message.id) {
                again.push(message);
            } else if self.stays.insert(hash) {
                fresh.push(message);
            }
        }
        if !again.is_empty() {
            let handles: Vec<String> = again.iter().map(|message| message.receipt_handle.clone()).collect();
            let deleted = self.bus.delete_batch(queue, &handles).await;
            for (message, outcome) in again.into_iter().zip(deleted) {
                if outcome.is_err() {
                    continue;
                }
                holds.remove(&message.receipt_handle);
                if let Some((place, message_id)) = self.sent_before.remove(&message.id) {
                    self.report.earlier -= 1;
                    self.finish_earlier(message.id, place, message_id).await;
                }
            }
        }
        fresh
    }

    /// Whether the message came after the start: another rejection, or what this run itself had sent, back again.
    ///
    /// SQS leaves a message its id and the time of its first sending when it dead-letters it, so these two tell. `consume` sends
    /// what it rejects anew, with a label; a clock that differs hides that it is new, and then the body tells.
    pub(super) fn is_late(&self, message: &Message) -> bool {
        let sent_at = message.system.sent_at_ms;
        let may_be_ours = sent_at.is_none_or(|at| at > self.started_ms - SKEW_MS);
        let is_labelled = message.attributes.contains_key(ORIGIN_ATTRIBUTE);
        sent_at.is_some_and(|at| at > self.started_ms)
            || self.sent_as.contains(self.hash(&message.id))
            || may_be_ours && is_labelled && self.sent_bodies.contains(self.hash(&message.body))
    }

    pub(super) async fn select_message(&mut self, queue: &Queue, message: Message) -> Result<Option<Parcel>, BusError> {
        let record = record_of(&queue.name, message.clone());
        let key = message.id.clone();
        self.select(record, message, key, None).await
    }
}
