//! Permissions: statements of a queue's policy, written and taken away by their labels. The policy is kept and not asked.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html>

use serde_json::{Value, json};

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::{valid_account, valid_entry_id};
use super::super::policy::{self, statement, statements};
use super::super::store::catalogue::Settings;
use super::queues;
use super::types::{AddPermission, Nothing, RemovePermission};

/// Actions of a statement at most
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html>).
const MOST_ACTIONS: usize = 7;
/// What can be allowed to somebody else.
const ACTIONS: [&str; 9] = [
    "*",
    "SendMessage",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
];

fn label_of(label: Option<String>) -> ApiResult<String> {
    let label = label.ok_or_else(|| ApiError::missing("Label"))?;
    if valid_entry_id(&label) {
        Ok(label)
    } else {
        Err(bad_label(&label, "Must be 1 to 80 alphanumeric characters, hyphens or underscores."))
    }
}

fn bad_label(label: &str, reason: &str) -> ApiError {
    ApiError::invalid_value(format!("Value {label} for parameter Label is invalid. Reason: {reason}"))
}

/// Whether a policy may speak of it: an operation, and for the batches the one that they are many of.
fn is_operation(action: &str) -> bool {
    super::OPERATIONS.iter().any(|known| known.eq_ignore_ascii_case(action) && !known.ends_with("Batch"))
}

const NO_ACTION: &str = "Please refer to the appropriate WSDL for a list of valid actions.";

fn bad_action(action: &str, reason: &str) -> ApiError {
    ApiError::invalid_value(format!("Value {action} for parameter ActionName is invalid. Reason: {reason}"))
}

/// Checks a policy that somebody sets as a whole. Of it is looked at what AWS is known to refuse: statements that lack
/// something, principals that nobody can be, more actions than a statement may have, and actions that are none
/// (cloudtools/awacs issue 34: batches are none of their own).
pub(crate) fn check(text: &str) -> ApiResult<()> {
    let invalid = || ApiError::new("InvalidAttributeValue", "Invalid value for the parameter Policy.");
    for statement in policy::read(text).ok_or_else(invalid)? {
        let actions = policy::actions(&statement);
        if actions.len() > MOST_ACTIONS {
            return Err(ApiError::over_limit(format!(
                "{} actions were found in a statement from the submitted policy, max allowed is {MOST_ACTIONS}",
                actions.len()
            )));
        }
        for action in actions {
            let named = policy::action_of("sqs", action);
            if !named.is_some_and(|name| name.contains(['*', '?']) || is_operation(name)) {
                return Err(bad_action(action, NO_ACTION));
            }
        }
        if !policy::principals_can_be(&statement) {
            return Err(invalid());
        }
    }
    Ok(())
}

pub(crate) async fn add(cx: &Cx<'_>, input: AddPermission) -> ApiResult<Nothing> {
    let label = label_of(input.label)?;
    if input.actions.is_empty() {
        return Err(ApiError::missing("Actions"));
    }
    if input.actions.len() > MOST_ACTIONS {
        let message = format!("{} Actions were found, maximum allowed is {MOST_ACTIONS}.", input.actions.len());
        return Err(ApiError::coded("OverLimit", "OverLimit", message).status(403));
    }
    if let Some(action) = input.actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
        let reason =
            if is_operation(action) { "Only the queue owner is allowed to invoke this action." } else { NO_ACTION };
        return Err(bad_action(&format!("SQS:{action}"), reason));
    }
    // With all of them in brackets, and so for none (getmoto/moto, tests/test_sqs, Apache-2.0).
    if input.aws_account_ids.is_empty() || !input.aws_account_ids.iter().all(|id| valid_account(id)) {
        return Err(ApiError::invalid_value(format!(
            "Value [{}] for parameter PrincipalId is invalid. Reason: Unable to verify.",
            input.aws_account_ids.join(", ")
        )));
    }
    change(cx, input.queue_url.as_ref(), move |policy, arn| {
        let mut policy =
            policy.unwrap_or_else(|| json!({ "Version": "2008-10-17", "Id": format!("{arn}/SQSDefaultPolicy") }));
        let mut list = statements(&mut policy);
        if list.iter().any(|statement| statement["Sid"] == label.as_str()) {
            return Err(bad_label(&label, "Already exists."));
        }
        list.push(statement(&label, &input.aws_account_ids, ("SQS", &input.actions), arn));
        policy["Statement"] = Value::Array(list);
        Ok(Some(policy))
    })
    .await
}

pub(crate) async fn remove(cx: &Cx<'_>, input: RemovePermission) -> ApiResult<Nothing> {
    let label = label_of(input.label)?;
    change(cx, input.queue_url.as_ref(), move |policy, _| {
        let mut policy = policy.ok_or_else(|| bad_label(&label, "can't find label."))?;
        let mut list = statements(&mut policy);
        let before = list.len();
        list.retain(|statement| statement["Sid"] != label.as_str());
        if list.len() == before {
            return Err(bad_label(&label, "can't find label."));
        }
        let empty = list.is_empty();
        policy["Statement"] = Value::Array(list);
        Ok((!empty).then_some(policy))
    })
    .await
}

/// Runs `work` on a queue's policy and keeps what it returns.
async fn change(
    cx: &Cx<'_>,
    url: Option<&String>,
    work: impl FnOnce(Option<Value>, &str) -> ApiResult<Option<Value>> + Send + 'static,
) -> ApiResult<Nothing> {
    let name = queues::named(cx, url)?;
    let now = cx.now();
    cx.write(move |tx| {
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        let mut settings: Settings = queue.settings.clone();
        let policy = settings.remove("Policy").and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if let Some(policy) = work(policy.filter(Value::is_object), &name.arn())? {
            settings.insert("Policy".into(), policy.to_string());
        }
        queues::keep(tx, queue.id, &settings, now)
    })
    .await
}
