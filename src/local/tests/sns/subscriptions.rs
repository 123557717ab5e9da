//! Subscriptions: what can be subscribed, what their attributes may be, and how both are refused.

use super::*;

const JACKSON: &str =
    "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: ";

impl Bench {
    async fn set(&self, subscription: &str, name: &str, value: &str) -> (u16, String) {
        let form = [
            ("Action", "SetSubscriptionAttributes"),
            ("SubscriptionArn", subscription),
            ("AttributeName", name),
            ("AttributeValue", value),
        ];
        let (status, body) = query(&self.bus, "2010-03-31", &form).await;
        (status, if status == 200 { String::new() } else { between(&body, "Message") })
    }

    async fn not_subscribed(&self, topic: &str, queue: &str, attributes: &[(&str, &str)]) -> String {
        self.refusal(&pairs(&subscription(topic, queue, attributes))).await
    }
}

#[tokio::test]
async fn a_subscription_shows_what_aws_shows() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    // A queue need not be there, only be named like one.
    let more = [("RawMessageDelivery", "TrUe"), ("FilterPolicyScope", "MessageBody"), ("FilterPolicy", "")];
    let made = bench.subscribe(&topic, "unknown", &more).await;
    let shown = bench.subscription_attributes(&made).await;
    let names: Vec<&str> = shown.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "ConfirmationWasAuthenticated",
            "Endpoint",
            "Owner",
            "PendingConfirmation",
            "Protocol",
            "RawMessageDelivery",
            "SubscriptionArn",
            "SubscriptionPrincipal",
            "TopicArn"
        ]
    );
    assert_eq!(
        (shown["ConfirmationWasAuthenticated"].as_str(), shown["PendingConfirmation"].as_str()),
        ("true", "false")
    );
    assert_eq!(shown["RawMessageDelivery"], "true");
    assert!(shown["SubscriptionPrincipal"].starts_with("arn:aws:iam::000000000000:user/"));
}

#[tokio::test]
async fn a_scope_shows_with_its_policy_only() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let made = bench.subscribe(&topic, "q", &[]).await;
    let nested = r#"{"object":{"key":[{"prefix":"auto-"}]}}"#;
    assert_eq!(
        bench.set(&made, "FilterPolicy", nested).await,
        (400, "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy".into())
    );
    assert_eq!(bench.set(&made, "FilterPolicyScope", "MessageBody").await.0, 200);
    assert!(!bench.subscription_attributes(&made).await.contains_key("FilterPolicyScope"));
    assert_eq!(bench.set(&made, "FilterPolicy", nested).await.0, 200);
    let shown = bench.subscription_attributes(&made).await;
    assert_eq!((shown["FilterPolicyScope"].as_str(), shown["FilterPolicy"].as_str()), ("MessageBody", nested));
    assert_eq!(
        bench.set(&made, "FilterPolicyScope", "RandomValue").await.1,
        "Invalid parameter: FilterPolicyScope: Invalid value [RandomValue]. Please use either MessageBody or MessageAttributes"
    );
}

#[tokio::test]
async fn values_that_are_refused() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let made = bench.subscribe(&topic, "q", &[]).await;
    let key = "Unexpected character ('i' (code 105)): was expecting double-quote to start field name";
    for (name, value, why) in [
        ("FakeAttribute", "test-value", "AttributeName".to_owned()),
        (
            "RawMessageDelivery",
            "test-ValUe",
            "RawMessageDelivery: Invalid value [test-ValUe]. Must be true or false.".into(),
        ),
        ("RawMessageDelivery", "", "RawMessageDelivery: Invalid value []. Must be true or false.".into()),
        (
            "RedrivePolicy",
            r#"{"deadLetterTargetArn": "fake-arn"}"#,
            "RedrivePolicy: deadLetterTargetArn is an invalid arn".into(),
        ),
        ("RedrivePolicy", "{invalidjson}", format!("RedrivePolicy: failed to parse JSON. {key}{JACKSON}2]")),
        ("FilterPolicy", "{invalidjson}", format!("FilterPolicy: failed to parse JSON. {key}{JACKSON}2]")),
    ] {
        assert_eq!(bench.set(&made, name, value).await, (400, format!("Invalid parameter: {why}")), "{name} {value}");
    }
    let word = "Unrecognized token 'invalid': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    assert_eq!(
        bench.not_subscribed(&topic, "q2", &[("FilterPolicy", "invalid-json")]).await,
        format!(
            "400 InvalidParameter: Invalid parameter: Attributes Reason: FilterPolicy: failed to parse JSON. {word}{JACKSON}8]"
        )
    );
    assert_eq!(
        bench.not_subscribed(&topic, "q2", &[("RawMessageDelivery", "wrongvalue")]).await,
        "400 InvalidParameter: Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [wrongvalue]. Must be true or false."
    );
}

