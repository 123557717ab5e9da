"""`topology export` judged by the tools of those who made the languages, and `topology pull` on a server that is not ours."""

import json
import subprocess

from conftest import PATIENCE, REPOSITORY, TARGET, hermetic, node, tool

TOPOLOGY = """\
version: 1
name: shop
topics:
  orders: { display_name: "Orders & more", tags: { team: core } }
  users:
    policy:
      - { Sid: partners, Effect: Allow, Principal: { AWS: "arn:aws:iam::111122223333:root" }, Action: "sns:Subscribe", Resource: "*" }
  ledger.fifo: { content_deduplication: true }
queues:
  order_events:
    visibility_timeout: 90s
    retention: 10d
    delay: 5s
    dead_letter: { queue: order_events_dlq, max_receives: 3 }
    tags: { team: orders, "yes": "no" }
  order_events_dlq: { retention: 14d, redrive_allow: [order_events] }
  everything: {}
  ledger.fifo: { content_deduplication: true }
subscriptions:
  - topic: orders
    queue: order_events
    filter: { eventName: [OrderPlaced, { prefix: Order }], amount: [{ numeric: [">", 10, "<=", 99] }] }
    dead_letter: order_events_dlq
  - { topic: orders, queue: everything, raw: true }
  - { topic: users, queue: everything, scope: body, filter: { Payload: { Country: [DE] } } }
  - { topic: ledger.fifo, queue: ledger.fifo }
events:
  OrderPlaced: { topic: orders }
  UserRegistered: { topic: users }
"""
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "OrderPlaced",
    "description": "Somebody bought something.",
    "type": "object",
    "properties": {"id": {"$ref": "#/$defs/id"}, "lines": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["id"],
    "$defs": {"id": {"type": "string", "format": "uuid"}},
}


def exported(program, language: str) -> str:
    program.write("topology.yaml", TOPOLOGY)
    program.write("schemas/OrderPlaced.json", json.dumps(SCHEMA))
    return program.run("topology", "export", language).stdout


def test_cfn_lint_finds_nothing_wrong_with_the_template(on_moto, place):
    template = place / "template.json"
    template.write_text(exported(on_moto, "cloudformation"))
    # I: remarks on style, such as that a resource has no deletion policy.
    command = [tool("cfn-lint"), "--non-zero-exit-code", "warning", "--regions", "eu-west-1", "--", template]
    done = subprocess.run(command, env=hermetic(place / "home"), capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_asyncapi_parser_reads_the_document(on_moto, place):
    modules = TARGET / "clients-js/node_modules"
    assert modules.is_dir(), f"{modules} is missing: `bash .ci/run clients` installs it"
    command = [node(), REPOSITORY / "tests/clients/js/asyncapi.js"]
    env = hermetic(place / "home", NODE_PATH=str(modules))
    text = exported(on_moto, "asyncapi")
    done = subprocess.run(command, input=text, env=env, capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "channels 7, operations 4, messages 2" in done.stdout, done.stdout


def test_what_is_pulled_from_moto_plans_as_no_changes(on_moto):
    on_moto.write("topology.yaml", TOPOLOGY)
    on_moto.run("provision", "topology.yaml", "--yes")
    on_moto.run("topology", "pull", "--out", "pulled.yaml")
    on_moto.run("provision", "pulled.yaml", "--check")
