"""Barycentric time against astropy."""

import erfa
import numpy as np
import pytest
from astropy import units
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from starsieve.broker.surveys.barycentre import FIRST_MJD, LAST_MJD, TDB_MINUS_UTC_S, barycentric, from_heliocentric
from starsieve.features.photometry import MJD0

PALOMAR = EarthLocation.from_geodetic(-116.8650, 33.3564, 1712)


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 0.0), (83.6, 22.0), (270.0, 66.56), (180.0, -30.0), (359.9, -89.0)])
def test_agrees_with_astropy(ra: float, dec: float) -> None:
    mjd = np.arange(58000.0, 61000.0, 37.3)
    with iers.conf.set_temp("auto_download", False):  # noqa: FBT003 - astropy's signature
        times = Time(mjd, format="mjd", scale="utc", location=PALOMAR)
        expected = (times.tdb + times.light_travel_time(SkyCoord(ra, dec, unit=units.deg))).mjd
    seconds = (barycentric(mjd, ra, dec) - expected) * 86400
    assert np.abs(seconds).max() < 0.05


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 0.0), (83.6, 22.0), (180.0, -30.0)])
def test_heliocentric_times_become_barycentric_ones(ra: float, dec: float) -> None:
    mjd = np.arange(58000.0, 61000.0, 37.3)
    with iers.conf.set_temp("auto_download", False):  # noqa: FBT003 - astropy's signature
        times = Time(mjd, format="mjd", scale="utc", location=PALOMAR)
        heliocentric = (times + times.light_travel_time(SkyCoord(ra, dec, unit=units.deg), "heliocentric")).mjd
    assert np.abs(heliocentric - mjd).max() > 100 / 86400
    seconds = (from_heliocentric(heliocentric, ra, dec) - barycentric(mjd, ra, dec)) * 86400
    assert np.abs(seconds).max() < 0.05


def test_many_directions_at_once() -> None:
    mjd, ra, dec = np.array([59000.0, 59100.0]), np.array([10.0, 200.0]), np.array([5.0, -60.0])
    one_by_one = [barycentric(*row).item() for row in zip(mjd, ra, dec, strict=True)]
    np.testing.assert_array_equal(barycentric(mjd, ra, dec), one_by_one)


def test_years_are_tabulated_as_they_are_needed() -> None:
    """The numbers are those of one table, across the years' ends and beyond the table's, in any order of asking."""
    days = np.arange(FIRST_MJD - 1.0, LAST_MJD + 2.0)
    x = erfa.epv00(MJD0, days)[1]["p"][:, 0]  # towards ra = dec = 0
    ends = days[0] + 365.0 * np.arange(70) + np.array([[-0.3], [0.0], [0.3]])
    times = np.concatenate([[59000.5], ends.ravel(), [days[-1] + 10, days[0] - 10], days])
    for asked in (times[:1], times[1:2], times[5:9], times):
        tdb = asked + TDB_MINUS_UTC_S / 86400
        expected = tdb + np.interp(tdb, days, x) * 499.004784 / 86400
        np.testing.assert_allclose(barycentric(asked, 0.0, 0.0), expected, rtol=0, atol=1e-10)
    assert np.isnan(barycentric([np.nan], 0.0, 0.0))
    assert barycentric(np.empty(0), 0.0, 0.0).size == 0
