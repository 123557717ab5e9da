"""FIFO queues and topics, dead letters and the tasks that move them back, as a boto3 program sees them.

What moto does as AWS documents it is asked of moto as well, so that those tests are not right about `eventbus local serve`
alone. moto 5.2.1 numbers messages at random, answers a duplicate with a new id, fails a whole batch for one bad entry, takes
delays in FIFO queues and crashes on move tasks: there only ours is asked. Not here: the five-minute window of duplicates and rates in real
time, which only a clock that tests can turn shows (src/local/tests).
"""

import hashlib
import json

import pytest

from conftest import refusal, text, until, wire


def bodies(messages: list) -> list:
    return [message["Body"] for message in messages]


def fifo(bus, name: str, **attributes: str) -> str:
    return bus.queue(name, FifoQueue="true", **attributes)[0]


def send(bus, url: str, group: str, body: str, **more) -> dict:
    return bus.sqs.send_message(
        QueueUrl=url, MessageBody=body, MessageGroupId=group, **{"MessageDeduplicationId": f"{group}-{body}", **more}
    )


def delete(bus, url: str, messages: list) -> None:
    for message in messages:
        bus.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_a_group_keeps_its_order_and_waits_for_its_first_message_alone(served):
    url = fifo(served, "q.fifo")
    numbers = [int(send(served, url, group, body)["SequenceNumber"]) for group, body in ["a1", "a2", "b1", "a3"]]
    assert numbers == sorted(set(numbers))
    first = served.receive(url, MaxNumberOfMessages=1)
    assert bodies(first) == ["1"] and first[0]["Attributes"]["MessageGroupId"] == "a"
    others = served.receive(url)
    assert [(m["Attributes"]["MessageGroupId"], m["Body"]) for m in others] == [("b", "1")]
    delete(served, url, first + others)
    rest = served.drain("q.fifo")
    assert bodies(rest) == ["2", "3"]
    assert [int(m["Attributes"]["SequenceNumber"]) for m in rest] == [numbers[1], numbers[3]]
    assert [m["Attributes"]["MessageDeduplicationId"] for m in rest] == ["a-2", "a-3"]


def test_a_message_given_back_is_the_first_of_its_group_again(bus):
    url = fifo(bus, "q.fifo")
    for body in "123":
        send(bus, url, "a", body)
    (held,) = bus.receive(url, MaxNumberOfMessages=1)
    assert bus.receive(url) == []
    bus.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(bus.drain("q.fifo")) == ["1", "2", "3"]


def test_a_duplicate_is_answered_and_not_queued(served):
    url = fifo(served, "q.fifo")
    first = send(served, url, "a", "one", MessageDeduplicationId="same")
    again = send(served, url, "a", "another", MessageDeduplicationId="same")
    assert again["MessageId"] == first["MessageId"]
    (message,) = served.drain("q.fifo")
    assert message["Body"] == "one"
    send(served, url, "a", "after the delete, too", MessageDeduplicationId="same")
    assert served.drain("q.fifo") == []


