"""Feature tables: what a network is trained on, one row for each light curve of an object, cached on disk."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from starsieve import features
from starsieve.features import caches
from starsieve.features.periods.aliases import NAMES, alias_names
from starsieve.features.periods.period import TRUST
from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools import compiling
from starsieve.features.tools.commands import check_folder, replacing
from starsieve.features.tools.errors import UsageError
from starsieve.features.tools.lightcurves import NO_USABLE_EPOCHS, LightCurves, content

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

TOO_FEW_EPOCHS = "too_few_epochs"
PERIOD = ("period", "trust", "aliases")  # the last columns of what is cached


@dataclass(frozen=True)
class Table:
    """Features of n objects in r rows; objects without a row have a reason."""

    object_id: npt.NDArray[np.str_]  # (n,)
    label: npt.NDArray[np.str_]  # (n,)
    owner: Ints  # (r,) index of the object
    epochs: Ints  # (r,)
    features: Floats  # (r, 39), in the order of scaling.COLUMNS
    view: Ints  # (r,) 0 for light curves as they are, 1, 2, ... for the same ones augmented in several ways
    reason: npt.NDArray[np.str_]  # (n,) why the object has no row; "" where it has
    band: npt.NDArray[np.str_]  # (r,)

    def select(self, objects: Ints) -> "Table":
        """These objects (any order, no repeats) and their rows."""
        number = np.full(len(self.object_id), -1)
        number[objects] = np.arange(len(objects))
        rows = number[self.owner] >= 0
        return Table(
            self.object_id[objects],
            self.label[objects],
            number[self.owner[rows]],
            self.epochs[rows],
            self.features[rows],
            self.view[rows],
            self.reason[objects],
            self.band[rows],
        )

    def keep(self, rows: Flags) -> "Table":
        """The same objects with only these rows."""
        parts = (self.owner[rows], self.epochs[rows], self.features[rows], self.view[rows])
        return Table(self.object_id, self.label, *parts, self.reason, self.band[rows])

    def own(self) -> "Table":
        """Without the augmented views."""
        return self.keep(self.view == 0)


@dataclass(frozen=True)
class Periods:
    """Of n objects; "" and NaN where none was found."""

    days: Floats  # (n,)
    trust: npt.NDArray[np.str_]  # (n,) see features.Period
    aliases: npt.NDArray[np.str_]  # (n,) with commas between them


def stack(tables: Sequence[Table]) -> Table:
    """Rows of several tables of the same objects (a star observed in several ways) in one table."""
    first = tables[0]
    reason = np.where(np.any([table.reason == "" for table in tables], axis=0), "", first.reason)
    return Table(
        first.object_id,
        first.label,
        np.concatenate([table.owner for table in tables]),
        np.concatenate([table.epochs for table in tables]),
        np.concatenate([table.features for table in tables]),
        np.concatenate([np.full(len(table.owner), view) for view, table in enumerate(tables)]),
        reason,
        np.concatenate([table.band for table in tables]),
    )


def joined(tables: Sequence[Table]) -> Table:
    """The objects of several tables, one after the other."""
    first = np.cumsum([0, *(len(table.object_id) for table in tables)])
    return Table(
        np.concatenate([table.object_id for table in tables]),
        np.concatenate([table.label for table in tables]),
        np.concatenate([table.owner + start for table, start in zip(tables, first[:-1], strict=True)]),
        np.concatenate([table.epochs for table in tables]),
        np.concatenate([table.features for table in tables]),
        np.concatenate([table.view for table in tables]),
        np.concatenate([table.reason for table in tables]),
        np.concatenate([table.band for table in tables]),
    )


def default_cache() -> Path:
    """Where features are kept between runs: see `caches.folder`, or not at all where that cannot be written.

    Raises OSError where no file can be written anywhere.
    """
    return caches.writable_folder()


def extract(curves: LightCurves, *, cache: Path | None = None, threads: int = 1, min_epochs: int = MIN_EPOCHS) -> Table:
    """As `extract_with_periods`, without the periods."""
    return extract_with_periods(curves, cache=cache, threads=threads, min_epochs=min_epochs)[0]


def extract_with_periods(
    curves: LightCurves, *, cache: Path | None = None, threads: int = 1, min_epochs: int = MIN_EPOCHS
) -> tuple[Table, Periods]:
    """Features of every light curve with at least min_epochs points; those of one object have one period.

    With a cache folder, a set of light curves that this version of the feature code has seen before is not computed
    again. Raises UsageError for a cache folder that cannot be written.
    """
    long = curves.epochs >= min_epochs
    usable = curves.keep(np.repeat(long, curves.epochs))
    offsets = np.concatenate([[0], np.cumsum(curves.epochs[long])])
    owner, epochs = curves.owner[long], curves.epochs[long]
    objects = np.append(np.unique(owner, return_index=True)[1], len(owner))

    def compute() -> Floats:
        compiling.prepare()
        light_curves = usable.mjd, usable.mag, usable.magerr, offsets
        found = features.extract_many(*light_curves, objects=objects, threads=threads)
        of_object = np.array([_numbered(period) for period in found.periods]).reshape(-1, len(PERIOD))
        return np.hstack([found.features, found.profiles, np.repeat(of_object, np.diff(objects), axis=0)])

    values = cached(cache, caches.code_of("features"), usable, compute) if cache else compute()
    good = ~np.isnan(values[:, 0])
    reason = np.full(len(curves.object_id), TOO_FEW_EPOCHS, dtype=object)
    for number in np.setdiff1d(owner[~good], owner[good]):  # few, and found out at once
        first, last = np.searchsorted(owner, [number, number + 1])
        points, of_object = slice(offsets[first], offsets[last]), offsets[first : last + 1] - offsets[first]
        light_curves = usable.mjd[points], usable.mag[points], usable.magerr[points], of_object
        reason[number] = features.extract_many(*light_curves, objects=[0, last - first]).reasons[0]
    reason[np.bincount(curves.owner, curves.epochs, len(reason)) == 0] = NO_USABLE_EPOCHS
    reason[owner[good]] = ""
    view = np.zeros(np.count_nonzero(good), dtype=np.int64)
    band = np.array(curves.bands)[curves.band[long]]
    rows = owner[good], epochs[good], values[good, : -len(PERIOD)], view
    table = Table(curves.object_id, curves.label, *rows, reason.astype(np.str_), band[good])
    return table, _periods(len(reason), owner[good], values[good])


def _numbered(period: features.Period | None) -> tuple[float, ...]:
    """What PERIOD names, as numbers."""
    if period is None:
        return (np.nan,) * len(PERIOD)
    return period.period, TRUST.index(period.trust), sum(1 << NAMES.index(name) for name in period.aliases)


def _periods(count: int, owner: Ints, values: Floats) -> Periods:
    """The periods of `count` objects from the rows that some of them have."""
    days, trust, aliases = np.full(count, np.nan), np.full(count, "", object), np.full(count, "", object)
    first = np.unique(owner, return_index=True)[1]
    for number, row in zip(owner[first].tolist(), values[first, -len(PERIOD) :].tolist(), strict=True):
        days[number], trust[number], aliases[number] = row[0], TRUST[int(row[1])], ",".join(alias_names(int(row[2])))
    return Periods(days, trust.astype(np.str_), aliases.astype(np.str_))


def cached(cache: Path, what: str, curves: LightCurves, compute: Callable[[], Floats]) -> Floats:
    """What is computed from light curves, from a file in the cache if it was computed before.

    what: says what is computed and by which code; another text is another file.
    """
    path = cache / f"{content(what, curves.owner, curves.offsets, curves.mjd, curves.mag, curves.magerr)}.npy"
    with suppress(OSError, ValueError, EOFError):  # not there, or damaged
        return np.asarray(np.load(path))
    try:
        check_folder(cache)
    except UsageError as error:
        raise UsageError(f"cannot keep features: {error}, with --cache or STARSIEVE_CACHE") from error
    values = compute()
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        np.save(file, values)
    return values
