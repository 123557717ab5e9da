//! Tasks that move dead letters back or elsewhere.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>. A task lives in the
//! file and is driven by whichever process has the bus open: after a restart it goes on where it was.

use std::sync::Weak;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::OptionalExtension as _;

use super::super::error::{ApiError, ApiResult};
use super::super::names::QueueName;
use super::super::store::catalogue::Queue;
use super::super::store::{messages, moves};
use super::super::{Cx, Inner};
use super::types::{
    CancelMessageMoveTask, ListMessageMoveTasks, MoveTask, MoveTaskCancelled, MoveTaskStarted, MoveTasks,
    StartMessageMoveTask,
};
use crate::clock::random_id;

/// Tasks of one answer at most.
const MOST_LISTED: i64 = 10;
/// Tasks of one account that run at a time, at most
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>).
const MOST_ACTIVE: i64 = 100;
/// Messages a second at most.
const FASTEST: i64 = 500;
/// The driver looks at the clock at least this often: what is due can change under it.
const LOOK: Duration = Duration::from_secs(1);

fn no_resource(parameter: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("The resource that you specified for the {parameter} parameter doesn't exist."),
    )
    .status(404)
}

fn arn_of(parameter: &str, arn: &str) -> ApiResult<QueueName> {
    QueueName::from_arn(arn).ok_or_else(|| {
        ApiError::invalid_value(format!(
            "You must use this format to specify the {parameter}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
        ))
    })
}

pub(crate) async fn start(cx: &Cx<'_>, input: StartMessageMoveTask) -> ApiResult<MoveTaskStarted> {
    let source = input.source_arn.ok_or_else(|| ApiError::missing("SourceArn"))?;
    let source_name = arn_of("SourceArn", &source)?;
    let destination = input.destination_arn.filter(|arn| !arn.is_empty());
    let destination_name = destination.as_deref().map(|arn| arn_of("DestinationArn", arn)).transpose()?;
    let rate = input.max_number_of_messages_per_second;
    if let Some(rate) = rate.filter(|rate| !(1..=FASTEST).contains(rate)) {
        return Err(ApiError::invalid_value(format!(
            "Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a number between 1 and {FASTEST}."
        )));
    }
    let now = cx.now();
    let started = cx
        .write(move |tx| {
            let queue =
                tx.catalogue.maybe_queue(tx.connection, &source_name)?.ok_or_else(|| no_resource("SourceArn"))?;
            let dead_letters: Option<i64> = tx
                .connection
                .prepare_cached(
                    "SELECT 1 FROM queues WHERE
                     json_extract(json_extract(attributes, '$.RedrivePolicy'), '$.deadLetterTargetArn') = ?1 LIMIT 1",
                )?
                .query_row([&source], |row| row.get(0))
                .optional()?;
            if dead_letters.is_none() {
                return Err(ApiError::invalid_value("Source queue must be configured as a Dead Letter Queue."));
            }
            if let Some(name) = &destination_name {
                let target =
                    tx.catalogue.maybe_queue(tx.connection, name)?.ok_or_else(|| no_resource("DestinationArn"))?;
                if target.id == queue.id {
                    return Err(ApiError::invalid_value(
                        "Source queue arn and destination queue arn cannot be the same.",
                    ));
                }
                if target.fifo() != queue.fifo() {
                    return Err(ApiError::invalid_value(
                        "The source queue and destination queue must be of the same queue type.",
                    ));
                }
            }
            if moves::runs(tx, &source)? {
                return Err(ApiError::invalid_value(
                    "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
                ));
            }
            if moves::running(tx, &queue.name.account)? >= MOST_ACTIVE {
                return Err(ApiError::over_limit(format!(
                    "The maximum number of active message movement tasks of an account is {MOST_ACTIVE}."
                )));
            }
            let total = messages::count(tx.connection, &queue, now)?.visible;
            let handle = STANDARD
                .encode(serde_json::json!({ "taskId": random_id().to_string(), "sourceArn": source }).to_string());
            let last = moves::place_now(tx);
            tx.connection
                .prepare_cached(
                    "INSERT INTO move_tasks (handle, source, destination, rate, status, started, moved, total, last, next)
                     VALUES (?1, ?2, ?3, ?4, 'RUNNING', ?5, 0, ?6, ?7, ?8)",
                )?
                .execute((&handle, &source, &destination, rate, now, total, last, now * 1_000))?;
            moves::recount(tx)?;
            Ok(MoveTaskStarted { task_handle: handle })
        })
        .await?;
    cx.bus.store.set_moving();
    Ok(started)
}

