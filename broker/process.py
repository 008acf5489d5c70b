"""Pure: alerts and stored light curves in, outcomes and changes to the store out; no I/O, so it is tested without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from starsieve import features
from starsieve.broker.epochs import BANDS, DIFFERENCE, SAME_EXPOSURE_DAYS, Epochs, band_numbers, merge_into, summaries
from starsieve.broker.store import Change, Stored
from starsieve.broker.surveys import Alert
from starsieve.features import Period
from starsieve.models.serving.classifier import MISSING_NUMBER, Classifier

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Band:
    """What was found in one band of an object's light curve, as of one alert."""

    band: str
    epochs: int
    forced_epochs: int
    reference_images: int
    period: Period | None = None
    features: Floats | None = None
    profile: Floats | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one alert: class probabilities, or the reason why there are none."""

    alert: Alert
    bands: Sequence[Band]
    reason: str | None
    probabilities: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def period(self) -> Period | None:
        """The object's, the same in all bands that have features; None where none has."""
        return next((band.period for band in self.bands if band.period is not None), None)


@dataclass(frozen=True, slots=True)
class _LightCurves:
    """The total magnitudes of a batch by object and band; difference magnitudes are no light curve of a star."""

    epochs: Epochs
    offsets: Integers  # light curve i is epochs[offsets[i]:offsets[i + 1]], in band BANDS[bands[i]]
    bands: Integers
    objects: Integers  # object j has the light curves objects[j] to objects[j + 1] - 1


@dataclass(slots=True)
class _Seen:
    """One alert's view of its object: the bands that have epochs by then, and what was found in each."""

    bands: list[Band] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # of bands with enough epochs
    rows: list[int] = field(default_factory=list)  # those of the features that a classifier takes
    row_epochs: list[int] = field(default_factory=list)


def least_epochs(classifier: Classifier, setting: int | None) -> int:
    """How many epochs a band needs: as many as the network was trained with, or more where the setting says so."""
    return max(classifier.min_epochs, setting or 0)


def process(
    alerts: Sequence[Alert], stored: Mapping[str, Stored], classifier: Classifier, *, min_epochs: int
) -> tuple[list[Outcome], list[Change]]:
    """Classifies a batch of alerts, each from the epochs no later than its own.

    Args:
        alerts: in any order; several of one object share each other's photometry.
        stored: what the store has of every object in the batch.
        classifier: the network of the alerts' survey.
        min_epochs: a band with fewer epochs has no features.

    Returns:
        One outcome for each alert, in order, and one change for each object.
    """
    if not alerts:
        return [], []
    merged, new = _merge(alerts, stored)
    curves = _light_curves(list(merged.values()))
    number = {object_id: j for j, object_id in enumerate(merged)}
    owners, times = np.array([number[alert.object_id] for alert in alerts]), np.array([alert.mjd for alert in alerts])
    order = np.lexsort((times, owners))
    views, asof = np.searchsorted(owners[order], np.arange(len(merged) + 1)), times[order] + SAME_EXPOSURE_DAYS
    old_states = [stored[object_id].search_state for object_id in merged]
    found = features.update_many(
        old_states,
        curves.epochs["mjd"],
        curves.epochs["mag"],
        curves.epochs["magerr"],
        curves.offsets,
        objects=curves.objects,
        asof=asof,
        views=views,
        min_epochs=min_epochs,
    )
    seen = _seen(curves, views, asof, found, classifier, min_epochs)
    of_alert = [seen[place] for place in np.argsort(order)]
    outcomes = _classify(alerts, of_alert, np.hstack([found.features, found.profiles]), classifier)
    moved = zip(new.items(), old_states, found.states, strict=True)
    return outcomes, [Change(name, rows, state if state != old else None) for (name, rows), old, state in moved]


