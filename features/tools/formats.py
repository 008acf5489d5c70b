"""Tables of other kinds than Parquet, piece by piece, and how they become Parquet, which all commands read."""

import csv
import gzip
import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from starsieve.features.tools.columns import ALSO, MEANINGS, Columns, UnreadableFolderError
from starsieve.features.tools.parquet import ROWS

KINDS = dict.fromkeys((".csv", ".tsv", ".txt", ".dat"), "csv") | dict.fromkeys((".parquet", ".pq"), "parquet")
KINDS |= {".ecsv": "ascii.ecsv", ".tbl": "ascii.ipac"} | dict.fromkeys((".fits", ".fit", ".fts"), "fits")
KINDS |= dict.fromkeys((".vot", ".votable", ".xml"), "votable")
KNOWN = (
    "CSV (.csv, .tsv, .txt, .dat), Parquet (.parquet), ECSV (.ecsv), IPAC (.tbl), VOTable (.vot, .xml), FITS (.fits), "
    "also with .gz"
)
WHOLE = 2**28  # bytes of a text table that Astropy reads all at once, at some ten times its size
HEADER = 2**16  # bytes in which the line with the names has to end
SEPARATORS = ",;\t|"
SPACE = " "  # separates where none of them is there; as many of it as there are
MISSING = ["", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "n/a", "-", "--", "INDEF"]
UNITS = {"mjd": "d", "mag": "mag", "magerr": "mag", "period": "d", "ra": "deg", "dec": "deg"}


def kind_of(path: Path) -> str | None:
    """What kind of table a file is by its name; None where it is none of KINDS."""
    name = path.name.lower().removesuffix(".gz")
    return KINDS.get(Path(name).suffix)


def stem_of(path: Path) -> str:
    """The name of a file without what says its kind."""
    return Path(path.name.removesuffix(".gz")).stem


