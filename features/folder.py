"""Folders of light curves: objects.parquet and points.parquet in, batches of arrays out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.grid import LONGEST_BASELINE

Floats = NDArray[np.float64]

MAGNITUDES = (-2.0, 30.0)
LARGEST_ERROR = 1.0  # mag


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
    """Which epochs (n,) of one survey can be used at all: finite, sane, at a time not absurdly far from the others.

    Some catalogues hold epochs two million days ago.
    """
    real = (mag > MAGNITUDES[0]) & (mag < MAGNITUDES[1])
    sane = np.isfinite(mjd) & real & (magerr > 0) & (magerr < LARGEST_ERROR)
    if sane.any():
        sane &= np.abs(mjd - np.median(mjd[sane])) < LONGEST_BASELINE / 2
    return np.asarray(sane)


def read_columns(
    path: Path, *, text: Sequence[str], numbers: Sequence[str] = (), optional: Sequence[str] = ()
) -> dict[str, Any]:
    """Columns of a Parquet file: text (numbers are written out, so that no digit is lost), numbers, optional text.

    Raises UnreadableFolderError for a file or a column that is missing or of the wrong kind.
    """
    import pyarrow as pa  # noqa: PLC0415 (an extra: only reading folders needs it)
    from pyarrow import parquet  # noqa: PLC0415

    if not path.is_file():
        raise UnreadableFolderError(f"there is no {path}")
    try:
        present = parquet.read_schema(path).names
        wanted = [name for name in (*text, *numbers, *optional) if name in present]
        table = parquet.read_table(path, columns=wanted)
    except (OSError, pa.ArrowException) as error:
        raise UnreadableFolderError(f"cannot read {path}: {error}") from error
    missing = [name for name in (*text, *numbers) if name not in present]
    if missing:
        raise UnreadableFolderError(f"{path} has no column {', '.join(missing)}; it has {', '.join(present)}")
    found = {}
    for name in wanted:
        try:
            column = table[name].cast(pa.float64() if name in numbers else pa.string())
        except pa.ArrowException as error:
            kind = "numbers" if name in numbers else "text"
            raise UnreadableFolderError(f"{path}: column {name} should hold {kind}, not {table[name].type}") from error
        if name in text and column.null_count:
            raise UnreadableFolderError(f"{path}: column {name} is empty in {column.null_count} rows")
        if name in numbers:
            found[name] = column.to_numpy()
        else:
            found[name] = column.fill_null("").to_numpy().astype(np.str_)
    return found


def read_light_curves(folder: Path) -> LightCurves:
    """The believable epochs of all light curves in `folder`. Raises UnreadableFolderError."""
    points = read_columns(folder / "points.parquet", text=("object_id", "band"), numbers=("mjd", "mag", "magerr"))
    mjd, mag, magerr = points["mjd"], points["mag"], points["magerr"]
    names, numbers = np.unique(points["object_id"], return_inverse=True)
    band_names, band_numbers = np.unique(points["band"], return_inverse=True)
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
    """Class ("": none) and published period in days (NaN: none) of every object in `folder`.

    Raises UnreadableFolderError.
    """
    objects = read_columns(folder / "objects.parquet", text=("object_id",), numbers=("period",), optional=("label",))
    labels = objects.get("label", np.full(len(objects["object_id"]), ""))
    rows = zip(objects["object_id"].tolist(), labels.tolist(), objects["period"].tolist(), strict=True)
    return {object_id: (label, period) for object_id, label, period in rows}
