"""A survey of invented stars: fields visited night after night in g and r, as deep and as noisy as ZTF."""

from dataclasses import dataclass

import numpy as np

from starsieve.broker.simulate.observed import (
    FID_G,
    FID_R,
    Array,
    Flags,
    ObservedStar,
    barycentric_middle,
    object_id,
    to_flux,
)
from starsieve.broker.simulate.stars import draw_star
from starsieve.features.photometry import MJD0

FIRST_NIGHT_MJD = 61000
_WEATHER, _SKY, _STARS = range(3)  # separate random numbers for each
STARS_PER_FIELD = 40
FIRST_FIELD, READOUT_CHANNELS = 300, 64
CLEAR_NIGHTS, VISITED_NIGHTS, VISITS = 0.8, 0.75, 2  # a field that is visited is so in g and in r
MIDNIGHT = 0.35  # at Palomar, as a fraction of a UTC day
DEPTH_MAG, DEPTH_SCATTER_MAG = 20.6, 0.35
ELECTRONS_PER_FLUX = 20.0  # 6.2 electrons per DN at a zero point of 26.3
CALIBRATION_ERROR = 0.012  # relative: what is left for bright stars
BOGUS_SHARE, FAILED_SHARE = 0.01, 0.01
REFERENCE_FRAMES, REFERENCE_AGE_D, REFERENCE_SPAN_D = 20, 2000.0, 300.0


@dataclass(frozen=True)
class _Field:
    """A patch of sky and when it was looked at; arrays of shape (n,)."""

    number: int
    ra: float
    dec: float
    jd: Array
    is_g: Flags
    limit: Array


def invent(objects: int, nights: int, seed: int, *, visited: float = VISITED_NIGHTS) -> list[ObservedStar]:
    """`objects` stars observed for `nights` nights; `visited` is the share of clear ones in which a field is seen.

    A star, its objectId and its reference fluxes depend on the seed and its number alone, not on how many there are or
    how long they are observed.
    """
    clear = np.random.default_rng([seed, _WEATHER]).random(nights) < CLEAR_NIGHTS
    count = -(-objects // STARS_PER_FIELD)
    fields = [_field(number, clear, visited, np.random.default_rng([seed, _SKY, number])) for number in range(count)]
    return [
        _observe(f"invented {seed}-{n}", fields[n // STARS_PER_FIELD], np.random.default_rng([seed, _STARS, n]))
        for n in range(objects)
    ]


def _field(number: int, clear: Flags, visited_share: float, rng: np.random.Generator) -> _Field:
    ra, dec = rng.uniform(0.0, 360.0), float(np.degrees(np.arcsin(rng.uniform(-0.3, 0.95))))
    visited = np.flatnonzero(clear & (rng.random(len(clear)) < visited_share))
    first = FIRST_NIGHT_MJD + visited + MIDNIGHT + rng.uniform(-0.15, 0.1, len(visited))
    second = first + rng.uniform(0.02, 0.06, len(visited))
    jd = np.stack([first, second], axis=1).ravel() + MJD0
    g_first = rng.integers(2, size=len(visited)).astype(bool)
    is_g = np.stack([g_first, ~g_first], axis=1).ravel()
    limit = rng.normal(DEPTH_MAG, DEPTH_SCATTER_MAG, len(jd))
    return _Field(FIRST_FIELD + number, ra, dec, jd, is_g, limit)


def _observe(name: str, field: _Field, rng: np.random.Generator) -> ObservedStar:
    star = draw_star(rng)
    dec = float(np.clip(field.dec + rng.uniform(-3.5, 3.5), -30, 85))
    ra = float((field.ra + rng.uniform(-3.5, 3.5) / np.cos(np.radians(dec))) % 360)
    rcid = int(rng.integers(READOUT_CHANNELS))
    # A reference image is made of frames from long before; outliers (eclipses, say) are clipped.
    frames_mjd = FIRST_NIGHT_MJD - REFERENCE_AGE_D + rng.uniform(0.0, REFERENCE_SPAN_D, REFERENCE_FRAMES)
    frames = [to_flux(star.magnitude(frames_mjd, np.full(REFERENCE_FRAMES, place))) for place in (1.0, 0.0)]
    in_g, in_r = np.median(frames, axis=1)
    count = len(field.jd)
    true_flux = to_flux(star.magnitude(barycentric_middle(field.jd, ra, dec), field.is_g.astype(np.float64)))
    error = _flux_error(true_flux, field.limit)
    bogus = rng.random(count) < BOGUS_SHARE
    residual = bogus * error * rng.choice([-1, 1], count) * rng.uniform(6.0, 20.0, count)
    return ObservedStar(
        object_id=object_id(name),
        name=name,
        label=star.label,
        period=star.period,
        ra=ra,
        dec=dec,
        field=field.number,
        rcid=rcid,
        jd=field.jd,
        fid=np.where(field.is_g, FID_G, FID_R),
        flux=true_flux + error * rng.standard_normal(count) + residual,
        flux_error=error,
        reference=np.where(field.is_g, in_g, in_r),
        limit=field.limit,
        bogus=bogus,
        failed=rng.random(count) < FAILED_SHARE,
    )


def _flux_error(flux: Array, limit: Array) -> Array:
    """Sky, photon and calibration noise of a star."""
    sky = to_flux(limit) / 5
    return np.asarray(np.sqrt(sky**2 + flux / ELECTRONS_PER_FLUX + (CALIBRATION_ERROR * flux) ** 2))
