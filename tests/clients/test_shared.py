"""One bus file, several programs: the verbs of a project and, through `local serve`, boto3 and the aws CLI beside them."""

import json
import pathlib
import subprocess

import pytest

from conftest import PATIENCE, REPOSITORY, hermetic, tool


@pytest.fixture
def project(program):
    """What `init` writes, provisioned on the embedded bus."""
    program.run("init", "--yes")
    program.run("provision", "topology.yaml", "--yes")
    return program


def test_boto3_receives_what_the_shell_published(project, served):
    done = project.run("publish", "UserRegistered", "payload.json", "-o", "ndjson")
    (message,) = served.drain("user_events")
    body = json.loads(message["Body"])
    assert body["MessageId"] == json.loads(done.stdout)["message_id"]
    assert json.loads(body["Message"])["Payload"] == json.loads((project.project / "payload.json").read_text())
    assert project.run("tail", "user_events", "--idle", "10ms", "-o", "ndjson").stdout == ""


def test_a_waiting_consumer_gets_what_boto3_publishes(project, served):
    process = project.start("consume", "--count", "1", "--", "./handler.sh")
    (topic,) = [t["TopicArn"] for t in served.sns.list_topics()["Topics"]]
    event = {"metadata": {"event_name": "UserRegistered", "publisher_name": "x", "entity_name": "y", "entity_id": "from-boto3"}}
    served.sns.publish(
        TopicArn=topic,
        Message=json.dumps({**event, "payload": {"id": "from-boto3"}}),
        MessageAttributes={"eventName": {"DataType": "String", "StringValue": "UserRegistered"}},
    )
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr
    assert stdout.startswith("UserRegistered for from-boto3 ")
    assert served.depth("user_events") == (0, 0)


def test_tail_on_the_embedded_bus_changes_nothing_that_boto3_could_see(project, served):
    project.run("publish", "UserRegistered", "payload.json")
    for _ in range(2):
        assert len(project.run("tail", "user_events", "--idle", "10ms", "-o", "ndjson").stdout.splitlines()) == 1
    assert served.depth("user_events") == (1, 0)
    (message,) = served.drain("user_events")
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_the_verbs_against_the_served_endpoint_are_the_same_bus(project, served):
    project.flags = ["--endpoint-url", served.url]
    project.run("publish", "UserRegistered", "payload.json")
    project.flags = []
    assert len(project.run("tail", "user_events", "--idle", "10ms", "-o", "ndjson").stdout.splitlines()) == 1


def test_the_lines_of_the_readme_that_point_the_aws_cli_at_the_server(project, served, place):
    """Run as they stand there, but for the port. By flag and not by AWS_ENDPOINT_URL, since version 1 of the aws CLI ignores that
    for SQS and goes to AWS."""
    readme = (REPOSITORY / "README.md").read_text()
    (block,) = [b.split("```")[0] for b in readme.split("```sh\n") if "aws --endpoint-url" in b]
    script = block.replace("http://127.0.0.1:4566", served.url)
    assert script != block
    env = hermetic(place / "home")
    env["PATH"] = f"{pathlib.Path(tool('aws')).parent}:{env['PATH']}"
    listed = subprocess.run(["sh", "-ec", script], env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert listed.returncode == 0, listed.stderr
    names = [url.rsplit("/", 1)[1] for url in json.loads(listed.stdout)["QueueUrls"]]
    assert sorted(names) == ["user_events", "user_events_dlq"]
