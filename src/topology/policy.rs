//! Access policies: our one statement in a queue's policy, merged by its id with whatever else stands there.
//!
//! Statements of others are carried over as they are. Elements: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>.
//! Limits: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html>.

use serde_json::{Map, Value, json};

/// The id of our statement in a queue's policy.
pub const QUEUE_SID: &str = "eventbus-topics";

/// A policy that cannot be merged with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// What stands there is not a policy.
    #[error("the policy that stands there is not a JSON object with statements: {0}")]
    Unreadable(String),
    /// The merged policy is over a limit.
    #[error("the policy would have {found} {unit}; the limit is {limit}")]
    TooLarge {
        /// How much it would have.
        found: usize,
        /// How much it may have.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
}

/// The statement that lets `topics` (ARNs) send to `queue` (ARN): one statement with a list, since a queue's policy holds 20.
pub fn queue_statement(queue: &str, topics: &[String]) -> Value {
    json!({
        "Sid": QUEUE_SID,
        "Effect": "Allow",
        "Principal": { "Service": "sns.amazonaws.com" },
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": { "ArnEquals": { "aws:SourceArn": topics } },
    })
}

/// The statement that SNS puts into the policy of every new topic, as `GetTopicAttributes` answers it
/// (<https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html>): the account itself may do everything.
pub fn default_topic_statement(topic: &str) -> Value {
    json!({
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": { "AWS": "*" },
        "Action": [
            "SNS:GetTopicAttributes",
            "SNS:SetTopicAttributes",
            "SNS:AddPermission",
            "SNS:RemovePermission",
            "SNS:DeleteTopic",
            "SNS:Subscribe",
            "SNS:ListSubscriptionsByTopic",
            "SNS:Publish",
        ],
        "Resource": topic,
        "Condition": { "StringEquals": { "AWS:SourceOwner": topic.split(':').nth(4).unwrap_or_default() } },
    })
}

/// The statements of a policy; of none for an empty text.
fn statements(policy: &str) -> Result<(Map<String, Value>, Vec<Value>), PolicyFault> {
    if policy.trim().is_empty() {
        let mut fresh = Map::new();
        fresh.insert("Version".into(), "2012-10-17".into());
        return Ok((fresh, Vec::new()));
    }
    let unreadable = |why: String| PolicyFault::Unreadable(why);
    let parsed: Value = serde_json::from_str(policy).map_err(|error| unreadable(error.to_string()))?;
    let Value::Object(mut whole) = parsed else { return Err(unreadable("it is no object".into())) };
    let list = match whole.get_mut("Statement").map(Value::take) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list,
        Some(one @ Value::Object(_)) => vec![one], // IAM takes a single statement without a list
        Some(_) => return Err(unreadable("`Statement` is no list".into())),
    };
    Ok((whole, list))
}

/// The statements of a policy, in its order.
///
/// # Errors
/// The text is no policy.
pub fn statements_of(policy: &str) -> Result<Vec<Value>, PolicyFault> {
    statements(policy).map(|(_, list)| list)
}

fn sid(statement: &Value) -> Option<&str> {
    statement.get("Sid").and_then(Value::as_str)
}

/// The statement of this id in `policy`.
pub fn statement(policy: &str, id: &str) -> Option<Value> {
    let (_, list) = statements(policy).ok()?;
    list.into_iter().find(|statement| sid(statement) == Some(id))
}

