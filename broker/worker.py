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
from broker.alerts.packets import SURVEYS, decode
from broker.blame import Blame
from broker.kafka.clients import create_topics
from broker.kafka.connection import KafkaAway, KafkaRefuses, connect
from broker.kafka.consumer import AlertConsumer
from broker.kafka.messages import OWN_MARK, Incoming, Outgoing
from broker.kafka.publisher import Publisher, PublishError, TooLargeError
from broker.lightcurves import Change, LightCurves, Stored
from broker.outputs import ENCODERS
from broker.outputs.message import Provenance, headers
from broker.pace import Pace
from broker.process import process
from broker.redis_client import connect as connect_store
from broker.redis_client import may_pass
from broker.retries import until_stopped
from broker.settings import Settings, SettingsError
from broker.warmup import warm_up
from models import registry
from models.serving import Classifier

log = structlog.get_logger()

T = TypeVar("T")

_ATTEMPTS_TO_SET_ASIDE = 3  # the first transaction after a refused message fails: its sequence numbers have a gap
_PAUSE_S = 1.0  # after an aborted transaction, before the next attempt
_LONGEST_PAUSE_S = 30.0


def run(settings: Settings, stop: threading.Event) -> None:
    """Connects to everything and works until told to stop.

    Raises:
        SettingsError: the survey has no reader or no network, or a client does not know an option.
        KafkaRefuses: the servers answer that this worker never may, before it has answered any alert.
        redis.RedisError: the same, of the store.
        WorkerError: the process is at fault; nothing of what it had in hand is committed.
    """
    log.info("starting", survey=settings.survey, worker=settings.worker, kafka=settings.kafka.bootstrap_servers)
    classifier = _classifier(settings.survey)
    warm_up()
    light_curves = _store(settings)
    try:
        _patiently(stop, light_curves.check, may_pass)
        for attempt in until_stopped(stop, lambda error: isinstance(error, KafkaAway), "kafka"):
            with attempt:
                connect(settings.kafka)
        try:
            publisher, consumer = Publisher(settings.kafka, settings.worker, stop), AlertConsumer(settings.kafka, stop)
        except KafkaException as error:
            raise SettingsError(f"kafka.options: {error.args[0].str()}") from None
        with publisher, consumer:
            topics = settings.kafka.output_topic, settings.kafka.dead_letter_topic
            for topic, reason in create_topics(settings.kafka, *topics).items():
                log.warning("topic_not_created", topic=topic, error=str(reason))
            log.info("started", survey=settings.survey, classifier=classifier.version, topics=settings.kafka.topics)
            Worker(settings, consumer, publisher, light_curves, classifier, stop).run()
    except (KafkaException, KafkaAway, redis.RedisError):
        if not stop.is_set():  # told to stop while a server was away: what was at hand is done again
            raise
    finally:
        log.info("stopped")


def _classifier(survey: str) -> Classifier:
    if survey not in SURVEYS or survey not in registry.surveys():
        known = [each for each in registry.surveys() if each in SURVEYS]
        raise SettingsError(f"survey: {survey!r} has no reader of packets, or no network; there are {', '.join(known)}")
    return registry.load(survey)