def test_content_based_deduplication_looks_at_the_body(bus):
    url = fifo(bus, "q.fifo", ContentBasedDeduplication="true")
    entries = [
        {"Id": str(n), "MessageBody": body, "MessageGroupId": "a", "MessageAttributes": {"n": text(str(n))}}
        for n, body in enumerate(["x", "y", "x"])
    ]
    assert len(bus.sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 3
    got = bus.drain("q.fifo")
    assert bodies(got) == ["x", "y"]
    assert got[0]["Attributes"]["MessageDeduplicationId"] == hashlib.sha256(b"x").hexdigest()


def test_fifo_refusals(served):
    url = fifo(served, "q.fifo")
    plain, _ = served.queue("plain")
    asked = {"QueueUrl": url, "MessageBody": "x"}
    assert refusal(served.sqs.send_message, **asked)[0] == "MissingParameter"
    assert refusal(served.sqs.send_message, **asked, MessageGroupId="a")[0] == "InvalidParameterValue"
    once = {"MessageGroupId": "a", "MessageDeduplicationId": "d"}
    assert refusal(served.sqs.send_message, **asked, **once, DelaySeconds=5)[0] == "InvalidParameterValue"
    assert refusal(served.sqs.create_queue, QueueName="no-suffix", Attributes={"FifoQueue": "true"})[0] == "InvalidParameterValue"
    assert refusal(served.sqs.send_message, QueueUrl=plain, MessageBody="x", MessageDeduplicationId="d")[0] == "InvalidParameterValue"
    assert served.depth("q.fifo") == (0, 0)


@pytest.mark.parametrize("raw", ["true", "false"])
def test_a_fifo_topic_hands_on_order_groups_and_what_the_filter_lets_through(bus, raw):
    policy = json.dumps({"kind": ["kept"]})
    topic, url, _ = wire(bus, "t.fifo", "q.fifo", RawMessageDelivery=raw, FilterPolicy=policy)
    for n, (group, kind) in enumerate([("a", "kept"), ("b", "kept"), ("a", "dropped"), ("a", "kept"), ("a", "kept")]):
        bus.sns.publish(
            TopicArn=topic,
            Message=f"{group}{n}",
            MessageGroupId=group,
            MessageDeduplicationId="3" if n == 4 else str(n),  # the last one repeats the one before
            MessageAttributes={"kind": text(kind)},
        )
    got = bus.drain("q.fifo")
    seen = [m["Body"] if raw == "true" else json.loads(m["Body"])["Message"] for m in got]
    assert [s for s in seen if s[0] == "a"] == ["a0", "a3"] and [s for s in seen if s[0] == "b"] == ["b1"]
    assert [m["Attributes"]["MessageGroupId"] for m in got] == [s[0] for s in seen]
    assert {m["Attributes"]["MessageDeduplicationId"] for m in got} == {"0", "1", "3"}


def test_a_fifo_topic_refuses_what_names_no_group_and_a_batch_keeps_its_order(served):
    topic, _, _ = wire(served, "t.fifo", "q.fifo", RawMessageDelivery="true")
    assert refusal(served.sns.publish, TopicArn=topic, Message="x") == ("InvalidParameter", 400)
    assert refusal(served.sns.publish, TopicArn=topic, Message="x", MessageGroupId="a") == ("InvalidParameter", 400)
    entries = [
        {"Id": str(n), "Message": f"{n}", "MessageGroupId": "a", "MessageDeduplicationId": f"d{n}"} for n in range(10)
    ]
    answer = served.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert len(answer["Successful"]) == 10 and not answer.get("Failed")
    assert bodies(served.drain("q.fifo")) == [str(n) for n in range(10)]


def test_one_bad_entry_refuses_a_batch_to_a_fifo_queue(served):
    """As AWS was recorded to answer: order would suffer if some went and some did not."""
    url = fifo(served, "q.fifo")
    entries = [
        {"Id": "good", "MessageBody": "x", "MessageGroupId": "a", "MessageDeduplicationId": "1"},
        {"Id": "bad", "MessageBody": "y", "MessageGroupId": "a"},
    ]
    assert refusal(served.sqs.send_message_batch, QueueUrl=url, Entries=entries)[0] == "InvalidParameterValue"
    assert bodies(served.drain("q.fifo")) == []


def dead_lettering(bus, name: str = "q", dead: str = "dead", **attributes: str) -> tuple:
    """A queue whose messages die after one receive: its URL and ARN, and its dead-letter queue's ARN."""
    _, dead_arn = bus.queue(dead, **attributes)
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    return *bus.queue(name, RedrivePolicy=redrive, **attributes), dead_arn


def kill(bus, url: str) -> None:
    """Receives once and gives back until everything is in the dead-letter queue."""
    while bus.receive(url, VisibilityTimeout=0):
        pass


def finished(bus, source: str) -> dict:
    """The newest task of a source, once it has ended."""
    newest = {}

    def ended() -> bool:
        newest.update(bus.moves("ListMessageMoveTasks", SourceArn=source)["Results"][0])
        return newest["Status"] not in ("RUNNING", "CANCELLING")

    until(ended, "the end of the task")
    return newest


def test_a_move_task_takes_dead_letters_back_to_where_they_came_from(served):
    url, arn, dead = dead_lettering(served)
    other, _, _ = dead_lettering(served, name="other")
    for n in range(12):
        served.sqs.send_message(QueueUrl=url, MessageBody=f"q{n}", MessageAttributes={"n": text(str(n))})
    served.sqs.send_message(QueueUrl=other, MessageBody="other's")
    kill(served, url)
    kill(served, other)
    assert served.depth("dead") == (13, 0) and served.depth("q") == (0, 0)

    handle = served.moves("StartMessageMoveTask", SourceArn=dead)["TaskHandle"]
    assert handle
    task = finished(served, dead)
    assert (task["Status"], task["SourceArn"]) == ("COMPLETED", dead) and "DestinationArn" not in task
    assert (task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]) == (13, 13)
    assert task["StartedTimestamp"] > 1_600_000_000_000
    assert served.depth("dead") == (0, 0)
    back = served.drain("q")
    assert {m["Body"]: m["MessageAttributes"]["n"]["StringValue"] for m in back} == {f"q{n}": str(n) for n in range(12)}
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in back} == {"1"}
    assert bodies(served.drain("other")) == ["other's"]


