"""Sends alerts when they are due, and notes when each is answered."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Self

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition
from numpy.typing import NDArray

from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES, incoming
from starsieve.broker.settings import KafkaSettings
from starsieve.features.tools.errors import CommandError

Floats = NDArray[np.float64]
PATIENCE_S = 120.0  # without an answer
_CALL_S, _POLL_S, _AT_ONCE = 10.0, 0.05, 500


class Exchange:
    """A producer of alerts and, in a thread, a subscriber to outcomes and dead letters; a context manager."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._topic = topic
        connection = kafka.connection
        self._producer = Producer({**connection, "linger.ms": 0, "message.max.bytes": MAX_MESSAGE_BYTES})
        self._consumer = Consumer(
            {
                **connection,
                "group.id": f"{topic}-reader",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            }
        )
        self._dead_letters = kafka.dead_letter_topic
        self._consumer.assign(
            [
                TopicPartition(name, partition, OFFSET_BEGINNING)
                for name in (kafka.output_topic, kafka.dead_letter_topic)
                for partition in self._consumer.list_topics(name, _CALL_S).topics[name].partitions
            ]
        )
        self._number: dict[str, int] = {}  # of an alert, by topic:partition:offset
        self._sent_s: list[float] = []
        self._answered: dict[str, float] = {}
        self._failed: KafkaError | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        #: Answers by what they are: "outcome", "dead_letter", and "again" for one more of an alert.
        self.answers: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._consumer.close()

    @property
    def sent(self) -> int:
        """Alerts so far."""
        return len(self._sent_s)

    def send(self, packets: Iterable[bytes], due_s: Floats) -> None:
        """Sends each packet so many seconds from now, or as soon as the one before is gone."""
        begin = time.time()
        for packet, due in zip(packets, due_s.tolist(), strict=True):
            while (wait := begin + due - time.time()) > 0:
                self._producer.poll(min(wait, _POLL_S))
            self._send(packet)
        if self._producer.flush(PATIENCE_S) or self._failed is not None:
            raise CommandError(f"Kafka does not take the alerts: {self._failed or 'it does not answer'}")

    def wait(self, check: Callable[[], None]) -> None:
        """Returns when all that was sent is answered; raises CommandError when nothing comes any more."""
        last, count = time.monotonic(), -1
        while len(self._answered) < self.sent:
            check()
            if len(self._answered) != count:
                last, count = time.monotonic(), len(self._answered)
            if time.monotonic() > last + PATIENCE_S:
                raise CommandError(f"{self.sent - count} of {self.sent} alerts have no answer after {PATIENCE_S:.0f} s")
            time.sleep(_POLL_S)

    def times(self) -> tuple[Floats, Floats]:
        """When each alert was sent, and when its answer was read (Unix time, s), in the order of sending."""
        answered = np.empty(self.sent)
        for position, number in self._number.items():
            answered[number] = self._answered[position]
        return np.array(self._sent_s), answered

    def _send(self, packet: bytes) -> None:
        number = self.sent
        self._sent_s.append(time.time())
        while True:
            try:
                self._producer.produce(self._topic, packet, on_delivery=partial(self._delivered, number))
            except BufferError:
                self._producer.poll(_POLL_S)
            else:
                break
        self._producer.poll(0)

    def _delivered(self, number: int, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed = error
        self._number[f"{message.topic()}:{message.partition()}:{message.offset()}"] = number

    def _read(self) -> None:
        while not self._done.is_set():
            for message in self._consumer.consume(_AT_ONCE, _POLL_S):
                if message.error() is None:
                    self._note(message, time.time())

    def _note(self, message: Message, now_s: float) -> None:
        headers = {name: _text(value) for name, value in incoming(message).headers}
        if message.topic() == self._dead_letters:
            key, kind = ":".join(headers[name] for name in ("topic", "partition", "offset")), "dead_letter"
        else:
            key, kind = headers["idempotency_key"].rpartition(":")[0], "outcome"
        self.answers["again" if key in self._answered else kind] += 1
        self._answered.setdefault(key, now_s)


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
