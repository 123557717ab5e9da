//! Sending: to a topic and to a queue, in batches whose answers are read entry by entry.

use std::borrow::Borrow;
use std::collections::HashMap;

use aws_sdk_sns::operation::RequestId as _;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::primitives::Blob;

use super::settle::Outcomes;
use super::{Bus, BusError, ItemError, Outgoing, Queue, Sent, Topic};
use crate::event::AttributeValue;

/// Who tries again where a call fails as a whole.
#[derive(Clone, Copy, Debug)]
enum Tries {
    /// The SDK, as it sees fit.
    Sdk,
    /// Nobody here.
    One,
}

impl Bus {
    /// Publishes up to ten messages to a topic in one call.
    ///
    /// Returns one outcome per message, in order: a batch may half-fail inside an HTTP 200
    /// (<https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>). When the whole call fails, each entry gets that failure.
    pub async fn publish_batch<M: Borrow<Outgoing>>(
        &self,
        topic: &Topic,
        messages: &[M],
    ) -> Vec<Result<Sent, ItemError>> {
        match self.try_publish_batch(topic, messages, Tries::Sdk).await {
            Ok(outcomes) => outcomes,
            Err(error) => messages.iter().map(|_| Err(error.to_item())).collect(),
        }
    }

    /// The same in one try, for callers who have to know of every message whether it can have been sent twice.
    ///
    /// # Errors
    /// The call as a whole failed.
    pub async fn publish_batch_once<M: Borrow<Outgoing>>(
        &self,
        topic: &Topic,
        messages: &[M],
    ) -> Result<Vec<Result<Sent, ItemError>>, BusError> {
        self.try_publish_batch(topic, messages, Tries::One).await
    }

    async fn try_publish_batch<M: Borrow<Outgoing>>(
        &self,
        topic: &Topic,
        messages: &[M],
        tries: Tries,
    ) -> Result<Vec<Result<Sent, ItemError>>, BusError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let entries = messages.iter().enumerate().map(|(index, message)| {
            let message: &Outgoing = message.borrow();
            let attributes: HashMap<_, _> =
                message.attributes.iter().map(|(name, value)| (name.clone(), sns_attribute(value))).collect();
            aws_sdk_sns::types::PublishBatchRequestEntry::builder()
                .id(index.to_string())
                .message(&message.body)
                .set_subject(message.subject.clone())
                .set_message_attributes((!attributes.is_empty()).then_some(attributes))
                .set_message_group_id(message.group_id.clone())
                .set_message_deduplication_id(message.dedup_id.clone())
                .build()
                .expect("an entry's only required fields are id, which is set, and those the builder defaults")
        });
        let entries = entries.collect();
        let call = self.sns.publish_batch().topic_arn(&topic.arn).set_publish_batch_request_entries(Some(entries));
        let answer = match tries {
            Tries::Sdk => call.send().await,
            Tries::One => {
                let once = aws_sdk_sns::config::Builder::new().retry_config(RetryConfig::disabled());
                call.customize().config_override(once).send().await
            }
        };
        let answer =
            answer.map_err(|error| BusError::from_sdk("PublishBatch", &format!("topic `{}`", topic.name), &error))?;
        let request_id = answer.request_id().map(str::to_owned);
        let mut outcomes = Outcomes::new(messages.len());
        for sent in answer.successful.unwrap_or_default() {
            let (Some(id), Some(message_id)) = (sent.id, sent.message_id) else { continue };
            outcomes.set(&id, Ok(Sent { message_id, sequence_number: sent.sequence_number }));
        }
        for failed in answer.failed.unwrap_or_default() {
            let error =
                ItemError::refused(&failed.code, failed.message.as_deref(), failed.sender_fault, request_id.clone());
            outcomes.set(&failed.id, Err(error));
        }
        Ok(outcomes.finish(request_id))
    }

    /// Sends up to ten messages to a queue in one call; outcomes as with [`Bus::publish_batch`].
    ///
    /// A confirmation whose digest is not that of the body sent counts as a failure: what lies there is not the message.
    pub async fn send_batch(&self, queue: &Queue, messages: &[Outgoing]) -> Vec<Result<Sent, ItemError>> {
        match self.try_send_batch(queue, messages, Tries::Sdk).await {
            Ok(outcomes) => outcomes,
            Err(error) => messages.iter().map(|_| Err(error.to_item())).collect(),
        }
    }

    /// The same in one try, for callers who have to know of every message whether it can have been sent twice.
    ///
    /// # Errors
    /// The call as a whole failed.
    pub async fn send_batch_once(
        &self,
        queue: &Queue,
        messages: &[Outgoing],
    ) -> Result<Vec<Result<Sent, ItemError>>, BusError> {
        self.try_send_batch(queue, messages, Tries::One).await
    }

    async fn try_send_batch(
        &self,
        queue: &Queue,
        messages: &[Outgoing],
        tries: Tries,
    ) -> Result<Vec<Result<Sent, ItemError>>, BusError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let entries = messages.iter().enumerate().map(|(index, message)| sqs_entry(index, message)).collect();
        let call = self.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(entries));
        let answer = match tries {
            Tries::Sdk => call.send().await,
            Tries::One => {
                let once = aws_sdk_sqs::config::Builder::new().retry_config(RetryConfig::disabled());
                call.customize().config_override(once).send().await
            }
        };
        let answer = answer
            .map_err(|error| BusError::from_sdk("SendMessageBatch", &format!("queue `{}`", queue.name), &error))?;
        let request_id = answer.request_id().map(str::to_owned);
        let mut outcomes = Outcomes::new(messages.len());
        for sent in answer.successful {
            let index: Option<usize> = sent.id.parse().ok();
            let Some(message) = index.and_then(|index| messages.get(index)) else { continue };
            let outcome = if super::receive::digest_differs(&sent.md5_of_message_body, &message.body) {
                Err(ItemError {
                    code: "DigestMismatch".into(),
                    message: "the digest of the confirmed message is not that of the body sent".into(),
                    sender_fault: false,
                    retryable: true,
                    request_id: request_id.clone(),
                })
            } else {
                Ok(Sent { message_id: sent.message_id, sequence_number: sent.sequence_number })
            };
            outcomes.set(&sent.id, outcome);
        }
        for failed in answer.failed {
            let error =
                ItemError::refused(&failed.code, failed.message.as_deref(), failed.sender_fault, request_id.clone());
            outcomes.set(&failed.id, Err(error));
        }
        Ok(outcomes.finish(request_id))
    }
}

