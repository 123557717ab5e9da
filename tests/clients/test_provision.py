"""`provision` against a server that is not ours: what one file left, another one converges from, on moto as on the embedded bus."""

import json
from pathlib import Path

from conftest import ACCOUNT_MOTO

# No `redrive_allow`: moto's server forgets that attribute.
FIRST = """\
version: 1
name: corpus
topics:
  users: { display_name: Users, tags: { team: a } }
  gone: {}
  orders.fifo: { content_deduplication: true }
queues:
  events:
    visibility_timeout: 45s
    dead_letter: { queue: dead, max_receives: 5 }
    tags: { team: a }
  dead: { retention: 14d }
  old: { delay: 5s }
  orders.fifo: {}
subscriptions:
  - { topic: users, queue: events, filter: { eventName: [A, B] } }
  - { topic: users, queue: old, raw: true }
  - { topic: gone, queue: events }
  - { topic: orders.fifo, queue: orders.fifo, raw: true }
"""
SECOND = """\
version: 1
name: corpus
topics:
  users: { display_name: People }
  fresh: {}
  orders.fifo: { content_deduplication: true }
queues:
  events:
    receive_wait: 10s
    policy: [{ Sid: own, Effect: Deny, Principal: '*', Action: 'sqs:*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }]
    tags: { team: b }
  dead: { retention: 14d }
  orders.fifo: {}
subscriptions:
  - { topic: users, queue: events, filter: { a: { b: [c] } }, scope: body, raw: true }
  - { topic: fresh, queue: events, filter: { eventName: [A] } }
  - { topic: orders.fifo, queue: orders.fifo }
"""


def queues(moto) -> list:
    return sorted(url.rsplit("/", 1)[1] for url in moto.sqs.list_queues().get("QueueUrls", []))


def topics(moto) -> list:
    return sorted(topic["TopicArn"].rsplit(":", 1)[1] for topic in moto.sns.list_topics()["Topics"])


def apply(program, text: str, name: str = "topology.yaml", *more: str) -> None:
    """Applies with `--prune`; then nothing is left to do. moto forgets a queue's policy when it changes, so twice."""
    program.write(name, text)
    for _ in range(2):
        program.run("provision", name, "--prune", "--yes", *more)
    program.run("provision", name, "--prune", "--check")


def test_one_file_then_another_then_the_first(on_moto, moto):
    moto.sqs.create_queue(QueueName="by-hand")
    for _ in range(2):
        apply(on_moto, FIRST)
        assert queues(moto) == ["by-hand", "dead", "events", "old", "orders.fifo"]
        assert topics(moto) == ["gone", "orders.fifo", "users"]
        assert moto.attributes("events")["VisibilityTimeout"] == "45"
        assert json.loads(moto.attributes("events")["RedrivePolicy"])["maxReceiveCount"] in (5, "5")
        raw = {s["Endpoint"].rsplit(":", 1)[1]: s.get("RawMessageDelivery", "false") for s in moto.subscriptions("users")}
        assert {queue: value.lower() for queue, value in raw.items()} == {"events": "false", "old": "true"}

        apply(on_moto, SECOND)
        assert queues(moto) == ["by-hand", "dead", "events", "orders.fifo"]
        assert topics(moto) == ["fresh", "orders.fifo", "users"]
        assert moto.attributes("events")["VisibilityTimeout"] == "30"
        assert not moto.attributes("events").get("RedrivePolicy")
        (subscription,) = moto.subscriptions("users")
        assert json.loads(subscription["FilterPolicy"]) == {"a": {"b": ["c"]}}
        assert subscription["FilterPolicyScope"] == "MessageBody"
        policy = json.loads(moto.attributes("events")["Policy"])
        assert sorted(statement["Sid"] for statement in policy["Statement"]) == ["eventbus-topics", "own"]
        (ours,) = [statement for statement in policy["Statement"] if statement["Sid"] != "own"]
        senders = ours["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert sorted(arn.rsplit(":", 1)[1] for arn in senders) == ["fresh", "users"]
    on_moto.run("provision", "--destroy", "--yes")
    assert queues(moto) == ["by-hand"] and topics(moto) == []


def test_topologies_that_nobody_thought_of(on_moto):
    """Each after the one before it; the embedded bus converges on the same files in `cargo test`."""
    corpus = sorted((Path(__file__).parent.parent / "fixtures" / "topologies").glob("*.yaml"))
    assert len(corpus) >= 20
    # Where a retention is shortened, which is asked about even where nothing waits.
    confirmed = [f"--confirm={queue}" for queue in ("q0", "q1", "q2", "q3", "q4", "q5.fifo", "q6.fifo")]
    for file in corpus:
        apply(on_moto, file.read_text(), file.name, *confirmed)


def test_messages_are_kept_until_their_queue_is_named(on_moto, moto):
    apply(on_moto, FIRST)
    moto.sqs.send_message(QueueUrl=moto.queue_url("old"), MessageBody="x", DelaySeconds=0)
    on_moto.write("topology.yaml", SECOND)
    refused = on_moto.run("provision", "--prune", "--yes", code=2)
    assert "--confirm old" in refused.stderr
    assert "old" in queues(moto)
    on_moto.run("provision", "--prune", "--confirm", "old")
    assert "old" not in queues(moto)


def test_the_wrong_account_is_refused(on_moto, moto):
    on_moto.write("topology.yaml", FIRST)
    on_moto.write(
        "eventbus.yaml",
        f"contexts:\n  here: {{ kind: aws, endpoint_url: {moto.url}, region: us-east-1, account: '999999999999' }}\n",
    )
    on_moto.flags = ["--context", "here"]
    refused = on_moto.run("provision", "--yes", code=5)
    assert "999999999999" in refused.stderr and ACCOUNT_MOTO in refused.stderr
    assert topics(moto) == []
