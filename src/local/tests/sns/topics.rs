//! Topics: what they are called, what is told of them, and who reaches them.

use super::*;

fn refused(answer: &(u16, String)) -> String {
    format!("{} {}: {}", answer.0, between(&answer.1, "Code"), between(&answer.1, "Message"))
}

#[tokio::test]
async fn names() {
    let bench = Bench::new();
    assert_eq!(bench.create(&"a".repeat(256), &[], &[]).await.0, 200);
    let long = "a".repeat(257);
    for bad in
        ["", &long, "bad:name", "bad;name", "bad!name", "bad@name", "bad|name", "bad^name", "bad%name", "bad name"]
    {
        let answer = bench.create(bad, &[], &[]).await;
        assert_eq!(refused(&answer), "400 InvalidParameter: Invalid parameter: Topic Name", "{bad}");
    }
    // A FIFO topic is called like one, and nothing else is.
    for (name, fifo) in [("t", "true"), ("t.fifo", "false")] {
        let answer = bench.create(name, &[("FifoTopic", fifo)], &[]).await;
        assert_eq!(refused(&answer), "400 InvalidParameter: Invalid parameter: Topic Name", "{name}");
    }
}

#[tokio::test]
async fn making_a_topic_again_is_allowed_unless_it_would_be_another() {
    let bench = Bench::new();
    let tags = [("a", "1"), ("b", "2")];
    assert_eq!(bench.create("t", &[("DisplayName", "shown")], &tags).await.0, 200);
    for same in [&tags[..], &tags[..1], &[]] {
        let (status, body) = bench.create("t", &[], same).await;
        assert_eq!((status, between(&body, "TopicArn")), (200, TOPIC.to_owned()));
    }
    for other in [&[("c", "3")][..], &[("a", "2")]] {
        assert_eq!(
            refused(&bench.create("t", &[], other).await),
            "400 InvalidParameter: Invalid parameter: Tags Reason: Topic already exists with different tags"
        );
    }
    assert_eq!(
        refused(&bench.create("t", &[("DisplayName", "other")], &[]).await),
        "400 InvalidParameter: Invalid parameter: Attributes Reason: Topic already exists with different attributes"
    );
    // What a standard topic is by default may be said, and is not shown.
    assert_eq!(bench.create("t", &[("FifoTopic", "false"), ("DisplayName", "shown")], &[]).await.0, 200);
    assert!(!bench.topic_attributes(TOPIC).await.contains_key("FifoTopic"));
    bench.sns(&[("Action", "DeleteTopic"), ("TopicArn", TOPIC)]).await;
    assert_eq!(bench.create("t", &[], &[("c", "3")]).await.0, 200);
}

