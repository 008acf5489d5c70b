"""Real labelled stars as models that can be observed again: periodic shapes fitted to catalina and asas stars."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from starsieve.features.tools.folder import Folder, read_objects
from starsieve.models.data import splits
from starsieve.models.synthesis.lightcurves import Floats, Ints, LightCurves, Strings, offsets_of
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
    """Labelled light curves of n objects: object_id, label, period (n,); the rest by point, by band and time."""

    object_id: Strings
    label: Strings
    period: Floats
    offsets: Ints
    band: Strings
    mjd: Floats
    mag: Floats
    magerr: Floats

    def good_points(self, i: int) -> Ints:
        """Rows of object i whose errors are small enough to say something."""
        start, stop = self.offsets[i], self.offsets[i + 1]
        rows: Ints = np.flatnonzero(self.magerr[start:stop] < MAX_SHAPE_MAGERR) + start
        return rows

    def select(self, stars: list[int], label: str) -> LightCurves:
        """These objects under another label, numbered from 0."""
        rows = [self.good_points(i) for i in stars]
        flat = np.concatenate(rows)
        return LightCurves(
            object_id=np.array([f"{self.object_id[i]}{splits.VIEW}{number}" for number, i in enumerate(stars)]),
            label=np.full(len(stars), label),
            band=self.band[flat],
            mjd=self.mjd[flat],
            mag=self.mag[flat],
            magerr=self.magerr[flat],
            offsets=offsets_of(np.array([len(points) for points in rows])),
        )


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
    epochs = np.bincount(curves.owner, curves.epochs, len(curves.object_id)).astype(np.int64)
    return Survey(
        object_id=curves.object_id,
        label=curves.label,
        period=objects.numbers["period"],
        offsets=offsets_of(epochs),
        band=np.char.lower(curves.bands)[np.repeat(curves.band, curves.epochs)],
        mjd=curves.mjd,
        mag=curves.mag,
        magerr=curves.magerr,
    )


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
        for i in np.flatnonzero(
            (survey.label == survey_label) & (survey.period > 0.0) & (survey.period < longest)
        ).tolist()
        if survey.object_id[i] in object_ids
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
            found.append((str(survey.object_id[i]), float(survey.period[i]), shape.mag))
    return Originals(
        object_id=np.array([name for name, _, _ in found], dtype=np.str_),
        period=np.array([period for _, period, _ in found]),
        shape=np.array([shape for _, _, shape in found]).reshape(-1, N_PHASES),
        n_tried=n_tried,
    )


def _fit(survey: Survey, i: int, order: int, clean: tuple[float, float]) -> Shape | None:
    """A clean model of star i, or None."""
    rows = survey.good_points(i)
    mjd, mag, magerr = survey.mjd[rows], survey.mag[rows], survey.magerr[rows]
    period = float(survey.period[i])
    shape = fourier_shape(mjd, mag, magerr, period, order) if order else eclipse_shape(mjd, mag, magerr, period)
    if shape is None or shape.explained < clean[0] or shape.scatter > clean[1] * np.ptp(shape.mag):
        return None
    return shape
