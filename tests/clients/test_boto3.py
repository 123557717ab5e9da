"""A boto3 program against `eventbus local serve`, and the same against moto: both have to give the same answers."""

import hashlib
import json
import struct
import threading
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import pytest

from conftest import PATIENCE, refusal, text, wire


def test_a_filtered_subscription_lets_through_exactly_what_matches(bus):
    policy = {"eventName": ["UserRegistered", {"prefix": "Order"}], "retries": [{"numeric": [">=", 2]}, {"exists": False}]}
    topic, url, _ = wire(bus, "users", "user_events", FilterPolicy=json.dumps(policy))
    sent = {}
    for name, extra in [
        ("UserRegistered", {}),
        ("OrderPlaced", {"retries": {"DataType": "Number", "StringValue": "2"}}),
        ("UserRegistered", {"retries": {"DataType": "Number", "StringValue": "1"}}),
        ("UserDeleted", {}),
        ("userregistered", {}),
    ]:
        answer = bus.sns.publish(
            TopicArn=topic, Message=f"{name} {len(sent)}", MessageAttributes={"eventName": text(name), **extra}
        )
        sent[f"{name} {len(sent)}"] = answer["MessageId"]
    bus.sns.publish(TopicArn=topic, Message="without attributes")

    wrapped = {}
    for message in bus.drain("user_events"):
        assert message["MD5OfBody"] == hashlib.md5(message["Body"].encode()).hexdigest()
        body = json.loads(message["Body"])
        wrapped[body["Message"]] = body
    assert set(wrapped) == {"UserRegistered 0", "OrderPlaced 1"}
    body = wrapped["OrderPlaced 1"]
    assert body["Type"] == "Notification"
    assert body["TopicArn"] == topic
    assert body["MessageId"] == sent["OrderPlaced 1"]
    assert body["MessageAttributes"] == {
        "eventName": {"Type": "String", "Value": "OrderPlaced"},
        "retries": {"Type": "Number", "Value": "2"},
    }
    assert {"Timestamp", "SignatureVersion", "Signature", "SigningCertURL", "UnsubscribeURL"} <= set(body)
    assert bus.depth("user_events") == (0, 0)


def test_a_body_filter_looks_into_the_message(bus):
    policy = {"user": {"country": ["NO", "SE"]}}
    topic, _, _ = wire(bus, "t", "q", FilterPolicyScope="MessageBody", FilterPolicy=json.dumps(policy))
    for message in ['{"user":{"country":"NO"}}', '{"user":{"country":"DK"}}', '{"country":"NO"}', "no json"]:
        bus.sns.publish(TopicArn=topic, Message=message)
    assert [json.loads(m["Body"])["Message"] for m in bus.drain("q")] == ['{"user":{"country":"NO"}}']


def test_raw_delivery_hands_on_the_body_and_the_attributes_with_their_types(bus):
    topic, url, _ = wire(bus, "t", "q", RawMessageDelivery="true")
    body = 'as sent: "quotes", \\ and é\u2028🚀'
    attributes = {
        "eventName": text("É"),
        "count": {"DataType": "Number", "StringValue": "1.50"},
    }
    bus.sns.publish(TopicArn=topic, Message=body, MessageAttributes=attributes)
    (message,) = bus.drain("q")
    assert message["Body"] == body
    assert message["MessageAttributes"] == attributes


def test_raw_delivery_hands_on_binary_and_array_attributes(served):
    """moto answers the receive of such a message with a 500."""
    topic, _, _ = wire(served, "t", "q", RawMessageDelivery="true")
    attributes = {
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "roles": {"DataType": "String.Array", "StringValue": '["a", 1, null]'},
    }
    served.sns.publish(TopicArn=topic, Message="x", MessageAttributes=attributes)
    (message,) = served.drain("q")
    assert message["MessageAttributes"] == attributes


