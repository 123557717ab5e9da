//! The requests and answers of SNS, field by field as the service model names them.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_Operations.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::sqs::types::{Failed, WireAttributes};
use super::super::wire::lenient;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct CreateTopic {
    pub(crate) name: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) data_protection_policy: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TopicArn {
    pub(crate) topic_arn: String,
}

/// Every request that names a topic and perhaps a page.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct OfTopic {
    pub(crate) topic_arn: Option<String>,
    pub(crate) next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Topics {
    pub(crate) topics: Vec<TopicArn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attributes {
    pub(crate) attributes: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SetAttribute {
    pub(crate) topic_arn: Option<String>,
    pub(crate) subscription_arn: Option<String>,
    pub(crate) attribute_name: Option<String>,
    pub(crate) attribute_value: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Subscribe {
    pub(crate) topic_arn: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    // Accepted and without effect: subscriptions of queues are confirmed at once, so their ARN is always returned.
    #[serde(deserialize_with = "lenient::boolean", rename = "ReturnSubscriptionArn")]
    pub(crate) _return_subscription_arn: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SubscriptionArn {
    pub(crate) subscription_arn: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct OfSubscription {
    pub(crate) subscription_arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Subscription {
    pub(crate) topic_arn: String,
    pub(crate) protocol: String,
    pub(crate) subscription_arn: String,
    pub(crate) owner: String,
    pub(crate) endpoint: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Subscriptions {
    pub(crate) subscriptions: Vec<Subscription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

/// What one message says; `id` in batches only, the addressees outside them only.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Publish {
    pub(crate) id: Option<String>,
    pub(crate) topic_arn: Option<String>,
    pub(crate) target_arn: Option<String>,
    pub(crate) phone_number: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) message_structure: Option<String>,
    pub(crate) message_attributes: WireAttributes,
    pub(crate) message_deduplication_id: Option<String>,
    pub(crate) message_group_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct PublishBatch {
    pub(crate) topic_arn: Option<String>,
    pub(crate) publish_batch_request_entries: Vec<Publish>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Published {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sequence_number: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PublishedBatch {
    pub(crate) successful: Vec<Published>,
    pub(crate) failed: Vec<Failed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct OfResource {
    pub(crate) resource_arn: Option<String>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) tag_keys: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct OfDataProtection {
    pub(crate) resource_arn: Option<String>,
    pub(crate) data_protection_policy: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DataProtectionPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data_protection_policy: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ConfirmSubscription {
    pub(crate) topic_arn: Option<String>,
    pub(crate) token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tags {
    pub(crate) tags: Vec<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct AddPermission {
    pub(crate) topic_arn: Option<String>,
    pub(crate) label: Option<String>,
    #[serde(rename = "AWSAccountId")]
    pub(crate) accounts: Vec<String>,
    #[serde(rename = "ActionName")]
    pub(crate) actions: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct RemovePermission {
    pub(crate) topic_arn: Option<String>,
    pub(crate) label: Option<String>,
}