#[tokio::test]
async fn subscribing_again() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let made = bench.subscribe(&topic, "q", &[("RawMessageDelivery", "True")]).await;
    for same in [
        &[("RawMessageDelivery", "true")][..],
        &[("RawMessageDelivery", "true"), ("FilterPolicyScope", "MessageAttributes")],
        &[],
        &[("FilterPolicyScope", "MessageAttributes")],
    ] {
        assert_eq!(bench.subscribe(&topic, "q", same).await, made, "{same:?}");
    }
    let other = [("RawMessageDelivery", "false"), ("FilterPolicyScope", "MessageBody")];
    assert_eq!(
        bench.not_subscribed(&topic, "q", &other).await,
        "400 InvalidParameter: Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
    );
}

#[tokio::test]
async fn who_cannot_be_subscribed() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let to = async |topic: &str, protocol: &str, endpoint: &str| {
        bench
            .refusal(&[("Action", "Subscribe"), ("TopicArn", topic), ("Protocol", protocol), ("Endpoint", endpoint)])
            .await
    };
    assert_eq!(
        to(&topic, "test-protocol", "localstack@yopmail.com").await,
        "400 InvalidParameter: Invalid parameter: Amazon SNS does not support this protocol string: test-protocol"
    );
    for endpoint in ["http://localhost:4566/000000000000/q", "unknown"] {
        assert_eq!(to(&topic, "sqs", endpoint).await, "400 InvalidParameter: Invalid parameter: SQS endpoint ARN");
    }
    assert_eq!(
        to(&topic, "sqs", "arn:aws:sqs:us-east-1:000000000000:q.fifo").await,
        "400 InvalidParameter: Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
    );
    assert_eq!(to(&topic, "sms", "+15551234567.").await, "400 InvalidParameter: Invalid SMS endpoint: +15551234567.");
    // The topic is looked for before the protocol.
    for protocol in ["email", "sms", "http"] {
        assert_eq!(to(&format!("{topic}aaa"), protocol, "x").await, "404 NotFound: Topic does not exist");
        assert_eq!(
            to("randomstring", protocol, "x").await,
            "400 InvalidParameter: Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"
        );
    }
    // What leads off the path of messages is refused by its name.
    for protocol in ["http", "https", "email", "email-json", "application", "lambda", "firehose"] {
        let said = to(&topic, protocol, "x").await;
        assert!(
            said.starts_with(&format!(
                "400 UnsupportedOperation: Subscribe with the protocol {protocol} is not supported"
            )),
            "{said}"
        );
    }
}

