//! Ending a receive: delete, or change how long the message stays invisible. Entry by entry.

use std::time::Duration;

use aws_sdk_sqs::operation::RequestId as _;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
};

use super::{Bus, BusError, ItemError, MAX_VISIBILITY, Queue};

impl Bus {
    /// Deletes up to ten received messages by receipt handle; one outcome per handle, in order.
    pub async fn delete_batch(&self, queue: &Queue, handles: &[String]) -> Vec<Result<(), ItemError>> {
        if handles.is_empty() {
            return Vec::new();
        }
        let entries = handles.iter().enumerate().map(|(index, handle)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(handle).build();
            entry.expect("id and handle, the required fields, are set")
        });
        let answer =
            self.sqs.delete_message_batch().queue_url(&queue.url).set_entries(Some(entries.collect())).send().await;
        match answer {
            Ok(answer) => {
                let request_id = answer.request_id().map(str::to_owned);
                settle(handles.len(), answer.successful.into_iter().map(|entry| entry.id), answer.failed, request_id)
            }
            Err(error) => {
                let error = BusError::from_sdk("DeleteMessageBatch", &format!("queue `{}`", queue.name), &error);
                handles.iter().map(|_| Err(error.to_item())).collect()
            }
        }
    }

    /// Sets how long from now up to ten received messages stay invisible (zero = give back); one outcome per handle, in order.
    pub async fn change_visibility_batch(
        &self,
        queue: &Queue,
        changes: &[(String, Duration)],
    ) -> Vec<Result<(), ItemError>> {
        if changes.is_empty() {
            return Vec::new();
        }
        let entries = changes.iter().enumerate().map(|(index, (handle, visibility))| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(handle)
                .visibility_timeout(super::receive::seconds((*visibility).min(MAX_VISIBILITY)))
                .build();
            entry.expect("id and handle, the required fields, are set")
        });
        let call =
            self.sqs.change_message_visibility_batch().queue_url(&queue.url).set_entries(Some(entries.collect()));
        match call.send().await {
            Ok(answer) => {
                let request_id = answer.request_id().map(str::to_owned);
                settle(changes.len(), answer.successful.into_iter().map(|entry| entry.id), answer.failed, request_id)
            }
            Err(error) => {
                let error =
                    BusError::from_sdk("ChangeMessageVisibilityBatch", &format!("queue `{}`", queue.name), &error);
                changes.iter().map(|_| Err(error.to_item())).collect()
            }
        }
    }
}

fn settle(
    asked: usize,
    successful: impl Iterator<Item = String>,
    failed: Vec<BatchResultErrorEntry>,
    request_id: Option<String>,
) -> Vec<Result<(), ItemError>> {
    let mut outcomes = Outcomes::new(asked);
    for id in successful {
        outcomes.set(&id, Ok(()));
    }
    for entry in failed {
        let error = ItemError::refused(&entry.code, entry.message.as_deref(), entry.sender_fault, request_id.clone());
        outcomes.set(&entry.id, Err(error));
    }
    outcomes.finish(request_id)
}

/// Collects the entries of a batch answer: every input ends in exactly one outcome, whatever the answer says.
pub(super) struct Outcomes<T>(Vec<Option<Result<T, ItemError>>>);

impl<T> Outcomes<T> {
    pub(super) fn new(asked: usize) -> Self {
        Self((0..asked).map(|_| None).collect())
    }

    /// Entry ids are indexes. An id that was never sent is ignored; of two outcomes for one entry the failure stands, since
    /// believing in a success that is none loses messages.
    pub(super) fn set(&mut self, id: &str, outcome: Result<T, ItemError>) {
        let Some(slot) = id.parse::<usize>().ok().and_then(|index| self.0.get_mut(index)) else { return };
        if !matches!(slot, Some(Err(_))) {
            *slot = Some(outcome);
        }
    }

    pub(super) fn finish(self, request_id: Option<String>) -> Vec<Result<T, ItemError>> {
        let outcomes = self.0.into_iter();
        outcomes.map(|outcome| outcome.unwrap_or_else(|| Err(ItemError::unmentioned(request_id.clone())))).collect()
    }
}
