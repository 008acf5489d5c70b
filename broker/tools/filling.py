"""What one process of `starsieve backfill` does with some packets or light curves: store them, and answer them.

All is stored before anything is answered. Both may be done in any order, by several processes, beside a stream and
again: appending is harmless, and an outcome depends on the epochs up to its exposure alone.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import redis

from starsieve.broker.epochs import Epochs
from starsieve.broker.kafka.messages import OWN_MARK, Headers, Incoming
from starsieve.broker.outcomes import Outcome
from starsieve.broker.outputs import ENCODERS
from starsieve.broker.outputs.message import Provenance, headers
from starsieve.broker.process import Outcome as Answer
from starsieve.broker.process import least_epochs, process
from starsieve.broker.redis_client import connect
from starsieve.broker.schema_registry import RegistryAway, SchemaRegistry
from starsieve.broker.settings import Settings
from starsieve.broker.store import Change, LightCurves, Stored
from starsieve.broker.surveys import Alert, AlertError, installed
from starsieve.broker.surveys.packets import decode
from starsieve.broker.tools.one_object import network_in_use
from starsieve.models.serving.classifier import Classifier

#: Name and content: a packet's bytes, or an archive's light curve as an alert after all epochs.
Item = tuple[str, bytes | Alert]
_FORMAT = "starsieve"


@dataclass
class Tally:
    """What became of the items: exact, and the sum over parts is that of the whole."""

    alerts: int = 0  # light curves of archives among them
    new_epochs: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)  # by reason
    examples: dict[str, str] = field(default_factory=dict)  # a dead letter of each reason: its name, and what is wrong

    def add(self, other: "Tally") -> None:
        """Counts what another one has counted."""
        self.alerts += other.alerts
        self.new_epochs += other.new_epochs
        self.dead_letters += other.dead_letters
        self.examples = other.examples | self.examples

    def refuse(self, name: str, error: AlertError) -> None:
        """Counts what is no alert."""
        self.dead_letters[error.reason] += 1
        self.examples.setdefault(error.reason, f"{name}: {error}")


class Filler:
    """A store to fill, and the network that answers. Methods raise redis.RedisError and RegistryAway."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._form = installed.survey(settings.survey).FORM
        self._light_curves = LightCurves(
            connect(settings.redis.url.get_secret_value()),
            settings.survey,
            time_to_live_s=settings.redis.time_to_live_days * 86400,
            form=self._form,
        )
        address = settings.schema_registry
        self._registry = None if address is None else SchemaRegistry(address, lambda ask: ask())

    @cached_property
    def _classifier(self) -> Classifier:
        return network_in_use(self._settings)  # only answers need one

    def store(self, items: Sequence[Item]) -> Tally:
        """Appends the epochs that the store lacks. Search states stay: each tells which epochs it has seen."""
        tally = Tally()
        alerts, stored = self._read(items, tally)
        tally.alerts = len(alerts)
        arrived: dict[str, list[Epochs]] = {}
        for _, alert in alerts:
            if alert.reason is not None:  # it has no epochs
                continue
            arrived.setdefault(alert.object_id, []).append(alert.epochs)
        changes = [
            Change(object_id, self._form.merge_into(stored[object_id].epochs, parts)[1], None)
            for object_id, parts in arrived.items()
        ]
        self._light_curves.write(changes, stored)
        tally.new_epochs = sum(change.new_epochs.size for change in changes)
        return tally

    def answer(self, items: Sequence[Item]) -> tuple[list[Outcome], Tally]:
        """What a worker would answer to each alert, all epochs of these and other items being stored.

        A light curve is answered from all that is stored. What `store` has refused is not counted again.
        """
        alerts, stored = self._read(items, Tally())
        tally, outcomes = Tally(), list[Outcome]()
        try:
            outcomes = self._answered(alerts, stored)
        except redis.RedisError:
            raise
        except Exception:  # a bug that one alert meets must not cost the others
            for name, alert in alerts:
                try:
                    outcomes += self._answered([(name, alert)], stored)
                except redis.RedisError:
                    raise
                except Exception as error:
                    tally.refuse(name, AlertError("internal_error", f"{type(error).__name__}: {error}"))
        return outcomes, tally

    def _answered(self, alerts: Sequence[tuple[str, Alert]], stored: dict[str, Stored]) -> list[Outcome]:
        min_epochs = least_epochs(self._classifier, self._settings.min_epochs)
        answers, changes = process(
            [alert for _, alert in alerts],
            stored,
            self._classifier,
            min_epochs=min_epochs,
            min_epochs_together=self._settings.min_epochs_together,
            form=self._form,
        )
        self._light_curves.write(changes, stored)
        return [self._outcome(name, answer) for (name, _), answer in zip(alerts, answers, strict=True)]

    def _outcome(self, name: str, answer: Answer) -> Outcome:
        """As a subscriber would read it, but for where it was read: the packet's name."""
        now_ms = time.time_ns() // 1_000_000
        message = ENCODERS[_FORMAT](answer, self._classifier, Provenance(name, now_ms, now_ms, now_ms, dict))
        told: Headers = [OWN_MARK, *headers(answer, self._classifier), ("format", _FORMAT.encode())]
        return replace(Outcome.read(Incoming("", 0, 0, None, None, message, told)), position=name)

    def _read(self, items: Sequence[Item], tally: Tally) -> tuple[list[tuple[str, Alert]], dict[str, Stored]]:
        """The alerts that can be answered, and what is stored of their objects; the others go to the tally."""
        decoded = [(name, content) for name, item in items for content in self._decoded(item)]
        asked = [each.object_id for _, each in decoded if isinstance(each, Alert) and each.reason is None]
        stored = self._light_curves.read(asked)
        alerts: list[tuple[str, Alert]] = []
        for name, each in decoded:
            if isinstance(each, AlertError):
                tally.refuse(name, each)
            elif each.reason is None and (problem := stored[each.object_id].unreadable) is not None:
                tally.refuse(name, AlertError("unreadable_store", problem))
            else:
                alerts.append((name, each))
        return alerts, stored

    def _decoded(self, item: bytes | Alert) -> Iterable[Alert | AlertError]:
        if isinstance(item, Alert):
            return [item]
        settings = self._settings
        try:
            return decode(item, settings.survey, min_reliability=settings.min_reliability, registry=self._registry)
        except RegistryAway:
            raise
        except Exception as error:  # not the packet's fault, and yet the rest goes on
            return [AlertError("internal_error", f"{type(error).__name__}: {error}")]


_filler: Filler | None = None


def start(settings: Settings) -> None:
    """Prepares a process; signals are the first process's to hear."""
    import signal  # noqa: PLC0415

    global _filler  # noqa: PLW0603 - what a process is given before its first call
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _filler = Filler(settings)


def call(method: Callable[..., object], items: Sequence[Item]) -> object:
    """`Filler.store` or `Filler.answer`, in a process that was started."""
    assert _filler is not None  # noqa: S101
    return method(_filler, items)
