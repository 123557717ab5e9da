//! The Query protocol on a queue's own address, and errors of the protocols themselves.

use super::*;

async fn get(bench: &Bench, target: &str, accept: Option<&str>) -> (u16, String) {
    let mut request = Request::builder().method(Method::GET).uri(format!("http://bus.localhost{target}"));
    if let Some(accept) = accept {
        request = request.header("accept", accept);
    }
    let response = bench.bus.handle(request.body(Bytes::new()).unwrap()).await;
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
}

const QUEUE: &str = "/000000000000/q";

/// `TestSqsQueryApi`.
#[tokio::test]
async fn a_queue_answers_at_its_own_address() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    let (status, body) = get(&bench, &format!("{QUEUE}?Action=GetQueueAttributes&AttributeName.1=All"), None).await;
    assert_eq!(status, 200);
    assert!(body.starts_with("<?xml version=\"1.0\"?><GetQueueAttributesResponse "), "{body}");
    assert!(body.contains(&format!("<Attribute><Name>QueueArn</Name><Value>{ARN}q</Value></Attribute>")), "{body}");
    let (_, body) = get(&bench, &format!("{QUEUE}?Action=ReceiveMessage"), None).await;
    assert!(body.contains("<ReceiveMessageResult/>"), "{body}");
    for (query, status, code, message) in [
        ("Action=FooBar&Version=2012-11-05", 400, "InvalidAction", "The action FooBar is not valid for this endpoint."),
        (
            "Action=CreateQueue&QueueName=x",
            400,
            "InvalidAction",
            "The action CreateQueue is not valid for this endpoint.",
        ),
        ("Action=ListQueues", 400, "InvalidAction", "The action ListQueues is not valid for this endpoint."),
        ("Action=SendMessage", 400, "MissingParameter", "The request must contain the parameter MessageBody."),
        ("Action=GetQueueAttributes&AttributeName.1=Foobar", 400, "InvalidAttributeName", "Unknown Attribute Foobar."),
        (
            "Action=DeleteMessageBatch",
            400,
            "AWS.SimpleQueueService.EmptyBatchRequest",
            "There should be at least one DeleteMessageBatchRequestEntry in the request.",
        ),
    ] {
        let (found, body) = get(&bench, &format!("{QUEUE}?{query}"), None).await;
        let wanted =
            format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message><Detail/></Error>");
        assert!(found == status && body.contains(&wanted), "{query}: {found} {body}");
    }
    assert_eq!(get(&bench, QUEUE, None).await, (404, "<UnknownOperationException/>\n".into()));
    assert_eq!(get(&bench, QUEUE, Some("application/json")).await.0, 404);
    // A queue named in the parameters wins over the address.
    bench.queue("other", json!({})).await;
    let query = format!("{QUEUE}?Action=GetQueueAttributes&QueueUrl={URL}other&AttributeName.1=QueueArn");
    assert!(get(&bench, &query, None).await.1.contains(&format!("{ARN}other<")));
    let (status, body) = get(&bench, &format!("{QUEUE}?Action=DeleteQueue"), None).await;
    assert!(status == 200 && body.contains("<DeleteQueueResponse "), "{body}");
    assert!(
        get(&bench, &format!("{QUEUE}?Action=PurgeQueue"), None)
            .await
            .1
            .contains("does not exist for this wsdl version.")
    );
}

/// `test_get_list_queues_with_query_auth`, `test_marker_serialization_json_protocol`, `test_get_list_queues_fails_json_format`.
#[tokio::test]
async fn query_answers_in_json_when_asked() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    bench.send("q", "{\"foo\": \"ba\rr\"}").await;
    let json = Some("application/json");
    let of = |body: String| serde_json::from_str::<Value>(&body).unwrap();
    let listed = of(get(&bench, "/?Action=ListQueues&Version=2012-11-05", json).await.1);
    assert_eq!(listed["ListQueuesResponse"]["ListQueuesResult"]["queueUrls"], json!([format!("{URL}q")]));
    let received = of(get(&bench, &format!("{QUEUE}?Action=ReceiveMessage"), json).await.1);
    let result = &received["ReceiveMessageResponse"]["ReceiveMessageResult"];
    assert_eq!(result["messages"][0]["Body"], "{\"foo\": \"ba\rr\"}");
    assert_eq!(result["Message"]["Body"], result["messages"][0]["Body"]);
    let refused = of(get(&bench, &format!("{QUEUE}?Action=ListQueues"), json).await.1);
    assert_eq!(refused["Error"]["Code"], "InvalidAction");
}

