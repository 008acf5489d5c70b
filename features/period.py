"""The period of an object, seen in one or more bands, and what is known about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from features.aliases import alias_names
from features.analyse import ALIASES, FALSE_ALARM, FREQUENCY, N_EPOCHS, PEAK_FREQUENCY, PEAK_POWER, POWER

HARMONIC_TOLERANCE = 0.02  # relative; what is further from a whole multiple is not related


@dataclass(frozen=True, slots=True)
class Period:
    """The period of an object (days) and how far to trust it.

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
