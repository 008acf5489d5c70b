"""Columns of a Parquet file, or of a folder of parts as Spark and Dask write them, piece by piece."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from starsieve.features.tools.columns import UNNAMED, Columns, UnreadableFolderError

ROWS = 2**18  # read at once
LONGEST_TEXT = 200  # characters; every text of a column takes the memory of the longest
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # what Hive, Spark and Dask call a missing value in a folder's name


@dataclass(frozen=True)
class Text:
    """A column of text: row i is names[codes[i]]; code -1 is a missing value."""

    names: list[str]
    codes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.codes)

    def whole(self) -> NDArray[np.str_]:
        """The text of every row, "" where it is missing."""
        return np.array([*self.names, ""], np.str_)[self.codes]


@dataclass(frozen=True)
class Group:
    """A row group of a part: the least that can be read of it. `keys` are columns that its folders' names hold."""

    path: Path
    number: int
    keys: tuple[tuple[str, str], ...]


def row_groups(path: Path, columns: Columns, parts: Iterable[Path] | None = None) -> list[Group]:
    """The row groups of a file, or of the parts in a folder; raises UnreadableFolderError if they lack a column.

    As in Hive, names that start with _ or . are not data, and a folder `band=g` holds the rows whose band is g. Parts
    without rows are left out.

    Args:
        parts: those of a folder, where not everything in it is one.
    """
    groups: list[Group] = []
    for part in parts_of(path) if parts is None else parts:
        keys = _keys(part.relative_to(path).parts[:-1])
        with _opened(part) as file:
            full = [number for number in range(file.num_row_groups) if file.metadata.row_group(number).num_rows]
            if full or part == path:
                columns.places(part, [*file.schema_arrow.names, *dict(keys)])
            groups += [Group(part, number, keys) for number in full]
    return groups


def parts_of(path: Path) -> list[Path]:
    """A file itself, or all in a folder but what Hive hides. Raises UnreadableFolderError where there is none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UnreadableFolderError(f"there is no {path}")
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    parts = [file for file in files if not any(name[0] in "._" for name in file.relative_to(path).parts)]
    if not parts:
        raise UnreadableFolderError(f"{path} is a folder without a part")
    return parts


def _keys(folders: Iterable[str]) -> tuple[tuple[str, str], ...]:
    pairs = (folder.split("=", 1) for folder in folders if "=" in folder)
    return tuple((unquote(name), unquote(value)) for name, value in pairs)


@contextmanager
def _opened(part: Path) -> Iterator[Any]:
    """An open Parquet file; Arrow's errors about its content become UnreadableFolderError."""
    import pyarrow as pa  # noqa: PLC0415 (an extra: only reading folders needs it)
    from pyarrow import parquet  # noqa: PLC0415

    try:
        metadata = parquet.read_metadata(part)
        paths = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
        kinds = [metadata.schema.column(number).physical_type for number in range(metadata.num_columns)]
        texts = [name for name, kind in zip(paths, kinds, strict=True) if kind == "BYTE_ARRAY" and "." not in name]
        with parquet.ParquetFile(part, metadata=metadata, read_dictionary=texts) as file:
            yield file
    except pa.ArrowException as error:
        raise UnreadableFolderError(f"cannot read {part}: {error}") from error
    except OSError as error:
        if error.errno is not None:  # the disk's or the system's word, not Arrow's about damaged data
            raise
        raise UnreadableFolderError(f"cannot read {part}: {error}") from error


def read(groups: Iterable[Group], columns: Columns) -> Iterator[tuple[Group, dict[str, Any]]]:
    """Columns by name, some rows at a time: text as Text, numbers as float64 with NaN where they are missing.

    Optional columns that are not there are missing in every row, but for the band, which is then that of `form`. Raises
    UnreadableFolderError for a column of the wrong kind or a name that is missing.
    """
    for part, of_part in groupby(groups, key=lambda group: group.path):
        with _opened(part) as file:
            for group in of_part:
                present = file.schema_arrow.names
                places = columns.places(part, [*present, *dict(group.keys)])
                wanted = [place for place in places.values() if place in present]
                for batch in file.iter_batches(ROWS, row_groups=[group.number], columns=wanted):
                    yield group, _columns(batch, columns, places, group)


def read_whole(path: Path, columns: Columns) -> dict[str, Any]:
    """All rows of a table's columns: text as arrays of strings, numbers as float64. Raises UnreadableFolderError."""
    pieces = [piece for _, piece in read(row_groups(path, columns), columns)]
    found: dict[str, Any] = {}
    for name in columns.texts:
        found[name] = np.concatenate([np.array([], np.str_), *(piece[name].whole() for piece in pieces)])
    for name in columns.all_numbers:
        found[name] = np.concatenate([np.array([]), *(piece[name] for piece in pieces)])
    return found


def _columns(batch: Any, columns: Columns, places: dict[str, str], group: Group) -> dict[str, Any]:
    import pyarrow as pa  # noqa: PLC0415

    found: dict[str, Any] = {}
    keys = dict(group.keys)
    for name in (*columns.texts, *columns.all_numbers):
        place = places.get(name, "")
        numbers = name in columns.all_numbers
        if place in batch.schema.names:
            column = batch.column(place)
        elif name == "band" and not place:
            found[name] = Text([columns.form.band or UNNAMED], np.zeros(batch.num_rows, np.int64))
            continue
        else:
            value = keys.get(place, NO_PARTITION)
            column = pa.array([None if value == NO_PARTITION else value] * batch.num_rows, pa.string())
        try:
            found[name] = _numbers(column) if numbers else _text(column)
        except pa.ArrowException as error:
            kind = "numbers" if numbers else "text"
            raise UnreadableFolderError(
                f"{group.path}: column {place} should hold {kind}, not {column.type}: {error}"
            ) from error
        if not numbers:
            _check_text(f"{group.path}: column {place}", found[name], needed=name in (*columns.text, "band"))
    return found


def _check_text(what: str, column: Text, *, needed: bool) -> None:
    missing = np.count_nonzero(column.codes < 0)
    if needed and missing:
        raise UnreadableFolderError(f"{what} is empty in {missing} rows")
    if max(map(len, column.names), default=0) > LONGEST_TEXT:
        raise UnreadableFolderError(f"{what} has a text of more than {LONGEST_TEXT} characters")


def _numbers(column: Any) -> NDArray[np.float64]:
    import pyarrow as pa  # noqa: PLC0415

    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _text(column: Any) -> Text:
    import pyarrow as pa  # noqa: PLC0415

    if not pa.types.is_dictionary(column.type) or column.dictionary.null_count:
        decoded = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        column = decoded.cast(pa.string()).dictionary_encode()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Text(column.dictionary.cast(pa.string()).to_pylist(), codes)
