//! FIFO queues.

use super::*;

const FIFO: [(&str, &str); 1] = [("FifoQueue", "true")];

fn with(more: &[(&str, &str)]) -> Value {
    FIFO.iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

impl Bench {
    /// A FIFO queue that makes deduplication ids by itself.
    async fn fifo(&self, name: &str) {
        self.queue(name, with(&[("ContentBasedDeduplication", "true")])).await;
    }

    async fn delete(&self, queue: &str, message: &Value) -> Value {
        let input = json!({ "QueueUrl": format!("{URL}{queue}"), "ReceiptHandle": message["ReceiptHandle"] });
        self.sqs("DeleteMessage", input).await
    }

    async fn table(&self, name: &'static str) -> i64 {
        let sql = format!("SELECT count(*) FROM {name}");
        self.bus.0.store.read(move |c| Ok(c.query_row(&sql, [], |r| r.get(0))?)).await.unwrap()
    }
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["Body"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_group_comes_in_order_and_waits_for_what_is_in_flight() {
    let bench = Bench::new();
    bench.fifo("q.fifo").await;
    for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3")] {
        bench.send_to_group("q.fifo", group, body).await;
    }
    let two = json!({ "QueueUrl": format!("{URL}q.fifo"), "MaxNumberOfMessages": 2, "AttributeNames": ["All"] });
    let first = bench.sqs("ReceiveMessage", two).await["Messages"].as_array().unwrap().clone();
    assert_eq!(bodies(&first), ["a1", "a2"]);
    assert_eq!(first[0]["Attributes"]["MessageGroupId"], "a");
    assert_eq!(first[0]["Attributes"]["MessageDeduplicationId"].as_str().unwrap().len(), 64);
    let numbers: Vec<_> = first.iter().map(|m| m["Attributes"]["SequenceNumber"].as_str().unwrap()).collect();
    assert!(numbers[0] < numbers[1] && numbers.iter().all(|n| n.len() == 20), "{numbers:?}");
    assert_eq!(bench.bodies("q.fifo").await, ["b1"]);
    bench.delete("q.fifo", &first[0]).await;
    assert!(bench.receive("q.fifo").await.is_empty(), "a2 is still in flight");
    bench.delete("q.fifo", &first[1]).await;
    let last = bench.receive("q.fifo").await;
    assert_eq!(bodies(&last), ["a3"]);
    bench.delete("q.fifo", &last[0]).await;
    assert_eq!(bench.table("groups").await, 1, "only b is left");
    // What was not deleted in time comes again, before what came later.
    bench.send_to_group("q.fifo", "b", "b2").await;
    bench.clock.advance(Duration::from_secs(30));
    assert_eq!(bench.bodies("q.fifo").await, ["b1", "b2"]);
}

/// Recorded AWS answers (localstack tests, Apache-2.0): `test_fifo_group_visibility_extends_with_change_message_visibility`,
/// `test_fifo_message_group_visibility_after_terminate_visibility_timeout`.
#[tokio::test]
async fn a_group_gives_what_comes_before_its_first_hidden_message() {
    let bench = Bench::new();
    bench.fifo("q.fifo").await;
    let hide = |message: &Value, seconds: i64| json!({ "QueueUrl": format!("{URL}q.fifo"), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": seconds });
    for (hidden, seen) in [(0, &[] as &[&str]), (1, &["1"]), (2, &["1", "2"])] {
        bench.sqs("PurgeQueue", json!({ "QueueUrl": format!("{URL}q.fifo") })).await;
        for body in ["1", "2", "3"] {
            bench.send_to_group("q.fifo", "g", body).await;
        }
        let taken = bench.receive("q.fifo").await;
        bench.sqs("ChangeMessageVisibility", hide(&taken[hidden], 60)).await;
        bench.clock.advance(Duration::from_secs(31));
        assert_eq!(bench.bodies("q.fifo").await, seen, "{hidden} is hidden");
        bench.clock.advance(Duration::from_secs(60));
    }
    bench.sqs("PurgeQueue", json!({ "QueueUrl": format!("{URL}q.fifo") })).await;
    for (group, body) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        bench.send_to_group("q.fifo", group, body).await;
    }
    let two = json!({ "QueueUrl": format!("{URL}q.fifo"), "MaxNumberOfMessages": 2 });
    let taken = bench.sqs("ReceiveMessage", two).await["Messages"].as_array().unwrap().clone();
    bench.sqs("ChangeMessageVisibility", hide(&taken[0], 0)).await;
    assert_eq!(bench.bodies("q.fifo").await, ["b1", "a1"], "whose turn it was goes to the end of the line");
}

/// Recorded AWS answer (localstack tests, Apache-2.0): `test_fifo_receive_message_with_zero_visibility_timeout`.
#[tokio::test]
async fn groups_take_turns() {
    let bench = Bench::new();
    bench.fifo("q.fifo").await;
    for (group, body) in [("a", "a1"), ("b", "b1"), ("b", "b2"), ("c", "c1"), ("a", "a2")] {
        bench.send_to_group("q.fifo", group, body).await;
    }
    let ask = async |most: i64| {
        let input = json!({ "QueueUrl": format!("{URL}q.fifo"), "MaxNumberOfMessages": most, "VisibilityTimeout": 0 });
        bench.sqs("ReceiveMessage", input).await["Messages"].as_array().unwrap().clone()
    };
    assert_eq!(bodies(&ask(3).await), ["a1", "a2", "b1"]);
    assert_eq!(bodies(&ask(10).await), ["c1", "a1", "a2", "b1", "b2"]);
}

/// Recorded AWS answers (localstack tests, Apache-2.0): `test_purge_queue_clears_fifo_deduplication_cache`,
/// `test_fifo_change_to_high_throughput_after_creation`.
#[tokio::test]
async fn what_changes_the_deduplication() {
    let bench = Bench::new();
    bench.fifo("q.fifo").await;
    bench.send_to_group("q.fifo", "a", "same").await;
    bench.sqs("PurgeQueue", json!({ "QueueUrl": format!("{URL}q.fifo") })).await;
    bench.send_to_group("q.fifo", "a", "same").await;
    let scope = json!({ "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId" });
    bench.sqs("SetQueueAttributes", json!({ "QueueUrl": format!("{URL}q.fifo"), "Attributes": scope })).await;
    bench.send_to_group("q.fifo", "b", "same").await;
    assert_eq!(bench.receive("q.fifo").await.len(), 1, "purging forgets, and a new scope takes its time");
    bench.clock.advance(Duration::from_secs(60));
    bench.send_to_group("q.fifo", "c", "same").await;
    assert_eq!(bench.receive("q.fifo").await.len(), 2);
    let all = json!({ "QueueUrl": format!("{URL}q.fifo"), "AttributeNames": ["All"] });
    let shown = bench.sqs("GetQueueAttributes", all).await["Attributes"].as_object().unwrap().clone();
    assert_eq!(shown["DeduplicationScope"], "messageGroup");
    assert_eq!(shown.len(), 16, "{shown:?}");
}

#[tokio::test]
async fn duplicates_are_answered_with_the_original_for_five_minutes() {
    let bench = Bench::new();
    bench.fifo("q.fifo").await;
    let first = bench.send_to_group("q.fifo", "g", "same").await;
    let other = bench.send_to_group("q.fifo", "other", "same").await;
    assert_eq!((&first["MessageId"], &first["SequenceNumber"]), (&other["MessageId"], &other["SequenceNumber"]));
    let sha = "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5";
    let explicit = json!({ "QueueUrl": format!("{URL}q.fifo"), "MessageBody": "else", "MessageGroupId": "g", "MessageDeduplicationId": sha });
    assert_eq!(bench.sqs("SendMessage", explicit).await["MessageId"], first["MessageId"]);
    let taken = bench.receive("q.fifo").await;
    assert_eq!(bodies(&taken), ["same"]);
    bench.delete("q.fifo", &taken[0]).await;
    bench.clock.advance(Duration::from_millis(299_999));
    assert_eq!(bench.send_to_group("q.fifo", "g", "same").await["MessageId"], first["MessageId"]);
    assert!(bench.receive("q.fifo").await.is_empty());
    bench.clock.advance(Duration::from_millis(1));
    let again = bench.send_to_group("q.fifo", "g", "same").await;
    assert_ne!(again["MessageId"], first["MessageId"]);
    assert!(again["SequenceNumber"].as_str() > first["SequenceNumber"].as_str());
    assert_eq!(bench.bodies("q.fifo").await, ["same"]);
    assert_eq!(bench.table("sent_ids").await, 1, "what is too old is cleared away");
}

#[tokio::test]
async fn duplicates_by_group_where_the_queue_says_so() {
    let bench = Bench::new();
    let scope = [
        ("ContentBasedDeduplication", "true"),
        ("DeduplicationScope", "messageGroup"),
        ("FifoThroughputLimit", "perMessageGroupId"),
    ];
    bench.queue("q.fifo", with(&scope)).await;
    for group in ["a", "b", "a"] {
        bench.send_to_group("q.fifo", group, "same").await;
    }
    assert_eq!(bench.receive("q.fifo").await.len(), 2);
}

#[tokio::test]
async fn what_a_fifo_queue_refuses_when_sent_to() {
    let bench = Bench::new();
    bench.queue("q.fifo", with(&[])).await;
    bench.queue("plain", json!({})).await;
    let send = async |queue: &str, more: Value| {
        let mut input = json!({ "QueueUrl": format!("{URL}{queue}"), "MessageBody": "m" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = bench.sqs("SendMessage", input).await;
        format!("{}: {}", code(&answer), answer["message"].as_str().unwrap_or_default())
    };
    assert_eq!(
        send("q.fifo", json!({ "MessageDeduplicationId": "d" })).await,
        "MissingParameter: The request must contain the parameter MessageGroupId."
    );
    assert_eq!(
        send("q.fifo", json!({ "MessageGroupId": "g" })).await,
        "InvalidParameterValue: The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    );
    assert_eq!(
        send("q.fifo", json!({ "MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 1 })).await,
        "InvalidParameterValue: Value 1 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."
    );
    let spaced = send("q.fifo", json!({ "MessageGroupId": "g", "MessageDeduplicationId": "d d" })).await;
    assert!(spaced.starts_with("InvalidParameterValue: Value d d for parameter MessageDeduplicationId"), "{spaced}");
    assert!(send("plain", json!({ "MessageDeduplicationId": "d" })).await.starts_with("InvalidParameterValue"));
    assert_eq!(send("plain", json!({ "MessageGroupId": "tenant" })).await, "none: ");
    assert_eq!(bench.receive("plain").await[0]["Attributes"]["MessageGroupId"], "tenant");
    assert!(send("plain", json!({ "MessageGroupId": "no spaces" })).await.starts_with("InvalidParameterValue"));
}

#[tokio::test]
async fn a_queue_is_fifo_by_name_and_by_attribute_or_not_at_all() {
    let bench = Bench::new();
    let create = async |name: &str, attributes: Value| {
        code(&bench.sqs("CreateQueue", json!({ "QueueName": name, "Attributes": attributes })).await).to_owned()
    };
    assert_eq!(create("q.fifo", json!({})).await, "InvalidParameterValue");
    assert_eq!(create("q", with(&[])).await, "InvalidParameterValue");
    assert_eq!(create("q", json!({ "FifoQueue": "false" })).await, "InvalidAttributeName");
    assert_eq!(create("q", json!({ "ContentBasedDeduplication": "true" })).await, "InvalidAttributeName");
    assert_eq!(create("q.fifo", with(&[("DeduplicationScope", "group")])).await, "InvalidAttributeValue");
    assert_eq!(create("q.fifo", with(&[("FifoThroughputLimit", "perMessageGroupId")])).await, "InvalidAttributeValue");
    bench.fifo("q.fifo").await;
    let set = |value: Value| json!({ "QueueUrl": format!("{URL}q.fifo"), "Attributes": value });
    assert_eq!(
        code(&bench.sqs("SetQueueAttributes", set(json!({ "FifoQueue": "false" }))).await),
        "InvalidAttributeValue"
    );
    let all = json!({ "QueueUrl": format!("{URL}q.fifo"), "AttributeNames": ["All"] });
    let all = bench.sqs("GetQueueAttributes", all).await["Attributes"].clone();
    assert_eq!(
        [&all["FifoQueue"], &all["ContentBasedDeduplication"], &all["DeduplicationScope"], &all["FifoThroughputLimit"]],
        ["true", "true", "queue", "perQueue"]
    );
}

#[tokio::test]
async fn an_expired_handle_deletes_nothing_in_a_fifo_queue() {
    let bench = Bench::new();
    bench.fifo("q.fifo").await;
    bench.send_to_group("q.fifo", "g", "m").await;
    let old = bench.receive("q.fifo").await;
    bench.clock.advance(Duration::from_secs(30));
    let refused = bench.delete("q.fifo", &old[0]).await;
    assert_eq!(code(&refused), "InvalidParameterValue");
    assert!(refused["message"].as_str().unwrap().ends_with("Reason: The receipt handle has expired."));
    let new = bench.receive("q.fifo").await;
    assert_eq!(code(&bench.delete("q.fifo", &old[0]).await), "InvalidParameterValue");
    assert_eq!(code(&bench.delete("q.fifo", &new[0]).await), "none");
    assert_eq!(code(&bench.delete("q.fifo", &new[0]).await), "none", "deleting twice is no error");
}

#[tokio::test]
async fn a_receive_may_be_asked_for_again() {
    let bench = Bench::new();
    bench.fifo("q.fifo").await;
    for body in ["1", "2"] {
        bench.send_to_group("q.fifo", "g", body).await;
    }
    let ask = async |attempt: &str| {
        let input = json!({ "QueueUrl": format!("{URL}q.fifo"), "MaxNumberOfMessages": 10, "ReceiveRequestAttemptId": attempt });
        bench.sqs("ReceiveMessage", input).await["Messages"].as_array().cloned().unwrap_or_default()
    };
    let first = ask("one").await;
    assert!(ask("two").await.is_empty());
    bench.clock.advance(Duration::from_secs(20));
    assert_eq!(ask("one").await, first, "the same messages and handles");
    bench.clock.advance(Duration::from_secs(20));
    assert_eq!(ask("one").await, first, "and the visibility timeout began anew");
    bench.delete("q.fifo", &first[0]).await;
    let input = json!({ "QueueUrl": format!("{URL}q.fifo"), "ReceiveRequestAttemptId": "one" });
    let refused = bench.sqs("ReceiveMessage", input).await;
    assert!(refused["message"].as_str().unwrap().ends_with("since the receive call is not retryable."), "{refused}");
    assert_eq!(code(&bench.delete("q.fifo", &first[1]).await), "none");
}

#[tokio::test]
async fn dead_letters_keep_their_group_and_free_it() {
    let bench = Bench::new();
    bench.fifo("dead.fifo").await;
    bench.queue("plain", json!({})).await;
    let policy = |to: &str| json!({ "deadLetterTargetArn": format!("{ARN}{to}"), "maxReceiveCount": 1 }).to_string();
    let mixed =
        json!({ "QueueName": "m.fifo", "Attributes": { "FifoQueue": "true", "RedrivePolicy": policy("plain") } });
    let refused = bench.sqs("CreateQueue", mixed).await;
    assert!(refused["message"].as_str().unwrap().ends_with("must be same type of queue as the source.."), "{refused}");
    bench
        .queue("q.fifo", with(&[("ContentBasedDeduplication", "true"), ("RedrivePolicy", &policy("dead.fifo"))]))
        .await;
    for body in ["poison", "fine"] {
        bench.send_to_group("q.fifo", "g", body).await;
    }
    let one = json!({ "QueueUrl": format!("{URL}q.fifo"), "AttributeNames": ["All"] });
    let first = bench.sqs("ReceiveMessage", one).await["Messages"][0].clone();
    assert_eq!(first["Body"], "poison");
    bench.clock.advance(Duration::from_secs(30));
    assert_eq!(bench.bodies("q.fifo").await, ["fine"]);
    let dead = bench.receive("dead.fifo").await;
    assert_eq!(dead[0]["MessageId"], first["MessageId"]);
    let attributes = &dead[0]["Attributes"];
    assert_eq!(attributes["MessageGroupId"], "g");
    assert_eq!(attributes["MessageDeduplicationId"], first["MessageId"]);
    assert_eq!(attributes["DeadLetterQueueSourceArn"], format!("{ARN}q.fifo"));
    assert_eq!(attributes["SentTimestamp"], "1800000030000", "a FIFO dead-letter queue counts from the move");
}

#[tokio::test]
async fn delay_expiry_and_purge_of_a_fifo_queue() {
    let bench = Bench::new();
    let settings = [("ContentBasedDeduplication", "true"), ("DelaySeconds", "10"), ("MessageRetentionPeriod", "60")];
    bench.queue("q.fifo", with(&settings)).await;
    bench.send_to_group("q.fifo", "g", "1").await;
    bench.clock.advance(Duration::from_secs(5));
    bench.send_to_group("q.fifo", "g", "2").await;
    bench.clock.advance(Duration::from_secs(5));
    let first = bench.receive("q.fifo").await;
    assert_eq!(bodies(&first), ["1"], "the second is still delayed");
    bench.delete("q.fifo", &first[0]).await;
    assert!(bench.receive("q.fifo").await.is_empty());
    bench.clock.advance(Duration::from_secs(60));
    assert!(bench.receive("q.fifo").await.is_empty(), "expired");
    assert_eq!((bench.table("groups").await, bench.table("contents").await), (0, 0));
    bench.send_to_group("q.fifo", "g", "3").await;
    bench.sqs("PurgeQueue", json!({ "QueueUrl": format!("{URL}q.fifo") })).await;
    assert_eq!((bench.table("groups").await, bench.table("messages").await), (0, 0));
}

#[tokio::test]
async fn a_receive_and_a_send_cost_the_same_among_many_groups() {
    let now = 1_800_000_000_000;
    let mut costs = Vec::new();
    for groups in [20, 5_000] {
        let bench = Bench::new();
        bench.fifo("q.fifo").await;
        let name = names::QueueName::from_arn(&format!("{ARN}q.fifo")).unwrap();
        let fill = format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {groups})
             INSERT INTO sent_ids SELECT 1, n, '', x'00', '1', iif(n <= 5, 1, {now} + 1) FROM n;
             INSERT INTO contents VALUES (1, 1000000, 'm', NULL, NULL);
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {groups})
             INSERT INTO messages (queue, seq, content, id, sent, visible, receives, group_id, sequence)
             SELECT 1, n, 1, randomblob(16), {now}, {now}, 0, n, '1' FROM n;
             INSERT INTO groups SELECT 1, group_id, seq, iif(seq % 3 = 0, iif(seq < 9, 1, {now} + 1), 0) FROM messages;
             UPDATE bus SET next_seq = {groups} + 1;"
        );
        let path = bench.dir.path().join("bus.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(&fill).unwrap();
        let cost = store::steps(&path, |tx| {
            let queue = tx.catalogue.queue(tx.connection, &name)?;
            let taken = store::messages::take(tx, &queue, None, now, now + 30_000, 10)?;
            assert_eq!(taken.iter().map(|message| message.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]);
            store::fifo::remember(tx, queue.id, "", "new", [0; 16], "2", now)
        });
        costs.push(cost.unwrap());
    }
    assert!(costs[1] < costs[0] * 2 + 5, "{costs:?} hundred steps for 20 and 5,000 groups");
}
