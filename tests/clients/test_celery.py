"""Celery and kombu over `sqs://`, publishing and consuming through `eventbus local serve`: a worker whose long polls run in an event
loop (pycurl), its acknowledgements, rejections and redeliveries, FIFO; and kombu's own channels, with fan-out over SNS.

The worker is the real `celery worker`, in a process of its own. Nothing here says how fast anything is: what has to happen is
waited for. Not here: results (SQS is no result backend), remote control and events (kombu has none over SQS).
"""

import json
import os
import pathlib
import signal
import subprocess

import celery
import kombu
import pytest

from conftest import PATIENCE, hermetic, tool, until

HERE = pathlib.Path(__file__).parent


def broker(bus) -> str:
    return bus.url.replace("http://", "sqs://test:test@")


class Application:
    """A Celery application on a bus: it publishes from this process, and its worker runs in another."""

    def __init__(self, bus, root: pathlib.Path, **transport):
        self.bus = bus
        self.root = root
        self.notes = root / "notes"
        transport = {"wait_time_seconds": 1, "polling_interval": 0, **transport}
        self.settings = {"broker_url": broker(bus), "broker_transport_options": transport, "task_default_queue": "work"}
        self.app = celery.Celery("publisher")
        self.app.conf.update(self.settings)

    def start(self, queues: str) -> None:
        env = hermetic(self.root / "home", CLIENTS_CELERY=repr(self.settings), PYTHONPATH=str(HERE))
        command = [tool("celery"), "-A", "celery_app", "worker", "-Q", queues, "-c", "1", "--loglevel", "INFO"]
        with (self.root / "worker.log").open("w") as log:
            self.worker = subprocess.Popen(
                command, env=env, cwd=self.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def send(self, task: str, *args, **options) -> None:
        self.app.send_task(f"celery_app.{task}", (str(self.notes), *args), **options)

    def noted(self, about: str) -> list:
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [line for line in lines if line.startswith(about)]

    def until_noted(self, about: str, count: int) -> list:
        until(lambda: len(self.noted(about)) >= count or self.worker.poll() is not None, self.describe(about))
        assert self.worker.poll() is None, self.describe(about)
        return self.noted(about)

    def describe(self, about: str) -> str:
        return f"{about}; the worker said:\n{(self.root / 'worker.log').read_text()}"

    def close(self) -> None:
        """Ends the worker as an operator would; then whatever is left of its own process group."""
        self.app.close()
        self.worker.terminate()
        try:
            self.worker.wait(PATIENCE)
        finally:
            try:
                os.killpg(self.worker.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # as it should be: nothing was left
            self.worker.wait(PATIENCE)


@pytest.fixture
def application(served, place):
    """`application(queues, …)`: an application with a running worker."""
    made = []

    def make(queues: str, **transport) -> Application:
        made.append(Application(served, place, **transport))
        made[-1].start(queues)
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_worker_makes_its_queue_and_acknowledges_rejects_and_asks_again(application, served):
    worker = application("work")
    for n in range(25):  # more than one receive of ten
        worker.send("done", f"done {n}")
    worker.send("again")
    worker.send("rejected")
    assert sorted(worker.until_noted("done", 25)) == sorted(f"done {n}" for n in range(25))
    assert worker.until_noted("again", 2) == ["again 1", "again 2"]
    assert worker.until_noted("rejected", 1) == ["rejected"]
    until(lambda: served.depth("work") == (0, 0), worker.describe("everything acknowledged is gone"))
    assert [url.rsplit("/", 1)[1] for url in served.sqs.list_queues()["QueueUrls"]] == ["work"]
    # The worker waits in a long poll now; what comes then is done, too.
    worker.send("done", "late")
    assert worker.until_noted("late", 1) == ["late"]


def test_a_worker_of_predefined_queues_backs_off_dead_letters_and_keeps_fifo_order(application, served):
    dead, dead_arn = served.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    backoff = {"backoff_policy": {1: 0, 2: 1}, "backoff_tasks": ["celery_app.third"]}
    urls = {
        "work": served.queue("work")[0],
        "mortal": served.queue("mortal", VisibilityTimeout="1", RedrivePolicy=redrive)[0],
        "orders.fifo": served.queue("orders.fifo", FifoQueue="true")[0],
    }
    predefined = {name: {"url": url, "access_key_id": "test", "secret_access_key": "test"} for name, url in urls.items()}
    predefined["work"] |= backoff
    worker = application(",".join(urls), predefined_queues=predefined)
    worker.send("third")
    worker.send("rejected", queue="mortal")
    for n, (group, key) in enumerate(["a1", "b1", "a2", "a2", "a3"]):
        ordered = {"queue": "orders.fifo", "MessageGroupId": group, "MessageDeduplicationId": f"{group}{key}"}
        worker.send("done", f"order {group}{key}" + (" again" if n == 3 else ""), **ordered)

    orders = worker.until_noted("order", 4)
    assert [line for line in orders if " a" in line] == ["order a1", "order a2", "order a3"] and "order b1" in orders
    assert worker.until_noted("third", 3) == ["third 1", "third 2", "third 3"]
    until(lambda: served.depth("dead") == (1, 0), worker.describe("the rejected one is dead"))
    assert worker.noted("rejected") == ["rejected"]
    until(lambda: all(served.depth(name) == (0, 0) for name in urls), worker.describe("everything acknowledged is gone"))
    (message,) = served.receive(dead, VisibilityTimeout=0)
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == served.attributes("mortal")["QueueArn"]

    # Moved back as an operator would: the worker gets it again, rejects it again, and it dies again.
    served.moves("StartMessageMoveTask", SourceArn=dead_arn)
    assert worker.until_noted("rejected", 2) == ["rejected"] * 2
    until(lambda: served.depth("dead") == (1, 0), worker.describe("it is dead again"))


def test_a_simple_queue_of_kombu_puts_counts_gives_back_acknowledges_and_clears(served):
    with kombu.Connection(broker(served), transport_options={"wait_time_seconds": 1}) as connection:
        with connection.SimpleQueue("simple") as queue:
            for n in range(3):
                queue.put({"n": n}, message_attributes={"n": {"DataType": "Number", "StringValue": str(n)}})
            assert queue.qsize() == 3
            message = queue.get(timeout=PATIENCE)
            assert served.depth("simple")[1] >= 1
            message.ack()
            assert sum(served.depth("simple")) == 2
            queue.clear()
            assert served.depth("simple") == (0, 0)
            with pytest.raises(queue.Empty):
                queue.get(block=False)


def test_a_fanout_of_kombu_goes_through_a_topic_to_every_queue_whose_filter_lets_it(served):
    options = {"supports_fanout": True, "wait_time_seconds": 1, "region": "us-east-1"}
    with kombu.Connection(broker(served), transport_options=options) as connection:
        news = kombu.Exchange("news", type="fanout")
        queues = [kombu.Queue(name, exchange=news) for name in ("all", "checked")]
        got = []

        def take(body, message) -> None:
            got.append((message.delivery_info["sqs_queue"].rsplit("/", 1)[1], body))
            message.ack()

        def publish(body: str, kind: str) -> None:
            connection.Producer().publish(body, exchange=news, message_attributes={"kind": kind})

        with connection.Consumer(queues, callbacks=[take]):
            (checked,) = [entry for entry in served.subscriptions("news") if entry["Endpoint"].endswith(":checked")]
            policy = {"AttributeName": "FilterPolicy", "AttributeValue": '{"kind": ["fact"]}'}
            served.sns.set_subscription_attributes(SubscriptionArn=checked["SubscriptionArn"], **policy)
            publish("é?", "rumour")
            publish("é!", "fact")
            while len(got) < 3:
                connection.drain_events(timeout=PATIENCE)
    assert sorted(got) == [("all", "é!"), ("all", "é?"), ("checked", "é!")]
    assert {entry["RawMessageDelivery"] for entry in served.subscriptions("news")} == {"true"}
    assert served.depth("all") == served.depth("checked") == (0, 0)
