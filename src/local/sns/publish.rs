//! Publishing: one content, put into every queue whose subscription wants it, in one transaction.

use serde_json::Value;

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::{valid_entry_id, valid_text};
use super::super::sqs::digest;
use super::super::sqs::send::valid_group;
use super::super::sqs::types::Failed;
use super::super::store::Tx;
use super::super::store::catalogue::Topic;
use super::super::store::fifo;
use super::super::store::messages::{self, Put};
use super::notification::Origin;
use super::types::{Publish, PublishBatch, Published, PublishedBatch};
use super::{arns, attributes};
use crate::clock::random_id;
use crate::{event, filter};

/// Entries of a batch at most.
const MOST_ENTRIES: usize = 10;
/// Attributes that a raw message can take along into a queue.
const MOST_RAW_ATTRIBUTES: usize = 10;

/// A message that was found good, with all that does not depend on its topic.
struct Ready {
    id: uuid::Uuid,
    body: String,
    /// The message as it was published, where its structure says something else to queues. Duplicates are told by it: the topic
    /// looks for them before it looks at anybody's share.
    published: Option<String>,
    attributes: event::Attributes,
    attributes_json: Option<String>,
    subject: Option<String>,
    group_id: Option<String>,
    dedup_id: Option<String>,
    /// The trace header of the request.
    trace: Option<String>,
    size: usize,
}

pub(crate) async fn one(cx: &Cx<'_>, input: Publish) -> ApiResult<Published> {
    let arn = addressee(cx, &input)?;
    let fifo = arn.ends_with(".fifo");
    let ready = read(&input, None).and_then(|reading| check(input, reading, fifo, cx.caller.trace.clone()));
    let clock = cx.clock();
    cx.write_checked(move |tx| {
        let now = clock.now_ms();
        let topic = tx.catalogue.topic(tx.connection, &arn)?.ok_or_else(|| ApiError::not_found("Topic"))?;
        let ready = ready?;
        fits(&topic, &ready)?;
        publish(tx, &arn, &topic, ready, now)
    })
    .await
}

/// The topic that a message is for. What else could be addressed is not here: a phone number that could be sent to is refused
/// as not supported, and an endpoint of mobile push is never found, as none can be made.
fn addressee(cx: &Cx<'_>, input: &Publish) -> ApiResult<String> {
    if let Some(number) = &input.phone_number {
        return Err(if arns::valid_phone_number(number) {
            super::unsupported("Publish to a phone number is")
        } else {
            ApiError::parameter(format!("PhoneNumber Reason: {number} is not valid to publish to"))
        });
    }
    match (&input.topic_arn, &input.target_arn) {
        (None, Some(target)) if target.contains(":endpoint/") => {
            Err(ApiError::parameter("TargetArn Reason: No endpoint found for the target arn specified"))
        }
        (None, Some(target)) => arns::topic(&cx.caller, Some(target.clone()), "TargetArn"),
        (None, None) => Err(arns::absent("TopicArn or TargetArn")),
        (topic, _) => arns::topic(&cx.caller, topic.clone(), "TopicArn"),
    }
}

