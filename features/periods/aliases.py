"""Rhythms of ground-based sampling that a period may be mistaken by."""

import numpy as np

from starsieve.features.jit import Data, kernel
from starsieve.features.periods.choice import DAY_FROM, DAY_WIDTH, HARMONICS, INSIGNIFICANT, epochs_per_band, gain_of
from starsieve.features.periods.grid import SHORTEST_PERIOD
from starsieve.features.periods.harmonics import harmonic_power

NAMES = ("day", "month", "year")  # bit 0, 1, 2 of the flags
SYNODIC_MONTH, YEAR = 29.530589, 365.25  # days
SIDEREAL_DAY = 0.9972696  # days
RHYTHMS = ((1.0, 0), (1 / SIDEREAL_DAY, 0), (1 / SYNODIC_MONTH, 1), (1 / YEAR, 2))  # frequency (1/d), bit
COINCIDENCE = 0.05  # relative distance of the period from a month or a year


@kernel
def alias_flags(data: Data, frequency: float, power: float, lowest: float) -> int:
    """Bits of the rhythms whose sum or difference with `frequency` fits nearly as well, or that coincide with it."""
    n, coefficients, flags = epochs_per_band(data), np.empty(2 * HARMONICS), 0
    for rhythm, bit in RHYTHMS:
        for sign in (-1, 1):
            other = abs(frequency + sign * rhythm)
            if rhythm < lowest or not lowest <= other <= 1 / SHORTEST_PERIOD:
                continue
            if gain_of(n, power, harmonic_power(data, other, HARMONICS, coefficients)) < INSIGNIFICANT:
                flags |= 1 << bit
        if bit > 0 and abs(frequency / rhythm - 1) < COINCIDENCE:
            flags |= 1 << bit
    if frequency > DAY_FROM and abs(frequency - round(frequency)) < DAY_WIDTH:
        flags |= 1
    return flags


def alias_names(flags: int) -> tuple[str, ...]:
    """The rhythms of the bits in `flags`."""
    return tuple(name for bit, name in enumerate(NAMES) if flags >> bit & 1)
