"""`replay` and `tail` where the bus is not ours (moto), and what they leave of a bus that is ours, looked at by boto3."""

import json
import signal

import pytest

from conftest import PATIENCE, text, until, wire

TYPED = {
    "plain": text("a b \u00e9"),
    "count": {"DataType": "Number", "StringValue": "5"},
    "price": {"DataType": "Number.float", "StringValue": "1.50"},
    "roles": {"DataType": "String.Array", "StringValue": '["x","y"]'},
    "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff\x01"},
    "image": {"DataType": "Binary.png", "BinaryValue": b"\x89PNG"},
}


def lines(done) -> list:
    return [json.loads(line) for line in done.stdout.splitlines()]


def event(n: int, name: str = "UserRegistered") -> str:
    metadata = {"EventName": name, "EntityName": "User", "EntityId": f"user-{n}", "PublisherName": "Userservice"}
    return json.dumps({"Metadata": metadata, "Payload": {"id": f"user-{n}", "n": n}})


def fill(bus, url: str, bodies, **more) -> None:
    for body in bodies:
        bus.sqs.send_message(QueueUrl=url, MessageBody=body, **more)


@pytest.fixture
def queues(moto):
    """`work`, which dead-letters into `dead`, and `other`: their URLs."""
    dead, arn = moto.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    work, _ = moto.queue("work", RedrivePolicy=redrive)
    other, _ = moto.queue("other")
    return {"work": work, "dead": dead, "other": other}


def bodies(bus, name: str) -> list:
    return sorted(message["Body"] for message in bus.drain(name))


def test_attributes_of_every_type_and_bodies_come_back_as_they_were(on_moto, moto, queues):
    body = '{"n": 1.50, "text": "\u00e9 \\u00e9 \\" \\n"}'
    moto.sqs.send_message(QueueUrl=queues["dead"], MessageBody=body, MessageAttributes=TYPED)
    on_moto.run("replay", "dead", "--yes")
    (message,) = moto.drain("work")
    assert message["Body"] == body
    seen = {name: {k: v for k, v in value.items() if k in ("DataType", "StringValue", "BinaryValue")}
            for name, value in message["MessageAttributes"].items()}
    assert seen == TYPED
    assert moto.depth("dead") == (0, 0)


def test_what_is_selected_goes_and_the_rest_is_given_back(on_moto, moto, queues):
    fill(moto, queues["dead"], [event(n, "UserRegistered" if n % 3 else "UserDeleted") for n in range(25)])
    done = lines(on_moto.run("replay", "dead", "--event", "UserDeleted", "--yes", "-o", "ndjson"))
    summary = done[-1]
    assert (summary["done"], summary["skipped"], summary["left"]) == (9, 16, 16)
    # At once, and not only when a visibility timeout is over.
    assert moto.depth("dead") == (16, 0) and moto.depth("work") == (9, 0)
    assert {json.loads(body)["Metadata"]["EventName"] for body in bodies(moto, "work")} == {"UserDeleted"}
    assert sorted(json.loads(b)["Payload"]["n"] for b in bodies(moto, "dead")) == [n for n in range(25) if n % 3]


def test_where_what_stays_could_be_dead_lettered_force_is_asked_for(on_moto, moto, queues):
    fill(moto, queues["work"], [event(1)])
    done = on_moto.run("replay", "work", "--to", "queue:other", "--event", "Nothing", "--yes", code=1)
    assert "--force" in done.stderr
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in moto.drain("work")} == {"1"}


def test_a_copy_leaves_what_is_there(on_moto, moto, queues):
    fill(moto, queues["dead"], [event(n) for n in range(7)])
    on_moto.run("replay", "dead", "--copy", "--to", "queue:other", "--yes")
    assert moto.depth("dead") == (7, 0)
    assert bodies(moto, "other") == bodies(moto, "dead") == sorted(event(n) for n in range(7))