#[tokio::test]
async fn a_new_topic_shows_what_aws_shows() {
    let bench = Bench::new();
    let standard = bench.made("t", &[]).await;
    let names: Vec<String> = bench.topic_attributes(&standard).await.into_keys().collect();
    let common = [
        "DisplayName",
        "EffectiveDeliveryPolicy",
        "Owner",
        "Policy",
        "SubscriptionsConfirmed",
        "SubscriptionsDeleted",
        "SubscriptionsPending",
        "TopicArn",
    ];
    assert_eq!(names, common);
    let fifo = bench.made("t.fifo", &[("FifoTopic", "true"), ("SignatureVersion", "2")]).await;
    let shown = bench.topic_attributes(&fifo).await;
    let mut wanted = common.to_vec();
    wanted.extend(["ContentBasedDeduplication", "FifoTopic", "SignatureVersion"]);
    wanted.sort_unstable();
    assert_eq!(shown.keys().collect::<Vec<_>>(), wanted);
    assert_eq!((shown["ContentBasedDeduplication"].as_str(), shown["FifoTopic"].as_str()), ("false", "true"));
    let policy: Value = serde_json::from_str(&shown["Policy"]).unwrap();
    assert_eq!(policy["Statement"][0]["Resource"], fifo.as_str());
    assert_eq!(policy["Statement"][0]["Action"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn attributes_that_a_topic_does_not_know() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    for name in ["FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope", "DataProtectionPolicy", "Nonsense"] {
        let set = [
            ("Action", "SetTopicAttributes"),
            ("TopicArn", &topic),
            ("AttributeName", name),
            ("AttributeValue", "false"),
        ];
        assert_eq!(bench.refusal(&set).await, "400 InvalidParameter: Invalid parameter: AttributeName", "{name}");
    }
    assert_eq!(
        refused(&bench.create("u", &[("ContentBasedDeduplication", "true")], &[]).await),
        "400 InvalidParameter: Invalid parameter: Attributes Reason: Unknown attribute ContentBasedDeduplication"
    );
    let archive = bench.create("t.fifo", &[("FifoTopic", "true"), ("ArchivePolicy", "{}")], &[]).await;
    assert!(refused(&archive).starts_with("400 UnsupportedOperation: ArchivePolicy is not supported"));
}

#[tokio::test]
async fn a_delivery_policy_is_completed_and_taken_away() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let set = async |value: &str| {
        let form = [("TopicArn", topic.as_str()), ("AttributeName", "DeliveryPolicy"), ("AttributeValue", value)];
        bench.sns(&[&[("Action", "SetTopicAttributes")], &form[..]].concat()).await;
        bench.topic_attributes(&topic).await
    };
    let plain = bench.topic_attributes(&topic).await;
    let shown = set(r#"{"http":{"defaultRequestPolicy":{"headerContentType":"application/json"}}}"#).await;
    assert_eq!(
        shown["DeliveryPolicy"],
        r#"{"http":{"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"application/json"}}}"#
    );
    assert!(shown["EffectiveDeliveryPolicy"].contains(r#""headerContentType":"application/json""#));
    assert_eq!(set("").await, plain);
}

#[tokio::test]
async fn arns_that_lead_nowhere() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let of = |arn: &'static str| [("Action", "GetTopicAttributes"), ("TopicArn", arn)];
    for (arn, elements) in [("test-topic", 1), ("randomstring:1", 2), ("", 1), ("arn:aws:sns:us-east-1:random", 5)] {
        let wanted = format!(
            "400 InvalidParameter: Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not {elements}"
        );
        assert_eq!(bench.refusal(&of(arn)).await, wanted, "{arn}");
    }
    assert_eq!(bench.refusal(&of("arn:aws:sns:us-east-1:000000000000:tt")).await, "404 NotFound: Topic does not exist");
    assert_eq!(
        bench.refusal(&[("Action", "GetTopicAttributes")]).await,
        "400 InvalidParameter: Invalid parameter: TopicArn Reason: no value for required parameter"
    );
    // Deleting what is not there is no error, however often.
    for _ in 0..2 {
        bench.sns(&[("Action", "DeleteTopic"), ("TopicArn", &topic)]).await;
    }
}

#[tokio::test]
async fn a_topic_is_out_of_reach_from_another_region() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let publish = [("TopicArn", topic.as_str()), ("Message", "m")];
    let value = [("TopicArn", topic.as_str()), ("AttributeName", "DisplayName"), ("AttributeValue", "x")];
    let subscribe =
        [("TopicArn", topic.as_str()), ("Protocol", "sqs"), ("Endpoint", "arn:aws:sqs:eu-west-1:000000000000:q")];
    let batch = [
        ("TopicArn", topic.as_str()),
        ("PublishBatchRequestEntries.member.1.Id", "1"),
        ("PublishBatchRequestEntries.member.1.Message", "m"),
    ];
    for (action, more) in [
        ("Publish", &publish[..]),
        ("PublishBatch", &batch),
        ("SetTopicAttributes", &value),
        ("GetTopicAttributes", &publish[..1]),
        ("Subscribe", &subscribe),
        ("ListSubscriptionsByTopic", &publish[..1]),
        ("DeleteTopic", &publish[..1]),
    ] {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(more)
            .append_pair("Action", action)
            .append_pair("Version", "2010-03-31")
            .finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri("http://bus.localhost/")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20270115/eu-west-1/sns/aws4_request, SignedHeaders=host, Signature=00",
            )
            .body(Bytes::from(form))
            .unwrap();
        let answer = bench.bus.handle(request).await;
        let body = std::str::from_utf8(answer.body()).unwrap();
        assert_eq!(answer.status(), 400, "{action}: {body}");
        assert_eq!(between(body, "Message"), "Invalid parameter: TopicArn", "{action}");
    }
}

#[tokio::test]
async fn lists_come_in_pages_with_tokens_in_base64() {
    use base64::Engine as _;
    let bench = Bench::new();
    for number in 0..120 {
        bench.made(&format!("t{number}"), &[]).await;
    }
    let first = bench.sns(&[("Action", "ListTopics")]).await;
    let token = between(&first, "NextToken");
    assert!(base64::engine::general_purpose::STANDARD.decode(&token).is_ok());
    let second = bench.sns(&[("Action", "ListTopics"), ("NextToken", &token)]).await;
    assert_eq!((first.matches("<TopicArn>").count(), second.matches("<TopicArn>").count()), (100, 20));
    assert!(!second.contains("NextToken"));
    assert_eq!(
        bench.refusal(&[("Action", "ListTopics"), ("NextToken", "nonsense")]).await,
        "400 InvalidParameter: Invalid parameter: NextToken"
    );
}

#[tokio::test]
async fn tags() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let tag = |pairs: &[(&str, &str)]| entries("Tags.member", "Key", "Value", pairs);
    let twice = tag(&[("k1", "v1"), ("k2", "v2"), ("k2", "v2")]);
    let form = all(&[("Action", "TagResource"), ("ResourceArn", &topic)], &twice);
    assert_eq!(bench.refusal(&form).await, "400 InvalidParameter: Invalid parameter: Duplicated keys are not allowed.");
    for pairs in [&[("k1", "v1"), ("k2", "v2")][..], &[("k2", "v2b")]] {
        let more = tag(pairs);
        bench.sns(&all(&[("Action", "TagResource"), ("ResourceArn", &topic)], &more)).await;
    }
    bench.sns(&[("Action", "UntagResource"), ("ResourceArn", &topic), ("TagKeys.member.1", "k1")]).await;
    let left = bench.sns(&[("Action", "ListTagsForResource"), ("ResourceArn", &topic)]).await;
    assert_eq!((between(&left, "Key"), between(&left, "Value")), ("k2".into(), "v2b".into()));
    assert_eq!(left.matches("<member>").count(), 1);
    assert_eq!(
        bench.refusal(&[("Action", "ListTagsForResource"), ("ResourceArn", &format!("{topic}x"))]).await,
        "404 ResourceNotFound: Resource does not exist"
    );
}

