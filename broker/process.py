"""Pure: alerts and stored light curves in, outcomes and changes to the store out; no I/O, so it is tested without."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from starsieve import features
from starsieve.broker.epochs import (
    BANDS,
    DIFFERENCE,
    FORCED,
    SAME_EXPOSURE_DAYS,
    Epochs,
    merge_into,
    n_references,
    of_band,
)
from starsieve.broker.store import Change, Stored
from starsieve.broker.surveys import Alert
from starsieve.features import FEATURES, Period
from starsieve.models.serving.classifier import MISSING_NUMBER, Classifier
from starsieve.models.serving.scaling import COLUMNS

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Band:
    """What was found in one band of an object's light curve, as of one alert."""

    band: str
    epochs: int
    forced_epochs: int
    reference_images: int
    period: Period | None = None
    features: Floats | None = None


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


@dataclass(slots=True)
class _LightCurve:
    """One band of one object as of one alert, on its way through the feature extraction."""

    alert: int
    band: str
    epochs: Epochs  # those of later exposures included, for the sake of the search state
    n_epochs: int  # not counting those
    numbers: Floats | None = None  # features and profile, what a classifier takes
    period: Period | None = None  # the same in all bands
    reason: str | None = None

    def summary(self) -> Band:
        seen = self.epochs[: self.n_epochs]
        return Band(
            self.band,
            self.n_epochs,
            int(np.count_nonzero(seen["flags"] & FORCED)),
            n_references(seen),
            self.period,
            None if self.numbers is None else self.numbers[: len(FEATURES)],
        )


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
    merged, new = _merge(alerts, stored)
    light_curves = [
        light_curve
        for index, alert in enumerate(alerts)
        for light_curve in _as_of(index, alert, merged[alert.object_id])
    ]
    search_states = _extract([lc for lc in light_curves if lc.n_epochs >= min_epochs], alerts, stored)
    outcomes = _classify(alerts, light_curves, classifier)
    changes = [Change(object_id, new_epochs, search_states.get(object_id)) for object_id, new_epochs in new.items()]
    return outcomes, changes


def _merge(alerts: Sequence[Alert], stored: Mapping[str, Stored]) -> tuple[dict[str, Epochs], dict[str, Epochs]]:
    """Each object's light curve of what was stored and what the batch brings, and those of its rows that are new."""
    arrived: dict[str, list[Epochs]] = {}
    for alert in alerts:
        arrived.setdefault(alert.object_id, []).append(alert.epochs)
    merged, new = {}, {}
    for object_id, parts in arrived.items():
        merged[object_id], new[object_id] = merge_into(stored[object_id].epochs, parts)
    return merged, new


def _as_of(index: int, alert: Alert, epochs: Epochs) -> list[_LightCurve]:
    """The bands of an object's light curve of total magnitudes; difference magnitudes are no light curve of a star."""
    total = epochs[(epochs["flags"] & DIFFERENCE) == 0]
    found = []
    for band in BANDS:
        of_this_band = of_band(total, band)
        n_epochs = int(np.searchsorted(of_this_band["mjd"], alert.mjd + SAME_EXPOSURE_DAYS))
        if n_epochs:
            found.append(_LightCurve(index, band, of_this_band, n_epochs))
    return found


def _extract(
    light_curves: Sequence[_LightCurve], alerts: Sequence[Alert], stored: Mapping[str, Stored]
) -> dict[str, bytes]:
    """Fills in features, periods and reasons; returns the search states to keep, by object."""
    if not light_curves:
        return {}
    asked, first = np.unique([lc.alert for lc in light_curves], return_index=True)
    owners = [alerts[index] for index in asked]
    old_states = [stored[owner.object_id].search_state for owner in owners]
    rows = np.concatenate([lc.epochs for lc in light_curves])
    found = features.update_many(
        old_states,
        rows["mjd"].copy(),
        rows["mag"].astype(np.float64),
        rows["magerr"].astype(np.float64),
        np.cumsum([0, *(lc.epochs.size for lc in light_curves)]),
        objects=[*first, len(light_curves)],
        asof=np.array([owner.mjd + SAME_EXPOSURE_DAYS for owner in owners]),
    )
    numbers = np.hstack([found.features, found.profiles])
    period_of = dict(zip(asked.tolist(), found.periods, strict=True))
    for light_curve, of_curve, reason in zip(light_curves, numbers, found.reasons, strict=True):
        light_curve.reason = reason
        if reason is None:
            light_curve.numbers, light_curve.period = of_curve, period_of[light_curve.alert]
    by_time = sorted(zip(owners, old_states, found.states, strict=True), key=lambda one: one[0].mjd)
    latest = {owner.object_id: (old, new) for owner, old, new in by_time}  # of several alerts of one object
    return {object_id: new for object_id, (old, new) in latest.items() if new is not None and new != old}


def _classify(alerts: Sequence[Alert], light_curves: Sequence[_LightCurve], classifier: Classifier) -> list[Outcome]:
    by_alert: list[list[_LightCurve]] = [[] for _ in alerts]
    for light_curve in light_curves:
        by_alert[light_curve.alert].append(light_curve)
    supported = [lc for lc in light_curves if lc.numbers is not None and lc.band in classifier.bands]
    numbers = np.array([lc.numbers for lc in supported]).reshape(len(supported), len(COLUMNS))
    complete = classifier.complete(numbers)
    for light_curve in itertools.compress(supported, ~complete):
        light_curve.reason = MISSING_NUMBER
    usable = [lc for lc in supported if lc.reason is None]
    reasons = [_reason(alert, of_alert, classifier) for alert, of_alert in zip(alerts, by_alert, strict=True)]
    answer = np.cumsum([reason is None for reason in reasons]) - 1
    probabilities = classifier.classify(
        numbers[complete],
        np.array([lc.n_epochs for lc in usable], np.int64),
        np.array([answer[lc.alert] for lc in usable], np.int64),
    )
    return [
        Outcome(
            alert,
            [lc.summary() for lc in of_alert],
            reason,
            probabilities[answer[index]] if reason is None else np.empty(0),
        )
        for index, (alert, of_alert, reason) in enumerate(zip(alerts, by_alert, reasons, strict=True))
    ]


def _reason(alert: Alert, light_curves: Sequence[_LightCurve], classifier: Classifier) -> str | None:
    """Why an alert cannot be classified, or None if it can."""
    if not light_curves:
        return "no_counterpart" if alert.epochs.size else "no_photometry"
    with_features = [lc for lc in light_curves if lc.numbers is not None]
    supported = [lc for lc in with_features if lc.band in classifier.bands]
    if any(lc.reason is None for lc in supported):
        return None
    if with_features and not supported:
        return "unsupported_band"
    reasons = [lc.reason for lc in (*supported, *light_curves) if lc.reason is not None]
    return reasons[0] if reasons else "too_few_epochs"
