//! Publishing: one content, put into every queue whose subscription wants it, in one transaction.

use serde_json::Value;

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::{split_arn, valid_entry_id, valid_text};
use super::super::sqs::digest;
use super::super::sqs::send::valid_group;
use super::super::sqs::types::{Failed, WireAttributes};
use super::super::store::Tx;
use super::super::store::catalogue::Topic;
use super::super::store::fifo;
use super::super::store::messages::{self, Put};
use super::notification::Origin;
use super::types::{Publish, PublishBatch, Published, PublishedBatch};
use crate::clock::random_id;
use crate::event;

/// Entries of a batch at most.
const MOST_ENTRIES: usize = 10;
/// Attributes that a raw message can take along into a queue.
const MOST_RAW_ATTRIBUTES: usize = 10;

/// A message that was found good, with all that does not depend on its topic.
struct Ready {
    id: uuid::Uuid,
    body: String,
    attributes: event::Attributes,
    attributes_json: Option<String>,
    subject: Option<String>,
    group_id: Option<String>,
    dedup_id: Option<String>,
    size: usize,
}

pub(crate) async fn one(cx: &Cx<'_>, mut input: Publish) -> ApiResult<Published> {
    if input.phone_number.is_some() {
        return Err(super::unsupported("Publish to a phone number is"));
    }
    let arn = input
        .topic_arn
        .take()
        .or_else(|| input.target_arn.take())
        .ok_or_else(|| ApiError::parameter("TopicArn or TargetArn Reason: no value for required parameter"))?;
    check_arn(&arn)?;
    let fifo = arn.ends_with(".fifo");
    let ready = check(input, fifo);
    let now = cx.now();
    cx.write(move |tx| {
        let topic = tx.catalogue.topic(tx.connection, &arn)?.ok_or_else(|| ApiError::not_found("Topic"))?;
        let ready = ready?;
        fits(&topic, &ready)?;
        publish(tx, &arn, &topic, ready, now)
    })
    .await
}

