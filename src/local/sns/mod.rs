//! The operations of SNS on the messaging path, and the one of STS that clients call.
//!
//! Typed requests in, typed answers out, independent of the protocol. May use `store` and `filter`; must not know how anything
//! looks on the wire.
//!
//! | operation | state |
//! |---|---|
//! | CreateTopic, DeleteTopic, ListTopics, Get/SetTopicAttributes, TagResource, UntagResource, ListTagsForResource | as AWS; attributes about archives are refused, those about logging, tracing and encryption are kept and have no effect |
//! | Subscribe, Unsubscribe, Get/SetSubscriptionAttributes, ListSubscriptions, ListSubscriptionsByTopic | as AWS for `sqs`, effective at once (on AWS within 15 minutes); every other protocol is refused as not supported |
//! | Publish, PublishBatch | as AWS for queues, FIFO topics included: order, groups and duplicates by topic or by group; signatures are well-formed and verify against nothing |
//! | AddPermission, RemovePermission | as AWS; policies are kept, shown and not asked; removing a label that is not there is no error |
//! | everything else | refused as not supported |
//!
//! **Queue policies are stored and not asked.** On AWS a topic's messages reach a queue only if the queue's policy allows the
//! topic to send, and are dropped without a word otherwise. Here they are always delivered, as by other emulators: test suites
//! that never wrote a policy go on working, and `provision` writes the policies that AWS needs.

pub(crate) mod notification;
mod permissions;
mod publish;
mod subscriptions;
mod topics;
mod types;

use serde::Serialize;

use super::Cx;
use super::error::{ApiError, ApiResult};
use super::names::partition;
use super::sqs::types::Nothing;
use super::wire::{Answer, Input};

/// The operations that exist and are refused.
const LATER: [&str; 22] = [
    "ConfirmSubscription",
    "CheckIfPhoneNumberIsOptedOut",
    "CreatePlatformApplication",
    "CreatePlatformEndpoint",
    "CreateSMSSandboxPhoneNumber",
    "DeleteEndpoint",
    "DeletePlatformApplication",
    "DeleteSMSSandboxPhoneNumber",
    "GetDataProtectionPolicy",
    "GetEndpointAttributes",
    "GetPlatformApplicationAttributes",
    "GetSMSAttributes",
    "GetSMSSandboxAccountStatus",
    "ListEndpointsByPlatformApplication",
    "ListOriginationNumbers",
    "ListPhoneNumbersOptedOut",
    "ListPlatformApplications",
    "ListSMSSandboxPhoneNumbers",
    "OptInPhoneNumber",
    "PutDataProtectionPolicy",
    "SetEndpointAttributes",
    "SetSMSAttributes",
];

/// SNS's own form of "not supported".
fn unsupported(what: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", ApiError::unsupported(what).message)
}

/// Runs `operation`.
pub(crate) async fn call(cx: &Cx<'_>, operation: &str, input: Input) -> ApiResult<Answer> {
    match operation {
        "Publish" => input.answer(publish::one(cx, input.parse()?).await?),
        "PublishBatch" => input.answer(publish::many(cx, input.parse()?).await?),
        "CreateTopic" => input.answer(topics::create(cx, input.parse()?).await?),
        "DeleteTopic" => input.answer(topics::delete(cx, input.parse()?).await?),
        "ListTopics" => input.answer(topics::list(cx, input.parse()?).await?),
        "GetTopicAttributes" => input.answer(topics::get_attributes(cx, input.parse()?).await?),
        "SetTopicAttributes" => input.answer(topics::set_attribute(cx, input.parse()?).await?),
        "TagResource" => input.answer(topics::tag(cx, input.parse()?).await?),
        "UntagResource" => input.answer(topics::untag(cx, input.parse()?).await?),
        "ListTagsForResource" => input.answer(topics::tags(cx, input.parse()?).await?),
        "Subscribe" => input.answer(subscriptions::subscribe(cx, input.parse()?).await?),
        "Unsubscribe" => input.answer(subscriptions::unsubscribe(cx, input.parse()?).await?),
        "GetSubscriptionAttributes" => input.answer(subscriptions::get_attributes(cx, input.parse()?).await?),
        "SetSubscriptionAttributes" => input.answer(subscriptions::set_attribute(cx, input.parse()?).await?),
        "ListSubscriptions" => input.answer(subscriptions::list(cx, input.parse()?).await?),
        "ListSubscriptionsByTopic" => input.answer(subscriptions::list_by_topic(cx, input.parse()?).await?),
        "AddPermission" => input.answer(permissions::add(cx, input.parse()?).await?),
        "RemovePermission" => input.answer(permissions::remove(cx, input.parse()?).await?),
        later if LATER.contains(&later) => Err(unsupported(&format!("{later} is"))),
        unknown => Err(no_action(unknown)),
    }
}

fn no_action(unknown: &str) -> ApiError {
    ApiError::new("InvalidAction", format!("The action {unknown} is not valid for this web service."))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    arn: String,
    user_id: String,
    account: String,
}

/// Runs an operation of STS: who am I.
pub(crate) fn call_sts(cx: &Cx<'_>, operation: &str, input: &Input) -> ApiResult<Answer> {
    match operation {
        "GetCallerIdentity" => input.answer(CallerIdentity {
            arn: format!("arn:{}:iam::{}:root", partition(&cx.caller.region), cx.caller.account),
            user_id: cx.caller.account.clone(),
            account: cx.caller.account.clone(),
        }),
        unknown => Err(no_action(unknown)),
    }
}

/// The answer of operations that say nothing.
fn nothing() -> Nothing {
    Nothing {}
}
