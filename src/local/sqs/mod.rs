//! The operations of SQS.
//!
//! Typed requests in, typed answers out, independent of the protocol. May use `store`; must not know how anything looks on the
//! wire.
//!
//! | operation | state |
//! |---|---|
//! | CreateQueue, GetQueueUrl, ListQueues, DeleteQueue, Get/SetQueueAttributes, TagQueue, UntagQueue, ListQueueTags, ListDeadLetterSourceQueues | as AWS, redrive allow policies included; throughput limits of FIFO queues are kept and have no effect |
//! | PurgeQueue | at once; the 60 seconds between two are off unless asked for in [`OpenOptions`](super::OpenOptions) |
//! | SendMessage, SendMessageBatch | as AWS; a duplicate in a FIFO queue is answered with the first one's ids |
//! | ReceiveMessage | as AWS, but a short poll sees every message, and messages come in order unless they were given back; groups of a FIFO queue are served by the age of their first message; a group id on a standard queue is kept and shown and makes nobody wait |
//! | DeleteMessage, ChangeMessageVisibility and their batches | as AWS; a handle of an earlier receive still deletes in standard queues and no longer changes visibility |
//! | AddPermission, RemovePermission | as AWS; policies are kept, shown and not asked |
//! | StartMessageMoveTask, CancelMessageMoveTask, ListMessageMoveTasks | as AWS; a task moves what was there when it began, goes on after a restart, and stops five seconds after it was asked to |

pub(crate) mod attributes;
mod batch;
pub(crate) mod digest;
mod moves;
mod permissions;
pub(crate) mod queues;
mod receipt;
pub(crate) mod receive;
pub(crate) mod send;
mod settle;
pub(crate) mod types;

pub(crate) use moves::drive as drive_moves;

use super::Cx;
use super::error::{ApiError, ApiResult};
use super::wire::{Answer, Input};

/// Runs `operation`.
pub(crate) async fn call(cx: &Cx<'_>, operation: &str, input: Input) -> ApiResult<Answer> {
    match operation {
        "SendMessage" => input.answer(send::one(cx, input.parse()?).await?),
        "SendMessageBatch" => input.answer(send::many(cx, input.parse()?).await?),
        "ReceiveMessage" => input.answer(receive::receive(cx, input.parse()?).await?),
        "DeleteMessage" => input.answer(settle::one(cx, settle::Action::Delete, input.parse()?).await?),
        "DeleteMessageBatch" => input.answer(settle::many(cx, settle::Action::Delete, input.parse()?).await?),
        "ChangeMessageVisibility" => {
            input.answer(settle::one(cx, settle::Action::ChangeVisibility, input.parse()?).await?)
        }
        "ChangeMessageVisibilityBatch" => {
            input.answer(settle::many(cx, settle::Action::ChangeVisibility, input.parse()?).await?)
        }
        "CreateQueue" => input.answer(queues::create(cx, input.parse()?).await?),
        "DeleteQueue" => input.answer(queues::delete(cx, input.parse()?).await?),
        "GetQueueUrl" => input.answer(queues::url(cx, input.parse()?).await?),
        "ListQueues" => input.answer(queues::list(cx, input.parse()?).await?),
        "GetQueueAttributes" => input.answer(queues::get_attributes(cx, input.parse()?).await?),
        "SetQueueAttributes" => input.answer(queues::set_attributes(cx, input.parse()?).await?),
        "PurgeQueue" => input.answer(queues::purge(cx, input.parse()?).await?),
        "TagQueue" => input.answer(queues::tag(cx, input.parse()?).await?),
        "UntagQueue" => input.answer(queues::untag(cx, input.parse()?).await?),
        "ListQueueTags" => input.answer(queues::tags(cx, input.parse()?).await?),
        "ListDeadLetterSourceQueues" => input.answer(queues::dead_letter_sources(cx, input.parse()?).await?),
        "AddPermission" => input.answer(permissions::add(cx, input.parse()?).await?),
        "RemovePermission" => input.answer(permissions::remove(cx, input.parse()?).await?),
        "StartMessageMoveTask" => input.answer(moves::start(cx, input.parse()?).await?),
        "CancelMessageMoveTask" => input.answer(moves::cancel(cx, input.parse()?).await?),
        "ListMessageMoveTasks" => input.answer(moves::list(cx, input.parse()?).await?),
        unknown => Err(ApiError::coded(
            "UnknownOperationException",
            "InvalidAction",
            format!("The action {unknown} is not valid for this endpoint."),
        )),
    }
}
