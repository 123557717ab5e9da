//! Subscriptions of queues to topics.

use rusqlite::{Connection, OptionalExtension as _};

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::{QueueName, partition};
use super::super::sqs::types::Nothing;
use super::super::store::catalogue::{
    RedrivePolicy, Settings, filters_nothing, scope_of, settings_from, settings_text,
};
use super::topics::{self, FIFO_END, PAGE};
use super::types::{
    Attributes, ConfirmSubscription, OfSubscription, OfTopic, SetAttribute, Subscribe, Subscription, SubscriptionArn,
    Subscriptions,
};
use super::{arns, nothing, unsupported};
use crate::clock::random_id;
use crate::filter::{self, FilterPolicy};

/// Protocols of SNS that lead off the messaging path.
const OTHER_PROTOCOLS: [&str; 8] = ["http", "https", "email", "email-json", "sms", "application", "lambda", "firehose"];

/// Subscriptions of a FIFO topic at most.
const MOST_OF_FIFO: i64 = 100;

/// Filter policies of a topic at most
/// (<https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html>).
const MOST_FILTERS: i64 = 200;

const SETTABLE: [&str; 7] = [
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
    "SubscriptionRoleArn",
];

/// Checks a value; `prefix` is what stands before the reason in this operation's errors.
fn check(name: &str, value: &str, prefix: &str) -> ApiResult<()> {
    let refused = |reason: String| Err(ApiError::parameter(format!("{prefix}{reason}")));
    match name {
        "RawMessageDelivery" if !["true", "false"].contains(&value.to_ascii_lowercase().as_str()) => {
            refused(format!("RawMessageDelivery: Invalid value [{value}]. Must be true or false."))
        }
        "FilterPolicyScope" if value != "MessageAttributes" && value != "MessageBody" => refused(format!(
            "FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
        )),
        "RedrivePolicy" if !value.is_empty() => {
            let Ok(policy) = serde_json::from_str::<RedrivePolicy>(value) else {
                let why = filter::not_json(value).unwrap_or_else(|| "failed to parse JSON.".into());
                return refused(format!("RedrivePolicy: {why}"));
            };
            // As AWS was seen to answer to a queue's policy in a subscription's place (cloudposse/terraform-aws-sns-topic issue 48).
            let keys = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(value).unwrap_or_default();
            if let Some(key) = keys.keys().find(|key| *key != "deadLetterTargetArn") {
                return refused(format!("RedrivePolicy: invalid JSON. Attribute {key} is unknown."));
            }
            match policy.dead_letter_target_arn.as_deref() {
                None => refused("RedrivePolicy: deadLetterTargetArn is null".into()),
                Some(arn) if QueueName::from_arn(arn).is_none() => {
                    refused("RedrivePolicy: deadLetterTargetArn is an invalid arn".into())
                }
                Some(_) => Ok(()),
            }
        }
        "DeliveryPolicy" if !value.is_empty() && serde_json::from_str::<serde_json::Value>(value).is_err() => {
            refused("DeliveryPolicy: failed to parse JSON.".into())
        }
        "ReplayPolicy" => Err(unsupported("ReplayPolicy is")),
        _ => Ok(()),
    }
}

/// A FIFO queue's dead letters keep their order, too.
fn check_dead_letter(settings: &Settings, endpoint: &str, prefix: &str) -> ApiResult<()> {
    let policy = settings.get("RedrivePolicy").and_then(|text| serde_json::from_str::<RedrivePolicy>(text).ok());
    let target = policy.and_then(|policy| policy.dead_letter_target_arn);
    if endpoint.ends_with(FIFO_END) && target.is_some_and(|arn| !arn.ends_with(FIFO_END)) {
        return Err(ApiError::parameter(format!(
            "{prefix}RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
        )));
    }
    Ok(())
}

/// Checks the filter policy in the scope that stands beside it.
fn check_filter(settings: &Settings, on_subscribe: bool) -> ApiResult<()> {
    match settings.get("FilterPolicy").filter(|policy| !filters_nothing(policy)) {
        None => Ok(()),
        Some(policy) => FilterPolicy::parse(policy, scope_of(settings))
            .map(drop)
            .map_err(|e| ApiError::new("InvalidParameter", e.aws_message(on_subscribe))),
    }
}

