//! Receiving, deleting, hiding, moving.

use super::*;

/// `test_inflight_message_requeue`.
#[tokio::test]
async fn what_comes_back_is_not_overtaken() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    bench.send("q", "first").await;
    let ask = json!({ "QueueUrl": format!("{URL}q"), "VisibilityTimeout": 3 });
    assert_eq!(bench.sqs("ReceiveMessage", ask.clone()).await["Messages"][0]["Body"], "first");
    bench.clock.advance(Duration::from_secs(1));
    bench.send("q", "second").await;
    bench.clock.advance(Duration::from_secs(3));
    assert_eq!(bench.sqs("ReceiveMessage", ask).await["Messages"][0]["Body"], "first");
}

/// `test_change_message_visibility_after_visibility_timeout_expiration`,
/// `test_extend_message_visibility_timeout_set_in_queue`, `test_change_visibility_on_deleted_message_raises_invalid_parameter_value`.
#[tokio::test]
async fn visibility_changes_after_its_end_and_not_after_deletion() {
    let bench = Bench::new();
    bench.queue("q", json!({ "VisibilityTimeout": "1" })).await;
    bench.send("q", "one").await;
    let handle = bench.receive("q").await[0]["ReceiptHandle"].as_str().unwrap().to_owned();
    bench.clock.advance(Duration::from_secs(2));
    let change =
        |seconds: i64| json!({ "QueueUrl": format!("{URL}q"), "ReceiptHandle": handle, "VisibilityTimeout": seconds });
    assert_eq!(said(&bench, "ChangeMessageVisibility", change(2)).await, "");
    assert!(bench.receive("q").await.is_empty());
    bench.sqs("DeleteMessage", json!({ "QueueUrl": format!("{URL}q"), "ReceiptHandle": handle })).await;
    assert_eq!(
        refused(&bench, "ChangeMessageVisibility", change(2)).await,
        (
            400,
            "InvalidParameterValueException".into(),
            format!(
                "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
            )
        )
    );
}

/// `test_delete_message_with_illegal_receipt_handle`, and which parameters come first.
#[tokio::test]
async fn bad_receipt_handles() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let delete =
        |handle: Value| json!({ "QueueUrl": format!("{URL}q"), "ReceiptHandle": handle, "VisibilityTimeout": 43_201 });
    assert_eq!(
        refused(&bench, "DeleteMessage", delete(json!("garbage"))).await,
        (
            404,
            "ReceiptHandleIsInvalid".into(),
            "The input receipt handle \"garbage\" is not a valid receipt handle.".into()
        )
    );
    assert_eq!(
        said(&bench, "DeleteMessage", delete(json!(""))).await,
        "The request must contain the parameter ReceiptHandle."
    );
    assert!(
        said(&bench, "ChangeMessageVisibility", delete(json!("garbage")))
            .await
            .starts_with("Value 43201 for parameter")
    );
    // Another queue's handle is none of this one.
    bench.queue("other", json!({})).await;
    bench.send("other", "x").await;
    let foreign = bench.receive("other").await[0]["ReceiptHandle"].clone();
    // The sentence: aws/aws-sdk-java-v2 issue 3101.
    assert_eq!(
        refused(&bench, "DeleteMessage", delete(foreign.clone())).await,
        (404, "ReceiptHandleIsInvalid".into(), format!("The receipt handle {foreign} is not valid for this queue."))
    );
}

