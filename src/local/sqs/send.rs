//! Sending to a queue, one message or up to ten.

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::{odd_char, valid_text};
use super::super::store::Tx;
use super::super::store::catalogue::Queue;
use super::super::store::fifo;
use super::super::store::messages::{self, Put};
use super::types::{Batch, BatchAnswer, Failed, SendMessage, Sent, WireAttribute, WireAttributes};
use super::{batch, digest, queues};
use crate::clock::random_id;

/// Bytes of all messages of a batch together, at most; also of one message.
const MOST_BYTES: usize = 1_048_576;
const MOST_ATTRIBUTES: usize = 10;
/// The model's name of a batch's entry.
const ENTRY: &str = "SendMessageBatchRequestEntry";

/// A message that was found good, with all that does not depend on its queue.
pub(crate) struct Ready {
    body: String,
    attributes: Option<String>,
    group_id: Option<String>,
    dedup_id: Option<String>,
    trace: Option<String>,
    delay: Option<i64>,
    size: usize,
    id: uuid::Uuid,
    answer: Sent,
}

/// Where a message stands: its errors are worded by it.
#[derive(Clone, Copy)]
enum Place {
    Alone,
    /// Entry of a batch, counted from one.
    Entry(usize),
}

pub(crate) async fn one(cx: &Cx<'_>, input: SendMessage, trace: Option<String>) -> ApiResult<Sent> {
    let name = queues::named(cx, input.queue_url.as_ref())?;
    let ready = check(input, name.fifo(), Place::Alone, trace);
    let clock = cx.clock();
    cx.write_checked(move |tx| {
        let now = clock.now_ms();
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        let ready = ready?;
        fits(&queue, &ready, Place::Alone)?;
        store(tx, &queue, ready, now)
    })
    .await
}

pub(crate) async fn many(
    cx: &Cx<'_>,
    input: Batch<SendMessage>,
    trace: Option<String>,
) -> ApiResult<BatchAnswer<Sent>> {
    let name = queues::named(cx, input.queue_url.as_ref())?;
    let entries = input.entries()?;
    let ids = batch::ids(entries.iter().map(|entry| entry.id.as_deref()), ENTRY);
    let total: usize = entries.iter().map(size_of).sum();
    let fifo = name.fifo();
    let checked: Vec<_> = entries
        .into_iter()
        .enumerate()
        .map(|(at, entry)| check(entry, fifo, Place::Entry(at + 1), trace.clone()))
        .collect();
    let clock = cx.clock();
    cx.write_checked(move |tx| {
        let now = clock.now_ms();
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        let ids = ids?;
        if total > MOST_BYTES {
            return Err(ApiError::coded(
                "BatchRequestTooLong",
                "AWS.SimpleQueueService.BatchRequestTooLong",
                format!("Batch requests cannot be longer than {MOST_BYTES} bytes. You have sent {total} bytes."),
            ));
        }
        let fitting = |(at, entry): (usize, ApiResult<Ready>)| {
            entry.and_then(|ready| fits(&queue, &ready, Place::Entry(at + 1)).map(|()| ready))
        };
        let checked: Vec<ApiResult<Ready>> = checked.into_iter().enumerate().map(fitting).collect();
        // Order would suffer if some went and some did not: one bad entry refuses all of a FIFO queue's (recorded AWS
        // answers, localstack tests, Apache-2.0: `test_send_batch_missing_*_for_fifo_queue`).
        if let Some(Err(refused)) = checked.iter().find(|entry| fifo && entry.is_err()) {
            return Err(refused.clone());
        }
        let mut answer = BatchAnswer { successful: Vec::new(), failed: Vec::new() };
        for (id, entry) in ids.into_iter().zip(checked) {
            match entry {
                // A file that cannot be written fails the whole call; an entry that is too long fails alone.
                Ok(ready) => answer.successful.push(Sent { id: Some(id), ..store(tx, &queue, ready, now)? }),
                Err(error) => answer.failed.push(Failed::of(id, error)),
            }
        }
        Ok(answer)
    })
    .await
}

fn size_of(message: &SendMessage) -> usize {
    message.message_body.as_ref().map_or(0, String::len) + digest::size_of_attributes(&message.message_attributes)
}

/// A message by itself for a queue that is not FIFO, as far as can be said without the queue; under the id that its sender
/// chose, if one was.
pub(crate) fn checked(message: SendMessage, id: Option<uuid::Uuid>) -> ApiResult<Ready> {
    let mut ready = check(message, false, Place::Alone, None)?;
    if let Some(id) = id {
        (ready.id, ready.answer.message_id) = (id, id.to_string());
    }
    Ok(ready)
}

/// The message, if `queue` takes it.
pub(crate) fn fitting(queue: &Queue, message: Ready) -> ApiResult<Ready> {
    fits(queue, &message, Place::Alone).map(|()| message)
}

