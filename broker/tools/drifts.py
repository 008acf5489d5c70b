"""What all workers of a survey have counted, beside the reference of their network."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.drift import Seen, Window
from starsieve.broker.redis_client import connect, store_errors
from starsieve.broker.settings import Settings
from starsieve.broker.tools.one_object import network_in_use
from starsieve.features.tools.errors import EXIT_FAILED, UsageError
from starsieve.models.serving.classifier import Classifier
from starsieve.models.serving.drift import Distribution, Reference

Ints = NDArray[np.int64]

LINE = 0.25  # above it the alert rule fires


class DriftError(UsageError):
    """There is nothing to compare with; the message says what to do."""

    exit_code = EXIT_FAILED


@dataclass(frozen=True)
class Row:
    """One input of the network in one band, or what it answers: the stream's counts beside the reference."""

    distribution: Distribution
    counts: Ints
    index: float | None  # None: of too few objects

    @property
    def moved(self) -> float:
        """How far the middle of the stream has moved through the reference, in shares of it: -0.5 to 0.5."""
        shares = self.distribution.shares / self.distribution.shares.sum()
        middles = np.cumsum(shares) - shares / 2
        return float(self.counts @ middles / max(self.counts.sum(), 1) - shares @ middles)


@dataclass(frozen=True)
class Drifts:
    """The window of a survey, worst index first."""

    classifier: Classifier
    reference: Reference
    objects: int
    rows: list[Row]


def read(settings: Settings, now_s: float) -> Drifts:
    """What the workers of a survey have counted until now (Unix time).

    Raises DriftError, StoreError, models.ModelError.
    """
    classifier, reference = network_of(settings)
    with window_of(settings) as window:
        seen = seen_in(window, reference, now_s)
    compared = reference.accepting(seen.accepted)
    indices = compared.indices(seen.counts, seen.objects)
    rows = [
        Row(each, part, indices.get((each.band, each.name)))
        for each, part in zip(compared.distributions, compared.split(seen.counts), strict=True)
    ]
    rows.sort(key=lambda row: -1.0 if row.index is None else row.index, reverse=True)
    return Drifts(classifier, compared, seen.objects, rows)


def network_of(settings: Settings) -> tuple[Classifier, Reference]:
    """The network that workers use now, and its reference."""
    classifier = network_in_use(settings)
    if classifier.reference is None:
        raise DriftError(f"{classifier.name} {classifier.version} has no reference on its card: make it again")
    return classifier, classifier.reference


@contextmanager
def window_of(settings: Settings) -> Iterator[Window]:
    """The day that a survey's workers count in."""
    with store_errors(), connect(settings.redis.url.get_secret_value()) as client:
        yield Window(client, settings.survey)


def seen_in(window: Window, reference: Reference, now_s: float) -> Seen:
    """All that has been counted against a reference, to which this adds nothing."""
    return window.exchange(reference.key, np.zeros(reference.size, np.int64), [], now_s)