/// The source queue that a task's handle names; `None` when it is no handle.
fn source_of(handle: &str) -> Option<String> {
    let text = STANDARD.decode(handle).ok()?;
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&text).ok()?;
    fields.get("taskId")?.as_str()?;
    Some(fields.get("sourceArn")?.as_str()?.to_owned())
}

pub(crate) async fn cancel(cx: &Cx<'_>, input: CancelMessageMoveTask) -> ApiResult<MoveTaskCancelled> {
    let handle = input.task_handle.ok_or_else(|| ApiError::missing("TaskHandle"))?;
    // What is refused, and in which order: recorded AWS answers, localstack tests, Apache-2.0, `test_cancel_with_invalid_*`.
    let source =
        source_of(&handle).ok_or_else(|| ApiError::invalid_value("Value for parameter TaskHandle is invalid."))?;
    let name = arn_of("SourceArn", &source)?;
    let now = cx.now();
    cx.write(move |tx| {
        let found: Option<(i64, String, i64)> = tx
            .connection
            .prepare_cached("SELECT id, status, moved FROM move_tasks WHERE handle = ?1")?
            .query_row([handle], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((id, status, moved)) = found else {
            tx.catalogue.maybe_queue(tx.connection, &name)?.ok_or_else(|| no_resource("SourceArn"))?;
            return Err(ApiError::new("ResourceNotFoundException", "Task does not exist.").status(404));
        };
        if status != "RUNNING" {
            return Err(ApiError::invalid_value("Only active tasks can be cancelled."));
        }
        tx.connection
            .prepare_cached("UPDATE move_tasks SET status = 'CANCELLING', cancelled = ?2 WHERE id = ?1")?
            .execute((id, now))?;
        Ok(MoveTaskCancelled { moved })
    })
    .await
}

pub(crate) async fn list(cx: &Cx<'_>, input: ListMessageMoveTasks) -> ApiResult<MoveTasks> {
    let source = input.source_arn.ok_or_else(|| ApiError::missing("SourceArn"))?;
    let name = arn_of("SourceArn", &source)?;
    let most = input.max_results.unwrap_or(1);
    if !(1..=MOST_LISTED).contains(&most) {
        return Err(ApiError::invalid_value(format!(
            "Value {most} for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and {MOST_LISTED}."
        )));
    }
    cx.read(move |connection| {
        Queue::find(connection, &name)?.ok_or_else(|| no_resource("SourceArn"))?;
        let results = connection
            .prepare_cached(
                "SELECT handle, status, source, destination, rate, moved, total, failure, started FROM move_tasks
                 WHERE source = ?1 ORDER BY id DESC LIMIT ?2",
            )?
            .query_map((source, most), |row| {
                let status: String = row.get(1)?;
                Ok(MoveTask {
                    task_handle: if status == "RUNNING" { Some(row.get(0)?) } else { None },
                    status,
                    source_arn: row.get(2)?,
                    destination_arn: row.get(3)?,
                    rate: row.get(4)?,
                    moved: row.get(5)?,
                    to_move: row.get(6)?,
                    failure_reason: row.get(7)?,
                    started_timestamp: row.get(8)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(MoveTasks { results })
    })
    .await
}

/// Drives all tasks of the file until none is left or the bus is closed.
pub(crate) async fn drive(bus: Weak<Inner>) {
    loop {
        let Some(inner) = bus.upgrade() else { return };
        let now = inner.options.clock.now_ms();
        let wait = match inner.store.write(move |tx| moves::step(tx, now)).await {
            Ok(Some(due)) => Duration::from_millis(u64::try_from(due - now).unwrap_or(0)).min(LOOK),
            // The file may be writable again in a moment; what was due stays due.
            Err(_) => LOOK,
            Ok(None) => {
                inner.driver_ended();
                // A task that began just now found a driver, this one: it must not be left alone.
                if inner.store.moving() && inner.driver_begins() {
                    continue;
                }
                return;
            }
        };
        drop(inner);
        tokio::time::sleep(wait).await;
    }
}
