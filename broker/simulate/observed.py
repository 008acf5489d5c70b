"""A star as a survey saw it: its exposures, its fluxes in them, and the truth about it."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.surveys.barycentre import barycentric
from starsieve.features.photometry import HALF_EXPOSURE_DAYS, MJD0

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: ZTF's filter numbers (`fid`).
FID_G, FID_R, FID_I = 1, 2, 3
#: The magnitude of a star whose flux is 1.
FLUX_MAG = 25.0
#: An alert is issued where |flux - reference| exceeds so many standard errors.
ALERT_SIGMA = 5.0
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class ObservedStar:
    """One star and its exposures in time order; all arrays have shape (n,)."""

    object_id: str
    #: Where the star comes from: catalogue and number.
    name: str
    label: str
    period: float | None
    ra: float
    dec: float
    field: int
    rcid: int
    #: Start of the exposure (geocentric UTC, Julian date).
    jd: Array
    fid: NDArray[np.int64]
    #: Total fluxes, their standard errors, and the star's flux in the reference image of the same filter.
    flux: Array
    flux_error: Array
    reference: Array
    #: 5 sigma limit of the difference image (mag).
    limit: Array
    #: Something that is not the star (a cosmic ray, a passing asteroid, a bad subtraction) is in the flux.
    bogus: Flags
    #: Forced photometry failed.
    failed: Flags

    def alerting(self) -> Flags:
        """Which exposures issue an alert, shape (n,)."""
        return np.abs(self.flux - self.reference) > ALERT_SIGMA * self.flux_error


def object_id(name: str) -> str:
    """An objectId like ZTF's that depends on the star's name alone: `ZTF`, two digits, seven letters.

    Two stars of the 26,518 in a catalogue share one with a probability of 0.04 %.
    """
    number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
    number, year = divmod(number, 100)
    letters = ""
    for _ in range(7):
        number, letter = divmod(number, len(_LETTERS))
        letters += _LETTERS[letter]
    return f"ZTF{year:02d}{letters}"


def exposure_start(mjd: Array, ra: float, dec: float) -> Array:
    """Julian dates (UTC) at which exposures start whose barycentric middle (TDB) is at `mjd`, shape (n,)."""
    middle = mjd.copy()
    for _ in range(3):  # the Earth moves 1e-4 of the speed of light: each round gains four digits
        middle -= barycentric(middle, ra, dec) - mjd
    return middle + MJD0 - HALF_EXPOSURE_DAYS


def barycentric_middle(jd: Array, ra: float, dec: float) -> Array:
    """The inverse of `exposure_start`: barycentric mid-exposure times (TDB, MJD), shape (n,)."""
    return barycentric(jd - MJD0 + HALF_EXPOSURE_DAYS, ra, dec)


def to_flux(mag: Array) -> Array:
    """Flux of a magnitude, in units of a star of FLUX_MAG."""
    return np.asarray(10 ** (-0.4 * (mag - FLUX_MAG)))


def to_mag(flux: Array) -> Array:
    """Magnitude of a positive flux."""
    return np.asarray(FLUX_MAG - 2.5 * np.log10(flux))
