"""The Celery application whose worker test_celery.py runs; CLIENTS_CELERY holds its broker and settings as a Python literal."""

import ast
import os

import celery
from celery.exceptions import Reject

app = celery.Celery("celery_app")
app.conf.update(ast.literal_eval(os.environ["CLIENTS_CELERY"]))


def note(path: str, line: str) -> None:
    with open(path, "a") as file:
        file.write(f"{line}\n")


def received(task) -> int:
    """How often SQS has handed out the message of this task."""
    return int(task.request.properties["delivery_info"]["sqs_message"]["Attributes"]["ApproximateReceiveCount"])


@app.task
def done(path: str, line: str) -> None:
    note(path, line)


@app.task(bind=True, acks_late=True)
def again(self, path: str) -> None:
    """Gives itself back the first time."""
    note(path, f"again {received(self)}")
    if received(self) < 2:
        raise Reject("again", requeue=True)


@app.task(acks_late=True)
def rejected(path: str) -> None:
    note(path, "rejected")
    raise Reject("never", requeue=False)


@app.task(bind=True, acks_late=True, acks_on_failure_or_timeout=False)
def third(self, path: str) -> None:
    """Fails until it was received three times; how soon that is, is the queue's backoff policy."""
    note(path, f"third {received(self)}")
    if received(self) < 3:
        raise RuntimeError("not yet")
