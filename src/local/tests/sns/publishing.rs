//! Publishing: what is refused, in which words, and what reaches a queue.

use super::*;

const BATCH: &str = "PublishBatchRequestEntries.member";

/// A message of a batch: its parameters, numbered from 1.
fn batch(topic: &str, messages: &[&[(&str, &str)]]) -> Vec<(String, String)> {
    let mut form = vec![("Action".to_owned(), "PublishBatch".to_owned()), ("TopicArn".into(), topic.into())];
    for (at, message) in messages.iter().enumerate() {
        form.extend(message.iter().map(|(key, value)| (format!("{BATCH}.{}.{key}", at + 1), (*value).to_owned())));
    }
    form
}

impl Bench {
    async fn refused_message(&self, topic: &str, more: &[(&str, &str)]) -> String {
        self.refusal(&[&[("Action", "Publish"), ("TopicArn", topic)], more].concat()).await
    }

    async fn refused_batch(&self, topic: &str, messages: &[&[(&str, &str)]]) -> String {
        self.refusal(&pairs(&batch(topic, messages))).await
    }
}

#[tokio::test]
async fn what_is_said_to_nobody() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let to = async |key: &str, value: &str| {
        bench.refusal(&[("Action", "Publish"), (key, value), ("Message", "m"), ("Subject", "s")]).await
    };
    assert_eq!(
        to("TopicArn", "randomstring").await,
        "400 InvalidParameter: Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"
    );
    assert_eq!(to("TopicArn", &format!("{topic}-fake")).await, "404 NotFound: Topic does not exist");
    assert_eq!(
        to("TargetArn", "arn:aws:sns:us-east-1:000000000000:endpoint/APNS/abcdef/0f7d5971-aa8b-4bd5-b585-0826e9f93a66")
            .await,
        "400 InvalidParameter: Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"
    );
    for number in ["+1a234", "NAA+15551234567"] {
        let wanted =
            format!("400 InvalidParameter: Invalid parameter: PhoneNumber Reason: {number} is not valid to publish to");
        assert_eq!(to("PhoneNumber", number).await, wanted);
    }
    assert!(to("PhoneNumber", "+15551234567").await.starts_with("400 UnsupportedOperation: Publish to a phone number"));
    assert_eq!(
        bench.refusal(&[("Action", "Publish"), ("Message", "m")]).await,
        "400 InvalidParameter: Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"
    );
}

