"""Feature tables: what a network is trained on, one row for each light curve of an object, cached on disk."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import numpy.typing as npt

import features
from models.lightcurves import BandLightCurves

MIN_EPOCHS = 20  # of a band, as in the stream
TOO_FEW_EPOCHS = "too_few_epochs"


@dataclass(frozen=True)
class Table:
    """Features of n objects in r rows; objects without a row have a reason."""

    object_id: npt.NDArray[np.str_]  # (n,)
    label: npt.NDArray[np.str_]  # (n,)
    owner: npt.NDArray[np.int64]  # (r,) index of the object
    epochs: npt.NDArray[np.int64]  # (r,)
    features: npt.NDArray[np.float64]  # (r, 16)
    reason: npt.NDArray[np.str_]  # (n,) why the object has no row; "" where it has

    def select(self, objects: npt.NDArray[np.int64]) -> "Table":
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
            self.reason[objects],
        )


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
        reason,
    )


def default_cache() -> Path:
    """Where features are kept between runs: STARSIEVE_CACHE, or the user's cache folder."""
    return Path(os.environ.get("STARSIEVE_CACHE", Path.home() / ".cache" / "starsieve"))


def extract(curves: BandLightCurves, *, parity: bool = False, cache: Path | None = None, threads: int = 1) -> Table:
    """Features of every light curve with at least MIN_EPOCHS points.

    parity: the published period search instead of the stream's. With a cache folder, light curves that were seen
    before by the same version of the feature code are not computed again.
    """
    long = curves.epochs >= MIN_EPOCHS
    pick = curves.keep(np.repeat(long, curves.epochs))
    offsets = np.concatenate([[0], np.cumsum(curves.epochs[long])])
    values, failed = _cached(pick.mjd, pick.mag, pick.magerr, offsets, parity=parity, cache=cache, threads=threads)
    owner, epochs = curves.owner[long], curves.epochs[long]
    reason = np.full(len(curves.object_id), TOO_FEW_EPOCHS, dtype=np.dtypes.StringDType())
    reason[owner] = failed
    good = failed == ""
    reason[owner[good]] = ""
    return Table(curves.object_id, curves.label, owner[good], epochs[good], values[good], reason.astype(np.str_))
