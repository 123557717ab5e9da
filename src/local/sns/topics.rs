//! Topics: making, describing, removing.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::json;

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::{split_arn, valid_topic_name};
use super::super::sqs::types::Nothing;
use super::super::store::catalogue::{Settings, settings_from, settings_text};
use super::super::store::fifo;
use super::types::{Attributes, CreateTopic, OfTopic, SetAttribute, TopicArn, Topics};
use super::{arns, data_protection, delivery_policy, nothing, permissions, subscriptions, tags, unsupported};

/// Topics and subscriptions of a page.
pub(super) const PAGE: i64 = 100;
/// How the name of a FIFO topic ends.
pub(super) const FIFO_END: &str = ".fifo";
/// Attributes that are `true` or `false`, in any case when given.
const FLAGS: [&str; 2] = ["FifoTopic", "ContentBasedDeduplication"];
/// Attributes that a standard topic does not know.
const OF_FIFO: [&str; 2] = ["ContentBasedDeduplication", "FifoThroughputScope"];

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
        "Policy" => permissions::check(value)?,
        "DeliveryPolicy" if !value.is_empty() => {
            if !serde_json::from_str::<serde_json::Value>(value).is_ok_and(|json| json.is_object()) {
                return refused("DeliveryPolicy: failed to parse JSON.");
            }
        }
        "ArchivePolicy" => return Err(unsupported("ArchivePolicy is")),
        "DisplayName" if value.chars().count() > 100 => return refused("DisplayName"),
        "SignatureVersion" if value != "1" && value != "2" => return refused("SignatureVersion"),
        "TracingConfig" if value != "PassThrough" && value != "Active" => return refused("TracingConfig"),
        "MaximumMessageSize" if !value.parse::<u32>().is_ok_and(|size| (1_024..=1_048_576).contains(&size)) => {
            return refused("MaximumMessageSize");
        }
        "FifoTopic"
        | "ContentBasedDeduplication"
        | "FifoThroughputScope"
        | "DeliveryPolicy"
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

