"""`starsieve object`: what the store has of one object, and what the network in use says about it now."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from starsieve.broker.epochs import BANDS, DIFFERENCE, FORCED, Epochs, columns, n_references, of_band
from starsieve.broker.outputs.message import classification_records, classifications, status
from starsieve.broker.process import Outcome, least_epochs, process
from starsieve.broker.settings import Settings
from starsieve.broker.store import LightCurves, Stored
from starsieve.broker.surveys import Alert, installed
from starsieve.features import Period
from starsieve.features.tools.errors import CommandError, UsageError
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier
from starsieve.models.serving.networks import Networks

MOMENTS = 24  # at which `history` asks the network
_DAY_S = 86400
_SHOWN_CLASSES = 6


class ObjectError(CommandError):
    """The store has nothing of an object that could be shown."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is stored of one object; `stays_s` is how long it will be, without another alert (-1: for ever)."""

    object_id: str
    survey: str
    stored: Stored
    stays_s: int

    @property
    def epochs(self) -> Epochs:
        """The light curve as of its last epoch, sorted by band and time."""
        ((epochs, _),) = installed.survey(self.survey).FORM.views(self.stored.epochs, np.array([np.inf]))
        return epochs

    def as_of(self, mjd: Sequence[float], classifier: Classifier, settings: Settings) -> list[Outcome]:
        """What a worker would answer to alerts of these times, from the epochs that are stored now."""
        known = self.stored.epochs[:1]  # an alert without any epoch would be one without photometry
        alerts = [Alert(self.survey, 0, self.object_id, 0, time, float("nan"), float("nan"), known) for time in mjd]
        return process(
            alerts,
            {self.object_id: self.stored},
            classifier,
            min_epochs=least_epochs(classifier, settings.min_epochs),
            min_epochs_together=settings.min_epochs_together,
            form=installed.survey(self.survey).FORM,
        )[0]


def find(light_curves: LightCurves, survey: str, object_id: str) -> Found:
    """What is stored of an object.

    Raises:
        ObjectError: nothing is, or something that is not starsieve's.
        redis.RedisError: the store does not answer, or refuses.
    """
    if not object_id.isascii():
        raise UsageError(f"no survey has an object {object_id!a}")
    held = light_curves.holds(object_id)
    stored = light_curves.read([object_id])[object_id]
    if stored.unreadable is not None:
        there = ", ".join(f"{key} is a {each.kind}" for key, each in held.items())
        raise ObjectError(f"unreadable: {stored.unreadable} (with --forget). There: {there}")
    if not stored.epochs.size:
        raise ObjectError(f"unknown: the store has no epoch of {object_id!r} of the survey {survey!r}")
    return Found(object_id, survey, stored, next(iter(held.values())).ttl_s if held else 0)


def network_in_use(settings: Settings) -> Classifier:
    """The network that a worker with these settings uses now. Raises models.ModelError."""
    if settings.networks is None:
        return registry.load(settings.survey)
    return Networks(settings.networks).load(settings.survey)


def last_mjd(epochs: Epochs) -> float:
    """The time of the last epoch."""
    return float(epochs["mjd"].max())


