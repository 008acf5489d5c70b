"""Real labelled stars as models that can be observed again: periodic shapes fitted to catalina and asas stars."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models import splits
from models.synthesis.folded import N_PHASES
from models.synthesis.lightcurves import Floats, Ints, LightCurves, Strings, offsets_of
from models.synthesis.shapes import Shape, eclipse_shape, fourier_shape

# Clean: the model explains this share of the variance (cross-validated for series), and its robust residual is below
# this share of its own peak-to-peak. Fainter stars' shapes are mostly noise; spots and giants change by themselves.
STEADY = (0.7, 0.2)
WANDERING = (0.5, 0.3)
MAX_MAGERR = 0.5
MIN_MJD = 10_000.0  # a few Catalina epochs lie two million days ago
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
    """Labelled light curves of a survey, dirt included: object_id, label, period (n,); the rest by point."""

    object_id: Strings
    label: Strings
    period: Floats
    offsets: Ints
    band: Strings
    mjd: Floats
    mag: Floats
    magerr: Floats

    def good_points(self, i: int) -> Ints:
        """Rows of object i without what cannot be true."""
        start, stop = self.offsets[i], self.offsets[i + 1]
        mjd, mag, magerr = self.mjd[start:stop], self.mag[start:stop], self.magerr[start:stop]
        good = (mjd > MIN_MJD) & np.isfinite(mag) & (magerr > 0.0) & (magerr < MAX_MAGERR)
        rows: Ints = np.flatnonzero(good) + start
        return rows

    def select(self, stars: list[int], label: str) -> LightCurves:
        """These objects under another label, numbered from 0, points in order of band and time."""
        rows = [self.good_points(i) for i in stars]
        flat = np.concatenate([points[np.lexsort((self.mjd[points], self.band[points]))] for points in rows])
        return LightCurves(
            object_id=np.array([f"{self.object_id[i]}{splits.VIEW}{number}" for number, i in enumerate(stars)]),
            label=np.full(len(stars), label),
            period=self.period[stars],
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
    """Read objects.parquet and points.parquet; points keep their order within an object."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - the serving environment has no pyarrow

    objects = pq.read_table(folder / "objects.parquet", columns=["object_id", "label", "period"])
    points = pq.read_table(folder / "points.parquet", columns=["object_id", "band", "mjd", "mag", "magerr"])
    names = np.array(objects["object_id"].to_pylist(), dtype=np.str_)

    def encoded(name: str) -> tuple[Strings, Ints]:
        column = points[name].combine_chunks().dictionary_encode()
        return np.array(column.dictionary.to_pylist(), dtype=np.str_), column.indices.to_numpy()

    point_names, point_codes = encoded("object_id")
    bands, band_codes = encoded("band")
    order_of_names = np.argsort(names)
    number = order_of_names[np.searchsorted(names, point_names, sorter=order_of_names)]
    owner = number[point_codes]
    order = np.argsort(owner, kind="stable")
    return Survey(
        object_id=names,
        label=np.array(objects["label"].to_pylist(), dtype=np.str_),
        period=objects["period"].to_numpy().astype(np.float64),
        offsets=offsets_of(np.bincount(owner, minlength=len(names))),
        band=np.char.lower(bands)[band_codes[order]],
        mjd=points["mjd"].to_numpy().astype(np.float64)[order],
        mag=points["mag"].to_numpy().astype(np.float64)[order],
        magerr=points["magerr"].to_numpy().astype(np.float64)[order],
    )


def fit_originals(
    rng: np.random.Generator, surveys: dict[str, Survey], label: str, limit: int, object_ids: Collection[str] | None
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
        if object_ids is None or survey.object_id[i] in object_ids
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