pub(crate) async fn many(cx: &Cx<'_>, input: PublishBatch) -> ApiResult<PublishedBatch> {
    let arn = arns::topic(&cx.caller, input.topic_arn, "TopicArn")?;
    let entries = input.publish_batch_request_entries;
    let ids = check_ids(&entries)?;
    let total: usize = entries.iter().map(size_of).sum();
    let fifo = arn.ends_with(".fifo");
    // A FIFO topic refuses a batch as a whole for what it would refuse one message.
    let groupless = fifo && entries.iter().any(|entry| entry.message_group_id.is_none());
    let nameless = fifo && entries.iter().any(|entry| entry.message_deduplication_id.is_none());
    // And every topic for what is wrong with the attributes or the structure of any message.
    let readings: ApiResult<Vec<Reading>> =
        entries.iter().enumerate().map(|(at, entry)| read(entry, Some(at + 1))).collect();
    // Judged here, where it holds nobody up; told below, after what is wrong with the topic.
    let trace = &cx.caller.trace;
    let checked = readings.map(|readings| -> Vec<ApiResult<Ready>> {
        entries.into_iter().zip(readings).map(|(entry, reading)| check(entry, reading, fifo, trace.clone())).collect()
    });
    let clock = cx.clock();
    cx.write_checked(move |tx| {
        let now = clock.now_ms();
        let topic = tx.catalogue.topic(tx.connection, &arn)?.ok_or_else(|| ApiError::not_found("Topic"))?;
        let checked = checked?;
        if groupless {
            return Err(no_group());
        }
        if nameless && !topic.content_based {
            return Err(no_dedup_id());
        }
        if total > topic.max_size {
            return Err(ApiError::coded(
                "BatchRequestTooLongException",
                "BatchRequestTooLong",
                "The length of all the messages put together is more than the limit.",
            ));
        }
        let mut answer = PublishedBatch { successful: Vec::new(), failed: Vec::new() };
        for (id, checked) in ids.into_iter().zip(checked) {
            match checked {
                Ok(ready) => {
                    answer.successful.push(Published { id: Some(id), ..publish(tx, &arn, &topic, ready, now)? });
                }
                Err(error) => answer.failed.push(Failed::of(id, error)),
            }
        }
        Ok(answer)
    })
    .await
}

fn check_ids(entries: &[Publish]) -> ApiResult<Vec<String>> {
    let refused = |shape, code, message: &str| Err(ApiError::coded(shape, code, message));
    if entries.is_empty() {
        return refused(
            "EmptyBatchRequestException",
            "EmptyBatchRequest",
            "The batch request doesn't contain any entries.",
        );
    }
    if entries.len() > MOST_ENTRIES {
        return refused(
            "TooManyEntriesInBatchRequestException",
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
        );
    }
    let mut seen: Vec<String> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let id = entry.id.as_deref();
        let id = id.ok_or_else(|| attributes::null_at(&format!("publishBatchRequestEntries.{}.member.id", at + 1)))?;
        if !valid_entry_id(id) {
            return refused(
                "InvalidBatchEntryIdException",
                "InvalidBatchEntryId",
                "The Id of a batch entry in a batch request doesn't abide by the specification.",
            );
        }
        if seen.iter().any(|earlier| earlier == id) {
            return refused(
                "BatchEntryIdsNotDistinctException",
                "BatchEntryIdsNotDistinct",
                "Two or more batch entries in the request have the same Id.",
            );
        }
        seen.push(id.to_owned());
    }
    Ok(seen)
}

/// The subject does not count.
fn size_of(message: &Publish) -> usize {
    message.message.as_ref().map_or(0, String::len) + digest::size_of_attributes(&message.message_attributes)
}

fn fits(topic: &Topic, message: &Ready) -> ApiResult<()> {
    if message.size > topic.max_size { Err(ApiError::parameter("Message too long")) } else { Ok(()) }
}

fn no_group() -> ApiError {
    ApiError::parameter("The MessageGroupId parameter is required for FIFO topics")
}