def attributes_digest(attributes: dict) -> str:
    """The SQS rule, restated from AWS's page on message metadata: the digest that SDKs verify."""
    digest = hashlib.md5()

    def put(data: bytes) -> None:
        digest.update(struct.pack(">I", len(data)) + data)

    for name in sorted(attributes):
        value = attributes[name]
        put(name.encode())
        put(value["DataType"].encode())
        if "BinaryValue" in value:
            digest.update(b"\x02")
            put(value["BinaryValue"])
        else:
            digest.update(b"\x01")
            put(value["StringValue"].encode())
    return digest.hexdigest()


def test_send_answers_with_the_digests_that_sdks_verify(bus):
    url = bus.sqs.create_queue(QueueName="q")["QueueUrl"]
    attributes = {
        "z": text("last"),
        "a.Number": {"DataType": "Number.int", "StringValue": "7"},
        "binary": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    sent = bus.sqs.send_message(QueueUrl=url, MessageBody="é", MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == hashlib.md5("é".encode()).hexdigest()
    assert sent["MD5OfMessageAttributes"] == attributes_digest(attributes)
    (message,) = bus.drain("q")
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfMessageAttributes"] == attributes_digest(attributes)
    assert {name: message["MessageAttributes"][name]["DataType"] for name in attributes} == {
        name: value["DataType"] for name, value in attributes.items()
    }
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert int(message["Attributes"]["ApproximateFirstReceiveTimestamp"]) >= int(message["Attributes"]["SentTimestamp"]) > 0


def test_batches_answer_entry_by_entry(bus):
    topic, url, _ = wire(bus, "t", "q", RawMessageDelivery="true")
    entries = [{"Id": f"e{n}", "Message": f"published {n}"} for n in range(10)]
    answer = bus.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == [f"e{n}" for n in range(10)]
    assert len({entry["MessageId"] for entry in answer["Successful"]}) == 10 and not answer.get("Failed")

    entries = [{"Id": f"s{n}", "MessageBody": f"sent {n}"} for n in range(10)]
    answer = bus.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert {entry["Id"] for entry in answer["Successful"]} == {f"s{n}" for n in range(10)}

    got = []
    while messages := bus.receive(url):
        assert len(messages) <= 10
        got += messages
    assert {m["Body"] for m in got} == {f"{verb} {n}" for verb in ("published", "sent") for n in range(10)}
    changes = [
        {"Id": str(n), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0} for n, m in enumerate(got[:10])
    ]
    assert len(bus.sqs.change_message_visibility_batch(QueueUrl=url, Entries=changes)["Successful"]) == 10
    assert bus.depth("q") == (10, 10)
    deletes = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(got[10:])]
    assert len(bus.sqs.delete_message_batch(QueueUrl=url, Entries=deletes)["Successful"]) == 10
    assert bus.depth("q") == (10, 0)
    mixed = [
        {"Id": "good", "ReceiptHandle": bus.receive(url)[0]["ReceiptHandle"]},
        {"Id": "bad", "ReceiptHandle": "no handle"},
    ]
    answer = bus.sqs.delete_message_batch(QueueUrl=url, Entries=mixed)
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    assert [(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]] == [
        ("bad", "ReceiptHandleIsInvalid", True)
    ]


def test_a_received_message_is_hidden_until_it_is_given_back(bus):
    url = bus.sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
    bus.sqs.send_message(QueueUrl=url, MessageBody="one")
    (first,) = bus.receive(url)
    assert bus.receive(url) == []
    assert bus.depth("q") == (0, 1)
    bus.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    assert bus.depth("q") == (1, 0)
    (again,) = bus.receive(url, VisibilityTimeout=0)
    assert again["MessageId"] == first["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    (once_more,) = bus.receive(url)
    assert once_more["Attributes"]["ApproximateReceiveCount"] == "3"
    bus.sqs.delete_message(QueueUrl=url, ReceiptHandle=once_more["ReceiptHandle"])
    assert bus.depth("q") == (0, 0)


def test_a_delayed_message_is_counted_but_not_handed_out(bus):
    url = bus.sqs.create_queue(QueueName="q")["QueueUrl"]
    bus.sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    assert bus.receive(url) == []
    assert bus.attributes("q")["ApproximateNumberOfMessagesDelayed"] == "1"


def test_what_was_received_too_often_moves_to_the_dead_letter_queue(bus):
    dead = bus.sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead_arn = bus.attributes("dead")["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url = bus.sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    assert json.loads(bus.attributes("q")["RedrivePolicy"])["deadLetterTargetArn"] == dead_arn
    assert bus.sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    sent = bus.sqs.send_message(QueueUrl=url, MessageBody="poison", MessageAttributes={"a": text("b")})
    for _ in range(2):
        assert [m["Body"] for m in bus.receive(url, VisibilityTimeout=0)] == ["poison"]
    assert bus.receive(url, VisibilityTimeout=0) == []
    (message,) = bus.drain("dead")
    assert (message["Body"], message["MessageId"]) == ("poison", sent["MessageId"])
    assert message["MessageAttributes"]["a"]["StringValue"] == "b"
    assert bus.depth("q") == (0, 0)


def test_a_dead_letter_names_the_queue_it_came_from(served):
    """moto leaves the attribute out, so only ours is asked; AWS hands it out since 2023."""
    served.sqs.create_queue(QueueName="dead")
    redrive = json.dumps({"deadLetterTargetArn": served.attributes("dead")["QueueArn"], "maxReceiveCount": 1})
    url = served.sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    served.sqs.send_message(QueueUrl=url, MessageBody="poison")
    assert len(served.receive(url, VisibilityTimeout=0)) == 1
    assert served.receive(url) == []
    (message,) = served.drain("dead")
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == served.attributes("q")["QueueArn"]


def test_a_long_poll_wakes_for_a_publish_and_another_waits_on(bus):
    """No clock: the poll that gets a message has to end before one on an empty queue that started no later and waits less."""
    topic, url, _ = wire(bus, "t", "q")
    other = bus.sqs.create_queue(QueueName="empty")["QueueUrl"]
    ended = []

    def poll(name: str, queue: str, wait: int) -> None:
        messages = bus.receive(queue, WaitTimeSeconds=wait)
        ended.append((name, len(messages)))

    waiting = [
        threading.Thread(target=poll, args=("on the empty queue", other, 5)),
        threading.Thread(target=poll, args=("on the queue with a message", url, 20)),
    ]
    for thread in waiting:
        thread.start()
    bus.sns.publish(TopicArn=topic, Message="wake")
    for thread in waiting:
        thread.join(PATIENCE)
    assert ended == [("on the queue with a message", 1), ("on the empty queue", 0)]


def test_queues_and_topics_are_listed_changed_tagged_and_removed(bus):
    topic, url, subscription = wire(bus, "users", "user_events")
    assert bus.queue_url("user_events") == url
    bus.sqs.create_queue(QueueName="user_events_dlq")
    bus.sqs.create_queue(QueueName="orders")
    listed = bus.sqs.list_queues(QueueNamePrefix="user_")["QueueUrls"]
    assert sorted(u.rsplit("/", 1)[1] for u in listed) == ["user_events", "user_events_dlq"]
    assert [t["TopicArn"] for t in bus.sns.list_topics()["Topics"]] == [topic]

    bus.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77", "MessageRetentionPeriod": "3600"})
    seen = bus.attributes("user_events")
    assert (seen["VisibilityTimeout"], seen["MessageRetentionPeriod"], seen["DelaySeconds"]) == ("77", "3600", "0")
    bus.sqs.tag_queue(QueueUrl=url, Tags={"team": "a", "eventbus:topology": "users"})
    bus.sqs.untag_queue(QueueUrl=url, TagKeys=["team"])
    assert bus.sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"eventbus:topology": "users"}
    bus.sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "team", "Value": "a"}, {"Key": "x", "Value": "y"}])
    bus.sns.untag_resource(ResourceArn=topic, TagKeys=["x"])
    assert bus.sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "team", "Value": "a"}]

    bus.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    bus.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue='{"eventName":["A"]}'
    )
    (entry,) = bus.subscriptions("users")
    assert entry["Protocol"] == "sqs" and entry["Endpoint"] == seen["QueueArn"]
    assert entry["RawMessageDelivery"] == "true" and json.loads(entry["FilterPolicy"]) == {"eventName": ["A"]}
    bus.sns.publish(TopicArn=topic, Message="now raw", MessageAttributes={"eventName": text("A")})
    bus.sns.publish(TopicArn=topic, Message="now filtered", MessageAttributes={"eventName": text("B")})
    assert [m["Body"] for m in bus.drain("user_events")] == ["now raw"]

    bus.sqs.send_message(QueueUrl=url, MessageBody="to be purged")
    bus.sqs.purge_queue(QueueUrl=url)
    assert bus.depth("user_events") == (0, 0)
    bus.sns.unsubscribe(SubscriptionArn=subscription)
    assert bus.subscriptions("users") == []
    bus.sns.publish(TopicArn=topic, Message="to nobody")
    assert bus.depth("user_events") == (0, 0)
    bus.sns.delete_topic(TopicArn=topic)
    bus.sqs.delete_queue(QueueUrl=url)
    assert bus.sns.list_topics()["Topics"] == []
    assert refusal(bus.sqs.get_queue_url, QueueName="user_events")[0] == "AWS.SimpleQueueService.NonExistentQueue"


