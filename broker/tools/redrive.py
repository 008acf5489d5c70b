"""`starsieve redrive`: dead letters put back on the topics that they came from, each once, or listed, or saved."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation
from rich.table import Column, Table
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from starsieve.broker.dead_letters import DeadLetter
from starsieve.broker.kafka.clients import LibrdkafkaLog, committed
from starsieve.broker.kafka.connection import CONNECT_S, Complaints, connect, reason_of, refuses, served
from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES, Outgoing, incoming
from starsieve.broker.kafka.publisher import Publisher, PublishError, TooLargeError
from starsieve.broker.ledger import ANY, MOST_BYTES, Ledger, Span
from starsieve.broker.settings import KafkaSettings
from starsieve.features.tools.commands import replacing
from starsieve.features.tools.errors import CommandError, UsageError

_POLL_S = 0.5
_PAUSE_S = 0.2
_CALL_S = 10.0
_MOVING = {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
_MAX_BATCH_BYTES = 32 * 2**20
_NAME = "redrive"  # of the group and the transactional id, after the workers' group
_LONGEST_TOPIC = 150  # characters of it in a file's name, which may have 255; what follows makes the name unique
_NAMED = 5  # topics that are told by name


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant.

    Args:
        reasons: all if empty.
        since: the first time of a letter, and `until` the first that is too late.
        limit: letters of messages that were put back so many times are given up.
        never: topics that no letter is put back on, for workers write to them.

    Raises:
        UsageError: no letter can be meant.
    """

    reasons: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 3
    never: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise UsageError(f"no letter can be both from {self.since} on (--since) and before {self.until} (--until)")

    def is_in_time(self, timestamp_ms: int | None) -> bool:
        """Whether a letter of that time is meant; one without a time only where times do not matter."""
        if timestamp_ms is None:
            return self.since is None and self.until is None
        after = self.since is None or self.since.timestamp() * 1000 <= timestamp_ms
        return after and (self.until is None or timestamp_ms < self.until.timestamp() * 1000)

    def done(self, start: int, stop: int) -> list[Span]:
        """What may be noted once the letters between two offsets have been seen to."""
        return [Span(reason, self.limit, start, stop) for reason in sorted(self.reasons or {ANY})]


class Fate(StrEnum):
    """What becomes of a letter."""

    LEFT = "to put back"
    DONE = "put back before"
    GIVEN_UP = "given up"
    HELD = "held"
    NOTICE = "without packet"


