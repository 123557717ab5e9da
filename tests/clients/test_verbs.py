"""The verbs against a server that is not ours: moto holds the bus, boto3 looks on. Every test asserts what was printed and
what the bus then holds. Queues stay short: moto slows with their depth."""

import json
import subprocess
import sys

import pytest

from conftest import ACCOUNT_MOTO, PATIENCE, REPOSITORY

TOPOLOGY = """\
version: 1
name: users
topics:
  users: {}
queues:
  user_events:
    visibility_timeout: 30s
    retention: 4d
    dead_letter: { queue: user_events_dlq, max_receives: 5 }
  user_events_dlq: { retention: 14d }
subscriptions:
  - topic: users
    queue: user_events
    filter: { eventName: [UserRegistered, UserRegistrationFailed] }
events:
  UserRegistered: { topic: users }
  UserRegistrationFailed: { topic: users }
  UserDeleted: { topic: users }
"""
CONFIG = "publisher: UserService\ntopology: topology.yaml\nconsume: { queue: user_events }\n"
ORACLE = REPOSITORY / "tests/fixtures/interop/python_reader.py"


@pytest.fixture
def project(on_moto):
    """A project whose bus is moto, not provisioned yet."""
    on_moto.write("topology.yaml", TOPOLOGY)
    on_moto.write("eventbus.yaml", CONFIG)
    return on_moto


@pytest.fixture
def provisioned(project):
    project.run("provision", "topology.yaml", "--yes")
    return project


def lines(text: str) -> list:
    return [json.loads(line) for line in text.splitlines()]


def payload(n: int) -> dict:
    return {"id": f"user-{n}", "email": f"{n}@example.org"}


def publish(program, numbers, event: str = "UserRegistered", **options) -> list:
    """Publishes payloads as NDJSON; returns the confirmations."""
    content = "".join(json.dumps(payload(n)) + "\n" for n in numbers)
    done = program.run("publish", event, "-", "--input", "ndjson", "-o", "ndjson", stdin=content, **options)
    return lines(done.stdout)


def envelope(message: dict) -> dict:
    """What a subscriber unwraps from a queue message."""
    return json.loads(json.loads(message["Body"])["Message"])


def test_a_verb_says_which_bus_it_talks_to(provisioned, moto):
    done = provisioned.run("publish", "UserRegistered", "-", stdin=json.dumps(payload(1)))
    assert moto.url in done.stderr and moto.url not in done.stdout


def test_provision_makes_what_the_file_says_and_nothing_the_second_time(project, moto):
    project.run("provision", "topology.yaml", "--dry-run")
    project.run("provision", "topology.yaml", "--check", code=6)
    assert moto.sns.list_topics()["Topics"] == [] and "QueueUrls" not in moto.sqs.list_queues()

    project.run("provision", "topology.yaml", code=2)  # no terminal to ask at
    assert moto.sns.list_topics()["Topics"] == []

    project.run("provision", "topology.yaml", "--yes")
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT_MOTO}:users"
    assert [t["TopicArn"] for t in moto.sns.list_topics()["Topics"]] == [topic]
    queue, dead = moto.attributes("user_events"), moto.attributes("user_events_dlq")
    assert (queue["VisibilityTimeout"], queue["MessageRetentionPeriod"]) == ("30", str(4 * 86400))
    assert dead["MessageRetentionPeriod"] == str(14 * 86400)
    redrive = json.loads(queue["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == dead["QueueArn"] and int(redrive["maxReceiveCount"]) == 5
    (subscription,) = moto.subscriptions("users")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("sqs", queue["QueueArn"])
    assert json.loads(subscription["FilterPolicy"]) == {"eventName": ["UserRegistered", "UserRegistrationFailed"]}
    assert subscription.get("RawMessageDelivery", "false") == "false"
    policy = json.loads(queue["Policy"])
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    (statement,) = [s for s in statements if topic in json.dumps(s["Condition"])]
    assert statement["Effect"] == "Allow" and "SendMessage" in json.dumps(statement["Action"])
    assert "sns.amazonaws.com" in json.dumps(statement["Principal"])
    for name in ["user_events", "user_events_dlq"]:
        assert moto.sqs.list_queue_tags(QueueUrl=moto.queue_url(name))["Tags"]["eventbus:topology"] == "users"
    tags = moto.sns.list_tags_for_resource(ResourceArn=topic)["Tags"]
    assert {"Key": "eventbus:topology", "Value": "users"} in tags

    project.run("provision", "topology.yaml", "--check")
    project.run("provision", "topology.yaml")  # nothing to do: nothing to ask
    assert moto.attributes("user_events") == queue and len(moto.subscriptions("users")) == 1


def test_provision_finds_drift_and_puts_it_back(provisioned, moto):
    url = moto.queue_url("user_events")
    moto.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "99"})
    (subscription,) = moto.subscriptions("users")
    moto.sns.set_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"], AttributeName="FilterPolicy", AttributeValue='{"eventName":["X"]}'
    )
    provisioned.run("provision", "topology.yaml", "--check", code=6)
    assert moto.attributes("user_events")["VisibilityTimeout"] == "99"

    # Twice: moto drops a queue's policy whenever another attribute of it is set.
    for _ in range(2):
        provisioned.run("provision", "topology.yaml", "--yes")
    provisioned.run("provision", "topology.yaml", "--check")
    assert moto.attributes("user_events")["VisibilityTimeout"] == "30"
    assert "Policy" in moto.attributes("user_events")
    (subscription,) = moto.subscriptions("users")
    assert json.loads(subscription["FilterPolicy"])["eventName"] == ["UserRegistered", "UserRegistrationFailed"]


