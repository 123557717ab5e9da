//! What a caller of the endpoint sees whatever the operation: accounts and regions, protocols, developer endpoints.

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use super::*;

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
    serde_json::from_slice(answer.body()).unwrap()
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
