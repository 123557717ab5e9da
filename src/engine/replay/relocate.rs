//! Queue to queue where the bus itself moves a message in one step: nothing is received, held or given back, and there is no
//! moment at which a message is in both places or in neither.

use std::time::Duration;

use super::parcel::Parcel;
use super::plan::Place;
use super::run::Run;
use super::types::{Outcome, ReplayError};
use crate::bus::{Bus, BusError, ItemError, Peeked, Queue, Relocation};

/// Messages of one transaction. More would not be faster, and others on the bus wait for it.
const PAGE: u32 = 250;

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
        let mut next = self.page(queue, 0).await?;
        let mut first = true;
        while !next.messages.is_empty() && !self.report.output_closed {
            if self.shutdown.is_draining() {
                self.report.interrupted.get_or_insert(0);
                break;
            }
            if std::mem::replace(&mut first, false) {
                self.check_origins(&next.messages)?;
            }
            let cursor = next.cursor;
            let mut parcels = Vec::with_capacity(next.messages.len());
            let mut late = 0;
            let all = next.messages.len();
            for message in next.messages {
                if self.is_late(&message) {
                    late += 1;
                    continue;
                }
                let place = message.place.unwrap_or_default();
                if let Some(parcel) = self.select_message(queue, message).await? {
                    parcels.push((place, parcel));
                }
            }
            self.report.late += late as u64;
            let bus = self.bus;
            let relocations: Vec<_> = parcels.iter().filter_map(|(place, parcel)| relocation(*place, parcel)).collect();
            let both = async {
                tokio::join!(relocate(bus, queue, &relocations), bus.peek(queue, cursor, PAGE, Duration::ZERO))
            };
            let (moved, page) = tokio::select! {
                biased;
                both = both => both,
                () = self.shutdown.aborting() => {
                    // Whether that one step was taken is not known.
                    *self.report.interrupted.get_or_insert(0) += parcels.len() as u64;
                    let begun = parcels.into_iter().map(|(_, parcel)| parcel.item.message_id);
                    self.report.abandoned.extend(begun);
                    return Ok(());
                }
            };
            let moved = match moved {
                Ok(moved) => moved,
                Err(error) => {
                    // Each is in one place, but nobody said in which.
                    for (_, parcel) in parcels.into_iter().filter(|_| bus.may_have_relocated(&error)) {
                        let ItemError { code, message, .. } = error.to_item();
                        let outcome = Outcome::Failed { code, reason: message, uncertain: true };
                        self.settle(parcel.item, Some(&parcel.to), outcome).await;
                    }
                    return Err(error.into());
                }
            };
            for ((_, parcel), moved) in parcels.into_iter().zip(moved) {
                let outcome = match moved {
                    Some(Ok(message_id)) => Outcome::Moved { message_id, uncertain: false },
                    Some(Err(error)) => Outcome::Failed { code: error.code, reason: error.message, uncertain: false },
                    // In flight, delayed, or taken by somebody else meanwhile: as if it had never been received.
                    None => continue,
                };
                self.settle(parcel.item, Some(&parcel.to), outcome).await;
            }
            // What came after the start stays; behind it there is nothing older.
            if late == all {
                break;
            }
            next = page?;
        }
        Ok(())
    }

    async fn page(&self, queue: &Queue, after: u64) -> Result<Peeked, BusError> {
        self.bus.peek(queue, after, PAGE, Duration::ZERO).await
    }
}

/// Tries again what was surely not done.
async fn relocate(
    bus: &Bus,
    queue: &Queue,
    messages: &[Relocation<'_>],
) -> Result<Vec<Option<Result<String, ItemError>>>, BusError> {
    let mut attempt = 1;
    loop {
        match bus.relocate(queue, messages).await {
            Err(error) if error.retryable && attempt < TRIES && !bus.may_have_relocated(&error) => {
                tokio::time::sleep(PAUSE * attempt).await;
                attempt += 1;
            }
            answered => return answered,
        }
    }
}

fn relocation(place: u64, parcel: &Parcel) -> Option<Relocation<'_>> {
    let Place::Queue(to) = &parcel.to else { return None };
    Some(Relocation { place, message_id: &parcel.item.message_id, to, outgoing: &parcel.outgoing })
}
