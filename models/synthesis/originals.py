"""Real labelled stars as models that can be observed again: periodic shapes fitted to catalina and asas stars."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from starsieve.features.tools.folder import Folder, read_objects
from starsieve.features.tools.lightcurves import LightCurves
from starsieve.models.synthesis.epochs import Floats, Ints, Strings
from starsieve.models.synthesis.signals.folded import N_PHASES
from starsieve.models.synthesis.signals.shapes import Shape, eclipse_shape, fourier_shape

# Clean: the model explains this share of the variance (cross-validated for series), and its robust residual is below
# this share of its own peak-to-peak. Fainter stars' shapes are mostly noise; spots and giants change by themselves.
STEADY = (0.7, 0.2)
WANDERING = (0.5, 0.3)
MAX_SHAPE_MAGERR = 0.5  # mag
# Class: (survey, label) of the originals, and the highest order of their Fourier series (0: two dips).
FITTED: dict[str, tuple[tuple[tuple[str, str], ...], int]] = {
    "RRAB": ((("catalina", "RRAB"), ("catalina", "RRAB_BLAZHKO")), 8),
    "RRC": ((("catalina", "RRC"),), 4),
    "DSCT": ((("catalina", "DSCT"),), 4),
    "T2CEP": ((("catalina", "T2CEP"),), 6),
    "EW": ((("catalina", "EW"), ("asas", "EC")), 8),
    "EA": ((("catalina", "EA"), ("asas", "ED")), 0),
    "ROT": ((("catalina", "ROT"),), 3),
    "LPV": ((("catalina", "LPV"),), 3),
}
MAX_PERIOD = {"EW": 5.0}  # days: a few dozen "contact binaries" have published periods of up to 900 d
SURVEYS = ("catalina", "asas")


@dataclass(frozen=True)
class Survey:
    """Labelled light curves of n stars, points whose errors are small enough to say something; period (n,), days."""

    curves: LightCurves
    period: Floats

    @cached_property
    def starts(self) -> Ints:
        """Where each star's points start, and where the last one's end: (n + 1,)."""
        return self.curves.starts

    def labelled(self, label: str, allowed: Collection[str]) -> list[int]:
        """The stars of a label that may be used."""
        stars = np.flatnonzero(self.curves.label == label).tolist()
        return [i for i in stars if self.curves.object_id[i] in allowed]


@dataclass(frozen=True)
class Originals:
    """Models of n real stars of one class: period days, shape (n, N_PHASES) mag around the mean, in V."""

    object_id: Strings
    period: Floats
    shape: Floats
    n_tried: int


def read_survey(folder: Path) -> Survey:
    """Reads objects.parquet and points.parquet.

    Raises UnreadableFolderError.
    """
    objects = read_objects(folder, ("period",))
    curves = Folder(folder, objects).light_curves(np.arange(len(objects)))
    return Survey(curves.keep(curves.magerr < MAX_SHAPE_MAGERR), objects.numbers["period"])


def fit_originals(
    rng: np.random.Generator, surveys: dict[str, Survey], label: str, limit: int, object_ids: Collection[str]
) -> Originals:
    """Fit stars of a class in random order until `limit` have a clean model or all were tried."""
    sources, order = FITTED[label]
    longest = MAX_PERIOD.get(label, np.inf)
    stars = [
        (survey, i)
        for name, survey_label in sources
        for survey in [surveys[name]]
        for i in survey.labelled(survey_label, object_ids)
        if 0.0 < survey.period[i] < longest
    ]
    found: list[tuple[str, float, Floats]] = []
    n_tried = 0
    for choice in rng.permutation(len(stars)):
        if len(found) == limit:
            break
        survey, i = stars[choice]
        n_tried += 1
        shape = _fit(survey, i, order, WANDERING if label in ("ROT", "LPV") else STEADY)
        if shape is not None:
            found.append((str(survey.curves.object_id[i]), float(survey.period[i]), shape.mag))
    return Originals(
        object_id=np.array([name for name, _, _ in found], dtype=np.str_),
        period=np.array([period for _, period, _ in found]),
        shape=np.array([shape for _, _, shape in found]).reshape(-1, N_PHASES),
        n_tried=n_tried,
    )


def _fit(survey: Survey, i: int, order: int, clean: tuple[float, float]) -> Shape | None:
    """A clean model of star i, or None."""
    points = slice(*survey.starts[i : i + 2])
    mjd, mag, magerr = survey.curves.mjd[points], survey.curves.mag[points], survey.curves.magerr[points]
    period = float(survey.period[i])
    shape = fourier_shape(mjd, mag, magerr, period, order) if order else eclipse_shape(mjd, mag, magerr, period)
    if shape is None or shape.explained < clean[0] or shape.scatter > clean[1] * np.ptp(shape.mag):
        return None
    return shape