pub(crate) async fn subscribe(cx: &Cx<'_>, input: Subscribe) -> ApiResult<SubscriptionArn> {
    let topic = arns::topic(&cx.caller, input.topic_arn, "TopicArn")?;
    // AWS looks for the topic before it looks at the rest.
    let there = topic.clone();
    cx.read(move |connection| topics::find(connection, &there)?.ok_or_else(|| ApiError::not_found("Topic"))).await?;
    let protocol = input.protocol.unwrap_or_default();
    if protocol == "sms" && !input.endpoint.as_deref().is_some_and(arns::valid_phone_number) {
        let number = input.endpoint.unwrap_or_default();
        return Err(ApiError::new("InvalidParameter", format!("Invalid SMS endpoint: {number}")));
    }
    if OTHER_PROTOCOLS.contains(&protocol.as_str()) {
        return Err(unsupported(&format!("Subscribe with the protocol {protocol} is")));
    }
    if protocol != "sqs" {
        return Err(ApiError::parameter(format!("Amazon SNS does not support this protocol string: {protocol}")));
    }
    let endpoint = input.endpoint.unwrap_or_default();
    let queue = QueueName::from_arn(&endpoint).ok_or_else(|| ApiError::parameter("SQS endpoint ARN"))?;
    if queue.fifo() && !topic.ends_with(FIFO_END) {
        return Err(ApiError::parameter(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
        ));
    }
    const PREFIX: &str = "Attributes Reason: ";
    let mut wanted = input.attributes;
    for (name, value) in &wanted {
        if !SETTABLE.contains(&name.as_str()) {
            return Err(ApiError::parameter(format!("{PREFIX}Unknown attribute: {name}")));
        }
        check(name, value, PREFIX)?;
    }
    check_filter(&wanted, true)?;
    check_dead_letter(&wanted, &endpoint, PREFIX)?;
    // An empty policy is none, here and when it is set later.
    wanted.retain(|_, value| !value.is_empty());
    let (owner, region) = (cx.caller.account.clone(), cx.caller.region.clone());
    cx.write(move |tx| {
        let found = topics::find(tx.connection, &topic)?.ok_or_else(|| ApiError::not_found("Topic"))?;
        let subscribed: i64 = if topic.ends_with(FIFO_END) {
            tx.connection
                .prepare_cached("SELECT count(*) FROM subscriptions WHERE topic = ?1")?
                .query_row([found.id], |row| row.get(0))?
        } else {
            0
        };
        let there: Option<(String, String)> = tx
            .connection
            .prepare_cached(
                "SELECT arn, attributes FROM subscriptions WHERE topic = ?1 AND protocol = ?2 AND endpoint = ?3",
            )?
            .query_row((found.id, &protocol, &endpoint), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((arn, settings)) = there {
            let settings = settings_from(&settings)?;
            if wanted.iter().any(|(name, value)| !same(&effective(&settings, name), value)) {
                let reason = "Attributes Reason: Subscription already exists with different attributes";
                return Err(ApiError::parameter(reason));
            }
            return Ok(SubscriptionArn { subscription_arn: arn });
        }
        if subscribed >= MOST_OF_FIFO {
            return Err(ApiError::coded(
                "SubscriptionLimitExceededException",
                "SubscriptionLimitExceeded",
                format!("Subscription limit exceeded: a FIFO topic has at most {MOST_OF_FIFO} subscriptions"),
            )
            .status(403));
        }
        if wanted.contains_key("FilterPolicy") {
            room_for_a_filter(tx.connection, found.id)?;
        }
        let arn = format!("{topic}:{}", random_id());
        tx.connection
            .prepare_cached(
                "INSERT INTO subscriptions (arn, topic, protocol, endpoint, owner, region, attributes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((&arn, found.id, protocol, endpoint, owner, region, settings_text(&wanted)))?;
        tx.catalogue_changed();
        Ok(SubscriptionArn { subscription_arn: arn })
    })
    .await
}

/// Refuses one filter policy too many.
fn room_for_a_filter(connection: &Connection, topic: i64) -> ApiResult<()> {
    let filters: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM subscriptions
             WHERE topic = ?1 AND json_extract(attributes, '$.FilterPolicy') IS NOT NULL",
        )?
        .query_row([topic], |row| row.get(0))?;
    if filters < MOST_FILTERS {
        return Ok(());
    }
    Err(ApiError::coded(
        "FilterPolicyLimitExceededException",
        "FilterPolicyLimitExceeded",
        format!("Filter policy limit exceeded: a topic has at most {MOST_FILTERS} filter policies"),
    )
    .status(403))
}

/// The value of an attribute, or what is assumed.
fn effective(settings: &Settings, name: &str) -> String {
    settings.get(name).cloned().unwrap_or_else(|| match name {
        "RawMessageDelivery" => "false".into(),
        "FilterPolicyScope" => "MessageAttributes".into(),
        _ => String::new(),
    })
}

/// Whether two values say the same: JSON in whatever spelling, `true` and `false` in any case.
pub(super) fn same(one: &str, other: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    one.eq_ignore_ascii_case(other) && (one == other || json(one).is_none())
        || json(one).is_some_and(|one| Some(one) == json(other))
}

/// Every subscription is confirmed as soon as it is made, so no token is known; what AWS says to a token that it does not know
/// depends on whether it looks like one (recorded, localstack/localstack, tests/aws/services/sns, Apache-2.0, 2025-10-06).
pub(crate) fn confirm(cx: &Cx<'_>, input: ConfirmSubscription) -> ApiResult<SubscriptionArn> {
    let topic = input.topic_arn.ok_or_else(|| arns::absent("TopicArn"))?;
    let token = input.token.ok_or_else(|| arns::absent("Token"))?;
    arns::topic(&cx.caller, Some(topic), "TopicArn").map_err(|_| ApiError::parameter("Topic"))?;
    if !token.is_empty() && token.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ApiError::parameter("Token"));
    }
    Err(ApiError::new("InvalidParameter", "Invalid token"))
}

