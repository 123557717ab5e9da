//! The bus as its callers see it: requests in, answers out, in virtual time where time matters.

mod callers;
mod listener;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};

use super::*;

mod dropped;
mod faults;
mod fifo;
mod fifo_topics;
mod layouts;
mod moves;
mod recorded;
mod sns;

/// A bus in a folder of its own, with a clock that stands still.
struct Bench {
    bus: LocalBus,
    clock: Clock,
    dir: tempfile::TempDir,
}

const URL: &str = "http://bus.localhost/000000000000/";
const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:";

impl Bench {
    fn new() -> Self {
        Self::with(|options| options)
    }

    fn with(options: impl FnOnce(OpenOptions) -> OpenOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(1_800_000_000_000);
        let options = options(OpenOptions { clock: clock.clone(), ..OpenOptions::default() });
        let bus = LocalBus::open(&dir.path().join("bus.db"), options).unwrap();
        Self { bus, clock, dir }
    }

    fn again(&self) -> LocalBus {
        let options = OpenOptions { clock: self.clock.clone(), ..OpenOptions::default() };
        LocalBus::open(&self.dir.path().join("bus.db"), options).unwrap()
    }

    async fn sqs(&self, operation: &str, input: Value) -> Value {
        sqs(&self.bus, operation, input).await
    }

    async fn queue(&self, name: &str, attributes: Value) {
        let made = self.sqs("CreateQueue", json!({ "QueueName": name, "Attributes": attributes })).await;
        assert_eq!(made["QueueUrl"], format!("{URL}{name}"), "{made}");
    }

    async fn send(&self, queue: &str, body: &str) -> Value {
        self.sqs("SendMessage", json!({ "QueueUrl": format!("{URL}{queue}"), "MessageBody": body })).await
    }

    async fn send_to_group(&self, queue: &str, group: &str, body: &str) -> Value {
        let input = json!({ "QueueUrl": format!("{URL}{queue}"), "MessageBody": body, "MessageGroupId": group });
        self.sqs("SendMessage", input).await
    }