def test_killed_and_resumed_nothing_is_lost_and_what_is_doubled_is_named(on_moto, moto, queues):
    count = 60
    fill(moto, queues["dead"], [event(n) for n in range(count)])
    named = set()
    process = on_moto.start("replay", "dead", "--yes", "-o", "ndjson", "--concurrency", "1", "--rate", "40")
    for _ in range(12):
        assert json.loads(process.stdout.readline())["outcome"] == "moved"
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)
    (journal,) = lines(on_moto.run("replay", "--journals"))
    assert journal["running"] is False
    resumed = lines(on_moto.run("replay", "--resume", "--yes", "-o", "ndjson", "--rate", "1000"))
    named |= set(resumed[-1]["possible_duplicates"])
    assert resumed[-1]["left"] == 0 and resumed[-1]["journal"] is None
    assert moto.depth("dead") == (0, 0)
    arrived = [json.loads(message["Body"])["Payload"]["n"] for message in moto.drain("work")]
    assert set(arrived) == set(range(count))
    # At this rate four go at once: no more than those were in flight.
    assert len(arrived) - count <= len(named) <= 4
    assert on_moto.run("replay", "--journals").stdout == ""


def test_fifo_groups_keep_their_order(on_moto, moto):
    dead, arn = moto.queue("dead.fifo", FifoQueue="true")
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    moto.queue("work.fifo", FifoQueue="true", RedrivePolicy=redrive)
    for n in range(24):
        moto.sqs.send_message(
            QueueUrl=dead, MessageBody=event(n), MessageGroupId=f"g{n % 3}", MessageDeduplicationId=f"d{n}"
        )
    on_moto.run("replay", "dead.fifo", "--yes")
    assert moto.depth("dead.fifo") == (0, 0)
    seen = {}
    for message in moto.drain("work.fifo"):
        number = json.loads(message["Body"])["Payload"]["n"]
        seen.setdefault(message["Attributes"]["MessageGroupId"], []).append(number)
    assert seen == {f"g{g}": list(range(g, 24, 3)) for g in range(3)}


@pytest.mark.parametrize("name", ["kept.ndjson", "kept.ndjson.zst"])
def test_through_a_recording_and_back(on_moto, moto, queues, name):
    for n in range(12):
        moto.sqs.send_message(QueueUrl=queues["dead"], MessageBody=event(n), MessageAttributes=TYPED)
    on_moto.run("replay", "dead", "--to", f"file:{name}", "--yes")
    assert moto.depth("dead") == (0, 0)
    on_moto.run("replay", name, "--to", "queue:other", "--yes")
    back = moto.drain("other")
    assert sorted(m["Body"] for m in back) == sorted(event(n) for n in range(12))
    assert all(m["MessageAttributes"]["bytes"]["BinaryValue"] == b"\x00\xff\x01" for m in back)


def test_published_again_to_a_topic_it_is_wrapped_once(on_moto, moto, queues):
    _, url, _ = wire(moto, "users", "inbox", RawMessageDelivery="false")
    moto.sns.publish(
        TopicArn=[t["TopicArn"] for t in moto.sns.list_topics()["Topics"]][0],
        Message=event(1),
        MessageAttributes={"eventName": text("UserRegistered")},
    )
    (wrapped,) = moto.drain("inbox")
    fill(moto, queues["dead"], [wrapped["Body"]])
    on_moto.run("replay", "dead", "--to", "topic:users", "--yes")
    (again,) = moto.drain("inbox")
    envelope = json.loads(again["Body"])
    assert envelope["Message"] == event(1)
    assert envelope["MessageAttributes"]["eventName"] == {"Type": "String", "Value": "UserRegistered"}
    assert url and envelope["MessageId"] != json.loads(wrapped["Body"])["MessageId"]


def test_a_tail_of_a_thousand_messages_changes_no_count_and_no_visibility(program, served):
    url, _ = served.queue("looked_at")
    for first in range(0, 1000, 10):
        entries = [{"Id": str(n), "MessageBody": event(first + n)} for n in range(10)]
        assert len(served.sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 10
    # Some are in flight meanwhile, and stay so.
    held = served.receive(url, VisibilityTimeout=300) + served.receive(url, VisibilityTimeout=300)
    assert served.depth("looked_at") == (980, 20)
    shown = lines(program.run("tail", "looked_at", "--count", "1000", "-o", "ndjson"))
    assert len({record["message"]["id"] for record in shown}) == 1000
    assert served.depth("looked_at") == (980, 20)
    for message in held:
        served.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    rest = served.drain("looked_at")
    assert len(rest) == 980
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in rest} == {"1"}
    assert not {m["MessageId"] for m in rest} & {m["MessageId"] for m in held}
    until(lambda: served.depth("looked_at") == (0, 0), "the queue is empty")
