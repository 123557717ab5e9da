"""Real clients and servers around the real `eventbus`: what every file of this folder shares.

`EVENTBUS_BIN` names the program (cargo's test run sets it; by hand: target/debug/eventbus). Every server listens on 127.0.0.1 on
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

import boto3
import botocore.config
import pytest

# boto3 runs in this very process: nothing of the caller's may steer it.
for name in [n for n in os.environ if n.startswith("AWS_") or n.lower().endswith("_proxy")]:
    del os.environ[name]

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 60
REGION = "us-east-1"
ACCOUNT_MOTO = "123456789012"


def tool(name: str) -> str:
    """A program of the very environment that runs these tests."""
    path = pathlib.Path(sys.executable).parent / name
    if not path.exists():
        pytest.fail(f"{path} is missing: install tests/clients/requirements.txt into this environment")
    return str(path)


def binary() -> str:
    path = os.environ.get("EVENTBUS_BIN") or str(REPOSITORY / "target/debug/eventbus")
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
    """An environment in which no credential, config or proxy of the machine can be found."""
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
        **more,
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

    def queue_url(self, name: str) -> str:
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def attributes(self, name: str) -> dict:
        return self.sqs.get_queue_attributes(QueueUrl=self.queue_url(name), AttributeNames=["All"])["Attributes"]

    def depth(self, name: str) -> tuple:
        """How many messages wait, and how many are in flight."""
        seen = self.attributes(name)
        return int(seen["ApproximateNumberOfMessages"]), int(seen["ApproximateNumberOfMessagesNotVisible"])

    def drain(self, name: str) -> list:
        """Receives and deletes whatever can be received now."""
        url = self.queue_url(name)
        messages = []
        while True:
            got = self.sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            ).get("Messages", [])
            if not got:
                return messages
            for message in got:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            messages += got

    def subscriptions(self, topic_name: str) -> list:
        """The subscriptions of a topic, with their attributes."""
        topics = [t["TopicArn"] for t in self.sns.list_topics()["Topics"]]
        (arn,) = [t for t in topics if t.rsplit(":", 1)[1] == topic_name]
        listed = self.sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
        return [
            {**entry, **self.sns.get_subscription_attributes(SubscriptionArn=entry["SubscriptionArn"])["Attributes"]}
            for entry in listed
        ]


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


@pytest.fixture
def moto(moto_server):
    """The moto server, empty, as boto3 sees it."""
    import urllib.request

    request = urllib.request.Request(f"{moto_server}/moto-api/reset", method="POST")
    urllib.request.urlopen(request, timeout=PATIENCE).close()
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
