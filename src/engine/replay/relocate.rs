//! Queue to queue where the bus itself moves a message in one step: nothing is received, held or given back, and there is no
//! moment at which a message is in both places or in neither.

use std::collections::HashMap;
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

/// Tries of a page that the bus refused for the moment or whose answer was lost, and the pause before the second.
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
            let Asked { answer, lost } = moved;
            // What an unheard try moved is gone from its place.
            let gone = if lost { self.gone(queue, &relocations).await } else { Ok(HashMap::new()) };
            let (moved, gone, failure) = match (answer, gone) {
                (Ok(moved), Ok(gone)) => (moved, gone, None),
                (Err(error), Ok(gone)) => (vec![None; batch.len()], gone, Some(error)),
                // Nobody can be asked any more.
                (Err(error), Err(_)) | (Ok(_), Err(error)) => {
                    for parcel in batch {
                        let (code, reason) = ("AnswerLost".into(), error.to_string());
                        let outcome = Outcome::Failed { code, reason, uncertain: true };
                        self.settle(parcel.item, Some(&parcel.to), outcome).await;
                    }
                    return Err(error.into());
                }
            };
            for (parcel, moved) in batch.into_iter().zip(moved) {
                let outcome = match (moved, parcel.place.and_then(|place| gone.get(&place))) {
                    (Some(Ok(message_id)), _) => Outcome::Moved { message_id, uncertain: false },
                    (Some(Err(error)), _) => {
                        Outcome::Failed { code: error.code, reason: error.message, uncertain: false }
                    }
                    (None, Some(message_id)) => Outcome::Moved { message_id: message_id.clone(), uncertain: false },
                    // In flight, delayed, or taken by somebody else meanwhile: as if it had never been received.
                    (None, None) => continue,
                };
                self.settle(parcel.item, Some(&parcel.to), outcome).await;
            }
            if let Some(error) = failure {
                return Err(error.into());
            }
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Of these the ones that are no longer in their queue, by their places: the ids that they have where they are now. It
    /// cannot be told from them whether a consumer took and deleted one between the look at it and the move: then it was
    /// handled, and is called moved.
    async fn gone(&self, queue: &Queue, relocations: &[Relocation<'_>]) -> Result<HashMap<u64, String>, BusError> {
        let mut gone: HashMap<u64, String> = relocations.iter().map(|one| (one.place, one.new_id.clone())).collect();
        let last = gone.keys().max().copied().unwrap_or_default();
        let mut cursor = gone.keys().min().map_or(0, |first| first - 1);
        while cursor < last {
            let page = self.bus.peek(queue, cursor, PAGE, Duration::ZERO).await?;
            if page.messages.is_empty() {
                break;
            }
            for place in page.messages.iter().filter_map(|message| message.place) {
                gone.remove(&place);
            }
            cursor = page.cursor;
        }
        Ok(gone)
    }
}

/// What became of a page.
struct Asked {
    answer: Result<Vec<Option<Result<String, ItemError>>>, BusError>,
    /// Whether a try before the answer, or the last one, may have been carried out unheard.
    lost: bool,
}

/// Asks again where that may help. Nothing is doubled by it: what the first try moved is not there for the second.
async fn relocate(bus: &Bus, queue: &Queue, messages: &[Relocation<'_>]) -> Asked {
    let (mut attempt, mut lost) = (1, false);
    loop {
        let answer = bus.relocate(queue, messages).await;
        // In this process an error says that nothing was done.
        lost |= answer.as_ref().is_err_and(BusError::may_have_been_done) && !bus.is_in_process();
        match &answer {
            Err(error) if error.retryable && attempt < TRIES => {
                tokio::time::sleep(PAUSE * attempt).await;
                attempt += 1;
            }
            _ => return Asked { answer, lost },
        }
    }
}

fn relocation(parcel: &Parcel) -> Option<Relocation<'_>> {
    let (Place::Queue(to), Some(place)) = (&parcel.to, parcel.place) else { return None };
    let new_id = crate::clock::random_id().to_string();
    Some(Relocation { place, message_id: &parcel.item.message_id, new_id, to, outgoing: &parcel.outgoing })
}
