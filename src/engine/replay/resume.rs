//! Going on where a killed or interrupted run ended.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use super::journal::{State, Step};
use super::plan::Place;
use super::run::{FIRST, POLL, Run, file_error};
use super::sink::Sink;
use super::types::{Item, Outcome, Progress, ReplayError};
use crate::bus::{MAX_BATCH, Queue};
use crate::engine::blocking::blocking;
use crate::engine::{Event, Untold};
use crate::words::count;

impl Run<'_> {
    /// Takes up what an interrupted run has left, and opens the file that is written to.
    pub(super) async fn take_up(&mut self, source: Option<&Queue>) -> Result<(), ReplayError> {
        let journal = self.journal.filter(|_| self.request.resume);
        let memory = journal.map(|journal| blocking(|| journal.memory())).transpose()?.unwrap_or_default();
        if let Some(Place::File(name, path)) = &self.plan.to
            && !self.request.is_dry_run()
        {
            let opened = blocking(|| Sink::open(path, memory.length));
            let opened = opened.map_err(|error| file_error(name, error))?;
            *self.sink.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(opened);
        }
        if journal.is_none() {
            return Ok(());
        }
        self.report.earlier = memory.done.len() as u64;
        self.done_before = memory.done.iter().map(|id| self.hash(id)).collect();
        let in_flight = memory.in_flight;
        if !in_flight.is_empty() {
            let shown: Vec<&str> = in_flight.iter().take(20).map(String::as_str).collect();
            let more = in_flight.len() - shown.len();
            let more = if more > 0 { format!(" and {more} more (all are in the summary)") } else { String::new() };
            let says = format!(
                "{} may have arrived already: the run ended while the answer was awaited; sent again now, they are possible \
                 duplicates: {}{more}",
                count(in_flight.len() as u64, "message"),
                shown.join(", ")
            );
            let _ = self.tell(Event::Warning(says)).await;
        }
        self.report.possible_duplicates.extend(in_flight.into_iter().chain(memory.doubtful));
        let Some(source) = source else { return Ok(()) };
        for batch in memory.sent.chunks(MAX_BATCH) {
            let handles: Vec<String> = batch.iter().map(|(_, handle, ..)| handle.clone()).collect();
            for (sent, deleted) in batch.iter().zip(self.bus.delete_batch(source, &handles).await) {
                let (id, _, place, message_id) = sent.clone();
                match deleted {
                    Ok(()) => self.finish_earlier(id, place, message_id).await,
                    // Deleted already, or received again since: then it is deleted when it is seen.
                    Err(_) => {
                        self.report.earlier += 1;
                        self.sent_before.insert(id, (place, message_id));
                    }
                }
            }
        }
        for batch in memory.held.chunks(MAX_BATCH) {
            let changes: Vec<_> = batch.iter().map(|handle| (handle.clone(), Duration::ZERO)).collect();
            // What is not in flight any more is visible already.
            let _ = self.bus.change_visibility_batch(source, &changes).await;
        }
        // Received just before the end, and not noted any more: that is invisible for as long as a first receive lasts.
        let age = Duration::from_millis((self.request.clock.now_ms() - memory.touched_ms).max(0).unsigned_abs());
        let left = (FIRST + POLL).saturating_sub(age);
        self.wait_until = (!left.is_zero()).then(|| Instant::now() + left);
        Ok(())
    }

    /// A message that the earlier run had sent is now deleted.
    pub(super) async fn finish_earlier(&mut self, id: String, place: String, message_id: String) {
        if let Some(journal) = self.journal {
            journal.settle_late([Step { key: id.clone(), state: State::Done, sent: None, doubt: false }]);
        }
        self.done_before.insert(self.hash(&id));
        self.report.done += 1;
        let item = Item { message_id: id, event: None, entity_id: None };
        let outcome = Outcome::Moved { message_id, uncertain: false };
        if self.tell(Progress::Item { item, to: Some(place), outcome }).await == Err(Untold::Closed) {
            self.report.output_closed = true;
        }
    }

    /// Waits a little for what the run that is resumed had received and not noted any more; whether it is worth another look.
    pub(super) async fn more_may_come_back(&mut self, queue: &Queue) -> bool {
        let Some(until) = self.wait_until.filter(|until| *until > Instant::now()) else { return false };
        // The embedded bus counts exactly, so that it is known when nothing more can come.
        if self.bus.can_peek()
            && let Ok(now) = self.bus.queue_attributes(queue).await
            && now.in_flight <= self.stays.len() as u64
        {
            self.wait_until = None;
            return false;
        }
        if !std::mem::replace(&mut self.told_to_wait, true) {
            let says =
                "waiting for what the earlier run had received and not noted: it is visible again within a minute";
            let _ = self.tell(Event::Note(says.into())).await;
        }
        tokio::select! {
            () = tokio::time::sleep_until(until.min(Instant::now() + POLL)) => {}
            () = self.shutdown.draining() => {}
        }
        true
    }
}
