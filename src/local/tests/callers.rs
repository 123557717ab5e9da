//! What a caller of the endpoint sees whatever the operation: accounts and regions, protocols, developer endpoints.

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use super::super::*;

const HOST: &str = "127.0.0.1:4566";

struct Bench {
    bus: LocalBus,
    _dir: tempfile::TempDir,
}

/// An access key id and a region, as a signature says them.
#[derive(Clone, Copy)]
struct Who(&'static str, &'static str);

const TEST: Who = Who("test", "us-east-1");

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { clock: Clock::manual(1_800_000_000_000), ..OpenOptions::default() };
        Self { bus: LocalBus::open(&dir.path().join("bus.db"), options).unwrap(), _dir: dir }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", HOST);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.bus.handle(request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()).await
    }

    async fn sqs(&self, who: Who, operation: &str, input: Value) -> Value {
        let (target, signature) = (format!("AmazonSQS.{operation}"), signature(who, "sqs"));
        let headers = [("x-amz-target", target.as_str()), ("authorization", &signature)];
        json_of(&self.ask(Method::POST, "/", &headers, &input.to_string()).await)
    }

    /// A form of the Query protocol; the answer's status and text.
    async fn query(&self, who: Who, service: &str, form: &str) -> (u16, String) {
        let signature = signature(who, service);
        let answer = self.ask(Method::POST, "/", &[("authorization", &signature)], form).await;
        (answer.status().as_u16(), text_of(&answer))
    }
}

fn signature(Who(key, region): Who, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20270115/{region}/{service}/aws4_request, SignedHeaders=host, Signature=00"
    )
}

fn text_of(answer: &Response<Bytes>) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}

fn json_of(answer: &Response<Bytes>) -> Value {
    // What answers nothing has no body.
    if answer.body().is_empty() { json!({}) } else { serde_json::from_slice(answer.body()).unwrap() }
}

#[tokio::test]
async fn a_twelve_digit_access_key_is_an_account_and_others_are_not() {
    let bench = Bench::new();
    for (key, account) in [
        ("123456789012", "123456789012"),
        ("test", "000000000000"),
        ("AKIAIOSFODNN7EXAMPLE", "000000000000"),
        ("12345678901", "000000000000"),
        ("1234567890123", "000000000000"),
    ] {
        let who = Who(key, "eu-west-1");
        let made = bench.sqs(who, "CreateQueue", json!({ "QueueName": "q" })).await;
        let url = format!("http://{HOST}/{account}/q");
        assert_eq!(made["QueueUrl"], url, "{key}");
        let arn = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        let arn = bench.sqs(who, "GetQueueAttributes", arn).await;
        assert_eq!(arn["Attributes"]["QueueArn"], format!("arn:aws:sqs:eu-west-1:{account}:q"), "{key}");
        let (_, topic) = bench.query(who, "sns", "Action=CreateTopic&Version=2010-03-31&Name=t").await;
        assert!(topic.contains(&format!("<TopicArn>arn:aws:sns:eu-west-1:{account}:t</TopicArn>")), "{topic}");
        let (status, me) = bench.query(who, "sts", "Action=GetCallerIdentity&Version=2011-06-15").await;
        assert_eq!(status, 200);
        assert!(me.contains(&format!("<Account>{account}</Account>")), "{me}");
        assert!(me.contains(&format!("<Arn>arn:aws:iam::{account}:root</Arn>")), "{me}");
    }
}