def test_provision_leaves_the_statements_of_others_in_a_queue_policy(provisioned, moto):
    url, arn = moto.queue_url("user_events"), moto.attributes("user_events")["QueueArn"]
    own = json.loads(moto.attributes("user_events")["Policy"])["Statement"]
    foreign = {
        "Sid": "backup-job",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_MOTO}:root"},
        "Action": "sqs:ReceiveMessage",
        "Resource": arn,
    }
    alone = {"Version": "2012-10-17", "Statement": [foreign]}
    moto.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(alone)})
    provisioned.run("provision", "topology.yaml", "--check", code=6)
    provisioned.run("provision", "topology.yaml", "--yes")
    statements = json.loads(moto.attributes("user_events")["Policy"])["Statement"]
    assert foreign in statements and all(statement in statements for statement in own)
    assert len(statements) == 1 + len(own)
    provisioned.run("provision", "topology.yaml", "--check")


def test_publish_confirms_each_event_by_the_id_that_the_subscriber_sees(provisioned, moto):
    confirmed = publish(provisioned, range(23))
    assert len(confirmed) == 23 and len({line["message_id"] for line in confirmed}) == 23
    assert [line["input"] for line in confirmed] == [f"-:{n + 1}" for n in range(23)] or all(
        line["input"].endswith(f":{n + 1}") for n, line in enumerate(confirmed)
    )
    assert {(line["event"], line["topic"]) for line in confirmed} <= {
        ("UserRegistered", "users"),
        ("UserRegistered", f"arn:aws:sns:us-east-1:{ACCOUNT_MOTO}:users"),
    }
    assert [line["entity_id"] for line in confirmed] == [f"user-{n}" for n in range(23)]
    arrived = {json.loads(m["Body"])["MessageId"]: m for m in moto.drain("user_events")}
    assert set(arrived) == {line["message_id"] for line in confirmed}
    for n, line in enumerate(confirmed):
        event = envelope(arrived[line["message_id"]])
        assert event["Payload"] == payload(n)
        assert event["Metadata"]["EventName"] == "UserRegistered"
        assert event["Metadata"]["PublisherName"] == "UserService"
        assert event["Metadata"]["EntityId"] == f"user-{n}"
        seen = json.loads(arrived[line["message_id"]]["Body"])["MessageAttributes"]
        assert seen["eventName"] == {"Type": "String", "Value": "UserRegistered"}
        assert seen["publisherName"] == {"Type": "String", "Value": "UserService"}


def test_publish_keeps_the_payload_byte_for_byte(provisioned, moto):
    exact = '{"id":"7","z":1.50,"big":12345678901234567890123,"a":{"snake_key":1,"camelKey":2},"é":"\\u00e9 \U0001f680"}'
    provisioned.write("payload.json", exact)
    provisioned.run("publish", "UserRegistered", "payload.json")
    (message,) = moto.drain("user_events")
    assert exact in json.loads(message["Body"])["Message"]


def test_what_the_filter_stops_does_not_arrive(provisioned, moto):
    publish(provisioned, [1], "UserDeleted")
    publish(provisioned, [2], "UserRegistrationFailed")
    assert [envelope(m)["Metadata"]["EventName"] for m in moto.drain("user_events")] == ["UserRegistrationFailed"]


def test_attributes_reach_the_wire_with_their_types(provisioned, moto):
    typed = ["--attr", "team=a b", "--attr", "tries:=5", "--attr", 'roles:=["x","y"]']
    provisioned.run("publish", "UserRegistered", "-", *typed, stdin=json.dumps(payload(1)))
    (message,) = moto.drain("user_events")
    seen = json.loads(message["Body"])["MessageAttributes"]
    assert seen["team"] == {"Type": "String", "Value": "a b"}
    assert seen["tries"] == {"Type": "Number", "Value": "5"}
    assert seen["roles"]["Type"] == "String.Array" and json.loads(seen["roles"]["Value"]) == ["x", "y"]


