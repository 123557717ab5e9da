//! Recordings as the source: line by line, in their own rhythm where that is asked for. Nothing of them is deleted.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::pace::Rhythm;
use super::parcel::Parcel;
use super::queue::WAVE_BYTES;
use super::run::{Run, file_error};
use super::types::{Item, Outcome, ReplayError};
use crate::bus::{BusError, Message, SystemFields};
use crate::engine::Event;
use crate::engine::recording::{Ahead, Line, Reading, RecordingError, Window};
use crate::engine::select::time_of;
use crate::words::count;

impl Run<'_> {
    /// The lines of a recording, in its own rhythm where that is asked for.
    pub(super) async fn feed_through(&mut self, name: &str, path: Option<PathBuf>) -> Result<(), ReplayError> {
        // All of it: lines are known by their numbers, the same ones when it is resumed.
        let path = path.unwrap_or_else(|| "-".into());
        let ahead = Ahead::start(path, Window::default()).map_err(|error| file_error(name, error))?;
        let mut rhythm = self.request.speed.map(Rhythm::new);
        let lanes = self.request.concurrency.max(1);
        let (mut waiting, mut end) = (VecDeque::<Line>::new(), None);
        while self.room() > 0 && !self.report.output_closed {
            if waiting.is_empty() {
                if end.is_some() {
                    break;
                }
                let read = tokio::select! {
                    biased;
                    () = self.shutdown.draining() => {
                        self.report.interrupted.get_or_insert(0);
                        return Ok(());
                    }
                    read = ahead.read() => read,
                };
                waiting.extend(read.lines);
                end = read.end;
            }
            if self.shutdown.is_draining() {
                self.report.interrupted.get_or_insert(0);
                return Ok(());
            }
            let most = if rhythm.is_some() { 1 } else { self.wave(lanes) };
            let (mut wave, mut bytes) = (Vec::new(), 0);
            // Large messages must not fill the memory.
            while wave.len() < most && bytes < WAVE_BYTES {
                let Some(line) = waiting.pop_front() else { break };
                bytes += line.record.as_ref().map_or(0, |record| record.body.len());
                wave.push(line);
            }
            let mut parcels = Vec::with_capacity(wave.len());
            for line in wave {
                if parcels.len() as u64 >= self.room() {
                    break;
                }
                let at = line.record.as_ref().ok().and_then(time_of);
                let Some(parcel) = self.select_line(line).await? else { continue };
                if let Some(due) = rhythm.as_mut().and_then(|rhythm| rhythm.due(at)) {
                    tokio::select! {
                        () = tokio::time::sleep_until(due) => {}
                        () = self.shutdown.draining() => {
                            self.report.interrupted.get_or_insert(0);
                            return Ok(());
                        }
                    }
                }
                parcels.push(parcel);
            }
            self.go_on(parcels, &[], None).await?;
            if !self.report.abandoned.is_empty() {
                return Ok(());
            }
        }
        match end.filter(|_| waiting.is_empty()) {
            Some(Ok(reading)) => self.say_what_was_damaged(name, &reading).await,
            Some(Err(error)) => return Err(file_error(name, io_error(error))),
            None => {}
        }
        Ok(())
    }

    /// A line that is no record is told as an item; that one is a record, and not the one that was recorded, only here.
    async fn say_what_was_damaged(&self, name: &str, reading: &Reading) {
        if reading.changed > 0 {
            let says = format!(
                "{} of `{name}` not what was recorded: the file was changed since, or is damaged",
                if reading.changed == 1 {
                    "1 block is".to_owned()
                } else {
                    format!("{} are", count(reading.changed, "block"))
                }
            );
            let _ = self.tell(Event::Warning(says)).await;
        }
    }

    pub(super) async fn select_line(&mut self, line: Line) -> Result<Option<Parcel>, BusError> {
        let number = line.number;
        let record = match line.record {
            Ok(record) => record,
            Err(none) => {
                let reason = none.to_string();
                let item = Item { message_id: format!("line {number}"), event: None, entity_id: None };
                self.settle(item, None, Outcome::Refused { reason }).await;
                return Ok(None);
            }
        };
        let id = record.message.id.clone();
        let key = format!("line {number}{}{id}", if id.is_empty() { "" } else { " " });
        if self.done_before.contains(&self.hash(&key)) {
            return Ok(None);
        }
        let message = Message {
            id: if id.is_empty() { key.clone() } else { id },
            receipt_handle: String::new(),
            place: None,
            body: record.body.clone(),
            attributes: record.queue_attributes().clone(),
            system: SystemFields {
                group_id: record.message.group_id.clone(),
                dead_letter_source: record.message.dead_letter_source.clone(),
                trace_header: record.message.trace_header.clone(),
                ..SystemFields::default()
            },
        };
        let recorded = record.message.queue.clone();
        self.select(record, message, key, recorded.as_deref()).await
    }
}

fn io_error(error: RecordingError) -> std::io::Error {
    match error {
        RecordingError::Io { error, .. } => error,
        other => std::io::Error::other(other),
    }
}
