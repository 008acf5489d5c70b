"""Real ZTF light curves of constant stars and supernovae, whole and in part."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import structlog

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.models.data import splits
from starsieve.models.synthesis.lightcurves import Ints, LightCurves, offsets_of
from starsieve.models.synthesis.originals import Survey, read_survey
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
    survey, stars = _stars(data_dir, label, allowed)
    if stars:
        log.info("real light curves", label=label, used=len(stars))
        yield survey.select(stars, label)


def real_parts(
    rng: np.random.Generator, data_dir: Path, label: str, allowed: frozenset[str], parts: int
) -> Iterator[LightCurves]:
    """Parts of them, of the fullest band: any epochs or the first ones, MIN_EPOCHS or more (log-uniform).

    object_id is "<star>#view-real<part>".
    """
    if label not in REAL:
        return
    survey, stars = _stars(data_dir, label, allowed)
    for part in range(parts if stars else 0):
        rows = [_some(rng, _fullest_band(survey, i)) for i in stars]
        flat = np.concatenate(rows)
        yield LightCurves(
            object_id=np.array([f"{survey.object_id[i]}{splits.REAL_VIEW}{part}" for i in stars]),
            label=np.full(len(stars), label),
            band=survey.band[flat],
            mjd=survey.mjd[flat],
            mag=survey.mag[flat],
            magerr=survey.magerr[flat],
            offsets=offsets_of(np.array([len(points) for points in rows])),
        )


def _stars(data_dir: Path, label: str, allowed: frozenset[str]) -> tuple[Survey, list[int]]:
    name, survey_label = REAL[label]
    survey = read_survey(data_dir / "lightcurves" / name)
    usable = np.flatnonzero(survey.label == survey_label).tolist()
    usable = [i for i in usable if survey.object_id[i] in allowed]
    long = [i for i in usable if len(_fullest_band(survey, i)) >= MIN_EPOCHS]
    return survey, [i for i in long if label != "NONVAR" or _quiet(survey, i)]


def _some(rng: np.random.Generator, rows: Ints) -> Ints:
    count = int(np.exp(rng.uniform(np.log(MIN_EPOCHS), np.log(len(rows) + 1))))
    chosen: Ints = rows[:count] if rng.random() < FIRST_SHARE else np.sort(rng.permutation(rows)[:count])
    return chosen


def _quiet(survey: Survey, i: int) -> bool:
    """Whether a field star's scatter is that of its errors: there are variable stars among ztf_field, unlabelled."""
    rows = survey.good_points(i)
    deviation = np.abs(survey.mag[rows] - np.median(survey.mag[rows]))
    return bool(TO_SIGMA * np.median(deviation) < MAX_QUIET * np.median(survey.magerr[rows]))


def _fullest_band(survey: Survey, i: int) -> Ints:
    """Rows of object i in the band that has most of them, in order of time."""
    rows = survey.good_points(i)
    bands, counts = np.unique(survey.band[rows], return_counts=True)
    if not len(bands):
        return rows
    fullest: Ints = rows[survey.band[rows] == bands[counts.argmax()]]
    return fullest
