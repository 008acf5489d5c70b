"""Alerts from the subscribed topics, in batches; offsets are committed by the Publisher."""

import threading
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Self

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from starsieve.broker.kafka.clients import LibrdkafkaLog, committed
from starsieve.broker.kafka.connection import KafkaRefuses, client, refuses
from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES, Incoming, incoming
from starsieve.broker.kafka.positions import Partition, Positions
from starsieve.broker.kafka.topics import contested, select
from starsieve.broker.retries import Waits, until_stopped
from starsieve.broker.settings import KafkaSettings, SettingsError

log = structlog.get_logger()

_POLL_S = 0.2  # how long to wait for the first message of a batch; the others are taken if they are there
_SLICE = 16  # messages taken at once: between slices the batch's bytes are looked at
_MAX_BATCH_BYTES = 32 * 2**20  # twice as much may be in hand: one batch is published while the next is answered
_MOST_AHEAD_KB = 16 * 2**10  # of a partition, that librdkafka fetches before it is asked
_CALL_S = 10.0
# A killed worker's partitions wait for as long; the client's default is 45 s. Heartbeats come from librdkafka's own
# thread: a long batch does not hold them up.
_SESSION_TIMEOUT_MS = 10_000
_REFRESH_S = 10.0  # new nightly topics are found this fast
_REFRESH_CALL_S = 2.0
_GONE_S = 60.0  # a topic that Kafka has not named for so long is read no more; metadata of a restart may lack some