#[tokio::test]
async fn accounts_and_regions_are_kept_apart_and_reach_each_other_by_url() {
    let bench = Bench::new();
    let (here, there) = (Who("111111111111", "eu-west-1"), Who("222222222222", "eu-west-1"));
    let elsewhere = Who("111111111111", "us-west-2");
    let url = bench.sqs(here, "CreateQueue", json!({ "QueueName": "q" })).await["QueueUrl"].clone();
    for stranger in [there, elsewhere] {
        assert_eq!(bench.sqs(stranger, "ListQueues", json!({})).await, json!({}));
        let missing = bench.sqs(stranger, "GetQueueUrl", json!({ "QueueName": "q" })).await;
        assert_eq!(missing["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
    }
    let owner = json!({ "QueueName": "q", "QueueOwnerAWSAccountId": "111111111111" });
    assert_eq!(bench.sqs(there, "GetQueueUrl", owner).await["QueueUrl"], url);
    let send = |url: &Value| json!({ "QueueUrl": url, "MessageBody": "hello" });
    assert!(bench.sqs(there, "SendMessage", send(&url)).await["MessageId"].is_string());
    // The same URL means the caller's region, unless the URL itself says another.
    let other = bench.sqs(elsewhere, "SendMessage", send(&url)).await;
    assert_eq!(other["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
    for told in
        ["http://sqs.eu-west-1.localhost:4566/111111111111/q", "http://127.0.0.1:4566/queue/eu-west-1/111111111111/q"]
    {
        assert!(bench.sqs(elsewhere, "SendMessage", send(&told.into())).await["MessageId"].is_string(), "{told}");
    }
    // Who does not sign is told apart by the host that was asked.
    let unsigned = [("x-amz-target", "AmazonSQS.ListQueues"), ("host", "sqs.us-west-2.localhost:4566")];
    let body = json!({ "QueueName": "west" }).to_string();
    let create = [("x-amz-target", "AmazonSQS.CreateQueue"), unsigned[1]];
    let made = json_of(&bench.ask(Method::POST, "/", &create, &body).await);
    assert_eq!(made["QueueUrl"], "http://sqs.us-west-2.localhost:4566/000000000000/west");
    assert_eq!(
        bench.sqs(Who("test", "us-west-2"), "ListQueues", json!({})).await["QueueUrls"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(bench.sqs(TEST, "ListQueues", json!({})).await, json!({}));
}

#[tokio::test]
async fn a_topic_reaches_the_queue_of_another_account_and_region() {
    let bench = Bench::new();
    let (publisher, owner) = (Who("111111111111", "eu-west-1"), Who("222222222222", "us-west-2"));
    let url = bench.sqs(owner, "CreateQueue", json!({ "QueueName": "q" })).await["QueueUrl"].clone();
    let sns = |form: &str| {
        let form = format!("Version=2010-03-31&{form}");
        let bench = &bench;
        async move {
            let (status, text) = bench.query(publisher, "sns", &form).await;
            assert_eq!(status, 200, "{text}");
        }
    };
    sns("Action=CreateTopic&Name=t").await;
    let topic = "TopicArn=arn:aws:sns:eu-west-1:111111111111:t";
    sns(&format!("Action=Subscribe&{topic}&Protocol=sqs&Endpoint=arn:aws:sqs:us-west-2:222222222222:q")).await;
    sns(&format!("Action=Publish&{topic}&Message=across")).await;
    let got = bench.sqs(owner, "ReceiveMessage", json!({ "QueueUrl": url })).await;
    assert!(got["Messages"][0]["Body"].as_str().is_some_and(|body| body.contains("across")), "{got}");
}

impl Bench {
    /// A queue with one message waiting, one in flight and one delayed.
    async fn three_states(&self) -> String {
        let url = self.sqs(TEST, "CreateQueue", json!({ "QueueName": "q" })).await["QueueUrl"].clone();
        let attributes = json!({ "kind": { "DataType": "String", "StringValue": "a & b" } });
        for (body, delay) in [("in flight", 0), ("waiting <&>", 0), ("delayed", 60)] {
            let send =
                json!({ "QueueUrl": url, "MessageBody": body, "DelaySeconds": delay, "MessageAttributes": attributes });
            self.sqs(TEST, "SendMessage", send).await;
        }
        let taken = self.sqs(TEST, "ReceiveMessage", json!({ "QueueUrl": url })).await;
        assert_eq!(taken["Messages"][0]["Body"], "in flight");
        url.as_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str, accept: &str) -> Response<Bytes> {
        self.ask(Method::GET, path, &[("accept", accept)], "").await
    }
}

#[tokio::test]
async fn the_developer_endpoint_answers_xml_and_json_as_localstack_does() {
    let bench = Bench::new();
    let url = bench.three_states().await;
    let by_url = format!("/_aws/sqs/messages?QueueUrl={url}");
    let xml = bench.get(&by_url, "*/*").await;
    assert_eq!(xml.headers()["content-type"], "text/xml");
    let text = text_of(&xml);
    assert!(text.starts_with("<?xml version=\"1.0\"?><ReceiveMessageResponse xmlns="), "{text}");
    assert!(text.contains("<Body>waiting &lt;&amp;&gt;</Body>") && !text.contains("in flight"), "{text}");
    // One element is an object, several are an array, none is null: what became of the XML.
    let one = bench.get(&by_url, "application/json").await;
    assert_eq!(one.headers()["content-type"], "application/json");
    let one = &json_of(&one)["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"];
    assert_eq!(one["Body"], "waiting <&>");
    assert_eq!(one["ReceiptHandle"], "SQS/BACKDOOR/ACCESS");
    assert_eq!(one["MessageAttribute"]["Value"]["StringValue"], "a & b");
    let count = one["Attribute"].as_array().unwrap().iter().find(|a| a["Name"] == "ApproximateReceiveCount").unwrap();
    assert_eq!(count["Value"], "0");
    let all = bench
        .get("/_aws/sqs/messages/us-east-1/000000000000/q?ShowInvisible=true&ShowDelayed=1", "application/json")
        .await;
    let all = json_of(&all)["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"].clone();
    let state = |message: &Value, name: &str| {
        let all = message["Attribute"].as_array().unwrap();
        all.iter().find(|attribute| attribute["Name"] == name).unwrap()["Value"].as_str().unwrap().to_owned()
    };
    let seen: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["Body"].as_str().unwrap(), state(m, "IsVisible"), state(m, "IsDelayed")))
        .collect();
    let (yes, no) = ("true".to_owned(), "false".to_owned());
    let wanted = [
        ("in flight", no.clone(), no.clone()),
        ("waiting <&>", yes.clone(), no.clone()),
        ("delayed", yes.clone(), yes.clone()),
    ];
    assert_eq!(seen, wanted);
    bench.sqs(TEST, "PurgeQueue", json!({ "QueueUrl": url })).await;
    let none = json_of(&bench.get(&by_url, "application/json").await);
    assert_eq!(none["ReceiveMessageResponse"]["ReceiveMessageResult"], Value::Null);
}

#[tokio::test]
async fn the_developer_endpoint_answers_clients_that_take_it_for_sqs() {
    let bench = Bench::new();
    let url = bench.three_states().await;
    let path = "/_aws/sqs/messages";
    let json = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "AmazonSQS.ReceiveMessage")];
    let answer = bench.ask(Method::POST, path, &json, &json!({ "QueueUrl": url }).to_string()).await;
    assert_eq!(json_of(&answer)["Messages"][0]["Body"], "waiting <&>");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = bench.ask(Method::POST, path, &form, &format!("Action=ReceiveMessage&QueueUrl={url}")).await;
    assert!(text_of(&answer).contains("<Message>"), "{answer:?}");
    let other = bench.ask(Method::POST, path, &form, &format!("Action=PurgeQueue&QueueUrl={url}")).await;
    assert_eq!((other.status().as_u16(), text_of(&other).contains("InvalidRequest")), (400, true));
    // Nothing of it was a receive.
    let got = bench.sqs(TEST, "ReceiveMessage", json!({ "QueueUrl": url, "AttributeNames": ["All"] })).await;
    assert_eq!(got["Messages"][0]["Attributes"]["ApproximateReceiveCount"], "1");
    for missing in
        ["/_aws/sqs/messages", "/_aws/sqs/messages/us-east-1/000000000000/nope", "/_aws/sqs/messages/x/y/z/a"]
    {
        let answer = bench.get(missing, "*/*").await;
        assert_eq!(answer.status(), 400, "{missing}");
        assert!(text_of(&answer).contains("AWS.SimpleQueueService.NonExistentQueue"), "{missing}");
    }
    assert_eq!(bench.get("/_aws/sqs/messages?QueueUrl=nonsense", "*/*").await.status(), 404);
}

#[tokio::test]
async fn health_answers_and_reset_empties_and_only_by_post() {
    let bench = Bench::new();
    let url = bench.three_states().await;
    let topic = "Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:000000000000:t";
    bench.query(TEST, "sns", "Version=2010-03-31&Action=CreateTopic&Name=t").await;
    let subscribe = format!("{topic}&Action=Subscribe&Protocol=sqs&Endpoint=arn:aws:sqs:us-east-1:000000000000:q");
    assert_eq!(bench.query(TEST, "sns", &subscribe).await.0, 200);
    let health = json_of(&bench.get("/_eventbus/health", "*/*").await);
    assert_eq!(health, json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }));
    let got = bench.get("/_eventbus/reset", "*/*").await;
    assert_eq!((got.status().as_u16(), got.headers()["allow"].to_str().unwrap()), (405, "POST"));
    let removed = json_of(&bench.ask(Method::POST, "/_eventbus/reset", &[], "").await);
    assert_eq!(removed, json!({ "removed": { "topics": 1, "queues": 1, "subscriptions": 1, "messages": 3 } }));
    let gone = bench.sqs(TEST, "SendMessage", json!({ "QueueUrl": url, "MessageBody": "x" })).await;
    assert_eq!(gone["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
    let none = bench.query(TEST, "sns", &format!("{topic}&Action=Publish&Message=x")).await;
    assert_eq!(none.0, 404);
    // Names are free at once, and what is new is not mixed up with what was.
    bench.sqs(TEST, "CreateQueue", json!({ "QueueName": "q" })).await;
    assert_eq!(bench.sqs(TEST, "ReceiveMessage", json!({ "QueueUrl": url })).await, json!({}));
    assert_eq!(bench.get("/_eventbus/other", "*/*").await.status(), 404);
}

#[tokio::test]
async fn only_get_and_post_do_anything() {
    let bench = Bench::new();
    for (method, status) in [(Method::HEAD, 200), (Method::OPTIONS, 204), (Method::PUT, 405), (Method::DELETE, 405)] {
        let answer = bench.ask(method.clone(), "/?Action=CreateQueue&Version=2012-11-05&QueueName=q", &[], "").await;
        assert_eq!(answer.status().as_u16(), status, "{method}");
        assert_eq!(answer.headers()["allow"], "GET, HEAD, OPTIONS, POST", "{method}");
        assert!(answer.headers().contains_key("x-amzn-requestid"), "{method}");
        assert!(answer.body().is_empty(), "{method}");
    }
    assert_eq!(bench.sqs(TEST, "ListQueues", json!({})).await, json!({}));
}