@dataclass
class Tally:
    """How many letters were seen, by reason and fate; those that are not starsieve's, or of an old version, apart.

    before: how many of those that are done were put back by this same redrive, before it began anew.
    """

    before: int = 0

    counts: Counter[tuple[str, Fate]] = field(default_factory=Counter)
    times: dict[str, tuple[int, int]] = field(default_factory=dict)  # of the first and the last by reason, ms
    held: Counter[str] = field(default_factory=Counter)  # by the topic that cannot be written to
    why_held: Mapping[str, str] = field(default_factory=dict)
    foreign: int = 0
    saved: int = 0
    reasons: set[str] = field(default_factory=set)  # of all letters, also those that are not meant

    def add(self, letter: DeadLetter, fate: Fate) -> None:
        """Counts one letter."""
        self.counts[letter.reason, fate] += 1
        if fate is Fate.HELD:
            self.held[letter.topic] += 1
        if (time := letter.letter.timestamp_ms) is not None:
            first, last = self.times.get(letter.reason, (time, time))
            self.times[letter.reason] = min(first, time), max(last, time)

    def of(self, fate: Fate) -> int:
        """How many have this fate."""
        return sum(count for (_, each), count in self.counts.items() if each is fate)

    @property
    def put_back(self) -> int:
        """How many this redrive put back."""
        return self.of(Fate.LEFT) + self.before

    def as_table(self) -> Table:
        """A row for each reason."""
        fates = [fate for fate in Fate if self.of(fate)]
        table = Table(Column("reason", no_wrap=True), "letters", *fates, "first (UTC)", "last (UTC)")
        reasons = Counter[str]()
        for (reason, _), count in self.counts.items():
            reasons[reason] += count
        for reason, count in reasons.most_common():
            times = [_when(time) for time in self.times.get(reason, ())] or ["", ""]
            table.add_row(reason, f"{count:,}", *(f"{self.counts[reason, fate]:,}" for fate in fates), *times)
        return table

    def left_out(self, limit: int) -> list[str]:
        """What is not put back, and why, in sentences."""
        sentences = {
            f"were put back before: the group {_NAME}'s offsets say so": self.of(Fate.DONE) - self.before,
            f"were given up: put back {limit} times already (--limit)": self.of(Fate.GIVEN_UP),
            "cannot be put back: they hold no packet, only where it was (`too_large`)": self.of(Fate.NOTICE),
        }
        told = [f"{count:,} {sentence}" for sentence, count in sentences.items() if count]
        return [*told, *self.set_aside()]

    def set_aside(self) -> list[str]:
        """What no redrive puts back as things are, in sentences."""
        held = [topic for topic, _ in self.held.most_common()]
        told = [f"{self.held[topic]:,} stay where they are: {topic} {self.why_held[topic]}" for topic in held]
        if len(held) > _NAMED:
            n_others = sum(self.held[topic] for topic in held[_NAMED:])
            told[_NAMED:] = [f"{n_others:,} stay where they are, for {len(held) - _NAMED:,} more such topics"]
        foreign = f"{self.foreign:,} are not starsieve's, or of a version before 0.2"
        return told + [foreign] * (self.foreign > 0)

    def unmet(self, reasons: frozenset[str]) -> str:
        """Which of the reasons no letter has, in a sentence; empty where each has one."""
        found = {reason for reason, _ in self.counts}
        absent = sorted(reasons - found)
        there = ", ".join(sorted(self.reasons)) or "none at all"
        return f"no letter is left of {', '.join(absent)}; left are: {there}" if absent else ""


