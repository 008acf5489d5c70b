"""Real stars of a folder of light curves, as if ZTF had observed them at the same epochs."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from starsieve.broker.simulate.observed import (
    FID_G,
    FID_I,
    FID_R,
    Array,
    ObservedStar,
    exposure_start,
    object_id,
    to_flux,
    to_mag,
)
from starsieve.broker.surveys.barycentre import FIRST_MJD, LAST_MJD
from starsieve.features.tools.columns import AS_NAMED, Form
from starsieve.features.tools.files import survey_of
from starsieve.features.tools.folder import Objects, UnreadableFolderError, opened
from starsieve.features.tools.lightcurves import LightCurves
from starsieve.models.data import splits

#: The filter of ZTF that stands for a catalogue's band.
FILTERS = {"u": FID_G, "b": FID_G, "B": FID_G, "g": FID_G, "V": FID_R, "Hp": FID_R, "r": FID_R, "R": FID_R}
FILTERS |= {"i": FID_I, "I": FID_I, "z": FID_I}
FIELDS, READOUT_CHANNELS = range(245, 845), 64
# Catalogues quote cautious errors. Measured on Catalina: four visits within half an hour scatter by 0.23 of the quoted
# error at 12 mag, by 0.6 at 18 mag. By quoted errors, half of its RR Lyrae stars are never 5 sigma from their median.
_SAME_VISIT_D, _MIN_PAIRS, _MIN_NOISE_SHARE = 0.02, 10, 0.1
_SIGMA_PER_MEDIAN_DEVIATION = 1.4826
_RELATIVE_FLUX_PER_MAG = np.log(10) / 2.5
_NUMBERS = ("period", "ra", "dec")


@dataclass(frozen=True)
class Star:
    """A star of a catalogue: period in days, position in degrees."""

    name: str
    label: str
    period: float | None
    ra: float
    dec: float


def read_light_curves(
    path: Path, objects: int, seed: int, *, held_out: bool = False, form: Form = AS_NAMED
) -> list[ObservedStar]:
    """At most `objects` stars with a position, drawn at random, of light curves in any form; needs pyarrow.

    The catalogue's magnitudes are the total magnitudes, and its times are taken as barycentric mid-exposures: a decoder
    finds the same light curve again, as far as alerts carry it. The reference flux is the median of each band, and the
    noise is what visits minutes apart scatter by, as quoted errors are cautious. Epochs more than 30 days before the
    star's next alert, and those after its last one, are in no packet.

    Args:
        held_out: only stars that the shipped ZTF network was not trained on.

    Raises:
        UnreadableFolderError: the light curves cannot be read, or has no star that can be simulated.
    """
    folder = opened(path, form, ("ra", "dec"), ("period",))
    catalogue = folder.objects
    placed = np.isfinite(catalogue.numbers["ra"]) & np.isfinite(catalogue.numbers["dec"])
    names = catalogue.object_id.tolist()
    usable = [i for i in np.flatnonzero(placed).tolist() if not held_out or splits.held_out(names[i])]
    if not usable:
        raise UnreadableFolderError(f"{path} has no {'held-out ' * held_out}star with a position (ra, dec)")
    drawn = np.array(usable)[np.sort(np.random.default_rng(seed).permutation(len(usable))[:objects])]
    curves = folder.light_curves(drawn)
    curves = curves.keep((curves.mjd > FIRST_MJD) & (curves.mjd < LAST_MJD))
    bands: dict[int, list[tuple[Array, ...]]] = {}
    for piece in np.flatnonzero(curves.epochs).tolist():
        bands.setdefault(int(curves.owner[piece]), []).append(_band(curves, piece))
    if not bands:
        when = f"between 1990 and 2060 (MJD {FIRST_MJD} to {LAST_MJD})"
        raise UnreadableFolderError(f"{path} has no star with epochs {when}")
    survey = survey_of(path)
    return [_observed(survey, _star(catalogue, int(drawn[owner])), of_star) for owner, of_star in bands.items()]


def _star(catalogue: Objects, i: int) -> Star:
    period, ra, dec = (float(catalogue.numbers[name][i]) for name in _NUMBERS)
    name, label = str(catalogue.object_id[i]), str(catalogue.label[i])
    return Star(name, label, period if np.isfinite(period) else None, ra, dec)


def _observed(survey: str, star: Star, bands: list[tuple[Array, ...]]) -> ObservedStar:
    """One star out of its light curves in several bands."""
    mjd, fid, flux, error, reference = (np.concatenate(column) for column in zip(*bands, strict=True))
    order = np.argsort(mjd, kind="stable")
    name = f"{survey} {star.name}"
    place = zlib.crc32(name.encode())
    never = np.zeros(len(mjd), bool)
    return ObservedStar(
        object_id=object_id(name),
        name=name,
        label=star.label,
        period=star.period,
        ra=star.ra,
        dec=star.dec,
        field=FIELDS[place % len(FIELDS)],
        rcid=place // len(FIELDS) % READOUT_CHANNELS,
        jd=exposure_start(mjd[order], star.ra, star.dec),
        fid=fid[order],
        flux=flux[order],
        flux_error=error[order],
        reference=reference[order],
        limit=to_mag(5 * error[order]),
        bogus=never,
        failed=never,
    )


def _band(curves: LightCurves, piece: int) -> tuple[Array, ...]:
    """Times, filters, fluxes, flux errors and reference fluxes of one light curve."""
    band = str(curves.bands[curves.band[piece]])
    if band not in FILTERS:
        raise UnreadableFolderError(
            f"no filter of ZTF stands for the band {band!r}; known are {', '.join(FILTERS)}; --band names one"
        )
    points = slice(curves.offsets[piece], curves.offsets[piece + 1])
    mjd, mag, magerr = curves.mjd[points], curves.mag[points], curves.magerr[points]
    flux = to_flux(mag)
    error = flux * magerr * noise_share(mjd, mag, magerr) * _RELATIVE_FLUX_PER_MAG
    return mjd, np.full(len(mjd), FILTERS[band]), flux, error, np.full(len(mjd), np.median(flux))


def noise_share(mjd: Array, mag: Array, magerr: Array) -> float:
    """Scatter of visits minutes apart in units of the quoted errors; 1 where there are few of them."""
    close = np.diff(mjd) < _SAME_VISIT_D
    if close.sum() < _MIN_PAIRS:
        return 1.0
    deviations = np.abs(np.diff(mag) / np.hypot(magerr[1:], magerr[:-1]))[close]
    return float(np.clip(_SIGMA_PER_MEDIAN_DEVIATION * np.median(deviations), _MIN_NOISE_SHARE, 1.0))