/// The topic ARNs that our statement in `policy` names.
pub fn topics_allowed(policy: &str) -> Vec<String> {
    let Ok((_, list)) = statements(policy) else { return Vec::new() };
    let Some(ours) = list.into_iter().find(|statement| sid(statement) == Some(QUEUE_SID)) else { return Vec::new() };
    match ours.pointer("/Condition/ArnEquals/aws:SourceArn") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// `policy` with `wanted` in the place of statements of the same id, and without statements whose id is in `gone`.
///
/// `None` when it means the same already. An answer without statements is the empty text, which removes the policy.
///
/// # Errors
/// The policy cannot be read, or the merged one is over `max_bytes` or `max_statements`.
pub fn merge(
    policy: &str,
    wanted: &[Value],
    gone: &[&str],
    (max_bytes, max_statements): (usize, usize),
) -> Result<Option<String>, PolicyFault> {
    let (mut whole, mut list) = statements(policy)?;
    let mut changed = false;
    for want in wanted {
        match list.iter_mut().find(|statement| sid(statement) == sid(want)) {
            Some(standing) if means(standing) == means(want) => {}
            Some(standing) => {
                *standing = want.clone();
                changed = true;
            }
            None => {
                list.push(want.clone());
                changed = true;
            }
        }
    }
    let before = list.len();
    list.retain(|statement| !sid(statement).is_some_and(|sid| gone.contains(&sid)));
    if !changed && list.len() == before {
        return Ok(None);
    }
    if list.is_empty() {
        return Ok(Some(String::new()));
    }
    if list.len() > max_statements {
        return Err(PolicyFault::TooLarge { found: list.len(), limit: max_statements, unit: "statements" });
    }
    whole.insert("Statement".into(), Value::Array(list));
    let text = Value::Object(whole).to_string();
    if text.len() > max_bytes {
        return Err(PolicyFault::TooLarge { found: text.len(), limit: max_bytes, unit: "bytes" });
    }
    Ok(Some(text))
}

/// What a statement means: single values as lists, lists as sets, names that AWS compares without case in lower case, and an
/// account id as the root ARN that AWS turns it into.
fn means(statement: &Value) -> Value {
    let Value::Object(map) = statement else { return statement.clone() };
    map.iter()
        .map(|(key, value)| {
            let value = match key.as_str() {
                "Action" | "NotAction" => set(value, &|text| text.to_ascii_lowercase()),
                "Principal" | "NotPrincipal" => match value {
                    Value::Object(kinds) => kinds.iter().map(|(k, v)| (k.clone(), set(v, &principal))).collect(),
                    Value::String(all) if all == "*" => json!({ "AWS": ["*"] }),
                    other => other.clone(),
                },
                "Resource" | "NotResource" => set(value, &str::to_owned),
                "Condition" => match value {
                    Value::Object(operators) => operators
                        .iter()
                        .map(|(operator, keys)| {
                            let keys = match keys {
                                Value::Object(keys) => {
                                    keys.iter().map(|(k, v)| (k.to_ascii_lowercase(), set(v, &str::to_owned))).collect()
                                }
                                other => other.clone(),
                            };
                            (operator.to_ascii_lowercase(), keys)
                        })
                        .collect(),
                    other => other.clone(),
                },
                _ => value.clone(),
            };
            (key.clone(), value)
        })
        .collect()
}

fn principal(text: &str) -> String {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return format!("arn:aws:iam::{text}:root");
    }
    text.to_owned()
}

