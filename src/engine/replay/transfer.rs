//! Send, confirm, then delete: entry by entry.

use std::time::Duration;

use super::{Fate, Item, Outcome, Parcel, Run};
use crate::bus::{ItemError, Message, Outgoing, Queue, Sent};
use crate::engine::hold::Holds;
use crate::engine::rejected::without_labels;

/// A `SendMessageBatch` may hold so many bytes in all, on every endpoint: AWS takes 1 MiB since 2025-08, but a queue's own
/// `MaximumMessageSize` and older endpoints count to 256 KiB. A single message that is larger goes alone.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const BATCH_BYTES: usize = 256 * 1024;

/// Tries of an entry that the service refused for the moment, and of a delete.
const TRIES: u32 = 4;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(250);

impl Run<'_> {
    /// Sends parcels and settles each. The first signal lets it finish; the second abandons what has no answer yet.
    pub(super) async fn transfer(&mut self, parcels: Vec<Parcel>, holds: &Holds) {
        for batch in batches(parcels) {
            if self.shutdown.is_aborting() {
                // Not sent: held, and given back at the end.
                self.report.skipped += batch.len() as u64;
                continue;
            }
            let shutdown = self.shutdown.clone();
            let total = batch.len() as u64;
            self.in_flight = batch.iter().map(|parcel| parcel.item.message_id.clone()).collect();
            let abandoned = {
                let work = self.transfer_batch(batch, holds);
                tokio::select! {
                    biased;
                    () = work => false,
                    () = shutdown.aborting() => true,
                }
            };
            if shutdown.is_draining() {
                *self.report.interrupted.get_or_insert(0) += total;
            }
            if abandoned {
                self.report.abandoned.extend(self.in_flight.drain());
            }
        }
    }

    /// One batch to one queue.
    async fn transfer_batch(&mut self, batch: Vec<Parcel>, holds: &Holds) {
        let Some(to) = batch.first().map(|parcel| parcel.to.clone()) else { return };
        let outgoing: Vec<Outgoing> = batch.iter().map(|parcel| self.outgoing(&parcel.message, &to)).collect();
        let outcomes = send(self.bus, &to, &outgoing).await;
        let mut sent: Vec<(Item, String, Sent)> = Vec::with_capacity(batch.len());
        let mut failed = Vec::new();
        for (parcel, outcome) in batch.into_iter().zip(outcomes) {
            match outcome {
                Ok(confirmed) => {
                    if !self.request.copy {
                        self.seen.insert(self.hash(&parcel.message.id), Fate::Sent);
                    }
                    sent.push((parcel.item, parcel.message.receipt_handle, confirmed));
                }
                Err(error) => failed.push((parcel.item, error)),
            }
        }
        if self.request.copy {
            for (item, _, confirmed) in sent {
                self.settle(item, Some(&to), Outcome::Copied { message_id: confirmed.message_id }).await;
            }
        } else {
            let handles: Vec<String> = sent.iter().map(|(_, handle, _)| handle.clone()).collect();
            let deleted = delete(self.bus, &self.plan.source, &handles).await;
            for ((item, handle, confirmed), deleted) in sent.into_iter().zip(deleted) {
                let message_id = confirmed.message_id;
                let outcome = match deleted {
                    Ok(()) => {
                        holds.remove(&handle);
                        Outcome::Moved { message_id }
                    }
                    Err(error) => Outcome::Duplicated { message_id, reason: error.to_string() },
                };
                self.settle(item, Some(&to), outcome).await;
            }
        }
        for (item, error) in failed {
            // An answer that never came may stand for a message that arrived.
            let uncertain = matches!(error.code.as_str(), "Network" | "NoAnswer" | "DigestMismatch" | "Other");
            let outcome = Outcome::Failed { code: error.code, reason: error.message, uncertain };
            self.settle(item, Some(&to), outcome).await;
        }
    }

    fn hash(&self, id: &str) -> u64 {
        use std::hash::BuildHasher as _;
        self.hasher.hash_one(id)
    }

    /// The message as it is to be sent: everything it had. Its SQS ids are the destination's to give.
    fn outgoing(&self, message: &Message, to: &Queue) -> Outgoing {
        // A dead-letter queue has replaced the deduplication id, and the origin would swallow its own old one for five
        // minutes, confirming a message that it drops. The id of the message in the source is fresh there, and the same at
        // every try of it. A copy may be wanted again at once, so it carries this run's number besides.
        let dedup_id = to.is_fifo().then(|| {
            let id = &message.id;
            if self.request.copy { format!("copy-{:x}-{id}", self.hash("copy")) } else { format!("replay-{id}") }
        });
        Outgoing {
            body: message.body.clone(),
            attributes: without_labels(&message.attributes),
            subject: None,
            group_id: message.system.group_id.clone(),
            dedup_id,
            trace_header: message.system.trace_header.clone(),
        }
    }
}

/// Groups by destination and by what one call takes, keeping the order within each destination.
fn batches(parcels: Vec<Parcel>) -> Vec<Vec<Parcel>> {
    let mut batches: Vec<(usize, Vec<Parcel>)> = Vec::new();
    for parcel in parcels {
        let size = size(&parcel.message);
        // Only the last batch of a destination may grow, else an older message could overtake a newer one.
        let open = batches
            .iter_mut()
            .rev()
            .find(|(_, batch)| batch.first().is_some_and(|first| first.to.arn == parcel.to.arn));
        match open {
            Some((bytes, batch)) if *bytes + size <= BATCH_BYTES && batch.len() < crate::bus::MAX_BATCH => {
                *bytes += size;
                batch.push(parcel);
            }
            _ => batches.push((size, vec![parcel])),
        }
    }
    batches.into_iter().map(|(_, batch)| batch).collect()
}

fn size(message: &Message) -> usize {
    message.body.len() + message.attributes.iter().map(|(name, value)| name.len() + value.size()).sum::<usize>()
}

/// Sends, and tries again what the service itself could not take for the moment. An entry without an answer is not sent again:
/// it may have arrived, and stays at the source anyway.
async fn send(bus: &crate::bus::Bus, to: &Queue, messages: &[Outgoing]) -> Vec<Result<Sent, ItemError>> {
    let mut outcomes = bus.send_batch(to, messages).await;
    for attempt in 1..TRIES {
        let again: Vec<usize> = outcomes
            .iter()
            .enumerate()
            .filter(|(_, outcome)| outcome.as_ref().is_err_and(is_worth_another_try))
            .map(|(index, _)| index)
            .collect();
        if again.is_empty() {
            break;
        }
        tokio::time::sleep(PAUSE * 2u32.pow(attempt - 1)).await;
        let batch: Vec<Outgoing> = again.iter().map(|index| messages[*index].clone()).collect();
        for (index, outcome) in again.into_iter().zip(bus.send_batch(to, &batch).await) {
            outcomes[index] = outcome;
        }
    }
    outcomes
}

/// Refused by the service inside a batch answer, and not for good. A call that failed as a whole has had the SDK's own tries.
fn is_worth_another_try(error: &ItemError) -> bool {
    error.retryable && error.code != "NoAnswer" && error.code != "DigestMismatch" && error.code != "Network"
}

/// Deletes, and tries again whatever may still work: deleting twice does no harm.
async fn delete(bus: &crate::bus::Bus, source: &Queue, handles: &[String]) -> Vec<Result<(), ItemError>> {
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