/// `test_posting_to_queue_via_queue_name`; an address that is missing or empty names no queue.
#[tokio::test]
async fn queues_by_name_and_by_nothing() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    assert_eq!(said(&bench, "SendMessage", json!({ "QueueUrl": "q", "MessageBody": "x" })).await, "");
    assert_eq!(bench.bodies("q").await, ["x"]);
    for input in [
        json!({ "MessageBody": "x" }),
        json!({ "QueueUrl": "", "MessageBody": "x" }),
        json!({ "QueueUrl": "gone", "MessageBody": "x" }),
    ] {
        assert_eq!(refused(&bench, "SendMessage", input).await.1, "QueueDoesNotExist");
    }
}

/// The names of errors that are not the model's come from the framework below it.
#[tokio::test]
async fn errors_say_whose_they_are() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    for (operation, input, full) in [
        ("Dance", json!({}), "com.amazon.coral.service#UnknownOperationException"),
        ("SendMessage", json!({ "QueueUrl": "q" }), "com.amazon.coral.service#MissingRequiredParameterException"),
        (
            "ReceiveMessage",
            json!({ "QueueUrl": "q", "WaitTimeSeconds": 21 }),
            "com.amazon.coral.service#InvalidParameterValueException",
        ),
        ("PurgeQueue", json!({ "QueueUrl": "gone" }), "com.amazonaws.sqs#QueueDoesNotExist"),
    ] {
        assert_eq!(bench.sqs(operation, input).await["__type"], full, "{operation}");
    }
}

/// SNS has no other names for its members in JSON: lists and maps are what they are.
#[tokio::test]
async fn sns_answers_in_json_when_asked() {
    let bench = Bench::new();
    let ask = async |query: &str| {
        let (_, body) = get(&bench, &format!("/?Version=2010-03-31&{query}"), Some("application/json")).await;
        serde_json::from_str::<Value>(&body).unwrap()
    };
    let arn = "arn:aws:sns:us-east-1:000000000000:t";
    let listed = ask("Action=ListTopics").await;
    assert_eq!(listed["ListTopicsResponse"]["ListTopicsResult"], json!({ "Topics": [], "NextToken": null }));
    assert_eq!(ask("Action=CreateTopic&Name=t").await["CreateTopicResponse"]["CreateTopicResult"]["TopicArn"], arn);
    let listed = ask("Action=ListTopics").await;
    assert_eq!(listed["ListTopicsResponse"]["ListTopicsResult"]["Topics"], json!([{ "TopicArn": arn }]));
    let shown = ask(&format!("Action=GetTopicAttributes&TopicArn={arn}")).await;
    assert_eq!(shown["GetTopicAttributesResponse"]["GetTopicAttributesResult"]["Attributes"]["TopicArn"], arn);
    let gone = ask(&format!("Action=DeleteTopic&TopicArn={arn}")).await;
    let members = gone["DeleteTopicResponse"].as_object().unwrap();
    assert_eq!(members.keys().collect::<Vec<_>>(), ["ResponseMetadata"]);
    assert_eq!(ask("Action=DeleteTopic&TopicArn=t").await["Error"]["Code"], "InvalidParameter");
}

/// Who signs for a service hears from that service, also when nothing it knows was asked.
#[tokio::test]
async fn what_cannot_be_told_apart_is_answered_by_whom_it_was_signed_for() {
    let bench = Bench::new();
    let ask = async |service: &str, query: &str| {
        let signed = format!("AWS4-HMAC-SHA256 Credential=a/20270115/us-east-1/{service}/aws4_request, Signature=00");
        let request = Request::builder().uri(format!("http://bus.localhost/?{query}")).header("authorization", signed);
        let answer = bench.bus.handle(request.body(Bytes::new()).unwrap()).await;
        String::from_utf8(answer.body().to_vec()).unwrap()
    };
    for (service, space) in [("sns", "http://sns.amazonaws.com/"), ("sts", "https://sts.amazonaws.com/")] {
        for query in ["Version=2010-03-31", "Action=Publish&Version=1999-01-01"] {
            let body = ask(service, query).await;
            assert!(body.contains(&format!("<ErrorResponse xmlns=\"{space}")), "{service} {query}: {body}");
        }
    }
}
