"""A stream under test: its topics, its workers as processes of their own, and what came out of it."""

import io
import json
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import fastavro
import redis
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from starsieve.broker.epochs import Epochs, merge
from starsieve.broker.store import LightCurves
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.packets import decode
from tests.integration import topics
from tests.integration.processes import Process, eventually

KEY = ("topic", "partition", "offset", "record")
TIMEOUT = 120  # seconds; the first worker of a fresh checkout compiles for a while
PART, IN_FLIGHT, LOOK_EVERY_S = 20, 100, 0.02


class Stream:
    """One consumer group from one topic of alerts to an outcome and a dead-letter topic of its own."""

    def __init__(self, folder: Path, *, kafka: str, redis: str, partitions: int = 1) -> None:
        self.folder = folder
        self.kafka = kafka
        self.redis = redis
        self.alerts = topics.create_topic(kafka, partitions=partitions, prefix="alerts")
        self.read = [self.alerts]
        self.begin_pass()

    def begin_pass(self) -> None:
        """Start over with the same alerts and the same store: a new group, and new topics to write to."""
        self.workers: list[Process] = []
        self.outcomes = topics.create_topic(self.kafka, partitions=2, prefix="outcomes")
        self.dead_letters = topics.create_topic(self.kafka, prefix="dead-letters")
        self.group = f"group-of-{self.outcomes}"
        self._admin = AdminClient({"bootstrap.servers": self.kafka, "log_level": 0})
        self._offsets = Consumer(
            {
                "bootstrap.servers": self.kafka,
                "log_level": 0,
                "group.id": self.group,
                "enable.auto.commit": False,
                "isolation.level": "read_uncommitted",  # or it waits for the transaction at hand
            }
        )

    def worker(self, name: str, **settings: str | None) -> Process:
        """A running `starsieve run`; settings as in the environment, without the prefix; None: not set."""
        told = {
            "worker": name,
            "redis__url": self.redis,
            "kafka__bootstrap_servers": self.kafka,
            "kafka__topics": json.dumps([self.alerts]),
            "kafka__group": self.group,
            "kafka__output_topic": self.outcomes,
            "kafka__dead_letter_topic": self.dead_letters,
            "metrics_port": "0",
            "log_level": "debug",
            "kafka__batch_size": "5",  # many transactions, to be hit in the middle of one
            **settings,
        }
        environment = os.environ | {f"STARSIEVE_{key.upper()}": value for key, value in told.items() if value}
        folder = self.folder / f"{self.group}-{name}"
        folder.mkdir()
        worker = Process([sys.executable, "-m", "starsieve.broker.cli", "run"], folder, environment)
        worker.launch()
        self.workers.append(worker)
        return worker

    def produce(self, payloads: Sequence[bytes]) -> None:
        topics.produce(self.kafka, self.alerts, payloads)

    @contextmanager
    def load(self, sent: Sequence[bytes]) -> Iterator[None]:
        """Alerts keep coming, over and over, so that some are always waiting, however fast the workers are."""
        done = threading.Event()

        def feed() -> None:
            produced, coming = self.progress(), cycle(sent)
            while not done.wait(LOOK_EVERY_S):
                while produced - self.progress() < IN_FLIGHT:
                    self.produce(list(islice(coming, PART)))
                    produced += PART

        feeding = threading.Thread(target=feed)
        feeding.start()
        try:
            yield
        finally:
            done.set()
            feeding.join()

    def inputs(self) -> dict[str, bytes]:
        """Every message of the topics of alerts, by topic:partition:offset."""
        messages = chain.from_iterable(topics.read_committed(self.kafka, topic) for topic in self.read)
        return {f"{each.topic()}:{each.partition()}:{each.offset()}": each.value() or b"" for each in messages}

    def progress(self) -> int:
        """How many alerts are dealt with: their offsets are committed."""
        known = self._offsets.list_topics(timeout=TIMEOUT).topics
        parts = [TopicPartition(topic, number) for topic in self.read for number in known[topic].partitions]
        try:
            positions = self._offsets.committed(parts, TIMEOUT)
        except KafkaException:  # a Kafka that has just started is still looking for the group's coordinator
            return 0
        return sum(max(position.offset, 0) for position in positions)

    def wait_for(self, alerts: int) -> None:
        """Wait until so many are dealt with, as long as a worker is alive."""
        what = f"{alerts} alerts dealt with"
        eventually(lambda: self.progress() >= alerts or all(each.ended() for each in self.workers), what, TIMEOUT)
        assert self.progress() >= alerts, "all workers have ended"

    def members(self) -> int:
        """How many workers Kafka counts in the group; 0 while it reassigns partitions."""
        try:
            group = self._admin.describe_consumer_groups([self.group])[self.group].result(TIMEOUT)
        except KafkaException:  # as in progress()
            return 0
        return len(group.members) if group.state.name == "STABLE" else 0

    def wait_for_members(self, count: int) -> None:
        eventually(lambda: self.members() == count, f"{count} workers in the group", TIMEOUT)

    def finish(self, alerts: int | None = None) -> None:
        """Wait until so many alerts, or all, are dealt with, then end the workers as an operator would."""
        self.wait_for(len(self.inputs()) if alerts is None else alerts)
        running = [worker for worker in self.workers if not worker.ended()]
        for worker in running:
            worker.send(signal.SIGTERM)
        assert [worker.wait(TIMEOUT) for worker in running] == [0] * len(running)

    def answers(self, topic: str | None = None) -> list[dict[str, Any]]:
        """What was published, decoded; to the topic of outcomes, or another."""
        messages = topics.read_committed(self.kafka, topic or self.outcomes)
        readers: list[Any] = [fastavro.reader(io.BytesIO(message.value() or b"")) for message in messages]
        return [record for reader in readers for record in reader]

    def refused(self) -> list[tuple[dict[str, str], Message]]:
        """The dead letters, with their headers as text."""
        messages = topics.read_committed(self.kafka, self.dead_letters)
        headers: list[Any] = [message.headers() for message in messages]
        return [
            ({name: (value or b"").decode(errors="replace") for name, value in pairs}, message)
            for pairs, message in zip(headers, messages, strict=True)
        ]

    def close(self) -> None:
        self._offsets.close()
        for worker in self.workers:
            worker.kill()
            sys.stdout.write(f"{worker.log}\n{worker.output()}\n")  # pytest shows it where the test has failed