def history(
    found: Found, classifier: Classifier, settings: Settings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (k,), and the class probabilities (k, classes) as of each: NaN where an alert would not be classified."""
    times = np.unique(found.epochs["mjd"])
    chosen = times[np.unique(np.linspace(0, times.size - 1, MOMENTS).astype(int))]
    rows = np.full((chosen.size, len(classifier.classes)), np.nan)
    for row, outcome in zip(rows, found.as_of(chosen.tolist(), classifier, settings), strict=True):
        if outcome.reason is None:
            row[:] = outcome.probabilities
    return chosen, rows


def as_csv(epochs: Epochs) -> str:
    """The epochs as a table with a header, in the order of the store."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    found = columns(epochs)
    writer.writerow(found)
    for row in zip(*found.values(), strict=True):
        writer.writerow(int(value) if isinstance(value, bool) else value for value in row)
    return text.getvalue()


def as_json(found: Found, outcome: Outcome, classifier: Classifier) -> str:
    """Everything as one JSON object; what is no number is null."""
    by_name = columns(found.epochs)
    period = period_of(outcome)
    return json.dumps(
        _finite(
            {
                "objectId": found.object_id,
                "survey": found.survey,
                "stays_days": found.stays_s / _DAY_S if found.stays_s >= 0 else None,
                "chunks": len(found.stored.chunks),
                "search_state_bytes": len(found.stored.search_state or b""),
                "bands": [asdict(band) for band in summary(found.epochs)],
                "period": None if period is None else asdict(period),
                "computed": "now, from the stored epochs, as of the last one",
                "classifierName": classifier.name,
                "classifierVersion": classifier.version,
                "status": status(outcome),
                "reason": outcome.reason,
                "classifications": classification_records(outcome, classifier),
                "epochs": [dict(zip(by_name, row, strict=True)) for row in zip(*by_name.values(), strict=True)],
            }
        ),
        allow_nan=False,
    )


@dataclass(frozen=True, slots=True)
class BandSummary:
    """The epochs of one band: their number, times (MJD) and magnitudes; difference magnitudes are none of a star's."""

    band: str
    epochs: int
    forced: int
    difference: int
    references: int
    first_mjd: float
    last_mjd: float
    median_mag: float
    brightest_mag: float
    faintest_mag: float


def summary(epochs: Epochs) -> list[BandSummary]:
    """What there is in each band that has something."""
    found = []
    for band in BANDS:
        rows = of_band(epochs, band)
        if not rows.size:
            continue
        total = rows[rows["flags"] & DIFFERENCE == 0]
        mag = total["mag"].astype(np.float64) if total.size else np.array([np.nan])
        found.append(
            BandSummary(
                band,
                int(total.size),
                int(np.count_nonzero(total["flags"] & FORCED)),
                int(rows.size - total.size),
                n_references(rows),
                float(rows["mjd"].min()),
                float(rows["mjd"].max()),
                float(np.median(mag)),
                float(mag.min()),
                float(mag.max()),
            )
        )
    return found


def as_text(found: Found, outcome: Outcome, classifier: Classifier) -> Group:
    """What to show on a terminal."""
    names = ("band", "epochs", "forced", "diff.", "first", "last", "days", "median", "range")
    table = Table(
        *(Column(name, no_wrap=True) for name in names), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    for band in summary(found.epochs):
        days = band.last_mjd - band.first_mjd
        counts = (band.epochs, band.forced, band.difference)
        table.add_row(
            band.band,
            *map(str, counts),
            date(band.first_mjd),
            date(band.last_mjd),
            f"{days:.1f}",
            f"{band.median_mag:.2f}" if band.epochs else "",
            f"{band.brightest_mag:.2f}-{band.faintest_mag:.2f}" if band.epochs else "",
        )
    stays = "for ever" if found.stays_s < 0 else f"for {found.stays_s / _DAY_S:.0f} days more, if no alert comes"
    state = len(found.stored.search_state or b"")
    return Group(
        Text(f"{found.object_id}  {found.survey}", style="bold"),
        table,
        Text(f"stored in {len(found.stored.chunks)} chunks, search state of {state} bytes, {stays}"),
        Text(_period_in_words(period_of(outcome))),
        Text(f"computed now from these epochs, by {classifier.name} {classifier.version}:"),
        Text(outcome_in_words(outcome, classifier), style="green" if outcome.reason is None else "yellow"),
    )


def outcome_in_words(outcome: Outcome, classifier: Classifier) -> str:
    """The most probable classes, or why there are none."""
    if outcome.reason is not None:
        return f"not classified: {outcome.reason}"
    found = sorted(classifications(outcome, classifier), key=lambda each: -each[2])[:_SHOWN_CLASSES]
    return "  ".join(f"{name} {probability:.3f}" for name, _, probability in found)


def date(mjd: float) -> str:
    """The day of a time."""
    return (datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=mjd)).strftime("%Y-%m-%d")


def period_of(outcome: Outcome) -> Period | None:
    """The period that the bands of an object share."""
    return next((band.period for band in outcome.bands if band.period is not None), None)


def _period_in_words(period: Period | None) -> str:
    if period is None:
        return "no period: no band has enough epochs, or none can be used"
    aliases = ", ".join(period.aliases) or "none"
    return (
        f"period {period.period:.6g} d ({period.trust.lower().replace('_', ' ')}; share of chi2 {period.power:.3f}), "
        f"aliases: {aliases}; highest peak "
        f"{period.peak_period:.6g} d, false-alarm probability {period.false_alarm_probability:.1e}"
    )


def _finite(value: Any) -> Any:
    """The same without NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
