"""What a network was shown and answered where it was made, and how far a stream has moved away from that.

The measure is the population stability index, sum (p - q) ln(p / q) over bins with a tenth of the reference q each
(Siddiqi 2006, Credit Risk Scorecards): 0 for the same population, 0.1 for one that moved a little, 0.25 for another.
Kolmogorov-Smirnov and Wasserstein distances need the values themselves; counts of bins are few, and those of workers
and hours add up. By quantile bins the index of a feature is that of the network's input, where this is a monotonic
function of it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from starsieve.models import ModelError
from starsieve.models.serving.scaling import COLUMNS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Strings = npt.NDArray[np.str_]

BINS = 10
#: An unshifted sample of n objects has an index of (BINS - 1) / n on average, 0.03 of this many: far below 0.25, even
#: where a hundred inputs are looked at and stars that share their nights are not independent.
MIN_OBJECTS = 300
LEAST_SHARE = 1e-3  # of a bin of the reference: one that was empty there is rare, not impossible
ALL_BANDS = "all"  # what an object has one of, whatever its bands
CLASS, PROBABILITY = "class", "probability"  # the most probable class, and its probability
DIGITS = 6


@dataclass(frozen=True)
class Distribution:
    """Shares (k + 1,) of the bins between edges (k,), ascending: a value on an edge is in the bin above it."""

    band: str
    name: str
    edges: Floats
    shares: Floats

    def count(self, values: Floats) -> Ints:
        """How many values (n,) each bin holds."""
        return np.bincount(np.searchsorted(self.edges, values, side="right"), minlength=len(self.shares))

    def index(self, counts: Ints) -> float:
        """The population stability index of counts (k + 1,), of which there is at least one."""
        expected = np.maximum(self.shares, LEAST_SHARE)
        expected /= expected.sum()
        # one more value for each bin, spread as expected: an empty bin has a logarithm, and no bias is brought in
        found = (counts + len(counts) * expected) / (counts.sum() + len(counts))
        return float(((found - expected) * np.log(found / expected)).sum())


@dataclass(frozen=True)
class Reference:
    """The distributions of a network's inputs by band, and of its answers; on its card, but no part of its version."""

    of: str  # what it was computed from
    objects: int
    classes: tuple[str, ...]
    distributions: tuple[Distribution, ...]

    @cached_property
    def key(self) -> str:
        """Changes with everything that counts depend on."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:8]

    @cached_property
    def size(self) -> int:
        """How many counters `count` fills."""
        return sum(len(each.shares) for each in self.distributions)

    def count(self, features: Floats, bands: Strings, columns: Sequence[str], answers: Floats) -> Ints:
        """Counts (size,), one distribution after the other.

        features (r, columns) and bands (r,): a row for each band, of which those without a missing number, in the
        reference's bands, were shown to the network; answers (n, classes).
        """
        if not len(answers):
            return np.zeros(self.size, np.int64)
        looked_at = [columns.index(each.name) for each in self.distributions if each.band != ALL_BANDS]
        complete = np.isfinite(features[:, looked_at]).all(axis=1)
        of_band = {band: features[complete & (bands == band)] for band in {each.band for each in self.distributions}}
        answered = {CLASS: answers.argmax(axis=1).astype(np.float64), PROBABILITY: answers.max(axis=1)}
        return np.concatenate(
            [
                each.count(
                    answered[each.name] if each.band == ALL_BANDS else of_band[each.band][:, columns.index(each.name)]
                )
                for each in self.distributions
            ]
        )

    def accepting(self, counts: Ints | None) -> "Reference":
        """With the shares of counts (size,) that were accepted, where they are of enough; itself for None."""
        if counts is None:
            return self
        distributions = tuple(
            replace(each, shares=part / part.sum()) if part.sum() >= MIN_OBJECTS else each
            for each, part in zip(self.distributions, self.split(counts), strict=True)
        )
        return replace(self, of="what was accepted of this stream", distributions=distributions)

    def split(self, counts: Ints) -> list[Ints]:
        """The counts of each distribution."""
        ends = np.cumsum([0, *(len(each.shares) for each in self.distributions)]).tolist()
        return [counts[first:end] for first, end in pairwise(ends)]

    def indices(self, counts: Ints, objects: int) -> dict[tuple[str, str], float]:
        """The index by band and name, of those that at least MIN_OBJECTS objects are known of.

        objects: how many different ones the counts are of; several answers about one star are worth no more than one.
        """
        parts = self.split(counts)
        answers = sum(
            int(part.sum()) for each, part in zip(self.distributions, parts, strict=True) if each.name == CLASS
        )
        worth = min(1.0, objects / max(answers, 1))
        return {
            (each.band, each.name): each.index(part)
            for each, part in zip(self.distributions, parts, strict=True)
            if part.sum() * worth >= MIN_OBJECTS
        }

    def to_json(self) -> dict[str, Any]:
        """What from_json reads."""
        return {
            "of": self.of,
            "objects": self.objects,
            "classes": list(self.classes),
            "distributions": [
                {
                    "band": each.band,
                    "name": each.name,
                    "edges": _rounded(each.edges),
                    "shares": _rounded(each.shares),
                }
                for each in self.distributions
            ],
        }


def from_json(card: dict[str, Any]) -> Reference:
    """The reference of a network card. Raises ModelError where it is none."""
    try:
        distributions = tuple(map(_distribution, card["distributions"]))
        next(each for each in distributions if each.name == CLASS)
        return Reference(card["of"], card["objects"], tuple(card["classes"]), distributions)
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise ModelError(f"the card's reference of drift is damaged: {error!r}: make it again") from error


def _distribution(card: dict[str, Any]) -> Distribution:
    edges, shares = np.array(card["edges"], np.float64), np.array(card["shares"], np.float64)
    if card["name"] not in ((CLASS, PROBABILITY) if card["band"] == ALL_BANDS else COLUMNS):
        raise ValueError(f"unknown {card['name']}")
    ascending = edges.ndim == 1 and np.isfinite(edges).all() and (np.diff(edges) > 0).all()
    if not ascending or shares.shape != (len(edges) + 1,) or not (shares >= 0).all() or not 0 < shares.sum() < np.inf:
        raise ValueError(f"bins of {card['name']}")
    return Distribution(card["band"], card["name"], edges, shares)


def fit(
    of: str,
    columns: Sequence[str],
    classes: Sequence[str],
    *,
    features: Floats,
    bands: Strings,
    owner: Ints,
    answers: Floats,
    weights: Floats | None = None,
) -> Reference:
    """The reference of n objects: rows of features (r, columns) in bands (r,) of owners (r,), answers (n, classes).

    weights (n,): how much an object counts; None: all the same. Raises ModelError for rows without a number.
    """
    if not np.isfinite(features).all() or not np.isfinite(answers).all():
        raise ModelError("a reference needs objects that all have features and an answer")
    share = np.ones(len(answers)) if weights is None else weights
    found = []
    for band in np.unique(bands).tolist():
        rows = bands == band
        found += [_fit(band, name, features[rows, column], share[owner[rows]]) for column, name in enumerate(columns)]
    number = answers.argmax(axis=1)
    found.append(
        Distribution(
            ALL_BANDS,
            CLASS,
            np.arange(len(classes) - 1, dtype=np.float64) + 0.5,
            np.asarray(np.bincount(number, share, len(classes)) / share.sum(), np.float64),
        )
    )
    found.append(_fit(ALL_BANDS, PROBABILITY, answers.max(axis=1), share))
    # as the card says it: whoever reads it finds the same key
    return from_json(Reference(of, len(answers), tuple(classes), tuple(found)).to_json())


def _fit(band: str, name: str, values: Floats, weights: Floats) -> Distribution:
    """Bins with equal shares, as far as equal values allow."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order]) / weights.sum()
    places = np.searchsorted(below, np.arange(1, BINS) / BINS)
    edges = np.unique(_rounded(values[order][np.minimum(places, len(values) - 1)]))
    counts = np.bincount(np.searchsorted(edges, values, side="right"), weights, len(edges) + 1)
    return Distribution(band, name, np.asarray(edges, np.float64), np.asarray(counts / weights.sum()))


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]
