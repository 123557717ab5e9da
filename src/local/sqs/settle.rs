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
    let clock = cx.clock();
    cx.write_checked(move |tx| {
        let now = clock.now_ms();
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        settle(tx, &queue, action, &input, now)?;
        Ok(Nothing {})
    })
    .await
}

pub(crate) async fn many(cx: &Cx<'_>, action: Action, input: Batch<Settle>) -> ApiResult<BatchAnswer<Settled>> {
    let name = queues::named(cx, input.queue_url.as_ref())?;
    let entries = input.entries()?;
    let ids = batch::ids(entries.iter().map(|entry| entry.id.as_deref()), action.entry());
    let clock = cx.clock();
    cx.write_checked(move |tx| {
        let now = clock.now_ms();
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        let ids = ids?;
        let mut answer = BatchAnswer { successful: Vec::new(), failed: Vec::new() };
        for (id, entry) in ids.into_iter().zip(&entries) {
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
    let handle = input.receipt_handle.as_deref().filter(|handle| !handle.trim().is_empty());
    let handle = handle.ok_or_else(|| ApiError::missing("ReceiptHandle"))?;
    let timeout = match action {
        Action::Delete => 0,
        Action::ChangeVisibility => timeout_of(input.visibility_timeout)?,
    };
    let receipt = Receipt::parse(handle)?;
    if receipt.queue != queue.id {
        return Err(receipt::foreign(handle));
    }
    // Deleting from a standard queue, the most frequent of these, asks nothing of the message.
    let asked = queue.fifo() || matches!(action, Action::ChangeVisibility);
    let state = if asked { messages::state(tx, queue.id, receipt.seq)? } else { None };
    // FIFO queues want the handle of the receive that still has the message
    // (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
    if let Some((receives, visible)) = state.filter(|_| queue.fifo())
        && (visible <= now || receives != receipt.receives)
    {
        return Err(match (action, &input.id) {
            (Action::Delete, Some(_)) => receipt::expired(),
            _ => ApiError::invalid_value(format!(
                "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
            )),
        });
    }
    match action {
        // An old handle deletes too, and one of a message that is gone succeeds: deleting twice is no error on AWS.
        Action::Delete => messages::remove(tx, queue.id, receipt.seq, now).map(drop),
        // An old handle changes the visibility too, also of a message that can be seen by everybody again and also while
        // somebody else has it (recorded AWS answers, localstack tests, Apache-2.0:
        // `test_change_message_visibility_after_visibility_timeout_expiration`,
        // `test_terminate_visibility_timeout_after_receive`).
        Action::ChangeVisibility if state.is_none() => Err(ApiError::invalid_value(format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
        ))),
        Action::ChangeVisibility if now + timeout * 1_000 > receipt.at + LONGEST * 1_000 => {
            Err(ApiError::invalid_value(format!(
                "Value {timeout} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [{LONGEST} seconds]"
            )))
        }
        Action::ChangeVisibility => messages::set_visible(tx, queue.id, receipt.seq, now + timeout * 1_000, now),
    }
}

/// Checks a visibility timeout, in seconds.
fn timeout_of(timeout: Option<i64>) -> ApiResult<i64> {
    let timeout = timeout.ok_or_else(|| ApiError::missing("VisibilityTimeout"))?;
    if (0..=LONGEST).contains(&timeout) {
        return Ok(timeout);
    }
    Err(ApiError::invalid_value(format!(
        "Value {timeout} for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and {LONGEST}"
    )))
}
