"""Folders of light curves: objects.parquet and points.parquet in, batches of arrays out."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.check import LARGEST_ERROR, LARGEST_MAGNITUDE
from features.grid import LONGEST_BASELINE

Floats = NDArray[np.float64]
POINT_COLUMNS = ("object_id", "band", "mjd", "mag", "magerr")


class UnreadableFolderError(ValueError):
    """The folder does not hold light curves in the format expected; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class LightCurves:
    """Ragged light curves, one per object and band, sorted by object, band and time.

    Light curve i is mjd, mag, magerr[offsets[i]:offsets[i + 1]] of object_ids[i] in bands[i].
    """

    object_ids: NDArray[np.str_]
    bands: NDArray[np.str_]
    offsets: NDArray[np.int64]
    mjd: Floats
    mag: Floats
    magerr: Floats

    def __len__(self) -> int:
        return self.object_ids.size

    @property
    def objects(self) -> NDArray[np.int64]:
        """Where each object's light curves start, and where the last one's end: (objects + 1,)."""
        first = np.flatnonzero(np.append(True, self.object_ids[1:] != self.object_ids[:-1])[: len(self)])
        return np.append(first, len(self))

    def chunks(self, size: int) -> Iterator["LightCurves"]:
        """Consecutive parts of `size` objects."""
        starts = self.objects
        edges = np.append(starts[:-1:size], len(self))
        for a, b in pairwise(edges.tolist()):
            first, last = self.offsets[a], self.offsets[b]
            part = slice(first, last)
            yield LightCurves(self.object_ids[a:b], self.bands[a:b], self.offsets[a : b + 1] - first,
                              self.mjd[part], self.mag[part], self.magerr[part])  # fmt: skip


def believable(mjd: Floats, mag: Floats, magerr: Floats) -> NDArray[np.bool_]:
    """Which epochs (n,) of one survey can be used at all: finite, sane, at a time not absurdly far from the others."""
    finite = np.isfinite(mjd) & np.isfinite(mag) & np.isfinite(magerr)
    sane = finite & (magerr > 0) & (magerr <= LARGEST_ERROR) & (np.abs(mag) <= LARGEST_MAGNITUDE)
    if sane.any():
        sane &= np.abs(mjd - np.median(mjd[sane])) < LONGEST_BASELINE / 2
    return np.asarray(sane)


def _read(path: Path, columns: tuple[str, ...]) -> dict[str, NDArray[np.generic]]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - an optional dependency that the stream does without

    if not path.is_file():
        raise UnreadableFolderError(f"{path} does not exist")
    missing = set(columns) - set(pq.read_schema(path).names)
    if missing:
        raise UnreadableFolderError(f"{path} lacks the columns {', '.join(sorted(missing))}")
    table = pq.read_table(path, columns=list(columns))
    return {name: table[name].to_numpy() for name in columns}


def read_light_curves(folder: Path) -> LightCurves:
    """The believable epochs of all light curves in `folder`. Raises UnreadableFolderError."""
    points = _read(folder / "points.parquet", POINT_COLUMNS)
    mjd, mag, magerr = (points[name].astype(np.float64) for name in ("mjd", "mag", "magerr"))
    ids, bands = points["object_id"].astype(np.str_), points["band"].astype(np.str_)
    names, numbers = np.unique(ids, return_inverse=True)
    band_names, band_numbers = np.unique(bands, return_inverse=True)
    curve = numbers * band_names.size + band_numbers
    kept = np.flatnonzero(believable(mjd, mag, magerr))
    kept = kept[np.lexsort((mjd[kept], curve[kept]))]
    curves, first = np.unique(curve[kept], return_index=True)
    return LightCurves(
        object_ids=names[curves // band_names.size],
        bands=band_names[curves % band_names.size],
        offsets=np.append(first, kept.size).astype(np.int64),
        mjd=mjd[kept],
        mag=mag[kept],
        magerr=magerr[kept],
    )


def read_published(folder: Path) -> dict[str, tuple[str, float]]:
    """Class and published period in days (NaN: none) of every object in `folder`."""
    objects = _read(folder / "objects.parquet", ("object_id", "label", "period"))
    periods = objects["period"].astype(np.float64)
    rows = zip(objects["object_id"].astype(str), objects["label"].astype(str), periods.tolist(), strict=True)
    return {object_id: (label, period) for object_id, label, period in rows}
