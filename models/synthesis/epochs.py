"""When objects are looked at: what every synthetic light curve starts from."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Strings = NDArray[np.str_]
Bools = NDArray[np.bool_]


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


@dataclass(frozen=True)
class Telescope:
    """What a survey sees of the stars it is made to look at: its bands, and how bright stars may be.

    bands: as its alerts name them, and `of_amplitudes` as `bands.BANDS` does. colour (n_bands,): the part of g - r that
    a band is fainter than r. quasar (n_bands,): amplitude of a quasar over that in r. deeper: mag, than ZTF.
    """

    bands: tuple[str, ...]
    of_amplitudes: tuple[str, ...]
    colour: tuple[float, ...]
    quasar: tuple[float, ...]
    deeper: float = 0.0


@dataclass(frozen=True)
class Exposures:
    """When n objects are observed, all bands of a telescope together.

    band (n_points,): index of its bands; limit (n_points,): flux of a 5 sigma detection, in units of magnitude 0.
    """

    telescope: Telescope
    epochs: Epochs
    band: Ints
    limit: Floats

    def curves(self) -> Iterator[Ints]:
        """Points of each object in each band, where it has any."""
        for start, stop in itertools.pairwise(self.epochs.offsets.tolist()):
            for band in range(len(self.telescope.bands)):
                chosen: Ints = np.flatnonzero(self.band[start:stop] == band) + start
                if len(chosen):
                    yield chosen


@dataclass(frozen=True)
class Alerts:
    """Which exposures give a point of the light curve (n_points,), which of them are alerts, and their values."""

    kept: Bools
    detected: Bools
    mag: Floats
    magerr: Floats


def offsets_of(counts: Ints) -> Ints:
    """Where each of the runs of these lengths starts in a flat array, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def joined(rows: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Rows of n objects in one array, and which object each belongs to, (n_points,) both."""
    counts = np.array([len(of_object) for of_object in rows], dtype=np.int64)
    return np.concatenate([np.zeros(0, dtype=np.int64), *rows]), np.repeat(np.arange(len(rows)), counts)
