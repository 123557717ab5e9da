//! FIFO topics, and what standard topics say to groups.

use super::*;

fn create<'a>(name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
    let mut form = vec![("Action".to_owned(), "CreateTopic".to_owned()), ("Name".into(), name.into())];
    for (at, (key, value)) in more.iter().enumerate() {
        form.push((format!("Attributes.entry.{}.key", at + 1), (*key).into()));
        form.push((format!("Attributes.entry.{}.value", at + 1), (*value).into()));
    }
    form
}

impl Bench {
    async fn fifo_topic(&self, more: &[(&str, &str)]) -> String {
        let attributes = [&[("FifoTopic", "true")], more].concat();
        between(&self.sns(&pairs(&create("t.fifo", &attributes))).await, "TopicArn")
    }

    async fn publish(&self, topic: &str, more: &[(&str, &str)]) -> String {
        self.sns(&[&[("Action", "Publish"), ("TopicArn", topic)], more].concat()).await
    }
}

#[tokio::test]
async fn order_and_group_reach_fifo_queues_and_the_message_standard_ones() {
    let bench = Bench::new();
    let topic = bench.fifo_topic(&[("ContentBasedDeduplication", "true")]).await;
    // The queue makes no deduplication ids of its own: it gets the topic's.
    bench.queue("q.fifo", json!({ "FifoQueue": "true" })).await;
    bench.queue("plain", json!({})).await;
    bench.subscribe(&topic, "q.fifo", &[]).await;
    bench.subscribe(&topic, "plain", &[("RawMessageDelivery", "true")]).await;
    let mut numbers = Vec::new();
    for message in ["1", "2", "3"] {
        let answer = bench.publish(&topic, &[("Message", message), ("MessageGroupId", "g")]).await;
        numbers.push(between(&answer, "SequenceNumber"));
    }
    assert!(numbers.is_sorted() && numbers.iter().all(|number| number.len() == 20), "{numbers:?}");
    let taken = bench.receive("q.fifo").await;
    let wrapped: Vec<_> =
        taken.iter().map(|m| crate::event::Notification::parse(m["Body"].as_str().unwrap()).unwrap()).collect();
    assert_eq!(wrapped.iter().map(|n| n.message.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_eq!(wrapped.iter().map(|n| n.sequence_number.clone().unwrap()).collect::<Vec<_>>(), numbers);
    assert!(wrapped[0].signature.is_none() && wrapped[0].signing_cert_url.is_none());
    let attributes = &taken[0]["Attributes"];
    assert_eq!(attributes["MessageGroupId"], "g");
    assert_eq!(
        attributes["MessageDeduplicationId"],
        "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    );
    assert_ne!(attributes["SequenceNumber"], numbers[0].as_str(), "the queue counts for itself");
    let plain = bench.receive("plain").await;
    assert_eq!(plain.len(), 3);
    assert!(plain[0]["Attributes"].get("MessageGroupId").is_none());
    assert!(plain[0]["Attributes"].get("SequenceNumber").is_none());
}

#[tokio::test]
async fn duplicates_of_a_topic_answer_the_original_and_reach_nobody() {
    let bench = Bench::new();
    let topic = bench.fifo_topic(&[]).await;
    bench.queue("plain", json!({})).await;
    bench.subscribe(&topic, "plain", &[("RawMessageDelivery", "true")]).await;
    let publish = async |message: &str, group: &str| {
        let more = [("Message", message), ("MessageGroupId", group), ("MessageDeduplicationId", "d")];
        let answer = bench.publish(&topic, &more).await;
        (between(&answer, "MessageId"), between(&answer, "SequenceNumber"))
    };
    let first = publish("one", "a").await;
    assert_eq!(publish("two", "b").await, first);
    let scope = [
        ("Action", "SetTopicAttributes"),
        ("TopicArn", topic.as_str()),
        ("AttributeName", "FifoThroughputScope"),
        ("AttributeValue", "MessageGroup"),
    ];
    bench.sns(&scope).await;
    assert_ne!(publish("three", "b").await, first);
    bench.clock.advance(Duration::from_secs(300));
    assert_ne!(publish("four", "b").await, first);
    assert_eq!(bench.bodies("plain").await, ["one", "three", "four"]);
}

#[tokio::test]
async fn what_topics_refuse() {
    let bench = Bench::new();
    let fifo = bench.fifo_topic(&[]).await;
    let plain = bench.topic(&[("q", &[("RawMessageDelivery", "true")])]).await;
    bench.queue("q.fifo", json!({ "FifoQueue": "true" })).await;
    bench.queue("dead", json!({})).await;
    let publish = async |topic: &str, more: &[(&str, &str)]| {
        bench.sns_error(&[&[("Action", "Publish"), ("TopicArn", topic), ("Message", "m")], more].concat()).await.1
    };
    assert_eq!(
        publish(&fifo, &[]).await,
        "InvalidParameter: Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    );
    assert!(publish(&fifo, &[("MessageGroupId", "g")]).await.contains("should either have ContentBasedDeduplication"));
    assert!(publish(&plain, &[("MessageDeduplicationId", "d")]).await.contains("not valid for this topic type"));
    bench.publish(&plain, &[("Message", "m"), ("MessageGroupId", "tenant")]).await;
    assert_eq!(bench.receive("q").await[0]["Attributes"]["MessageGroupId"], "tenant");
    let refused = bench.sns_error(&pairs(&subscription(&plain, "q.fifo", &[]))).await.1;
    assert!(refused.ends_with("FIFO SQS Queues can not be subscribed to standard SNS topics"), "{refused}");
    let policy = json!({ "deadLetterTargetArn": format!("{ARN}dead") }).to_string();
    let refused = bench.sns_error(&pairs(&subscription(&fifo, "q.fifo", &[("RedrivePolicy", &policy)]))).await.1;
    assert!(refused.contains("must use a FIFO queue as DLQ"), "{refused}");
    for (name, attributes) in [
        ("t2.fifo", &[][..]),
        ("t2", &[("FifoTopic", "true")]),
        ("t2", &[("ContentBasedDeduplication", "true")]),
        ("t2.fifo", &[("FifoTopic", "true"), ("FifoThroughputScope", "Galaxy")]),
    ] {
        let (status, refused) = bench.sns_error(&pairs(&create(name, attributes))).await;
        assert!(status == 400 && refused.starts_with("InvalidParameter: "), "{name}: {refused}");
    }
}

#[tokio::test]
async fn a_batch_to_a_fifo_topic_is_refused_whole_or_numbered_through() {
    let bench = Bench::new();
    let topic = bench.fifo_topic(&[]).await;
    let batch = |second: &[(&str, &str)]| {
        let mut form = vec![("Action".to_owned(), "PublishBatch".to_owned()), ("TopicArn".into(), topic.clone())];
        let first = [("MessageGroupId", "g"), ("MessageDeduplicationId", "1")];
        for (at, more) in [(1, &first[..]), (2, second)] {
            let id = at.to_string();
            for (name, value) in [&[("Id", id.as_str()), ("Message", "m")], more].concat() {
                form.push((format!("PublishBatchRequestEntries.member.{at}.{name}"), value.to_owned()));
            }
        }
        form
    };
    let refused = bench.sns_error(&pairs(&batch(&[("MessageDeduplicationId", "2")]))).await.1;
    assert!(refused.ends_with("The MessageGroupId parameter is required for FIFO topics"), "{refused}");
    let refused = bench.sns_error(&pairs(&batch(&[("MessageGroupId", "g")]))).await.1;
    assert!(refused.contains("should either have ContentBasedDeduplication"), "{refused}");
    let answer = bench.sns(&pairs(&batch(&[("MessageGroupId", "g"), ("MessageDeduplicationId", "1")]))).await;
    assert_eq!(answer.matches("<SequenceNumber>").count(), 2);
    let first = between(&answer, "SequenceNumber");
    assert_eq!(answer.matches(&first).count(), 2, "the second is a duplicate of the first");
}
