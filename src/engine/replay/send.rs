//! The calls: so many messages as one takes, sent and deleted, tried again where that may help, judged entry by entry.

use std::time::Duration;

use futures::StreamExt as _;

use super::parcel::Parcel;
use super::plan::Place;
use crate::bus::{Bus, BusError, ItemError, MAX_BATCH, Outgoing, Queue, Sent};
use crate::engine::delete::delete;

/// A `SendMessageBatch` may hold so many bytes in all, on every endpoint: AWS takes 1 MiB since 2025-08, but a queue's own
/// `MaximumMessageSize` and older endpoints count to 256 KiB. A single message that is larger goes alone.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
pub(super) const BATCH_BYTES: usize = 256 * 1024;

/// Tries of an entry that the service refused for the moment.
const TRIES: u32 = 4;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(250);

/// What became of the sending of one parcel.
pub(super) enum Delivered {
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

/// What one call takes, in order: at most so many, of so many bytes in all.
pub(super) fn batches(indexes: Vec<usize>, parcels: &[Parcel], most: usize, most_bytes: usize) -> Vec<Vec<usize>> {
    let mut batches: Vec<(usize, Vec<usize>)> = Vec::new();
    for index in indexes {
        let size = size(&parcels[index].outgoing);
        match batches.last_mut() {
            Some((bytes, batch)) if *bytes + size <= most_bytes && batch.len() < most => {
                *bytes += size;
                batch.push(index);
            }
            _ => batches.push((size, vec![index])),
        }
    }
    batches.into_iter().map(|(_, batch)| batch).collect()
}

pub(super) fn size(outgoing: &Outgoing) -> usize {
    outgoing.body.len() + outgoing.attributes.iter().map(|(name, value)| name.len() + value.size()).sum::<usize>()
}

/// Sends, and tries again what may still be taken. A call whose answer was lost is tried again, too, and what was in it may have
/// arrived twice from then on; only where the destination tells the two apart by their deduplication id is there no doubt. An
/// entry that an answer does not mention is not sent again: it may have arrived, and stays at the source anyway.
pub(super) async fn send(bus: &Bus, place: &Place, messages: &[&Outgoing]) -> Vec<Delivered> {
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
pub(super) async fn delete_all(
    bus: &Bus,
    source: &Queue,
    handles: &[String],
    concurrency: usize,
) -> Vec<Result<(), ItemError>> {
    let deletes = futures::stream::iter(handles.chunks(MAX_BATCH)).map(|batch| delete(bus, source, batch));
    deletes.buffered(concurrency.max(1)).collect::<Vec<_>>().await.into_iter().flatten().collect()
}
