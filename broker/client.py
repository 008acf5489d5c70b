"""The topic of outcomes, for whoever subscribes to it: an iterator of typed objects.

from starsieve.broker.client import Subscriber, Wanted

with Subscriber("kafka:9092", since="beginning", wanted=Wanted(classes={"RRAB"}, min_probability=0.9)) as outcomes:
    for outcome in outcomes:
        print(outcome.object_id, outcome.probability, outcome.period)
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from starsieve.broker.kafka.connection import CONNECT_S, Complaints, connect, reason_of, served
from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES, incoming
from starsieve.broker.outcomes import Outcome, Wanted
from starsieve.broker.settings import KafkaSettings
from starsieve.broker.surveys import AlertError
from starsieve.broker.text import printable
from starsieve.features.tools.errors import CommandError

__all__ = ["Outcome", "Subscriber", "TopicError", "Wanted"]

_POLL_S = 0.5
_CALL_S = 10.0
_LOOK_EVERY_S = 5.0  # for the topic, or for new partitions of it
_LOOK_S = 2.0


class TopicError(CommandError):
    """The topic cannot be read; the message says why."""


class Subscriber:
    """The outcomes of topics, read without joining a group or committing anything; a context manager.

    Args:
        kafka: host:port of the cluster, or settings with options, another topic, and so on.
        topics: to read; without, the output topic of `kafka`.
        since: where to begin: "now", "beginning", or with what was published at a time (UTC, if it does not say) or on
            a date, or later; also as text of ISO 8601.
        wanted: which outcomes are given; the others are skipped, most of them without being decoded.
        count: ends after so many.
        idle_s: ends when all that there is has been read, and then nothing has come for so many seconds; without, it
            waits for ever, also for the topic.
        say: is told once what goes wrong and may pass, what of `wanted` looks mistyped, and of the first message that
            is not starsieve's.
        stop: ends the iteration, within a second, once it is set.

    Raises:
        ConnectionFailed: Kafka is away, or refuses.
        TopicError: the user may not read the topic; or `idle_s` has passed without one.
        SettingsError: an option is wrong.
        ValueError: `since` is no time.
    """

    def __init__(
        self,
        kafka: KafkaSettings | str,
        *,
        topics: Collection[str] = (),
        since: date | str = "now",
        wanted: Wanted = Wanted(),  # noqa: B008 - it never changes
        count: int | None = None,
        idle_s: float | None = None,
        say: Callable[[str], None] = lambda _: None,
        stop: threading.Event | None = None,
    ) -> None:
        self._kafka = KafkaSettings(bootstrap_servers=kafka) if isinstance(kafka, str) else kafka
        self._topics = list(topics) or [self._kafka.output_topic]
        self._since = since if since in ("now", "beginning") else _time(since)
        self._wanted, self._count, self._idle_s = wanted, count, idle_s
        self._say, self._stop = say, stop or threading.Event()
        self._consumer: Consumer | None = None
        self._partitions: dict[str, set[int]] = {}  # by topic, once it was looked for
        self._behind: set[tuple[str, int]] = set()  # partitions whose end has not been reached yet, or again
        #: Messages that were starsieve's, wanted or not, and those that were not.
        self.ours = 0
        self.foreign = 0

    def __enter__(self) -> Self:
        for doubt in self._wanted.doubts():
            self._say(doubt)
        connect(self._kafka, CONNECT_S)
        self._heard = Complaints(self._say, ignored={KafkaError.GROUP_AUTHORIZATION_FAILED})
        self._consumer = Consumer(
            {
                "group.id": "starsieve-tail",  # never joined: partitions are assigned by hand
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
                **self._kafka.connection,
                **self._heard.callbacks,
            }
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._consumer is not None:
            self._consumer.close()

    def __iter__(self) -> Iterator[Outcome]:
        """The outcomes, in the order of each partition. Raises as the class."""
        if self._consumer is None:
            raise RuntimeError("a Subscriber is a context manager: with Subscriber(...) as outcomes")
        given, looked, last = 0, -_LOOK_EVERY_S, time.monotonic()
        while (self._count is None or given < self._count) and not self._stop.is_set():
            now = time.monotonic()
            if now >= looked + _LOOK_EVERY_S or (not any(self._partitions.values()) and now >= looked + _POLL_S):
                for topic in self._topics:
                    self._look(self._consumer, topic)
                looked = time.monotonic()
            message = served(self._consumer.poll, _POLL_S)
            if message is None:
                self._heard.raise_refusal()
                if self._idle_s is not None and not self._behind and time.monotonic() - last >= self._idle_s:
                    self._end_idle()
                    return
            elif (error := message.error()) and error.code() == KafkaError._PARTITION_EOF:
                self._behind.discard((message.topic() or "", message.partition() or 0))
                last = time.monotonic()
            elif error:
                self._raise_if_forbidden(error, message.topic() or "")
                self._heard.hear(error)
            else:
                self._behind.add((message.topic() or "", message.partition() or 0))
                if (outcome := self._read(message)) is not None:
                    given += 1
                    yield outcome
                last = time.monotonic()  # what took its time was not the topic

    def _read(self, message: Message) -> Outcome | None:
        """None for what is not wanted, or not starsieve's: the latter is counted."""
        found = incoming(message)
        try:
            outcome = Outcome.read(found) if self._wanted.may_include(found) else None
        except AlertError as error:
            self.foreign += 1
            if self.foreign == 1:
                self._say(f"left out, for it is not starsieve's: {found.position}, {printable(str(error))}")
            return None
        self.ours += 1
        return outcome if outcome is not None and self._wanted.includes(outcome) else None

    def _look(self, consumer: Consumer, topic: str) -> None:
        """Begins with partitions that are new: all of the topic at first, or once somebody creates it."""
        first, known = topic not in self._partitions, self._partitions.get(topic, set())
        try:
            found = consumer.list_topics(topic, timeout=_CALL_S if first else _LOOK_S).topics[topic]
            if found.error is not None:
                self._raise_if_forbidden(found.error, topic)
            new = sorted(set(found.partitions) - known)
            starts = self._starts(consumer, topic, new) if first else [OFFSET_BEGINNING] * len(new)
        except KafkaException as error:
            if first:
                raise TopicError(f"cannot read {topic}: {reason_of(error)}") from None
            return  # away: poll() tells why
        if first and not new:
            self._say(f"waiting for the topic {topic!r}: there is none at {self._kafka.bootstrap_servers} yet")
        self._partitions[topic] = known | set(new)
        self._behind |= {(topic, part) for part in new}
        if new:
            consumer.incremental_assign(
                [TopicPartition(topic, part, start) for part, start in zip(new, starts, strict=True)]
            )

    def _starts(self, consumer: Consumer, topic: str, partitions: list[int]) -> list[int]:
        """Where to begin in each. Ends are asked for first: what comes meanwhile is not to be missed."""
        if self._since == "beginning" or not partitions:
            return [OFFSET_BEGINNING] * len(partitions)
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, part), timeout=_CALL_S)[1] for part in partitions]
        if not isinstance(self._since, datetime):
            return ends
        time_ms = max(0, int(self._since.timestamp() * 1000))
        found = consumer.offsets_for_times([TopicPartition(topic, part, time_ms) for part in partitions], _CALL_S)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return [each.offset if each.offset >= 0 else end for each, end in zip(found, ends, strict=True)]

    def _end_idle(self) -> None:
        if not any(self._partitions.values()):
            topics = " or ".join(map(repr, self._topics))
            raise TopicError(f"there is no topic {topics} at {self._kafka.bootstrap_servers}")

    def _raise_if_forbidden(self, error: KafkaError, topic: str) -> None:
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise TopicError(f"this user may not read the topic {topic!r} at {self._kafka.bootstrap_servers}")


def _time(since: date | str) -> datetime:
    """A date is its first moment in UTC. Raises ValueError."""
    found = datetime.fromisoformat(str(since))
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
