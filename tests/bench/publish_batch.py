"""Publishes a file of NDJSON payloads by boto3's publish_batch in eight threads; prints the seconds it took.

Interpreter, clients and the batches themselves are there before the clock starts.
"""

import json
import sys
import threading
import time

import boto3
from botocore.config import Config

THREADS = 8
url, topic, path = sys.argv[1:]


def client():
    return boto3.client(
        "sns",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(max_pool_connections=2),
    )


def entry(number, line):
    payload = json.loads(line)
    message = json.dumps({"Metadata": {"EventName": "UserRegistered", "EntityId": payload["id"]}, "Payload": payload})
    attributes = {
        name: {"DataType": "String", "StringValue": value}
        for name, value in (("eventName", "UserRegistered"), ("entityName", "UserRegistered"), ("publisherName", "Bench"))
    }
    return {"Id": str(number), "Message": message, "MessageAttributes": attributes}


with open(path) as file:
    lines = file.read().splitlines()
batches = [[entry(n, line) for n, line in enumerate(lines[at : at + 10])] for at in range(0, len(lines), 10)]
clients = [client() for _ in range(THREADS)]
for one in clients:
    # One connection each is open already.
    one.list_topics()
failed = []


def publish(number):
    for batch in batches[number::THREADS]:
        failed.extend(clients[number].publish_batch(TopicArn=topic, PublishBatchRequestEntries=batch)["Failed"])


threads = [threading.Thread(target=publish, args=(number,)) for number in range(THREADS)]
began = time.perf_counter()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
took = time.perf_counter() - began
assert not failed, failed[:1]
print(took)
