//! Attributes, names, tags and policies of queues.

use super::*;

async fn set(bench: &Bench, queue: &str, attributes: Value) -> String {
    said(bench, "SetQueueAttributes", json!({ "QueueUrl": format!("{URL}{queue}"), "Attributes": attributes })).await
}

/// `test_set_queue_attributes_default_values`, `test_sse_kms_and_sqs_are_mutually_exclusive`.
#[tokio::test]
async fn one_kind_of_encryption_ends_the_other() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let both = set(&bench, "q", json!({ "KmsMasterKeyId": "testKeyId", "SqsManagedSseEnabled": "true" })).await;
    assert!(both.starts_with("You can use one type of server-side encryption (SSE) at one time."), "{both}");
    assert_eq!(set(&bench, "q", json!({ "KmsMasterKeyId": "testKeyId" })).await, "");
    let with_key = shown(&bench, "q").await;
    assert_eq!(
        (&with_key["SqsManagedSseEnabled"], &with_key["KmsDataKeyReusePeriodSeconds"]),
        (&json!("false"), &json!("300"))
    );
    set(&bench, "q", json!({ "KmsDataKeyReusePeriodSeconds": "6000" })).await;
    assert_eq!(shown(&bench, "q").await["KmsDataKeyReusePeriodSeconds"], "6000");
    set(&bench, "q", json!({ "KmsMasterKeyId": "", "KmsDataKeyReusePeriodSeconds": "300" })).await;
    let without = shown(&bench, "q").await;
    assert!(!without.contains_key("KmsMasterKeyId") && !without.contains_key("KmsDataKeyReusePeriodSeconds"));
    assert_eq!(without["SqsManagedSseEnabled"], "false");
}

/// `test_sqs_fifo_same_dedup_id_different_message_groups` and others write `True`.
#[tokio::test]
async fn truth_may_be_written_large() {
    let bench = Bench::new();
    let attributes = json!({ "FifoQueue": "True", "ContentBasedDeduplication": "False" });
    bench.queue("q.fifo", attributes.clone()).await;
    let found = shown(&bench, "q.fifo").await;
    assert_eq!((&found["FifoQueue"], &found["ContentBasedDeduplication"]), (&json!("true"), &json!("false")));
    bench.queue("q.fifo", attributes).await;
}

/// `test_create_standard_queue_with_fifo_attribute_raises_error`, `test_set_unsupported_attribute_fifo`.
#[tokio::test]
async fn attributes_of_fifo_queues_are_for_them() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    assert_eq!(set(&bench, "q", json!({ "FifoQueue": "false" })).await, "Unknown Attribute FifoQueue.");
    assert_eq!(
        set(&bench, "q", json!({ "FifoThroughputLimit": "perQueue" })).await,
        "You can specify the FifoThroughputLimit only when FifoQueue is set to true."
    );
    bench.queue("q.fifo", json!({ "FifoQueue": "true" })).await;
    assert_eq!(set(&bench, "q.fifo", json!({ "FifoQueue": "true" })).await, "");
    assert_eq!(
        set(&bench, "q.fifo", json!({ "FifoQueue": "false" })).await,
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
    );
}