pub(crate) async fn unsubscribe(cx: &Cx<'_>, input: OfSubscription) -> ApiResult<Nothing> {
    let arn = arns::subscription(&cx.caller, input.subscription_arn)?;
    cx.write(move |tx| {
        if tx.connection.prepare_cached("DELETE FROM subscriptions WHERE arn = ?1")?.execute([arn])? > 0 {
            tx.catalogue_changed();
        }
        Ok(nothing())
    })
    .await
}

struct Found {
    id: i64,
    topic_id: i64,
    topic: String,
    protocol: String,
    endpoint: String,
    owner: String,
    settings: Settings,
}

fn find(connection: &Connection, arn: &str) -> ApiResult<Found> {
    let row = connection
        .prepare_cached(
            "SELECT s.id, t.arn, s.protocol, s.endpoint, s.owner, s.attributes, t.id FROM subscriptions s
             JOIN topics t ON t.id = s.topic WHERE s.arn = ?1",
        )?
        .query_row([arn], |row| {
            let found = Found {
                id: row.get(0)?,
                topic: row.get(1)?,
                protocol: row.get(2)?,
                endpoint: row.get(3)?,
                owner: row.get(4)?,
                settings: Settings::new(),
                topic_id: row.get(6)?,
            };
            Ok((found, row.get::<_, String>(5)?))
        })
        .optional()?;
    let (found, settings) = row.ok_or_else(|| ApiError::not_found("Subscription"))?;
    Ok(Found { settings: settings_from(&settings)?, ..found })
}