def _merge(alerts: Sequence[Alert], stored: Mapping[str, Stored]) -> tuple[dict[str, Epochs], dict[str, Epochs]]:
    """Each object's light curve of what was stored and what the batch brings, and those of its rows that are new."""
    arrived: dict[str, list[Epochs]] = {}
    for alert in alerts:
        arrived.setdefault(alert.object_id, []).append(alert.epochs)
    merged, new = {}, {}
    for object_id, parts in arrived.items():
        merged[object_id], new[object_id] = merge_into(stored[object_id].epochs, parts)
    return merged, new


def _light_curves(merged: Sequence[Epochs]) -> _LightCurves:
    rows, owner = np.concatenate(merged), np.repeat(np.arange(len(merged)), [rows.size for rows in merged])
    total = (rows["flags"] & DIFFERENCE) == 0
    rows, owner = rows[total], owner[total]
    bands = band_numbers(rows)
    first = np.flatnonzero((np.diff(owner, prepend=-1) != 0) | (np.diff(bands, prepend=-1) != 0))
    return _LightCurves(
        epochs=rows,
        offsets=np.append(first, rows.size),
        bands=bands[first],
        objects=np.searchsorted(owner[first], np.arange(len(merged) + 1)),
    )


def _seen(
    curves: _LightCurves,
    views: Integers,
    asof: Floats,
    found: features.Updates,
    classifier: Classifier,
    min_epochs: int,
) -> list[_Seen]:
    """What each view has of its object's bands; the rows of `found` are those of all bands, view by view."""
    seen, row, complete = [], 0, classifier.complete(np.hstack([found.features, found.profiles]))
    usable = [BANDS[band] in classifier.bands for band in curves.bands]
    for j, (start, end) in enumerate(pairwise(views.tolist())):
        own = range(curves.objects[j], curves.objects[j + 1])
        counts = [summaries(curves.epochs[curves.offsets[i] : curves.offsets[i + 1]], asof[start:end]) for i in own]
        for view in range(start, end):
            of_view = _Seen()
            for i, of_band in zip(own, counts, strict=True):
                n_epochs, n_forced, n_references = of_band[view - start]
                reason, enough = found.reasons[row], n_epochs >= min_epochs
                if reason is not None and enough:
                    of_view.reasons.append(reason)
                if reason is None and usable[i] and not complete[row]:
                    of_view.reasons.insert(0, MISSING_NUMBER)
                elif reason is None and usable[i]:
                    of_view.rows.append(row)
                    of_view.row_epochs.append(n_epochs)
                if n_epochs:
                    found_here = (
                        (found.periods[view], found.features[row], found.profiles[row]) if reason is None else ()
                    )
                    of_view.bands.append(Band(BANDS[curves.bands[i]], n_epochs, n_forced, n_references, *found_here))
                row += 1
            seen.append(of_view)
    return seen


def _classify(alerts: Sequence[Alert], seen: Sequence[_Seen], numbers: Floats, classifier: Classifier) -> list[Outcome]:
    reasons = [_reason(alert, of_alert) for alert, of_alert in zip(alerts, seen, strict=True)]
    answered = [of_alert for of_alert, reason in zip(seen, reasons, strict=True) if reason is None]
    probabilities = classifier.classify(
        numbers[np.array([row for of_alert in answered for row in of_alert.rows], np.int64)],
        np.array([n for of_alert in answered for n in of_alert.row_epochs], np.int64),
        np.array([k for k, of_alert in enumerate(answered) for _ in of_alert.rows], np.int64),
    )
    answers = iter(probabilities)
    return [
        Outcome(alert, of_alert.bands, reason, next(answers) if reason is None else np.empty(0))
        for alert, of_alert, reason in zip(alerts, seen, reasons, strict=True)
    ]


def _reason(alert: Alert, seen: _Seen) -> str | None:
    """Why an alert cannot be classified, or None if it can."""
    if not seen.bands:
        return "no_counterpart" if alert.epochs.size else "no_photometry"
    if seen.rows:
        return None
    if MISSING_NUMBER not in seen.reasons and any(band.features is not None for band in seen.bands):
        return "unsupported_band"
    return seen.reasons[0] if seen.reasons else "too_few_epochs"
