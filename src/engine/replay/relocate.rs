//! Queue to queue where the bus itself moves a message in one step: nothing is received, held or given back, and there is no
//! moment at which a message is in both places or in neither.

use std::time::Duration;

use super::parcel::Parcel;
use super::plan::Place;
use super::run::Run;
use super::send::batches;
use super::types::{Outcome, ReplayError};
use crate::bus::{Bus, BusError, ItemError, Queue, Relocation};

/// Messages of one transaction at most: others on the bus wait for it.
const PAGE: u32 = 250;

/// Bytes of their bodies and attributes at most, as in a batch of AWS's: a page of large ones is written step by step.
const CALL_BYTES: usize = 1024 * 1024;

/// Tries of a page that the bus refused for the moment, and the pause before the second.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

impl Run<'_> {
    /// Whether the bus can do it. What is counted or paced goes the other way, message by message, and so does what must be kept
    /// in order, or was begun that way.
    pub(super) fn relocates(&self) -> bool {
        let request = self.request;
        self.plan.is_one_step(self.bus) && request.is_plain(request.is_dry_run(), request.is_copy())
    }

    /// Page by page, the next being fetched while one is moved.
    pub(super) async fn relocate_through(&mut self, queue: &Queue) -> Result<(), ReplayError> {
        let bus = self.bus;
        let mut page = bus.peek(queue, 0, PAGE, Duration::ZERO).await?;
        if !page.messages.is_empty() {
            self.check_origins(&page.messages)?;
        }
        while !page.messages.is_empty() && !self.report.output_closed {
            if self.shutdown.is_draining() {
                self.report.interrupted.get_or_insert(0);
                break;
            }
            let cursor = page.cursor;
            let (late, fresh): (Vec<_>, Vec<_>) = page.messages.into_iter().partition(|message| self.is_late(message));
            self.report.late += late.len() as u64;
            // What came after the start stays, and behind a page of it there is nothing older.
            if fresh.is_empty() {
                break;
            }
            let mut parcels = Vec::with_capacity(fresh.len());
            for message in fresh {
                parcels.extend(self.select_message(queue, message).await?);
            }
            let (moved, next) =
                tokio::join!(self.relocate_all(queue, parcels), bus.peek(queue, cursor, PAGE, Duration::ZERO));
            moved?;
            if !self.report.abandoned.is_empty() {
                break;
            }
            page = next?;
        }
        Ok(())
    }

    /// Moves these, as many as one call takes at a time, and settles each.
    async fn relocate_all(&mut self, queue: &Queue, parcels: Vec<Parcel>) -> Result<(), ReplayError> {
        let bus = self.bus;
        let batches = batches((0..parcels.len()).collect(), &parcels, PAGE as usize, CALL_BYTES);
        let mut parcels = parcels.into_iter();
        for batch in batches {
            let batch: Vec<Parcel> = parcels.by_ref().take(batch.len()).collect();
            let relocations: Vec<_> = batch.iter().filter_map(relocation).collect();
            let moved = tokio::select! {
                biased;
                moved = relocate(bus, queue, &relocations) => moved,
                () = self.shutdown.aborting() => {
                    // Whether that one step was taken is not known.
                    *self.report.interrupted.get_or_insert(0) += batch.len() as u64;
                    self.report.abandoned.extend(batch.into_iter().map(|parcel| parcel.item.message_id));
                    self.report.skipped += parcels.len() as u64;
                    return Ok(());
                }
            };
            for (parcel, moved) in batch.into_iter().zip(moved?) {
                let outcome = match moved {
                    Some(Ok(message_id)) => Outcome::Moved { message_id, uncertain: false },
                    Some(Err(error)) => Outcome::Failed { code: error.code, reason: error.message, uncertain: false },
                    // In flight, delayed, or taken by somebody else meanwhile: as if it had never been received.
                    None => continue,
                };
                self.settle(parcel.item, Some(&parcel.to), outcome).await;
            }
        }
        Ok(())
    }
}

/// Tries again what the bus refused for the moment: then nothing of it was done.
async fn relocate(
    bus: &Bus,
    queue: &Queue,
    messages: &[Relocation<'_>],
) -> Result<Vec<Option<Result<String, ItemError>>>, BusError> {
    let mut attempt = 1;
    loop {
        match bus.relocate(queue, messages).await {
            Err(error) if error.retryable && attempt < TRIES => {
                tokio::time::sleep(PAUSE * attempt).await;
                attempt += 1;
            }
            answered => return answered,
        }
    }
}

fn relocation(parcel: &Parcel) -> Option<Relocation<'_>> {
    let (Place::Queue(to), Some(place)) = (&parcel.to, parcel.place) else { return None };
    Some(Relocation { place, message_id: &parcel.item.message_id, to, outgoing: &parcel.outgoing })
}