def test_publish_to_a_topic_that_is_not_there_creates_none(provisioned, moto):
    done = provisioned.run("publish", "UserRegistered", "-", "--topic", "user", stdin=json.dumps(payload(1)), code=1)
    assert "user" in done.stderr
    assert len(moto.sns.list_topics()["Topics"]) == 1
    assert moto.depth("user_events") == (0, 0)


@pytest.mark.parametrize("style", ["pascal", "snake"])
def test_the_python_library_would_deliver_what_we_write(project, moto, style):
    project.write("eventbus.yaml", f"{CONFIG}envelope: {style}\n")
    project.run("provision", "topology.yaml", "--yes")
    publish(project, range(3))
    messages = moto.drain("user_events")
    assert len(messages) == 3
    for message in messages:
        judged = subprocess.run(
            [sys.executable, str(ORACLE)], input=message["Body"], capture_output=True, text=True, timeout=PATIENCE
        )
        assert "deliver" in judged.stdout, (judged.stdout, judged.stderr, message["Body"])


def test_tail_refuses_where_looking_could_dead_letter_and_touches_nothing(provisioned, moto):
    publish(provisioned, range(2))
    done = provisioned.run("tail", "user_events", "--mode", "receive", "--idle", "1s", code=1)
    assert "--force" in done.stderr and done.stdout == ""
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in moto.drain("user_events")} == {"1"}


def test_tail_taps_where_it_can_and_leaves_nothing_behind(provisioned, moto):
    publish(provisioned, range(2))
    process = provisioned.start("tail", "user_events", "--count", "1", "-o", "ndjson")
    while "is open" not in (said := process.stderr.readline()):
        assert said, "it ended"
    publish(provisioned, range(2, 3))
    stdout, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert [record["event"]["payload"]["id"] for record in lines(stdout)] == ["user-2"]
    assert not [url for url in moto.sqs.list_queues()["QueueUrls"] if "tap" in url]
    assert len(moto.subscriptions("users")) == 1
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in moto.drain("user_events")} == {"1"}


def test_tail_refuses_a_fifo_queue(project, moto):
    moto.sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})
    done = project.run("tail", "orders.fifo", "--idle", "1s", code=1)
    assert "--force" in done.stderr


def test_tail_force_shows_each_message_once_and_gives_all_of_them_back(provisioned, moto):
    sent = publish(provisioned, range(5))
    done = provisioned.run("tail", "user_events", "--force", "--idle", "1s", "-o", "ndjson")
    shown = lines(done.stdout)
    assert len(shown) == 5
    assert {record["event"]["payload"]["id"] for record in shown} == {f"user-{n}" for n in range(5)}
    assert {record["event"]["metadata"]["eventName"] for record in shown} == {"UserRegistered"}
    assert moto.depth("user_events") == (5, 0)
    arrived = moto.drain("user_events")
    assert {json.loads(m["Body"])["MessageId"] for m in arrived} == {line["message_id"] for line in sent}
    # Received once by tail, once by us: looking was not free, and cost exactly one receive.
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in arrived} == {"2"}


def test_tail_ended_by_a_signal_gives_back_what_it_held(provisioned, moto):
    publish(provisioned, range(3))
    process = provisioned.start("tail", "user_events", "--force", "-o", "ndjson")
    for _ in range(3):
        assert process.stdout.readline()
    assert moto.depth("user_events") == (0, 3)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert moto.depth("user_events") == (3, 0)


HANDLER = """\
#!/bin/sh
set -eu
cat >> seen.ndjson; echo >> seen.ndjson
echo "$EVENTBUS_EVENT_NAME $EVENTBUS_ENTITY_ID $EVENTBUS_QUEUE $EVENTBUS_SNS_MESSAGE_ID"
"""


def handler(program, text: str = HANDLER) -> str:
    program.write("handler.sh", text).chmod(0o755)
    return "./handler.sh"


def seen(program) -> list:
    return [json.loads(line) for line in (program.project / "seen.ndjson").read_text().splitlines() if line]


def test_consume_hands_every_event_over_and_deletes_it(provisioned, moto):
    sent = publish(provisioned, range(12))
    done = provisioned.run("consume", "--exec", handler(provisioned), "--count", "12")
    assert sorted(event["payload"]["id"] for event in seen(provisioned)) == sorted(f"user-{n}" for n in range(12))
    assert all(event["metadata"]["eventName"] == "UserRegistered" for event in seen(provisioned))
    assert sorted(done.stdout.splitlines()) == sorted(
        f"UserRegistered {line['entity_id']} user_events {line['message_id']}" for line in sent
    )
    assert moto.depth("user_events") == (0, 0) and moto.depth("user_events_dlq") == (0, 0)


