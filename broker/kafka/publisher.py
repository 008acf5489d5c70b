"""Publishes messages and commits the input's offsets in one transaction: both happen, or neither."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, Self

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from tenacity import Retrying

from starsieve.broker.kafka.clients import LibrdkafkaLog
from starsieve.broker.kafka.connection import KafkaRefuses, client, refuses
from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES, OWN_MARK, Incoming, Outgoing
from starsieve.broker.retries import Waits, until_stopped
from starsieve.broker.settings import KafkaSettings

log = structlog.get_logger()

_POLL_S = 0.2
_CALL_S = 10.0
# A killed worker's open transaction holds up read-committed readers for as long; the client's default is a minute.
_TRANSACTION_TIMEOUT_MS = 10_000
# A producer may go wrong for good, with metadata of a topic that was created anew, say; a new one then starts afresh.
_MOST_ABORTS = 3


class PublishError(Exception):
    """The transaction was aborted, or its fate is unknown: step back to what the group has committed."""


class TooLargeError(PublishError):
    """Nothing was published, because a message is larger than its `topic` takes: trying again will not help."""

    def __init__(self, text: str, topic: str) -> None:
        super().__init__(f"{topic}: {text}")
        self.topic, self.cause = topic, text


class Publisher:
    """The transactional producer of one worker; a context manager that finds its place in the cluster first.

    Raises:
        KafkaRefuses: this client may not write, or not with this transactional id.
        SettingsError: librdkafka does not take an option.
        KafkaException: we were told to stop while Kafka was away.
    """

    def __init__(
        self, settings: KafkaSettings, worker: str, stop: threading.Event, waits: Waits = lambda _: None
    ) -> None:
        self._stop, self._waits = stop, waits
        self._failed: tuple[KafkaError, str] | None = None  # the transaction's first lost message: why, and its topic
        self._aborts = 0  # in a row
        self._config = {
            "transactional.id": f"{settings.group}-{worker}",
            "transaction.timeout.ms": _TRANSACTION_TIMEOUT_MS,
            "compression.type": "zstd",
            "linger.ms": 5,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            **settings.connection,
        }
        self._producer = self._created()

    def __enter__(self) -> Self:
        self._join()
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.purge()  # what an open transaction still held: the cluster aborts it

    def publish(self, outgoing: Sequence[Outgoing], positions: Sequence[TopicPartition], group_metadata: Any) -> None:
        """Publishes what goes out and commits the group's new positions: all or nothing.

        Raises:
            PublishError: nothing was published and nothing committed, or nobody knows.
            TooLargeError: nothing was, and a message is to blame.
            KafkaRefuses: nothing was; this client may not write there.
        """
        self._failed = None
        try:
            self._producer.begin_transaction()
            for message in outgoing:
                self._produce(message)
            self._send_offsets(positions, group_metadata)
            # Once begun, a commit must be seen through: its fate is the cluster's to tell.
            for attempt in self._attempts():
                with attempt:
                    self._producer.commit_transaction(_CALL_S)
        except KafkaException as exception:
            cause, topic = self._failed or (exception.args[0], "")
            self._abort(exception, cause)
            raise _failure(cause, topic) from exception
        except TimeoutError as error:
            self._restart(error)
            raise PublishError("the group's coordinator is away") from error
        self._aborts = 0

    def _send_offsets(self, positions: Sequence[TopicPartition], group_metadata: Any) -> None:
        """Adds offsets to the transaction, in a thread that is left behind where the call never returns.

        librdkafka heeds no timeout here and may wait for ever for a coordinator that has moved or restarted: its issues
        5456 and 5511, seen with 2.16 in every third restart of a single broker.
        """
        sent: Future[None] = Future()

        def send(producer: Producer) -> None:
            try:
                producer.send_offsets_to_transaction(list(positions), group_metadata, _CALL_S)
            except Exception as error:
                sent.set_exception(error)
            else:
                sent.set_result(None)

        threading.Thread(target=send, args=(self._producer,), daemon=True).start()
        sent.result(_CALL_S + 1)

    def _created(self) -> Producer:
        return client(Producer, self._config, logger=LibrdkafkaLog())

    def _join(self) -> None:
        self._aborts = 0
        with _served(self._producer):
            try:
                for attempt in self._attempts():
                    with attempt:
                        self._producer.init_transactions(_CALL_S)
            except KafkaException as error:
                if refuses(error.args[0]):
                    raise KafkaRefuses(error.args[0].str()) from error
                raise

    def _produce(self, message: Outgoing) -> None:
        while True:
            try:
                headers = [OWN_MARK, *message.headers] if message.own else message.headers
                self._producer.produce(
                    message.topic, message.value, message.key, headers=headers, on_delivery=self._on_delivery
                )
            except BufferError:  # the local queue is full
                self._producer.poll(_POLL_S)
            except KafkaException as exception:  # refused at once: larger than any topic takes
                self._failed = (exception.args[0], message.topic)
                raise
            else:
                return

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        # Once one has failed, the others are purged.
        if error is not None and self._failed is None and error.code() != KafkaError._PURGE_QUEUE:
            self._failed = (error, message.topic() or "")

    def _abort(self, exception: KafkaException, cause: KafkaError) -> None:
        self._aborts += 1
        log.warning("transaction_aborted", error=str(exception), cause=cause.str(), in_a_row=self._aborts)
        try:
            for attempt in self._attempts():
                with attempt:
                    self._producer.abort_transaction(_CALL_S)
        except KafkaException as error:
            # Fenced: the cluster has given up this producer, or another worker has the same name.
            self._restart(error)
        if self._aborts >= _MOST_ABORTS:
            self._restart(exception)

    def _restart(self, cause: Exception) -> None:
        """A new producer of the same name, at which the cluster aborts what the old one has left open."""
        if not self._stop.is_set():
            name = self._config["transactional.id"]
            hint = f"is another worker called {name}? give each its own --worker" if _is_fenced(cause) else None
            log.error("producer_restarted", transactional_id=name, error=repr(cause), hint=hint)
            self._producer = self._created()
            self._join()

    def _attempts(self) -> Retrying:
        return until_stopped(self._stop, _is_retriable, "kafka", self._waits)


@contextmanager
def _served(producer: Producer) -> Iterator[None]:
    """Lets librdkafka say what is wrong while a call blocks: its log and callbacks need somebody to poll."""
    done = threading.Event()

    def serve() -> None:
        with suppress(KafkaException, SystemError):  # a fatal error comes out of poll too; the call that blocks has it
            while not done.is_set():
                producer.poll(_POLL_S)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _failure(cause: KafkaError, topic: str) -> Exception:
    if cause.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return TooLargeError(cause.str(), topic)
    return KafkaRefuses(cause.str()) if refuses(cause) else PublishError(cause.str())


def _is_fenced(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError._FENCED


def _is_retriable(error: BaseException) -> bool:
    # A conflict says retriable, but lasts as long as the producer: the call it was interrupted in never ends.
    conflict = KafkaError._CONFLICT
    return isinstance(error, KafkaException) and error.args[0].retriable() and error.args[0].code() != conflict


def positions_after(messages: Iterable[Incoming]) -> list[TopicPartition]:
    """Where reading goes on once these messages are done."""
    last = {(m.topic, m.partition): m.offset for m in sorted(messages, key=lambda message: message.offset)}
    return [TopicPartition(topic, partition, offset + 1) for (topic, partition), offset in last.items()]
