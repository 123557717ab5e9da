//! Deleting messages and changing how long they stay hidden.

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::store::Tx;
use super::super::store::catalogue::Queue;
use super::super::store::messages;
use super::receipt::{self, Receipt};
use super::types::{Batch, BatchAnswer, Failed, Nothing, Settle, Settled};
use super::{batch, queues};

/// The longest a message may stay hidden after one receive, in seconds.
const LONGEST: i64 = 43_200;

/// What is to be done to a message.
#[derive(Clone, Copy)]
pub(crate) enum Action {
    Delete,
    ChangeVisibility,
}

impl Action {
    fn entry(self) -> &'static str {
        match self {
            Self::Delete => "DeleteMessageBatchRequestEntry",
            Self::ChangeVisibility => "ChangeMessageVisibilityBatchRequestEntry",
        }
    }
}

pub(crate) async fn one(cx: &Cx<'_>, action: Action, input: Settle) -> ApiResult<Nothing> {
    let name = queues::named(cx, input.queue_url.as_ref())?;
    let now = cx.now();
    cx.write(move |tx| {
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        settle(tx, &queue, action, &input, now)?;
        Ok(Nothing {})
    })
    .await
}

pub(crate) async fn many(cx: &Cx<'_>, action: Action, input: Batch<Settle>) -> ApiResult<BatchAnswer<Settled>> {
    let name = queues::named(cx, input.queue_url.as_ref())?;
    let ids = batch::ids(input.entries.iter().map(|entry| entry.id.as_deref()), action.entry())?;
    let now = cx.now();
    cx.write(move |tx| {
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        let mut answer = BatchAnswer { successful: Vec::new(), failed: Vec::new() };
        for (id, entry) in ids.into_iter().zip(&input.entries) {
            match settle(tx, &queue, action, entry, now) {
                Ok(()) => answer.successful.push(Settled { id }),
                Err(error) if error.sender => answer.failed.push(Failed::of(id, error)),
                // The file, not the entry: the whole call fails, so that nothing half-done is called a success.
                Err(error) => return Err(error),
            }
        }
        Ok(answer)
    })
    .await
}

fn settle(tx: &mut Tx<'_>, queue: &Queue, action: Action, input: &Settle, now: i64) -> ApiResult<()> {
    let handle = input.receipt_handle.as_deref().ok_or_else(|| ApiError::missing("ReceiptHandle"))?;
    let receipt = Receipt::parse(handle)?;
    if receipt.queue != queue.id {
        return Err(receipt::invalid(handle));
    }
    match action {
        // An old handle deletes too, and one of a message that is gone succeeds: deleting twice is no error on AWS.
        // FIFO queues want the handle of the receive that still has the message
        // (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
        Action::Delete => {
            let state = if queue.fifo() { messages::state(tx, queue.id, receipt.seq)? } else { None };
            if state.is_some_and(|(receives, visible)| visible <= now || receives != receipt.receives) {
                return Err(ApiError::invalid_value(format!(
                    "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
                )));
            }
            messages::remove(tx, queue.id, receipt.seq, now).map(drop)
        }
        Action::ChangeVisibility => change_visibility(tx, queue, handle, receipt, input.visibility_timeout, now),
    }
}

fn change_visibility(
    tx: &mut Tx<'_>,
    queue: &Queue,
    handle: &str,
    receipt: Receipt,
    timeout: Option<i64>,
    now: i64,
) -> ApiResult<()> {
    let timeout = timeout.ok_or_else(|| ApiError::missing("VisibilityTimeout"))?;
    if !(0..=LONGEST).contains(&timeout) {
        return Err(ApiError::invalid_value(format!(
            "Value {timeout} for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and {LONGEST}."
        )));
    }
    let Some((receives, visible)) = messages::state(tx, queue.id, receipt.seq)? else {
        return Err(ApiError::invalid_value(format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
        )));
    };
    // A handle of an earlier receive must not take the message away from who has it now.
    if visible <= now || receives != receipt.receives {
        return Err(ApiError::coded(
            "MessageNotInflight",
            "AWS.SimpleQueueService.MessageNotInflight",
            "The message referred to isn't in flight.",
        ));
    }
    if now + timeout * 1_000 > receipt.at + LONGEST * 1_000 {
        return Err(ApiError::invalid_value(format!(
            "Value {timeout} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [{LONGEST} seconds]."
        )));
    }
    messages::set_visible(tx, queue.id, receipt.seq, now + timeout * 1_000, now)
}
