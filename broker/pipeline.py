"""From messages to what is published about them: decode, read, process, encode, store."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

import redis
import structlog

from starsieve.broker import telemetry
from starsieve.broker.blame import Blame
from starsieve.broker.dead_letters import dead_letter, records_to_answer
from starsieve.broker.drift import Drift
from starsieve.broker.kafka.messages import Incoming, Outgoing
from starsieve.broker.kafka.topics import includes
from starsieve.broker.networks import Network
from starsieve.broker.outputs import ENCODERS
from starsieve.broker.outputs.message import Provenance, headers
from starsieve.broker.process import Outcome, least_epochs, process
from starsieve.broker.schema_registry import RegistryAway, SchemaRegistry
from starsieve.broker.settings import Settings
from starsieve.broker.store import Change, LightCurves, Stored
from starsieve.broker.surveys import Alert, AlertError, installed
from starsieve.broker.surveys.packets import decode, record_of
from starsieve.broker.telemetry import stage

log = structlog.get_logger()

T = TypeVar("T")


class Patience(Protocol):
    """Makes a call to the store, and makes it again for as long as waiting may help."""

    def __call__(self, call: Callable[[], T]) -> T:
        """What the call returns; redis.RedisError where waiting has not helped."""


@dataclass(frozen=True, slots=True)
class Input:
    """One record of one message."""

    message: Incoming
    record: int
    content: Alert | AlertError
    records: int = 1  # of the message; 1 where they cannot be told apart


class Pipeline:
    """Answers messages; what it writes to the store may be written again, and by others at the same time."""

    def __init__(
        self,
        settings: Settings,
        light_curves: LightCurves,
        network: Network,
        patience: Patience,
        drift: Drift,
        registry: SchemaRegistry | None = None,
    ) -> None:
        self.settings = settings
        self._light_curves = light_curves
        self._network = network
        self.classifier = network()
        self._patience = patience
        self._drift = drift
        self._registry = registry
        self._encode = ENCODERS[settings.output_format]
        self._blame = Blame()

    def between_batches(self, now_s: float) -> None:
        """Takes up the network that is active now, and every few seconds sends what was counted; Unix time."""
        self.classifier = self._network()
        self._drift.look(now_s)

    def answer(self, messages: Sequence[Incoming], ingested_ms: int) -> list[Outgoing]:
        """One outcome for each alert, and one dead letter for each message with records that are none.

        Raises:
            WorkerError: the process is at fault, not one alert.
            redis.RedisError: the store does not answer, or refuses.
            RegistryAway: the schema registry does not answer, and the worker was told to stop.
        """
        try:
            with stage("decode"):
                inputs = [each for message in messages for each in self._decode(message)]
            outgoing = self._classify(inputs, ingested_ms)
        except (redis.RedisError, RegistryAway):
            raise
        except Exception:
            log.exception("unexpected_error", messages=len(messages))
            return self._answer_one_by_one(messages, ingested_ms)
        if any(isinstance(each.content, Alert) for each in inputs):
            self._blame.passes()
        return outgoing

    def _answer_one_by_one(self, messages: Sequence[Incoming], ingested_ms: int) -> list[Outgoing]:
        """An alert that we have a bug for must not hold up all others, nor be lost; see `starsieve.broker.blame`."""
        outgoing: list[Outgoing] = []
        bad: list[Input] = []
        failed: Exception | None = None
        for message in messages:
            try:
                inputs = self._decode(message)
            except RegistryAway:
                raise
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
                except (redis.RedisError, RegistryAway):
                    raise
                except Exception as error:
                    self._blame.fails(each.content.object_id, error)
                    failed = error
                    bad.append(replace(each, content=_internal(error)))
        self._blame.end_of_batch(failed)
        return outgoing + self._letters(bad)

    def _decode(self, message: Incoming) -> list[Input]:
        if message.headers_error is not None:
            return [Input(message, 0, AlertError("unreadable_headers", message.headers_error))]
        settings = self.settings
        contents = decode(
            message.value, settings.survey, min_reliability=settings.min_reliability, registry=self._registry
        )
        inputs = [Input(message, record, content, len(contents)) for record, content in enumerate(contents)]
        wanted = records_to_answer(message.headers)
        if wanted is None or max(wanted) >= len(contents):  # what is wrong with the whole message has the number 0
            return inputs
        return [each for each in inputs if each.record in wanted]

    def _classify(self, inputs: Sequence[Input], ingested_ms: int) -> list[Outgoing]:
        alerts = [each.content for each in inputs if isinstance(each.content, Alert)]
        wanted = [alert.object_id for alert in alerts if alert.reason is None]
        with stage("read"):
            stored = self._patience(lambda: self._light_curves.read(wanted))
        good: list[tuple[Input, Alert]] = []
        bad: list[Input] = []
        for each in inputs:
            if isinstance(each.content, AlertError):
                bad.append(each)
            elif each.content.reason is None and (problem := stored[each.content.object_id].unreadable) is not None:
                bad.append(replace(each, content=AlertError("unreadable_store", problem)))
            else:
                good.append((each, each.content))
        alerts = [alert for _, alert in good]
        with stage("process"):
            min_epochs = least_epochs(self.classifier, self.settings.min_epochs)
            outcomes, changes = process(
                alerts,
                stored,
                self.classifier,
                min_epochs=min_epochs,
                min_epochs_together=self.settings.min_epochs_together,
                form=installed.survey(self.settings.survey).FORM,
            )
        _tell_of_searches(outcomes)
        with stage("encode"):
            answers = []
            for (each, _), outcome in zip(good, outcomes, strict=True):
                try:
                    answers.append(self._outcome(each, outcome, ingested_ms))
                except AlertError as error:  # the output's convention cannot say it
                    bad.append(replace(each, content=error.bare()))
        with stage("write"):
            self._save(changes, stored)
        self._drift.count(outcomes, stored, self.classifier.reference)  # once it is stored: no batch counts twice
        return self._letters(bad) + answers

    def _outcome(self, answered: Input, outcome: Outcome, ingested_ms: int) -> Outgoing:
        message, key = answered.message, f"{answered.message.position}:{answered.record}"
        published_ms = ingested_ms if message.timestamp_ms is None else message.timestamp_ms
        alert = partial(record_of, message.value, self.settings.survey, answered.record, self._registry)
        provenance = Provenance(key, published_ms, ingested_ms, _now_ms(), alert, message.value)
        return Outgoing(
            self.settings.kafka.output_topic,
            outcome.alert.object_id.encode() or None,
            self._encode(outcome, self.classifier, provenance),
            [
                *headers(outcome, self.classifier),
                ("format", self.settings.output_format.encode()),
                ("idempotency_key", key.encode()),
            ],
        )

    def _letters(self, bad: Sequence[Input]) -> list[Outgoing]:
        by_message: dict[str, tuple[Input, dict[int, AlertError]]] = {}
        for each in bad:
            if isinstance(each.content, AlertError):
                by_message.setdefault(each.message.position, (each, {}))[1][each.record] = each.content
        return [
            dead_letter(first.message, self.settings, errors, records=first.records)
            for first, errors in by_message.values()
        ]

    def _save(self, changes: Sequence[Change], stored: dict[str, Stored]) -> None:
        """Writes what has changed; after a failure only what is not yet written."""
        left, again = list(changes), False

        def write() -> None:
            nonlocal left, again
            if again:
                left = self._light_curves.remaining(left)
            again = True
            self._light_curves.write(left, stored)

        self._patience(write)


class Pipelines:
    """One for each survey: each answers the messages of its own topics."""

    def __init__(self, pipelines: Sequence[Pipeline]) -> None:
        self._pipelines = pipelines
        self._of_topic: dict[str, Pipeline] = {}

    def of(self, topic: str) -> Pipeline:
        """The one that has this topic; the consumer reads no other."""
        if topic not in self._of_topic:
            found = (each for each in self._pipelines if any(includes(t, topic) for t in each.settings.kafka.topics))
            self._of_topic[topic] = next(found)
        return self._of_topic[topic]

    def between_batches(self, now_s: float) -> None:
        """As of a `Pipeline`."""
        for each in self._pipelines:
            each.between_batches(now_s)

    def answer(self, messages: Sequence[Incoming], ingested_ms: int) -> list[Outgoing]:
        """As of a `Pipeline`; survey by survey."""
        shares: dict[Pipeline, list[Incoming]] = {}
        for message in messages:
            shares.setdefault(self.of(message.topic), []).append(message)
        return [answer for each, share in shares.items() for answer in each.answer(share, ingested_ms)]


def _tell_of_searches(outcomes: Sequence[Outcome]) -> None:
    blocks = [outcome.period.blocks for outcome in outcomes if outcome.period is not None]
    searched = sum(each > 0 for each in blocks)
    telemetry.searches(full=searched, lazy=len(blocks) - searched, blocks=sum(blocks))


def _internal(error: Exception) -> AlertError:
    return AlertError("internal_error", f"{type(error).__name__}: {error}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