pub(crate) async fn many(cx: &Cx<'_>, input: PublishBatch) -> ApiResult<PublishedBatch> {
    let arn = input.topic_arn.ok_or_else(|| ApiError::parameter("TopicArn Reason: no value for required parameter"))?;
    check_arn(&arn)?;
    let entries = input.publish_batch_request_entries;
    let ids = check_ids(&entries)?;
    let total: usize = entries.iter().map(size_of).sum();
    let fifo = arn.ends_with(".fifo");
    // A FIFO topic refuses a batch as a whole for what it would refuse one message.
    let groupless = fifo && entries.iter().any(|entry| entry.message_group_id.is_none());
    let nameless = fifo && entries.iter().any(|entry| entry.message_deduplication_id.is_none());
    let entries: Vec<(String, ApiResult<Ready>)> =
        ids.into_iter().zip(entries.into_iter().map(|entry| check(entry, fifo))).collect();
    let now = cx.now();
    cx.write(move |tx| {
        let topic = tx.catalogue.topic(tx.connection, &arn)?.ok_or_else(|| ApiError::not_found("Topic"))?;
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
        for (id, entry) in entries {
            match entry {
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

fn check_arn(arn: &str) -> ApiResult<()> {
    match split_arn(arn) {
        Some(parts) if parts.service == "sns" && !parts.resource.contains('/') => Ok(()),
        Some(parts) if parts.service == "sns" => Err(super::unsupported("Publish to a mobile endpoint is")),
        _ => Err(ApiError::parameter("TopicArn")),
    }
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
    for entry in entries {
        let Some(id) = entry.id.as_deref().filter(|id| valid_entry_id(id)) else {
            return refused(
                "InvalidBatchEntryIdException",
                "InvalidBatchEntryId",
                "The Id of a batch entry in a batch request doesn't abide by the specification.",
            );
        };
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

fn check(input: Publish, fifo: bool) -> ApiResult<Ready> {
    let size = size_of(&input);
    let message =
        input.message.filter(|message| !message.is_empty()).ok_or_else(|| ApiError::parameter("Empty message"))?;
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
    let body = match input.message_structure.as_deref() {
        None => message,
        Some("json") => for_queues(&message)?,
        Some(_) => return Err(ApiError::parameter("MessageStructure")),
    };
    let attributes = check_attributes(&input.message_attributes)?;
    let attributes_json = (!attributes.is_empty())
        .then(|| serde_json::to_string(&input.message_attributes))
        .transpose()
        .map_err(|e| ApiError::internal(e.to_string()))?;
    Ok(Ready {
        id: random_id(),
        body,
        attributes,
        attributes_json,
        subject: input.subject,
        group_id: input.message_group_id,
        dedup_id: input.message_deduplication_id,
        size,
    })
}

/// What a message of the structure `json` says to queues.
fn for_queues(message: &str) -> ApiResult<String> {
    let refused = |reason: &str| ApiError::parameter(format!("Message Structure - {reason}"));
    let parsed: Value = serde_json::from_str(message).map_err(|_| refused("JSON message body failed to parse"))?;
    let text = |key: &str| parsed.get(key).and_then(Value::as_str);
    let default = text("default").ok_or_else(|| refused("No default entry in JSON message body"))?;
    let body = text("sqs").unwrap_or(default);
    if body.is_empty() { Err(ApiError::parameter("Empty message")) } else { Ok(body.to_owned()) }
}

/// Checks message attributes as SNS does and reads them for the filters
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>).
fn check_attributes(attributes: &WireAttributes) -> ApiResult<event::Attributes> {
    let mut found = event::Attributes::new();
    for (name, attribute) in attributes {
        let refused =
            |message: String| Err(ApiError::coded("InvalidParameterValueException", "ParameterValueInvalid", message));
        if name.len() > 256 {
            return refused("Length of message attribute name must be less than 256 bytes.".into());
        }
        let legal = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if !legal || name.is_empty() {
            return refused(format!(
                "Invalid non-alphanumeric character was found in the message attribute name '{name}'. Can only include alphanumeric characters, hyphens, underscores, or dots."
            ));
        }
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("aws.") || lower.starts_with("amazon.") {
            return refused(format!("The message attribute name '{name}' must not begin with 'AWS.' or 'Amazon.'."));
        }
        if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
            return refused(format!(
                "Invalid message attribute name: '{name}' must not start or end with a period or hold two in a row."
            ));
        }
        let Some(data_type) = attribute.data_type.as_deref() else {
            return Err(ApiError::new(
                "ValidationError",
                format!(
                    "1 validation error detected: Value null at 'messageAttributes.{name}.member.dataType' failed to satisfy constraint: Member must not be null"
                ),
            ));
        };
        let base = data_type.split('.').next().unwrap_or_default();
        if !matches!(base, "String" | "Number" | "Binary") {
            return refused(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
            ));
        }
        let empty = || {
            refused(format!(
                "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{data_type}'."
            ))
        };
        let field = |field: &str| {
            refused(format!("The message attribute '{name}' with type '{data_type}' must use field '{field}'."))
        };
        let value = match (base, &attribute.string_value, &attribute.binary_value) {
            (_, None, None) => return empty(),
            ("Binary", _, None) => return field("Binary"),
            ("Binary", _, Some(base64)) => match digest::decoded(base64) {
                Some(bytes) if !bytes.is_empty() => event::AttributeValue::Binary(bytes),
                _ => return empty(),
            },
            (_, None, _) => return field("String"),
            (_, Some(text), _) if text.is_empty() => return empty(),
            ("Number", Some(text), _) if !text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
                return refused(format!("Could not cast message attribute '{name}' value to number."));
            }
            (_, Some(text), _) if data_type == "String.Array" => {
                if !serde_json::from_str::<Value>(text).is_ok_and(|json| json.is_array()) {
                    return refused(format!(
                        "The message attribute '{name}' of type 'String.Array' must hold a JSON array."
                    ));
                }
                event::AttributeValue::Text(text.clone())
            }
            (_, Some(text), _) => event::AttributeValue::Text(text.clone()),
        };
        found.insert(name.clone(), event::Attribute { data_type: data_type.to_owned(), value });
    }
    Ok(found)
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
    let dedup_id = message.dedup_id.get_or_insert_with(|| digest::sha256(&message.body)).clone();
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
    for delivery in &topic.deliveries {
        if delivery.filter.as_ref().is_some_and(|filter| !filter.matches(&message.attributes, &message.body)) {
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
            trace: None,
        };
        messages::put(tx, place.queue, &put)?;
    }
    Ok(())
}
