"""The classified topic, as a subscriber sees it: live table or JSON lines."""

import json
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, Message, TopicPartition
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from starsieve.broker.avro import reader
from starsieve.broker.outputs.message import CLASSIFIED
from starsieve.broker.settings import KafkaSettings
from starsieve.broker.surveys import AlertError

_POLL_S = 0.5
_METADATA_S = 10
_ROWS = 15
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TailError(Exception):
    """The topic cannot be read; the message says why."""


def outcomes(
    kafka: KafkaSettings, *, from_beginning: bool = False, count: int | None = None, idle_s: float | None = None
) -> Iterator[reader.Record]:
    """Messages of the output topic, read without joining a group.

    Args:
        kafka: cluster and topic.
        from_beginning: all that the topic holds, not only what comes from now on.
        count: stop after so many.
        idle_s: stop when nothing has come for so long.

    Raises:
        TailError: there is no such topic, or its messages are not starsieve's.
    """
    consumer = Consumer(
        {
            "group.id": "starsieve-tail",  # never joined: partitions are assigned by hand
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            **kafka.connection,
        }
    )
    try:
        try:
            metadata = consumer.list_topics(kafka.output_topic, timeout=_METADATA_S).topics[kafka.output_topic]
        except KafkaException as error:
            raise TailError(f"cannot reach Kafka at {kafka.bootstrap_servers}: {error}") from None
        if not metadata.partitions:
            raise TailError(f"there is no topic {kafka.output_topic!r} at {kafka.bootstrap_servers}")
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        consumer.assign([TopicPartition(kafka.output_topic, partition, start) for partition in metadata.partitions])
        last, seen = time.monotonic(), 0
        while (count is None or seen < count) and (idle_s is None or time.monotonic() - last < idle_s):
            message = consumer.poll(_POLL_S)
            if message is None or message.error():
                continue
            yield from _outcomes(message, kafka.output_topic)
            last, seen = time.monotonic(), seen + 1
    finally:
        consumer.close()


def _outcomes(message: Message, topic: str) -> list[reader.Record]:
    try:
        records = reader.records(message.value() or b"")
    except AlertError as error:
        raise TailError(f"{topic} does not hold starsieve's messages: {error}") from None
    if any("classifications" not in record for record in records):
        raise TailError(f"{topic} does not hold starsieve's messages, but other Avro")
    return records


def as_json(outcome: reader.Record) -> str:
    """One message as a line of JSON; times in ISO 8601."""
    times = {name: _isoformat(value) for name, value in outcome.items() if name.endswith("Timestamp")}
    return json.dumps(outcome | times)


def show(messages: Iterable[reader.Record], console: Console) -> None:
    """A live table of the newest messages, and counts, until the messages end."""
    view = LiveTable()
    with Live(view.render(), console=console, refresh_per_second=4) as live:
        for outcome in messages:
            view.add(outcome)
            live.update(view.render())


class LiveTable:
    """The newest outcomes, and how many there were of each class and reason."""

    def __init__(self) -> None:
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
            table.add_row(
                outcome["objectId"],
                " ".join(f"{band['band']}:{band['epochs']}" for band in outcome["bands"]),
                "" if period is None else f"{period:.5f}",
                _trust(outcome),
                name,
                f"{probability:.2f} {'█' * round(10 * probability)}",
            )
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
    return "  ".join(f"{name} {number:,}" for name, number in counter.most_common())


def _isoformat(unix_ms: int | None) -> str | int | None:
    """A time in ISO 8601, as it is if it is none of our calendar."""
    try:
        return None if unix_ms is None else (_UNIX_EPOCH + timedelta(milliseconds=unix_ms)).isoformat()
    except OverflowError:
        return unix_ms
