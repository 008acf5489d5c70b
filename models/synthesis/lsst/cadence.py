"""When Rubin visits a field, in which band, how deep and how sharp: wide, fast and deep, season by season.

Its tables are of the 24 nights of the survey validation (4,045 visits of 2025): `python -m tests.benchmarks.cadence`
makes them from the list. docs/method.md says what is made of them.
"""

from dataclasses import dataclass

import numpy as np

from starsieve.models.synthesis.epochs import Floats, Ints

BANDS = ("u", "g", "r", "i", "z", "y")
YEAR, SEASON = 365.25, 213.0  # days
SHARES = (0.07, 0.09, 0.22, 0.22, 0.20, 0.20)  # of the visits, by band
# MEASURED: of the list's visits of each band the 5th, 25th, 50th, 75th and 95th percentile.
PERCENTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DEPTH = (  # 5 sigma, mag
    (22.76, 23.80, 23.98, 24.09, 24.26),
    (23.16, 23.73, 24.19, 24.49, 24.76),
    (21.31, 23.29, 23.79, 24.10, 24.40),
    (22.18, 22.70, 23.23, 23.50, 23.96),
    (21.49, 22.29, 22.59, 22.92, 23.32),
    (20.55, 21.19, 21.64, 21.88, 22.10),
)
SEEING = (  # effective full width at half maximum, arcsec
    (0.95, 1.09, 1.21, 1.38, 1.77),
    (1.01, 1.21, 1.40, 1.57, 1.91),
    (0.92, 1.09, 1.26, 1.42, 1.68),
    (0.90, 1.13, 1.27, 1.44, 1.87),
    (0.93, 1.07, 1.23, 1.41, 1.71),
    (0.94, 1.09, 1.25, 1.59, 2.10),
)
EXPOSURE_S = (38.0, 30.0, 30.0, 30.0, 30.0, 30.0)  # MEASURED: of a visit, by band; a few g visits have 38
# MEASURED: how many of the gaps between two nights of a field (whole degrees, seen in three nights or more) were of 1,
# 2, ... nights, weather included. Longer ones are left out: with them a field would have 63 visits a year, not 80.
GAPS = (143, 47, 39, 34, 31, 60, 31, 19, 17, 15, 12, 16)
PAIR_SHARE, PAIR_D = 0.7, (0.015, 0.03)  # of the nights of a field in which it is seen again, 22 to 43 minutes later
HOURS = (0.0, 0.38)  # of the day (UTC), in which it is night at Cerro Pachon


@dataclass(frozen=True)
class Visits:
    """Of one field, in time order; arrays of shape (n,).

    mjd: days, the first season begins at 0; band: index of BANDS; depth: mag, 5 sigma; seeing: arcsec.
    """

    mjd: Floats
    band: Ints
    depth: Floats
    seeing: Floats


def visits(rng: np.random.Generator, years: float) -> Visits:
    """Of a field in so many years from the beginning of a season."""
    gaps = 1.0 + rng.choice(len(GAPS), int(SEASON * np.ceil(years)), p=np.array(GAPS) / sum(GAPS))
    seasons = np.split(gaps, int(np.ceil(years)))
    nights = [year * YEAR + start for year, of_year in enumerate(seasons) for start in _within_season(of_year)]
    first = np.floor(np.array(nights)) + rng.uniform(*HOURS, len(nights))
    first = first[first < years * YEAR]
    again = np.flatnonzero(rng.random(len(first)) < PAIR_SHARE)
    mjd = np.concatenate([first, first[again] + rng.uniform(*PAIR_D, len(again))])
    band = rng.choice(len(BANDS), len(first), p=SHARES)
    band = np.concatenate([band, _others(rng, band[again])])
    depth, seeing = (_drawn(rng, np.array(table), band) for table in (DEPTH, SEEING))
    order = np.argsort(mjd)
    return Visits(mjd[order], band[order], depth[order], seeing[order])


def _within_season(gaps: Floats) -> Floats:
    nights = np.cumsum(gaps)
    return nights[nights < SEASON]


def _others(rng: np.random.Generator, band: Ints) -> Ints:
    """Another band for each: the second of a pair."""
    shares = np.tile(SHARES, (len(band), 1))
    shares[np.arange(len(band)), band] = 0.0
    shares = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
    others: Ints = np.minimum((rng.random((len(band), 1)) > shares).sum(axis=1), len(BANDS) - 1)
    return others


def _drawn(rng: np.random.Generator, table: Floats, band: Ints) -> Floats:
    """Values (n,) that have these percentiles in each band."""
    at = rng.uniform(PERCENTILES[0], PERCENTILES[-1], len(band))
    values = np.empty(len(band))
    for number, percentiles in enumerate(table):
        values[band == number] = np.interp(at[band == number], PERCENTILES, percentiles)
    return values
