"""A folder of labelled light curves (objects.parquet, points.parquet) as arrays, cleaned of what cannot be true."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.folder import believable, read_columns
from models import ModelError


@dataclass(frozen=True)
class BandLightCurves:
    """Light curves of n objects in m (object, band) pieces; piece i is points[offsets[i]:offsets[i + 1]], by time."""

    object_id: npt.NDArray[np.str_]  # (n,)
    label: npt.NDArray[np.str_]  # (n,) "" where unknown
    owner: npt.NDArray[np.int64]  # (m,) index of the object, ascending
    band: npt.NDArray[np.str_]  # (m,)
    offsets: npt.NDArray[np.int64]  # (m + 1,)
    mjd: npt.NDArray[np.float64]
    mag: npt.NDArray[np.float64]
    magerr: npt.NDArray[np.float64]

    @property
    def epochs(self) -> npt.NDArray[np.int64]:
        """Points of every light curve, (m,)."""
        return np.diff(self.offsets)

    def keep(self, points: npt.NDArray[np.bool_]) -> "BandLightCurves":
        """The same objects and bands with only these points."""
        kept = np.concatenate([[0], np.cumsum(points)])
        return BandLightCurves(
            self.object_id,
            self.label,
            self.owner,
            self.band,
            kept[self.offsets],
            self.mjd[points],
            self.mag[points],
            self.magerr[points],
        )

    def first(self, count: int) -> "BandLightCurves":
        """Every light curve cut to its first `count` epochs."""
        within = np.arange(self.offsets[-1]) - np.repeat(self.offsets[:-1], self.epochs)
        return self.keep(within < count)

    def select(self, objects: npt.NDArray[np.int64]) -> "BandLightCurves":
        """These objects (ascending indices), with their light curves."""
        number = np.full(len(self.object_id), -1)
        number[objects] = np.arange(len(objects))
        curves = number[self.owner] >= 0
        points = np.repeat(curves, self.epochs)
        return BandLightCurves(
            self.object_id[objects],
            self.label[objects],
            number[self.owner[curves]],
            self.band[curves],
            np.concatenate([[0], np.cumsum(self.epochs[curves])]),
            self.mjd[points],
            self.mag[points],
            self.magerr[points],
        )


def read(folder: Path) -> BandLightCurves:
    """Reads, cleans and sorts the light curves of a folder; needs pyarrow.

    Raises UnreadableFolderError where a file or a column is missing or of the wrong kind, ModelError where an object
    appears twice or a point has no object. Objects without a single good point stay, without curves.
    """
    objects = read_columns(folder / "objects.parquet", text=("object_id",), optional=("label",))
    points = read_columns(folder / "points.parquet", text=("object_id", "band"), numbers=("mjd", "mag", "magerr"))
    object_id = objects["object_id"]
    label = objects.get("label", np.full(len(object_id), ""))
    order = np.argsort(object_id, kind="stable")
    if not len(order):
        raise ModelError(f"{folder}/objects.parquet has no object: it needs one row for each")
    repeated = np.flatnonzero(object_id[order][1:] == object_id[order][:-1])
    if len(repeated):
        what = f"{len(repeated)} objects twice, such as {object_id[order][repeated[0]]}"
        raise ModelError(f"{folder}/objects.parquet has {what}: it needs one row for each")
    owner = points.pop("object_id")
    place = np.minimum(np.searchsorted(object_id[order], owner), len(order) - 1)
    strange = np.flatnonzero(object_id[order][place] != owner)
    if len(strange):
        example = owner[strange[0]]
        raise ModelError(f"{folder}: {len(strange)} points belong to no object in objects.parquet, such as {example}")
    return assemble(object_id, label, order[place], **points)


def assemble(
    object_id: npt.NDArray[np.str_],
    label: npt.NDArray[np.str_],
    owner: npt.NDArray[np.int64],
    *,
    band: npt.NDArray[np.str_],
    mjd: npt.NDArray[np.float64],
    mag: npt.NDArray[np.float64],
    magerr: npt.NDArray[np.float64],
) -> BandLightCurves:
    """Light curves from points in any order; owner (points,) is the index of each point's object.

    Points with impossible values go; of several at one time in one band, the one with the smallest error stays.
    """
    band = np.asarray(band, dtype=np.str_)
    mjd, mag, magerr = (np.asarray(column, dtype=np.float64) for column in (mjd, mag, magerr))
    good = believable(mjd, mag, magerr)
    order = np.lexsort((magerr, mjd, band, owner))
    order = order[good[order]]
    owner, band, mjd, mag, magerr = owner[order], band[order], mjd[order], mag[order], magerr[order]
    starts = np.flatnonzero(np.r_[True, (owner[1:] != owner[:-1]) | (band[1:] != band[:-1])][: len(owner)])
    offsets = np.append(starts, len(owner))
    curves = BandLightCurves(object_id, label, owner[starts], band[starts], offsets, mjd, mag, magerr)
    repeated = np.zeros(len(mjd), dtype=bool)
    repeated[1:] = (np.diff(mjd) == 0) & (np.diff(owner) == 0) & (band[1:] == band[:-1])
    return curves.keep(~repeated)
