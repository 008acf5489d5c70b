"""The period of a light curve in one or more bands, and what is known about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.analyse import (
    FALSE_ALARM,
    FREQUENCY,
    N_COLUMNS,
    N_EPOCHS,
    PEAK_FREQUENCY,
    PEAK_POWER,
    POWER,
    search_period,
)
from features.check import NO_PERIOD, REASONS, USABLE, UnusableLightCurve, check
from features.grid import grid_of
from features.search import UNKNOWN

SYNODIC_MONTH, YEAR = 29.530589, 365.25  # days


@dataclass(frozen=True, slots=True)
class Period:
    """The period of a light curve (days) and how far to trust it.

    power: fraction of chi2 explained by the harmonics of the period. peak_power: the same of the highest peak of the
    single-harmonic periodogram, to which the false-alarm probability (Baluev 2008) belongs. harmonic: the frequency of
    that peak in units of 1 / period, 1 or 2 in most cases, 0 if they are not related. aliases: rhythms of ground-based
    sampling ("day", "month", "year") that the period or the highest peak coincides with.
    """

    period: float
    frequency: float
    power: float
    peak_power: float
    false_alarm_probability: float
    harmonic: int
    aliases: tuple[str, ...]
    n_epochs: int


def _harmonic(peak: float, frequency: float) -> int:
    ratio = peak / frequency
    return round(ratio) if abs(ratio - round(ratio)) < 0.02 * ratio else 0


def _aliases(frequency: float) -> tuple[str, ...]:
    """Rhythms of the sampling that a frequency coincides with, to 2 per cent of theirs."""
    found = []
    if abs(frequency - round(frequency)) < 0.02 and frequency > 0.5:  # noqa: PLR2004
        found.append("day")
    if abs(frequency * SYNODIC_MONTH - 1) < 0.02:  # noqa: PLR2004
        found.append("month")
    if abs(frequency * YEAR - 1) < 0.1:  # noqa: PLR2004
        found.append("year")
    return tuple(found)


def period_from_row(row: Sequence[float]) -> Period:
    """A Period from one row of the table that the kernels fill."""
    frequency = row[FREQUENCY]
    return Period(
        period=1 / frequency,
        frequency=frequency,
        power=row[POWER],
        peak_power=row[PEAK_POWER],
        false_alarm_probability=row[FALSE_ALARM],
        harmonic=_harmonic(row[PEAK_FREQUENCY], frequency),
        aliases=_aliases(frequency),
        n_epochs=int(row[N_EPOCHS]),
    )


def find_period(mjd: ArrayLike, mag: ArrayLike, magerr: ArrayLike, band: ArrayLike | None = None) -> Period:
    """The period of a light curve, arrays (n,) in any order of time (days, magnitudes).

    With `band` (n,) every band has its own mean and harmonics, and the period is the one that suits all: the chi2 of
    the bands are added. Bands that cannot be used alone are left out. Raises UnusableLightCurve if none can.
    """
    time, mag, magerr = (np.asarray(a, np.float64) for a in (mjd, mag, magerr))
    if not time.ndim == 1 or not time.shape == mag.shape == magerr.shape:
        raise ValueError(f"mjd, mag and magerr must have one length, got {time.shape}, {mag.shape}, {magerr.shape}")
    names = np.zeros(time.size) if band is None else np.asarray(band)
    parts, codes = [], [NO_PERIOD]
    for name in np.unique(names):
        part = np.flatnonzero(names == name)
        part = part[np.argsort(time[part], kind="stable")]
        codes.append(check(time[part], mag[part], magerr[part]))
        if codes[-1] == USABLE:
            parts.append(part)
    if not parts:
        raise UnusableLightCurve(REASONS[codes[-1]] or "no_period")
    parts.sort(key=len)  # the shape is judged in the last band
    order = np.concatenate(parts)
    starts = np.cumsum([0, *(part.size for part in parts)])
    time = time[order] - time[order].min()
    step, n_blocks = grid_of(time.max())
    row = np.full(N_COLUMNS, np.nan)
    search_period(time, mag[order], magerr[order], starts, step, np.full(n_blocks, UNKNOWN), row)
    if not row[FREQUENCY] > 0:
        raise UnusableLightCurve("no_period")
    return period_from_row(row.tolist())
