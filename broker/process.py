"""Pure: alerts and stored light curves in, outcomes and changes to the store out; no I/O, so it is tested without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from starsieve import features
from starsieve.broker.epochs import (
    BANDS,
    DIFFERENCE,
    MAGNITUDES,
    SAME_EXPOSURE_DAYS,
    Epochs,
    Form,
    band_numbers,
    summaries,
)
from starsieve.broker.store import Change, Stored
from starsieve.broker.surveys import Alert
from starsieve.features import Period
from starsieve.models.serving.classifier import MISSING_NUMBER, UNSUPPORTED_BAND, Classifier

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NO_TOTAL = "no_total_magnitude"  # among what is dropped: stored epochs that have none


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
    #: How many records of the packet are no epochs, by reason, and stored epochs without a total magnitude.
    dropped: Mapping[str, int] = field(default_factory=dict)

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
    untotalled: Mapping[int, Floats]  # when object j, if it is there, has epochs that have no total magnitude


@dataclass(slots=True)
class _Seen:
    """One alert's view of its object: the bands that have epochs by then, and what was found in each."""

    untotalled: int
    bands: list[Band] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # of bands with enough epochs
    rows: list[int] = field(default_factory=list)  # those of the features that a classifier takes
    row_epochs: list[int] = field(default_factory=list)


def least_epochs(classifier: Classifier, setting: int | None) -> int:
    """How many epochs a band needs: as many as the network was trained with, or more where the setting says so."""
    return max(classifier.min_epochs, setting or 0)


def process(
    alerts: Sequence[Alert],
    stored: Mapping[str, Stored],
    classifier: Classifier,
    *,
    min_epochs: int,
    min_epochs_together: int = 0,
    form: Form = MAGNITUDES,
) -> tuple[list[Outcome], list[Change]]:
    """Classifies a batch of alerts, each from the epochs no later than its own.

    Args:
        alerts: in any order; several of one object share each other's photometry.
        stored: what the store has of every object in the batch; one whose alert has a reason is none.
        classifier: the network of the alerts' survey.
        min_epochs: a band with fewer epochs has no features.
        min_epochs_together: an object whose bands have fewer epochs, all in all, is not classified.
        form: of the epochs of the alerts and of what is stored.

    Returns:
        One outcome for each alert, in order, and one change for each object.
    """
    asked = [alert for alert in alerts if alert.reason is None]
    outcomes, changes = (
        _process(asked, stored, classifier, min_epochs, min_epochs_together, form) if asked else ([], [])
    )
    answers = iter(outcomes)
    return [
        next(answers) if alert.reason is None else Outcome(alert, [], alert.reason, dropped=alert.dropped)
        for alert in alerts
    ], changes


def _process(
    alerts: Sequence[Alert],
    stored: Mapping[str, Stored],
    classifier: Classifier,
    min_epochs: int,
    min_epochs_together: int,
    form: Form,
) -> tuple[list[Outcome], list[Change]]:
    merged, new = _merge(alerts, stored, form)
    number = {object_id: j for j, object_id in enumerate(merged)}
    owners, times = np.array([number[alert.object_id] for alert in alerts]), np.array([alert.mjd for alert in alerts])
    order = np.lexsort((times, owners))
    asof, ends = times[order] + SAME_EXPOSURE_DAYS, np.searchsorted(owners[order], np.arange(len(merged) + 1))
    # An object whose light curve is another one as of a later time is several to the search.
    seen_as = [
        (object_id, epochs, n)
        for (object_id, rows), of_object in zip(merged.items(), pairwise(ends.tolist()), strict=True)
        for epochs, n in form.views(rows, asof[slice(*of_object)])
    ]
    curves = _light_curves([epochs for _, epochs, _ in seen_as])
    views = np.append(0, np.cumsum([n for _, _, n in seen_as]))
    old_states = [stored[object_id].search_state for object_id, _, _ in seen_as]
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
    numbers = np.hstack([found.features, found.profiles])
    reasons = [_reason(*each, min_epochs_together, form.without_total) for each in zip(alerts, of_alert, strict=True)]
    outcomes = _classify(alerts, of_alert, reasons, numbers, classifier)
    states = {object_id: state for (object_id, _, _), state in zip(seen_as, found.states, strict=True)}  # the last one
    moved = ((name, rows, states[name], stored[name].search_state) for name, rows in new.items())
    return outcomes, [Change(name, rows, state if state != old else None) for name, rows, state, old in moved]


def _merge(
    alerts: Sequence[Alert], stored: Mapping[str, Stored], form: Form
) -> tuple[dict[str, Epochs], dict[str, Epochs]]:
    """Each object's light curve of what was stored and what the batch brings, and those of its rows that are new."""
    arrived: dict[str, list[Epochs]] = {}
    for alert in alerts:
        arrived.setdefault(alert.object_id, []).append(alert.epochs)
    merged, new = {}, {}
    for object_id, parts in arrived.items():
        merged[object_id], new[object_id] = form.merge_into(stored[object_id].epochs, parts)
    return merged, new


def _light_curves(merged: Sequence[Epochs]) -> _LightCurves:
    rows, owner = np.concatenate(merged), np.repeat(np.arange(len(merged)), [rows.size for rows in merged])
    total = (rows["flags"] & DIFFERENCE) == 0
    owners, starts = np.unique(owner[~total], return_index=True)
    untotalled = dict(zip(owners.tolist(), np.split(rows["mjd"][~total], starts[1:]), strict=False))
    rows, owner = rows[total], owner[total]
    bands = band_numbers(rows)
    first = np.flatnonzero((np.diff(owner, prepend=-1) != 0) | (np.diff(bands, prepend=-1) != 0))
    return _LightCurves(
        epochs=rows,
        offsets=np.append(first, rows.size),
        bands=bands[first],
        objects=np.searchsorted(owner[first], np.arange(len(merged) + 1)),
        untotalled=untotalled,
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
            of_view = _Seen(int(np.count_nonzero(curves.untotalled[j] <= asof[view])) if j in curves.untotalled else 0)
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


def _classify(
    alerts: Sequence[Alert],
    seen: Sequence[_Seen],
    reasons: Sequence[str | None],
    numbers: Floats,
    classifier: Classifier,
) -> list[Outcome]:
    answered = [of_alert for of_alert, reason in zip(seen, reasons, strict=True) if reason is None]
    probabilities = classifier.classify(
        numbers[np.array([row for of_alert in answered for row in of_alert.rows], np.int64)],
        np.array([n for of_alert in answered for n in of_alert.row_epochs], np.int64),
        np.array([k for k, of_alert in enumerate(answered) for _ in of_alert.rows], np.int64),
    )
    answers = iter(probabilities)
    return [
        Outcome(
            alert,
            of_alert.bands,
            reason,
            next(answers) if reason is None else np.empty(0),
            {**alert.dropped, NO_TOTAL: of_alert.untotalled} if of_alert.untotalled else alert.dropped,
        )
        for alert, of_alert, reason in zip(alerts, seen, reasons, strict=True)
    ]


def _reason(alert: Alert, seen: _Seen, min_epochs_together: int, without_total: str) -> str | None:
    """Why an alert cannot be classified, or None if it can."""
    if not seen.bands:
        return without_total if alert.epochs.size else "no_photometry"
    if sum(band.epochs for band in seen.bands) < min_epochs_together:
        return "too_few_epochs"
    if seen.rows:
        return None
    if MISSING_NUMBER not in seen.reasons and any(band.features is not None for band in seen.bands):
        return UNSUPPORTED_BAND
    return seen.reasons[0] if seen.reasons else "too_few_epochs"
