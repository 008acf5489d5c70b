"""The period of a light curve in one or more bands, and what is known about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.aliases import alias_names
from features.analyse import (
    ALIASES,
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

HARMONIC_TOLERANCE = 0.02  # relative; what is further from a whole multiple is not related


@dataclass(frozen=True, slots=True)
class Period:
    """The period of a light curve (days) and how far to trust it.

    power: fraction of chi2 explained by three harmonics of the period. peak_period, peak_power: the highest peak of the
    single-harmonic periodogram, to which the false-alarm probability (Baluev 2008) belongs. harmonic: the frequency of
    that peak in units of 1 / period, 1 or 2 in most cases, 0 if they are not related. aliases: rhythms of ground-based
    sampling ("day", "month", "year") that the period coincides with, or by which it may be off: the frequency plus or
    minus that of the rhythm fits nearly as well.
    """

    period: float
    frequency: float
    power: float
    peak_period: float
    peak_power: float
    false_alarm_probability: float
    harmonic: int
    aliases: tuple[str, ...]
    n_epochs: int


def _harmonic(peak: float, frequency: float) -> int:
    ratio = peak / frequency
    return round(ratio) if abs(ratio - round(ratio)) < HARMONIC_TOLERANCE * ratio else 0


def period_from_row(row: Sequence[float]) -> Period:
    """A Period from one row of the table that the kernels fill."""
    frequency = row[FREQUENCY]
    return Period(
        period=1 / frequency,
        frequency=frequency,
        power=row[POWER],
        peak_period=1 / row[PEAK_FREQUENCY],
        peak_power=row[PEAK_POWER],
        false_alarm_probability=row[FALSE_ALARM],
        harmonic=_harmonic(row[PEAK_FREQUENCY], frequency),
        aliases=alias_names(int(row[ALIASES])),
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
    row, no_bounds = np.full(N_COLUMNS, np.nan), False
    search_period(time, mag[order], magerr[order], starts, step, no_bounds, np.empty(n_blocks, np.float32), row)
    if not row[FREQUENCY] > 0:
        raise UnusableLightCurve("no_period")
    return period_from_row(row.tolist())
