"""Barycentric time: exposures of one star, all year round, on one clock."""

from functools import cache

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from starsieve.features.photometry import MJD0

#: The years that the ephemeris table covers, 1990 to 2060; an exposure outside of them is nonsense.
FIRST_MJD, LAST_MJD = 47892, 73459
_DAY_S = 86400.0
_LIGHT_S_PER_AU = 499.004784
TAI_MINUS_UTC_S = 37.0  # since 2017; no leap second has been announced since
# With TT - TAI, 32.184 s. TDB - TT stays below 2 ms.
TDB_MINUS_UTC_S = 69.184
# Days (TDB, MJD), and the Earth's barycentric positions on them (au), computed a year at a time when it is asked for:
# 10 ms, where all of them take 0.7 s.
_YEAR = 365
_TABLE_MJD = np.arange(FIRST_MJD - 1.0, LAST_MJD + 2.0)
_LAST_YEAR = (_TABLE_MJD.size - 2) // _YEAR
_TABLE_XYZ = np.full((3, _TABLE_MJD.size), np.nan)


def barycentric(mjd_utc: ArrayLike, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.float64]:
    """Times of light at the solar system's barycentre.

    Args:
        mjd_utc: geocentric times (UTC, MJD in days), between FIRST_MJD and LAST_MJD; shape (n,).
        ra, dec: direction of the source (ICRS, degrees); scalars or shape (n,).

    Returns:
        Barycentric times (TDB, MJD in days), shape (n,), right to 0.05 s from 2017 on (leap seconds before that are
        left out: up to 12 s in 1990): the place of the observatory (21 ms) is left
        out, and the ephemeris (the IAU's epv00) is interpolated between days (18 ms).
    """
    tdb = np.asarray(mjd_utc, np.float64) + TDB_MINUS_UTC_S / _DAY_S
    _tabulate(tdb)
    x, y, z = (np.interp(tdb, _TABLE_MJD, coordinate) for coordinate in _TABLE_XYZ)
    ra, dec = np.radians(ra), np.radians(dec)
    towards_source = np.cos(dec) * (np.cos(ra) * x + np.sin(ra) * y) + np.sin(dec) * z
    return np.asarray(tdb + towards_source * (_LIGHT_S_PER_AU / _DAY_S), np.float64)


def from_heliocentric(mjd_utc: ArrayLike, ra: float, dec: float) -> NDArray[np.float64]:
    """As `barycentric`, of times of light at the Sun (UTC, MJD in days): shape (n,)."""
    tdb = np.asarray(mjd_utc, np.float64) + TDB_MINUS_UTC_S / _DAY_S
    days, day = np.unique(np.floor(tdb), return_inverse=True)  # the Sun moves 4 ms a day
    heliocentric_pv, barycentric_pv = erfa.epv00(MJD0, days)
    sun = barycentric_pv["p"] - heliocentric_pv["p"]
    ra, dec = np.radians(ra), np.radians(dec)
    towards_source = sun @ np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    return np.asarray(tdb + towards_source[day] * (_LIGHT_S_PER_AU / _DAY_S), np.float64)


def _tabulate(tdb: NDArray[np.float64]) -> None:
    """Fills in the years of some times, and those between them; NaN has none."""
    times = tdb[np.isfinite(tdb)]
    if times.size:
        first, last = (
            min(max(int(time - _TABLE_MJD[0]) // _YEAR, 0), _LAST_YEAR) for time in (times.min(), times.max())
        )
        for year in range(first, last + 1):
            _tabulate_year(year)


@cache
def _tabulate_year(year: int) -> None:
    """Fills in one year up to the first day of the next, once; two threads at once fill in the same numbers."""
    days = slice(year * _YEAR, (year + 1) * _YEAR + 1)
    _, barycentric_pv = erfa.epv00(MJD0, _TABLE_MJD[days])
    _TABLE_XYZ[:, days] = barycentric_pv["p"].T