def _when(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


class Letters:
    """The dead-letter topic up to its present end, and what the redrive's group has noted of it.

    Raises:
        ConnectionFailed: Kafka is away, or refuses.
        CommandError: the topic or the group cannot be read.
        UsageError: there is no such topic.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        selection: Selection,
        say: Callable[[str], None],
        stop: threading.Event,
        open_topics: "OpenTopics",
        before: int = 0,
    ) -> None:
        self._kafka, self._selection, self._stop = kafka, selection, stop
        self._heard = Complaints(say)
        self.consumer = Consumer(
            {
                "group.id": f"{kafka.group}-{_NAME}",  # never joined: partitions are assigned by hand
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
                **kafka.connection,
                **self._heard.callbacks,
            }
        )
        self._open = open_topics
        self.tally = Tally(before, why_held=open_topics.closed)
        self._ledgers: dict[int, Ledger] = {}
        self._next: dict[int, int] = {}  # offsets, by partition
        self._ends: dict[int, int] = {}  # of the partitions that are not yet read
        self._look()

    def close(self) -> None:
        """Leaves Kafka."""
        self.consumer.close()

    def __iter__(self) -> Iterator[tuple[DeadLetter, Fate]]:
        """The letters that are meant, counted, until told to stop; noted as seen to when the next is asked for."""
        topic = self._kafka.dead_letter_topic
        starts = {part: self._start(part) for part in self._ends}
        self._next = dict(starts)
        self.consumer.assign([TopicPartition(topic, part, offset) for part, offset in starts.items()])
        while self._ends and not self._stop.is_set():
            message = served(self.consumer.poll, _POLL_S)
            if message is None:
                self._heard.raise_refusal()
            elif error := message.error():
                self._hear(error, message.partition())
            else:
                yield from self._seen(message)

    def positions(self) -> list[TopicPartition]:
        """What to commit with what was put back of the letters until now. Raises CommandError."""
        positions = []
        for part, ledger in self._ledgers.items():
            if len(text := str(ledger)) > MOST_BYTES:
                raise CommandError("too many times and reasons were chosen one by one to be noted: redrive all first")
            offset = self._start(part)
            positions.append(TopicPartition(self._kafka.dead_letter_topic, part, offset, text))
        return positions

    def _look(self) -> None:
        topic = self._kafka.dead_letter_topic
        found = self.consumer.list_topics(topic, timeout=_CALL_S).topics[topic]
        if found.error is not None and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            where = f"at {self._kafka.bootstrap_servers}: is --dead-letter-topic the workers' own?"
            raise UsageError(f"there is no topic {topic!r} {where}")
        if found.error is not None:
            raise KafkaException(found.error)
        self._first: dict[int, int] = {}
        for part in found.partitions:
            marks = self.consumer.get_watermark_offsets(TopicPartition(topic, part), timeout=_CALL_S)
            self._first[part], self._ends[part] = marks
        # A coordinator that has just been chosen answers for a moment that it is none.
        asking = Retrying(
            retry=retry_if_exception(_passes), stop=stop_after_delay(_CALL_S), wait=wait_fixed(_PAUSE_S), reraise=True
        )
        partitions = [TopicPartition(topic, part) for part in found.partitions]
        for position in asking(committed, self.consumer, partitions):
            self._ledgers[position.partition] = self._ledger(position)

    def _ledger(self, position: TopicPartition) -> Ledger:
        text, until = position.metadata or "", position.offset
        if not text and until > 0:  # somebody has set the group's offset: it means what it means in all groups
            return Ledger([Span(ANY, 2**31, 0, until)])
        try:
            ledger = Ledger.parse(text)
        except ValueError:
            group = f"{self._kafka.group}-{_NAME}"
            raise CommandError(f"the group {group} has offsets that starsieve has not committed: {text!r}") from None
        ledger.forget_before(self._first[position.partition])
        return ledger

    def _start(self, part: int) -> int:
        return self._ledgers[part].first_left(self._first[part], self._selection.limit)

    def _hear(self, error: KafkaError, part: int | None) -> None:
        if error.code() == KafkaError._PARTITION_EOF and part is not None:
            self._ends.pop(part, None)
        elif refuses(error):
            raise CommandError(f"cannot read {self._kafka.dead_letter_topic}: {error.str()}")
        else:
            self._heard.hear(error)

    def _seen(self, message: Message) -> Iterator[tuple[DeadLetter, Fate]]:
        read = incoming(message)
        part, offset = read.partition, read.offset
        if part not in self._ends:  # came after the beginning: perhaps of what was just put back
            return
        if offset >= self._ends[part]:
            del self._ends[part]
            return
        start, self._next[part] = self._next[part], offset + 1
        if not self._selection.is_in_time(read.timestamp_ms):
            return
        letter = DeadLetter.read(read)
        if letter is None or letter.topic in self._selection.never.union(self._kafka.written):
            self.tally.foreign += 1
        else:
            self.tally.reasons.add(letter.reason)
            if not self._selection.reasons or letter.reason in self._selection.reasons:
                fate = self._fate(letter)
                self.tally.add(letter, fate)
                yield letter, fate
        for span in self._selection.done(start, offset + 1):
            self._ledgers[part].add(span, but=self._open.closed)

    def _fate(self, letter: DeadLetter) -> Fate:
        ledger = self._ledgers[letter.letter.partition]
        if not letter.has_packet:
            return Fate.NOTICE
        if ledger.has(letter.reason, letter.redrives, letter.letter.offset, letter.topic):
            return Fate.DONE
        if letter.redrives >= self._selection.limit:
            return Fate.GIVEN_UP
        if letter.topic in self._open:
            return Fate.LEFT
        ledger.hold(letter.topic)
        return Fate.HELD


class OpenTopics:
    """The topics that there are and that this user may write to; none is created: anybody may forge a letter's topic.

    `closed` has those that were asked for in vain, or take no message as large as theirs, and which of the two.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._admin = AdminClient({**kafka.connection, "log_level": 2}, logger=LibrdkafkaLog())
        self._present = set(self._admin.list_topics(timeout=_CALL_S).topics)
        self._known: set[str] = set()
        self.closed: dict[str, str] = {}

    def __contains__(self, topic: str) -> bool:
        if topic not in self._known and topic not in self.closed:
            if self._may_write(topic):
                self._known.add(topic)
            else:
                self.closed[topic] = "is absent or not ours to write"
        return topic not in self.closed

    def close(self, too_large: TooLargeError) -> None:
        """Puts no letter back on this topic any more."""
        self.closed[too_large.topic] = f"does not take one of them, raise its max.message.bytes ({too_large.cause})"

    def _may_write(self, topic: str) -> bool:
        if topic not in self._present:
            return False
        told = self._admin.describe_topics(TopicCollection([topic]), include_authorized_operations=True)
        try:
            rights = told[topic].result(_CALL_S).authorized_operations
        except KafkaException as error:
            if refuses(error.args[0]) or error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return False
            raise
        return not rights or AclOperation.WRITE in rights  # a Kafka that does not tell is tried


def survey(kafka: KafkaSettings, selection: Selection, say: Callable[[str], None], save: Path | None = None) -> Tally:
    """What there is; writes the packets into the folder `save`, named by where message and letter were read."""
    connect(kafka, CONNECT_S)
    with (
        _told(kafka),
        closing(Letters(kafka, selection, say, threading.Event(), OpenTopics(kafka))) as letters,
    ):
        for letter, _ in letters:
            if save is not None and letter.has_packet:
                where = f"{letter.topic[:_LONGEST_TOPIC]}-{letter.partition}-{letter.offset}"
                of_letter = f"letter-{letter.letter.partition}-{letter.letter.offset}"
                with replacing(save / f"{where}-{of_letter}.avro") as unfinished:
                    unfinished.write_bytes(letter.letter.value)
                letters.tally.saved += 1
        return letters.tally


def redrive(kafka: KafkaSettings, selection: Selection, say: Callable[[str], None], stop: threading.Event) -> Tally:
    """Puts letters back, in batches: what a batch holds and that it is done are one transaction.

    Raises:
        ConnectionFailed: Kafka is away, or refuses.
        CommandError: it ended early; what is not done is done by the next redrive.
    """
    connect(kafka, CONNECT_S)
    # Before the offsets are read: a redrive that was killed, or still runs, is cut off here.
    with _told(kafka), Publisher(kafka, _NAME, stop) as publisher:
        open_topics, done = OpenTopics(kafka), 0
        while True:
            with closing(Letters(kafka, selection, say, stop, open_topics, done)) as letters:
                try:
                    for batch in _batches(letters, kafka.batch_size):
                        publisher.publish(batch, letters.positions(), letters.consumer.consumer_group_metadata())
                        done += len(batch)
                except TooLargeError as error:  # from what is committed on, without that topic
                    open_topics.close(error)
                    continue
                except PublishError as error:
                    raise CommandError(f"broken off: {error}; redrive again, no letter is lost or doubled") from error
            if stop.is_set():
                raise CommandError(f"stopped: {done:,} were put back; redrive again for the others")
            return letters.tally


def _batches(letters: Letters, most: int) -> Iterator[list[Outgoing]]:
    """What is to be put back of the letters that are seen to by then; noted as done is no more than that."""
    batch: list[Outgoing] = []
    n_bytes = 0
    for letter, fate in letters:
        # Of the letters before this one: it is noted as seen to only after this.
        if len(batch) >= most or n_bytes >= _MAX_BATCH_BYTES:
            yield batch
            batch, n_bytes = [], 0
        if fate is Fate.LEFT:
            batch.append(letter.put_back())
            n_bytes += len(letter.letter.value)
    if batch:
        yield batch


def _passes(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and bool(error.args[0].retriable() or error.args[0].code() in _MOVING)


@contextmanager
def _told(kafka: KafkaSettings) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise CommandError(f"{kafka.dead_letter_topic}: {reason_of(error)}") from error
