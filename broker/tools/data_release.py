"""Light curves of ZTF's data releases, flat tables (also IPAC's) or a row a source with lists, as rows of the store.

Releases: https://irsa.ipac.caltech.edu/data/ZTF/docs/releases/dr10/src/dr10.html. Times (hmjd, hjd) are heliocentric;
that they are UTC and mid-exposures is assumed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.epochs import Epochs
from starsieve.broker.surveys.barycentre import FIRST_MJD, LAST_MJD, from_heliocentric
from starsieve.broker.tools.archive_rows import rows_of
from starsieve.features.tools import formats
from starsieve.features.tools.columns import UnreadableFolderError
from starsieve.features.tools.folder import as_mjd

Floats = NDArray[np.float64]

BAD = 32768  # the bit of catflags by which IRSA says that an epoch is not to be used
FILTERS = {"1": "g", "2": "r", "3": "i", "zg": "g", "zr": "r", "zi": "i"}
#: Ours, and how they are called: in bulk tables, and by the service for single light curves.
_NAMES = {
    "source": ("objectid", "oid"),
    "filter": ("filterid", "filtercode"),
    "mjd": ("hmjd", "hjd"),
    "mag": ("mag",),
    "magerr": ("magerr",),
    "catflags": ("catflags",),
    "ra": ("objra", "ra"),
    "dec": ("objdec", "dec"),
}
_NUMBERS = ("mjd", "mag", "magerr", "catflags", "ra", "dec")


@dataclass(frozen=True, slots=True)
class Source:
    """One source in one filter: position in degrees, usable epochs (perhaps none)."""

    name: str
    ra: float
    dec: float
    rows: Epochs


def is_one(path: Path) -> bool:
    """Whether a table, by its columns, is of a data release."""
    with formats.opened(path) as table:
        names = {name.casefold() for name in table.names}
    return all(names.intersection(_NAMES[name]) for name in ("source", "filter"))


def read(path: Path) -> Iterator[Source]:
    """The sources of a table; a flat one is held in memory as a whole. Raises UnreadableFolderError."""
    with formats.opened(path) as table:
        places = _places(path, table.names)
        if formats.kind_of(path) == "parquet" and _has_lists(path, places["mag"]):
            yield from _of_lists(path, places)
            return
        pieces = [{name: _column(batch[name], name) for name in _NAMES} for batch in table.batches(places, _NUMBERS)]
    if pieces:
        yield from _of_rows({name: np.concatenate([piece[name] for piece in pieces]) for name in _NAMES})


def _places(path: Path, present: list[str]) -> dict[str, str]:
    folded = {name.casefold(): name for name in present}
    found = {ours: next((folded[name] for name in names if name in folded), "") for ours, names in _NAMES.items()}
    if missing := [" or ".join(_NAMES[ours]) for ours, name in found.items() if not name]:
        raise UnreadableFolderError(f"{path} lacks {', '.join(missing)} of a data release; it has {', '.join(present)}")
    return found


def _column(column: Any, name: str) -> NDArray[Any]:
    if name in _NUMBERS:
        return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
    return np.array([str(value) for value in column.to_pylist()], np.str_)


def _of_rows(columns: dict[str, NDArray[Any]]) -> Iterator[Source]:
    order = np.lexsort((columns["filter"], columns["source"]))
    names, filters = columns["source"][order], columns["filter"][order]
    starts = np.flatnonzero(np.append(True, (names[1:] != names[:-1]) | (filters[1:] != filters[:-1])))
    for rows in np.split(order, starts[1:]):
        one = {name: columns[name][rows] for name in _NAMES}
        yield _source(str(one["source"][0]), str(one["filter"][0]), *(one[name] for name in _NUMBERS))


def _has_lists(path: Path, column: str) -> bool:
    import pyarrow as pa  # noqa: PLC0415 (an extra)
    from pyarrow import parquet  # noqa: PLC0415

    kind = parquet.read_schema(path).field(column).type
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _of_lists(path: Path, places: dict[str, str]) -> Iterator[Source]:
    from pyarrow import parquet  # noqa: PLC0415 (an extra)

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(1000, columns=list(places.values())):
            for row in batch.to_pylist():
                one = {ours: row[theirs] for ours, theirs in places.items()}
                numbers = [np.array(one[name], np.float64).reshape(-1) for name in _NUMBERS]
                yield _source(str(one["source"]), str(one["filter"]), *numbers)


def _source(name: str, filter_: str, mjd: Floats, mag: Floats, magerr: Floats, catflags: Floats,
            ra: Floats, dec: Floats) -> Source:  # fmt: skip
    """A source of its epochs; one of an unknown filter has none."""
    band = FILTERS.get(filter_)
    place = float(np.median(ra)), float(np.median(dec))
    mjd = as_mjd(mjd)[0]
    good = (np.nan_to_num(catflags, nan=BAD).astype(np.int64) & BAD) == 0
    good &= (mjd > FIRST_MJD) & (mjd < LAST_MJD) & bool(band) & np.isfinite(sum(place))
    times = from_heliocentric(mjd[good], *place)
    return Source(name, *place, rows_of(band or "g", times, mag[good], magerr[good]))
