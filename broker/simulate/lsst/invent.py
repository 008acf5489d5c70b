"""Invented stars as Rubin sees them: a year that is the history of alerts, and the nights in which these are issued."""

from dataclasses import replace

import numpy as np

from starsieve.broker.simulate.invent import BOGUS_SHARE, FIRST_NIGHT_MJD, STARS_PER_FIELD
from starsieve.broker.simulate.lsst.observed import RubinStar, barycentric_of_tai, object_id, to_njy
from starsieve.broker.simulate.observed import Array
from starsieve.broker.simulate.stars import draw_star
from starsieve.broker.surveys.lsst_rows import ZERO_POINT
from starsieve.features.photometry import MAG_PER_RELATIVE_FLUX
from starsieve.models.synthesis.lsst.alerts import FLOOR, PHOTON, RUBIN, SATURATED, TEMPLATE_FRAMES, THRESHOLD
from starsieve.models.synthesis.lsst.cadence import BANDS, YEAR, Visits, visits

#: In r: fainter than what saturates, and well above the limit.
MAGNITUDES = (16.5, 21.5)
SEASONS = 2
_SKY, _STARS = 1, 2  # separate random numbers for each
_LAST_NIGHT_MJD = FIRST_NIGHT_MJD + SEASONS * YEAR  # of all fields
_DEC = (-72.0, 5.0)  # of the wide survey
_FIELD_DEG = 1.7  # around the middle
_NJY = 10 ** (0.4 * ZERO_POINT)  # the flux of a star of magnitude 0


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
    seen = visits(rng, SEASONS)
    shift = _LAST_NIGHT_MJD - np.ceil(seen.mjd[-1])
    return float(ra), float(dec), replace(seen, mjd=seen.mjd + shift)


def _observe(number: int, seed: int, nights: int, field_ra: float, field_dec: float, seen: Visits) -> RubinStar:
    rng = np.random.default_rng([seed, _STARS, number])
    star = draw_star(rng, MAGNITUDES)
    dec = field_dec + rng.uniform(-_FIELD_DEG, _FIELD_DEG)
    ra = (field_ra + rng.uniform(-_FIELD_DEG, _FIELD_DEG) / np.cos(np.radians(dec))) % 360
    colours = np.array(RUBIN.colour)  # on a scale that is 0 in r and 1 in g
    # A template is made of frames from before; outliers (eclipses, say) are clipped.
    frames_mjd = seen.mjd[0] - rng.uniform(100.0, 400.0, TEMPLATE_FRAMES)
    template = np.array(
        [np.median(to_njy(star.magnitude(frames_mjd, np.full(TEMPLATE_FRAMES, place)))) for place in colours]
    )
    flux = to_njy(star.magnitude(barycentric_of_tai(seen.mjd, ra, dec), colours[seen.band]))
    error = _flux_error(flux, to_njy(seen.depth))
    noise, bogus = rng.standard_normal(flux.size), rng.random(flux.size) < BOGUS_SHARE
    residual = bogus * rng.choice([-1, 1], flux.size) * rng.uniform(6.0, 20.0, flux.size)
    good = flux < SATURATED * _NJY
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
        band=np.array(BANDS)[seen.band[good]],
        flux=(flux + error * (noise + residual))[good],
        flux_error=error[good],
        reference=template[seen.band[good]],
        seeing=seen.seeing[good],
        bogus=bogus[good],
        begin=_LAST_NIGHT_MJD - nights,
    )


def _flux_error(flux: Array, limit: Array) -> Array:
    """Sky, photon and calibration noise of a star (nJy), whose visit has this limit."""
    floor = FLOOR / MAG_PER_RELATIVE_FLUX * flux
    return np.asarray(np.sqrt((limit / THRESHOLD) ** 2 + PHOTON * _NJY * flux + floor**2))