class AlertConsumer:
    """One member of the group; a context manager that leaves it at the end.

    Args:
        settings: of the cluster and the group.
        surveys: what is read of each survey, and written about it; without, what `settings` says.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        stop: threading.Event,
        waits: Waits = lambda _: None,
        surveys: Sequence[KafkaSettings] = (),
    ) -> None:
        self._surveys = surveys or [settings]
        self._stop, self._waits = stop, waits
        self._consumer = client(
            Consumer,
            {
                "group.id": settings.group,
                "enable.auto.commit": False,
                "session.timeout.ms": _SESSION_TIMEOUT_MS,
                "auto.offset.reset": "earliest",  # or a topic loses what came before it was discovered
                "isolation.level": "read_committed",
                "partition.assignment.strategy": "cooperative-sticky",
                "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
                "queued.max.messages.kbytes": _MOST_AHEAD_KB,
                **settings.connection,
            },
            logger=LibrdkafkaLog(),
        )
        self._positions = Positions()
        self._named: dict[str, float] = {}  # topics to read, and when Kafka last named them
        self._subscribed: list[str] = []
        self._unmatched: list[str] = []
        self._contested: list[str] = []
        self._refreshed = -_REFRESH_S
        self._lost: dict[Partition, int] = {}
        #: Whether Kafka has answered the last time that it was asked for its topics.
        self.reached = False
        #: When the last message taken was published.
        self.last_timestamp_ms: int | None = None
        #: Whether the group has given this worker its share, which may be empty.
        self.joined = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def poll(self, at_most: int, *, wait: bool = True) -> list[Incoming]:
        """The next batch, possibly empty: what is there at once, and otherwise what comes first within 0.2 s.

        Args:
            at_most: messages.
            wait: False where there is other work to do: only what is there at once.

        Raises:
            KafkaRefuses: this client may not read, or not as a member of this group.
            SettingsError: when the first topics are found, one is of two surveys.
        """
        self._refresh_subscription()
        messages, n_bytes, wait_s = list[Incoming](), 0, _POLL_S if wait else 0.0
        while len(messages) < at_most and n_bytes < _MAX_BATCH_BYTES:
            found = self._consumer.consume(1 if wait_s else min(at_most - len(messages), _SLICE), timeout=wait_s)
            if not found:
                break
            wait_s = 0.0
            for message in found:
                if (error := message.error()) is not None:
                    self._report(error)
                else:
                    messages.append(incoming(message))
                    n_bytes += messages[-1].n_bytes
        self._count_lost(messages)
        if messages:
            self.last_timestamp_ms = messages[-1].timestamp_ms
        return messages

    def rewind(self) -> None:
        """Reads again from what the group has committed, whatever that is: an uncertain commit may have succeeded.

        Tried until it works. What a rebalance takes away meanwhile is another worker's to do.
        """
        for attempt in until_stopped(self._stop, lambda error: isinstance(error, KafkaException), "kafka", self._waits):
            with attempt:
                for position in committed(self._consumer, self._consumer.assignment()):
                    offset = position.offset if position.offset >= 0 else OFFSET_BEGINNING
                    self._consumer.seek(TopicPartition(position.topic, position.partition, offset))
                    self._positions.set((position.topic, position.partition), position.offset)

    def take_lost(self) -> dict[Partition, int]:
        """Messages that Kafka deleted before they were read, by topic and partition, since the last call."""
        lost, self._lost = self._lost, {}
        return lost

    def group_metadata(self) -> Any:
        """What proves, inside a transaction, that this consumer still owns its partitions."""
        return self._consumer.consumer_group_metadata()

    def lag(self) -> dict[Partition, int]:
        """Messages between the position and the end of each partition at hand, as of the last fetch."""
        behind = {}
        for position in self._consumer.position(self._consumer.assignment()):
            _, end = self._consumer.get_watermark_offsets(position, cached=True)
            if position.offset >= 0 and end >= 0:
                behind[(position.topic, position.partition)] = max(0, end - position.offset)
        return behind

    def _report(self, error: KafkaError) -> None:
        if refuses(error):
            raise KafkaRefuses(error.str())
        log.warning("kafka_consume", error=error.str())

    def _count_lost(self, messages: Iterable[Incoming]) -> None:
        for message in messages:
            partition = (message.topic, message.partition)
            try:
                if not self._positions.knows(partition):
                    (position,) = committed(self._consumer, [TopicPartition(*partition)])
                    self._positions.set(partition, position.offset)
                first_kept = 0
                if self._positions.jumps(partition, message.offset):
                    first_kept, _ = self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=_CALL_S)
            except KafkaException as error:
                log.warning(
                    "kafka_position_unknown", topic=message.topic, partition=message.partition, error=str(error)
                )
                first_kept = 0
            if lost := self._positions.lost(partition, message.offset, first_kept):
                self._lost[partition] = self._lost.get(partition, 0) + lost
                hint = "Kafka deleted them before they were read: let it keep them longer, or add workers"
                log.error("messages_lost", topic=message.topic, partition=message.partition, messages=lost, hint=hint)

    def _refresh_subscription(self) -> None:
        """Subscribes to the topics that there are, by name: see `starsieve.broker.kafka.topics`.

        With callbacks, rebalances happen inside poll() only, when no transaction is open: no offset is ever committed
        for a partition that has moved on.
        """
        now = time.monotonic()
        if now < self._refreshed + _REFRESH_S:
            return
        self._refreshed = now
        try:
            present = self._consumer.list_topics(timeout=_REFRESH_CALL_S).topics
        except KafkaException:  # away: consume() tells why
            self.reached = False
            return
        self.reached = True
        left_out = {topic for each in self._surveys for topic in each.written}.union(self._of_two_surveys(present))
        wanted = [topic for each in self._surveys for topic in each.topics]
        selected, unmatched = select(wanted, present, left_out)
        self._named = {topic: at for topic, at in self._named.items() if at > now - _GONE_S}
        self._named.update(dict.fromkeys(selected, now))
        if unmatched != self._unmatched:
            self._unmatched = unmatched
            if unmatched:
                hint = "Kafka has none, or this client may not see it"
                log.warning("no_such_topic", topics=unmatched, hint=hint)
        if (topics := sorted(self._named)) != self._subscribed:
            self._subscribed = topics
            log.info("subscribed", topics=topics)
            if topics:
                self._consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke)
            else:
                self._consumer.unsubscribe()

    def _of_two_surveys(self, present: Collection[str]) -> list[str]:
        """Topics that nobody can say the survey of. Once alerts are being read, the others go on."""
        found = contested([each.topics for each in self._surveys], present)
        told = f"{', '.join(found)}: of more than one of `surveys`; make their topics tell them apart"
        if found and not self._subscribed:
            raise SettingsError(f"topics: {told}")
        if found != self._contested:
            self._contested = found
            if found:
                log.error("topics_not_read", topics=found, hint=told)
        return found

    def _on_assign(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self.joined = True
        self._begin_anew("assigned", partitions)

    def _on_revoke(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._begin_anew("revoked", partitions)

    def _begin_anew(self, event: str, partitions: Sequence[TopicPartition]) -> None:
        for each in partitions:
            self._positions.forget((each.topic, each.partition))
        log.info("rebalance", what=event, partitions=[f"{each.topic}:{each.partition}" for each in partitions])
