"""The loop that people write: eight threads that long-poll, read each event as JSON and delete what came in one call."""

import json
import sys
import threading

import boto3

url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
lock = threading.Lock()
handled = 0


def handle(event):
    return event["payload"]["id"]


def work():
    global handled
    sqs = session.client("sqs", endpoint_url=url)
    queue = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    while handled < count:
        answer = sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        for message in messages:
            body = json.loads(message["Body"])
            handle(json.loads(body["Message"]))
        if messages:
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
            done = sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
            with lock:
                handled += len(done["Successful"])


threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
