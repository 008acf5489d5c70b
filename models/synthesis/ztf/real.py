"""Real ZTF light curves of constant stars and supernovae, whole and in part."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import structlog

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.lightcurves import LightCurves, assemble
from starsieve.models.data import splits
from starsieve.models.synthesis.epochs import Ints, joined
from starsieve.models.synthesis.originals import read_survey
from starsieve.models.synthesis.signals.shapes import TO_SIGMA

log = structlog.get_logger()

# Class: survey and label of real ZTF light curves.
REAL = {"NONVAR": ("ztf_field", "FIELD"), "SN": ("ztf_snia", "SNIA")}
FIRST_SHARE = 0.5  # of the parts: the first epochs, as a stream has them
# Robust scatter over quoted error; 11 of 952 ztf_field stars exceed it, an EW and an RR Lyrae star among them.
MAX_QUIET = 2.5


def real_light_curves(data_dir: Path, label: str, allowed: frozenset[str]) -> Iterator[LightCurves]:
    """Real ZTF light curves of a class as they are, those with MIN_EPOCHS in a band."""
    if label not in REAL:
        return
    stars = _stars(data_dir, label, allowed)
    count = len(stars.object_id)
    if count:
        log.info("real light curves", label=label, used=count)
        names = [f"{name}{splits.VIEW}{number}" for number, name in enumerate(stars.object_id.tolist())]
        yield replace(stars, object_id=np.array(names), label=np.full(count, label))


def real_parts(
    rng: np.random.Generator, data_dir: Path, label: str, allowed: frozenset[str], parts: int
) -> Iterator[LightCurves]:
    """Parts of them, of the fullest band: any epochs or the first ones, MIN_EPOCHS or more (log-uniform).

    object_id is "<star>#view-real<part>".
    """
    if label not in REAL:
        return
    stars = _stars(data_dir, label, allowed)
    count = len(stars.object_id)
    band = np.repeat(stars.band, stars.epochs)
    for part in range(parts if count else 0):
        points, owner = joined([_some(rng, _fullest_band(stars, i)) for i in range(count)])
        yield assemble(
            np.array([f"{name}{splits.REAL_VIEW}{part}" for name in stars.object_id]),
            np.full(count, label),
            owner,
            band=band[points],
            bands=stars.bands,
            mjd=stars.mjd[points],
            mag=stars.mag[points],
            magerr=stars.magerr[points],
        )


def _stars(data_dir: Path, label: str, allowed: frozenset[str]) -> LightCurves:
    """The stars of a class that may be used."""
    name, survey_label = REAL[label]
    survey = read_survey(data_dir / "lightcurves" / name)
    usable = _in_bands_of_alerts(survey.curves.select(np.array(survey.labelled(survey_label, allowed), dtype=np.int64)))
    long = [i for i in range(len(usable.object_id)) if len(_fullest_band(usable, i)) >= MIN_EPOCHS]
    return usable.select(np.array([i for i in long if label != "NONVAR" or _quiet(usable, i)], dtype=np.int64))


def _in_bands_of_alerts(curves: LightCurves) -> LightCurves:
    """The same light curves: what alerts call r, collections also call R."""
    bands, number = np.unique(np.char.lower(curves.bands), return_inverse=True)
    return assemble(
        curves.object_id,
        curves.label,
        np.repeat(curves.owner, curves.epochs),
        band=np.repeat(number[curves.band], curves.epochs),
        bands=bands,
        mjd=curves.mjd,
        mag=curves.mag,
        magerr=curves.magerr,
    )


def _some(rng: np.random.Generator, rows: Ints) -> Ints:
    count = int(np.exp(rng.uniform(np.log(MIN_EPOCHS), np.log(len(rows) + 1))))
    chosen: Ints = rows[:count] if rng.random() < FIRST_SHARE else np.sort(rng.permutation(rows)[:count])
    return chosen


def _quiet(curves: LightCurves, i: int) -> bool:
    """Whether a field star's scatter is that of its errors: there are variable stars among ztf_field, unlabelled."""
    points = slice(*curves.starts[i : i + 2])
    mag = curves.mag[points]
    deviation = np.abs(mag - np.median(mag))
    return bool(TO_SIGMA * np.median(deviation) < MAX_QUIET * np.median(curves.magerr[points]))


def _fullest_band(curves: LightCurves, i: int) -> Ints:
    """Points of object i in the band that has most of them, in order of time."""
    of_object = np.arange(*curves.objects[i : i + 2])
    if not len(of_object):
        return of_object
    fullest = of_object[curves.epochs[of_object].argmax()]
    return np.arange(*curves.offsets[fullest : fullest + 2])
