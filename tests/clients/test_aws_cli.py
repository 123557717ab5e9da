"""The aws CLI, as a person types it, against `eventbus local serve`.

Every command is a process of nearly a second, so few commands carry much. Not here: MD5s of attributes, more refusals, and the same
asked of moto; test_boto3.py has all that, and this CLI stands on the same botocore.
"""

import json
import subprocess

import pytest

from conftest import PATIENCE, REGION, hermetic, tool, until


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
def aws(served, place):
    return Aws(served.url, place / "home")


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


def test_fifo_dead_letters_and_the_task_that_moves_them_back(aws, served):
    fifo = "FifoQueue=true,ContentBasedDeduplication=true"
    topic = aws("sns", "create-topic", "--name", "t.fifo", "--attributes", "FifoTopic=true,ContentBasedDeduplication=true")["TopicArn"]
    aws("sqs", "create-queue", "--queue-name", "dead.fifo", "--attributes", fifo)
    dead = served.attributes("dead.fifo")["QueueArn"]
    url = aws("sqs", "create-queue", "--queue-name", "q.fifo", "--attributes", fifo)["QueueUrl"]
    redrive = json.dumps({"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})})
    aws("sqs", "set-queue-attributes", "--queue-url", url, "--attributes", redrive)
    subscribe = ["--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", served.attributes("q.fifo")["QueueArn"]]
    aws("sns", "subscribe", *subscribe, "--attributes", "RawMessageDelivery=true")

    entries = [{"Id": str(n), "Message": message, "MessageGroupId": "a"} for n, message in enumerate(["1", "2", "1"])]
    assert len(aws("sns", "publish-batch", "--topic-arn", topic, "--publish-batch-request-entries", json.dumps(entries))["Successful"]) == 3
    receive = ["sqs", "receive-message", "--queue-url", url, "--max-number-of-messages", "10", "--attribute-names", "All"]
    got = aws(*receive)["Messages"]
    assert [(m["Body"], m["Attributes"]["MessageGroupId"]) for m in got] == [("1", "a"), ("2", "a")]
    for message in got:
        handle = ["--receipt-handle", message["ReceiptHandle"]]
        aws("sqs", "change-message-visibility", "--queue-url", url, *handle, "--visibility-timeout", "0")
    assert aws(*receive) is None and served.depth("dead.fifo") == (2, 0)

    assert aws("sqs", "start-message-move-task", "--source-arn", dead)["TaskHandle"]
    until(lambda: served.depth("q.fifo") == (2, 0), "the dead letters are back")
    (task,) = aws("sqs", "list-message-move-tasks", "--source-arn", dead)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    assert [m["Body"] for m in aws(*receive)["Messages"]] == ["1", "2"]