fn fits(queue: &Queue, message: &Ready, place: Place) -> ApiResult<()> {
    let most = queue.number("MaximumMessageSize");
    if message.size as i64 > most {
        // Of an entry that fails alone AWS says it in other words (recorded, `test_send_batch_message_size`).
        let found = match place {
            Place::Entry(_) if !queue.fifo() => "cannot be validated",
            _ => "are invalid",
        };
        return Err(ApiError::invalid_value(format!(
            "One or more parameters {found}. Reason: Message must be shorter than {most} bytes."
        )));
    }
    if queue.fifo() && message.dedup_id.is_none() && !queue.content_based() {
        return Err(ApiError::invalid_value(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ));
    }
    Ok(())
}

/// Puts a message into its queue and returns what is answered. A duplicate is answered with the one before it.
pub(crate) fn store(tx: &mut Tx<'_>, queue: &Queue, mut message: Ready, now: i64) -> ApiResult<Sent> {
    let delay = message.delay.unwrap_or_else(|| queue.number("DelaySeconds"));
    if queue.fifo() {
        let group = message.group_id.as_deref().unwrap_or_default();
        let dedup_id = message.dedup_id.get_or_insert_with(|| digest::sha256(&message.body));
        let scope = queue.scope(group, now);
        if let Some(earlier) = fifo::seen(tx, queue.id, scope, dedup_id, now)? {
            message.answer.message_id = uuid::Uuid::from_bytes(earlier.message).to_string();
            message.answer.sequence_number = Some(earlier.sequence);
            return Ok(message.answer);
        }
        let sequence = fifo::sequence(tx);
        let id = message.id.into_bytes();
        fifo::remember(tx, queue.id, scope, dedup_id, id, &sequence, now)?;
        message.answer.sequence_number = Some(sequence);
    }
    let content = messages::put_content(tx, 1, &message.body, message.attributes.as_deref(), None)?;
    let put = Put {
        content,
        id: message.id.into_bytes(),
        subscription: None,
        sent: now,
        visible: now + delay * 1_000,
        group_id: message.group_id.as_deref(),
        dedup_id: message.dedup_id.as_deref(),
        sequence: message.answer.sequence_number.as_deref(),
        trace: message.trace.as_deref(),
    };
    messages::put(tx, queue.id, &put)?;
    Ok(message.answer)
}

fn check(message: SendMessage, fifo: bool, place: Place, trace: Option<String>) -> ApiResult<Ready> {
    let size = size_of(&message);
    let no_body = || match place {
        Place::Alone => ApiError::missing("MessageBody"),
        Place::Entry(at) => ApiError::missing(&format!("{ENTRY}.{at}.MessageBody")),
    };
    let body = message.message_body.filter(|body| !body.is_empty()).ok_or_else(no_body)?;
    if let Some(odd) = odd_char(&body) {
        return Err(invalid_contents(odd));
    }
    if let Some(delay) = message.delay_seconds.filter(|delay| !(0..=900).contains(delay)) {
        return Err(ApiError::invalid_value(format!(
            "Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
        )));
    }
    if let Some(delay) = message.delay_seconds.filter(|delay| fifo && *delay > 0) {
        return Err(ApiError::invalid_value(format!(
            "Value {delay} for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."
        )));
    }
    if fifo && message.message_group_id.is_none() {
        let missing = ApiError::missing("MessageGroupId");
        return Err(match place {
            Place::Alone => missing,
            Place::Entry(_) => ApiError::invalid_value(missing.message),
        });
    }
    if let Some(id) = message.message_deduplication_id.as_ref().filter(|id| fifo && !valid_group(id)) {
        return Err(ApiError::invalid_value(format!(
            "Value {id} for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        )));
    }
    if let Some(id) = message.message_deduplication_id.as_ref().filter(|_| !fifo) {
        return Err(ApiError::invalid_value(match place {
            Place::Alone => format!(
                "Value {id} for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type."
            ),
            Place::Entry(_) => "The request include parameter that is not valid for this queue type".to_owned(),
        }));
    }
    if let Some(group) = message.message_group_id.as_ref().filter(|group| !valid_group(group)) {
        return Err(ApiError::invalid_value(format!(
            "Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        )));
    }
    check_attributes(&message.message_attributes)?;
    let trace = check_system(&message.message_system_attributes)?.or(trace);
    let id = random_id();
    let answer = Sent {
        id: None,
        message_id: id.to_string(),
        body_digest: digest::of_text(&body),
        attributes_digest: digest::of_attributes(&message.message_attributes),
        system_digest: digest::of_attributes(&message.message_system_attributes),
        sequence_number: None,
    };
    let attributes = (!message.message_attributes.is_empty())
        .then(|| serde_json::to_string(&message.message_attributes))
        .transpose()
        .map_err(|e| ApiError::internal(e.to_string()))?;
    Ok(Ready {
        body,
        attributes,
        group_id: message.message_group_id,
        dedup_id: message.message_deduplication_id,
        trace,
        // Zero is accepted there, and the queue's own delay still counts.
        delay: message.delay_seconds.filter(|_| !fifo),
        size,
        id,
        answer,
    })
}

/// As AWS was seen to answer (Particular/NServiceBus.AmazonSQS issue 2630, asim/nitro-plugins issue 437).
fn invalid_contents(odd: char) -> ApiError {
    ApiError::new(
        "InvalidMessageContents",
        format!(
            "Invalid binary character '#x{:X}' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF].",
            u32::from(odd)
        ),
    )
}

/// 1 to 128 letters, digits and punctuation of ASCII.
pub(crate) fn valid_group(group: &str) -> bool {
    (1..=128).contains(&group.len()) && group.bytes().all(|b| b.is_ascii_graphic())
}

/// Checks message attributes as SQS does
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>).
fn check_attributes(attributes: &WireAttributes) -> ApiResult<()> {
    let invalid = |reason: String| Err(ApiError::invalid_value(reason));
    if attributes.len() > MOST_ATTRIBUTES {
        return invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MOST_ATTRIBUTES}].",
            attributes.len()
        ));
    }
    for (name, attribute) in attributes {
        if name.is_empty() {
            return invalid("The request must contain non-empty message (user) attribute names.".into());
        }
        if name.len() > 256 {
            return invalid("Message (user) attribute names must be shorter than 256 Bytes".into());
        }
        // Letters with accents pass, though no page says so (recorded AWS answers, localstack tests, Apache-2.0:
        // `test_send_message_with_invalid_string_attributes`).
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '\u{C0}'..='\u{17F}');
        if !name.chars().all(fine) {
            return invalid("Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens and underscores. ".into());
        }
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("aws.")
            || lower.starts_with("amazon.")
            || lower.starts_with('.')
            || lower.ends_with('.')
            || lower.contains("..")
        {
            return invalid("You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use. Additionally, they cannot start or end with '.'.".into());
        }
        check_value(name, attribute)?;
    }
    Ok(())
}