/// One value or a list of values as a sorted list without repetitions.
fn set(value: &Value, each: &dyn Fn(&str) -> String) -> Value {
    let one = |value: &Value| match value {
        Value::String(text) => each(text),
        other => other.to_string(),
    };
    let mut list = match value {
        Value::Array(many) => many.iter().map(one).collect(),
        other => vec![one(other)],
    };
    list.sort();
    list.dedup();
    list.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:q";
    const LIMITS: (usize, usize) = (8_192, 20);

    fn topics(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("arn:aws:sns:eu-west-1:123456789012:{name}")).collect()
    }

    fn merged(policy: &str, names: &[&str]) -> Option<Value> {
        let text = merge(policy, &[queue_statement(QUEUE, &topics(names))], &[], LIMITS).unwrap()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn one_statement_names_every_topic() {
        let policy = merged("", &["a", "b"]).unwrap();
        assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
        assert_eq!(policy["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"], json!(topics(&["a", "b"])));
        assert_eq!(topics_allowed(&policy.to_string()), topics(&["a", "b"]));
    }

    #[test]
    fn statements_of_others_stay_as_they_are_and_ours_is_replaced_in_its_place() {
        let theirs = json!({"Sid": "theirs", "Effect": "Deny", "Principal": "*", "Action": ["SQS:*"], "Resource": QUEUE,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        let nameless = json!({"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sqs:ReceiveMessage", "Resource": "*"});
        let before = json!({"Version": "2008-10-17", "Id": "mine", "Statement":
            [theirs, queue_statement(QUEUE, &topics(&["a"])), nameless]});
        let after = merged(&before.to_string(), &["a", "b"]).unwrap();
        assert_eq!((&after["Version"], &after["Id"]), (&before["Version"], &before["Id"]));
        assert_eq!((&after["Statement"][0], &after["Statement"][2]), (&theirs, &nameless));
        assert_eq!(after["Statement"][1], queue_statement(QUEUE, &topics(&["a", "b"])));
    }

    #[test]
    fn the_same_meaning_in_other_words_is_no_change() {
        let standing = json!({"Version": "2012-10-17", "Statement": {"Sid": QUEUE_SID, "Effect": "Allow",
            "Principal": {"Service": ["sns.amazonaws.com"]}, "Action": ["SQS:SendMessage"], "Resource": [QUEUE],
            "Condition": {"arnEquals": {"AWS:SourceArn": [topics(&["b"])[0], topics(&["a"])[0]]}}}});
        assert_eq!(merged(&standing.to_string(), &["a", "b"]), None);
        let single = queue_statement(QUEUE, &topics(&["a"]));
        let mut single = json!({ "Statement": [single] });
        single["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"] = json!(topics(&["a"])[0]);
        assert_eq!(merged(&single.to_string(), &["a"]), None);
    }

    #[test]
    fn a_wider_or_narrower_statement_is_a_change() {
        for (path, value) in [
            ("/Effect", json!("Deny")),
            ("/Principal", json!("*")),
            ("/Action", json!("sqs:*")),
            ("/Condition/ArnEquals/aws:SourceArn", json!("*")),
        ] {
            let mut statement = queue_statement(QUEUE, &topics(&["a"]));
            *statement.pointer_mut(path).unwrap() = value;
            assert!(merged(&json!({ "Statement": [statement] }).to_string(), &["a"]).is_some(), "{path}");
        }
    }

    #[test]
    fn without_topics_ours_goes_and_an_empty_policy_is_removed() {
        let ours = queue_statement(QUEUE, &topics(&["a"]));
        let alone = json!({ "Statement": [ours] }).to_string();
        assert_eq!(merge(&alone, &[], &[QUEUE_SID], LIMITS).unwrap().as_deref(), Some(""));
        let theirs = json!({ "Statement": [{ "Sid": "theirs" }] }).to_string();
        assert_eq!(merge(&theirs, &[], &[QUEUE_SID], LIMITS).unwrap(), None);
    }

    #[test]
    fn what_is_no_policy_is_never_overwritten() {
        for bad in ["{", "[]", r#"{"Statement": 5}"#] {
            let fault = merge(bad, &[queue_statement(QUEUE, &[])], &[], LIMITS);
            assert!(matches!(fault, Err(PolicyFault::Unreadable(_))), "{bad}");
        }
    }

    #[test]
    fn limits_are_checked_before_the_call() {
        let many: Vec<Value> = (0..20).map(|n| json!({ "Sid": format!("s{n}") })).collect();
        let policy = json!({ "Statement": many }).to_string();
        let fault = merge(&policy, &[queue_statement(QUEUE, &topics(&["a"]))], &[], LIMITS);
        assert!(matches!(fault, Err(PolicyFault::TooLarge { found: 21, limit: 20, .. })));
        let wide: Vec<String> = (0..200).map(|n| format!("arn:aws:sns:eu-west-1:123456789012:topic-{n}")).collect();
        let fault = merge("", &[queue_statement(QUEUE, &wide)], &[], LIMITS);
        assert!(matches!(fault, Err(PolicyFault::TooLarge { limit: 8_192, .. })));
    }
}