def assert_each_alert_answered_once(stream: Stream) -> None:
    """One outcome or one dead letter for each record of an input message, and nothing else."""
    answered = [answer["idempotencyKey"] for answer in stream.answers()]
    refused = [":".join(headers[name] for name in KEY) for headers, _ in stream.refused()]
    sent = stream.inputs().items()
    assert sorted(answered + refused) == sorted(
        f"{key}:{record}" for key, value in sent for record in range(records(value))
    )


def records(packet: bytes) -> int:
    """How many alerts a packet has; a damaged one counts as one."""
    try:
        return max(sum(1 for _ in fastavro.reader(io.BytesIO(packet))), 1)
    except Exception:
        return 1


def expected_epochs(sent: Iterable[bytes]) -> dict[str, Epochs]:
    """Each object's photometry: all that its alerts carry."""
    parts: dict[str, list[Epochs]] = {}
    for alert in chain.from_iterable(decode(packet, "ztf") for packet in sent):
        assert isinstance(alert, Alert)
        parts.setdefault(alert.object_id, []).append(alert.epochs)
    return {object_id: merge(of_object) for object_id, of_object in parts.items()}


def assert_stored(address: str, sent: Iterable[bytes]) -> None:
    """The store has each epoch of each alert once."""
    expected = expected_epochs(sent)
    with redis.Redis.from_url(address) as client:
        stored = LightCurves(client, "ztf", time_to_live_s=1).read(expected)
    for object_id, epochs in expected.items():
        assert stored[object_id].epochs.tobytes() == epochs.tobytes(), object_id
