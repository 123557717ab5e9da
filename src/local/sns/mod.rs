//! The operations of SNS on the messaging path, and the one of STS that clients call.
//!
//! Typed requests in, typed answers out, independent of the protocol. May use `store` and `filter`; must not know how anything
//! looks on the wire.
//!
//! | operation | as AWS | not as AWS |
//! |---|---|---|
//! | CreateTopic | names, tags and attributes checked; made again with some of its tags or attributes it is the same topic | `ArchivePolicy` is refused as not supported; no limit on the number of topics; the sentences to bad values of `SignatureVersion`, `TracingConfig`, `FifoThroughputScope` and `MaximumMessageSize` name the attribute and no more |
//! | DeleteTopic | never an error for a topic that is not there | its subscriptions are gone at once |
//! | ListTopics | pages of a hundred, by account and region | oldest first |
//! | GetTopicAttributes | what is shown of a new topic, and the delivery policy that takes effect | `SubscriptionsDeleted` is always 0 |
//! | SetTopicAttributes | names checked, policies looked at for what AWS is known to refuse, delivery policies completed, an empty value takes away | attributes of logging, tracing, encryption and of the policy are kept, shown and without effect; the hundred subscriptions that a `MaximumMessageSize` above 256 KiB allows are not counted |
//! | GetDataProtectionPolicy, PutDataProtectionPolicy | kept and shown | nothing is audited, masked or refused by it; of its text only that it is JSON is checked |
//! | TagResource, UntagResource, ListTagsForResource | up to fifty, no key twice | sorted by key; lengths, characters and the prefix `aws:` are not checked |
//! | AddPermission, RemovePermission | statements of the policy, by label; a label that is not there is no error | policies are not asked |
//! | Subscribe | for `sqs`, also queues that are not there or of another account or region; attributes, filter policies with their limits (two hundred a topic), and conflicts with the subscription there is | confirmed at once, also for a queue of another account, whose owner AWS would ask; every other protocol is refused as not supported; the number of filter policies of an account is not limited |
//! | ConfirmSubscription | what AWS says to a token that it does not know | there are no others |
//! | Unsubscribe | never an error for a subscription that is not there; also by the link in a notification | at once |
//! | GetSubscriptionAttributes | members, and when `FilterPolicyScope` is among them | `SubscriptionPrincipal` is a user that nobody made; `EffectiveDeliveryPolicy` is not there |
//! | SetSubscriptionAttributes | names and values checked, in AWS's words where they are recorded, with the place in a bad filter policy where that is recorded, too; effective at once (on AWS within 15 minutes) | `ReplayPolicy` is refused as not supported; a delivery policy is only kept |
//! | ListSubscriptions, ListSubscriptionsByTopic | pages of a hundred | oldest first |
//! | Publish, PublishBatch | sizes, subject, structure, attributes, groups and duplicates (by topic or by group), refusals of one message and of a whole batch, trace header, raw delivery with its ten attributes, dead letters | delivered in the same moment, or to the dead-letter queue without a retry; a message fits a queue that takes so many bytes without the wrapper it gets, and a subscription's dead-letter queue takes whatever could not be delivered; the attributes in a wrapper are sorted; signatures are well-formed and verify against nothing; encryption is not there; no throttling; the sentences to bad group and deduplication ids are those of SQS |
//! | GetCallerIdentity (STS) | account, user id and ARN of an account's root user | nobody is ever anybody else |
//! | everything else | | refused as not supported, by its name |
//!
//! A topic is out of reach from another region (`Invalid parameter: TopicArn`), as on AWS, unless the request does not say where
//! it is from. With content-based deduplication a message of the structure `json` is told from others by all of its text: AWS's
//! documentation speaks of the body of the message, and a topic looks for duplicates before anybody's share is cut out.
//!
//! **Queue policies are stored and not asked.** On AWS a topic's messages reach a queue only if the queue's policy allows the
//! topic to send, and are dropped without a word otherwise. Here they are always delivered, as by other emulators: test suites
//! that never wrote a policy go on working, and `provision` writes the policies that AWS needs.

mod arns;
mod attributes;
mod data_protection;
mod delivery_policy;
pub(crate) mod notification;
mod permissions;
mod publish;
mod subscriptions;
mod tags;
mod topics;
mod types;

use serde::Serialize;

use super::Cx;
use super::error::{ApiError, ApiResult};
use super::names::partition;
use super::sqs::types::Nothing;
use super::wire::{Answer, Input};

/// The operations that are served.
#[cfg(test)]
pub(crate) const OPERATIONS: [&str; 21] = [
    "AddPermission",
    "ConfirmSubscription",
    "CreateTopic",
    "DeleteTopic",
    "GetDataProtectionPolicy",
    "GetSubscriptionAttributes",
    "GetTopicAttributes",
    "ListSubscriptions",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
    "ListTopics",
    "Publish",
    "PublishBatch",
    "PutDataProtectionPolicy",
    "RemovePermission",
    "SetSubscriptionAttributes",
    "SetTopicAttributes",
    "Subscribe",
    "TagResource",
    "Unsubscribe",
    "UntagResource",
];

/// The operations that exist and are refused.
const LATER: [&str; 19] = [
    "CheckIfPhoneNumberIsOptedOut",
    "CreatePlatformApplication",
    "CreatePlatformEndpoint",
    "CreateSMSSandboxPhoneNumber",
    "DeleteEndpoint",
    "DeletePlatformApplication",
    "DeleteSMSSandboxPhoneNumber",
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
        "TagResource" => input.answer(tags::tag(cx, input.parse()?).await?),
        "UntagResource" => input.answer(tags::untag(cx, input.parse()?).await?),
        "ListTagsForResource" => input.answer(tags::list(cx, input.parse()?).await?),
        "GetDataProtectionPolicy" => input.answer(data_protection::get(cx, input.parse()?).await?),
        "PutDataProtectionPolicy" => input.answer(data_protection::put(cx, input.parse()?).await?),
        "Subscribe" => input.answer(subscriptions::subscribe(cx, input.parse()?).await?),
        "ConfirmSubscription" => input.answer(subscriptions::confirm(cx, input.parse()?)?),
        "Unsubscribe" => input.answer(subscriptions::unsubscribe(cx, input.parse()?).await?),
        "GetSubscriptionAttributes" => input.answer(subscriptions::get_attributes(cx, input.parse()?).await?),
        "SetSubscriptionAttributes" => input.answer(subscriptions::set_attribute(cx, input.parse()?).await?),
        "ListSubscriptions" => input.answer(subscriptions::list(cx, input.parse()?).await?),
        "ListSubscriptionsByTopic" => input.answer(subscriptions::list_by_topic(cx, input.parse()?).await?),
        "AddPermission" => input.answer(permissions::add(cx, input.parse()?).await?),
        "RemovePermission" => input.answer(permissions::remove(cx, input.parse()?).await?),
        later if LATER.contains(&later) => Err(unsupported(&format!("{later} is"))),
        unknown => Err(no_action(unknown, "2010-03-31")),
    }
}

/// What AWS answered to `publish` instead of `Publish` (<https://github.com/ex-aws/ex_aws/pull/177>).
fn no_action(unknown: &str, version: &str) -> ApiError {
    ApiError::new("InvalidAction", format!("Could not find operation {unknown} for version {version}"))
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
        unknown => Err(no_action(unknown, "2011-06-15")),
    }
}

/// The answer of operations that say nothing.
fn nothing() -> Nothing {
    Nothing {}
}
