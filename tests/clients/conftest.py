"""Real clients and servers around the real `eventbus`: what every file of this folder shares.

Everything here also runs on boto3 1.24 (see test_boto3_of_2022.py), so it asks for nothing but boto3 and pytest. `EVENTBUS_BIN` names the program (cargo's test run sets it; by hand: target/debug/eventbus). Every server listens on 127.0.0.1 on
a free port, is waited for by connecting to it, never longer than PATIENCE, and is ended by its process id. Nothing of the
caller's environment reaches a program under test but PATH.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
import pytest

# boto3 runs in this very process: nothing of the caller's may steer it.
for name in [n for n in os.environ if n.startswith("AWS_") or n.lower().endswith("_proxy")]:
    del os.environ[name]

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
PATIENCE = 60
REGION = "us-east-1"
ACCOUNT_MOTO = "123456789012"


def tool(name: str) -> str:
    """A program of the very environment that runs these tests."""
    path = pathlib.Path(sys.executable).parent / name
    if not path.exists():
        pytest.fail(f"{path} is missing: install tests/clients/requirements.txt into this environment")
    return str(path)


def node() -> str:
    """Node.js: of this environment where the machine has none that the SDK supports, see `.ci/run`."""
    own = pathlib.Path(sys.executable).parent / "node"
    found = str(own) if own.exists() else shutil.which("node")
    return found or pytest.fail("Node.js is missing: `bash .ci/run clients` installs it")


def binary() -> str:
    path = os.environ.get("EVENTBUS_BIN") or str(TARGET / "debug/eventbus")
    if not os.access(path, os.X_OK):
        pytest.fail(f"{path} is not there: `cargo build`, or set EVENTBUS_BIN")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, process: subprocess.Popen, log: pathlib.Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    end(process)
    pytest.fail(f"no server on port {port}; it printed:\n{log.read_text()}")


def until(true, what: str) -> None:
    """Asks again and again until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.02)


def end(process: subprocess.Popen) -> None:
    """Ends one process, by its id, kindly first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def hermetic(home: pathlib.Path, **more: str) -> dict:
    """An environment in which no credential, config or proxy of the machine can be found; bytecode is kept where ours is."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "AWS_CONFIG_FILE": str(home / "no-aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-aws-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "PYTHONPYCACHEPREFIX": sys.pycache_prefix or "",
        **more,
    }


def structure(**members: str) -> dict:
    return {"type": "structure", "members": {name: {"shape": shape} for name, shape in members.items()}}


# As botocore 1.31.60 has them, one of the last that spoke the Query protocol to SQS.
MOVE_SHAPES = {
    "Long": {"type": "long"},
    "StartMessageMoveTaskRequest": structure(
        SourceArn="String", DestinationArn="String", MaxNumberOfMessagesPerSecond="Integer"
    ),
    "StartMessageMoveTaskResult": structure(TaskHandle="String"),
    "CancelMessageMoveTaskRequest": structure(TaskHandle="String"),
    "CancelMessageMoveTaskResult": structure(ApproximateNumberOfMessagesMoved="Long"),
    "ListMessageMoveTasksRequest": structure(SourceArn="String", MaxResults="Integer"),
    "ListMessageMoveTasksResult": structure(Results="ListMessageMoveTasksResultEntryList"),
    "ListMessageMoveTasksResultEntryList": {
        "type": "list",
        "member": {"shape": "ListMessageMoveTasksResultEntry", "locationName": "ListMessageMoveTasksResultEntry"},
        "flattened": True,
    },
    "ListMessageMoveTasksResultEntry": structure(
        TaskHandle="String",
        Status="String",
        SourceArn="String",
        DestinationArn="String",
        MaxNumberOfMessagesPerSecond="Integer",
        ApproximateNumberOfMessagesMoved="Long",
        ApproximateNumberOfMessagesToMove="Long",
        FailureReason="String",
        StartedTimestamp="Long",
    ),
}


