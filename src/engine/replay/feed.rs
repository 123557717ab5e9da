//! Recordings as the source: line by line, in their own rhythm where that is asked for. Nothing of them is deleted.

use std::path::PathBuf;

use super::pace::Rhythm;
use super::recording::{self, Line};
use super::run::{Run, file_error};
use super::transfer::Parcel;
use super::types::{Item, Outcome, ReplayError};
use crate::bus::{BusError, Message, SystemFields};
use crate::engine::select::time_of;

impl Run<'_> {
    /// The lines of a recording, in its own rhythm where that is asked for.
    pub(super) async fn feed_through(&mut self, name: &str, path: Option<PathBuf>) -> Result<(), ReplayError> {
        let mut lines = recording::read(path).map_err(|error| file_error(name, error))?;
        let mut rhythm = self.request.speed.map(Rhythm::new);
        let lanes = self.request.concurrency.max(1);
        while self.room() > 0 && !self.report.output_closed {
            let mut wave: Vec<Line> = Vec::new();
            let most = if rhythm.is_some() { 1 } else { self.wave(lanes) };
            let received = tokio::select! {
                biased;
                () = self.shutdown.draining() => {
                    self.report.interrupted.get_or_insert(0);
                    return Ok(());
                }
                line = lines.recv() => line,
            };
            let Some(first) = received else { return Ok(()) };
            let mut next = Some(first);
            let mut failure = None;
            while let Some(line) = next.take() {
                match line {
                    Ok(line) => wave.push(line),
                    Err(error) => failure = Some(error),
                }
                if failure.is_none() && wave.len() < most {
                    next = lines.try_recv().ok();
                }
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
            if let Some(error) = failure {
                return Err(file_error(name, error));
            }
            if !self.report.abandoned.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) async fn select_line(&mut self, line: Line) -> Result<Option<Parcel>, BusError> {
        let number = line.number;
        let record = match line.record {
            Ok(record) => record,
            Err(reason) => {
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
