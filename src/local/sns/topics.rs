//! Topics: making, describing, tagging, removing.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::json;

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::{split_arn, valid_topic_name};
use super::super::sqs::types::Nothing;
use super::super::store::catalogue::{Settings, settings_from, settings_text};
use super::super::store::fifo;
use super::nothing;
use super::types::{Attributes, CreateTopic, OfResource, OfTopic, SetAttribute, Tag, Tags, TopicArn, Topics};

/// Topics and subscriptions of a page.
pub(super) const PAGE: i64 = 100;
const MOST_TAGS: usize = 50;
/// How the name of a FIFO topic ends.
pub(super) const FIFO_END: &str = ".fifo";
/// Attributes that are `true` or `false`, in any case when given.
const FLAGS: [&str; 2] = ["FifoTopic", "ContentBasedDeduplication"];

fn only_fifo(name: &str) -> ApiError {
    ApiError::parameter(format!("{name}: can only be set on FIFO topics"))
}

/// A topic's row.
pub(super) struct Found {
    pub(super) id: i64,
    pub(super) settings: Settings,
    pub(super) tags: BTreeMap<String, String>,
}

/// Reads the topic with this ARN.
pub(super) fn find(connection: &Connection, arn: &str) -> ApiResult<Option<Found>> {
    let row = connection
        .prepare_cached("SELECT id, attributes, tags FROM topics WHERE arn = ?1")?
        .query_row([arn], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))
        .optional()?;
    row.map(|(id, settings, tags)| Ok(Found { id, settings: settings_from(&settings)?, tags: settings_from(&tags)? }))
        .transpose()
}

/// Refuses what is no topic ARN.
pub(super) fn check_arn(arn: Option<String>) -> ApiResult<String> {
    arn.filter(|arn| split_arn(arn).is_some_and(|parts| parts.service == "sns" && !parts.resource.contains(':')))
        .ok_or_else(|| ApiError::parameter("TopicArn"))
}

/// What may be set; `Ok(false)` for a name that does not exist.
fn check_setting(name: &str, value: &str) -> ApiResult<bool> {
    let refused = |reason: &str| Err(ApiError::parameter(reason));
    match name {
        "FifoTopic" | "ContentBasedDeduplication"
            if !["true", "false"].contains(&value.to_ascii_lowercase().as_str()) =>
        {
            return refused(name);
        }
        "FifoThroughputScope" if value != "Topic" && value != "MessageGroup" => return refused("FifoThroughputScope"),
        "Policy" | "DeliveryPolicy" | "DataProtectionPolicy" if !value.is_empty() => {
            if !serde_json::from_str::<serde_json::Value>(value).is_ok_and(|json| json.is_object()) {
                return refused(&format!("{name}: failed to parse JSON"));
            }
        }
        "DisplayName" if value.chars().count() > 100 => return refused("DisplayName"),
        "SignatureVersion" if value != "1" && value != "2" => return refused("SignatureVersion"),
        "TracingConfig" if value != "PassThrough" && value != "Active" => return refused("TracingConfig"),
        "MaximumMessageSize" if !value.parse::<u32>().is_ok_and(|size| (1_024..=1_048_576).contains(&size)) => {
            return refused("MaximumMessageSize");
        }
        "FifoTopic"
        | "ContentBasedDeduplication"
        | "FifoThroughputScope"
        | "Policy"
        | "DeliveryPolicy"
        | "DataProtectionPolicy"
        | "DisplayName"
        | "SignatureVersion"
        | "TracingConfig"
        | "MaximumMessageSize"
        | "KmsMasterKeyId" => {}
        feedback
            if ["FeedbackRoleArn", "FeedbackSampleRate"].iter().any(|end| feedback.ends_with(end))
                && ["HTTP", "SQS", "Lambda", "Firehose", "Application"]
                    .iter()
                    .any(|head| feedback.starts_with(head)) => {}
        _ => return Ok(false),
    }
    Ok(true)
}

fn tag_map(tags: Vec<Tag>) -> ApiResult<BTreeMap<String, String>> {
    let given = tags.len();
    let map: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    if map.len() < given {
        return Err(ApiError::parameter("Duplicated keys are not allowed."));
    }
    check_tags(map)
}

fn check_tags(tags: BTreeMap<String, String>) -> ApiResult<BTreeMap<String, String>> {
    if tags.len() > MOST_TAGS {
        return Err(ApiError::coded(
            "TagLimitExceededException",
            "TagLimitExceeded",
            "Could not complete request: tag quota of per resource exceeded",
        ));
    }
    Ok(tags)
}

