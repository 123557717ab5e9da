"""Moves messages as one would with boto3: receive, send and delete in tens, in so many threads. Prints the seconds it took.

move.py URL FROM TO MESSAGES THREADS
"""

import sys
import threading
import time

import boto3
import botocore.config

url, source, target, messages, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
sqs = boto3.client(
    "sqs",
    endpoint_url=url,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=botocore.config.Config(max_pool_connections=threads),
)
source, target = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in (source, target))
left = messages
lock = threading.Lock()


def move() -> None:
    global left
    while True:
        with lock:
            if left <= 0:
                return
        received = sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        batch = received.get("Messages", [])
        if not batch:
            continue
        entries = [
            {"Id": str(n), "MessageBody": m["Body"], "MessageAttributes": m.get("MessageAttributes", {})}
            for n, m in enumerate(batch)
        ]
        assert len(sqs.send_message_batch(QueueUrl=target, Entries=entries)["Successful"]) == len(batch)
        handles = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(batch)]
        assert len(sqs.delete_message_batch(QueueUrl=source, Entries=handles)["Successful"]) == len(batch)
        with lock:
            left -= len(batch)


began = time.monotonic()
movers = [threading.Thread(target=move) for _ in range(threads)]
for mover in movers:
    mover.start()
for mover in movers:
    mover.join()
took = time.monotonic() - began
assert left == 0, left
print(took)