fn no_dedup_id() -> ApiError {
    ApiError::parameter(
        "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    )
}

/// What a message says, read but not yet judged.
struct Reading {
    attributes: event::Attributes,
    /// What queues get, where it is not the message as it was published.
    for_queues: Option<String>,
}

/// Reads the attributes and the structure of a message; `entry` is its number in a batch, from 1.
fn read(input: &Publish, entry: Option<usize>) -> ApiResult<Reading> {
    let attributes = attributes::check(&input.message_attributes, entry)?;
    if let (Some(at), None) = (entry, &input.message) {
        return Err(attributes::null_at(&format!("publishBatchRequestEntries.{at}.member.message")));
    }
    let for_queues = match (input.message_structure.as_deref(), input.message.as_deref()) {
        (None, _) | (_, None | Some("")) => None,
        (Some("json"), Some(message)) => Some(for_queues(message)?),
        (Some(_), _) => return Err(ApiError::parameter("MessageStructure")),
    };
    Ok(Reading { attributes, for_queues })
}

fn check(input: Publish, reading: Reading, fifo: bool, trace: Option<String>) -> ApiResult<Ready> {
    let size = size_of(&input);
    let message = input.message.ok_or_else(|| attributes::null_at("message"))?;
    if message.is_empty() {
        return Err(ApiError::parameter("Empty message"));
    }
    if !valid_text(&message) {
        return Err(ApiError::parameter("Message Reason: the message holds characters that no queue can take"));
    }
    if let Some(subject) = &input.subject {
        let letters = subject.chars().count();
        if letters == 0 || letters > 100 || subject.chars().any(char::is_control) {
            return Err(ApiError::parameter("Subject"));
        }
    }
    if fifo && input.message_group_id.is_none() {
        return Err(no_group());
    }
    if fifo && input.message_deduplication_id.as_ref().is_some_and(|id| !valid_group(id)) {
        return Err(ApiError::parameter(
            "MessageDeduplicationId Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length",
        ));
    }
    if !fifo && input.message_deduplication_id.is_some() {
        return Err(ApiError::parameter(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
        ));
    }
    if input.message_group_id.as_ref().is_some_and(|group| !valid_group(group)) {
        return Err(ApiError::parameter(
            "MessageGroupId Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length",
        ));
    }
    let attributes_json = (!reading.attributes.is_empty())
        .then(|| serde_json::to_string(&input.message_attributes))
        .transpose()
        .map_err(|e| ApiError::internal(e.to_string()))?;
    let (body, published) = match reading.for_queues {
        Some(body) => (body, Some(message)),
        None => (message, None),
    };
    Ok(Ready {
        id: random_id(),
        body,
        published,
        attributes: reading.attributes,
        attributes_json,
        subject: input.subject,
        group_id: input.message_group_id,
        dedup_id: input.message_deduplication_id,
        trace: trace.filter(|trace| valid_text(trace)),
        size,
    })
}

/// What a message of the structure `json` says to queues.
fn for_queues(message: &str) -> ApiResult<String> {
    let refused = |reason: &str| ApiError::parameter(format!("Message Structure - {reason}"));
    let parsed: Value = serde_json::from_str(message).map_err(|_| refused("JSON message body failed to parse"))?;
    let text = |key: &str| parsed.get(key).and_then(Value::as_str);
    let default = text("default").ok_or_else(|| refused("No default entry in JSON message body"))?;
    Ok(text("sqs").unwrap_or(default).to_owned())
}

/// Publishes a message and returns what is answered. On a FIFO topic a duplicate is answered with the one before it, and
/// reaches nobody.
fn publish(tx: &mut Tx<'_>, arn: &str, topic: &Topic, mut message: Ready, now: i64) -> ApiResult<Published> {
    let answered = |message_id: uuid::Uuid, sequence_number| {
        Ok(Published { id: None, message_id: message_id.to_string(), sequence_number })
    };
    if !arn.ends_with(".fifo") {
        deliver(tx, arn, topic, &message, None, now)?;
        return answered(message.id, None);
    }
    if message.dedup_id.is_none() && !topic.content_based {
        return Err(no_dedup_id());
    }
    let group = message.group_id.clone().unwrap_or_default();
    let scope = if topic.dedup_per_group { group.as_str() } else { "" };
    let said = message.published.as_deref().unwrap_or(&message.body);
    let dedup_id = message.dedup_id.get_or_insert_with(|| digest::sha256(said)).clone();
    if let Some(earlier) = fifo::seen(tx, -topic.id, scope, &dedup_id, now)? {
        return answered(uuid::Uuid::from_bytes(earlier.message), Some(earlier.sequence));
    }
    let sequence = fifo::topic_sequence(tx);
    fifo::remember(tx, -topic.id, scope, &dedup_id, message.id.into_bytes(), &sequence, now)?;
    deliver(tx, arn, topic, &message, Some(&sequence), now)?;
    answered(message.id, Some(sequence))
}

/// Where a message goes: a queue, from when on it is visible there, and what it is called.
struct Place {
    queue: i64,
    delay: i64,
    subscription: Option<[u8; 16]>,
    id: uuid::Uuid,
    /// In FIFO queues.
    sequence: Option<String>,
}

/// Puts a message into every queue that wants it. What cannot be delivered goes to the subscription's dead-letter queue, or
/// nowhere, as on AWS: the publisher is told nothing.
fn deliver(
    tx: &mut Tx<'_>,
    arn: &str,
    topic: &Topic,
    message: &Ready,
    sequence: Option<&str>,
    now: i64,
) -> ApiResult<()> {
    let mut places: Vec<Place> = Vec::with_capacity(topic.deliveries.len());
    // Its body is read as JSON once, if any policy asks for it.
    let asked = filter::Message::new(&message.attributes, &message.body);
    for delivery in &topic.deliveries {
        if delivery.filter.as_ref().is_some_and(|filter| !filter.accepts(&asked)) {
            continue;
        }
        // Which `MessageStructure` allows, and no queue holds
        // (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).
        if delivery.raw && message.body.is_empty() {
            continue;
        }
        let queue = tx.catalogue.maybe_queue(tx.connection, &delivery.queue)?.filter(|queue| {
            message.size as i64 <= queue.number("MaximumMessageSize")
                && !(delivery.raw && message.attributes.len() > MOST_RAW_ATTRIBUTES)
        });
        let queue = match (queue, &delivery.dead_letter) {
            (Some(queue), _) => Some(queue),
            (None, Some(dead_letter)) => tx.catalogue.maybe_queue(tx.connection, dead_letter)?,
            (None, None) => None,
        };
        let Some(queue) = queue else { continue };
        let mut place = Place {
            queue: queue.id,
            delay: queue.number("DelaySeconds"),
            subscription: (!delivery.raw).then_some(delivery.token),
            id: random_id(),
            sequence: None,
        };
        if queue.fifo() {
            // Only FIFO topics have both; a queue of the other type cannot be subscribed to a standard topic.
            let (Some(group), Some(dedup_id)) = (&message.group_id, &message.dedup_id) else { continue };
            let scope = queue.scope(group, now);
            // The queue looks for duplicates, too: they may have come another way.
            if fifo::seen(tx, queue.id, scope, dedup_id, now)?.is_some() {
                continue;
            }
            let number = fifo::sequence(tx);
            fifo::remember(tx, queue.id, scope, dedup_id, place.id.into_bytes(), &number, now)?;
            place.sequence = Some(number);
        }
        places.push(place);
    }
    if places.is_empty() {
        return Ok(());
    }
    let origin = Origin {
        message_id: message.id.to_string(),
        topic_arn: arn.to_owned(),
        subject: message.subject.clone(),
        at: now,
        signature_version: topic.signature_version.clone(),
        sequence: sequence.map(str::to_owned),
    };
    let origin = serde_json::to_string(&origin).map_err(|e| ApiError::internal(e.to_string()))?;
    let content =
        messages::put_content(tx, places.len(), &message.body, message.attributes_json.as_deref(), Some(&origin))?;
    for place in &places {
        let in_fifo = place.sequence.is_some();
        let put = Put {
            content,
            id: place.id.into_bytes(),
            subscription: place.subscription,
            sent: now,
            visible: now + place.delay * 1_000,
            // A standard queue gets the group of a standard topic's message, as a tenant, and nothing of a FIFO topic's.
            group_id: message.group_id.as_deref().filter(|_| in_fifo || sequence.is_none()),
            dedup_id: message.dedup_id.as_deref().filter(|_| in_fifo),
            sequence: place.sequence.as_deref(),
            trace: message.trace.as_deref(),
        };
        messages::put(tx, place.queue, &put)?;
    }
    Ok(())
}
