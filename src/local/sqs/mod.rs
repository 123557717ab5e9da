//! The operations of SQS.
//!
//! Typed requests in, typed answers out, independent of the protocol. May use `store`; must not know how anything looks on the
//! wire.
//!
//! What is faithful is so to AWS's recorded answers (localstack's `aws.validated` tests, Apache-2.0) and to its documentation, error
//! codes, sentences and statuses included; for every operation a golden in `tests/wire` shows it. What is not, or cannot be told:
//!
//! | operation | faithful | not, or not known |
//! |---|---|---|
//! | AddPermission | labels, accounts, actions, the statement that it writes | policies are kept and shown, and nobody is refused for them; accounts need not exist; no limit of 20 statements |
//! | CancelMessageMoveTask | goes on for a while (five seconds here) after it is asked to stop; handles, errors | – |
//! | ChangeMessageVisibility | also with the handle of an earlier receive and after the timeout has passed, in standard queues; FIFO queues want the last handle in time; twelve hours in all | `MessageNotInflight` is never answered: no recording shows when AWS does. FIFO queues refuse expired handles in the words of DeleteMessage |
//! | ChangeMessageVisibilityBatch | as above, entry by entry | – |
//! | CreateQueue | names, attributes, tags, being made twice, encryption that excludes the other | the 60 seconds after a deletion are off unless asked for in [`OpenOptions`](super::OpenOptions); keys are not looked up; the sentence for a dead-letter queue that does not allow its source is ours |
//! | DeleteMessage | deleting twice, with old handles in standard queues, never with expired ones in FIFO queues | – |
//! | DeleteMessageBatch | as above, entry by entry | – |
//! | DeleteQueue | – | at once, where AWS takes up to 60 seconds |
//! | GetQueueAttributes | names, defaults, what `All` shows | counts are exact and of this moment, where AWS's lag |
//! | GetQueueUrl | other accounts' queues, too | – |
//! | ListDeadLetterSourceQueues | pages; the owner's URLs | sources in other accounts or regions are accepted as sources and not listed |
//! | ListMessageMoveTasks | the latest first, ten at most, handles only of running tasks | tasks are listed for as long as the file lives |
//! | ListQueueTags | all | – |
//! | ListQueues | pages, prefixes, order by name | tokens of a page are ours |
//! | PurgeQueue | what is in flight and delayed goes too, and duplicates are forgotten | at once; the 60 seconds between two are off unless asked for in [`OpenOptions`](super::OpenOptions) |
//! | ReceiveMessage | attribute names and their wildcards, dead-lettering, group order and turns, attempts asked for again, 120,000 in flight (an error for short polls of standard queues, nothing otherwise) | a short poll sees every message; among the next 32 the oldest come first, so order is better than AWS's; a group id on a standard queue is kept and shown and makes nobody wait; `SenderId` is the account |
//! | RemovePermission | as AddPermission | – |
//! | SendMessage | characters, sizes in bytes with attributes, attribute names, types and values, digests, the trace header of the request, duplicates answered with the first one's ids for five minutes, delays | throughput is not limited; messages that nobody receives are counted right after their retention but stay in the file until a receive, a purge or a deletion |
//! | SendMessageBatch | as above; one bad entry refuses the whole of a FIFO queue's batch | – |
//! | SetQueueAttributes | as CreateQueue; policies looked at for what AWS is known to refuse; an empty value takes a policy or a key away; a new deduplication scope counts after 60 seconds | everything else counts at once, where AWS takes up to 60 seconds |
//! | StartMessageMoveTask | rates, one task a source, 100 an account, 36 hours, new ids and times, back to each message's own source | a task moves what was there when it began; the codes for the last two limits are ours |
//! | TagQueue | 50 tags, lengths of keys and values | the sentences for lengths are ours |
//! | UntagQueue | all | – |
//!
//! In both protocols: an unknown action is `InvalidAction`; wrong types are a `SerializationException` in AWS's words where they are
//! known. Query is answered at a queue's own address, too, and in JSON when `Accept` asks for it.

pub(crate) mod attributes;
mod batch;
pub(crate) mod digest;
mod moves;
pub(crate) mod permissions;
pub(crate) mod queues;
mod receipt;
pub(crate) mod receive;
pub(crate) mod send;
mod settle;
pub(crate) mod types;

pub(crate) use moves::drive as drive_moves;
pub(crate) use receive::Plenty;

use super::Cx;
use super::error::{ApiError, ApiResult};
use super::wire::{Answer, Input};

/// All there are
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html>).
pub(crate) const OPERATIONS: [&str; 23] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "RemovePermission",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// Runs `operation`.
pub(crate) async fn call(cx: &Cx<'_>, operation: &str, input: Input) -> ApiResult<Answer> {
    match operation {
        "SendMessage" => input.answer(send::one(cx, input.parse()?, input.trace()).await?),
        "SendMessageBatch" => input.answer(send::many(cx, input.parse()?, input.trace()).await?),
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
        unknown => Err(ApiError::invalid_action(unknown)),
    }
}
