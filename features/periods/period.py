"""The period of an object, seen in one or more bands, and what is known about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from starsieve.features.analyse import (
    ALIASES,
    BASELINE,
    BEYOND_TREND,
    FREQUENCY,
    LOOKED_AT,
    N_EPOCHS,
    PEAK_FREQUENCY,
    PEAK_POWER,
    POWER,
    TREND_POWER,
)
from starsieve.features.periods.aliases import alias_names

HARMONIC_TOLERANCE = 0.02  # relative; what is further from a whole multiple is not related
CERTAIN = 1e-6  # false-alarm probability from which a period is weak
FEW_CYCLES = 3.0  # below, nothing has been seen to repeat
TRUST = ("FIRM", "DISPUTED", "FEW_CYCLES", "ALIASED", "WEAK")  # docs/results.md has how many of each are right


@dataclass(frozen=True, slots=True)
class Period:
    """The period of an object (days) and how far to trust it.

    power: fraction of chi2 explained by three harmonics of the period. peak_period, peak_power: the highest peak of the
    single-harmonic periodogram. harmonic: the frequency of that peak in units of 1 / period, 1 or 2 in most cases, 0 if
    they are not related. aliases: rhythms of ground-based sampling ("day", "month", "year") that the period coincides
    with, or by which it may be off: the frequency plus or minus that of the rhythm fits nearly as well. cycles: periods
    that fit into the baseline. trend_power: fraction of chi2 that a smooth trend explains without any period.
    false_alarm_probability: that noise about a smooth trend makes anything as high as the strongest harmonic of the
    period (Baluev 2008): what changes slowly, sampled nightly, has a high peak at a day that a trend explains as well.
    """

    period: float
    frequency: float
    power: float
    peak_period: float
    peak_power: float
    false_alarm_probability: float
    trend_power: float
    harmonic: int
    aliases: tuple[str, ...]
    cycles: float
    n_epochs: int
    blocks: int = field(default=0, compare=False)  # of frequencies, looked at now: none where the last rung's was kept

    def __repr__(self) -> str:
        return f"Period({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

    def _asdict(self) -> dict[str, object]:
        """All of it by name, `trust` included."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "blocks"} | {"trust": self.trust}

    @property
    def trust(self) -> str:
        """One of TRUST, the worst that applies: WEAK, noise or a trend may be all there is; ALIASED, there are aliases;
        FEW_CYCLES; DISPUTED, the highest peak belongs to another period; FIRM, none of these.
        """
        if self.false_alarm_probability >= CERTAIN:
            return "WEAK"
        if self.aliases:
            return "ALIASED"
        if self.cycles < FEW_CYCLES:
            return "FEW_CYCLES"
        return "FIRM" if self.harmonic else "DISPUTED"


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
        false_alarm_probability=row[BEYOND_TREND],
        trend_power=row[TREND_POWER],
        harmonic=_harmonic(row[PEAK_FREQUENCY], frequency),
        aliases=alias_names(int(row[ALIASES])),
        cycles=row[BASELINE] * frequency,
        n_epochs=int(row[N_EPOCHS]),
        blocks=int(row[LOOKED_AT]),
    )
