"""Drift: what a network is shown and answers, counted by all workers of a survey together over the last day.

An object counts once a night, however many alerts it has: with its first alert after half a day without an epoch.
Counts go to Redis every few seconds between two batches, not with every batch: of the 800 counters a batch of a few
alerts touches many, and a write that is done again after a failure would count twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import redis
import structlog
from numpy.typing import NDArray

from starsieve.broker import telemetry
from starsieve.broker.process import Outcome
from starsieve.broker.store import PROBE, PROBE_S, Stored, needed_rights
from starsieve.models.serving.drift import Reference
from starsieve.models.serving.scaling import COLUMNS

log = structlog.get_logger()

Ints = NDArray[np.int64]

LOOK_EVERY_S = 15.0
HOURS = 24  # of the window: a night, and until the next one is there its predecessor
_HOUR_S = 3600
_NIGHT_DAYS = 0.5  # without an epoch: daytime
_COUNTER = np.dtype(">u4")  # as BITFIELD has u32


@dataclass(frozen=True, slots=True)
class Seen:
    """What all workers have counted in the window."""

    counts: Ints  # (size,), as Reference.count has them
    objects: int  # how many different ones these are of
    accepted: Ints | None  # (size,): the counts that an operator has said to compare with, instead of the card's


class Window:
    """The counts of a survey's last hours: for each a string of counters, and a HyperLogLog of the objects counted.

    Methods raise redis.RedisError when the store cannot be reached or refuses.
    """

    def __init__(self, client: redis.Redis, survey: str) -> None:
        self._redis = client
        self.survey = survey

    def check(self) -> None:
        """Tries every command that is needed, on counts that no network has."""
        with needed_rights(self.survey):
            self.exchange(PROBE, np.ones(1, np.int64), ["object"], 0.0, time_to_live_s=PROBE_S)

    def exchange(
        self,
        key: str,
        counts: Ints,
        objects: Iterable[str],
        now_s: float,
        *,
        time_to_live_s: int = (HOURS + 1) * _HOUR_S,
    ) -> Seen:
        """Adds counts (size,) and the names of their objects, and returns those of the window, in one round trip.

        key: of the reference that the counts are for; now_s: Unix time.
        """
        hour, pipeline = int(now_s // _HOUR_S), self._redis.pipeline(transaction=False)
        counters, names = self._keys(key, hour)
        filled = np.flatnonzero(counts)
        if filled.size:
            sums = pipeline.bitfield(counters)
            for place, count in zip(filled.tolist(), counts[filled].tolist(), strict=True):
                sums.incrby("u32", f"#{place}", count)
            sums.execute()
            pipeline.pfadd(names, *objects)
            pipeline.expire(counters, time_to_live_s)
            pipeline.expire(names, time_to_live_s)
        hours = [self._keys(key, each) for each in range(hour - HOURS + 1, hour + 1)]
        for counters, _ in hours:
            pipeline.get(counters)
        pipeline.get(self._accepted_key(key))
        pipeline.pfcount(*(names for _, names in hours))
        answers = pipeline.execute()[-HOURS - 2 :]
        total = np.sum([_unpacked(each, len(counts)) for each in answers[:HOURS]], axis=0)
        return Seen(total, int(answers[-1]), _unpacked(answers[-2], len(counts)) if answers[-2] else None)

    def accept(self, key: str, counts: Ints | None) -> None:
        """From now on all workers compare with these counts (size,); None: with the card's reference again."""
        self._redis.set(self._accepted_key(key), b"" if counts is None else counts.astype(_COUNTER).tobytes())

    # The braces make Redis Cluster keep all hours on one node.
    def _keys(self, key: str, hour: int) -> tuple[str, str]:
        stem = f"{{{self.survey}:}}:drift:{key}:{hour}"
        return stem, f"{stem}:objects"

    def _accepted_key(self, key: str) -> str:
        return f"{{{self.survey}:}}:drift:{key}:accepted"


def _unpacked(counters: bytes | None, size: int) -> Ints:
    """Counts (size,) of a string of counters, which ends where none has been counted yet."""
    found, total = np.frombuffer((counters or b"")[: size * _COUNTER.itemsize], _COUNTER), np.zeros(size, np.int64)
    total[: found.size] = found
    return total


class Drift:
    """What this worker has to add to the window, and the metrics that come of it. Not for several threads."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._reference: Reference | None = None
        self._counted: list[Outcome] = []
        self._looked_s = 0.0
        self._failing = False

    def count(self, outcomes: Sequence[Outcome], stored: Mapping[str, Stored], reference: Reference | None) -> None:
        """Counts a batch by the reference of its network; `stored` is what was known of its objects before."""
        if reference is not self._reference:
            self._reference, self._counted = reference, []
        if reference is not None:
            self._counted += first_of_a_night(outcomes, stored)

    def look(self, now_s: float) -> None:
        """Every few seconds: adds what was counted to the window, and sets the metrics by it. Raises nothing.

        now_s: Unix time.
        """
        if 0 <= now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s, counted, self._counted, reference = now_s, self._counted, [], self._reference
        if reference is None:
            telemetry.drift(self._window.survey, {})
            return
        objects = {outcome.alert.object_id for outcome in counted}
        try:
            seen = self._window.exchange(reference.key, counts_of(counted, reference), objects, now_s)
        except redis.RedisError as error:  # the next batch will wait for the store; a few seconds' counts are no loss
            if not self._failing:
                log.warning("drift_not_counted", error=str(error))
            self._failing = True
        else:
            compared = reference.accepting(seen.accepted)
            telemetry.drift(self._window.survey, compared.indices(seen.counts, seen.objects))
            self._failing = False


def first_of_a_night(outcomes: Sequence[Outcome], stored: Mapping[str, Stored]) -> list[Outcome]:
    """Those with an answer whose object has no epoch in the half day before, in `stored` or in these outcomes.

    What is late, or answered a second time, is no object's first of a night.
    """
    latest: dict[str, float] = {}
    first = []
    for outcome in sorted(outcomes, key=lambda each: each.alert.mjd):
        alert = outcome.alert
        if alert.reason is not None:  # it may have no object
            continue
        before = latest.get(alert.object_id)
        if before is None:
            before = float(stored[alert.object_id].epochs["mjd"].max(initial=-np.inf))
        if outcome.reason is None and alert.mjd - before > _NIGHT_DAYS:
            first.append(outcome)
        latest[alert.object_id] = max(before, alert.mjd)
    return first


def counts_of(outcomes: Sequence[Outcome], reference: Reference) -> Ints:
    """Counters (reference.size,) of outcomes that have an answer, and of those of their bands that gave it."""
    bands = [
        (band.band, band.features, band.profile)
        for outcome in outcomes
        for band in outcome.bands
        if band.features is not None and band.profile is not None
    ]
    features = np.array([np.concatenate([features, profile]) for _, features, profile in bands], np.float64)
    return reference.count(
        features.reshape(len(bands), len(COLUMNS)),
        np.array([band for band, _, _ in bands], np.str_),
        COLUMNS,
        np.array([outcome.probabilities for outcome in outcomes], np.float64).reshape(
            len(outcomes), len(reference.classes)
        ),
    )