def test_a_move_task_may_go_elsewhere_and_is_cancelled(served):
    url, _, dead = dead_lettering(served)
    _, elsewhere = served.queue("elsewhere")
    for n in range(10):
        served.sqs.send_message(QueueUrl=url, MessageBody=str(n))
    kill(served, url)
    asked = {"SourceArn": dead, "DestinationArn": elsewhere, "MaxNumberOfMessagesPerSecond": 1}
    handle = served.moves("StartMessageMoveTask", **asked)["TaskHandle"]
    assert refusal(served.moves, operation="StartMessageMoveTask", **asked)[0] == "InvalidParameterValue"
    (task,) = served.moves("ListMessageMoveTasks", SourceArn=dead)["Results"]
    assert (task["Status"], task["TaskHandle"], task["MaxNumberOfMessagesPerSecond"]) == ("RUNNING", handle, 1)
    until(lambda: served.depth("elsewhere")[0] > 0, "the first message moved")
    cancelled = served.moves("CancelMessageMoveTask", TaskHandle=handle)
    assert 1 <= cancelled["ApproximateNumberOfMessagesMoved"] <= 10
    task = finished(served, dead)
    assert task["Status"] == "CANCELLED" and "TaskHandle" not in task
    assert served.depth("elsewhere")[0] == task["ApproximateNumberOfMessagesMoved"] == 10 - served.depth("dead")[0]


def test_move_tasks_are_refused_where_they_cannot_work(served):
    _, arn, dead = dead_lettering(served)
    start = {"call": served.moves, "operation": "StartMessageMoveTask"}
    assert refusal(**start, SourceArn=arn)[0] == "InvalidParameterValue"
    missing = arn.rsplit(":", 1)[0] + ":missing"
    assert refusal(**start, SourceArn=missing)[0] == "ResourceNotFoundException"
    assert refusal(**start, SourceArn=dead, DestinationArn=missing)[0] == "ResourceNotFoundException"
    assert refusal(served.moves, operation="CancelMessageMoveTask", TaskHandle="no handle")[0] == "InvalidParameterValue"
    assert served.moves("ListMessageMoveTasks", SourceArn=dead).get("Results", []) == []


def test_dead_letters_of_a_fifo_queue_go_and_come_back_in_order(served):
    url, _, dead = dead_lettering(served, "q.fifo", "dead.fifo", FifoQueue="true")
    for n in range(5):
        send(served, url, "a", str(n))
    kill(served, url)
    assert served.depth("dead.fifo") == (5, 0)
    served.moves("StartMessageMoveTask", SourceArn=dead)
    assert finished(served, dead)["Status"] == "COMPLETED"
    assert bodies(served.drain("q.fifo")) == [str(n) for n in range(5)]


def test_what_a_subscription_cannot_deliver_goes_to_its_dead_letter_queue(served):
    topic, url, subscription = wire(served, "t", "q")
    _, dead = served.queue("lost")
    redrive = json.dumps({"deadLetterTargetArn": dead})
    served.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="RedrivePolicy", AttributeValue=redrive
    )
    served.sqs.delete_queue(QueueUrl=url)
    published = served.sns.publish(TopicArn=topic, Message="to nobody", MessageAttributes={"a": text("b")})
    (message,) = served.drain("lost")
    body = json.loads(message["Body"])
    assert (body["MessageId"], body["Message"]) == (published["MessageId"], "to nobody")