pub(crate) async fn get_attributes(cx: &Cx<'_>, input: OfSubscription) -> ApiResult<Attributes> {
    let arn = arns::subscription(&cx.caller, input.subscription_arn)?;
    let partition = partition(&cx.caller.region);
    let attributes = cx
        .read(move |connection| {
            let found = find(connection, &arn)?;
            let raw = effective(&found.settings, "RawMessageDelivery").to_ascii_lowercase();
            let scope = effective(&found.settings, "FilterPolicyScope");
            let mut attributes = found.settings;
            attributes.insert("RawMessageDelivery".into(), raw);
            // A scope shows only with the policy that is read in it.
            if attributes.contains_key("FilterPolicy") {
                attributes.insert("FilterPolicyScope".into(), scope);
            } else {
                attributes.remove("FilterPolicyScope");
            }
            let principal = format!("arn:{partition}:iam::{}:user/eventbus", found.owner);
            for (name, value) in [
                ("SubscriptionArn", arn),
                ("TopicArn", found.topic),
                ("Protocol", found.protocol),
                ("Endpoint", found.endpoint),
                ("Owner", found.owner),
                ("PendingConfirmation", "false".into()),
                ("ConfirmationWasAuthenticated", "true".into()),
                ("SubscriptionPrincipal", principal),
            ] {
                attributes.insert(name.into(), value);
            }
            Ok(attributes)
        })
        .await?;
    Ok(Attributes { attributes })
}

pub(crate) async fn set_attribute(cx: &Cx<'_>, input: SetAttribute) -> ApiResult<Nothing> {
    let arn = arns::subscription(&cx.caller, input.subscription_arn)?;
    let name = input.attribute_name.unwrap_or_default();
    let value = input.attribute_value.unwrap_or_default();
    cx.write(move |tx| {
        let found = find(tx.connection, &arn)?;
        if !SETTABLE.contains(&name.as_str()) {
            return Err(ApiError::parameter("AttributeName"));
        }
        check(&name, &value, "")?;
        let mut settings = found.settings;
        let first_filter = !settings.contains_key("FilterPolicy");
        if value.is_empty() {
            settings.remove(&name);
        } else {
            settings.insert(name, value);
        }
        check_filter(&settings, false)?;
        check_dead_letter(&settings, &found.endpoint, "")?;
        if first_filter && settings.contains_key("FilterPolicy") {
            room_for_a_filter(tx.connection, found.topic_id)?;
        }
        tx.connection
            .prepare_cached("UPDATE subscriptions SET attributes = ?2 WHERE id = ?1")?
            .execute((found.id, settings_text(&settings)))?;
        tx.catalogue_changed();
        Ok(nothing())
    })
    .await
}

const LISTED: &str = "SELECT s.id, t.arn, s.protocol, s.arn, s.owner, s.endpoint FROM subscriptions s
                      JOIN topics t ON t.id = s.topic";

fn listed(
    connection: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
) -> ApiResult<Vec<(i64, Subscription)>> {
    Ok(connection
        .prepare_cached(&format!("{LISTED} WHERE {condition} ORDER BY s.id LIMIT {}", PAGE + 1))?
        .query_map(parameters, |row| {
            let subscription = Subscription {
                topic_arn: row.get(1)?,
                protocol: row.get(2)?,
                subscription_arn: row.get(3)?,
                owner: row.get(4)?,
                endpoint: row.get(5)?,
            };
            Ok((row.get(0)?, subscription))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?)
}

fn page(mut rows: Vec<(i64, Subscription)>) -> Subscriptions {
    let next_token = topics::cut(&mut rows);
    Subscriptions { subscriptions: rows.into_iter().map(|(_, subscription)| subscription).collect(), next_token }
}

pub(crate) async fn list(cx: &Cx<'_>, input: OfTopic) -> ApiResult<Subscriptions> {
    let after = topics::after(input.next_token)?;
    let (owner, region) = (cx.caller.account.clone(), cx.caller.region.clone());
    cx.read(move |connection| {
        listed(connection, "s.owner = ?1 AND s.region = ?2 AND s.id > ?3", (owner, region, after))
    })
    .await
    .map(page)
}

pub(crate) async fn list_by_topic(cx: &Cx<'_>, input: OfTopic) -> ApiResult<Subscriptions> {
    let arn = arns::topic(&cx.caller, input.topic_arn, "TopicArn")?;
    let after = topics::after(input.next_token)?;
    cx.read(move |connection| {
        let topic = topics::find(connection, &arn)?.ok_or_else(|| ApiError::not_found("Topic"))?;
        listed(connection, "s.topic = ?1 AND s.id > ?2", (topic.id, after))
    })
    .await
    .map(page)
}
