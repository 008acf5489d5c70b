"""Packets to a topic, and what became of them."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from starsieve.broker.kafka.connection import Complaints, reason_of, refuses, served
from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES
from starsieve.broker.settings import KafkaSettings

Packet = tuple[str, bytes]

_WAIT_S = 0.5  # Ctrl-C and complaints are heard as often
_EXAMPLES = 3
# No key: ZTF's topics are not partitioned by object either.
_PRODUCER = {
    "enable.idempotence": True,  # a retry neither doubles nor reorders packets
    "compression.type": "zstd",
    "linger.ms": 20,
    "message.max.bytes": MAX_MESSAGE_BYTES,
    "queue.buffering.max.kbytes": 64 * 1024,
}


@dataclass
class Failures:
    """How many packets something did not happen to, and the first few of them by name, with the reason."""

    count: int = 0
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, reason: str) -> None:
        """Counts one more."""
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples[name] = reason

    def __str__(self) -> str:
        return "\n".join(f"{name}: {reason}" for name, reason in self.examples.items())


@dataclass
class Sent:
    """What became of the packets: how many Kafka has acknowledged, which it has not, and why the end came early."""

    delivered: int = 0
    failed: Failures = field(default_factory=Failures)
    refusal: str = ""


def send(
    packets: Iterable[Packet],
    settings: KafkaSettings,
    topic: str,
    rate: float | None = None,
    say: Callable[[str], None] | None = None,
) -> Sent:
    """Sends packets to a topic and waits until Kafka has acknowledged them; Ctrl-C, or Kafka's refusal, ends it early.

    Args:
        packets: name (for messages about failures) and bytes of each.
        rate: packets per second; as fast as possible without.
        say: is told once what goes wrong with a connection, and may pass.
    """
    heard = Complaints(say)
    producer = Producer({**_PRODUCER, **settings.connection, **heard.callbacks})
    sent = Sent()
    start = time.monotonic()
    try:
        for number, (name, packet) in enumerate(packets):
            if rate is not None:
                _poll_until(producer, start + number / rate, heard)
            if heard.refusal:
                break
            _produce(producer, topic, name, packet, sent, heard)
    except KeyboardInterrupt:  # the only end of a replay in a loop
        pass
    finally:
        _finish(producer, heard)
    sent.refusal = heard.refusal
    return sent


def _produce(producer: Producer, topic: str, name: str, packet: bytes, sent: Sent, heard: Complaints) -> None:
    while not heard.refusal:
        try:
            producer.produce(topic, packet, on_delivery=partial(_delivered, name, sent, heard))
        except BufferError:  # the queue is full: wait until Kafka has taken some
            _poll(producer, 0.1, heard)
        except KafkaException as exception:  # too large, or nothing goes any more
            sent.failed.add(name, reason_of(exception))
            _poll(producer, 0, heard)
            if exception.args[0].code() == KafkaError._FATAL and not heard.refusal:
                heard.fail(exception)
            return
        else:
            _poll(producer, 0, heard)
            return
    sent.failed.add(name, heard.refusal)


def _delivered(name: str, sent: Sent, heard: Complaints, error: KafkaError | None, _message: Message) -> None:
    if error is None:
        sent.delivered += 1
        return
    sent.failed.add(name, error.str())
    if refuses(error):
        heard.hear(error)


def _poll_until(producer: Producer, when: float, heard: Complaints) -> None:
    """Waits, and hears meanwhile what has been delivered."""
    while (remaining := when - time.monotonic()) > 0 and not heard.refusal:
        _poll(producer, min(remaining, _WAIT_S), heard)


def _poll(producer: Producer, timeout_s: float, heard: Complaints) -> None:
    try:
        served(producer.poll, timeout_s)
    except KafkaException as error:
        heard.fail(error)


def _finish(producer: Producer, heard: Complaints) -> None:
    """Waits for Kafka's answers; a refusal, or another Ctrl-C, gives up those that have not come."""
    try:
        while len(producer) and not heard.refusal:
            _poll(producer, _WAIT_S, heard)
    except KeyboardInterrupt:
        pass
    producer.purge()
    while len(producer):
        _poll(producer, _WAIT_S, heard)
