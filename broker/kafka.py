"""Kafka, as the stream needs it: a consumer that can step back, and a producer that publishes and commits as one."""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tenacity import Retrying

from broker.retries import until_stopped
from broker.settings import KafkaSettings

log = structlog.get_logger()

Headers = list[tuple[str, str | bytes | None]]

MAX_MESSAGE_BYTES = 16 * 1024 * 1024  # containers of dozens of packets have been seen at 2.5 MB
_POLL_S = 0.2  # how long a batch may wait to be filled
_CALL_S = 10.0
# A killed worker's open transaction holds up read-committed readers for as long; the client's default is a minute.
_TRANSACTION_TIMEOUT_MS = 10_000
# A killed worker's partitions wait for as long; the client's default is 45 s. Heartbeats come from librdkafka's own
# thread: a long batch does not hold them up.
_SESSION_TIMEOUT_MS = 10_000
# New nightly topics are found this fast.
_METADATA_REFRESH_MS = 10_000
_CRITICAL = 2  # librdkafka counts as syslog does; what fails is told by the call that fails


class PublishError(Exception):
    """The transaction was aborted, nothing was published or committed: step back and try again."""


class TooLargeError(PublishError):
    """Nothing was published, because a message is larger than its topic takes: trying again will not help."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that was read."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes
    headers: Headers

    @property
    def position(self) -> str:
        """Where it was read: topic:partition:offset."""
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers


class AlertConsumer:
    """Alerts from the subscribed topics, in batches; offsets are committed by the Publisher."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._consumer = Consumer(
            {
                "group.id": settings.group,
                "enable.auto.commit": False,
                "session.timeout.ms": _SESSION_TIMEOUT_MS,
                "auto.offset.reset": "earliest",  # or a topic loses what came before it was discovered
                "isolation.level": "read_committed",
                "partition.assignment.strategy": "cooperative-sticky",
                "topic.metadata.refresh.interval.ms": _METADATA_REFRESH_MS,
                "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
                **settings.connection,
            },
            logger=_Logger(),
        )
        # With callbacks, rebalances happen inside poll() only, when no transaction is open: no offset is ever committed
        # for a partition that has moved on.
        self._consumer.subscribe(
            list(settings.topics), on_assign=_log_rebalance("assigned"), on_revoke=_log_rebalance("revoked")
        )

    def poll(self, at_most: int) -> list[Incoming]:
        """The next batch, possibly empty."""
        messages = []
        for message in self._consumer.consume(at_most, timeout=_POLL_S):
            if error := message.error():
                log.warning("kafka_consume", error=error.str())
            else:
                messages.append(incoming(message))
        return messages

    def rewind(self, messages: Iterable[Incoming]) -> None:
        """Reads these messages again; those of partitions that were lost are another worker's now."""
        first = {(m.topic, m.partition): m.offset for m in sorted(messages, key=_offset, reverse=True)}
        for (topic, partition), offset in first.items():
            try:
                self._consumer.seek(TopicPartition(topic, partition, offset))
            except KafkaException as error:
                log.info("kafka_seek", topic=topic, partition=partition, error=str(error))

    def group_metadata(self) -> Any:
        """What proves, inside a transaction, that this consumer still owns its partitions."""
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """Leaves the group."""
        self._consumer.close()


