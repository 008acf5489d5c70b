"""When a field is visited, in which band, how deep and how sharp: wide, fast and deep, season by season."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.simulate.observed import Array

YEAR, SEASON = 365.25, 213.0  # days
SHARES = {"u": 0.07, "g": 0.09, "r": 0.22, "i": 0.22, "z": 0.20, "y": 0.20}
# ASSUMED: typical 5 sigma limits of a point source (mag), and seeing (arcsec).
DEPTH = {"u": 23.8, "g": 24.5, "r": 24.1, "i": 23.6, "z": 23.0, "y": 22.1}
DEPTH_SCATTER, SEEING, SEEING_SCATTER = 0.3, 1.0, 0.2
_GAP_D, _PAIR_D = (2.0, 8.5), 0.021  # between the nights of a field; half an hour


@dataclass(frozen=True)
class Visits:
    """Of one field, in time order; arrays of shape (n,). mjd: middle of the exposure (geocentric TAI)."""

    mjd: Array
    band: NDArray[np.str_]
    limit: Array
    seeing: Array


def visits(seasons: int, rng: np.random.Generator) -> Visits:
    """So many seasons of a field, the first night at 0."""
    nights = [
        year * YEAR + nights[nights < SEASON]
        for year in range(seasons)
        for nights in [np.cumsum(rng.uniform(*_GAP_D, size=int(SEASON / _GAP_D[0])))]
    ]
    first = np.concatenate(nights)
    first += rng.uniform(-0.15, 0.15, first.size)
    mjd = np.stack([first, first + _PAIR_D], axis=1).ravel()
    band = np.concatenate([rng.choice(list(SHARES), 2, replace=False, p=list(SHARES.values())) for _ in first])
    limit = np.array([DEPTH[each] for each in band.tolist()]) + DEPTH_SCATTER * rng.standard_normal(mjd.size)
    return Visits(mjd, band, limit, np.clip(rng.normal(SEEING, SEEING_SCATTER, mjd.size), 0.6, 2.0))
