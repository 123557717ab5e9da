//! Sending.

use super::*;

fn message(queue: &str, more: Value) -> Value {
    let mut message = json!({ "QueueUrl": format!("{URL}{queue}"), "MessageBody": "test" });
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    message
}

/// `test_send_message_with_invalid_string_attributes`, `test_invalid_string_attributes_cause_invalid_parameter_value_error`,
/// `test_send_message_with_empty_string_attribute`.
#[tokio::test]
async fn message_attributes() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let text = |name: &str, value: &str| {
        message("q", json!({ "MessageAttributes": { name: { "DataType": "String", "StringValue": value } } }))
    };
    assert_eq!(said(&bench, "SendMessage", text("attr.1øßä", "Valida")).await, "");
    for name in ["aWs.x", "AMAZON.x", ".x", "x.", "a!b", "a\"b", "a§b", "a(b", "a?b", ""] {
        let (status, shape, _) = refused(&bench, "SendMessage", text(name, "Valid")).await;
        assert_eq!((status, shape.as_str()), (400, "InvalidParameterValueException"), "{name}");
    }
    let control = refused(&bench, "SendMessage", text("attr1", "Invalid-\u{8},\u{b}")).await;
    assert_eq!(control.1, "InvalidParameterValueException");
    assert_eq!(
        said(&bench, "SendMessage", text("ErrorDetails", "")).await,
        "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'."
    );
    let empty = message("q", json!({ "MessageAttributes": { "Hello": {} } }));
    assert_eq!(
        said(&bench, "SendMessage", empty).await,
        "The message (user) attribute 'Hello' must contain a non-empty message attribute value."
    );
    let list = message(
        "q",
        json!({ "MessageAttributes": { "Hello": { "DataType": "StringList", "StringListValues": ["World"] } } }),
    );
    assert_eq!(
        refused(&bench, "SendMessage", list).await.2,
        "Message attribute list values in SendMessage operation are not supported."
    );
}

/// `test_fair_queue_with_message_group_id`, `test_send_message_to_standard_queue_with_invalid_message_group_id`.
#[tokio::test]
async fn groups_on_standard_queues() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    for group in ["", "group 123", &"a".repeat(129)] {
        assert_eq!(
            said(&bench, "SendMessage", message("q", json!({ "MessageGroupId": group }))).await,
            format!(
                "Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
            )
        );
    }
    assert_eq!(said(&bench, "SendMessage", message("q", json!({ "MessageGroupId": "test" }))).await, "");
    let attributes = &bench.receive("q").await[0]["Attributes"];
    assert_eq!(attributes["MessageGroupId"], "test");
    assert!(attributes.get("SequenceNumber").is_none() && attributes.get("MessageDeduplicationId").is_none());
    let dedup = said(&bench, "SendMessage", message("q", json!({ "MessageDeduplicationId": "x" }))).await;
    assert!(dedup.ends_with("The request include parameter that is not valid for this queue type."), "{dedup}");
}

/// `test_send_batch_missing_deduplication_id_for_fifo_queue`, and that nothing of such a batch goes.
#[tokio::test]
async fn one_bad_entry_refuses_a_batch_to_a_fifo_queue() {
    let bench = Bench::new();
    bench.queue("q.fifo", json!({ "FifoQueue": "true" })).await;
    let good = json!({ "Id": "good", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "1" });
    for (bad, message) in [
        (
            json!({ "Id": "bad", "MessageBody": "x", "MessageGroupId": "g" }),
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ),
        (
            json!({ "Id": "bad", "MessageBody": "", "MessageGroupId": "g", "MessageDeduplicationId": "2" }),
            "The request must contain the parameter SendMessageBatchRequestEntry.2.MessageBody.",
        ),
    ] {
        let batch = json!({ "QueueUrl": format!("{URL}q.fifo"), "Entries": [good, bad] });
        assert_eq!(said(&bench, "SendMessageBatch", batch).await, message);
    }
    assert!(bench.receive("q.fifo").await.is_empty());
}