def test_creating_again_what_is_there_is_the_same_unless_it_differs(bus):
    url = bus.sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
    assert bus.sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "30"})["QueueUrl"] == url
    assert bus.sqs.create_queue(QueueName="q")["QueueUrl"] == url
    with pytest.raises(bus.sqs.exceptions.QueueNameExists):
        bus.sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "31"})
    topic, url, subscription = wire(bus, "t", "other")
    assert bus.sns.create_topic(Name="t")["TopicArn"] == topic
    endpoint = bus.attributes("other")["QueueArn"]
    again = bus.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint, ReturnSubscriptionArn=True)
    assert again["SubscriptionArn"] == subscription
    assert len(bus.subscriptions("t")) == 1


def test_refusals_carry_the_codes_that_programs_catch(bus):
    topic, url, _ = wire(bus, "t", "q")
    missing_topic = topic.rsplit(":", 1)[0] + ":missing"
    missing_queue = url.rsplit("/", 1)[0] + "/missing"
    ten_and_one = [{"Id": str(n), "MessageBody": "x"} for n in range(11)]
    twice = [{"Id": "same", "MessageBody": "x"}] * 2
    sns, sqs = bus.sns, bus.sqs

    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="missing")
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.publish(TopicArn=missing_topic, Message="x")
    seen = {
        "queue": refusal(sqs.send_message, QueueUrl=missing_queue, MessageBody="x"),
        "topic": refusal(sns.publish, TopicArn=missing_topic, Message="x"),
        "topic attributes": refusal(sns.get_topic_attributes, TopicArn=missing_topic),
        "handle": refusal(sqs.delete_message, QueueUrl=url, ReceiptHandle="no handle")[0],
        "max": refusal(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11),
        "batch size": refusal(sqs.send_message_batch, QueueUrl=url, Entries=ten_and_one),
        "batch ids": refusal(sqs.send_message_batch, QueueUrl=url, Entries=twice),
        "batch empty": refusal(sqs.send_message_batch, QueueUrl=url, Entries=[]),
        "publish batch size": refusal(
            sns.publish_batch,
            TopicArn=topic,
            PublishBatchRequestEntries=[{"Id": str(n), "Message": "x"} for n in range(11)],
        ),
        "publish batch ids": refusal(
            sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=[{"Id": "same", "Message": "x"}] * 2
        ),
        "policy": refusal(
            sns.subscribe,
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=bus.attributes("q")["QueueArn"] + "2",
            Attributes={"FilterPolicy": '{"a":"not a list"}'},
        ),
    }
    assert seen == {
        "queue": ("AWS.SimpleQueueService.NonExistentQueue", 400),
        "topic": ("NotFound", 404),
        "topic attributes": ("NotFound", 404),
        "handle": "ReceiptHandleIsInvalid",
        "max": ("InvalidParameterValue", 400),
        "batch size": ("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400),
        "batch ids": ("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400),
        "batch empty": ("AWS.SimpleQueueService.EmptyBatchRequest", 400),
        "publish batch size": ("TooManyEntriesInBatchRequest", 400),
        "publish batch ids": ("BatchEntryIdsNotDistinct", 400),
        "policy": ("InvalidParameter", 400),
    }
    assert bus.depth("q") == (0, 0)


def test_the_query_protocol_of_older_clients_is_understood(bus):
    """boto3 before 1.28, which the Python library pins, sends SQS requests as forms and reads XML."""
    url = bus.sqs.create_queue(QueueName="q")["QueueUrl"]

    def ask(**fields: str) -> xml.etree.ElementTree.Element:
        form = urllib.parse.urlencode({"Version": "2012-11-05", "QueueUrl": url, **fields}).encode()
        request = urllib.request.Request(url, data=form)
        request.add_header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
        scope = "20260101/us-east-1/sqs/aws4_request"
        signed = f"AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders=host, Signature=0"
        request.add_header("Authorization", signed)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            root = xml.etree.ElementTree.fromstring(answer.read())
        for element in root.iter():
            element.tag = element.tag.rsplit("}", 1)[-1]
        return root

    body = "<é> & \"quoted\""
    attribute = {
        "MessageAttribute.1.Name": "eventName",
        "MessageAttribute.1.Value.DataType": "String",
        "MessageAttribute.1.Value.StringValue": "A&B",
    }
    sent = ask(Action="SendMessage", MessageBody=body, **attribute)
    assert sent.tag == "SendMessageResponse"
    assert sent.findtext(".//MD5OfMessageBody") == hashlib.md5(body.encode()).hexdigest()
    got = ask(Action="ReceiveMessage", MaxNumberOfMessages="10", **{"MessageAttributeName.1": "All", "AttributeName.1": "All"})
    (message,) = got.findall(".//Message")
    assert message.findtext("Body") == body
    assert message.findtext("MessageId") == sent.findtext(".//MessageId")
    assert message.findtext("MessageAttribute/Name") == "eventName"
    assert message.findtext("MessageAttribute/Value/StringValue") == "A&B"
    counts = {a.findtext("Name"): a.findtext("Value") for a in message.findall("Attribute")}
    assert counts["ApproximateReceiveCount"] == "1"
    ask(Action="DeleteMessage", ReceiptHandle=message.findtext("ReceiptHandle"))
    assert bus.depth("q") == (0, 0)


def test_what_was_confirmed_is_there_after_the_server_was_killed(program, served):
    """Ours alone: moto keeps everything in memory."""
    topic, _, _ = wire(served, "t", "q", RawMessageDelivery="true")
    confirmed = {}
    for n in range(20):
        confirmed[served.sns.publish(TopicArn=topic, Message=f"event {n}")["MessageId"]] = f"event {n}"
    program.running[-1].kill()
    program.running[-1].wait(PATIENCE)
    process = program.start("local", "serve", "--port", "0")
    url = next(word for word in process.stdout.readline().split() if word.startswith("http://"))
    from conftest import Bus

    assert sorted(m["Body"] for m in Bus(url).drain("q")) == sorted(confirmed.values())