pub(crate) async fn create(cx: &Cx<'_>, input: CreateTopic) -> ApiResult<TopicArn> {
    let name = input.name.unwrap_or_default();
    let mut wanted = input.attributes;
    let fifo = wanted.get("FifoTopic").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !valid_topic_name(&name) || fifo != name.ends_with(FIFO_END) {
        return Err(ApiError::parameter("Topic Name"));
    }
    for (name, value) in &wanted {
        if !check_setting(name, value)? || (!fifo && OF_FIFO.contains(&name.as_str())) {
            return Err(ApiError::parameter(format!("Attributes Reason: Unknown attribute {name}")));
        }
    }
    if let Some(policy) = input.data_protection_policy.filter(|policy| !policy.is_empty()) {
        data_protection::check(&policy)?;
        wanted.insert(data_protection::SETTING.into(), policy);
    }
    wanted.retain(|name, value| !(name == "FifoTopic" && value.eq_ignore_ascii_case("false")));
    for name in FLAGS {
        if let Some(value) = wanted.get_mut(name) {
            value.make_ascii_lowercase();
        }
    }
    let tags = tags::map_of(input.tags)?;
    let arn = cx.caller.topic_arn(&name);
    let caller = cx.caller.clone();
    cx.write(move |tx| {
        if let Some(found) = find(tx.connection, &arn)? {
            let has = |name: &str| match (found.settings.get(name), name) {
                (None, "ContentBasedDeduplication") => "false",
                (set, _) => set.map_or("", String::as_str),
            };
            if wanted.iter().any(|(name, value)| !subscriptions::same(has(name), value)) {
                return Err(ApiError::parameter("Attributes Reason: Topic already exists with different attributes"));
            }
            // Some of its tags, or none, are as good as all of them.
            if tags.iter().any(|(key, value)| found.tags.get(key) != Some(value)) {
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
    let arn = arns::topic(&cx.caller, input.topic_arn, "TopicArn")?;
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

/// Cuts a page off `rows` and returns the token of the next: the id of the last row, in base64 as SNS's own tokens are.
pub(super) fn cut<T>(rows: &mut Vec<(i64, T)>) -> Option<String> {
    let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    if more { rows.last().map(|(id, _)| STANDARD.encode(id.to_be_bytes())) } else { None }
}

/// The row after which a page begins.
pub(super) fn after(token: Option<String>) -> ApiResult<i64> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(0) };
    let row = STANDARD.decode(token).ok().and_then(|bytes| bytes.try_into().ok());
    row.map(i64::from_be_bytes).ok_or_else(|| ApiError::parameter("NextToken"))
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
    let arn = arns::topic(&cx.caller, input.topic_arn, "TopicArn")?;
    let attributes = cx
        .read(move |connection| {
            let found = find(connection, &arn)?.ok_or_else(|| ApiError::not_found("Topic"))?;
            let confirmed: i64 = connection
                .prepare_cached("SELECT count(*) FROM subscriptions WHERE topic = ?1")?
                .query_row([found.id], |row| row.get(0))?;
            let owner = split_arn(&arn).map_or_else(String::new, |parts| parts.account.to_owned());
            let mut attributes = found.settings;
            attributes.remove(data_protection::SETTING);
            let effective = delivery_policy::effective(attributes.get("DeliveryPolicy").map(String::as_str));
            if let Some(set) = attributes.get_mut("DeliveryPolicy") {
                *set = delivery_policy::shown(set);
            }
            let mut assumed = |name: &str, value: String| {
                attributes.entry(name.to_owned()).or_insert(value);
            };
            assumed("Policy", default_policy(&arn, &owner));
            assumed("DisplayName", String::new());
            if arn.ends_with(FIFO_END) {
                assumed("FifoTopic", "true".into());
                assumed("ContentBasedDeduplication", "false".into());
            }
            assumed("EffectiveDeliveryPolicy", effective);
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

/// The policy of a topic for which none was set.
pub(super) fn default_policy_of(arn: &str) -> String {
    default_policy(arn, split_arn(arn).map_or("", |parts| parts.account))
}

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

/// Runs `work` on the settings of the topic `arn` and keeps them.
pub(super) async fn change(
    cx: &Cx<'_>,
    arn: String,
    work: impl FnOnce(&mut Settings, &str) -> ApiResult<()> + Send + 'static,
) -> ApiResult<Nothing> {
    cx.write(move |tx| {
        let mut found = find(tx.connection, &arn)?.ok_or_else(|| ApiError::not_found("Topic"))?;
        work(&mut found.settings, &arn)?;
        tx.connection
            .prepare_cached("UPDATE topics SET attributes = ?2 WHERE id = ?1")?
            .execute((found.id, settings_text(&found.settings)))?;
        tx.catalogue_changed();
        Ok(nothing())
    })
    .await
}

pub(crate) async fn set_attribute(cx: &Cx<'_>, input: SetAttribute) -> ApiResult<Nothing> {
    let arn = arns::topic(&cx.caller, input.topic_arn, "TopicArn")?;
    let name = input.attribute_name.unwrap_or_default();
    let value = input.attribute_value.unwrap_or_default();
    change(cx, arn, move |settings, arn| {
        // The type of a topic is decided when it is made.
        let unknown = name == "FifoTopic" || (OF_FIFO.contains(&name.as_str()) && !arn.ends_with(FIFO_END));
        if unknown || !check_setting(&name, &value)? {
            return Err(ApiError::parameter("AttributeName"));
        }
        let value = if FLAGS.contains(&name.as_str()) { value.to_ascii_lowercase() } else { value };
        if value.is_empty() && name != "DisplayName" {
            settings.remove(&name);
        } else {
            settings.insert(name, value);
        }
        Ok(())
    })
    .await
}
