"""Many light curves of unequal length in flat arrays, and as the two tables that every survey's data come in."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Strings = NDArray[np.str_]


@dataclass(frozen=True)
class LightCurves:
    """n objects; points of object i are rows offsets[i] to offsets[i + 1], ordered by band, then mjd.

    object_id, label (n,) text; offsets (n + 1,); band (n_points,) text; mjd days, mag and magerr magnitudes
    (n_points,). splits.star(object_id) is the star that the light curve was made from: split by it, not by the
    whole id, or one star sits on both sides.
    """

    object_id: Strings
    label: Strings
    band: Strings
    mjd: Floats
    mag: Floats
    magerr: Floats
    offsets: Ints

    def __len__(self) -> int:
        return len(self.object_id)


@dataclass(frozen=True)
class Epochs:
    """When n objects are observed, in one band: mjd (n_points,), ascending within each object; offsets (n + 1,)."""

    mjd: Floats
    offsets: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def index(self) -> Ints:
        """Which object each point belongs to, (n_points,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


def concatenate(parts: Iterable[LightCurves]) -> LightCurves:
    """One collection of all the parts, in their order; raises ValueError if there are none."""
    chunks = list(parts)
    counts = np.concatenate([np.diff(chunk.offsets) for chunk in chunks])
    return LightCurves(
        object_id=np.concatenate([chunk.object_id for chunk in chunks]),
        label=np.concatenate([chunk.label for chunk in chunks]),
        band=np.concatenate([chunk.band for chunk in chunks]),
        mjd=np.concatenate([chunk.mjd for chunk in chunks]),
        mag=np.concatenate([chunk.mag for chunk in chunks]),
        magerr=np.concatenate([chunk.magerr for chunk in chunks]),
        offsets=offsets_of(counts),
    )


def offsets_of(counts: Ints) -> Ints:
    """Where each of the runs of these lengths starts in a flat array, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