def test_consume_drain_ends_when_nothing_is_left(provisioned, moto):
    publish(provisioned, range(3))
    provisioned.run("consume", "user_events", "--drain", "--", handler(provisioned))
    assert len(seen(provisioned)) == 3
    assert moto.depth("user_events") == (0, 0)


def test_consume_sends_a_rejected_event_to_the_dead_letter_queue_now(provisioned, moto):
    publish(provisioned, range(2))
    rejecting = HANDLER + 'case "$EVENTBUS_ENTITY_ID" in user-1) exit 65;; esac\n'
    provisioned.run("consume", "--exec", handler(provisioned, rejecting), "--count", "2")
    assert moto.depth("user_events") == (0, 0)
    (dead,) = moto.drain("user_events_dlq")
    assert envelope(dead)["Payload"]["id"] == "user-1"


def test_consume_keeps_what_failed(provisioned, moto):
    publish(provisioned, range(1))
    done = provisioned.run("consume", "--exec", handler(provisioned, HANDLER + "exit 9\n"), "--count", "1", "--fail-on-error", code=3)
    assert "9" in done.stderr
    waiting, in_flight = moto.depth("user_events")
    assert waiting + in_flight == 1


def test_consume_with_a_handler_that_does_not_exist_receives_nothing(provisioned, moto):
    publish(provisioned, range(1))
    provisioned.run("consume", "--count", "1", "--", "./no-such-handler", code=1)
    (message,) = moto.drain("user_events")
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def dead_letters(program, moto, numbers) -> None:
    """Puts events where they end that were received too often: a real wrapper, so a subscriber could read them."""
    publish(program, numbers)
    url, dead = moto.queue_url("user_events"), moto.queue_url("user_events_dlq")
    for message in moto.drain("user_events"):
        moto.sqs.send_message(QueueUrl=dead, MessageBody=message["Body"])
    assert moto.depth("user_events") == (0, 0) and url


def test_replay_takes_dead_letters_back_to_their_origin(provisioned, moto):
    dead_letters(provisioned, moto, range(12))
    done = provisioned.run("replay", "user_events_dlq", "--dry-run")
    assert moto.depth("user_events_dlq") == (12, 0) and moto.depth("user_events") == (0, 0), done.stdout
    provisioned.run("replay", "user_events_dlq", "--yes")
    assert moto.depth("user_events_dlq") == (0, 0)
    back = moto.drain("user_events")
    assert sorted(envelope(m)["Payload"]["id"] for m in back) == sorted(f"user-{n}" for n in range(12))


def test_replay_to_a_queue_takes_the_named_event_up_to_the_limit(provisioned, moto):
    dead_letters(provisioned, moto, range(4))
    publish(provisioned, [9], "UserRegistrationFailed")
    (failed,) = moto.drain("user_events")
    moto.sqs.send_message(QueueUrl=moto.queue_url("user_events_dlq"), MessageBody=failed["Body"])
    other = moto.sqs.create_queue(QueueName="inspection")["QueueUrl"]

    to = ["replay", "user_events_dlq", "--to", "queue:inspection", "--yes"]
    provisioned.run(*to, "--event", "UserRegistrationFailed")
    assert [envelope(m)["Payload"]["id"] for m in moto.drain("inspection")] == ["user-9"]
    assert moto.depth("user_events_dlq") == (4, 0)
    provisioned.run(*to, "--limit", "3")
    assert len(moto.drain("inspection")) == 3 and other
    assert moto.depth("user_events_dlq") == (1, 0)


def test_replay_to_a_queue_that_is_not_there_moves_and_creates_nothing(provisioned, moto):
    dead_letters(provisioned, moto, range(1))
    provisioned.run("replay", "user_events_dlq", "--to", "queue:missing", "--yes", code=1)
    assert moto.depth("user_events_dlq") == (1, 0)
    assert len(moto.sqs.list_queues()["QueueUrls"]) == 2


def test_two_programs_one_bus_consume_while_boto3_publishes(provisioned, moto):
    """A consumer that waits in a long poll gets what another client publishes, in the wrapper that client's topic makes."""
    process = provisioned.start("consume", "--exec", handler(provisioned), "--count", "1")
    moto.sns.publish(
        TopicArn=f"arn:aws:sns:us-east-1:{ACCOUNT_MOTO}:users",
        Message=json.dumps(
            {
                "Metadata": {
                    "EventName": "UserRegistered",
                    "PublisherName": "Userservice",
                    "EntityName": "User",
                    "EntityId": "from-boto3",
                },
                "Payload": {"id": "from-boto3"},
            }
        ),
        MessageAttributes={"eventName": {"DataType": "String", "StringValue": "UserRegistered"}},
    )
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr
    assert stdout.startswith("UserRegistered from-boto3 user_events ")
    assert moto.depth("user_events") == (0, 0)
