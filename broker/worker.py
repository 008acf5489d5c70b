"""One worker: connects to everything, then polls, answers, publishes and commits as one, whatever fails.

A batch is answered while the one before it is published in a thread: what the store is told of it may be told again.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import redis
import structlog
from confluent_kafka import KafkaException

from starsieve.broker import telemetry
from starsieve.broker.dead_letters import TOO_LARGE, dead_letter
from starsieve.broker.drift import Drift, Window
from starsieve.broker.health import Health, serve
from starsieve.broker.kafka.clients import create_topics
from starsieve.broker.kafka.connection import KafkaAway, KafkaRefuses, connect
from starsieve.broker.kafka.consumer import AlertConsumer
from starsieve.broker.kafka.messages import Incoming, Outgoing
from starsieve.broker.kafka.publisher import Publisher, PublishError, TooLargeError, positions_after
from starsieve.broker.networks import Network, network_of
from starsieve.broker.outputs import CARRIES, ENCODERS
from starsieve.broker.pace import Pace
from starsieve.broker.patience import StorePatience
from starsieve.broker.pipeline import Pipeline, Pipelines
from starsieve.broker.redis_client import StoreError
from starsieve.broker.redis_client import connect as connect_store
from starsieve.broker.retries import until_stopped
from starsieve.broker.schema_registry import RegistryAway, SchemaRegistry
from starsieve.broker.settings import Settings, SettingsError
from starsieve.broker.store import LightCurves
from starsieve.broker.surveys import AlertError, installed
from starsieve.broker.telemetry import stage
from starsieve.broker.warmup import warm_up
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier

log = structlog.get_logger()

_ATTEMPTS_TO_SET_ASIDE = 3  # the first transaction after a refused message fails: its sequence numbers have a gap
_PAUSE_S = 1.0  # after an aborted transaction, before the next attempt
_LONGEST_PAUSE_S = 30.0
_LAG_EVERY_S = 2.0


def run(settings: Settings, stop: threading.Event) -> None:
    """Connects to everything and works until told to stop.

    Raises:
        SettingsError: the survey has no reader or no network, the network needs more epochs than `min_epochs`, or a
            client does not know an option.
        KafkaRefuses, StoreError: a server answers that this worker never may, before it has answered any alert.
        WorkerError: the process is at fault; nothing of what it had in hand is committed.
    """
    surveys = [each.survey for each in settings.each]
    log.info("starting", surveys=surveys, worker=settings.worker, kafka=settings.kafka.bootstrap_servers)
    if left := sorted(settings.surveys.keys() - surveys):
        log.warning("surveys_not_taken", surveys=left, hint=f"the setting `survey` says that only {surveys[0]} is")
    health = Health()
    telemetry.starting()
    with serve(health, settings.metrics_address, settings.metrics_port):
        try:
            _run(settings, stop, health)
        except redis.RedisError as error:
            if not stop.is_set():  # else told to stop while a server was away: what was at hand is done again
                raise StoreError(f"redis: {error}") from error
        except (KafkaException, KafkaAway, RegistryAway):
            if not stop.is_set():
                raise
        finally:
            log.info("stopped")


def _run(settings: Settings, stop: threading.Event, health: Health) -> None:
    surveys = settings.each
    for each in surveys:
        _check(each)
    publisher = Publisher(settings.kafka, settings.worker, stop, health.waits_for_kafka)
    consumer = AlertConsumer(settings.kafka, stop, health.waits_for_kafka, [each.kafka for each in surveys])
    warm_up()
    for each in surveys:
        installed.survey(each.survey).warm_up()
    with ExitStack() as stack:
        networks: list[Network] = []
        for each in surveys:
            network = stack.enter_context(network_of(each, stop, health.alive))
            if network is None:  # told to stop before there was one
                return
            _check_epochs(each, network())
            networks.append(network)
        client = stack.enter_context(connect_store(settings.redis.url.get_secret_value()))
        health.network = True
        patience = StorePatience(stop, health)
        schemas = _schema_registry(settings, stop, health)
        pipelines = Pipelines(
            [_pipeline(each, client, its, patience, schemas) for each, its in zip(surveys, networks, strict=True)]
        )
        for attempt in until_stopped(stop, lambda error: isinstance(error, KafkaAway), "kafka", health.waits_for_kafka):
            with attempt:
                connect(settings.kafka)
        with publisher, consumer:
            topics = dict.fromkeys(topic for each in surveys for topic in each.kafka.written)
            for topic, reason in create_topics(settings.kafka, *topics).items():
                log.warning("topic_not_created", topic=topic, error=str(reason))
            for each, network in zip(surveys, networks, strict=True):
                log.info("started", survey=each.survey, classifier=network().version, topics=each.kafka.topics)
            Worker(settings, consumer, publisher, pipelines, patience, health, stop).run()


def _pipeline(
    settings: Settings,
    client: redis.Redis,
    network: Network,
    patience: StorePatience,
    schemas: SchemaRegistry | None,
) -> Pipeline:
    """Of one survey, whose part of the store lets a worker do all that it needs."""
    light_curves = LightCurves(
        client,
        settings.survey,
        time_to_live_s=settings.redis.time_to_live_days * 86400,
        form=installed.survey(settings.survey).FORM,
    )
    window = Window(client, settings.survey)
    patience(light_curves.check)
    patience(window.check)
    return Pipeline(settings, light_curves, network, patience, Drift(window), schemas)


def _schema_registry(settings: Settings, stop: threading.Event, health: Health) -> SchemaRegistry | None:
    """The schema registry, which is waited for as Kafka and Redis are."""
    if settings.schema_registry is None:
        return None
    waiting = until_stopped(
        stop, lambda error: isinstance(error, RegistryAway), "schema registry", health.waits_for_registry
    )

    def wait(call: Callable[[], bytes]) -> bytes:
        answer = waiting(call)
        health.registry = True
        return answer

    return SchemaRegistry(settings.schema_registry, wait)


def _check(settings: Settings) -> None:
    """Refuses what depends on the surveys, networks and outputs that there are."""
    installed.survey(settings.survey)
    if settings.survey not in registry.surveys() and settings.networks is None:
        raise SettingsError(
            f"survey: no network of {settings.survey!r} comes with starsieve: give a folder that has one in `networks`"
        )
    if settings.survey != "ztf" and "topics" not in settings.kafka.model_fields_set:
        raise SettingsError(f"kafka.topics: say where the alerts of {settings.survey} are (--topic): it has no default")
    if settings.output_format not in ENCODERS:
        raise SettingsError(f"output_format: {settings.output_format!r} is none of {', '.join(ENCODERS)}")
    carried = CARRIES.get(settings.output_format)
    if carried not in (None, settings.survey):
        told = f"{settings.output_format} carries alerts of {carried}, not of {settings.survey}"
        raise SettingsError(f"output_format: {told}")


def _check_epochs(settings: Settings, classifier: Classifier) -> None:
    if settings.min_epochs is not None and settings.min_epochs < classifier.min_epochs:
        raise SettingsError(
            f"min_epochs: {settings.min_epochs} are fewer than the {classifier.min_epochs} that {classifier.name} "
            f"{classifier.version} was trained with: leave it out, or give more"
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages, what is published about them, and when they were committed (ms since 1970) once they are."""

    messages: Sequence[Incoming]
    answers: Sequence[Outgoing]
    begun_s: float  # time.monotonic()
    ingested_ms: int
    committed_ms: Future[int]


