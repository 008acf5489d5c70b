"""Tables that commands write: of the kind that the file's suffix says, some rows at a time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starsieve.features.shape.columns import FEATURE_COLUMNS, PROFILE_COLUMNS
from starsieve.features.tools.commands import check_file, need, replacing
from starsieve.features.tools.errors import UsageError

OUTPUTS = (".parquet", ".csv", ".ecsv")
UNITS = {column.name: column.unit for column in (*FEATURE_COLUMNS, *PROFILE_COLUMNS) if column.unit}
UNITS |= {"ra": "deg", "dec": "deg"}

Write = Callable[[Any], None]


def check_table(path: Path) -> None:
    """Makes sure before the work that a table can be written to `path`. Raises UsageError."""
    if path.suffix.lower() not in OUTPUTS:
        raise UsageError(f"{path}: a table ends in one of {', '.join(OUTPUTS)}")
    need("pyarrow", *(["astropy"] if path.suffix.lower() == ".ecsv" else []))
    check_file(path)


def check_apart(output: Path, light_curves: Path) -> None:
    """Makes sure that a table is not written over the light curves, or among them. Raises UsageError."""
    place, source = output.resolve(), light_curves.resolve()
    if place == source:
        raise UsageError(f"{output} holds the light curves: choose another name to write to")
    if source.is_dir() and source in place.parents and not any(source.glob("points.*")):
        raise UsageError(f"{output} would be read as light curves next time: choose a place outside of {light_curves}")


@contextmanager
def written(path: Path, schema: Any) -> Iterator[Write]:
    """What writes Arrow tables of this schema to a file, which is there once all are."""
    with replacing(path) as unfinished, _WRITERS[path.suffix.lower()](unfinished, schema) as write:
        yield write


@contextmanager
def _parquet(path: Path, schema: Any) -> Iterator[Write]:
    from pyarrow import parquet  # noqa: PLC0415 (an extra)

    with parquet.ParquetWriter(path, schema) as writer:
        yield writer.write_table


@contextmanager
def _csv(path: Path, schema: Any, header: str | None = None) -> Iterator[Write]:
    """`header`: the lines before the rows; the names, unless given."""
    from pyarrow import csv  # noqa: PLC0415 (an extra)

    with path.open("wb") as file:
        file.write((",".join(map(_quoted, schema.names)) + "\n" if header is None else header).encode())
        with csv.CSVWriter(file, schema, write_options=csv.WriteOptions(include_header=False)) as writer:
            yield writer.write_table


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"\n') else name


@contextmanager
def _ecsv(path: Path, schema: Any) -> Iterator[Write]:
    """Astropy writes the header, with units; the rows are those of a CSV file."""
    import io  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415
    from astropy.table import Column, Table  # noqa: PLC0415 (an extra)

    kinds: Mapping[str, type] = {"double": np.float64, "int64": np.int64, "string": np.str_}
    empty = Table([Column([], field.name, kinds[str(field.type)], unit=UNITS.get(field.name)) for field in schema])
    header = io.StringIO()
    empty.write(header, format="ascii.ecsv", delimiter=",")
    with _csv(path, schema, header.getvalue()) as write:
        yield write


_WRITERS = {".parquet": _parquet, ".csv": _csv, ".ecsv": _ecsv}
