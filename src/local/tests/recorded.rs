//! What AWS was recorded to answer (localstack tests, Apache-2.0; the test's name stands at each) and what its documentation
//! says, beyond what the goldens show.

mod attributes;
mod query;
mod sending;
mod settling;

use super::*;

/// Status, `__type` without its namespace, and message of an answer in JSON.
async fn refused(bench: &Bench, operation: &str, input: Value) -> (u16, String, String) {
    let response = bench.bus.handle(sqs_request(operation, &input)).await;
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let shape = body["__type"].as_str().and_then(|shape| shape.split('#').nth(1)).unwrap_or_default().to_owned();
    (response.status().as_u16(), shape, body["message"].as_str().unwrap_or_default().to_owned())
}

/// The message alone.
async fn said(bench: &Bench, operation: &str, input: Value) -> String {
    refused(bench, operation, input).await.2
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