fn sqs_entry(index: usize, message: &Outgoing) -> aws_sdk_sqs::types::SendMessageBatchRequestEntry {
    use aws_sdk_sqs::types::{
        MessageSystemAttributeNameForSends, MessageSystemAttributeValue, SendMessageBatchRequestEntry,
    };
    let attributes: HashMap<_, _> =
        message.attributes.iter().map(|(name, value)| (name.clone(), sqs_attribute(value))).collect();
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&message.body)
        .set_message_attributes((!attributes.is_empty()).then_some(attributes))
        .set_message_group_id(message.group_id.clone())
        .set_message_deduplication_id(message.dedup_id.clone());
    if let Some(trace) = &message.trace_header {
        let value = MessageSystemAttributeValue::builder().data_type("String").string_value(trace).build();
        let value = value.expect("the data type, its only required field, is set");
        entry = entry.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value);
    }
    entry.build().expect("id and body, the required fields, are set")
}

fn sqs_attribute(attribute: &crate::event::Attribute) -> aws_sdk_sqs::types::MessageAttributeValue {
    let builder = aws_sdk_sqs::types::MessageAttributeValue::builder().data_type(&attribute.data_type);
    let builder = match &attribute.value {
        AttributeValue::Text(text) => builder.string_value(text),
        AttributeValue::Binary(bytes) => builder.binary_value(Blob::new(bytes.clone())),
    };
    builder.build().expect("the data type, its only required field, is set")
}

fn sns_attribute(attribute: &crate::event::Attribute) -> aws_sdk_sns::types::MessageAttributeValue {
    let builder = aws_sdk_sns::types::MessageAttributeValue::builder().data_type(&attribute.data_type);
    let builder = match &attribute.value {
        AttributeValue::Text(text) => builder.string_value(text),
        AttributeValue::Binary(bytes) => builder.binary_value(aws_sdk_sns::primitives::Blob::new(bytes.clone())),
    };
    builder.build().expect("the data type, its only required field, is set")
}
