//! Permissions: statements of a topic's policy, written and taken away by their labels. The policy is kept and not asked.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_AddPermission.html>

use serde_json::{Value, json};

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::valid_account;
use super::super::policy::{self, statement, statements};
use super::super::sqs::types::Nothing;
use super::types::{AddPermission, RemovePermission};
use super::{arns, topics};

/// What can be allowed to somebody else: what a topic's own policy can speak of
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html>).
const ACTIONS: [&str; 12] = [
    "Publish",
    "Subscribe",
    "Receive",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "SetTopicAttributes",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
    "GetDataProtectionPolicy",
    "PutDataProtectionPolicy",
];

fn out_of_scope() -> ApiError {
    ApiError::parameter("Policy statement action out of service scope!")
}

/// Checks a policy that somebody sets as a whole. Of it is looked at what AWS is known to refuse: an empty one
/// (aws-controllers-k8s/community issue 1867), statements that lack something (serverless/serverless issue 5519,
/// cloudposse/terraform-aws-sns-topic pull request 44), or speak of other actions than a topic has, such as all of SNS's
/// (hashicorp/terraform issue 12740), or name principals that nobody can be (hashicorp/terraform-provider-aws issue 26041).
pub(super) fn check(text: &str) -> ApiResult<()> {
    let refused = |reason: &str| Err(ApiError::parameter(reason));
    if text.is_empty() {
        return refused("Policy is empty");
    }
    let Some(statements) = policy::read(text) else { return refused("Policy Error: null") };
    for statement in statements {
        let known = |name: &str| {
            name != "*" && (name.contains(['*', '?']) || ACTIONS.iter().any(|action| action.eq_ignore_ascii_case(name)))
        };
        if !policy::actions(&statement).into_iter().all(|action| policy::action_of("sns", action).is_some_and(known)) {
            return Err(out_of_scope());
        }
        if policy::resources(&statement) > 1 {
            return refused("Policy statement must apply to a single resource!");
        }
        if !policy::principals_can_be(&statement) {
            return refused("Policy Error: PrincipalNotFound");
        }
    }
    Ok(())
}

pub(crate) async fn add(cx: &Cx<'_>, input: AddPermission) -> ApiResult<Nothing> {
    let label = label_of(input.label)?;
    if input.accounts.is_empty() {
        return Err(arns::absent("AWSAccountId"));
    }
    if input.actions.is_empty() {
        return Err(arns::absent("ActionName"));
    }
    if input.actions.iter().any(|action| !ACTIONS.contains(&action.as_str())) {
        return Err(out_of_scope());
    }
    if !input.accounts.iter().all(|id| valid_account(id)) {
        return Err(ApiError::parameter("AWSAccountId Reason: an account has twelve digits"));
    }
    change(cx, input.topic_arn, move |list, arn| {
        if list.iter().any(|statement| statement["Sid"] == label.as_str()) {
            return Err(ApiError::parameter("Statement already exists"));
        }
        list.push(statement(&label, &input.accounts, ("SNS", &input.actions), arn));
        Ok(())
    })
    .await
}

pub(crate) async fn remove(cx: &Cx<'_>, input: RemovePermission) -> ApiResult<Nothing> {
    let label = label_of(input.label)?;
    change(cx, input.topic_arn, move |list, _| {
        list.retain(|statement| statement["Sid"] != label.as_str());
        Ok(())
    })
    .await
}

fn label_of(label: Option<String>) -> ApiResult<String> {
    label.filter(|label| !label.is_empty()).ok_or_else(|| arns::absent("Label"))
}

/// Runs `work` on the statements of a topic's policy and keeps them.
async fn change(
    cx: &Cx<'_>,
    arn: Option<String>,
    work: impl FnOnce(&mut Vec<Value>, &str) -> ApiResult<()> + Send + 'static,
) -> ApiResult<Nothing> {
    let arn = arns::topic(&cx.caller, arn, "TopicArn")?;
    topics::change(cx, arn, move |settings, arn| {
        let text = settings.remove("Policy").unwrap_or_else(|| topics::default_policy_of(arn));
        let mut policy = serde_json::from_str::<Value>(&text).unwrap_or_else(|_| json!({ "Version": "2008-10-17" }));
        let mut list = statements(&mut policy);
        work(&mut list, arn)?;
        policy["Statement"] = Value::Array(list);
        settings.insert("Policy".into(), policy.to_string());
        Ok(())
    })
    .await
}