#[tokio::test]
async fn the_dead_letters_of_a_fifo_subscription_stay_in_order() {
    let bench = Bench::new();
    let topic = bench.made("t.fifo", &[("FifoTopic", "true")]).await;
    let standard = format!(r#"{{"deadLetterTargetArn": "{ARN}dead"}}"#);
    let made = bench.subscribe(&topic, "plain", &[]).await;
    assert_eq!(bench.set(&made, "RedrivePolicy", &standard).await.0, 200);
    let made = bench.subscribe(&topic, "q.fifo", &[]).await;
    assert_eq!(
        bench.set(&made, "RedrivePolicy", &standard).await.1,
        "Invalid parameter: RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
    );
}

#[tokio::test]
async fn arns_of_subscriptions() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let made = bench.subscribe(&topic, "q", &[]).await;
    let unknown = format!("{}00000000", &made[..made.len() - 8]);
    let on = async |action: &str, arn: &str| bench.refusal(&[("Action", action), ("SubscriptionArn", arn)]).await;
    for action in ["Unsubscribe", "GetSubscriptionAttributes"] {
        for (arn, elements) in [("randomstring", 1), ("arn:aws:sns:us-east-1:random", 5)] {
            let wanted = format!(
                "400 InvalidParameter: Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not {elements}"
            );
            assert_eq!(on(action, arn).await, wanted);
        }
        assert_eq!(
            on(action, "arn:aws:sns:us-east-1:111111111111:random").await,
            "400 InvalidParameter: Invalid parameter: SubscriptionId"
        );
        assert_eq!(
            bench.refusal(&[("Action", action)]).await,
            "400 InvalidParameter: Invalid parameter: SubscriptionArn Reason: no value for required parameter"
        );
    }
    assert_eq!(on("GetSubscriptionAttributes", &unknown).await, "404 NotFound: Subscription does not exist");
    for arn in [&made, &made, &unknown] {
        bench.sns(&[("Action", "Unsubscribe"), ("SubscriptionArn", arn)]).await;
    }
    assert_eq!(bench.set(&made, "RawMessageDelivery", "true").await, (404, "Subscription does not exist".into()));
}

#[tokio::test]
async fn nothing_is_left_to_confirm() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let confirm = async |token: &str| {
        bench.refusal(&[("Action", "ConfirmSubscription"), ("TopicArn", &topic), ("Token", token)]).await
    };
    assert_eq!(confirm(&"51b2ff3e".repeat(36)).await, "400 InvalidParameter: Invalid parameter: Token");
    assert_eq!(confirm("abc123").await, "400 InvalidParameter: Invalid parameter: Token");
    assert_eq!(confirm("randomtoken").await, "400 InvalidParameter: Invalid token");
    for elsewhere in ["t", "arn:aws:sns:us-east-1:000000000000"] {
        let form = [("Action", "ConfirmSubscription"), ("TopicArn", elsewhere), ("Token", "abc123")];
        assert_eq!(bench.refusal(&form).await, "400 InvalidParameter: Invalid parameter: Topic", "{elsewhere}");
    }
}

#[tokio::test]
async fn subscriptions_come_in_pages() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    for number in 0..101 {
        bench.subscribe(&topic, &format!("q{number}"), &[]).await;
    }
    for list in
        [&[("Action", "ListSubscriptions")][..], &[("Action", "ListSubscriptionsByTopic"), ("TopicArn", &topic)]]
    {
        let first = bench.sns(list).await;
        let token = between(&first, "NextToken");
        let second = bench.sns(&[list, &[("NextToken", &token)]].concat()).await;
        assert_eq!((first.matches("<member>").count(), second.matches("<member>").count()), (100, 1));
        assert!(!second.contains("NextToken"));
    }
}

#[tokio::test]
async fn a_topic_has_room_for_two_hundred_filter_policies() {
    // https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let filter = [("FilterPolicy", r#"{"a":["b"]}"#)];
    let mut last = String::new();
    for number in 0..200 {
        last = bench.subscribe(&topic, &format!("q{number}"), &filter).await;
    }
    let more = bench.not_subscribed(&topic, "more", &filter).await;
    assert!(more.starts_with("403 FilterPolicyLimitExceeded: "), "{more}");
    let plain = bench.subscribe(&topic, "plain", &[]).await;
    assert_eq!(bench.set(&plain, "FilterPolicy", filter[0].1).await.0, 403);
    // One that is there may change, and one that goes makes room.
    assert_eq!(bench.set(&last, "FilterPolicy", r#"{"a":["c"]}"#).await.0, 200);
    assert_eq!(bench.set(&last, "FilterPolicy", "").await.0, 200);
    assert_eq!(bench.set(&plain, "FilterPolicy", filter[0].1).await.0, 200);
}
