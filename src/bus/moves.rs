//! Moves that SQS makes by itself: from a dead-letter queue back, or elsewhere.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>

use super::{Bus, BusError, BusErrorKind, Queue};

/// One task, as `ListMessageMoveTasks` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MoveTask {
    /// What cancels it; only told while it runs.
    pub handle: Option<String>,
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`.
    pub status: String,
    /// About how many it has moved.
    pub moved: u64,
    /// About how many it has to move, where that is told.
    pub total: Option<u64>,
    /// When it began, milliseconds since the epoch.
    pub started_ms: i64,
    /// Why it failed.
    pub failure: Option<String>,
}

impl Bus {
    /// Starts a task that moves all of `source` to `destination`, or each message to where it came from. Returns its handle.
    ///
    /// # Errors
    /// What `StartMessageMoveTask` answers.
    pub async fn start_move(
        &self,
        source: &Queue,
        destination: Option<&Queue>,
        per_second: Option<u32>,
    ) -> Result<String, BusError> {
        let answer = self
            .sqs
            .start_message_move_task()
            .source_arn(&source.arn)
            .set_destination_arn(destination.map(|queue| queue.arn.clone()))
            .set_max_number_of_messages_per_second(per_second.and_then(|rate| i32::try_from(rate).ok()))
            .send()
            .await
            .map_err(|e| BusError::from_sdk("StartMessageMoveTask", &format!("queue `{}`", source.name), &e))?;
        answer.task_handle.ok_or_else(|| {
            BusError::new(
                BusErrorKind::Other,
                "StartMessageMoveTask",
                format!("queue `{}`: the answer of `StartMessageMoveTask` has no handle", source.name),
            )
        })
    }

    /// The latest tasks of `source`, newest first.
    ///
    /// # Errors
    /// What `ListMessageMoveTasks` answers.
    pub async fn move_tasks(&self, source: &Queue) -> Result<Vec<MoveTask>, BusError> {
        let answer = self.sqs.list_message_move_tasks().source_arn(&source.arn).max_results(10).send().await;
        let answer =
            answer.map_err(|e| BusError::from_sdk("ListMessageMoveTasks", &format!("queue `{}`", source.name), &e))?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let tasks = answer.results.unwrap_or_default().into_iter().map(|task| MoveTask {
            handle: task.task_handle,
            status: task.status.unwrap_or_default(),
            moved: count(task.approximate_number_of_messages_moved),
            total: task.approximate_number_of_messages_to_move.map(count),
            started_ms: task.started_timestamp,
            failure: task.failure_reason,
        });
        Ok(tasks.collect())
    }

    /// Asks for the end of a task. What it moves meanwhile stays moved; returns about how many that are so far.
    ///
    /// # Errors
    /// What `CancelMessageMoveTask` answers.
    pub async fn cancel_move(&self, source: &Queue, handle: &str) -> Result<u64, BusError> {
        let answer = self.sqs.cancel_message_move_task().task_handle(handle).send().await;
        let answer =
            answer.map_err(|e| BusError::from_sdk("CancelMessageMoveTask", &format!("queue `{}`", source.name), &e))?;
        Ok(u64::try_from(answer.approximate_number_of_messages_moved).unwrap_or(0))
    }
}
