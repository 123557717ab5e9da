//! Policies that are set as a whole, and what a permission may say.

use super::*;

fn statement(service: &str, change: Value) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "AWS": "*" },
        "Action": format!("{service}:*Message*"),
        "Resource": "*",
    });
    for (name, value) in change.as_object().unwrap() {
        statement[name] = value.clone();
    }
    statement
}

/// Sources: hashicorp/terraform-provider-aws pull request 42209 and aws/aws-cdk issue 15602 (a policy that cannot be),
/// cloudtools/awacs issue 34 (a batch is no action), ministryofjustice/cloud-platform-environments pull request 9082 (the limit).
#[tokio::test]
async fn a_queues_policy_is_looked_at_before_it_is_kept() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let set = async |policy: Value| {
        let text = policy.as_str().map_or_else(|| policy.to_string(), str::to_owned);
        let input = json!({ "QueueUrl": format!("{URL}q"), "Attributes": { "Policy": text } });
        let (_, shape, message) = refused(&bench, "SetQueueAttributes", input).await;
        format!("{shape}: {message}")
    };
    let one = |change: Value| json!({ "Version": "2012-10-17", "Statement": [statement("sqs", change)] });
    let invalid = "InvalidAttributeValue: Invalid value for the parameter Policy.";
    let no_effect = json!({ "Statement": { "Principal": "*", "Action": "sqs:*" } });
    for bad in [
        json!("nonsense"),
        json!({}),
        json!({ "Statement": [] }),
        no_effect,
        one(json!({ "Effect": "allow" })),
        one(json!({ "Principal": { "AWS": "someone" } })),
    ] {
        assert_eq!(set(bad.clone()).await, invalid, "{bad}");
    }
    for none in ["sqs:Dance", "SQS:SendMessageBatch", "sns:Publish"] {
        assert_eq!(
            set(one(json!({ "Action": ["sqs:SendMessage", none] }))).await,
            format!(
                "InvalidParameterValueException: Value {none} for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for a list of valid actions."
            )
        );
    }
    let many: Vec<String> = (0..8).map(|_| "sqs:SendMessage".to_owned()).collect();
    assert_eq!(
        set(one(json!({ "Action": many }))).await,
        "OverLimit: 8 actions were found in a statement from the submitted policy, max allowed is 7"
    );
    assert!(!shown(&bench, "q").await.contains_key("Policy"));
    for good in [
        one(json!({})),
        one(json!({ "Action": "*" })),
        one(json!({ "Action": ["SQS:DeleteQueue", "sqs:sendmessage", "sqs:*"], "Principal": "*" })),
        one(json!({ "Effect": "Deny", "Principal": { "Service": "sns.amazonaws.com" } })),
        json!({ "Statement": statement("sqs", json!({})) }),
    ] {
        assert_eq!(set(good.clone()).await, ": ", "{good}");
    }
}

/// Sources stand at `local::sns::permissions::check`.
#[tokio::test]
async fn a_topics_policy_is_looked_at_before_it_is_kept() {
    let bench = Bench::new();
    bench.sns(&[("Action", "CreateTopic"), ("Name", "t")]).await;
    let topic = "arn:aws:sns:us-east-1:000000000000:t";
    let set = async |policy: Value| {
        let text = policy.as_str().map_or_else(|| policy.to_string(), str::to_owned);
        let form = [("TopicArn", topic), ("AttributeName", "Policy"), ("AttributeValue", &text)];
        let (status, body) =
            query(&bench.bus, "2010-03-31", &[&[("Action", "SetTopicAttributes")], &form[..]].concat()).await;
        if status == 200 { String::new() } else { between(&body, "Message") }
    };
    let one = |change: Value| {
        let mut change = change;
        let action = change.get("Action").cloned().unwrap_or_else(|| json!("sns:Publish"));
        change["Action"] = action;
        json!({ "Statement": [statement("sns", change)] })
    };
    for (bad, says) in [
        (json!(""), "Policy is empty"),
        (json!("nonsense"), "Policy Error: null"),
        (json!({}), "Policy Error: null"),
        (
            json!({ "Statement": [{ "Effect": "Allow", "Action": "sns:Publish", "Principle": "*" }] }),
            "Policy Error: null",
        ),
        (one(json!({ "Action": "sns:CreateTopic" })), "Policy statement action out of service scope!"),
        (one(json!({ "Action": ["sns:Publish", "sns:*"] })), "Policy statement action out of service scope!"),
        (one(json!({ "Action": "sqs:SendMessage" })), "Policy statement action out of service scope!"),
        (one(json!({ "Resource": [topic, format!("{topic}2")] })), "Policy statement must apply to a single resource!"),
        (one(json!({ "Principal": { "AWS": "1234" } })), "Policy Error: PrincipalNotFound"),
    ] {
        assert_eq!(set(bad.clone()).await, format!("Invalid parameter: {says}"), "{bad}");
    }
    for good in [
        one(json!({ "Action": ["SNS:Publish", "sns:Receive", "sns:subscribe"], "Resource": topic })),
        one(json!({ "Principal": "*" })),
        one(json!({ "Principal": { "AWS": ["111122223333"] } })),
    ] {
        assert_eq!(set(good.clone()).await, "", "{good}");
    }
}

/// getmoto/moto, tests/test_sqs (Apache-2.0): `test_add_permission_errors`.
#[tokio::test]
async fn permissions_for_nobody_and_for_batches() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let add = |accounts: Value, action: &str| json!({ "QueueUrl": format!("{URL}q"), "Label": "l", "AWSAccountIds": accounts, "Actions": [action] });
    for (accounts, shown) in
        [(json!([]), "[]"), (json!(["*"]), "[*]"), (json!(["111122223333", "me"]), "[111122223333, me]")]
    {
        assert_eq!(
            said(&bench, "AddPermission", add(accounts, "SendMessage")).await,
            format!("Value {shown} for parameter PrincipalId is invalid. Reason: Unable to verify.")
        );
    }
    assert!(
        said(&bench, "AddPermission", add(json!(["111122223333"]), "SendMessageBatch"))
            .await
            .ends_with("Please refer to the appropriate WSDL for a list of valid actions.")
    );
}