#[tokio::test]
async fn messages_that_are_refused() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let invalid = |reason: &str| format!("400 InvalidParameter: Invalid parameter: {reason}");
    let structure = |message: &'static str| [("Message", message), ("MessageStructure", "json")];
    assert_eq!(bench.refused_message(&topic, &[("Message", "")]).await, invalid("Empty message"));
    assert_eq!(bench.refused_message(&topic, &[("Message", "m"), ("Subject", "")]).await, invalid("Subject"));
    assert_eq!(
        bench.refused_message(&topic, &[]).await,
        "400 ValidationError: 1 validation error detected: Value null at 'message' failed to satisfy constraint: Member must not be null"
    );
    for message in [r#"{"sqs": "Test message"}"#, r#"{"default": {"object": "test"}}"#] {
        assert_eq!(
            bench.refused_message(&topic, &structure(message)).await,
            invalid("Message Structure - No default entry in JSON message body")
        );
    }
    assert_eq!(
        bench.refused_message(&topic, &structure(r#"{"default": "This is a default message"} }"#)).await,
        invalid("Message Structure - JSON message body failed to parse")
    );
    // Not refused, whatever the documentation says.
    let twice = structure(r#"{"default": "This is a default message", "default": "Duplicate"}"#);
    bench.sns(&[&[("Action", "Publish"), ("TopicArn", topic.as_str())], &twice[..]].concat()).await;
}

#[tokio::test]
async fn sizes() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let number = [
        ("MessageAttributes.entry.1.Name", "attr1"),
        ("MessageAttributes.entry.1.Value.DataType", "Number"),
        ("MessageAttributes.entry.1.Value.StringValue", "1"),
    ];
    let counted = "attr1".len() + "Number".len() + "1".len();
    let long = "a".repeat(262_144 - counted + 1);
    assert_eq!(
        bench.refused_message(&topic, &[&[("Message", long.as_str())], &number[..]].concat()).await,
        "400 InvalidParameter: Invalid parameter: Message too long"
    );
    let fits = [&[("Action", "Publish"), ("TopicArn", topic.as_str()), ("Message", &long[1..])], &number[..]].concat();
    bench.sns(&fits).await;
    let (half, more) = ("a".repeat(131_072), "b".repeat(131_073));
    assert_eq!(
        bench.refused_batch(&topic, &[&[("Id", "1"), ("Message", &half)], &[("Id", "2"), ("Message", &more)]]).await,
        "400 BatchRequestTooLong: The length of all the messages put together is more than the limit."
    );
}

/// One attribute as its parameters, and what AWS says to it: code and sentence.
const ATTRIBUTES: &[(&[(&str, &str)], &str)] = &[
    (&[("Name", "attr1"), ("Value.DataType", "String"), ("Value.StringValue", "")], EMPTY_STRING),
    (&[("Name", "attr1"), ("Value.DataType", "String")], EMPTY_STRING),
    (
        &[("Name", "attr1"), ("Value.DataType", "Binary"), ("Value.BinaryValue", "")],
        "ParameterValueInvalid: The message attribute 'attr1' must contain non-empty message attribute value for message attribute type 'Binary'.",
    ),
    (
        &[("Name", "attr1"), ("Value.DataType", "String"), ("Value.BinaryValue", "MTIz")],
        "ParameterValueInvalid: The message attribute 'attr1' with type 'String' must use field 'String'.",
    ),
    (
        &[("Name", "attr1"), ("Value.DataType", "Number"), ("Value.BinaryValue", "MTIz")],
        "ParameterValueInvalid: The message attribute 'attr1' with type 'Number' must use field 'String'.",
    ),
    (
        &[("Name", "attr1"), ("Value.DataType", "Binary"), ("Value.StringValue", "123")],
        "ParameterValueInvalid: The message attribute 'attr1' with type 'Binary' must use field 'Binary'.",
    ),
    (&[("Name", "attr1"), ("Value.DataType", "InvalidType"), ("Value.StringValue", "123")], BAD_TYPE),
    (&[("Name", "attr1"), ("Value.DataType", "String."), ("Value.StringValue", "prefixed-1")], BAD_TYPE),
    (&[("Name", "attr1"), ("Value.DataType", "Stringprefixed"), ("Value.StringValue", "prefixed-1")], BAD_TYPE),
    (
        &[("Name", "a^*?"), ("Value.DataType", "String"), ("Value.StringValue", "123")],
        "ParameterValueInvalid: Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
    ),
    (
        &[("Name", ".abc"), ("Value.DataType", "String"), ("Value.StringValue", "123")],
        "ParameterValueInvalid: Invalid message attribute name starting with character '.' was found.",
    ),
    (
        &[("Name", "abc."), ("Value.DataType", "String"), ("Value.StringValue", "123")],
        "ParameterValueInvalid: Invalid message attribute name ending with character '.' was found.",
    ),
    (
        &[("Name", "a..bc"), ("Value.DataType", "String"), ("Value.StringValue", "123")],
        "ParameterValueInvalid: Message attribute name can not have successive '.' character.",
    ),
];
const EMPTY_STRING: &str = "ParameterValueInvalid: The message attribute 'attr1' must contain non-empty message attribute value for message attribute type 'String'.";
const BAD_TYPE: &str = "ParameterValueInvalid: The message attribute 'attr1' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.";

#[tokio::test]
async fn attributes_that_are_refused_refuse_their_whole_batch() {
    let bench = Bench::new();
    let topic = bench.made("t", &[]).await;
    let long = "a".repeat(257);
    let too_long = [("Name", long.as_str()), ("Value.DataType", "String"), ("Value.StringValue", "123")];
    let cases = ATTRIBUTES.iter().copied().chain([(
        &too_long[..],
        "ParameterValueInvalid: Length of message attribute name must be less than 256 bytes.",
    )]);
    for (attribute, wanted) in cases {
        let wanted = format!("400 {wanted}");
        let named = |prefix: &str| -> Vec<(String, String)> {
            let of =
                |(key, value): &(&str, &str)| (format!("{prefix}MessageAttributes.entry.1.{key}"), (*value).to_owned());
            attribute.iter().map(of).collect()
        };
        let one = named("");
        assert_eq!(
            bench.refusal(&all(&[("Action", "Publish"), ("TopicArn", &topic), ("Message", "m")], &one)).await,
            wanted
        );
        let mut many =
            batch(&topic, &[&[("Id", "1"), ("Message", "test-batch")], &[("Id", "3"), ("Message", "valid")]]);
        many.extend(named(&format!("{BATCH}.1.")));
        assert_eq!(bench.refusal(&pairs(&many)).await, wanted);
    }
    let typeless =
        [("MessageAttributes.entry.1.Name", "attr1"), ("MessageAttributes.entry.1.Value.StringValue", "value")];
    let null = |place: &str| {
        format!(
            "400 ValidationError: 1 validation error detected: Value null at '{place}' failed to satisfy constraint: Member must not be null"
        )
    };
    assert_eq!(
        bench.refused_message(&topic, &[&[("Message", "m")], &typeless[..]].concat()).await,
        null("messageAttributes.attr1.member.dataType")
    );
    assert_eq!(
        bench.refused_batch(&topic, &[&[&[("Id", "1"), ("Message", "m")], &typeless[..]].concat()]).await,
        null("publishBatchRequestEntries.1.member.messageAttributes.attr1.member.dataType")
    );
    for good in ["String.prefixed", "String.  prefixed."] {
        let attribute = [
            ("MessageAttributes.entry.1.Name", "attr1"),
            ("MessageAttributes.entry.1.Value.DataType", good),
            ("MessageAttributes.entry.1.Value.StringValue", "prefixed-1"),
        ];
        let form = [("Action", "Publish"), ("TopicArn", topic.as_str()), ("Message", "m")];
        bench.sns(&[&form[..], &attribute].concat()).await;
    }
}

#[tokio::test]
async fn batches_that_are_refused() {
    let bench = Bench::new();
    let topic = bench.made("t.fifo", &[("FifoTopic", "true")]).await;
    let ids: Vec<String> = (0..11).map(|at| format!("Id_{at}")).collect();
    let eleven: Vec<[(&str, &str); 2]> = ids.iter().map(|id| [("Id", id.as_str()), ("Message", "m")]).collect();
    let eleven: Vec<&[(&str, &str)]> = eleven.iter().map(|entry| &entry[..]).collect();
    let one: &[(&str, &str)] = &[("Id", "1"), ("Message", "m")];
    assert_eq!(
        bench.refused_batch(&topic, &eleven).await,
        "400 TooManyEntriesInBatchRequest: The batch request contains more entries than permissible."
    );
    assert_eq!(
        bench.refused_batch(&topic, &[one, one]).await,
        "400 BatchEntryIdsNotDistinct: Two or more batch entries in the request have the same Id."
    );
    assert!(bench.refused_batch(&topic, &[]).await.starts_with("400 EmptyBatchRequest: "));
    for bad in ["", "a.b", &"a".repeat(81)] {
        let said = bench.refused_batch(&topic, &[&[("Id", bad), ("Message", "m")]]).await;
        assert!(said.starts_with("400 InvalidBatchEntryId: "), "{said}");
    }
    assert_eq!(
        bench.refused_batch(&topic, &[one]).await,
        "400 InvalidParameter: Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    );
    assert_eq!(
        bench.refused_batch(&topic, &[&[one, &[("MessageGroupId", "msg1")]].concat()]).await,
        "400 InvalidParameter: Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    );
    // One without a message is the whole batch's fault.
    assert_eq!(
        bench.refused_batch(&topic, &[&[("Id", "1"), ("Message", "m")], &[("Id", "2")]]).await,
        "400 ValidationError: 1 validation error detected: Value null at 'publishBatchRequestEntries.2.member.message' failed to satisfy constraint: Member must not be null"
    );
    // The structure is looked at before the group.
    let structure = [("Id", "1"), ("Message", r#"{"sqs": "test sqs"}"#), ("MessageStructure", "json")];
    assert_eq!(
        bench.refused_batch(&topic, &[&structure]).await,
        "400 InvalidParameter: Invalid parameter: Message Structure - No default entry in JSON message body"
    );
    assert_eq!(
        bench.refused_batch("arn:aws:sns:us-east-1:000000000000:fake", &[one]).await,
        "404 NotFound: Topic does not exist"
    );
}

#[tokio::test]
async fn a_trace_header_reaches_the_queue() {
    let bench = Bench::new();
    bench.topic(&[("q", &[])]).await;
    let header = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1";
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://bus.localhost/")
        .header("x-amzn-trace-id", header)
        .body(Bytes::from(format!("Action=Publish&Version=2010-03-31&TargetArn={TOPIC}&Message=m")))
        .unwrap();
    assert_eq!(bench.bus.handle(request).await.status(), 200);
    assert_eq!(bench.receive("q").await[0]["Attributes"]["AWSTraceHeader"], header);
}

#[tokio::test]
async fn a_queue_gets_its_share_of_a_structured_message_or_the_default() {
    let bench = Bench::new();
    let topic = bench.topic(&[("q", &[])]).await;
    let say = async |message: &str| {
        let form =
            [("Action", "Publish"), ("TopicArn", topic.as_str()), ("Message", message), ("MessageStructure", "json")];
        bench.sns(&form).await;
        let body = bench.bodies("q").await.remove(0);
        crate::event::Notification::parse(&body).unwrap().message
    };
    assert_eq!(say(r#"{"default": "default field", "sqs": "{\"field\": \"value\"}"}"#).await, r#"{"field": "value"}"#);
    // A share that is no text is none.
    assert_eq!(say(r#"{"default": "default field", "sqs": {"field": "value"}}"#).await, "default field");
    // A share may be empty. No queue holds that unwrapped.
    assert_eq!(say(r#"{"default": "default field", "sqs": ""}"#).await, "");
    bench.queue("raw", json!({})).await;
    bench.subscribe(&topic, "raw", &[("RawMessageDelivery", "true")]).await;
    assert_eq!(say(r#"{"default": ""}"#).await, "");
    assert!(bench.bodies("raw").await.is_empty());
}

#[tokio::test]
async fn a_structured_message_is_told_from_others_by_all_of_it() {
    let bench = Bench::new();
    let topic = bench.made("t.fifo", &[("FifoTopic", "true"), ("ContentBasedDeduplication", "true")]).await;
    bench.queue("q.fifo", json!({ "FifoQueue": "true" })).await;
    bench.subscribe(&topic, "q.fifo", &[("RawMessageDelivery", "true")]).await;
    for default in ["a", "b", "b"] {
        let message = format!(r#"{{"default": "{default}", "sqs": "same"}}"#);
        let form = [
            ("Action", "Publish"),
            ("TopicArn", topic.as_str()),
            ("Message", message.as_str()),
            ("MessageStructure", "json"),
            ("MessageGroupId", "g"),
        ];
        bench.sns(&form).await;
    }
    let taken = bench.receive("q.fifo").await;
    assert_eq!(taken.len(), 2);
    assert_eq!(
        taken[0]["Attributes"]["MessageDeduplicationId"],
        crate::local::sqs::digest::sha256(r#"{"default": "a", "sqs": "same"}"#)
    );
}

#[tokio::test]
async fn the_wrapper_has_its_members_in_order() {
    let bench = Bench::new();
    let topic = bench.topic(&[("q", &[])]).await;
    let form = [
        ("Action", "Publish"),
        ("TopicArn", topic.as_str()),
        ("Message", "m"),
        ("Subject", "s"),
        ("MessageAttributes.entry.1.Name", "attr1"),
        ("MessageAttributes.entry.1.Value.DataType", "Number"),
        ("MessageAttributes.entry.1.Value.StringValue", "1"),
    ];
    bench.sns(&form).await;
    let wrapper: serde_json::Map<String, Value> = serde_json::from_str(&bench.bodies("q").await[0]).unwrap();
    assert_eq!(
        wrapper.keys().collect::<Vec<_>>(),
        [
            "Type",
            "MessageId",
            "TopicArn",
            "Subject",
            "Message",
            "Timestamp",
            "SignatureVersion",
            "Signature",
            "SigningCertURL",
            "UnsubscribeURL",
            "MessageAttributes"
        ]
    );
    assert_eq!(wrapper["SignatureVersion"], "1");
    assert_eq!(wrapper["MessageAttributes"], json!({ "attr1": { "Type": "Number", "Value": "1" } }));
    let certificate = wrapper["SigningCertURL"].as_str().unwrap();
    let name = certificate.strip_prefix("https://sns.us-east-1.amazonaws.com/SimpleNotificationService-").unwrap();
    assert_eq!(name.strip_suffix(".pem").unwrap().len(), 32);
    // The link ends the subscription for who follows it.
    let link = wrapper["UnsubscribeURL"].as_str().unwrap().strip_prefix("http://bus.localhost").unwrap();
    let request = Request::builder().uri(link).header("host", "bus.localhost").body(Bytes::new()).unwrap();
    assert_eq!(bench.bus.handle(request).await.status(), 200);
    assert_eq!(bench.topic_attributes(&topic).await["SubscriptionsConfirmed"], "0");
}
