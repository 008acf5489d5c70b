"""A star as Rubin saw it: its visits, what was measured in them, and the truth about it."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.simulate.observed import (
    ALERT_SIGMA,
    FID_G,
    FID_I,
    FID_R,
    FLUX_MAG,
    Array,
    Flags,
    ObservedStar,
    barycentric_middle,
    exposure_start,
)
from starsieve.broker.surveys.barycentre import TAI_MINUS_UTC_S
from starsieve.broker.surveys.lsst_rows import ZERO_POINT
from starsieve.features.photometry import HALF_EXPOSURE_DAYS, MJD0

USUAL_SEEING = 1.0  # arcsec
_DAY_S = 86400.0
_LETTER = {FID_G: "g", FID_R: "r", FID_I: "i"}
_NJY = 10 ** (0.4 * (ZERO_POINT - FLUX_MAG))  # the flux of a star of FLUX_MAG
_OBJECT_DIGITS = 17  # as many as diaObjectIds have: a float would lose some


@dataclass(frozen=True)
class RubinStar:
    """One star and its visits in time order; all arrays have shape (n,), all fluxes are in nJy."""

    #: A diaObjectId, as text.
    object_id: str
    #: Among the stars of its survey: two that are seen in one visit have different ones.
    number: int
    #: Where the star comes from: catalogue and number.
    name: str
    label: str
    period: float | None
    ra: float
    dec: float
    #: Middle of the exposure (geocentric TAI, MJD).
    mjd: Array
    band: NDArray[np.str_]
    #: Total fluxes, their standard errors, and the star's flux in the template of the band.
    flux: Array
    flux_error: Array
    reference: Array
    #: Full width at half maximum of the point spread function (arcsec).
    seeing: Array
    #: Something that is not the star (a cosmic ray, a passing asteroid, a bad subtraction) is in the flux.
    bogus: Flags
    #: Alerts of earlier visits (MJD, TAI) are not issued: they are the history of those that are.
    begin: float

    @property
    def jd(self) -> Array:
        """The same times as Julian dates, to sort by."""
        return self.mjd + MJD0

    def detected(self) -> Flags:
        """Which visits find the star in the difference image, shape (n,)."""
        return np.abs(self.flux - self.reference) > ALERT_SIGMA * self.flux_error

    def alerting(self) -> Flags:
        """Which visits issue an alert, shape (n,)."""
        return self.detected() & (self.mjd >= self.begin)


def object_id(name: str) -> str:
    """A diaObjectId that depends on the star's name alone."""
    number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
    return str(10**_OBJECT_DIGITS + number % 10**_OBJECT_DIGITS)


def seen(star: ObservedStar, number: int) -> RubinStar:
    """A star that another survey saw, as if Rubin had: at the same epochs, as bright and as noisy, in g, r and i."""
    count = star.jd.size
    mjd = star.jd - MJD0 + HALF_EXPOSURE_DAYS + TAI_MINUS_UTC_S / _DAY_S
    flux, flux_error, reference = (each * _NJY for each in (star.flux, star.flux_error, star.reference))
    return RubinStar(
        object_id=object_id(star.name),
        number=number,
        name=star.name,
        label=star.label,
        period=star.period,
        ra=star.ra,
        dec=star.dec,
        mjd=mjd,
        band=np.array([_LETTER[fid] for fid in star.fid.tolist()]),
        flux=flux,
        flux_error=flux_error,
        reference=reference,
        seeing=np.full(count, USUAL_SEEING),
        bogus=star.bogus,
        begin=-np.inf,
    )


def middle_tai(mjd: Array, ra: float, dec: float) -> Array:
    """Geocentric TAI of barycentric mid-exposures (TDB, MJD), shape (n,)."""
    return exposure_start(mjd, ra, dec) - MJD0 + HALF_EXPOSURE_DAYS + TAI_MINUS_UTC_S / _DAY_S


def barycentric_of_tai(mjd: Array, ra: float, dec: float) -> Array:
    """The inverse of `middle_tai`."""
    return barycentric_middle(mjd - TAI_MINUS_UTC_S / _DAY_S + MJD0 - HALF_EXPOSURE_DAYS, ra, dec)


def to_njy(mag: Array) -> Array:
    """Flux of a magnitude."""
    return np.asarray(10 ** (-0.4 * (mag - ZERO_POINT)))


def to_mag(njy: Array) -> Array:
    """Magnitude of a positive flux."""
    return np.asarray(ZERO_POINT - 2.5 * np.log10(njy))
