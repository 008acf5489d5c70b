"""Barycentric time against astropy."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from broker.alerts.barycentre import barycentric

PALOMAR = EarthLocation.from_geodetic(-116.8650, 33.3564, 1712)


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 0.0), (83.6, 22.0), (270.0, 66.56), (180.0, -30.0), (359.9, -89.0)])
def test_agrees_with_astropy(ra: float, dec: float) -> None:
    mjd = np.arange(58000.0, 61000.0, 37.3)
    with iers.conf.set_temp("auto_download", False):  # noqa: FBT003 - astropy's signature
        times = Time(mjd, format="mjd", scale="utc", location=PALOMAR)
        expected = (times.tdb + times.light_travel_time(SkyCoord(ra, dec, unit=units.deg))).mjd
    seconds = (barycentric(mjd, ra, dec) - expected) * 86400
    assert np.abs(seconds).max() < 0.05


def test_many_directions_at_once() -> None:
    mjd, ra, dec = np.array([59000.0, 59100.0]), np.array([10.0, 200.0]), np.array([5.0, -60.0])
    one_by_one = [barycentric(*row).item() for row in zip(mjd, ra, dec, strict=True)]
    np.testing.assert_array_equal(barycentric(mjd, ra, dec), one_by_one)
