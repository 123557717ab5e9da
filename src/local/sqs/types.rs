//! The requests and answers of SQS, field by field as the service model names them.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html>. Everything a request may leave
//! out is optional here, also what it must not: the operation says what is missing, in AWS's words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::error::{ApiError, ApiResult};
use super::super::wire::lenient;

/// One message attribute or message system attribute. `BinaryValue` is base64 in every protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WireAttribute {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) binary_value: Option<String>,
    /// In the model, and refused.
    #[serde(default, skip_serializing)]
    pub(crate) string_list_values: Vec<serde_json::Value>,
    /// In the model, and refused.
    #[serde(default, skip_serializing)]
    pub(crate) binary_list_values: Vec<serde_json::Value>,
}

impl WireAttribute {
    /// Whether it holds several values.
    pub(crate) fn is_list(&self) -> bool {
        !self.string_list_values.is_empty() || !self.binary_list_values.is_empty()
    }
}

/// Message attributes by name.
pub(crate) type WireAttributes = BTreeMap<String, WireAttribute>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct CreateQueue {
    pub(crate) queue_name: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    // The model spells this one in small letters; the Query form `Tag` arrives here as well.
    #[serde(alias = "tags")]
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct GetQueueUrl {
    pub(crate) queue_name: Option<String>,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    pub(crate) owner: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueueUrl {
    pub(crate) queue_url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListQueues {
    pub(crate) queue_name_prefix: Option<String>,
    pub(crate) next_token: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueueUrls {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

/// Every request that names a queue and nothing else.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct OfQueue {
    pub(crate) queue_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct GetQueueAttributes {
    pub(crate) queue_url: Option<String>,
    pub(crate) attribute_names: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attributes {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) attributes: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SetQueueAttributes {
    pub(crate) queue_url: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListDeadLetterSourceQueues {
    pub(crate) queue_url: Option<String>,
    pub(crate) next_token: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) max_results: Option<i64>,
}

/// Unlike its sister, this answer begins with a small letter.
#[derive(Debug, Serialize)]
pub(crate) struct SourceQueueUrls {
    #[serde(rename = "queueUrls", skip_serializing_if = "Vec::is_empty")]
    pub(crate) queue_urls: Vec<String>,
    #[serde(rename = "NextToken", skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct TagQueue {
    pub(crate) queue_url: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct UntagQueue {
    pub(crate) queue_url: Option<String>,
    pub(crate) tag_keys: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tags {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
}

/// What one message of a send says; `id` in batches only, `queue_url` outside them only.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SendMessage {
    pub(crate) id: Option<String>,
    pub(crate) queue_url: Option<String>,
    pub(crate) message_body: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) delay_seconds: Option<i64>,
    pub(crate) message_attributes: WireAttributes,
    pub(crate) message_system_attributes: WireAttributes,
    pub(crate) message_deduplication_id: Option<String>,
    pub(crate) message_group_id: Option<String>,
}

/// A batch of anything.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Batch<T> {
    #[serde(default)]
    pub(crate) queue_url: Option<String>,
    #[serde(default = "Option::default")]
    pub(crate) entries: Option<Vec<T>>,
}

impl<T> Batch<T> {
    /// The entries; a batch without any is another error than one of none.
    pub(crate) fn entries(self) -> ApiResult<Vec<T>> {
        self.entries.ok_or_else(|| ApiError::missing("Entries"))
    }
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sent {
    #[serde(rename = "Id", skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(rename = "MessageId")]
    pub(crate) message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    pub(crate) body_digest: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub(crate) attributes_digest: Option<String>,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    pub(crate) system_digest: Option<String>,
    #[serde(rename = "SequenceNumber", skip_serializing_if = "Option::is_none")]
    pub(crate) sequence_number: Option<String>,
}

/// An entry of a settling batch that went well.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Settled {
    pub(crate) id: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Failed {
    pub(crate) id: String,
    pub(crate) sender_fault: bool,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// The answer to a batch: every entry is in one of the two.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchAnswer<T> {
    // As everywhere in these answers, what is empty is left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) successful: Vec<T>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failed: Vec<Failed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ReceiveMessage {
    pub(crate) queue_url: Option<String>,
    pub(crate) attribute_names: Vec<String>,
    pub(crate) message_system_attribute_names: Vec<String>,
    pub(crate) message_attribute_names: Vec<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) max_number_of_messages: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) visibility_timeout: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) wait_time_seconds: Option<i64>,
    pub(crate) receive_request_attempt_id: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Message {
    #[serde(rename = "MessageId")]
    pub(crate) message_id: String,
    #[serde(rename = "ReceiptHandle")]
    pub(crate) receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    pub(crate) body_digest: String,
    #[serde(rename = "Body")]
    pub(crate) body: String,
    #[serde(rename = "Attributes", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) attributes: BTreeMap<&'static str, String>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub(crate) attributes_digest: Option<String>,
    #[serde(rename = "MessageAttributes", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) message_attributes: WireAttributes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Messages {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) messages: Vec<Message>,
}

/// Deleting a message or changing its visibility; `id` in batches only.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Settle {
    pub(crate) id: Option<String>,
    pub(crate) queue_url: Option<String>,
    pub(crate) receipt_handle: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) visibility_timeout: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct StartMessageMoveTask {
    pub(crate) source_arn: Option<String>,
    pub(crate) destination_arn: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) max_number_of_messages_per_second: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MoveTaskStarted {
    pub(crate) task_handle: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct CancelMessageMoveTask {
    pub(crate) task_handle: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct MoveTaskCancelled {
    #[serde(rename = "ApproximateNumberOfMessagesMoved")]
    pub(crate) moved: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListMessageMoveTasks {
    pub(crate) source_arn: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MoveTasks {
    pub(crate) results: Vec<MoveTask>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MoveTask {
    /// Only while the task runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task_handle: Option<String>,
    pub(crate) status: String,
    pub(crate) source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destination_arn: Option<String>,
    #[serde(rename = "MaxNumberOfMessagesPerSecond", skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<i64>,
    #[serde(rename = "ApproximateNumberOfMessagesMoved")]
    pub(crate) moved: i64,
    #[serde(rename = "ApproximateNumberOfMessagesToMove")]
    pub(crate) to_move: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure_reason: Option<String>,
    /// Milliseconds since the epoch.
    pub(crate) started_timestamp: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct AddPermission {
    pub(crate) queue_url: Option<String>,
    pub(crate) label: Option<String>,
    #[serde(rename = "AWSAccountIds")]
    pub(crate) aws_account_ids: Vec<String>,
    // The Query form calls one of them `ActionName`.
    #[serde(alias = "ActionNames")]
    pub(crate) actions: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct RemovePermission {
    pub(crate) queue_url: Option<String>,
    pub(crate) label: Option<String>,
}

/// The answer that says nothing: in JSON not even a body.
#[derive(Debug, Serialize)]
pub(crate) struct Nothing;