class _Table(Protocol):
    """An open table: names of its columns, and these some rows at a time."""

    names: list[str]

    def batches(self, places: dict[str, str], numbers: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Arrow columns by our names; `numbers` as float64 with nulls, the others as text."""


@contextmanager
def opened(path: Path) -> Iterator[_Table]:
    """An open table; what Arrow and Astropy say about its content becomes UnreadableFolderError."""
    import pyarrow as pa  # noqa: PLC0415 (an extra)

    kind = kind_of(path)
    if not path.exists():
        raise UnreadableFolderError(f"there is no file {path}")
    if kind is None:
        raise UnreadableFolderError(f"{path} is no table that can be read: {KNOWN}")
    try:
        if kind == "csv":
            yield _Csv(path)
        elif kind == "parquet":
            yield _Parquet(path)
        else:
            yield _Astropy(path, kind)
    except (pa.ArrowException, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableFolderError(f"cannot read {path}: {error}") from error
    except OSError as error:
        if error.errno is not None:  # the system's word, not a library's about damaged data
            raise
        raise UnreadableFolderError(f"cannot read {path}: {error}") from error


class _Csv:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.names: list[str] = []
        with self._stream() as stream:
            beginning = stream.read(HEADER)
        if b"\0" in beginning or beginning[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            raise UnreadableFolderError(f"{path} is no text in UTF-8")
        lines = beginning.removeprefix(b"\xef\xbb\xbf").splitlines()
        if len(beginning) == HEADER and len(lines) == 1:
            raise UnreadableFolderError(
                f"{path}: its first line is longer than {HEADER:,} bytes: it should name the columns"
            )
        comments = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith(b"#")), len(lines))
        if comments == len(lines):  # nothing, or no row
            lines = [line.lstrip(b"# ") for line in lines]
        try:
            first = lines[comments].decode() if comments < len(lines) else lines[-1].decode() if lines else ""
            self._separator = max(SEPARATORS, key=first.count) if any(map(first.count, SEPARATORS)) else SPACE
            self.names, self._skipped = self._split(first), comments + 1
            if comments < len(lines) and all(map(_is_number, self.names)):  # the names are a comment
                self.names = self._named([line.decode().lstrip("# ") for line in lines[:comments]])
                self._skipped = comments
        except UnicodeDecodeError as error:
            raise UnreadableFolderError(f"{path} is no text in UTF-8: {error}") from error

    def _named(self, comments: list[str]) -> list[str]:
        """The names, out of the comments before the rows: the line with most of those we know; of equals the last."""
        known = {name for names in (MEANINGS, *ALSO.values()) for name in names}
        found = [names for comment in comments if len(names := self._split(comment)) == len(self.names)]
        if not found:
            raise UnreadableFolderError(
                f"{self._path} does not name its {len(self.names)} columns: put a line such as mjd,mag,magerr before "
                "its numbers, with the same separator"
            )
        return max(reversed(found), key=lambda names: len(known & {name.casefold() for name in names}))

    def _stream(self) -> Any:
        import pyarrow as pa  # noqa: PLC0415

        return pa.input_stream(str(self._path), compression="detect")

    def _split(self, line: str) -> list[str]:
        if self._separator == SPACE:
            return line.split()
        rows = list(csv.reader([line], delimiter=self._separator, skipinitialspace=True))
        return [name.strip() for name in rows[0]] if rows else []

    def batches(self, places: dict[str, str], numbers: Sequence[str]) -> Iterator[dict[str, Any]]:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import csv as arrow_csv  # noqa: PLC0415

        at = {name: str(self.names.index(place)) for name, place in places.items()}
        columns = [str(number) for number in range(len(self.names))]
        reading = arrow_csv.ReadOptions(use_threads=False, skip_rows=self._skipped, column_names=columns)
        parsing = arrow_csv.ParseOptions(delimiter=self._separator)
        converting = arrow_csv.ConvertOptions(
            include_columns=list(at.values()),
            column_types=dict.fromkeys(at.values(), pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        )
        with self._stream() as packed:
            stream = pa.TransformInputStream(packed, _Spaces()) if self._separator == SPACE else packed
            try:
                reader = arrow_csv.open_csv(stream, reading, parsing, converting)
            except pa.ArrowInvalid as error:
                if "Empty CSV file" in str(error):
                    return
                raise
            before = self._skipped
            for batch in reader:
                yield {
                    name: self._parsed(batch.column(i), places[name], name in numbers, before)
                    for i, name in enumerate(at)
                }
                before += batch.num_rows

    def _parsed(self, column: Any, place: str, number: bool, before: int) -> Any:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import compute  # noqa: PLC0415

        text = compute.utf8_trim_whitespace(column)
        if not number:
            return compute.if_else(compute.equal(text, ""), None, text)
        if self._separator == ";":  # where a comma may stand before decimals
            text = compute.replace_substring(text, ",", ".")
        text = compute.if_else(compute.is_in(text, value_set=pa.array(MISSING)), None, text)
        try:
            return text.cast(pa.float64())
        except pa.ArrowInvalid:
            row, value = next((row, one) for row, one in enumerate(text.to_pylist()) if one and not _is_number(one))
            raise UnreadableFolderError(
                f"{self._path}: column {place} should hold numbers, and has {value[:40]!r} in about line "
                f"{before + row + 1}; a value that is missing is empty or nan"
            ) from None


class _Spaces:
    """Leaves one space of several, and none at the ends of lines, of text in pieces, of which the last is empty."""

    def __init__(self) -> None:
        self._unfinished = b""

    def __call__(self, piece: Any) -> bytes:
        text = self._unfinished + bytes(piece)
        end = text.rfind(b"\n") + 1 if piece else len(text)
        self._unfinished = text[end:]
        return re.sub(rb"[ \t]+", b" ", re.sub(rb"(?m)^[ \t]+|[ \t\r]+$", b"", text[:end]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


class _Parquet:
    def __init__(self, path: Path) -> None:
        from pyarrow import parquet  # noqa: PLC0415

        self._path = path
        self.names = parquet.read_schema(path).names

    def batches(self, places: dict[str, str], numbers: Sequence[str]) -> Iterator[dict[str, Any]]:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        with parquet.ParquetFile(self._path) as file:
            for batch in file.iter_batches(ROWS, columns=list(set(places.values()))):
                yield {
                    name: batch.column(place).cast(pa.float64() if name in numbers else pa.string())
                    for name, place in places.items()
                }


class _Astropy:
    """A table of which Astropy reads the text all at once, and FITS from the disk as it is asked for."""

    def __init__(self, path: Path, kind: str) -> None:
        from astropy.table import Table  # noqa: PLC0415 (an extra)

        if kind != "fits" and path.stat().st_size > WHOLE:
            raise UnreadableFolderError(
                f"{path} has more than {WHOLE >> 20} MiB: make it CSV, Parquet or FITS, which need not be held at once"
            )
        options = {"memmap": True} if kind == "fits" else {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of units and dialects; what matters is checked
                self._table = Table.read(path, format=kind, **options)
        except OSError:
            raise
        except Exception as error:  # its readers raise whatever the bytes lead them to
            raise UnreadableFolderError(f"cannot read {path}: {error or type(error).__name__}") from error
        self._path = path
        self.names = list(self._table.colnames)

    def batches(self, places: dict[str, str], numbers: Sequence[str]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(self._table), ROWS):
            rows = self._table[start : start + ROWS]
            yield {name: self._column(rows[place], name, place, name in numbers) for name, place in places.items()}

    def _column(self, column: Any, name: str, place: str, number: bool) -> Any:
        import pyarrow as pa  # noqa: PLC0415

        if hasattr(column, "mjd"):  # times of any scale and format
            column = column.mjd
        if column.ndim != 1:
            raise UnreadableFolderError(
                f"{self._path}: column {place} has several values in a row: one row is one epoch"
            )
        mask = np.broadcast_to(getattr(column, "mask", False), column.shape)
        if not number:
            values = np.asarray(column)
            texts = [value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in values.tolist()]
            return pa.array([text.strip() for text in texts], pa.string(), mask=mask)
        try:
            values = np.asarray(column.filled(0) if hasattr(column, "filled") else column).astype(np.float64)
            factor = self._factor(getattr(column, "unit", None), name)
        except (ValueError, TypeError) as error:
            raise UnreadableFolderError(f"{self._path}: column {place} should hold numbers: {error}") from error
        return pa.array(values * factor, mask=mask)

    @staticmethod
    def _factor(unit: Any, name: str) -> float:
        """By what numbers of this unit are multiplied to be in ours; a unit that nobody knows is taken for ours."""
        from astropy import units  # noqa: PLC0415

        if unit is None or name not in UNITS or isinstance(unit, units.UnrecognizedUnit):
            return 1.0
        return float(unit.to(units.Unit(UNITS[name])))


def convert(files: Sequence[Path], columns: Columns, target: Path, *, star_by_file: bool = False) -> list[str]:
    """Writes the rows of these tables to one Parquet file, under our names.

    Args:
        star_by_file: a file is named after its one object, where no column object_id says it.

    Returns:
        Names of the objects whose files have no row.

    Raises:
        UnreadableFolderError: a table cannot be read, or lacks a column, also an optional one that the first has.
    """
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    empty: list[str] = []
    pieces = _pieces(files, columns, empty, star_by_file=star_by_file)
    first = next(pieces, None)
    if first is None:
        raise UnreadableFolderError(f"no row in {files[0]}{f' and {len(files) - 1} more' if files[1:] else ''}")
    with parquet.ParquetWriter(target, first.schema) as writer:
        gathered = [first]
        for piece in pieces:
            if sum(map(len, gathered)) + len(piece) > ROWS:
                writer.write_table(pa.concat_tables(gathered))
                gathered = []
            gathered.append(piece)
        writer.write_table(pa.concat_tables(gathered))
    return empty


def _pieces(files: Sequence[Path], columns: Columns, empty: list[str], *, star_by_file: bool) -> Iterator[Any]:
    """Some rows at a time, with the columns of the first table; names of files without a row are added to `empty`."""
    import pyarrow as pa  # noqa: PLC0415

    of_star = replace(columns, text=[name for name in columns.text if name != "object_id"])
    names: list[str] = []
    for path in files:
        star = stem_of(path)
        with opened(path) as table:
            if star_by_file and not table.names:
                empty.append(star)
                continue
            own_name = star_by_file and columns.place(path, "object_id", table.names) is None
            places = (of_star if own_name else columns).places(path, table.names)
            names = names or ["object_id", *(name for name in places if name != "object_id")]
            lacking = [name for name in names if name not in places and not (own_name and name == "object_id")]
            if lacking:
                raise UnreadableFolderError(f"{path} has no column {', '.join(lacking)}, and {files[0]} has")
            rows = 0
            for batch in table.batches({name: places[name] for name in names if name in places}, columns.all_numbers):
                size = len(next(iter(batch.values())))
                rows += size
                for name in ("object_id", "band"):
                    if name in batch and batch[name].null_count:
                        empty_rows = f"{path}: column {places[name]} is empty in {batch[name].null_count} rows"
                        raise UnreadableFolderError(empty_rows)
                if own_name:
                    batch["object_id"] = pa.array([star] * size, pa.string())
                yield pa.table({name: batch[name] for name in names})
            if own_name and not rows:
                empty.append(star)