class Bus:
    """An SNS/SQS endpoint, looked at through boto3."""

    def __init__(self, url: str, retries: int = 0):
        self.url = url
        config = botocore.config.Config(retries={"total_max_attempts": 1 + retries}, read_timeout=PATIENCE)
        keys = {
            "endpoint_url": url,
            "region_name": REGION,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": config,
        }
        self.sns = boto3.client("sns", **keys)
        self.sqs = boto3.client("sqs", **keys)
        self.sts = boto3.client("sts", **keys)
        # The name since 2024; before, the same was asked for as `AttributeNames`.
        receiving = self.sqs.meta.service_model.operation_model("ReceiveMessage").input_shape.members
        self.system = next(n for n in ("MessageSystemAttributeNames", "AttributeNames") if n in receiving)

    def queue_url(self, name: str) -> str:
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def attributes(self, name: str) -> dict:
        return self.sqs.get_queue_attributes(QueueUrl=self.queue_url(name), AttributeNames=["All"])["Attributes"]

    def depth(self, name: str) -> tuple:
        """How many messages wait, and how many are in flight."""
        seen = self.attributes(name)
        return int(seen["ApproximateNumberOfMessages"]), int(seen["ApproximateNumberOfMessagesNotVisible"])

    def queue(self, name: str, **attributes: str) -> tuple:
        """A new queue's URL and ARN."""
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        got = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, got["Attributes"]["QueueArn"]

    def receive(self, url: str, **options) -> list:
        """Up to ten messages with all there is about them."""
        asked = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], self.system: ["All"], **options}
        return self.sqs.receive_message(QueueUrl=url, **asked).get("Messages", [])

    def drain(self, name: str) -> list:
        """Receives and deletes whatever can be received now."""
        url = self.queue_url(name)
        messages = []
        while got := self.receive(url):
            for message in got:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            messages += got
        return messages

    def moves(self, operation: str, **arguments):
        """One of the three operations about tasks that move messages. boto3 1.24 is older than they are: there its model is
        given what the last boto3 of the Query protocol knew of them, and its own serializer, signer and parser do the rest."""
        known = self.sqs.meta.service_model._service_description
        if operation not in known["operations"]:
            known["shapes"] |= MOVE_SHAPES
            known["operations"][operation] = {
                "name": operation,
                "http": {"method": "POST", "requestUri": "/"},
                "input": {"shape": f"{operation}Request"},
                "output": {"shape": f"{operation}Result", "resultWrapper": f"{operation}Result"},
            }
        return self.sqs._make_api_call(operation, arguments)

    def subscriptions(self, topic_name: str) -> list:
        """The subscriptions of a topic, with their attributes."""
        topics = [t["TopicArn"] for t in self.sns.list_topics()["Topics"]]
        (arn,) = [t for t in topics if t.rsplit(":", 1)[1] == topic_name]
        listed = self.sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
        return [
            {**entry, **self.sns.get_subscription_attributes(SubscriptionArn=entry["SubscriptionArn"])["Attributes"]}
            for entry in listed
        ]


def text(value: str) -> dict:
    """A message attribute."""
    return {"DataType": "String", "StringValue": value}


def refusal(call, **arguments) -> tuple:
    """The error code and HTTP status that a call is refused with."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def allow(bus: Bus, queue_url: str, queue_arn: str, topic_arn: str) -> None:
    """The queue policy without which AWS delivers nothing."""
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "topic",
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }
    bus.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})


def wire(bus: Bus, topic: str, queue: str, **attributes: str) -> tuple:
    """A topic, a queue that lets it send, and a subscription: their ARNs and the queue's URL. FIFO where the names say so."""
    fifo = topic.endswith(".fifo")
    topic_arn = bus.sns.create_topic(Name=topic, Attributes={"FifoTopic": "true"} if fifo else {})["TopicArn"]
    url, queue_arn = bus.queue(queue, **({"FifoQueue": "true"} if queue.endswith(".fifo") else {}))
    allow(bus, url, queue_arn, topic_arn)
    made = bus.sns.subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn, Attributes=attributes, ReturnSubscriptionArn=True
    )
    return topic_arn, url, made["SubscriptionArn"]


@pytest.fixture
def place(tmp_path_factory):
    """A folder with `project` and `home`, removed afterwards whether or not the test passed."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="eventbus-clients-"))
    (root / "project").mkdir()
    (root / "home").mkdir()
    yield root
    shutil.rmtree(root)


class Program:
    """`eventbus` in one throw-away project."""

    def __init__(self, root: pathlib.Path, **env: str):
        self.project = root / "project"
        self.env = hermetic(root / "home", **env)
        self.flags = []
        self.running = []

    def command(self, *args: str) -> list:
        return [binary(), *self.flags, *map(str, args)]

    def start(self, *args: str, **options) -> subprocess.Popen:
        process = subprocess.Popen(
            self.command(*args),
            cwd=self.project,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        self.running.append(process)
        return process

    def run(self, *args: str, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess:
        done = subprocess.run(
            self.command(*args), cwd=self.project, env=self.env, input=stdin, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == code, (
            f"{' '.join(map(str, args))}: exit {done.returncode}, not {code}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
        )
        return done

    def write(self, name: str, content) -> pathlib.Path:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def close(self):
        for process in self.running:
            end(process)
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()


@pytest.fixture
def program(place):
    made = Program(place)
    yield made
    made.close()


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory):
    """One moto server for the session; its state is emptied before every test that asks for `moto`."""
    folder = tmp_path_factory.mktemp("moto")
    log = folder / "log"
    port = free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            [tool("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
            env=hermetic(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    wait_for_port(port, process, log)
    yield f"http://127.0.0.1:{port}"
    end(process)


def forget(moto_url: str) -> None:
    """Empties a moto server."""
    request = urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST")
    urllib.request.urlopen(request, timeout=PATIENCE).close()


@pytest.fixture
def moto(moto_server):
    """The moto server, empty, as boto3 sees it."""
    forget(moto_server)
    return Bus(moto_server)


@pytest.fixture
def on_moto(program, moto):
    """`eventbus --endpoint-url MOTO …`."""
    program.flags = ["--endpoint-url", moto.url]
    return program


@pytest.fixture
def served(program):
    """`eventbus local serve --port 0`, as boto3 sees it."""
    process = program.start("local", "serve", "--port", "0")
    for line in process.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            return Bus(found.group())
    pytest.fail(f"`local serve` printed no URL: {process.stderr.read()}")


@pytest.fixture(params=["eventbus", "moto"])
def bus(request):
    """Either endpoint: what holds of the independent one has to hold of ours, so no test can be right about ours alone."""
    return request.getfixturevalue({"eventbus": "served", "moto": "moto"}[request.param])
