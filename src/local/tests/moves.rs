//! Moving dead letters, and who may use a dead-letter queue.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

impl Bench {
    /// Asks a developer endpoint: status and answer.
    async fn developer(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        let request = http::Request::builder().method(method).uri(path).header("host", "localhost");
        let answer = self.bus.handle(request.body(body.into()).unwrap()).await;
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    /// A queue `q` with the dead-letter queue `dead`, in which these lie.
    async fn dead_letters(&self, bodies: &[&str]) {
        self.queue("dead", json!({})).await;
        let policy = json!({ "deadLetterTargetArn": format!("{ARN}dead"), "maxReceiveCount": 1 }).to_string();
        self.queue("q", json!({ "VisibilityTimeout": "0", "RedrivePolicy": policy })).await;
        for body in bodies {
            self.send("q", body).await;
        }
        for _ in 0..2 {
            self.receive("q").await;
        }
    }

    async fn start(&self, more: Value) -> Value {
        let mut input = json!({ "SourceArn": format!("{ARN}dead") });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.sqs("StartMessageMoveTask", input).await
    }

    async fn task(&self) -> Value {
        let input = json!({ "SourceArn": format!("{ARN}dead") });
        self.sqs("ListMessageMoveTasks", input).await["Results"][0].clone()
    }

    /// Does what is due now, as the driver does, and says how many have been moved in all.
    async fn step(&self) -> i64 {
        let now = self.clock.now_ms();
        self.bus.0.store.write(move |tx| store::moves::step(tx, now)).await.unwrap();
        self.task().await["ApproximateNumberOfMessagesMoved"].as_i64().unwrap()
    }

    async fn ended(&self) -> Value {
        let look = async {
            loop {
                let task = self.task().await;
                if task["Status"] != "RUNNING" && task["Status"] != "CANCELLING" {
                    return task;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), look).await.expect("the task does not end")
    }
}

/// What was received too often does not hide what comes after it, even where nothing stays hidden.
#[tokio::test]
async fn a_receive_looks_past_dead_letters_without_a_visibility_timeout() {
    let bench = Bench::new();
    bench.dead_letters(&[]).await;
    for n in 0..12 {
        bench.send("q", &n.to_string()).await;
    }
    let input = json!({ "QueueUrl": format!("{URL}q"), "MaxNumberOfMessages": 10 });
    for count in [10, 2, 0] {
        let answer = bench.sqs("ReceiveMessage", input.clone()).await;
        assert_eq!(answer["Messages"].as_array().map_or(0, Vec::len), count, "{answer}");
    }
    let dead = json!({ "QueueUrl": format!("{URL}dead"), "AttributeNames": ["ApproximateNumberOfMessages"] });
    assert_eq!(bench.sqs("GetQueueAttributes", dead).await["Attributes"]["ApproximateNumberOfMessages"], "12");
}

#[tokio::test]
async fn dead_letters_go_back_to_where_they_came_from_as_new_messages() {
    let bench = Bench::new();
    bench.dead_letters(&["1", "2", "3"]).await;
    let before = bench.sqs("ReceiveMessage", json!({ "QueueUrl": format!("{URL}dead"), "VisibilityTimeout": 0 })).await;
    bench.clock.advance(Duration::from_secs(7));
    assert!(bench.start(json!({})).await["TaskHandle"].is_string());
    let task = bench.ended().await;
    assert_eq!(task["Status"], "COMPLETED", "{task}");
    assert_eq!(
        (&task["ApproximateNumberOfMessagesMoved"], &task["ApproximateNumberOfMessagesToMove"]),
        (&json!(3), &json!(3))
    );
    assert!(task.get("TaskHandle").is_none() && task.get("DestinationArn").is_none());
    assert_eq!(task["StartedTimestamp"], 1_800_000_007_000_i64);
    let back = bench.receive("q").await;
    assert_eq!(back.iter().map(|m| m["Body"].as_str().unwrap()).collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_ne!(back[0]["MessageId"], before["Messages"][0]["MessageId"]);
    assert_eq!(back[0]["Attributes"]["SentTimestamp"], "1800000007000");
    assert_eq!(back[0]["Attributes"]["ApproximateReceiveCount"], "1");
    assert!(bench.receive("dead").await.is_empty());
}

#[tokio::test]
async fn the_rate_is_kept_a_cancel_takes_its_time_and_a_restart_goes_on() {
    let bench = Bench::new();
    bench.dead_letters(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]).await;
    bench.queue("other", json!({})).await;
    let started =
        bench.start(json!({ "MaxNumberOfMessagesPerSecond": 1, "DestinationArn": format!("{ARN}other") })).await;
    assert_eq!(bench.step().await, 1);
    assert_eq!(bench.step().await, 1, "the next is due in a second");
    let second = bench.start(json!({})).await;
    assert!(second["message"].as_str().unwrap().starts_with("There is already a task running."), "{second}");
    // Another process, later: what was missed meanwhile is not made good in one burst.
    bench.clock.advance(Duration::from_secs(60));
    let again = Bench { bus: bench.again(), clock: bench.clock.clone(), dir: tempfile::tempdir().unwrap() };
    assert!(again.bus.0.store.moving());
    assert_eq!(again.step().await, 3);
    let task = again.task().await;
    assert_eq!((&task["Status"], &task["TaskHandle"]), (&json!("RUNNING"), &started["TaskHandle"]));
    let cancel = json!({ "TaskHandle": started["TaskHandle"] });
    assert_eq!(again.sqs("CancelMessageMoveTask", cancel.clone()).await["ApproximateNumberOfMessagesMoved"], 3);
    assert_eq!(again.task().await["Status"], "CANCELLING");
    assert_eq!(code(&again.sqs("CancelMessageMoveTask", cancel).await), "InvalidParameterValue");
    for _ in 0..8 {
        again.clock.advance(Duration::from_secs(1));
        again.step().await;
    }
    let task = again.ended().await;
    assert_eq!(task["Status"], "CANCELLED");
    let moved = task["ApproximateNumberOfMessagesMoved"].as_u64().unwrap() as usize;
    assert!((4..9).contains(&moved), "{task}");
    assert_eq!((bench.receive("other").await.len(), bench.receive("dead").await.len()), (moved, 10 - moved));
}

#[tokio::test]
async fn a_reset_ends_the_tasks_and_a_wrong_count_of_them_is_mended() {
    let bench = Bench::new();
    bench.dead_letters(&["0", "1", "2"]).await;
    bench.start(json!({ "MaxNumberOfMessagesPerSecond": 1 })).await;
    // Once the driver has moved the first it sleeps for a second, so that it cannot be what mends the count.
    let moved = async {
        while bench.task().await["ApproximateNumberOfMessagesMoved"] != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), moved).await.expect("the driver does not begin");
    bench.bus.reset().await.unwrap();
    bench.bus.0.store.write(|_| Ok(())).await.unwrap();
    assert!(!bench.bus.0.store.moving(), "nothing is left to be moved");

    // A file that was left with a wrong count: opened without a driver, so that only this step mends it.
    let wrong = |tx: &mut Tx<'_>| Ok(tx.connection.execute("UPDATE bus SET moving = 1", [])?);
    bench.bus.0.store.write(wrong).await.unwrap();
    let again = bench.again();
    assert!(again.0.store.moving());
    let due = again.0.store.write(|tx| store::moves::step(tx, 0)).await.unwrap();
    again.0.store.write(|_| Ok(())).await.unwrap();
    assert_eq!((due, again.0.store.moving()), (None, false));
}

#[tokio::test]
async fn a_task_that_cannot_go_on_says_why() {
    let bench = Bench::new();
    bench.dead_letters(&["1", "2"]).await;
    bench.queue("other", json!({})).await;
    bench.start(json!({ "MaxNumberOfMessagesPerSecond": 1, "DestinationArn": format!("{ARN}other") })).await;
    bench.step().await;
    bench.sqs("DeleteQueue", json!({ "QueueUrl": format!("{URL}other") })).await;
    bench.clock.advance(Duration::from_secs(1));
    bench.step().await;
    let task = bench.ended().await;
    assert_eq!(
        (&task["Status"], &task["FailureReason"]),
        (&json!("FAILED"), &json!("AWS.SimpleQueueService.NonExistentQueue"))
    );
    assert_eq!(bench.receive("dead").await.len(), 1);
    bench.send("dead", "never elsewhere").await;
    bench.clock.advance(Duration::from_secs(60));
    bench.start(json!({})).await;
    let task = bench.ended().await;
    assert_eq!(task["FailureReason"], "CouldNotDetermineMessageSource");
    assert_eq!(task["ApproximateNumberOfMessagesMoved"], 1);
}

#[tokio::test]
async fn a_task_of_a_fifo_queue_keeps_groups_and_order() {
    let bench = Bench::new();
    bench.queue("dead.fifo", json!({ "FifoQueue": "true" })).await;
    let policy = json!({ "deadLetterTargetArn": format!("{ARN}dead.fifo"), "maxReceiveCount": 1 }).to_string();
    let attributes = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true", "RedrivePolicy": policy, "VisibilityTimeout": "0" });
    bench.queue("q.fifo", attributes).await;
    for body in ["1", "2", "3"] {
        bench.send_to_group("q.fifo", "g", body).await;
    }
    for _ in 0..2 {
        bench.receive("q.fifo").await;
    }
    bench.sqs("StartMessageMoveTask", json!({ "SourceArn": format!("{ARN}dead.fifo") })).await;
    let input = json!({ "SourceArn": format!("{ARN}dead.fifo") });
    while bench.sqs("ListMessageMoveTasks", input.clone()).await["Results"][0]["Status"] == "RUNNING" {
        tokio::task::yield_now().await;
    }
    let back = bench.receive("q.fifo").await;
    assert_eq!(back.iter().map(|m| m["Body"].as_str().unwrap()).collect::<Vec<_>>(), ["1", "2", "3"]);
    assert!(back.iter().all(|m| m["Attributes"]["MessageGroupId"] == "g"));
    assert!(bench.receive("dead.fifo").await.is_empty());
}

#[tokio::test]
async fn what_tasks_refuse() {
    let bench = Bench::new();
    bench.dead_letters(&[]).await;
    bench.queue("f.fifo", json!({ "FifoQueue": "true" })).await;
    let refused = async |more: Value| {
        let answer = bench.start(more).await;
        format!("{}: {}", code(&answer), answer["message"].as_str().unwrap_or_default())
    };
    assert!(
        refused(json!({ "SourceArn": "dead" })).await.starts_with("InvalidParameterValue: You must use this format")
    );
    assert_eq!(
        refused(json!({ "SourceArn": format!("{ARN}nowhere") })).await,
        "ResourceNotFoundException: The resource that you specified for the SourceArn parameter doesn't exist."
    );
    assert_eq!(
        refused(json!({ "SourceArn": format!("{ARN}q") })).await,
        "InvalidParameterValue: Source queue must be configured as a Dead Letter Queue."
    );
    for (name, reason) in
        [("nowhere", "the DestinationArn parameter"), ("dead", "cannot be the same"), ("f.fifo", "same queue type")]
    {
        let said = refused(json!({ "DestinationArn": format!("{ARN}{name}") })).await;
        assert!(said.contains(reason), "{said}");
    }
    for rate in [0, 501] {
        assert!(refused(json!({ "MaxNumberOfMessagesPerSecond": rate })).await.starts_with("InvalidParameterValue"));
    }
    for (handle, refusal) in [
        ("x".to_owned(), "InvalidParameterValue"),
        (STANDARD.encode("{}"), "InvalidParameterValue"),
        (
            STANDARD.encode(json!({ "taskId": "x", "sourceArn": format!("{ARN}missing") }).to_string()),
            "ResourceNotFoundException",
        ),
        (
            STANDARD.encode(json!({ "taskId": "x", "sourceArn": format!("{ARN}dead") }).to_string()),
            "ResourceNotFoundException",
        ),
    ] {
        let none = bench.sqs("CancelMessageMoveTask", json!({ "TaskHandle": handle })).await;
        assert_eq!(code(&none), refusal);
    }
    let source = format!("{ARN}dead");
    let many = json!({ "SourceArn": source, "MaxResults": 11 });
    assert_eq!(code(&bench.sqs("ListMessageMoveTasks", many).await), "InvalidParameterValue");
    let form = [("Action", "ListMessageMoveTasks"), ("SourceArn", source.as_str())];
    bench.start(json!({ "MaxNumberOfMessagesPerSecond": 500 })).await;
    let (status, body) = query(&bench.bus, "2012-11-05", &form).await;
    assert_eq!(status, 200);
    assert!(body.contains("<ListMessageMoveTasksResult><ListMessageMoveTasksResultEntry>"), "{body}");
    assert_eq!(between(&body, "SourceArn"), source);
}

#[tokio::test]
async fn a_dead_letter_queue_says_who_may_use_it() {
    let bench = Bench::new();
    let allow = |policy: Value| json!({ "QueueUrl": format!("{URL}dead"), "Attributes": { "RedriveAllowPolicy": policy.to_string() } });
    bench.queue("dead", json!({})).await;
    bench.queue("a", json!({})).await;
    bench.queue("b", json!({})).await;
    let policy = json!({ "deadLetterTargetArn": format!("{ARN}dead"), "maxReceiveCount": 1 }).to_string();
    let use_it = async |queue: &str| {
        let input = json!({ "QueueUrl": format!("{URL}{queue}"), "Attributes": { "RedrivePolicy": policy } });
        code(&bench.sqs("SetQueueAttributes", input).await).to_owned()
    };
    let only_a = json!({ "redrivePermission": "byQueue", "sourceQueueArns": [format!("{ARN}a")] });
    assert_eq!(code(&bench.sqs("SetQueueAttributes", allow(only_a)).await), "none");
    assert_eq!((use_it("a").await.as_str(), use_it("b").await.as_str()), ("none", "InvalidParameterValue"));
    assert_eq!(code(&bench.sqs("SetQueueAttributes", allow(json!({ "redrivePermission": "denyAll" }))).await), "none");
    assert_eq!(use_it("a").await, "InvalidParameterValue");
    assert_eq!(code(&bench.sqs("SetQueueAttributes", allow(json!({ "redrivePermission": "allowAll" }))).await), "none");
    assert_eq!(use_it("b").await, "none");
    for bad in [
        json!({}),
        json!({ "redrivePermission": "some" }),
        json!({ "redrivePermission": "byQueue" }),
        json!({ "redrivePermission": "byQueue", "sourceQueueArns": vec![format!("{ARN}a"); 11] }),
        json!({ "redrivePermission": "allowAll", "sourceQueueArns": [format!("{ARN}a")] }),
    ] {
        let refused = bench.sqs("SetQueueAttributes", allow(bad)).await;
        assert!(["InvalidParameterValue", "InvalidAttributeValue"].contains(&code(&refused)), "{refused}");
    }
}

#[tokio::test]
async fn permissions_are_statements_of_the_policy() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let add = async |label: &str, accounts: Value, actions: Value| {
        let input =
            json!({ "QueueUrl": format!("{URL}q"), "Label": label, "AWSAccountIds": accounts, "Actions": actions });
        bench.sqs("AddPermission", input).await
    };
    assert_eq!(code(&add("one", json!(["111122223333"]), json!(["SendMessage"])).await), "none");
    let two = [
        ("Action", "AddPermission"),
        ("QueueUrl", "http://bus.localhost/000000000000/q"),
        ("Label", "two"),
        ("AWSAccountId.1", "111122223333"),
        ("AWSAccountId.2", "444455556666"),
        ("ActionName.1", "SendMessage"),
        ("ActionName.2", "*"),
    ];
    assert_eq!(query(&bench.bus, "2012-11-05", &two).await.0, 200);
    let policy = async || {
        let input = json!({ "QueueUrl": format!("{URL}q"), "AttributeNames": ["Policy"] });
        let answer = bench.sqs("GetQueueAttributes", input).await;
        answer["Attributes"]["Policy"].as_str().map(|text| serde_json::from_str::<Value>(text).unwrap())
    };
    assert_eq!(
        policy().await.unwrap(),
        json!({
            "Version": "2008-10-17",
            "Id": format!("{ARN}q/SQSDefaultPolicy"),
            "Statement": [
                { "Sid": "one", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" },
                  "Action": "SQS:SendMessage", "Resource": format!("{ARN}q") },
                { "Sid": "two", "Effect": "Allow",
                  "Principal": { "AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root"] },
                  "Action": ["SQS:SendMessage", "SQS:*"], "Resource": format!("{ARN}q") },
            ],
        })
    );
    assert_eq!(code(&add("one", json!(["111122223333"]), json!(["SendMessage"])).await), "InvalidParameterValue");
    assert_eq!(code(&add("x", json!(["111122223333"]), json!(["CreateQueue"])).await), "InvalidParameterValue");
    assert_eq!(code(&add("x", json!(["somebody"]), json!(["SendMessage"])).await), "InvalidParameterValue");
    assert_eq!(code(&add("x", json!(["111122223333"]), json!(vec!["SendMessage"; 8])).await), "OverLimit");
    assert_eq!(code(&add("x x", json!(["111122223333"]), json!(["SendMessage"])).await), "InvalidParameterValue");
    for (label, verdict) in
        [("one", "none"), ("one", "InvalidParameterValue"), ("two", "none"), ("two", "InvalidParameterValue")]
    {
        let input = json!({ "QueueUrl": format!("{URL}q"), "Label": label });
        assert_eq!(code(&bench.sqs("RemovePermission", input).await), verdict, "{label}");
    }
    assert_eq!(policy().await, None);
}