class Worker:
    """One consumer of the group. What it has not committed when it dies, another worker does again."""

    def __init__(
        self,
        settings: Settings,
        consumer: AlertConsumer,
        publisher: Publisher,
        pipelines: Pipelines,
        patience: StorePatience,
        health: Health,
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._publisher = publisher
        self._pipelines = pipelines
        self._patience = patience
        self._health = health
        self._stop = stop
        self._pace = Pace(settings.kafka.batch_size, settings.kafka.max_poll_interval_s)
        self._in_flight: Batch | None = None
        self._committed = False  # anything, yet: until then an answer that says "never" ends the worker
        self._pause_s = _PAUSE_S
        self._singly = 0  # messages still to be taken one by one: one of them is too large to publish
        self._lag_told = 0.0

    def run(self) -> None:
        """Works until told to stop, and then finishes the batch at hand. Raises as `run` of this module."""
        with ThreadPoolExecutor(1, thread_name_prefix="publish") as publishing:
            while self._in_flight or not self._stop.is_set():
                begun_s = time.monotonic()
                messages = [] if self._stop.is_set() else self._poll()
                group_metadata = self._consumer.group_metadata()  # of now: what a rebalance overtakes must not commit
                self._tell()
                ingested_ms = _now_ms()
                answers = self._answer(messages, ingested_ms) if messages else []
                if self._settle() and messages:
                    committed_ms = publishing.submit(self._publish, answers, messages, group_metadata)
                    self._in_flight = Batch(messages, answers, begun_s, ingested_ms, committed_ms)

    def _poll(self) -> list[Incoming]:
        at_most = 1 if self._singly else self._pace.limit
        try:
            return self._consumer.poll(at_most, wait=self._in_flight is None)
        except KafkaRefuses as error:
            if self._settle():
                self._step_back(error)
            return []

    def _answer(self, messages: Sequence[Incoming], ingested_ms: int) -> list[Outgoing]:
        own = [message.position for message in messages if message.is_own]
        if own:
            log.warning("own_messages_skipped", messages=len(own), first=own[0])
        with telemetry.span("batch", messages=len(messages)):
            return self._pipelines.answer([each for each in messages if not each.is_own], ingested_ms)

    def _publish(self, answers: Sequence[Outgoing], messages: Sequence[Incoming], group_metadata: Any) -> int:
        with stage("publish"):
            self._publisher.publish(answers, positions_after(messages), group_metadata)
        return _now_ms()

    def _settle(self) -> bool:
        """Waits for the batch in flight, if any. False if it is not committed: what was read after it is read again."""
        batch, self._in_flight = self._in_flight, None
        if batch is None:
            return True
        try:
            committed_ms = batch.committed_ms.result()
        except TooLargeError as error:
            self._step_aside(batch.messages, error)
            return False
        except (PublishError, KafkaRefuses) as error:
            if time.monotonic() - batch.begun_s > self._settings.kafka.max_poll_interval_s:
                self._pace.was_too_slow(len(batch.messages))
            self._step_back(error)
            return False
        self._pace.took(len(batch.messages), time.monotonic() - batch.begun_s)
        self._singly = max(0, self._singly - len(batch.messages))
        self._committed, self._pause_s = True, _PAUSE_S
        self._patience.for_good()
        self._health.refused = False
        self._health.transaction(committed=True)
        telemetry.batch(_summary(self._settings.kafka.dead_letter_topic, batch, committed_ms))
        return True

    def _step_back(self, error: Exception) -> None:
        """Nothing is committed: begins again, after a pause that grows where Kafka answers that we never may."""
        self._health.transaction(committed=False)
        telemetry.transaction_aborted()
        if isinstance(error, KafkaRefuses):
            if not self._committed:
                raise error
            self._health.refused = True
            log.error("kafka_refuses", error=str(error), next_attempt_s=self._pause_s)
        self._stop.wait(self._pause_s)
        if isinstance(error, KafkaRefuses):
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        self._consumer.rewind()

    def _step_aside(self, messages: Sequence[Incoming], error: TooLargeError) -> None:
        """One message cannot be published: finds it, and leaves a notice in its place."""
        formats = [each.output_format for each in self._settings.each if each.kafka.output_topic == error.topic]
        if formats and not any(each in CARRIES for each in formats):  # none is large: it takes too little
            self._step_back(error)
            return
        if len(messages) > 1:
            self._singly = len(messages)
        elif self._published_notice(messages[0], error):
            self._singly = max(0, self._singly - 1)
        self._consumer.rewind()

    def _published_notice(self, message: Incoming, error: TooLargeError) -> bool:
        """A dead letter without what its topic does not take: the headers say where it is."""
        bare = replace(message, key=None, value=b"", headers=[])
        notice = dead_letter(bare, self._pipelines.of(message.topic).settings, {0: AlertError(TOO_LARGE, str(error))})
        for _ in range(_ATTEMPTS_TO_SET_ASIDE):
            try:
                self._publisher.publish([notice], positions_after([message]), self._consumer.group_metadata())
            except PublishError:
                self._stop.wait(_PAUSE_S)
            else:
                return True
        return False

    def _tell(self) -> None:
        """What an operator wants to know between two batches."""
        self._health.alive()
        self._health.joined, self._health.kafka = self._consumer.joined, self._consumer.reached
        for partition, lost in self._consumer.take_lost().items():
            telemetry.lost(*partition, lost)
        now = time.monotonic()
        if now > self._lag_told + _LAG_EVERY_S:
            self._lag_told = now
            telemetry.lag(self._consumer.lag(), self._consumer.last_timestamp_ms)
        self._pipelines.between_batches(time.time())
        telemetry.minute_line()


def _summary(dead_letter_topic: str, batch: Batch, committed_ms: int) -> telemetry.Batch:
    """A committed batch in numbers, by what was published."""
    outcomes: Counter[tuple[str, str, str]] = Counter()
    classes: Counter[tuple[str, str]] = Counter()
    letters: Counter[str] = Counter()
    for answer in batch.answers:
        told = dict(answer.headers)  # a letter has its message's own too, before ours
        reason = _text(told.get("reason"))
        if answer.topic == dead_letter_topic:
            letters[reason] += 1
        else:
            survey = _text(told["survey"])
            outcomes[survey, _text(told["status"]), reason] += 1
            if "class" in told:
                classes[survey, _text(told["class"])] += 1
    skipped = sum(message.is_own for message in batch.messages)
    return telemetry.Batch(
        messages=Counter(message.topic for message in batch.messages),
        published_ms=[message.timestamp_ms or 0 for message in batch.messages],
        ingested_ms=batch.ingested_ms,
        committed_ms=committed_ms,
        outcomes=outcomes,
        classes=classes,
        dead_letters=letters,
        skipped={"own": skipped} if skipped else {},
    )


def _text(value: str | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
