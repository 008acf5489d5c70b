"""The classified topic, as a subscriber sees it: live table or JSON lines."""

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from starsieve.broker.avro import reader
from starsieve.broker.kafka.connection import CONNECT_S, Complaints, connect, reason_of, served
from starsieve.broker.outputs.message import CLASSIFIED
from starsieve.broker.settings import KafkaSettings
from starsieve.broker.surveys import AlertError
from starsieve.broker.text import printable
from starsieve.features.tools.errors import CommandError

_POLL_S = 0.5
_METADATA_S = 10
_ROWS = 15
_SHOWN = {"objectId", "status", "reason", "classifications", "bands"}
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TailError(CommandError):
    """The topic cannot be read; the message says why."""


class Topic:
    """The output topic, read without joining a group.

    Args:
        kafka: cluster and topic.
        from_beginning: all that it holds, not only what comes from now on.
        say: is told once what goes wrong and may pass, and of the first message that is not starsieve's.

    Raises:
        ConnectionFailed: Kafka is away, or refuses.
        TailError: there is no such topic, or the user may not read it.
    """

    def __init__(
        self, kafka: KafkaSettings, *, from_beginning: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._kafka, self._say = kafka, say
        connect(kafka, CONNECT_S)
        self._heard = Complaints(say, ignored={KafkaError.GROUP_AUTHORIZATION_FAILED})
        self._consumer = Consumer(
            {
                "group.id": "starsieve-tail",  # never joined: partitions are assigned by hand
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                **kafka.connection,
                **self._heard.callbacks,
            }
        )
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        try:
            partitions = [
                TopicPartition(kafka.output_topic, number, start) for number in _partitions(self._consumer, kafka)
            ]
        except TailError:
            self._consumer.close()
            raise
        self._consumer.assign(partitions)
        self.ours = 0
        self.foreign = 0

    def outcomes(self, *, count: int | None = None, idle_s: float | None = None) -> Iterator[reader.Record]:
        """The messages; those that are not starsieve's are left out, and counted.

        Args:
            count: stop after so many.
            idle_s: stop when nothing has come for so long.

        Raises:
            ConnectionFailed: Kafka refuses from now on.
            TailError: the user may not read the topic.
        """
        last = time.monotonic()
        try:
            while (count is None or self.ours < count) and (idle_s is None or time.monotonic() - last < idle_s):
                message = served(self._consumer.poll, _POLL_S)
                if message is None:
                    self._heard.raise_refusal()
                elif error := message.error():
                    _raise_if_forbidden(error, self._kafka)
                    self._heard.hear(error)
                else:
                    yield from self._outcomes(message)
                    last = time.monotonic()
        finally:
            self._consumer.close()

    def _outcomes(self, message: Message) -> list[reader.Record]:
        try:
            records = reader.records(message.value() or b"")
            reason = "" if all(map(_is_ours, records)) else "other Avro"
        except AlertError as error:
            reason = str(error)
        if not reason:
            self.ours += 1
            return records
        self.foreign += 1
        if self.foreign == 1:
            where = f"{message.topic()}:{message.partition()}:{message.offset()}"
            self._say(f"left out, for it is not starsieve's: {where}, {printable(reason)}")
        return []


def _partitions(consumer: Consumer, kafka: KafkaSettings) -> list[int]:
    try:
        topic = consumer.list_topics(kafka.output_topic, timeout=_METADATA_S).topics[kafka.output_topic]
    except KafkaException as error:
        raise TailError(f"cannot read {kafka.output_topic}: {reason_of(error)}") from None
    if topic.error is not None:
        _raise_if_forbidden(topic.error, kafka)
    if not topic.partitions:
        raise TailError(f"there is no topic {kafka.output_topic!r} at {kafka.bootstrap_servers}")
    return list(topic.partitions)


def _raise_if_forbidden(error: KafkaError, kafka: KafkaSettings) -> None:
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        raise TailError(f"this user may not read the topic {kafka.output_topic!r} at {kafka.bootstrap_servers}")


def _is_ours(record: reader.Record) -> bool:
    """Whether it has what is shown of an outcome, in whatever version of the schema."""
    return record.keys() >= _SHOWN and (record["status"] != CLASSIFIED or bool(record["classifications"]))


def as_json(outcome: reader.Record) -> str:
    """One message as a line of JSON, in ASCII; times in ISO 8601."""
    times = {name: _isoformat(value) for name, value in outcome.items() if name.endswith("Timestamp")}
    return json.dumps(outcome | times, default=str)


class PipedConsole(Console):
    """A console that says when nobody reads it any more, where rich ends the process with 1."""

    def on_broken_pipe(self) -> None:
        """Raises BrokenPipeError."""
        raise BrokenPipeError


def show(messages: Iterable[reader.Record], console: Console) -> None:
    """A live table of the newest messages, and counts, until the messages end."""
    view = LiveTable(bar="█" if console.encoding.lower().startswith("utf") else "#")
    try:
        with Live(view.render(), console=console, refresh_per_second=4) as live:
            for outcome in messages:
                view.add(outcome)
                live.update(view.render())
    finally:
        if not console.is_terminal:  # where Live leaves the last line open
            console.print()


class LiveTable:
    """The newest outcomes, and how many there were of each class and reason."""

    def __init__(self, bar: str = "█") -> None:
        self._bar = bar
        self.classified: Counter[str] = Counter()
        self.not_classified: Counter[str] = Counter()
        self._newest: deque[reader.Record] = deque(maxlen=_ROWS)

    def add(self, outcome: reader.Record) -> None:
        """Counts one message, and shows it if it was classified."""
        if outcome["status"] == CLASSIFIED:
            self.classified[top_class(outcome)[0]] += 1
            self._newest.append(outcome)
        else:
            self.not_classified[outcome["reason"]] += 1

    def render(self) -> Group:
        """What to show now."""
        table = Table("object", "epochs", "period (d)", "trust", "class", "probability", title="starsieve")
        for outcome in self._newest:
            name, probability = top_class(outcome)
            period = next((band["period"] for band in outcome["bands"] if band["period"] is not None), None)
            cells = (
                outcome["objectId"],
                " ".join(f"{band['band']}:{band['epochs']}" for band in outcome["bands"]),
                "" if period is None else f"{period:.5f}",
                _trust(outcome),
                name,
                f"{probability:.2f} {self._bar * round(10 * probability)}",
            )
            table.add_row(*(Text(printable(cell)) for cell in cells))  # not markup: [names] stay as they are
        return Group(
            table,
            Text(f"classified {self.classified.total():,}   " + _counts(self.classified), style="green"),
            Text(f"not classified {self.not_classified.total():,}   " + _counts(self.not_classified), style="yellow"),
        )


def _trust(outcome: reader.Record) -> str:
    """How far to trust the period, and its aliases; messages of version 1 do not say."""
    period = outcome.get("period")
    return "" if period is None else " ".join([period["trust"].lower().replace("_", " "), *period["aliases"]])


def top_class(outcome: reader.Record) -> tuple[str, float]:
    """The most probable class of a classified message, and its probability."""
    best = max(outcome["classifications"], key=lambda each: each["probability"])
    return best["className"], best["probability"]


def _counts(counter: Counter[str]) -> str:
    return "  ".join(f"{printable(name)} {number:,}" for name, number in counter.most_common())


def _isoformat(unix_ms: int | None) -> str | int | None:
    """A time in ISO 8601, as it is if it is none of our calendar."""
    try:
        return None if unix_ms is None else (_UNIX_EPOCH + timedelta(milliseconds=unix_ms)).isoformat()
    except OverflowError:
        return unix_ms