#[tokio::test]
async fn a_data_protection_policy_is_kept_and_not_an_attribute() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let put = async |policy: &str| {
        let form = [("Action", "PutDataProtectionPolicy"), ("ResourceArn", &topic), ("DataProtectionPolicy", policy)];
        query(&bench.bus, "2010-03-31", &form).await.0
    };
    let get = async || bench.sns(&[("Action", "GetDataProtectionPolicy"), ("ResourceArn", &topic)]).await;
    assert!(!get().await.contains("<DataProtectionPolicy>"));
    let policy = r#"{"Name":"p","Version":"2021-06-01","Statement":[]}"#;
    assert_eq!((put(policy).await, put("nonsense").await), (200, 400));
    assert_eq!(between(&get().await, "DataProtectionPolicy"), policy);
    assert!(!bench.topic_attributes(&topic).await.contains_key("DataProtectionPolicy"));
    assert_eq!(put("").await, 200);
    assert!(!get().await.contains("<DataProtectionPolicy>"));
    let create = [("Action", "CreateTopic"), ("Name", "u"), ("DataProtectionPolicy", policy)];
    let other = between(&bench.sns(&create).await, "TopicArn");
    let kept = bench.sns(&[("Action", "GetDataProtectionPolicy"), ("ResourceArn", &other)]).await;
    assert_eq!(between(&kept, "DataProtectionPolicy"), policy);
}

#[tokio::test]
async fn permissions_come_and_go_by_their_labels() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let add = [
        ("Action", "AddPermission"),
        ("TopicArn", topic.as_str()),
        ("Label", "l"),
        ("AWSAccountId.member.1", "111111111111"),
        ("ActionName.member.1", "Publish"),
    ];
    bench.sns(&add).await;
    let policy: Value = serde_json::from_str(&bench.topic_attributes(&topic).await["Policy"]).unwrap();
    assert_eq!(
        policy["Statement"][1],
        json!({
            "Sid": "l", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111111111111:root" },
            "Action": "SNS:Publish", "Resource": topic
        })
    );
    assert_eq!(bench.refusal(&add).await, "400 InvalidParameter: Invalid parameter: Statement already exists");
    let mut other = add;
    (other[2].1, other[4].1) = ("m", "Fly");
    assert_eq!(
        bench.refusal(&other).await,
        "400 InvalidParameter: Invalid parameter: Policy statement action out of service scope!"
    );
    // A label that is not there is no error.
    for _ in 0..2 {
        bench.sns(&[("Action", "RemovePermission"), ("TopicArn", &topic), ("Label", "l")]).await;
    }
    let policy: Value = serde_json::from_str(&bench.topic_attributes(&topic).await["Policy"]).unwrap();
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
}
