"""The stream's loop: poll, decode, process, store, then publish and commit as one."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import redis
import structlog
from confluent_kafka import KafkaException

from broker.alerts import Alert, AlertError
from broker.alerts.packets import decode
from broker.kafka import AlertConsumer, Incoming, Outgoing, Publisher, PublishError, TooLargeError, create_topics
from broker.lightcurves import LightCurves
from broker.outputs import ENCODERS
from broker.outputs.message import Provenance, headers
from broker.process import process
from broker.retries import until_stopped
from broker.settings import Settings
from broker.warmup import warm_up
from models import registry
from models.serving import Classifier

log = structlog.get_logger()

T = TypeVar("T")

_STORE_TIMEOUT_S = 5.0
_ATTEMPTS_TO_SET_ASIDE = 3  # the first transaction after a refused message fails: its sequence numbers have a gap
_PAUSE_S = 1.0  # after an aborted transaction, before the next attempt


def run(settings: Settings, stop: threading.Event) -> None:
    """Connects to everything and works until told to stop.

    Raises:
        models.ModelError: there is no network for the survey.
    """
    log.info("starting", survey=settings.survey, worker=settings.worker, kafka=settings.kafka.bootstrap_servers)
    classifier = registry.load(settings.survey)
    warm_up()
    store = redis.Redis.from_url(settings.redis.url, socket_timeout=_STORE_TIMEOUT_S)
    light_curves = LightCurves(store, settings.survey, time_to_live_s=settings.redis.time_to_live_days * 86400)
    try:
        publisher = Publisher(settings.kafka, settings.worker, stop)
    except KafkaException:
        if stop.is_set():  # told to stop while Kafka was still away
            return
        raise
    topics = settings.kafka.output_topic, settings.kafka.dead_letter_topic
    for topic, error in create_topics(settings.kafka, *topics).items():
        log.warning("topic_not_created", topic=topic, error=str(error))
    consumer = AlertConsumer(settings.kafka)
    try:
        log.info("started", survey=settings.survey, classifier=classifier.version, topics=settings.kafka.topics)
        Worker(settings, consumer, publisher, light_curves, classifier, stop).run()
    finally:
        consumer.close()
        store.close()
        log.info("stopped")


@dataclass(frozen=True, slots=True)
class Input:
    """One record of one message."""

    message: Incoming
    record: int
    content: Alert | AlertError


class Worker:
    """One consumer of the group. What it has not committed when it dies, another worker does again."""

    def __init__(
        self,
        settings: Settings,
        consumer: AlertConsumer,
        publisher: Publisher,
        light_curves: LightCurves,
        classifier: Classifier,
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._publisher = publisher
        self._light_curves = light_curves
        self._classifier = classifier
        self._encode = ENCODERS[settings.output_format]
        self._stop = stop

    def run(self) -> None:
        """Works until told to stop, and then finishes the batch at hand."""
        one_by_one = 0  # messages still to be taken singly: one of them is too large to publish
        while not self._stop.is_set():
            messages = self._consumer.poll(1 if one_by_one else self._settings.kafka.batch_size)
            if not messages:
                continue
            try:
                self._work(messages)
                one_by_one = max(0, one_by_one - len(messages))
            except TooLargeError as error:
                if len(messages) == 1:
                    self._set_aside(messages[0], error)
                    one_by_one = max(0, one_by_one - 1)
                else:
                    self._consumer.rewind(messages)
                    one_by_one = len(messages)
            except PublishError:
                self._consumer.rewind(messages)
                self._stop.wait(_PAUSE_S)
            except redis.RedisError as error:  # the store was still away when we were told to stop
                log.warning("batch_abandoned", messages=len(messages), error=str(error))

    def _work(self, messages: Sequence[Incoming]) -> None:
        ingested_ms = _now_ms()
        inputs = [
            Input(message, record, content)
            for message in messages
            for record, content in enumerate(decode(message.value, self._settings.survey))
        ]
        outgoing = self._answer(inputs, ingested_ms)
        self._publisher.publish(outgoing, messages, self._consumer.group_metadata())
        log.info("batch", messages=len(messages), outgoing=len(outgoing), milliseconds=_now_ms() - ingested_ms)

    def _set_aside(self, message: Incoming, error: TooLargeError) -> None:
        """A dead letter without the bytes that its topic does not take: the headers say where they are."""
        notice = self._dead_letter(replace(message, key=None, value=b""), "0", AlertError("too_large", str(error)))
        for _ in range(_ATTEMPTS_TO_SET_ASIDE):
            try:
                self._publisher.publish([notice], [message], self._consumer.group_metadata())
            except PublishError:
                self._stop.wait(_PAUSE_S)
            else:
                return
        self._consumer.rewind([message])

    def _answer(self, inputs: Sequence[Input], ingested_ms: int) -> list[Outgoing]:
        """One outcome or dead letter for each input."""
        try:
            return self._classify(inputs, ingested_ms)
        except redis.RedisError:
            raise
        except Exception as error:
            # An input that we have a bug for must not hold up all others, nor be lost.
            log.exception("internal_error", inputs=len(inputs))
            if len(inputs) > 1:
                return [outgoing for single in inputs for outgoing in self._answer([single], ingested_ms)]
            failed = AlertError("internal_error", f"{type(error).__name__}: {error}")
            return [self._dead_letter(inputs[0].message, str(inputs[0].record), failed)]

    def _classify(self, inputs: Sequence[Input], ingested_ms: int) -> list[Outgoing]:
        alerts = [each.content for each in inputs if isinstance(each.content, Alert)]
        stored = self._patiently(lambda: self._light_curves.read(alert.object_id for alert in alerts))
        outcomes, changes = process(alerts, stored, self._classifier, min_epochs=self._settings.min_epochs)
        outgoing = self._dead_letters(inputs)
        for each, outcome in zip((each for each in inputs if isinstance(each.content, Alert)), outcomes, strict=True):
            key = f"{each.message.position}:{each.record}"
            provenance = Provenance(key, each.message.timestamp_ms, ingested_ms, _now_ms())
            outgoing.append(
                Outgoing(
                    self._settings.kafka.output_topic,
                    outcome.alert.object_id.encode(),
                    self._encode(outcome, self._classifier, provenance),
                    [*headers(outcome, self._classifier), ("idempotency_key", key.encode())],
                )
            )
        self._patiently(lambda: self._light_curves.write(changes, stored))
        return outgoing

    def _dead_letters(self, inputs: Sequence[Input]) -> list[Outgoing]:
        """One for each message with bad records, with the reason of the first of them: the bytes are the same."""
        bad: dict[str, list[Input]] = {}
        for each in inputs:
            if isinstance(each.content, AlertError):
                bad.setdefault(each.message.position, []).append(each)
        return [
            self._dead_letter(first.message, ",".join(str(each.record) for each in (first, *others)), first.content)
            for first, *others in bad.values()
            if isinstance(first.content, AlertError)
        ]

    def _dead_letter(self, message: Incoming, records: str, error: AlertError) -> Outgoing:
        """The message as it came, with the reason in headers."""
        log.warning("dead_letter", reason=error.reason, detail=error.detail, input=message.position, records=records)
        texts = [
            ("reason", error.reason),
            ("detail", error.detail),
            ("topic", message.topic),
            ("partition", message.partition),
            ("offset", message.offset),
            ("record", records),
            ("survey", self._settings.survey),
        ]
        return Outgoing(
            self._settings.kafka.dead_letter_topic,
            message.key,
            message.value,
            [*message.headers, *((name, str(text).encode()) for name, text in texts)],
        )

    def _patiently(self, call: Callable[[], T]) -> T:
        """The store may be away, full or read-only for a while: wait for it, as long as nobody says stop."""
        return until_stopped(self._stop, lambda error: isinstance(error, redis.RedisError), "redis")(call)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