#[tokio::test]
async fn a_task_goes_on_where_the_bus_was_open_before_it_began() {
    let bench = Bench::new();
    bench.dead_letters(&["0", "1", "2"]).await;
    let other = Bench { bus: bench.again(), clock: bench.clock.clone(), dir: tempfile::tempdir().unwrap() };
    other.queue("else", json!({})).await;
    bench.start(json!({ "MaxNumberOfMessagesPerSecond": 1 })).await;
    let Bench { bus, dir: _dir, .. } = bench;
    // Who began it is gone, and nobody asks the other one for anything.
    drop(bus);
    assert!(!other.bus.0.store.moving());
    other.bus.take_over_moves().await;
    assert!(other.bus.0.store.moving());
    for _ in 0..4 {
        other.clock.advance(Duration::from_secs(1));
        other.step().await;
    }
    let task = other.task().await;
    assert_eq!((&task["Status"], &task["ApproximateNumberOfMessagesMoved"]), (&json!("COMPLETED"), &json!(3)));
}

#[tokio::test]
async fn a_move_in_one_step_takes_what_can_be_received_and_nothing_else() {
    let bench = Bench::new();
    bench.queue("from", json!({})).await;
    bench.queue("to", json!({ "MaximumMessageSize": "1024" })).await;
    // In flight, and not to be had.
    bench.send("from", "taken").await;
    assert_eq!(bench.receive("from").await[0]["Body"], "taken");
    for body in ["small", "large", "other"] {
        bench.send("from", body).await;
    }
    let looked = |answer: &Value| answer["messages"].as_array().unwrap().clone();
    let (_, shown) =
        bench.developer("GET", "/_eventbus/messages?QueueUrl=http://localhost/000000000000/from", Value::Null).await;
    let shown = looked(&shown);
    let entry = |at: usize, body: &str| {
        json!({ "Place": shown[at]["seq"], "Id": shown[at]["MessageId"], "QueueUrl": format!("{URL}to"), "MessageBody": body,
                "MessageAttributes": { "a": { "DataType": "Number", "StringValue": "1" } } })
    };
    let entries = [entry(0, "taken"), entry(1, "small"), entry(2, &"x".repeat(2_000))];
    let call = json!({ "QueueUrl": format!("{URL}from"), "Entries": entries });
    let (status, moved) = bench.developer("POST", "/_eventbus/move", call.clone()).await;
    assert_eq!(status, 200, "{moved}");
    assert_eq!((&moved["Entries"][0], &moved["Entries"][2]["Code"]), (&json!({}), &json!("InvalidParameterValue")));
    let arrived = bench.receive("to").await;
    assert_eq!((&arrived[0]["Body"], &arrived[0]["MessageId"]), (&json!("small"), &moved["Entries"][1]["MessageId"]));
    let (_, left) =
        bench.developer("GET", "/_eventbus/messages?QueueUrl=http://localhost/000000000000/from", Value::Null).await;
    let left: Vec<Value> = looked(&left).into_iter().map(|message| message["Body"].clone()).collect();
    assert_eq!(left, ["taken", "large", "other"], "what was refused or not named stays");
    // What is gone cannot be had twice, and a wrong id not at all.
    let (_, again) = bench.developer("POST", "/_eventbus/move", call).await;
    assert_eq!(again["Entries"][1], json!({}));
    let mut other = entry(3, "other");
    other["Id"] = shown[2]["MessageId"].clone();
    let (_, other) = bench
        .developer("POST", "/_eventbus/move", json!({ "QueueUrl": format!("{URL}from"), "Entries": [other] }))
        .await;
    assert_eq!(other["Entries"][0], json!({}));
    bench.queue("in_order.fifo", json!({ "FifoQueue": "true" })).await;
    let refused = json!({ "QueueUrl": format!("{URL}in_order.fifo"), "Entries": [] });
    assert_eq!(bench.developer("POST", "/_eventbus/move", refused).await.0, 400);
    assert_eq!(bench.developer("GET", "/_eventbus/move", Value::Null).await.0, 405);
}
