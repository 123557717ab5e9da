//! Error branches and answers, against a fake endpoint behind the real SDK clients.

pub(crate) mod fake;

use std::time::Duration;

use serde_json::json;

use self::fake::{Fake, Fault, arn};
use super::*;
use crate::event::Attribute;

fn outgoing(bodies: &[&str]) -> Vec<Outgoing> {
    bodies.iter().map(|body| Outgoing { body: (*body).into(), ..Outgoing::default() }).collect()
}

const NOW: Receive = Receive { max: 10, wait: Duration::ZERO, visibility: None };

#[tokio::test(start_paused = true)]
async fn a_batch_that_half_fails_inside_a_200_fails_by_half() {
    let fake = Fake::new(&["orders"]);
    fake.on_call(|operation, _, _| {
        (operation == "SendMessageBatch").then(|| Fault::FailEntries(vec![1], "InvalidMessageContents", true))
    });
    let bus = fake.bus().await;
    let orders = bus.queue("orders").await.unwrap();
    let outcomes = bus.send_batch(&orders, &outgoing(&["a", "b", "c"])).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    let error = outcomes[1].as_ref().unwrap_err();
    assert_eq!((error.code.as_str(), error.sender_fault, error.retryable), ("InvalidMessageContents", true, false));
    assert_eq!(error.request_id.as_deref(), Some("req-1"));
    assert_eq!(fake.bodies("orders"), ["a", "c"]);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_the_answer_forgets_is_not_taken_for_done() {
    let fake = Fake::new(&["orders"]);
    fake.on_call(|operation, _, _| (operation != "ReceiveMessage").then(|| Fault::OmitEntries(vec![0])));
    let bus = fake.bus().await;
    let orders = bus.queue("orders").await.unwrap();
    let outcomes = bus.send_batch(&orders, &outgoing(&["a", "b"])).await;
    assert_eq!(outcomes[0].as_ref().unwrap_err().code, "NoAnswer");
    assert!(outcomes[1].is_ok());
    let received = bus.receive(&orders, NOW).await.unwrap();
    let handles: Vec<String> = received.into_iter().map(|message| message.receipt_handle).collect();
    let outcomes = bus.delete_batch(&orders, &handles).await;
    assert!(outcomes[0].as_ref().unwrap_err().retryable);
    assert!(outcomes[1].is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_damaged_confirmation_or_body_is_not_believed() {
    let fake = Fake::new(&["orders"]);
    fake.put("orders", "x", json!(null), &[]);
    fake.on_call(|_, _, _| Some(Fault::Damage));
    let bus = fake.bus().await;
    let orders = bus.queue("orders").await.unwrap();
    assert_eq!(bus.send_batch(&orders, &outgoing(&["a"])).await[0].as_ref().unwrap_err().code, "DigestMismatch");
    let error = bus.receive(&orders, NOW).await.unwrap_err();
    assert!(error.retryable && error.message.contains("damaged"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_waited_out_and_a_lasting_one_is_each_entrys_own() {
    let fake = Fake::new(&["orders"]);
    fake.on_call(|operation, before, _| {
        (operation == "SendMessageBatch" && before < 2).then_some(Fault::Refuse(400, "RequestThrottled", "slow down"))
    });
    let bus = fake.bus().await;
    let orders = bus.queue("orders").await.unwrap();
    assert!(bus.send_batch(&orders, &outgoing(&["a"])).await[0].is_ok());
    assert_eq!(fake.calls("SendMessageBatch"), 3);

    fake.on_call(|_, _, _| Some(Fault::Refuse(400, "RequestThrottled", "slow down")));
    let outcomes = bus.send_batch(&orders, &outgoing(&["a", "b"])).await;
    assert_eq!(outcomes.len(), 2);
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(error.retryable && !error.sender_fault, "{error:?}");
        assert_eq!(error.code, "RequestThrottled");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_a_network_error_that_says_the_operation() {
    let fake = Fake::new(&["orders"]);
    let bus = fake.bus().await;
    let orders = bus.queue("orders").await.unwrap();
    fake.on_call(|_, _, _| Some(Fault::Reset));
    let error = bus.receive(&orders, NOW).await.unwrap_err();
    assert_eq!((error.kind, error.operation, error.retryable), (BusErrorKind::Network, "ReceiveMessage", true));
    assert_eq!(error.to_string(), "queue `orders`: `ReceiveMessage` could not reach the bus");
    assert!(error.answer.unwrap().to_string().contains("connection reset by peer"));
}

#[tokio::test(start_paused = true)]
async fn an_expired_handle_is_the_entrys_fault() {
    let fake = Fake::new(&["orders"]);
    let bus = fake.bus().await;
    let orders = bus.queue("orders").await.unwrap();
    let outcomes = bus.delete_batch(&orders, &["expired".to_owned()]).await;
    let error = outcomes[0].as_ref().unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("ReceiptHandleIsInvalid", false));
    let outcomes = bus.change_visibility_batch(&orders, &[("expired".to_owned(), Duration::ZERO)]).await;
    assert!(outcomes[0].is_err());
}

#[tokio::test(start_paused = true)]
async fn a_missing_queue_is_told_with_its_neighbours() {
    let fake = Fake::new(&["user_events", "user_events_dlq", "billing"]);
    let bus = fake.bus().await;
    let error = bus.queue("user_event").await.unwrap_err();
    assert_eq!(error.kind, BusErrorKind::NotFound);
    assert_eq!(error.to_string(), "queue `user_event` does not exist at http://fake.test");
    assert_eq!(error.nearest, ["user_events", "user_events_dlq"]);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("QueueDoesNotExist") && cause.ends_with("(request id req-1)"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_found_by_name_url_and_arn() {
    let fake = Fake::new(&["orders"]);
    let bus = fake.bus().await;
    let by_name = bus.queue("orders").await.unwrap();
    assert_eq!(bus.queue(&by_name.url).await.unwrap(), by_name);
    assert_eq!(bus.queue(&arn("orders")).await.unwrap(), by_name);
    for wrong in ["", "a b", "orders/../x", "arn:aws:sns:eu-west-1:000000000000:orders", "http://"] {
        assert_eq!(bus.queue(wrong).await.unwrap_err().kind, BusErrorKind::Invalid, "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_namesake_in_another_region_or_account_is_not_what_was_asked_for() {
    let fake = Fake::new(&["orders"]);
    fake.on_query(|_, _| panic!("nothing may be asked"));
    let others = [
        "arn:aws:sqs:us-east-1:000000000000:orders",
        "arn:aws-cn:sqs:eu-west-1:000000000000:orders",
        "arn:aws:sqs:eu-west-1:999999999999:orders",
    ];
    let at_endpoint = fake.bus().await;
    let mut at_aws = at_endpoint.clone();
    at_aws.endpoint_url = None;
    for other in others {
        for bus in [&at_endpoint, &at_aws] {
            let error = bus.queue(other).await.unwrap_err();
            assert_eq!(error.kind, BusErrorKind::Invalid, "{other}: {error}");
        }
    }
    let error = at_aws.topic("arn:aws:sns:us-east-1:000000000000:users").await.unwrap_err();
    assert_eq!(error.to_string(), "topic `users` is in region `us-east-1` of `aws`, the bus is in `eu-west-1`");
    // Nor where the attributes may not be read, and the URL must tell the owner.
    fake.on_call(|operation, _, _| {
        (operation == "GetQueueAttributes").then_some(Fault::Refuse(403, "AccessDeniedException", "no"))
    });
    assert_eq!(at_endpoint.queue(others[2]).await.unwrap_err().kind, BusErrorKind::Invalid);
    fake.on_query(|_, _| {
        (
            200,
            "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes><entry><key>TopicArn</key>\
               <value>arn:aws:sns:eu-west-1:000000000000:users</value></entry></Attributes></GetTopicAttributesResult>\
               </GetTopicAttributesResponse>"
                .into(),
        )
    });
    assert!(at_endpoint.topic("arn:aws:sns:us-east-1:000000000000:users").await.is_err());
    assert!(at_endpoint.topic("users").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_may_not_ask_for_attributes_still_finds_the_queue() {
    let fake = Fake::new(&["orders"]);
    fake.on_call(|operation, _, _| {
        (operation == "GetQueueAttributes").then_some(Fault::Refuse(403, "AccessDeniedException", "no"))
    });
    assert_eq!(fake.bus().await.queue("orders").await.unwrap().arn, arn("orders"));
}

#[tokio::test(start_paused = true)]
async fn everything_a_message_has_comes_back() {
    let fake = Fake::new(&["orders"]);
    let bus = fake.bus().await;
    let orders = bus.queue("orders").await.unwrap();
    let mut message = Outgoing { body: "grüße".into(), ..Outgoing::default() };
    message.attributes.insert(
        "n".into(),
        Attribute { data_type: "Number.int".into(), ..Attribute::number("12345678901234567890.5") },
    );
    message.attributes.insert(
        "b".into(),
        Attribute {
            data_type: "Binary.png".into(),
            value: crate::event::AttributeValue::Binary(vec![0, 159, 146, 150]),
        },
    );
    message.group_id = Some("g".into());
    message.trace_header = Some("Root=1-5f".into());
    assert!(bus.send_batch(&orders, std::slice::from_ref(&message)).await[0].is_ok());
    let received = bus.receive(&orders, NOW).await.unwrap().remove(0);
    assert_eq!(received.body, message.body);
    assert_eq!(received.attributes, message.attributes);
    assert_eq!(received.system.group_id, message.group_id);
    assert_eq!(received.system.trace_header, message.trace_header);
    assert_eq!(received.system.receive_count, 1);
}

#[tokio::test(start_paused = true)]
async fn dead_letter_sources_and_redrive_policies_are_read() {
    let fake = Fake::new(&["orders", "billing", "dlq"]);
    fake.redrive("orders", "dlq");
    let bus = fake.bus().await;
    let dlq = bus.queue("dlq").await.unwrap();
    let sources = bus.dead_letter_sources(&dlq).await.unwrap();
    assert_eq!(sources.iter().map(|queue| queue.name.as_str()).collect::<Vec<_>>(), ["orders"]);
    let attributes = bus.queue_attributes(&sources[0]).await.unwrap();
    assert_eq!(attributes.redrive, Some(RedrivePolicy { dead_letter_arn: arn("dlq"), max_receives: 5 }));
    let as_text = r#"{"deadLetterTargetArn":"a","maxReceiveCount":"3"}"#;
    assert_eq!(RedrivePolicy::parse(as_text).unwrap().max_receives, 3);
    assert_eq!(RedrivePolicy::parse(""), None);
}

fn users() -> Topic {
    let arn = "arn:aws:sns:eu-west-1:000000000000:users".into();
    Topic { name: "users".into(), arn, max_bytes: DEFAULT_TOPIC_BYTES }
}

const TOPIC_MISSING: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message>\
    </Error><RequestId>req-2</RequestId></ErrorResponse>";

fn list_topics(names: &[&str]) -> String {
    let members: String = names
        .iter()
        .map(|name| format!("<member><TopicArn>arn:aws:sns:eu-west-1:123456789012:{name}</TopicArn></member>"))
        .collect();
    format!("<ListTopicsResponse><ListTopicsResult><Topics>{members}</Topics></ListTopicsResult></ListTopicsResponse>")
}

#[tokio::test(start_paused = true)]
async fn a_topics_arn_is_built_verified_and_never_created() {
    let fake = Fake::new(&[]);
    fake.on_query(|action, body| match action {
        "GetCallerIdentity" => (
            200,
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>\
             </GetCallerIdentityResponse>"
                .into(),
        ),
        "GetTopicAttributes" if body.contains("%3A123456789012%3Ausers") && !body.contains("userss") => {
            (200, "<GetTopicAttributesResponse><GetTopicAttributesResult/></GetTopicAttributesResponse>".into())
        }
        "GetTopicAttributes" => (404, TOPIC_MISSING.into()),
        "ListTopics" => (200, list_topics(&["users", "orders"])),
        other => panic!("{other} must not be called"),
    });
    let bus = fake.bus_with(|options| options.account = None).await;
    let topic = bus.topic("users").await.unwrap();
    assert_eq!(topic.arn, "arn:aws:sns:eu-west-1:123456789012:users");
    let error = bus.topic("userss").await.unwrap_err();
    assert_eq!((error.kind, error.nearest.as_slice()), (BusErrorKind::NotFound, &["users".to_owned()][..]));
    assert_eq!(fake.calls("GetCallerIdentity"), 1, "the account is asked for once");
}

#[tokio::test(start_paused = true)]
async fn without_sts_a_topic_is_found_by_listing() {
    let fake = Fake::new(&[]);
    fake.on_query(|action, _| match action {
        "ListTopics" => (200, list_topics(&["users"])),
        _ => (
            400,
            "<ErrorResponse><Error><Code>InvalidAction</Code><Message>no</Message></Error></ErrorResponse>".into(),
        ),
    });
    let bus = fake.bus_with(|options| options.account = None).await;
    assert_eq!(bus.topic("users").await.unwrap().arn, "arn:aws:sns:eu-west-1:123456789012:users");
    assert_eq!(bus.topic("user").await.unwrap_err().nearest, ["users"]);
}

#[tokio::test(start_paused = true)]
async fn in_process_a_call_is_made_once_and_an_unusable_file_is_final() {
    let fake = Fake::new(&[]);
    let answer =
        |code: &str| format!("<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>");
    let bus = fake.bus_with(|options| options.peek = true).await;
    let topic = users();
    for (code, retryable) in [("InternalFailure", true), ("BusFileUnusable", false)] {
        fake.on_query(move |_, _| (500, answer(code)));
        let before = fake.calls("PublishBatch");
        let error = bus.publish_batch(&topic, &outgoing(&["a"])).await.remove(0).unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), (code, retryable));
        assert_eq!(fake.calls("PublishBatch"), before + 1);
    }
    // Over a network the first try is not the last.
    fake.on_query(move |_, _| (500, answer("InternalFailure")));
    let before = fake.calls("PublishBatch");
    assert!(fake.bus().await.publish_batch(&topic, &outgoing(&["a"])).await[0].is_err());
    assert_eq!(fake.calls("PublishBatch"), before + 5);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_who_may_only_publish_is_believed() {
    let fake = Fake::new(&[]);
    fake.on_query(|_, _| {
        (
            403,
            "<ErrorResponse><Error><Code>AuthorizationError</Code><Message>no</Message></Error></ErrorResponse>".into(),
        )
    });
    assert!(fake.bus().await.topic("users").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_publish_batch_is_read_entry_by_entry() {
    let fake = Fake::new(&[]);
    fake.on_query(|_, _| {
        (
            200,
            "<PublishBatchResponse><PublishBatchResult><Successful><member><Id>1</Id><MessageId>id-1</MessageId></member></Successful>\
             <Failed><member><Id>0</Id><Code>InternalFailure</Code><SenderFault>false</SenderFault></member></Failed>\
             </PublishBatchResult><ResponseMetadata><RequestId>req-3</RequestId></ResponseMetadata></PublishBatchResponse>"
                .into(),
        )
    });
    let bus = fake.bus().await;
    let topic = users();
    let outcomes = bus.publish_batch(&topic, &outgoing(&["a", "b", "c"])).await;
    assert!(outcomes[0].as_ref().unwrap_err().retryable);
    assert_eq!(outcomes[1].as_ref().unwrap().message_id, "id-1");
    assert_eq!(outcomes[2].as_ref().unwrap_err().code, "NoAnswer");
    assert_eq!(outcomes[2].as_ref().unwrap_err().request_id.as_deref(), Some("req-3"));
}

#[tokio::test(start_paused = true)]
async fn credentials_are_in_no_error() {
    let fake = Fake::new(&["orders"]);
    let bus = fake.bus().await;
    let orders = bus.queue("orders").await.unwrap();
    fake.on_call(|_, _, _| {
        Some(Fault::Refuse(
            403,
            "SignatureDoesNotMatch",
            "The signature of ASIAIOSFODNN7EXAMPLE does not match. The Canonical String for this request should have been \
             x-amz-security-token:SECRETTOKEN",
        ))
    });
    let error = bus.receive(&orders, NOW).await.unwrap_err();
    assert_eq!(error.kind, BusErrorKind::Auth);
    let all = format!("{error} {error:?} {}", error.answer.as_ref().unwrap());
    assert!(!all.contains("SECRETTOKEN") && !all.contains("IOSFODNN7"), "{all}");
    assert_eq!(error::redact("see http://user:pass@host/x"), "see http://…@host/x");
    let bad =
        Bus::connect(ConnectOptions { endpoint_url: Some("ftp://u:p@h".into()), ..ConnectOptions::default() }).await;
    assert!(!bad.unwrap_err().to_string().contains("u:p"));
}

#[tokio::test(start_paused = true)]
async fn a_bus_without_peek_says_so() {
    let fake = Fake::new(&["orders"]);
    let bus = fake.bus().await;
    let orders = bus.queue("orders").await.unwrap();
    let error = bus.peek(&orders, 0, 10, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind, BusErrorKind::Unsupported);
    assert!(!fake.operations().contains(&"ListQueues".to_owned()));
}