pub(crate) async fn create(cx: &Cx<'_>, input: CreateTopic) -> ApiResult<TopicArn> {
    let name = input.name.unwrap_or_default();
    let mut wanted = input.attributes;
    let fifo = wanted.get("FifoTopic").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if fifo && !(valid_topic_name(&name) && name.ends_with(FIFO_END)) {
        return Err(ApiError::parameter(
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.",
        ));
    }
    if !valid_topic_name(&name) || (name.ends_with(FIFO_END) && !fifo) {
        return Err(ApiError::parameter("Topic Name"));
    }
    if let Some(policy) = input.data_protection_policy {
        wanted.insert("DataProtectionPolicy".into(), policy);
    }
    for (name, value) in &wanted {
        if !check_setting(name, value)? {
            return Err(ApiError::parameter(format!("Attributes Reason: Unknown attribute {name}")));
        }
    }
    if let Some(name) =
        ["ContentBasedDeduplication", "FifoThroughputScope"].iter().find(|name| !fifo && wanted.contains_key(**name))
    {
        return Err(only_fifo(name));
    }
    wanted.retain(|name, value| !(name == "FifoTopic" && value.eq_ignore_ascii_case("false")));
    for name in FLAGS {
        if let Some(value) = wanted.get_mut(name) {
            value.make_ascii_lowercase();
        }
    }
    let tags = tag_map(input.tags)?;
    let arn = cx.caller.topic_arn(&name);
    let caller = cx.caller.clone();
    cx.write(move |tx| {
        if let Some(found) = find(tx.connection, &arn)? {
            let has = |name: &str| match found.settings.get(name) {
                None if name == "ContentBasedDeduplication" => Some("false"),
                set => set.map(String::as_str),
            };
            let differs = wanted.iter().any(|(name, value)| has(name) != Some(value));
            if differs {
                return Err(ApiError::parameter("Attributes Reason: Topic already exists with different attributes"));
            }
            if !tags.is_empty() && tags != found.tags {
                return Err(ApiError::parameter("Tags Reason: Topic already exists with different tags"));
            }
            return Ok(TopicArn { topic_arn: arn });
        }
        tx.connection
            .prepare_cached("INSERT INTO topics (arn, account, region, attributes, tags) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((&arn, caller.account, caller.region, settings_text(&wanted), settings_text(&tags)))?;
        tx.catalogue_changed();
        Ok(TopicArn { topic_arn: arn })
    })
    .await
}

pub(crate) async fn delete(cx: &Cx<'_>, input: OfTopic) -> ApiResult<Nothing> {
    let arn = check_arn(input.topic_arn)?;
    cx.write(move |tx| {
        // Its subscriptions go with it; a topic that is not there is no error.
        let gone: Option<i64> = tx
            .connection
            .prepare_cached("DELETE FROM topics WHERE arn = ?1 RETURNING id")?
            .query_row([arn], |row| row.get(0))
            .optional()?;
        if let Some(id) = gone {
            fifo::forget(tx, -id)?;
            tx.catalogue_changed();
        }
        Ok(nothing())
    })
    .await
}

/// Cuts a page off `rows` and returns the token of the next: the id of the last row.
pub(super) fn cut<T>(rows: &mut Vec<(i64, T)>) -> Option<String> {
    let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    if more { rows.last().map(|(id, _)| id.to_string()) } else { None }
}

/// The row after which a page begins.
pub(super) fn after(token: Option<String>) -> ApiResult<i64> {
    token.map_or(Ok(0), |token| token.parse().map_err(|_| ApiError::parameter("NextToken")))
}

pub(crate) async fn list(cx: &Cx<'_>, input: OfTopic) -> ApiResult<Topics> {
    let after = after(input.next_token)?;
    let (account, region) = (cx.caller.account.clone(), cx.caller.region.clone());
    let mut rows = cx
        .read(move |connection| {
            let rows = connection
                .prepare_cached(
                    "SELECT id, arn FROM topics WHERE account = ?1 AND region = ?2 AND id > ?3 ORDER BY id LIMIT ?4",
                )?
                .query_map((account, region, after, PAGE + 1), |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
            Ok(rows)
        })
        .await?;
    let next_token = cut(&mut rows);
    Ok(Topics { topics: rows.into_iter().map(|(_, topic_arn)| TopicArn { topic_arn }).collect(), next_token })
}

pub(crate) async fn get_attributes(cx: &Cx<'_>, input: OfTopic) -> ApiResult<Attributes> {
    let arn = check_arn(input.topic_arn)?;
    let attributes = cx
        .read(move |connection| {
            let found = find(connection, &arn)?.ok_or_else(|| ApiError::not_found("Topic"))?;
            let confirmed: i64 = connection
                .prepare_cached("SELECT count(*) FROM subscriptions WHERE topic = ?1")?
                .query_row([found.id], |row| row.get(0))?;
            let owner = split_arn(&arn).map_or_else(String::new, |parts| parts.account.to_owned());
            let mut attributes = found.settings;
            let mut assumed = |name: &str, value: String| {
                attributes.entry(name.to_owned()).or_insert(value);
            };
            assumed("Policy", default_policy(&arn, &owner));
            assumed("DisplayName", String::new());
            if arn.ends_with(FIFO_END) {
                assumed("FifoTopic", "true".into());
                assumed("ContentBasedDeduplication", "false".into());
            }
            assumed("EffectiveDeliveryPolicy", DELIVERY_POLICY.to_owned());
            assumed("Owner", owner);
            assumed("SubscriptionsConfirmed", confirmed.to_string());
            assumed("SubscriptionsPending", "0".into());
            assumed("SubscriptionsDeleted", "0".into());
            assumed("TopicArn", arn.clone());
            Ok(attributes)
        })
        .await?;
    Ok(Attributes { attributes })
}

/// What SNS answers for a topic without a delivery policy
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>).
const DELIVERY_POLICY: &str = r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}"#;