/// A FIFO queue wants the handle of the receive that still has the message; in a batch the end of its time is called by
/// another name than alone.
#[tokio::test]
async fn expired_handles_alone_and_in_batches() {
    let bench = Bench::new();
    let url = format!("{URL}q.fifo");
    bench.queue("q.fifo", json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" })).await;
    bench.sqs("SendMessage", json!({ "QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g" })).await;
    let handle = bench.receive("q.fifo").await[0]["ReceiptHandle"].clone();
    bench.clock.advance(Duration::from_secs(31));
    let alone = json!({ "QueueUrl": url, "ReceiptHandle": handle });
    assert!(said(&bench, "DeleteMessage", alone).await.ends_with("Reason: The receipt handle has expired."));
    let entry = json!({ "Id": "1", "ReceiptHandle": handle });
    let answer = bench.sqs("DeleteMessageBatch", json!({ "QueueUrl": url, "Entries": [entry] })).await;
    assert_eq!(
        answer["Failed"],
        json!([{
            "Id": "1",
            "SenderFault": true,
            "Code": "ReceiptHandleIsInvalid",
            "Message": "The receipt handle has expired",
        }])
    );
}

/// `test_receive_message_message_attribute_names_filters`.
#[tokio::test]
async fn attributes_are_chosen_by_name() {
    let bench = Bench::new();
    bench.queue("q", json!({ "VisibilityTimeout": "0" })).await;
    let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let attributes = json!({ "Help.Me": text("Me"), "Hello": text("There"), "General": text("Kenobi") });
    let sent = bench
        .sqs(
            "SendMessage",
            json!({ "QueueUrl": format!("{URL}q"), "MessageBody": "msg", "MessageAttributes": attributes }),
        )
        .await;
    assert_eq!(sent["MD5OfMessageAttributes"], "4c360f3fdafd970e05fae2f149d997f5");
    for (names, digest) in [
        (json!([]), None),
        (json!(["All"]), Some("4c360f3fdafd970e05fae2f149d997f5")),
        (json!(["*"]), Some("4c360f3fdafd970e05fae2f149d997f5")),
        (json!([".*"]), Some("4c360f3fdafd970e05fae2f149d997f5")),
        (json!(["Foo", "Help"]), None),
        (json!(["Hello", "General"]), Some("fca026605781cb4126a1e9044df24232")),
        (json!(["Foo", "Hello"]), Some("a311262e065454b75da111d535b8dacd")),
        (json!(["Hel.*"]), Some("83fee93c1bcd8b9a5a923ffacdc636c7")),
        (json!(["AWS."]), None),
        (json!(["..foo"]), None),
    ] {
        let ask = json!({ "QueueUrl": format!("{URL}q"), "MessageAttributeNames": names });
        let got = bench.sqs("ReceiveMessage", ask).await["Messages"][0].clone();
        assert_eq!(got["MD5OfMessageAttributes"].as_str(), digest, "{names}");
        assert_eq!(got.get("MessageAttributes").is_some(), digest.is_some(), "{names}");
    }
    // In JSON the two lists of system attributes count together (`test_message_system_attribute_names_with_attribute_names`).
    let ask = json!({ "QueueUrl": format!("{URL}q"), "AttributeNames": ["SenderId"], "MessageSystemAttributeNames": ["All"] });
    assert_eq!(bench.sqs("ReceiveMessage", ask).await["Messages"][0]["Attributes"].as_object().unwrap().len(), 4);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>: "applies only to FIFO".
#[tokio::test]
async fn attempts_are_for_fifo_queues() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let ask = json!({ "QueueUrl": format!("{URL}q"), "ReceiveRequestAttemptId": "one" });
    assert!(said(&bench, "ReceiveMessage", ask).await.ends_with("is not valid for this queue type."));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>; with fewer messages than
/// AWS's 120,000, since the count is what could be wrong.
#[tokio::test]
async fn messages_in_flight_are_counted_without_delayed_ones_and_not_at_every_receive() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    for _ in 0..3 {
        bench.send("q", "x").await;
    }
    bench
        .sqs("SendMessage", json!({ "QueueUrl": format!("{URL}q"), "MessageBody": "late", "DelaySeconds": 900 }))
        .await;
    bench.sqs("ReceiveMessage", json!({ "QueueUrl": format!("{URL}q"), "MaxNumberOfMessages": 2 })).await;
    let now = bench.clock.now_ms();
    let path = bench.dir.path().join("bus.db");
    let name = names::QueueName { region: "us-east-1".into(), account: names::ACCOUNT.into(), name: "q".into() };
    // How the question is answered by a process that asks so often, at what cost in hundreds of steps of SQLite.
    let asked = |most: i64, times: usize, before_last: &str| {
        let mut answer = false;
        let cost = store::steps(&path, |tx| {
            let queue = tx.catalogue.queue(tx.connection, &name)?;
            for _ in 1..times {
                assert!(store::messages::has_room(tx, &queue, now, most)?);
            }
            tx.connection.execute_batch(before_last)?;
            answer = store::messages::has_room(tx, &queue, now, most)?;
            Ok(tx.connection.execute_batch("ROLLBACK; BEGIN")?)
        });
        (answer, cost.unwrap())
    };
    assert_eq!([2, 3, 4].map(|most| asked(most, 1, "").0), [false, true, true], "two are in flight, one is delayed");
    // Three are hidden of 103: room for a hundred, which ten receives use up. The eleventh counts again.
    let fill = "UPDATE messages SET visible = visible + 1000000, receives = 1;
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 103)
        INSERT INTO messages (queue, seq, content, id, sent, visible, receives)
        SELECT queue, 1000000 + n, content, id, sent, visible, 1 FROM messages, n WHERE seq = (SELECT min(seq) FROM messages)";
    assert_eq!([10, 11].map(|times| asked(103, times, fill).0), [true, false]);
    // A long queue behind many delayed ones is not read through.
    let delayed = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
        INSERT INTO messages (queue, seq, content, id, sent, visible, receives)
        SELECT queue, 1000000 + n, content, id, sent, iif(n <= 100, visible + 1000000, 0), 0 FROM messages, n
        WHERE seq = (SELECT min(seq) FROM messages)";
    rusqlite::Connection::open(&path).unwrap().execute_batch(delayed).unwrap();
    let (answer, cost) = asked(50, 1, "");
    assert!(answer && cost < 100, "{cost} hundred steps");
}

/// A dead-letter queue's sources are its owner's, whoever asks.
#[tokio::test]
async fn sources_have_the_urls_of_their_owner() {
    let bench = Bench::new();
    bench.queue("dead", json!({})).await;
    assert_eq!(bench.sqs("ListDeadLetterSourceQueues", json!({ "QueueUrl": format!("{URL}dead") })).await, json!({}));
    let policy = json!({ "deadLetterTargetArn": format!("{ARN}dead"), "maxReceiveCount": 1 }).to_string();
    bench.queue("source", json!({ "RedrivePolicy": policy })).await;
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://bus.localhost/")
        .header("x-amz-target", "AmazonSQS.ListDeadLetterSourceQueues")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=111122223333/20260101/us-east-1/sqs/aws4_request, Signature=x",
        )
        .body(Bytes::from(json!({ "QueueUrl": format!("{URL}dead") }).to_string()))
        .unwrap();
    let answer: Value = serde_json::from_slice(bench.bus.handle(request).await.body()).unwrap();
    assert_eq!(answer, json!({ "queueUrls": [format!("{URL}source")] }));
}

/// `test_cancel_with_invalid_task_id_in_task_handle`.
#[tokio::test]
async fn a_task_that_is_not_there() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    use base64::Engine as _;
    let handle = base64::engine::general_purpose::STANDARD
        .encode(format!(r#"{{"taskId":"10f57157-fc38-4da9-a113-4de7e12d05aa","sourceArn":"{ARN}q"}}"#));
    assert_eq!(
        refused(&bench, "CancelMessageMoveTask", json!({ "TaskHandle": handle })).await,
        (404, "ResourceNotFoundException".into(), "Task does not exist.".into())
    );
}