/// `test_invalid_dead_letter_arn_rejected_before_lookup`, `test_get_specific_queue_attribute_response`.
#[tokio::test]
async fn redrive_policies() {
    let bench = Bench::new();
    bench.queue("dead", json!({})).await;
    bench.queue("q", json!({})).await;
    let policy = |text: &str| json!({ "RedrivePolicy": text });
    assert_eq!(
        set(&bench, "q", policy(r#"{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}"#)).await,
        r#"Value {"deadLetterTargetArn": "dummy", "maxReceiveCount": 42} for parameter RedrivePolicy is invalid. Reason: Invalid value for deadLetterTargetArn."#
    );
    assert_eq!(
        set(&bench, "q", policy(" ")).await,
        "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map."
    );
    assert!(set(&bench, "q", policy("{}")).await.ends_with("mandatory attribute: maxReceiveCount."));
    let topic = r#"{"deadLetterTargetArn":"arn:aws:sns:us-east-1:000000000000:t","maxReceiveCount":5}"#;
    assert!(
        set(&bench, "q", policy(topic)).await.ends_with("Only SQS queues are valid resources for deadLetterTargetArn.")
    );
    let more = format!(r#"{{"deadLetterTargetArn":"{ARN}dead","maxReceiveCount":5,"colour":"red"}}"#);
    assert!(set(&bench, "q", policy(&more)).await.ends_with("[maxReceiveCount, deadLetterTargetArn]."));
    assert_eq!(
        set(&bench, "q", policy(&format!(r#"{{"maxReceiveCount": "42", "deadLetterTargetArn": "{ARN}dead"}}"#))).await,
        ""
    );
    assert_eq!(
        shown(&bench, "q").await["RedrivePolicy"],
        format!(r#"{{"deadLetterTargetArn":"{ARN}dead","maxReceiveCount":42}}"#)
    );
    set(&bench, "q", policy("")).await;
    assert!(!shown(&bench, "q").await.contains_key("RedrivePolicy"));
}

#[tokio::test]
async fn redrive_allow_policies() {
    let bench = Bench::new();
    bench.queue("dead", json!({})).await;
    let allow = |text: &str| json!({ "RedriveAllowPolicy": text });
    for (text, end) in [
        ("badjson", "as it’s in an unsupported format."),
        (r#"{"redrivePermission":"dummy"}"#, "as it’s in an unsupported format."),
        (r#"{"redrivePermission":"allowAll","dummy":1}"#, "as it’s in an unsupported format."),
        (r#"{"redrivePermission":"byQueue"}"#, "you must also specify one or more sourceQueueArns values."),
        (r#"{"redrivePermission":"denyAll","sourceQueueArns":["x"]}"#, "you must set redrivePermission to byQueue."),
    ] {
        let answer = set(&bench, "dead", allow(text)).await;
        assert!(answer.ends_with(end), "{text}: {answer}");
    }
}

#[tokio::test]
async fn names_of_queues() {
    let bench = Bench::new();
    let must = "Value for parameter QueueName is invalid. Reason: Must specify a queue name.";
    assert_eq!(said(&bench, "CreateQueue", json!({})).await, must);
    assert_eq!(said(&bench, "GetQueueUrl", json!({ "QueueName": "" })).await, must);
    assert_eq!(said(&bench, "CreateQueue", json!({ "QueueName": "" })).await, "Queue name cannot be empty");
    let plain = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    for name in ["in.fo", "example.fifo", "queue/a/"] {
        assert_eq!(said(&bench, "CreateQueue", json!({ "QueueName": name })).await, plain, "{name}");
    }
    let wrong = json!({ "QueueName": "q", "Attributes": { "FifoQueue": "true" } });
    assert_eq!(refused(&bench, "CreateQueue", wrong).await.1, "InvalidParameterValueException");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>.
#[tokio::test]
async fn tags_have_limits() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let tag = |tags: Value| json!({ "QueueUrl": format!("{URL}q"), "Tags": tags });
    let many: serde_json::Map<String, Value> = (0..51).map(|n| (n.to_string(), json!(""))).collect();
    assert_eq!(said(&bench, "TagQueue", tag(json!(many))).await, "Too many tags added for queue q.");
    assert_ne!(said(&bench, "TagQueue", tag(json!({ "k".repeat(129): "v" }))).await, "");
    assert_eq!(said(&bench, "TagQueue", tag(json!({ "a": "1", "A": "" }))).await, "");
    assert_eq!(
        bench.sqs("ListQueueTags", json!({ "QueueUrl": format!("{URL}q") })).await["Tags"],
        json!({ "a": "1", "A": "" })
    );
}

/// `test_sqs_permission_lifecycle`.
#[tokio::test]
async fn permissions_come_and_go_by_label() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let add = |label: &str, action: &str| json!({ "QueueUrl": format!("{URL}q"), "Label": label, "AWSAccountIds": ["668614515564"], "Actions": [action] });
    assert_eq!(said(&bench, "AddPermission", add("one", "ReceiveMessage")).await, "");
    assert_eq!(
        said(&bench, "AddPermission", add("one", "ReceiveMessage")).await,
        "Value one for parameter Label is invalid. Reason: Already exists."
    );
    assert!(
        said(&bench, "AddPermission", add("two", "DeleteQueue"))
            .await
            .ends_with("Only the queue owner is allowed to invoke this action.")
    );
    assert!(
        said(&bench, "AddPermission", add("two", "Dance"))
            .await
            .ends_with("appropriate WSDL for a list of valid actions.")
    );
    let policy: Value = serde_json::from_str(shown(&bench, "q").await["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(
        policy,
        json!({
            "Version": "2008-10-17",
            "Id": format!("{ARN}q/SQSDefaultPolicy"),
            "Statement": [{
                "Sid": "one",
                "Effect": "Allow",
                "Principal": { "AWS": "arn:aws:iam::668614515564:root" },
                "Action": "SQS:ReceiveMessage",
                "Resource": format!("{ARN}q"),
            }],
        })
    );
    let remove = json!({ "QueueUrl": format!("{URL}q"), "Label": "one" });
    assert_eq!(said(&bench, "RemovePermission", remove.clone()).await, "");
    assert_eq!(
        said(&bench, "RemovePermission", remove).await,
        "Value one for parameter Label is invalid. Reason: can't find label."
    );
    assert!(!shown(&bench, "q").await.contains_key("Policy"));
}

#[tokio::test]
async fn nothing_to_set_and_a_queues_policy_on_a_subscription_are_refused() {
    // Seen on AWS: pulumi-aws issue 5677, cloudposse/terraform-aws-sns-topic issue 48.
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let input = json!({ "QueueUrl": format!("{URL}q"), "Attributes": {} });
    let (status, shape, message) = refused(&bench, "SetQueueAttributes", input).await;
    assert_eq!((status, shape.as_str()), (400, "MissingRequiredParameterException"));
    assert_eq!(message, "The request must contain the parameter Attribute.Name.");
    bench.sns(&[("Action", "CreateTopic"), ("Name", "t")]).await;
    let policy = json!({ "deadLetterTargetArn": format!("{ARN}q"), "maxReceiveCount": 5 }).to_string();
    let (status, answer) = bench
        .sns_error(&[
            ("Action", "Subscribe"),
            ("TopicArn", "arn:aws:sns:us-east-1:000000000000:t"),
            ("Protocol", "sqs"),
            ("Endpoint", &format!("{ARN}q")),
            ("Attributes.entry.1.key", "RedrivePolicy"),
            ("Attributes.entry.1.value", &policy),
        ])
        .await;
    let says =
        "Invalid parameter: Attributes Reason: RedrivePolicy: invalid JSON. Attribute maxReceiveCount is unknown.";
    assert!(status == 400 && answer.contains(says), "{status} {answer}");
}