/// What SNS gives a topic without a policy
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html>).
fn default_policy(arn: &str, owner: &str) -> String {
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": [
                "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission",
                "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish"
            ],
            "Resource": arn,
            "Condition": { "StringEquals": { "AWS:SourceOwner": owner } }
        }]
    })
    .to_string()
}

pub(crate) async fn set_attribute(cx: &Cx<'_>, input: SetAttribute) -> ApiResult<Nothing> {
    let arn = check_arn(input.topic_arn)?;
    let name = input.attribute_name.unwrap_or_default();
    let value = input.attribute_value.unwrap_or_default();
    cx.write(move |tx| {
        let mut found = find(tx.connection, &arn)?.ok_or_else(|| ApiError::not_found("Topic"))?;
        // The type of a topic is decided when it is made.
        if name == "FifoTopic" || !check_setting(&name, &value)? {
            return Err(ApiError::parameter("AttributeName"));
        }
        if ["ContentBasedDeduplication", "FifoThroughputScope"].contains(&name.as_str()) && !arn.ends_with(FIFO_END) {
            return Err(only_fifo(&name));
        }
        let value = if FLAGS.contains(&name.as_str()) { value.to_ascii_lowercase() } else { value };
        if value.is_empty() && name != "DisplayName" {
            found.settings.remove(&name);
        } else {
            found.settings.insert(name, value);
        }
        tx.connection
            .prepare_cached("UPDATE topics SET attributes = ?2 WHERE id = ?1")?
            .execute((found.id, settings_text(&found.settings)))?;
        tx.catalogue_changed();
        Ok(nothing())
    })
    .await
}

fn no_resource() -> ApiError {
    ApiError::coded("ResourceNotFoundException", "ResourceNotFound", "Resource does not exist").status(404)
}

pub(crate) async fn tag(cx: &Cx<'_>, input: OfResource) -> ApiResult<Nothing> {
    let added = tag_map(input.tags)?;
    change_tags(cx, input.resource_arn, move |tags| tags.extend(added)).await
}

pub(crate) async fn untag(cx: &Cx<'_>, input: OfResource) -> ApiResult<Nothing> {
    change_tags(cx, input.resource_arn, move |tags| tags.retain(|key, _| !input.tag_keys.contains(key))).await
}

async fn change_tags(
    cx: &Cx<'_>,
    arn: Option<String>,
    change: impl FnOnce(&mut BTreeMap<String, String>) + Send + 'static,
) -> ApiResult<Nothing> {
    let arn = arn.ok_or_else(|| ApiError::parameter("ResourceArn"))?;
    cx.write(move |tx| {
        let mut found = find(tx.connection, &arn)?.ok_or_else(no_resource)?;
        change(&mut found.tags);
        let tags = check_tags(found.tags)?;
        tx.connection
            .prepare_cached("UPDATE topics SET tags = ?2 WHERE id = ?1")?
            .execute((found.id, settings_text(&tags)))?;
        Ok(nothing())
    })
    .await
}

pub(crate) async fn tags(cx: &Cx<'_>, input: OfResource) -> ApiResult<Tags> {
    let arn = input.resource_arn.ok_or_else(|| ApiError::parameter("ResourceArn"))?;
    let found = cx.read(move |connection| find(connection, &arn)?.ok_or_else(no_resource)).await?;
    Ok(Tags { tags: found.tags.into_iter().map(|(key, value)| Tag { key, value }).collect() })
}