def _store(settings: Settings) -> LightCurves:
    client = connect_store(settings.redis.url.get_secret_value())
    return LightCurves(client, settings.survey, time_to_live_s=settings.redis.time_to_live_days * 86400)


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
        self._blame = Blame()
        self._pace = Pace(settings.kafka.batch_size, settings.kafka.max_poll_interval_s)
        self._committed = False  # anything, yet: until then an answer that says "never" ends the worker
        self._pause_s = _PAUSE_S
        self._singly = 0  # messages still to be taken one by one: one of them is too large to publish

    def run(self) -> None:
        """Works until told to stop, and then finishes the batch at hand. Raises as `run` of this module."""
        while not self._stop.is_set():
            started = time.monotonic()
            messages = self._poll()
            if not messages:
                continue
            try:
                self._work(messages)
                self._pace.took(len(messages), time.monotonic() - started)
                self._singly = max(0, self._singly - len(messages))
            except TooLargeError as error:
                self._step_aside(messages, error)
            except (PublishError, KafkaRefuses) as error:
                if time.monotonic() - started > self._settings.kafka.max_poll_interval_s:
                    self._pace.was_too_slow(len(messages))
                self._step_back(error)
            except redis.RedisError as error:
                if not self._stop.is_set():
                    raise
                log.warning("batch_abandoned", messages=len(messages), error=str(error))

    def _poll(self) -> list[Incoming]:
        try:
            return self._consumer.poll(1 if self._singly else self._pace.limit)
        except KafkaRefuses as error:
            self._step_back(error)
            return []

    def _work(self, messages: Sequence[Incoming]) -> None:
        ingested_ms = _now_ms()
        own = [message.position for message in messages if message.is_own]
        if own:
            log.warning("own_messages_skipped", messages=len(own), first=own[0])
        outgoing = self._answer([message for message in messages if not message.is_own], ingested_ms)
        self._publisher.publish(outgoing, messages, self._consumer.group_metadata())
        self._committed, self._pause_s = True, _PAUSE_S
        log.info("batch", messages=len(messages), outgoing=len(outgoing), milliseconds=_now_ms() - ingested_ms)

    def _step_back(self, error: Exception) -> None:
        """Nothing is committed: begins again, after a pause that grows where Kafka answers that we never may."""
        if isinstance(error, KafkaRefuses):
            if not self._committed:
                raise error
            log.error("kafka_refuses", error=str(error), next_attempt_s=self._pause_s)
        self._stop.wait(self._pause_s)
        if isinstance(error, KafkaRefuses):
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        self._consumer.rewind()

    def _step_aside(self, messages: Sequence[Incoming], error: TooLargeError) -> None:
        """One message cannot be published: finds it, and leaves a notice in its place."""
        if error.topic == self._settings.kafka.output_topic:  # no outcome is large: the topic takes too little
            self._step_back(error)
        elif len(messages) > 1:
            self._singly = len(messages)
            self._consumer.rewind()
        elif self._published_notice(messages[0], error):
            self._singly = max(0, self._singly - 1)
        else:
            self._consumer.rewind()

    def _published_notice(self, message: Incoming, error: TooLargeError) -> bool:
        """A dead letter without what its topic does not take: the headers say where it is."""
        bare = replace(message, key=None, value=b"", headers=[])
        notice = self._dead_letter(bare, "0", AlertError("too_large", str(error)))
        for _ in range(_ATTEMPTS_TO_SET_ASIDE):
            try:
                self._publisher.publish([notice], [message], self._consumer.group_metadata())
            except PublishError:
                self._stop.wait(_PAUSE_S)
            else:
                return True
        return False

    def _answer(self, messages: Sequence[Incoming], ingested_ms: int) -> list[Outgoing]:
        """One outcome for each alert, and one dead letter for each message with records that are none."""
        try:
            inputs = [each for message in messages for each in self._decode(message)]
            outgoing = self._classify(inputs, ingested_ms)
        except redis.RedisError:
            raise
        except Exception:
            log.exception("unexpected_error", messages=len(messages))
            return self._answer_one_by_one(messages, ingested_ms)
        if any(isinstance(each.content, Alert) for each in inputs):
            self._blame.passes()
        return outgoing

    def _answer_one_by_one(self, messages: Sequence[Incoming], ingested_ms: int) -> list[Outgoing]:
        """An alert that we have a bug for must not hold up all others, nor be lost; see `broker.blame`."""
        outgoing: list[Outgoing] = []
        bad: list[Input] = []
        failed: Exception | None = None
        for message in messages:
            try:
                inputs = self._decode(message)
            except Exception as error:
                self._blame.fails(message.position, error)
                failed = error
                bad.append(Input(message, 0, _internal(error)))
                continue
            for each in inputs:
                if isinstance(each.content, AlertError):
                    bad.append(each)
                    continue
                try:
                    outgoing += self._classify([each], ingested_ms)
                    self._blame.passes()
                except redis.RedisError:
                    raise
                except Exception as error:
                    self._blame.fails(each.content.object_id, error)
                    failed = error
                    bad.append(replace(each, content=_internal(error)))
        self._blame.end_of_batch(failed)
        return outgoing + self._dead_letters(bad)

    def _decode(self, message: Incoming) -> list[Input]:
        if message.headers_error is not None:
            return [Input(message, 0, AlertError("unreadable_headers", message.headers_error))]
        contents = decode(message.value, self._settings.survey)
        return [Input(message, record, content) for record, content in enumerate(contents)]

    def _classify(self, inputs: Sequence[Input], ingested_ms: int) -> list[Outgoing]:
        wanted = [each.content.object_id for each in inputs if isinstance(each.content, Alert)]
        stored = self._patiently(lambda: self._light_curves.read(wanted))
        good: list[tuple[Input, Alert]] = []
        bad: list[Input] = []
        for each in inputs:
            if isinstance(each.content, AlertError):
                bad.append(each)
            elif (problem := stored[each.content.object_id].unreadable) is not None:
                bad.append(replace(each, content=AlertError("unreadable_store", problem)))
            else:
                good.append((each, each.content))
        alerts = [alert for _, alert in good]
        outcomes, changes = process(alerts, stored, self._classifier, min_epochs=self._settings.min_epochs)
        outgoing = self._dead_letters(bad)
        for (each, alert), outcome in zip(good, outcomes, strict=True):
            message, key = each.message, f"{each.message.position}:{each.record}"
            published_ms = ingested_ms if message.timestamp_ms is None else message.timestamp_ms
            provenance = Provenance(key, published_ms, ingested_ms, _now_ms())
            outgoing.append(
                Outgoing(
                    self._settings.kafka.output_topic,
                    alert.object_id.encode(),
                    self._encode(outcome, self._classifier, provenance),
                    [OWN_MARK, *headers(outcome, self._classifier), ("idempotency_key", key.encode())],
                )
            )
        self._save(changes, stored)
        return outgoing

    def _save(self, changes: Sequence[Change], stored: dict[str, Stored]) -> None:
        """Writes what has changed; after a failure only what is not yet written."""
        left, again = list(changes), False

        def write() -> None:
            nonlocal left, again
            if again:
                left = self._light_curves.remaining(left)
            again = True
            self._light_curves.write(left, stored)

        self._patiently(write)

    def _dead_letters(self, bad: Sequence[Input]) -> list[Outgoing]:
        """One for each message, with the reason of its first bad record: the bytes are the same."""
        by_message: dict[str, list[Input]] = {}
        for each in bad:
            by_message.setdefault(each.message.position, []).append(each)
        return [
            self._dead_letter(first.message, _numbers([first, *others]), first.content)
            for first, *others in by_message.values()
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
        added = [(name, str(text).encode(errors="backslashreplace")) for name, text in texts]
        headers = [OWN_MARK, *message.headers, *added]
        return Outgoing(self._settings.kafka.dead_letter_topic, message.key, message.value, headers)

    def _patiently(self, call: Callable[[], T]) -> T:
        """The store may be away, full or read-only for a while: wait for it, as long as nobody says stop.

        Nor does a running worker end for an answer that says "never": passwords and rights are changed, and mended.
        """
        return _patiently(
            self._stop,
            call,
            lambda error: isinstance(error, redis.RedisError) and (self._committed or may_pass(error)),
        )


_MOST_RECORDS_NAMED = 100


def _numbers(inputs: Sequence[Input]) -> str:
    """The records' numbers, as they stand in a header."""
    named = ",".join(str(each.record) for each in inputs[:_MOST_RECORDS_NAMED])
    return named if len(inputs) <= _MOST_RECORDS_NAMED else f"{named},... ({len(inputs)})"


def _internal(error: Exception) -> AlertError:
    return AlertError("internal_error", f"{type(error).__name__}: {error}")


def _patiently(stop: threading.Event, call: Callable[[], T], is_transient: Callable[[BaseException], bool]) -> T:
    return until_stopped(stop, is_transient, "redis")(call)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
