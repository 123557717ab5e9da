//! Permissions: statements of a queue's policy, written and taken away by their labels. The policy is kept and not asked.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html>

use serde_json::{Value, json};

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::{partition, split_arn, valid_account, valid_entry_id};
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

/// One value stands alone, several in a list.
fn one_or_many(mut values: Vec<String>) -> Value {
    match (values.pop(), values.is_empty()) {
        (Some(only), true) => Value::String(only),
        (last, _) => values.into_iter().chain(last).map(Value::String).collect(),
    }
}

/// The statement that a permission is: `accounts` may do `actions` of `service` to `resource`. An account's root user stands in
/// the partition of the resource.
pub(crate) fn statement(
    label: &str,
    accounts: &[String],
    (service, actions): (&str, &[String]),
    resource: &str,
) -> Value {
    let partition = split_arn(resource).map_or("aws", |parts| partition(parts.region));
    json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_many(accounts.iter().map(|id| format!("arn:{partition}:iam::{id}:root")).collect()) },
        "Action": one_or_many(actions.iter().map(|action| format!("{service}:{action}")).collect()),
        "Resource": resource,
    })
}

/// Takes the statements out of a policy; a single one may stand without a list.
pub(crate) fn statements(policy: &mut Value) -> Vec<Value> {
    match policy.get_mut("Statement").map(Value::take) {
        Some(Value::Array(list)) => list,
        Some(one @ Value::Object(_)) => vec![one],
        _ => Vec::new(),
    }
}

pub(crate) async fn add(cx: &Cx<'_>, input: AddPermission) -> ApiResult<Nothing> {
    let label = label_of(input.label)?;
    if input.aws_account_ids.is_empty() {
        return Err(ApiError::missing("AWSAccountIds"));
    }
    if input.actions.is_empty() {
        return Err(ApiError::missing("Actions"));
    }
    if input.actions.len() > MOST_ACTIONS {
        let message = format!("{} Actions were found, maximum allowed is {MOST_ACTIONS}.", input.actions.len());
        return Err(ApiError::coded("OverLimit", "OverLimit", message).status(403));
    }
    if let Some(action) = input.actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
        let reason = if super::OPERATIONS.contains(&action.as_str()) {
            "Only the queue owner is allowed to invoke this action."
        } else {
            "Please refer to the appropriate WSDL for a list of valid actions. "
        };
        return Err(ApiError::invalid_value(format!(
            "Value SQS:{action} for parameter ActionName is invalid. Reason: {reason}"
        )));
    }
    if let Some(account) = input.aws_account_ids.iter().find(|id| !valid_account(id)) {
        return Err(ApiError::invalid_value(format!(
            "Value {account} for parameter PrincipalId is invalid. Reason: Unable to verify."
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_stands_in_the_partition_of_what_it_may_use() {
        let of = |region: &str, arn: &str| {
            let accounts = ["111122223333".to_owned()];
            let made = statement("l", &accounts, ("SQS", &["SendMessage".to_owned()]), &arn.replace("REGION", region));
            made["Principal"]["AWS"].as_str().unwrap_or_default().to_owned()
        };
        let queue = |region| of(region, "arn:aws:sqs:REGION:444455556666:q");
        assert_eq!(queue("eu-west-1"), "arn:aws:iam::111122223333:root");
        assert_eq!(queue("cn-north-1"), "arn:aws-cn:iam::111122223333:root");
        assert_eq!(queue("us-gov-west-1"), "arn:aws-us-gov:iam::111122223333:root");
    }
}
