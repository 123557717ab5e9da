//! Access policies as queues and topics keep them: statements by their labels, and what is looked at before one is kept.
//!
//! Pure. Each service says in its own words what it refuses. No policy is ever asked whether something is allowed.

use serde_json::{Value, json};

use super::names::{partition, split_arn, valid_account};

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

/// The statements of a policy text that have every element they need, at least one: whether allowed or denied, who, and what
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>). `None` for any other text.
pub(crate) fn read(text: &str) -> Option<Vec<Value>> {
    let list = statements(&mut serde_json::from_str(text).ok()?);
    let has = |statement: &Value, names: [&str; 2]| names.iter().any(|name| statement.get(name).is_some());
    let whole = |statement: &Value| {
        matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"))
            && has(statement, ["Principal", "NotPrincipal"])
            && has(statement, ["Action", "NotAction"])
    };
    (!list.is_empty() && list.iter().all(whole)).then_some(list)
}

/// The texts of an element that is one text or a list of them.
fn texts(element: &Value) -> Vec<&str> {
    match element {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// The actions that a statement names, `sqs:SendMessage`, whether it allows them or all others.
pub(crate) fn actions(statement: &Value) -> Vec<&str> {
    ["Action", "NotAction"].iter().flat_map(|name| texts(&statement[name])).collect()
}

/// The part of `action` after the name of the service, in whatever case that is written; `*` for itself.
pub(crate) fn action_of<'a>(service: &str, action: &'a str) -> Option<&'a str> {
    match action.split_once(':') {
        Some((named, action)) => named.eq_ignore_ascii_case(service).then_some(action),
        None => (action == "*").then_some(action),
    }
}

/// How many resources a statement names.
pub(crate) fn resources(statement: &Value) -> usize {
    ["Resource", "NotResource"].iter().map(|name| texts(&statement[name]).len()).sum()
}

/// Whether every AWS principal of a statement could be one: an account, an ARN of IAM or STS, an id of IAM, or everybody
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>). Nothing more is known of
/// them here.
pub(crate) fn principals_can_be(statement: &Value) -> bool {
    let can_be = |name: &str| {
        let of_iam = |arn: super::names::Arn<'_>| {
            matches!(arn.service, "iam" | "sts") && arn.region.is_empty() && valid_account(arn.account)
        };
        let id = name.len() >= 16 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        name == "*" || valid_account(name) || id || split_arn(name).is_some_and(of_iam)
    };
    ["Principal", "NotPrincipal"].iter().all(|element| match &statement[element] {
        Value::String(all) => all == "*",
        named => texts(&named["AWS"]).into_iter().all(can_be),
    })
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

    #[test]
    fn principals_of_every_kind_pass_and_typing_mistakes_do_not() {
        let can = |principal: Value| principals_can_be(&json!({ "Principal": principal }));
        for good in [
            json!("*"),
            json!({ "AWS": "*" }),
            json!({ "AWS": ["111122223333", "arn:aws:iam::111122223333:root"] }),
            json!({ "AWS": "arn:aws-us-gov:sts::111122223333:assumed-role/r/s" }),
            json!({ "AWS": "AROAEXAMPLEID1234567" }),
            json!({ "Service": "events.amazonaws.com" }),
        ] {
            assert!(can(good.clone()), "{good}");
        }
        for bad in [json!("me"), json!({ "AWS": "_" }), json!({ "AWS": ["*", "arn:aws:iam::1:root"] })] {
            assert!(!can(bad.clone()), "{bad}");
        }
    }
}