    /// The messages of one receive of up to ten.
    async fn receive(&self, queue: &str) -> Vec<Value> {
        let answer = self
            .sqs(
                "ReceiveMessage",
                json!({ "QueueUrl": format!("{URL}{queue}"), "MaxNumberOfMessages": 10, "AttributeNames": ["All"], "MessageAttributeNames": ["All"] }),
            )
            .await;
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    async fn bodies(&self, queue: &str) -> Vec<String> {
        self.receive(queue).await.iter().map(|m| m["Body"].as_str().unwrap().to_owned()).collect()
    }

    async fn sns(&self, form: &[(&str, &str)]) -> String {
        let (status, body) = query(&self.bus, "2010-03-31", form).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn sns_error(&self, form: &[(&str, &str)]) -> (u16, String) {
        let (status, body) = query(&self.bus, "2010-03-31", form).await;
        assert!(status >= 400, "{body}");
        (status, format!("{}: {}", between(&body, "Code"), between(&body, "Message")))
    }

    /// A topic `t` with the queues subscribed, each with these attributes.
    async fn topic(&self, queues: &[(&str, &[(&str, &str)])]) -> String {
        let topic = between(&self.sns(&[("Action", "CreateTopic"), ("Name", "t")]).await, "TopicArn");
        for (queue, attributes) in queues {
            self.queue(queue, json!({})).await;
            self.subscribe(&topic, queue, attributes).await;
        }
        topic
    }

    async fn subscribe(&self, topic: &str, queue: &str, attributes: &[(&str, &str)]) -> String {
        let (status, body) = query(&self.bus, "2010-03-31", &pairs(&subscription(topic, queue, attributes))).await;
        assert_eq!(status, 200, "{body}");
        between(&body, "SubscriptionArn")
    }
}

fn subscription(topic: &str, queue: &str, attributes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut form = vec![
        ("Action".to_owned(), "Subscribe".to_owned()),
        ("TopicArn".into(), topic.into()),
        ("Protocol".into(), "sqs".into()),
        ("Endpoint".into(), format!("{ARN}{queue}")),
    ];
    for (at, (key, value)) in attributes.iter().enumerate() {
        form.push((format!("Attributes.entry.{}.key", at + 1), (*key).into()));
        form.push((format!("Attributes.entry.{}.value", at + 1), (*value).into()));
    }
    form
}

fn pairs(form: &[(String, String)]) -> Vec<(&str, &str)> {
    form.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// The text of the first element called `name`.
fn between(xml: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let start = xml.find(&open).unwrap_or_else(|| panic!("no <{name}> in {xml}")) + open.len();
    quick_xml::escape::unescape(&xml[start..start + xml[start..].find(&close).unwrap()]).unwrap().into_owned()
}

fn sqs_request(operation: &str, input: &Value) -> Request<Bytes> {
    Request::builder()
        .method(Method::POST)
        .uri("http://bus.localhost/")
        .header("x-amz-target", format!("AmazonSQS.{operation}"))
        .body(Bytes::from(input.to_string()))
        .unwrap()
}

async fn sqs(bus: &LocalBus, operation: &str, input: Value) -> Value {
    let response = bus.handle(sqs_request(operation, &input)).await;
    // What answers nothing has no body.
    if response.body().is_empty() { json!({}) } else { serde_json::from_slice(response.body()).unwrap() }
}

async fn query(bus: &LocalBus, version: &str, form: &[(&str, &str)]) -> (u16, String) {
    let body =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(form).append_pair("Version", version).finish();
    let request = Request::builder().method(Method::POST).uri("http://bus.localhost/").body(Bytes::from(body)).unwrap();
    let response = bus.handle(request).await;
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
}

/// The code that Query would have for an error in JSON, as far as their names go.
fn code(answer: &Value) -> &str {
    match answer["__type"].as_str().and_then(|name| name.split('#').nth(1)).unwrap_or("none") {
        "InvalidParameterValueException" => "InvalidParameterValue",
        "MissingRequiredParameterException" => "MissingParameter",
        other => other,
    }
}

#[tokio::test]
async fn a_message_is_hidden_for_its_visibility_timeout() {
    let bench = Bench::new();
    bench.queue("q", json!({ "VisibilityTimeout": "30" })).await;
    bench.send("q", "one").await;
    let first = bench.receive("q").await;
    assert_eq!(first[0]["Attributes"]["ApproximateReceiveCount"], "1");
    bench.clock.advance(Duration::from_millis(29_999));
    assert!(bench.receive("q").await.is_empty());
    bench.clock.advance(Duration::from_millis(1));
    let again = bench.receive("q").await;
    assert_eq!(again[0]["Attributes"]["ApproximateReceiveCount"], "2");
    assert_eq!(again[0]["MessageId"], first[0]["MessageId"]);
    assert_ne!(again[0]["ReceiptHandle"], first[0]["ReceiptHandle"]);
    // The handle of the earlier receive takes the message away from who has it now, and deletes it (recorded AWS answers,
    // localstack tests, Apache-2.0: `test_terminate_visibility_timeout_after_receive`).
    let old =
        json!({ "QueueUrl": format!("{URL}q"), "ReceiptHandle": first[0]["ReceiptHandle"], "VisibilityTimeout": 0 });
    assert_eq!(bench.sqs("ChangeMessageVisibility", old.clone()).await, json!({}));
    assert_eq!(bench.bodies("q").await, ["one"]);
    bench.sqs("DeleteMessage", old).await;
    bench.clock.advance(Duration::from_secs(3_600));
    assert!(bench.receive("q").await.is_empty());
}

#[tokio::test]
async fn visibility_can_be_changed_within_twelve_hours_of_the_receive() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    bench.send("q", "one").await;
    let handle = bench.receive("q").await[0]["ReceiptHandle"].clone();
    let change =
        |seconds: i64| json!({ "QueueUrl": format!("{URL}q"), "ReceiptHandle": handle, "VisibilityTimeout": seconds });
    bench.sqs("ChangeMessageVisibility", change(43_200)).await;
    bench.clock.advance(Duration::from_secs(3_600));
    assert_eq!(code(&bench.sqs("ChangeMessageVisibility", change(39_601)).await), "InvalidParameterValue");
    bench.sqs("ChangeMessageVisibility", change(0)).await;
    assert_eq!(bench.bodies("q").await, ["one"]);
}

#[tokio::test]
async fn delays_of_queue_and_message() {
    let bench = Bench::new();
    bench.queue("q", json!({ "DelaySeconds": "10" })).await;
    bench.send("q", "queue's").await;
    let sent = json!({ "QueueUrl": format!("{URL}q"), "MessageBody": "own", "DelaySeconds": 2 });
    bench.sqs("SendMessage", sent).await;
    assert!(bench.receive("q").await.is_empty());
    let counts = json!({ "QueueUrl": format!("{URL}q"), "AttributeNames": ["ApproximateNumberOfMessagesDelayed"] });
    assert_eq!(bench.sqs("GetQueueAttributes", counts).await["Attributes"]["ApproximateNumberOfMessagesDelayed"], "2");
    bench.clock.advance(Duration::from_secs(2));
    assert_eq!(bench.bodies("q").await, ["own"]);
    bench.clock.advance(Duration::from_secs(8));
    assert_eq!(bench.bodies("q").await, ["queue's"]);
}

#[tokio::test]
async fn messages_expire() {
    let bench = Bench::new();
    bench.queue("q", json!({ "MessageRetentionPeriod": "60" })).await;
    bench.send("q", "old").await;
    bench.clock.advance(Duration::from_secs(59));
    bench.send("q", "new").await;
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.bodies("q").await, ["new"]);
    let left: i64 =
        bench.bus.0.store.read(|c| Ok(c.query_row("SELECT count(*) FROM contents", [], |r| r.get(0))?)).await.unwrap();
    assert_eq!(left, 1, "the expired message's content must be gone, too");
}

#[tokio::test]
async fn what_is_received_too_often_is_dead_lettered() {
    let bench = Bench::new();
    bench.queue("dead", json!({})).await;
    let policy = json!({ "deadLetterTargetArn": format!("{ARN}dead"), "maxReceiveCount": 2 }).to_string();
    bench.queue("q", json!({ "VisibilityTimeout": "0", "RedrivePolicy": policy })).await;
    bench.send("q", "poison").await;
    let first = bench.receive("q").await;
    assert_eq!(bench.receive("q").await.len(), 1);
    assert!(bench.receive("q").await.is_empty());
    let dead = bench.receive("dead").await;
    assert_eq!(dead[0]["MessageId"], first[0]["MessageId"]);
    assert_eq!(dead[0]["Attributes"]["DeadLetterQueueSourceArn"], format!("{ARN}q"));
    assert_eq!(dead[0]["Attributes"]["SentTimestamp"], first[0]["Attributes"]["SentTimestamp"]);
    let sources = bench.sqs("ListDeadLetterSourceQueues", json!({ "QueueUrl": format!("{URL}dead") })).await;
    assert_eq!(sources["queueUrls"], json!([format!("{URL}q")]));
}

#[tokio::test]
async fn a_queue_that_is_its_own_dead_letter_queue_keeps_what_it_has() {
    let bench = Bench::new();
    bench.queue("q", json!({ "VisibilityTimeout": "0" })).await;
    let policy = json!({ "deadLetterTargetArn": format!("{ARN}q"), "maxReceiveCount": 1 }).to_string();
    let set = json!({ "QueueUrl": format!("{URL}q"), "Attributes": { "RedrivePolicy": policy } });
    bench.sqs("SetQueueAttributes", set).await;
    bench.send("q", "round and round").await;
    for _ in 0..3 {
        assert_eq!(bench.receive("q").await.len(), 1);
    }
}

#[tokio::test]
async fn creating_twice_is_fine_and_creating_otherwise_is_not() {
    let bench = Bench::new();
    bench.queue("q", json!({ "VisibilityTimeout": "5" })).await;
    bench.queue("q", json!({})).await;
    bench.queue("q", json!({ "VisibilityTimeout": "5", "DelaySeconds": "0" })).await;
    let other = bench.sqs("CreateQueue", json!({ "QueueName": "q", "Attributes": { "VisibilityTimeout": "6" } })).await;
    assert_eq!(code(&other), "QueueNameExists");
    let create = [("Action", "CreateTopic"), ("Name", "t")];
    assert_eq!(bench.sns(&create).await.len(), bench.sns(&create).await.len());
    let mut other = create.to_vec();
    other.extend([("Attributes.entry.1.key", "DisplayName"), ("Attributes.entry.1.value", "x")]);
    let (status, error) = bench.sns_error(&other).await;
    assert_eq!(
        (status, error.as_str()),
        (400, "InvalidParameter: Invalid parameter: Attributes Reason: Topic already exists with different attributes")
    );
}

#[tokio::test]
async fn windows_after_deleting_and_purging_when_asked_for() {
    let minute = Duration::from_secs(60);
    let bench = Bench::with(|options| OpenOptions { recreate_window: minute, purge_window: minute, ..options });
    let queue = json!({ "QueueUrl": format!("{URL}q") });
    bench.queue("q", json!({})).await;
    bench.send("q", "gone").await;
    assert_eq!(code(&bench.sqs("PurgeQueue", queue.clone()).await), "none");
    assert!(bench.receive("q").await.is_empty());
    assert_eq!(code(&bench.sqs("PurgeQueue", queue.clone()).await), "PurgeQueueInProgress");
    bench.sqs("DeleteQueue", queue.clone()).await;
    assert_eq!(code(&bench.send("q", "x").await), "QueueDoesNotExist");
    assert_eq!(code(&bench.sqs("CreateQueue", json!({ "QueueName": "q" })).await), "QueueDeletedRecently");
    bench.clock.advance(minute);
    bench.queue("q", json!({})).await;
}

#[tokio::test]
async fn batches_fail_entry_by_entry_or_whole() {
    let bench = Bench::new();
    bench.queue("q", json!({ "MaximumMessageSize": "1024" })).await;
    let batch = |entries: Value| json!({ "QueueUrl": format!("{URL}q"), "Entries": entries });
    let mixed = json!([
        { "Id": "good", "MessageBody": "fine" },
        { "Id": "bell", "MessageBody": "\u{7}" },
        { "Id": "long", "MessageBody": "x".repeat(1_025) },
    ]);
    let answer = bench.sqs("SendMessageBatch", batch(mixed)).await;
    assert_eq!(answer["Successful"][0]["Id"], "good");
    let failed: Vec<_> = answer["Failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["Id"].as_str(), f["Code"].as_str(), f["SenderFault"].as_bool()))
        .collect();
    assert_eq!(
        failed,
        [
            (Some("bell"), Some("InvalidMessageContents"), Some(true)),
            (Some("long"), Some("InvalidParameterValue"), Some(true))
        ]
    );
    assert_eq!(bench.bodies("q").await, ["fine"]);
    let huge: Vec<Value> = (0..2).map(|n| json!({ "Id": n.to_string(), "MessageBody": "x".repeat(600_000) })).collect();
    let answer = bench.sqs("SendMessageBatch", batch(json!(huge))).await;
    assert_eq!(answer["message"], "Batch requests cannot be longer than 1048576 bytes. You have sent 1200000 bytes.");
}

#[tokio::test]
async fn one_publish_reaches_every_queue_that_wants_it_and_is_stored_once() {
    let bench = Bench::new();
    let filter = r#"{"kind":["good"]}"#;
    let topic = bench
        .topic(&[("plain", &[]), ("raw", &[("RawMessageDelivery", "true")]), ("picky", &[("FilterPolicy", filter)])])
        .await;
    for kind in ["good", "bad"] {
        bench
            .sns(&[
                ("Action", "Publish"),
                ("TopicArn", &topic),
                ("Message", "a <b> & \"c\""),
                ("Subject", "s"),
                ("MessageAttributes.entry.1.Name", "kind"),
                ("MessageAttributes.entry.1.Value.DataType", "String"),
                ("MessageAttributes.entry.1.Value.StringValue", kind),
            ])
            .await;
    }
    let contents: i64 =
        bench.bus.0.store.read(|c| Ok(c.query_row("SELECT count(*) FROM contents", [], |r| r.get(0))?)).await.unwrap();
    assert_eq!(contents, 2);
    let raw = bench.receive("raw").await;
    assert_eq!(raw.len(), 2);
    assert_eq!(raw[0]["Body"], "a <b> & \"c\"");
    assert_eq!(raw[0]["MessageAttributes"]["kind"]["StringValue"], "good");
    let picky = bench.receive("picky").await;
    assert_eq!(picky.len(), 1);
    let wrapped = crate::event::Notification::parse(picky[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!((wrapped.message.as_str(), wrapped.subject.as_deref()), ("a <b> & \"c\"", Some("s")));
    assert_eq!(wrapped.topic_arn, topic);
    assert_eq!(wrapped.timestamp, "2027-01-15T08:00:00.000Z");
    assert!(picky[0].get("MessageAttributes").is_none());
    // The last reader takes the content along.
    for queue in ["plain", "raw", "picky"] {
        bench.sqs("PurgeQueue", json!({ "QueueUrl": format!("{URL}{queue}") })).await;
    }
    let contents: i64 =
        bench.bus.0.store.read(|c| Ok(c.query_row("SELECT count(*) FROM contents", [], |r| r.get(0))?)).await.unwrap();
    assert_eq!(contents, 0);
}

#[tokio::test]
async fn a_changed_filter_counts_at_once_also_when_another_handle_changed_it() {
    let bench = Bench::new();
    let topic = bench.topic(&[]).await;
    bench.queue("q", json!({})).await;
    let arn = bench.subscribe(&topic, "q", &[("RawMessageDelivery", "true"), ("FilterPolicy", r#"{"a":["b"]}"#)]).await;
    let publish = [("Action", "Publish"), ("TopicArn", topic.as_str()), ("Message", "m")];
    bench.sns(&publish).await;
    assert!(bench.receive("q").await.is_empty());
    let change = [
        ("Action", "SetSubscriptionAttributes"),
        ("SubscriptionArn", arn.as_str()),
        ("AttributeName", "FilterPolicy"),
        ("AttributeValue", ""),
    ];
    let (status, _) = query(&bench.again(), "2010-03-31", &change).await;
    assert_eq!(status, 200);
    bench.sns(&publish).await;
    assert_eq!(bench.bodies("q").await, ["m"]);
}

#[tokio::test]
async fn subscribing_again_and_otherwise() {
    let bench = Bench::new();
    let topic = bench.topic(&[("q", &[("RawMessageDelivery", "true")])]).await;
    assert_eq!(
        bench.subscribe(&topic, "q", &[]).await,
        bench.subscribe(&topic, "q", &[("RawMessageDelivery", "true")]).await
    );
    let other = subscription(&topic, "q", &[("RawMessageDelivery", "false")]);
    assert!(bench.sns_error(&pairs(&other)).await.1.ends_with("Subscription already exists with different attributes"));
    let broken = subscription(&topic, "q2", &[("FilterPolicy", r#"{"a":1}"#)]);
    assert!(
        bench
            .sns_error(&pairs(&broken))
            .await
            .1
            .starts_with("InvalidParameter: Invalid parameter: Attributes Reason: FilterPolicy: ")
    );
    // A queue that does not exist yet is fine.
    bench.subscribe(&topic, "later", &[]).await;
}

#[tokio::test]
async fn undeliverable_messages_go_to_the_subscription_s_dead_letter_queue() {
    let bench = Bench::new();
    let topic = bench.topic(&[]).await;
    bench.queue("dead", json!({})).await;
    let policy = json!({ "deadLetterTargetArn": format!("{ARN}dead") }).to_string();
    bench.subscribe(&topic, "missing", &[("RawMessageDelivery", "true"), ("RedrivePolicy", &policy)]).await;
    bench.sns(&[("Action", "Publish"), ("TopicArn", &topic), ("Message", "lost?")]).await;
    assert_eq!(bench.bodies("dead").await, ["lost?"]);
}

#[tokio::test]
async fn what_is_not_there_yet_says_so_by_name() {
    let bench = Bench::new();
    let (_, sms) = bench.sns_error(&[("Action", "Publish"), ("PhoneNumber", "+1"), ("Message", "m")]).await;
    assert!(sms.starts_with("UnsupportedOperation: Publish to a phone number"), "{sms}");
}

#[tokio::test]
async fn peeking_shows_everything_and_changes_nothing() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    bench.send("q", "in flight").await;
    bench.receive("q").await;
    bench.send("q", "waiting").await;
    let peek = |after: i64| {
        let uri = format!("http://bus.localhost/_eventbus/messages?QueueUrl={URL}q&after={after}&limit=10");
        let request = Request::builder().uri(uri).body(Bytes::new()).unwrap();
        let bus = bench.bus.clone();
        async move { serde_json::from_slice::<Value>(bus.handle(request).await.body()).unwrap() }
    };
    let all = peek(0).await;
    let bodies: Vec<_> = all["messages"].as_array().unwrap().iter().map(|m| m["Body"].as_str().unwrap()).collect();
    assert_eq!(bodies, ["in flight", "waiting"]);
    assert_eq!(all["messages"][1]["Attributes"]["ApproximateReceiveCount"], "0");
    assert_eq!(peek(all["cursor"].as_i64().unwrap()).await["messages"], json!([]));
    assert_eq!(bench.receive("q").await[0]["Attributes"]["ApproximateReceiveCount"], "1");
}

fn look(after: i64, wait: u64) -> Request<Bytes> {
    let uri = format!("http://bus.localhost/_eventbus/messages?QueueUrl={URL}q&after={after}&limit=100&wait={wait}");
    Request::builder().uri(uri).body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn a_look_is_bounded_in_bytes_and_goes_on_where_it_ended() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let large = "x".repeat(1_000_000);
    for _ in 0..36 {
        assert!(bench.send("q", &large).await["MessageId"].is_string());
    }
    let (mut cursor, mut seen) = (0, Vec::new());
    loop {
        let answer: Value = serde_json::from_slice(bench.bus.handle(look(cursor, 0)).await.body()).unwrap();
        let messages = answer["messages"].as_array().unwrap().len();
        if messages == 0 {
            break;
        }
        seen.push(messages);
        cursor = answer["cursor"].as_i64().unwrap();
    }
    assert_eq!(seen, [9, 9, 9, 9], "8 MiB, and the message that goes beyond them");
    // LocalStack's endpoint has no place to go on from: it says that there is more.
    let whole = |queue: &str| {
        let uri = format!("http://bus.localhost/_aws/sqs/messages?QueueUrl={URL}{queue}");
        Request::builder().uri(uri).header("accept", "application/json").body(Bytes::new()).unwrap()
    };
    let cut = bench.bus.handle(whole("q")).await;
    assert_eq!(cut.headers().get("x-eventbus-truncated").map(http::HeaderValue::as_bytes), Some(&b"true"[..]));
    assert!(cut.body().len() < 36_000_000);
    bench.queue("few", json!({})).await;
    bench.send("few", "x").await;
    assert!(!bench.bus.handle(whole("few")).await.headers().contains_key("x-eventbus-truncated"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_waits_ends_when_the_bus_is_closed() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let waiter = bench.bus.clone();
    let waits = tokio::spawn(async move { waiter.handle(look(7, 20_000)).await });
    while bench.bus.0.store.waiters() == 0 {
        tokio::task::yield_now().await;
    }
    bench.bus.end_waiting();
    // One that does not hear of it answers when its twenty seconds are over.
    let answer = tokio::time::timeout(Duration::from_secs(15), waits).await.expect("it waits on").unwrap();
    assert_eq!(serde_json::from_slice::<Value>(answer.body()).unwrap(), json!({ "cursor": 7, "messages": [] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_poll_wakes_for_a_send_through_another_handle() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    for bus in [bench.bus.clone(), bench.again()] {
        let waiter = bench.bus.clone();
        let poll = tokio::spawn(async move {
            sqs(&waiter, "ReceiveMessage", json!({ "QueueUrl": format!("{URL}q"), "WaitTimeSeconds": 20 })).await
        });
        while bench.bus.0.store.waiters() == 0 {
            tokio::task::yield_now().await;
        }
        sqs(&bus, "SendMessage", json!({ "QueueUrl": format!("{URL}q"), "MessageBody": "wake" })).await;
        // A poll that nobody wakes looks again only when its twenty seconds are over.
        let woken = tokio::time::timeout(Duration::from_secs(15), poll).await.expect("nobody woke the poll").unwrap();
        assert_eq!(woken["Messages"][0]["Body"], "wake");
    }
}

#[test]
fn many_open_a_new_file_at_once_and_write_without_losing_anything() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bus.db");
    let threads: Vec<_> = (0..6)
        .map(|thread| {
            let path = path.clone();
            std::thread::spawn(move || {
                let bus = LocalBus::open(&path, OpenOptions::default()).unwrap();
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    sqs(&bus, "CreateQueue", json!({ "QueueName": "q" })).await;
                    for n in 0..10 {
                        let sent = json!({ "QueueUrl": format!("{URL}q"), "MessageBody": format!("{thread}/{n}") });
                        assert!(sqs(&bus, "SendMessage", sent).await["MessageId"].is_string());
                    }
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let different: i64 = connection
        .query_row("SELECT count(DISTINCT body) FROM contents JOIN messages ON content = contents.id", [], |r| r.get(0))
        .unwrap();
    assert_eq!(different, 60);
}

#[tokio::test]
async fn sdk_clients_are_answered_in_process() {
    use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
    let bench = Bench::new();
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url("http://bus.localhost")
        .http_client(connector(bench.bus.clone()))
        .build();
    let client = aws_sdk_sqs::Client::from_conf(config);
    let missing = client.get_queue_url().queue_name("q").send().await.unwrap_err();
    assert!(missing.into_service_error().is_queue_does_not_exist());
    let url = client.create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    // The SDK verifies the digests of what it sends and receives.
    client.send_message().queue_url(&url).message_body("from the SDK").send().await.unwrap();
    let received = client.receive_message().queue_url(&url).send().await.unwrap().messages.unwrap();
    assert_eq!(received[0].body(), Some("from the SDK"));
}
