"""Light curves in a folder or a file, of whatever kind: the one reader of every command."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from starsieve.features.arrays import JULIAN, are_rounded
from starsieve.features.tools import formats
from starsieve.features.tools.columns import AS_NAMED, Columns, Form, UnreadableFolderError
from starsieve.features.tools.commands import tell
from starsieve.features.tools.files import Files
from starsieve.features.tools.lightcurves import Floats, Ints, LightCurves, Strings, assemble
from starsieve.features.tools.parquet import Group, Text, read, read_whole, row_groups

__all__ = ["Folder", "Objects", "UnreadableFolderError", "opened", "read_light_curves", "read_objects"]

POINTS = 500_000  # held at once by `chunks`: 40 MB, with what sorting takes; an unsorted file is read once for each
NAMES = Columns(("object_id",), optional=("band",))
EPOCHS = Columns(("object_id",), ("mjd", "mag", "magerr"), ("band",))
MJD_ZERO = 2_400_000.5  # as a Julian date
SHORT_ZERO = 2_450_000.0  # what papers subtract from Julian dates
SHORT = 1_000, 14_000  # days since then, 1998 to 2034; as modified Julian dates they are of the 19th century
SHOWN = 3  # examples in a message


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
    return _catalogue(folder / "objects.parquet", Columns(("object_id",), numbers, ("label",)))


def _catalogue(path: Path, columns: Columns, converted: Path | None = None) -> Objects:
    """A table with a row for each object, or what it was converted to."""
    found = read_whole(converted or path, columns)
    names, counts = np.unique(found["object_id"], return_counts=True)
    if not names.size:
        raise UnreadableFolderError(f"{path} has no object: it needs one row for each")
    if (counts > 1).any():
        what = f"{np.count_nonzero(counts > 1)} objects twice, such as {names[counts > 1][0]}"
        raise UnreadableFolderError(f"{path} has {what}: it needs one row for each")
    return Objects(found["object_id"], found["label"], {name: found[name] for name in columns.all_numbers})


def read_light_curves(path: Path, form: Form = AS_NAMED) -> LightCurves:
    """The light curves of all objects, in the order of their table or their points. Raises UnreadableFolderError."""
    folder = opened(path, form)
    return folder.light_curves(np.arange(len(folder.objects)))


def opened(path: Path, form: Form = AS_NAMED, numbers: Sequence[str] = (), optional: Sequence[str] = ()) -> "Folder":
    """Light curves in any form that README describes, with these numbers of every object (NaN where unknown).

    What is no Parquet becomes a Parquet file in the folder for temporary files, which goes with the Folder. Raises
    UnreadableFolderError, also where there are none of `numbers`.
    """
    place = _Place()
    try:
        folder = _opened(Files.at(path, form), Columns(("object_id",), numbers, ("label",), optional, form), place)
    except BaseException:
        place.remove()
        raise
    weakref.finalize(folder, place.remove)
    return folder


class _Place:
    """A folder for temporary files, made when there is one."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def file(self, name: str) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="starsieve-"))
        return self._folder / name

    def remove(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _opened(files: Files, wanted: Columns, place: _Place) -> "Folder":
    """A folder whose objects have what is `wanted`."""
    form = wanted.form
    files.check_names(form)
    if form.labels is not None:  # which may have the numbers
        wanted = replace(wanted, numbers=(), optional_numbers=wanted.all_numbers)
    columns = replace(EPOCHS, form=form)
    if files.objects is None:
        numbers = (*EPOCHS.numbers, *wanted.numbers)
        columns = Columns(EPOCHS.text, numbers, ("band", *wanted.optional), wanted.optional_numbers, form)
    path, parts, empty = files.path, files.points, list[str]()
    if files.has_to_be_converted(form):
        path = place.file("points.parquet")
        empty = formats.convert(parts, columns, path, star_by_file=files.each_a_star)
        parts, form = [path], Form(band=form.band)
    if files.objects is None:
        rows = row_groups(path, replace(wanted, form=form), parts)
        objects = _objects_in(files.path, rows, replace(wanted, form=form), empty)
    else:
        objects = _as_parquet(files.objects, wanted, place, "objects.parquet")
    if files.labels is not None:
        objects = _labelled(objects, files.labels, _as_parquet(files.labels, wanted, place, "labels.parquet"))
    return Folder(path, objects, form, parts)


def _as_parquet(path: Path, columns: Columns, place: _Place, name: str) -> Objects:
    """A table of objects, which is converted first where it is of another kind."""
    if path.is_dir() or formats.kind_of(path) == "parquet":
        return _catalogue(path, columns)
    formats.convert([path], columns, target := place.file(name))
    return _catalogue(path, replace(columns, form=AS_NAMED), target)


def _objects_in(path: Path, rows: list[Group], columns: Columns, more: Sequence[str]) -> Objects:
    """The objects that points are of, as they appear, and what the points say about them; `more` have no points."""
    number: dict[str, int] = {}
    labels: dict[int, str] = {}
    values: dict[str, dict[int, float]] = {name: {} for name in columns.all_numbers}
    for _, piece in read(rows, columns):
        ids: Text = piece["object_id"]
        codes, first = np.unique(ids.codes, return_index=True)
        index = np.zeros(len(ids.names), np.int64)
        for code in codes[np.argsort(first)].tolist():
            index[code] = number.setdefault(ids.names[code], len(number))
        owner = index[ids.codes]
        of_label: Text = piece["label"]
        for one, code in np.unique(np.column_stack([owner, of_label.codes]), axis=0).tolist():
            label = of_label.names[code] if code >= 0 else labels.get(one, "")
            if labels.setdefault(one, label) != label:
                name = next(name for name, place in number.items() if place == one)
                raise UnreadableFolderError(f"{path} gives {name} two labels, {labels[one]!r} and {label!r}")
        for name, known in values.items():
            there = np.flatnonzero(np.isfinite(piece[name]))
            for one, row in zip(*np.unique(owner[there], return_index=True), strict=True):
                known.setdefault(int(one), float(piece[name][there[row]]))
    for name in more:
        number.setdefault(name, len(number))
    ids_array = np.array([*number], np.str_)
    label_array = np.array([labels.get(i, "") for i in range(len(number))], np.str_)
    arrays = {name: np.array([known.get(i, np.nan) for i in range(len(number))]) for name, known in values.items()}
    return Objects(ids_array, label_array, arrays)


def _labelled(objects: Objects, path: Path, table: Objects) -> Objects:
    """Objects with the labels, and with numbers that they lack, of a table. Raises UnreadableFolderError."""
    place = {name: row for row, name in enumerate(table.object_id.tolist())}
    row = np.array([place.get(name, -1) for name in objects.object_id.tolist()])
    known = row >= 0
    if not known.any():
        theirs, ours = (", ".join(names[:SHOWN].tolist()) for names in (table.object_id, objects.object_id))
        raise UnreadableFolderError(f"{path} labels other objects, such as {theirs}; here are {ours}")
    unused = len(table) - len(set(row[known].tolist()))
    tell(f"{np.count_nonzero(known):,} of {len(objects):,} objects have a label; {unused:,} labels are of others")
    numbers = {
        name: np.where(np.isnan(own) & known, table.numbers[name][row], own) for name, own in objects.numbers.items()
    }
    return Objects(objects.object_id, np.where(known, table.label[row], ""), numbers)


def are_short(times: Floats) -> bool:
    """Whether these times (n,) are rather Julian dates less 2,450,000 than modified ones."""
    known = times[np.isfinite(times)]
    return bool(known.size and np.all((known >= SHORT[0]) & (known < SHORT[1])))


def as_mjd(times: Floats) -> tuple[Floats, int]:
    """Times (n,) with Julian dates made modified ones, and how many those are."""
    julian = times > JULIAN
    return np.where(julian, times - MJD_ZERO, times), int(np.count_nonzero(julian))


class Folder:
    """The points of a survey: which object has how many and where, so that they need not all be read at once."""

    def __init__(
        self, path: Path, objects: Objects, form: Form = AS_NAMED, parts: Sequence[Path] | None = None
    ) -> None:
        """Reads names and bands of points.parquet in `path`, or of these `parts`.

        Raises UnreadableFolderError, also for points of no object.
        """
        import pyarrow as pa  # noqa: PLC0415 (an extra: only reading folders needs it)

        self.path = path if parts else path / "points.parquet"
        self.objects = objects
        self._form = form
        self._ids = pa.array(objects.object_id)
        self._points = np.zeros(len(objects), np.int64)
        self._rank = np.full(len(objects), len(objects))  # in the order in which they appear
        self._groups: dict[Group, tuple[int, int]] = {}  # lowest and highest rank in it
        self._told: set[str] = set()
        self.bands = self._index(row_groups(self.path, replace(EPOCHS, form=form), parts))

    def _index(self, groups: list[Group]) -> Strings:
        bands: set[str] = set()
        strange, example = 0, ""
        seen = 0
        for group, columns in read(groups, replace(NAMES, form=self._form)):
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
            new = new[self._rank[new] == len(self.objects)]
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
        number = np.full(len(self.objects), -1)
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
        if are_rounded(values["mjd"]):
            self._tell_once("WARNING: Julian dates in single precision are rounded to 6 hours: write times as float64")
        values["mjd"], julian = as_mjd(values["mjd"])
        if are_short(values["mjd"]):
            self._tell_once(
                f"WARNING: times are taken as MJD, of the 19th century; if they are HJD - {SHORT_ZERO:,.0f}, "
                f"add {SHORT_ZERO - MJD_ZERO:,.1f}"
            )
        if julian:
            self._tell_once("times are Julian dates: 2,400,000.5 is subtracted from them")
        ids, labels = self.objects.object_id[objects], self.objects.label[objects]
        return assemble(ids, labels, owner, band=band, bands=self.bands, **values)

    def _tell_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            tell(message)

    def _read(self, objects: Ints) -> Iterator[dict[str, Any]]:
        """The rows in which these objects may be."""
        ranks = self._rank[objects[self._points[objects] > 0]]
        if not ranks.size:
            return
        low, high = ranks.min(), ranks.max()
        groups = [group for group, (first, last) in self._groups.items() if first <= high and last >= low]
        for _, columns in read(groups, replace(EPOCHS, form=self._form)):
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
