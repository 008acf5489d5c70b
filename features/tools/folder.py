"""Folders of light curves, objects.parquet and points.parquet: the one reader of every command."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from starsieve.features.tools.lightcurves import Floats, Ints, LightCurves, Strings, assemble
from starsieve.features.tools.parquet import Columns, Group, UnreadableFolderError, read, read_whole, row_groups

__all__ = ["Folder", "Objects", "UnreadableFolderError", "read_light_curves", "read_objects"]

POINTS = 500_000  # held at once by `chunks`: 40 MB, with what sorting takes; an unsorted file is read once for each
NAMES = Columns(("object_id", "band"))
EPOCHS = Columns(("object_id", "band"), ("mjd", "mag", "magerr"))


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of a folder: names and labels ("": none), and the numbers asked for by name (NaN: none), (n,) each."""

    object_id: Strings
    label: Strings
    numbers: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.object_id)


def read_objects(folder: Path, numbers: Sequence[str] = ()) -> Objects:
    """objects.parquet. Raises UnreadableFolderError, also where there is no object or one appears twice."""
    path = folder / "objects.parquet"
    found = read_whole(path, Columns(("object_id",), numbers, ("label",)))
    names, counts = np.unique(found["object_id"], return_counts=True)
    if not names.size:
        raise UnreadableFolderError(f"{path} has no object: it needs one row for each")
    if (counts > 1).any():
        what = f"{np.count_nonzero(counts > 1)} objects twice, such as {names[counts > 1][0]}"
        raise UnreadableFolderError(f"{path} has {what}: it needs one row for each")
    return Objects(found["object_id"], found["label"], {name: found[name] for name in numbers})


def read_light_curves(folder: Path) -> LightCurves:
    """The light curves of all objects, in the order of objects.parquet. Raises UnreadableFolderError."""
    objects = read_objects(folder)
    return Folder(folder, objects).light_curves(np.arange(len(objects)))


class Folder:
    """The points of a folder: which object has how many and where, so that they need not all be read at once."""

    def __init__(self, path: Path, objects: Objects) -> None:
        """Reads names and bands. Raises UnreadableFolderError, also for points of no object."""
        import pyarrow as pa  # noqa: PLC0415 (an extra: only reading folders needs it)

        self.path = path / "points.parquet"
        self._objects = objects
        self._ids = pa.array(objects.object_id)
        self._points = np.zeros(len(objects), np.int64)
        self._rank = np.full(len(objects), len(objects))  # in the order in which they appear
        self._groups: dict[Group, tuple[int, int]] = {}  # lowest and highest rank in it
        self.bands = self._index(row_groups(self.path, EPOCHS))

    def _index(self, groups: list[Group]) -> Strings:
        bands: set[str] = set()
        strange, example = 0, ""
        seen = 0
        for group, columns in read(groups, NAMES):
            place = self._place(columns["object_id"].names)
            owner = place[columns["object_id"].codes]
            if (owner < 0).any():
                strange += int(np.count_nonzero(owner < 0))
                example = columns["object_id"].names[columns["object_id"].codes[np.argmax(owner < 0)]]
                continue
            names = columns["band"].names
            bands.update(names[code] for code in np.unique(columns["band"].codes))
            here, first, count = np.unique(owner, return_index=True, return_counts=True)
            self._points[here] += count
            new = here[np.argsort(first)]
            new = new[self._rank[new] == len(self._objects)]
            self._rank[new] = seen + np.arange(len(new))
            seen += len(new)
            low, high = self._groups.get(group, (seen, 0))
            self._groups[group] = min(low, self._rank[here].min()), max(high, self._rank[here].max())
        if strange:
            what = f"{strange} points belong to no object in objects.parquet, such as {example}"
            raise UnreadableFolderError(f"{self.path}: {what}")
        return np.array(sorted(bands), np.str_)

    def _place(self, names: list[str]) -> Ints:
        """Index of the objects of these names, -1 for those of none."""
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import compute  # noqa: PLC0415

        found = compute.index_in(pa.array(names, pa.string()), value_set=self._ids)
        return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)

    def light_curves(self, objects: Ints) -> LightCurves:
        """The light curves of these objects, in this order. Raises UnreadableFolderError."""
        number = np.full(len(self._objects), -1)
        number[objects] = np.arange(len(objects))
        size = int(self._points[objects].sum())
        owner, band = np.empty(size, np.int64), np.empty(size, np.int64)
        values = {name: np.empty(size) for name in EPOCHS.numbers}
        filled = 0
        for columns in self._read(objects):
            of_row = number[self._place(columns["object_id"].names)[columns["object_id"].codes]]
            chosen = of_row >= 0
            part = slice(filled, filled + int(np.count_nonzero(chosen)))
            if part.stop > size:
                break
            owner[part] = of_row[chosen]
            band[part] = np.searchsorted(self.bands, columns["band"].names)[columns["band"].codes[chosen]]
            for name, column in values.items():
                column[part] = columns[name][chosen]
            filled = part.stop
        if filled != size:
            raise UnreadableFolderError(f"{self.path} changed while it was read: run again")
        ids, labels = self._objects.object_id[objects], self._objects.label[objects]
        return assemble(ids, labels, owner, band=band, bands=self.bands, **values)

    def _read(self, objects: Ints) -> Iterator[dict[str, Any]]:
        """The rows in which these objects may be."""
        ranks = self._rank[objects[self._points[objects] > 0]]
        if not ranks.size:
            return
        low, high = ranks.min(), ranks.max()
        groups = [group for group, (first, last) in self._groups.items() if first <= high and last >= low]
        for _, columns in read(groups, EPOCHS):
            yield columns

    def chunks(self, size: int) -> Iterator[LightCurves]:
        """The light curves of all objects, `size` objects at a time, in the order in which points.parquet has them.

        Objects without a point come last. Raises UnreadableFolderError.
        """
        order = np.argsort(self._rank, kind="stable")
        so_far = np.concatenate([[0], np.cumsum(self._points[order])])
        start = 0
        while start < len(order):
            stop = start + size
            while stop < len(order) and so_far[min(stop + size, len(order))] - so_far[start] <= POINTS:
                stop += size
            yield from self.light_curves(order[start:stop]).chunks(size)
            start = stop