class Publisher:
    """Publishes messages and commits the input's offsets in one transaction: both happen, or neither."""

    def __init__(self, settings: KafkaSettings, worker: str, stop: threading.Event) -> None:
        self._stop = stop
        self._refused = False  # the cluster has found a message of this transaction too large
        self._config = {
            "transactional.id": f"{settings.group}-{worker}",
            "transaction.timeout.ms": _TRANSACTION_TIMEOUT_MS,
            "compression.type": "zstd",
            "linger.ms": 5,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            **settings.connection,
        }
        self._start()

    def publish(self, outgoing: Sequence[Outgoing], done: Iterable[Incoming], group_metadata: Any) -> None:
        """Publishes what goes out and commits what is `done`: all or nothing.

        Raises:
            PublishError: nothing was published, nothing committed.
            TooLargeError: the same, and a message is to blame.
        """
        self._refused = False
        try:
            self._producer.begin_transaction()
            for message in outgoing:
                self._produce(message)
            self._send_offsets(_positions_after(done), group_metadata)
            # Once begun, a commit must be seen through: its fate is the cluster's to tell.
            for attempt in self._attempts():
                with attempt:
                    self._producer.commit_transaction(_CALL_S)
        except KafkaException as error:
            self._abort(error)
            too_large = self._refused or error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
            raise (TooLargeError if too_large else PublishError)(str(error)) from error
        except TimeoutError as error:
            self._restart(error)
            raise PublishError("the group's coordinator is away") from error

    def _send_offsets(self, positions: list[TopicPartition], group_metadata: Any) -> None:
        """Adds offsets to the transaction, in a thread that is left behind where the call never returns.

        librdkafka heeds no timeout here and may wait for ever for a coordinator that has moved or restarted: its issues
        5456 and 5511, seen with 2.16 in every third restart of a single broker.
        """
        sent: Future[None] = Future()

        def send(producer: Producer) -> None:
            try:
                producer.send_offsets_to_transaction(positions, group_metadata, _CALL_S)
            except Exception as error:
                sent.set_exception(error)
            else:
                sent.set_result(None)

        threading.Thread(target=send, args=(self._producer,), daemon=True).start()
        sent.result(_CALL_S + 1)

    def _start(self) -> None:
        self._producer = Producer(self._config, logger=_Logger())
        for attempt in self._attempts():
            with attempt:
                self._producer.init_transactions(_CALL_S)

    def _produce(self, message: Outgoing) -> None:
        while True:
            try:
                self._producer.produce(
                    message.topic, message.value, message.key, headers=message.headers, on_delivery=self._on_delivery
                )
            except BufferError:  # the local queue is full
                self._producer.poll(_POLL_S)
            else:
                return

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        self._refused |= error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE

    def _abort(self, cause: KafkaException) -> None:
        log.warning("transaction_aborted", error=str(cause))
        try:
            for attempt in self._attempts():
                with attempt:
                    self._producer.abort_transaction(_CALL_S)
        except KafkaException as error:
            # Fenced: the cluster has given up this producer, or another worker has the same name.
            self._restart(error)

    def _restart(self, cause: Exception) -> None:
        """A new producer of the same name, at which the cluster aborts what the old one has left open."""
        if not self._stop.is_set():
            name = self._config["transactional.id"]
            hint = f"is another worker called {name}? give each its own --worker" if _is_fenced(cause) else None
            log.error("producer_restarted", transactional_id=name, error=repr(cause), hint=hint)
            self._start()

    def _attempts(self) -> Retrying:
        return until_stopped(self._stop, _is_retriable, "kafka")


def create_topics(settings: KafkaSettings, *names: str) -> dict[str, KafkaException]:
    """Creates those topics that are absent, with room for large packets and the cluster's own number of partitions.

    Returns what stands in the way, by topic: an operator may have to create it.
    """
    admin = AdminClient({**settings.connection, "log_level": _CRITICAL}, logger=_Logger())
    try:
        existing = admin.list_topics(timeout=_CALL_S).topics
    except KafkaException as error:
        return dict.fromkeys(names, error)
    wanted = [
        NewTopic(name, num_partitions=-1, replication_factor=-1, config={"max.message.bytes": str(MAX_MESSAGE_BYTES)})
        for name in names
        if name not in existing
    ]
    failed = {}
    for name, creation in (admin.create_topics(wanted, operation_timeout=_CALL_S) if wanted else {}).items():
        try:
            creation.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody else was faster
                failed[name] = error
    return failed


def _is_fenced(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError._FENCED


def _is_retriable(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].retriable()


def _positions_after(messages: Iterable[Incoming]) -> list[TopicPartition]:
    last = {(m.topic, m.partition): m.offset for m in sorted(messages, key=_offset)}
    return [TopicPartition(topic, partition, offset + 1) for (topic, partition), offset in last.items()]


def _offset(message: Incoming) -> int:
    return message.offset


def incoming(message: Message) -> Incoming:
    """A message without error, with all that it certainly has."""
    topic, partition, offset, headers = message.topic(), message.partition(), message.offset(), message.headers()
    assert topic is not None and partition is not None and offset is not None  # noqa: PT018, S101 - it has no error
    return Incoming(
        topic,
        partition,
        offset,
        message.timestamp()[1],
        message.key(),
        message.value() or b"",
        headers if isinstance(headers, list) else [],
    )


def _log_rebalance(event: str) -> Any:
    def callback(_consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("rebalance", event_=event, partitions=[f"{p.topic}:{p.partition}" for p in partitions])

    return callback


class _Logger:
    """librdkafka's log lines, in ours; it says all it has to say again as errors of calls."""

    def log(self, level: int, text: str, *arguments: object) -> None:
        """Called by confluent-kafka with a logging level, a format and its arguments."""
        log.log(level, "librdkafka", text=text % arguments if arguments else text)
