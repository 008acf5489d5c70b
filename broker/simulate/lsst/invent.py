"""Invented stars as Rubin sees them: a year that is the history of alerts, and the nights in which these are issued."""

import numpy as np

from starsieve.broker.simulate.invent import BOGUS_SHARE, CALIBRATION_ERROR, FIRST_NIGHT_MJD, STARS_PER_FIELD
from starsieve.broker.simulate.lsst.observed import RubinStar, barycentric_of_tai, object_id, to_njy
from starsieve.broker.simulate.lsst.visits import Visits, visits
from starsieve.broker.simulate.observed import Array
from starsieve.broker.simulate.stars import draw_star

#: In r: fainter than what saturates, and well above the limit.
MAGNITUDES = (16.5, 21.5)
SATURATED_MAG = 16.0
REFERENCE_FRAMES = 10
HISTORY_D = 365.0
_SKY, _STARS = 1, 2  # separate random numbers for each
_LAST_NIGHT_MJD = FIRST_NIGHT_MJD + 730  # of all fields
_ELECTRONS_PER_NJY = 1.5  # of an exposure of 30 s: a star of 24 mag has 1,400
_DEC = (-72.0, 5.0)  # of the wide survey
_FIELD_DEG = 1.7  # around the middle
# Effective wavelengths (micrometres), and a scale on which r is 0 and g is 1: linear in their inverse.
_WAVELENGTH = {"u": 0.368, "g": 0.480, "r": 0.622, "i": 0.754, "z": 0.869, "y": 0.971}
_PLACE = {
    band: (1 / each - 1 / _WAVELENGTH["r"]) / (1 / _WAVELENGTH["g"] - 1 / _WAVELENGTH["r"])
    for band, each in _WAVELENGTH.items()
}


def invent(objects: int, nights: int, seed: int) -> list[RubinStar]:
    """`objects` stars that issue alerts in the last `nights` nights of a season, and were observed for a year before.

    A star, its id and its template depend on the seed and its number alone, not on how many there are.
    """
    fields = [_field(number, seed) for number in range(-(-objects // STARS_PER_FIELD))]
    return [_observe(n, seed, nights, *fields[n // STARS_PER_FIELD]) for n in range(objects)]


def _field(number: int, seed: int) -> tuple[float, float, Visits]:
    """Position (degrees) and visits of a field, the last ones in the same night everywhere."""
    rng = np.random.default_rng([seed, _SKY, number])
    ra, dec = rng.uniform(0.0, 360.0), np.degrees(np.arcsin(rng.uniform(*np.sin(np.radians(_DEC)))))
    seen = visits(2, rng)
    seen.mjd[:] += _LAST_NIGHT_MJD - np.ceil(seen.mjd[-1])
    return float(ra), float(dec), seen


def _observe(number: int, seed: int, nights: int, field_ra: float, field_dec: float, seen: Visits) -> RubinStar:
    rng = np.random.default_rng([seed, _STARS, number])
    star = draw_star(rng, MAGNITUDES)
    dec = field_dec + rng.uniform(-_FIELD_DEG, _FIELD_DEG)
    ra = (field_ra + rng.uniform(-_FIELD_DEG, _FIELD_DEG) / np.cos(np.radians(dec))) % 360
    # A template is made of frames from before; outliers (eclipses, say) are clipped.
    frames_mjd = seen.mjd[0] - rng.uniform(100.0, 400.0, REFERENCE_FRAMES)
    template = {
        band: float(np.median(to_njy(star.magnitude(frames_mjd, np.full(REFERENCE_FRAMES, place)))))
        for band, place in _PLACE.items()
    }
    place = np.array([_PLACE[band] for band in seen.band.tolist()])
    mag = star.magnitude(barycentric_of_tai(seen.mjd, ra, dec), place)
    noise, bogus = rng.standard_normal(mag.size), rng.random(mag.size) < BOGUS_SHARE
    residual = bogus * rng.choice([-1, 1], mag.size) * rng.uniform(6.0, 20.0, mag.size)
    good = mag > SATURATED_MAG
    flux, error = to_njy(mag), _flux_error(to_njy(mag), seen.limit)
    name = f"invented Rubin {seed}-{number}"
    return RubinStar(
        object_id=object_id(name),
        number=number,
        name=name,
        label=star.label,
        period=star.period,
        ra=ra,
        dec=dec,
        mjd=seen.mjd[good],
        band=seen.band[good],
        flux=(flux + error * (noise + residual))[good],
        flux_error=error[good],
        reference=np.array([template[band] for band in seen.band[good].tolist()]),
        seeing=seen.seeing[good],
        bogus=bogus[good],
        begin=_LAST_NIGHT_MJD - nights,
    )


def _flux_error(flux: Array, limit: Array) -> Array:
    """Sky, photon and calibration noise of a star (nJy)."""
    sky = to_njy(limit) / 5
    return np.asarray(np.sqrt(sky**2 + flux / _ELECTRONS_PER_NJY + (CALIBRATION_ERROR * flux) ** 2))
