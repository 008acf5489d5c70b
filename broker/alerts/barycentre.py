"""Barycentric time: exposures of one star, all year round, on one clock."""

from functools import lru_cache

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

MJD0 = 2400000.5
#: The years that the ephemeris table covers, 1990 to 2060; an exposure outside of them is nonsense.
FIRST_MJD, LAST_MJD = 47892, 73459
_DAY_S = 86400.0
_LIGHT_S_PER_AU = 499.004784
# TT - TAI (32.184 s) + TAI - UTC (37 s since 2017, none announced since). TDB - TT stays below 2 ms.
TDB_MINUS_UTC_S = 69.184


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
    table_mjd, table_xyz = _earth()
    x, y, z = (np.interp(tdb, table_mjd, coordinate) for coordinate in table_xyz)
    ra, dec = np.radians(ra), np.radians(dec)
    towards_source = np.cos(dec) * (np.cos(ra) * x + np.sin(ra) * y) + np.sin(dec) * z
    return np.asarray(tdb + towards_source * (_LIGHT_S_PER_AU / _DAY_S), np.float64)


@lru_cache(maxsize=1)
def _earth() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Days (TDB, MJD) and barycentric positions of the Earth on them, shape (3, days), in au."""
    mjd = np.arange(FIRST_MJD - 1.0, LAST_MJD + 2.0)
    _, barycentric_pv = erfa.epv00(MJD0, mjd)
    return mjd, np.ascontiguousarray(barycentric_pv["p"].T)
