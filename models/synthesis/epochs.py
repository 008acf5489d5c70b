"""When objects are looked at: what every synthetic light curve starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Strings = NDArray[np.str_]


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


def offsets_of(counts: Ints) -> Ints:
    """Where each of the runs of these lengths starts in a flat array, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def joined(rows: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Rows of n objects in one array, and which object each belongs to, (n_points,) both."""
    counts = np.array([len(of_object) for of_object in rows], dtype=np.int64)
    return np.concatenate([np.zeros(0, dtype=np.int64), *rows]), np.repeat(np.arange(len(rows)), counts)