/// What is empty is left out, and a batch without entries is not one of none.
#[tokio::test]
async fn batches_without() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let batch = |entries: Value| json!({ "QueueUrl": format!("{URL}q"), "Entries": entries });
    let bad = bench.sqs("SendMessageBatch", batch(json!([{ "Id": "a", "MessageBody": "\u{1}" }]))).await;
    assert_eq!((bad.get("Successful"), &bad["Failed"][0]["Code"]), (None, &json!("InvalidMessageContents")));
    let fine = bench.sqs("SendMessageBatch", batch(json!([{ "Id": "a", "MessageBody": "x" }]))).await;
    assert_eq!((fine.get("Failed"), &fine["Successful"][0]["Id"]), (None, &json!("a")));
    assert_eq!(
        said(&bench, "SendMessageBatch", batch(json!([]))).await,
        "There should be at least one SendMessageBatchRequestEntry in the request."
    );
    let none = json!({ "QueueUrl": format!("{URL}q") });
    assert_eq!(said(&bench, "SendMessageBatch", none).await, "The request must contain the parameter Entries.");
}

/// `test_aws_trace_header_propagation`, `test_system_attributes_have_no_effect_on_attr_md5`.
#[tokio::test]
async fn the_trace_header_of_the_request_goes_along() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://bus.localhost/")
        .header("x-amz-target", "AmazonSQS.SendMessage")
        .header("x-amzn-trace-id", "Root=1-3152b799-8954dae64eda91bc9a23a7e8")
        .body(Bytes::from(message("q", json!({})).to_string()))
        .unwrap();
    let sent: Value = serde_json::from_slice(bench.bus.handle(request).await.body()).unwrap();
    assert!(sent.get("MD5OfMessageSystemAttributes").is_none());
    assert_eq!(bench.receive("q").await[0]["Attributes"]["AWSTraceHeader"], "Root=1-3152b799-8954dae64eda91bc9a23a7e8");
    let header = json!({ "MessageSystemAttributes": { "AWSTraceHeader": {
        "DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    } } });
    let sent = bench.sqs("SendMessage", message("q", header)).await;
    assert_eq!(sent["MD5OfMessageSystemAttributes"], "5ae4d5d7636402d80f4eb6d213245a88");
}

/// Text may be written as a number or a truth, and what is neither is refused in AWS's words.
#[tokio::test]
async fn types_are_taken_leniently() {
    let bench = Bench::new();
    bench.queue("q", json!({ "DelaySeconds": 0, "VisibilityTimeout": null })).await;
    assert_eq!(said(&bench, "SendMessage", message("q", json!({ "MessageBody": 0, "DelaySeconds": "0" }))).await, "");
    assert_eq!(bench.bodies("q").await, ["0"]);
    let (status, shape, said) = refused(&bench, "SendMessage", message("q", json!({ "MessageBody": {} }))).await;
    assert_eq!((status, shape.as_str()), (400, "SerializationException"));
    assert_eq!(said, "Start of structure or map found where not expected.");
    let number = refused(&bench, "SendMessage", message("q", json!({ "DelaySeconds": "soon" }))).await.2;
    assert_eq!(number, "STRING_VALUE can not be converted to an Integer");
}

/// As AWS was seen to answer (Particular/NServiceBus.AmazonSQS issue 2630, psd401/aistudio issue 1525).
#[tokio::test]
async fn a_character_that_no_message_takes_along_is_named() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    for (body, named) in [("a\u{7}b", "#x7"), ("ü\u{FFFF}", "#xFFFF")] {
        assert_eq!(
            refused(&bench, "SendMessage", json!({ "QueueUrl": format!("{URL}q"), "MessageBody": body })).await,
            (
                400,
                "InvalidMessageContents".into(),
                format!(
                    "Invalid binary character '{named}' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."
                )
            )
        );
    }
}
