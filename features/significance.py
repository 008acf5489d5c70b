"""False-alarm probability of the highest peak (Baluev 2008, MNRAS 385, 1279)."""

import math

import numpy as np

from features.grid import SHORTEST_PERIOD
from features.jit import Floats, kernel


@kernel
def false_alarm_probability(time: Floats, power: float, n_bands: int) -> float:
    """Upper bound of the chance that noise reaches the normalised `power` anywhere on the grid.

    Each band has its own mean and amplitudes: 2 n_bands parameters besides the means. For one band this is the formula
    for the standard normalisation.
    """
    n_null, n_full = time.size - n_bands, time.size - 3 * n_bands
    if n_full < 1:
        return 1.0
    if power >= 1:
        return 0.0
    bandwidth = math.sqrt(4 * math.pi * np.var(time)) / SHORTEST_PERIOD
    z = 0.5 * n_null * power
    gamma = math.sqrt(2 / n_null) * math.exp(math.lgamma(n_null / 2) - math.lgamma((n_null - 1) / 2))
    single, term = 0.0, 1.0
    for k in range(n_bands):  # tail of a chi2 of 2 n_bands degrees of freedom, at most
        single += term
        term *= z / (k + 1)
    single *= (1 - power) ** (0.5 * n_full)
    crossings = gamma * bandwidth * (1 - power) ** (0.5 * (n_full - 1)) * math.sqrt(z)
    for k in range(1, n_bands):
        crossings *= z / k
    return -math.expm1(math.log1p(-min(single, 1 - 1e-16)) - crossings)