fn check_value(name: &str, attribute: &WireAttribute) -> ApiResult<()> {
    let invalid = |reason: String| Err(ApiError::invalid_value(reason));
    if attribute.is_list() {
        return Err(ApiError::coded(
            "UnsupportedOperation",
            "AWS.SimpleQueueService.UnsupportedOperation",
            "Message attribute list values in SendMessage operation are not supported.",
        ));
    }
    if attribute.string_value.is_none() && attribute.binary_value.is_none() {
        return invalid(format!(
            "The message (user) attribute '{name}' must contain a non-empty message attribute value."
        ));
    }
    let Some(data_type) = attribute.data_type.as_deref().filter(|data_type| !data_type.is_empty()) else {
        return invalid(format!(
            "The message (user) attribute '{name}' must contain a non-empty message attribute type."
        ));
    };
    if data_type.len() > 256 {
        return invalid("Message (user) attribute types must be shorter than 256 Bytes".into());
    }
    let base = data_type.split('.').next().unwrap_or_default();
    let empty =
        || invalid(format!("Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."));
    match base {
        "String" | "Number" => {
            let Some(text) = attribute.string_value.as_deref().filter(|text| !text.is_empty()) else { return empty() };
            // Unlike a body's, this is no error of contents (recorded, `test_invalid_string_attributes_cause_…`).
            if !valid_text(text) {
                return invalid("Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF".into());
            }
            if base == "Number" && !text.trim().parse::<f64>().is_ok_and(f64::is_finite) {
                return invalid(format!("Can't cast the value of message (user) attribute '{name}' to a number."));
            }
        }
        "Binary" => match attribute.binary_value.as_deref().map(digest::decoded) {
            Some(Some(bytes)) if !bytes.is_empty() => {}
            _ => return empty(),
        },
        _ => {
            return invalid(format!(
                "The type of message (user) attribute '{name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
            ));
        }
    }
    Ok(())
}

/// The trace header, the only system attribute that may be sent.
fn check_system(attributes: &WireAttributes) -> ApiResult<Option<String>> {
    let mut trace = None;
    for (name, attribute) in attributes {
        let value = attribute.string_value.clone().filter(|value| !value.is_empty());
        match (name.as_str(), attribute.data_type.as_deref(), value) {
            ("AWSTraceHeader", Some("String"), Some(value)) => trace = Some(value),
            ("AWSTraceHeader", ..) => {
                return Err(ApiError::invalid_value(
                    "Message system attribute 'AWSTraceHeader' must contain a non-empty value of type 'String'.",
                ));
            }
            (name, ..) => {
                return Err(ApiError::invalid_value(format!("Message system attribute name '{name}' is invalid.")));
            }
        }
    }
    Ok(trace)
}
