"""The aws CLI, as a person types it, against `eventbus local serve`, and the same against moto."""

import json
import subprocess

import pytest

from conftest import PATIENCE, REGION, hermetic, tool


class Aws:
    def __init__(self, url: str, home):
        self.url = url
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        self.env = hermetic(home, AWS_PAGER="", AWS_DEFAULT_REGION=REGION, AWS_MAX_ATTEMPTS="1", **keys)

    def ask(self, *args: str) -> subprocess.CompletedProcess:
        command = [tool("aws"), "--endpoint-url", self.url, "--output", "json", *args]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=PATIENCE)

    def __call__(self, *args: str):
        """The answer as JSON, `None` for an empty one."""
        done = self.ask(*args)
        assert done.returncode == 0, f"aws {' '.join(args)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def aws(bus, place):
    return Aws(bus.url, place / "home")


def test_topic_queue_filtered_subscription_publish_receive_delete(aws):
    topic = aws("sns", "create-topic", "--name", "users")["TopicArn"]
    url = aws("sqs", "create-queue", "--queue-name", "user_events", "--attributes", "VisibilityTimeout=120")["QueueUrl"]
    queue = aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert queue["VisibilityTimeout"] == "120"
    attributes = json.dumps({"FilterPolicy": '{"eventName": ["UserRegistered"]}'})
    subscribe = ["--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", queue["QueueArn"]]
    made = aws("sns", "subscribe", *subscribe, "--attributes", attributes, "--return-subscription-arn")
    assert aws("sns", "get-subscription-attributes", "--subscription-arn", made["SubscriptionArn"])["Attributes"][
        "FilterPolicy"
    ] == '{"eventName": ["UserRegistered"]}'

    for name in ["UserDeleted", "UserRegistered"]:
        named = json.dumps({"eventName": {"DataType": "String", "StringValue": name}})
        sent = aws("sns", "publish", "--topic-arn", topic, "--message", f"{name}!", "--message-attributes", named)
        assert sent["MessageId"]

    receive = ["sqs", "receive-message", "--queue-url", url, "--wait-time-seconds", "20", "--max-number-of-messages", "10"]
    (message,) = aws(*receive)["Messages"]
    assert json.loads(message["Body"])["Message"] == "UserRegistered!"
    assert json.loads(message["Body"])["MessageId"] == sent["MessageId"]
    aws("sqs", "delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])
    counts = aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert (counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")

    aws("sns", "unsubscribe", "--subscription-arn", made["SubscriptionArn"])
    aws("sns", "delete-topic", "--topic-arn", topic)
    aws("sqs", "delete-queue", "--queue-url", url)
    assert aws("sns", "list-topics")["Topics"] == []
    assert (aws("sqs", "list-queues") or {}).get("QueueUrls", []) == []


def test_batches_and_refusals(aws):
    url = aws("sqs", "create-queue", "--queue-name", "q")["QueueUrl"]
    entries = json.dumps([{"Id": str(n), "MessageBody": f"message {n}"} for n in range(3)])
    sent = aws("sqs", "send-message-batch", "--queue-url", url, "--entries", entries)
    assert sorted(entry["Id"] for entry in sent["Successful"]) == ["0", "1", "2"]
    got = aws("sqs", "receive-message", "--queue-url", url, "--max-number-of-messages", "10")["Messages"]
    assert sorted(message["Body"] for message in got) == ["message 0", "message 1", "message 2"]
    handles = json.dumps([{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(got)])
    deleted = aws("sqs", "delete-message-batch", "--queue-url", url, "--entries", handles)
    assert len(deleted["Successful"]) == 3

    refused = aws.ask("sqs", "get-queue-url", "--queue-name", "missing")
    assert refused.returncode != 0 and "NonExistentQueue" in refused.stderr
    refused = aws.ask("sns", "publish", "--topic-arn", f"arn:aws:sns:{REGION}:123456789012:missing", "--message", "x")
    assert refused.returncode != 0 and "NotFound" in refused.stderr
