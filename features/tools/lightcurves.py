"""Ragged light curves in flat arrays, and the one rule by which every command cleans them."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from starsieve.features.periods.grid import LONGEST_BASELINE
from starsieve.features.photometry import is_measured

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Strings = NDArray[np.str_]

NO_USABLE_EPOCHS = "no_usable_epochs"  # why an object or a light curve of which nothing is left has no features


@dataclass(frozen=True, slots=True)
class LightCurves:
    """n objects and their m light curves, one for each object and band, by object and band.

    Light curve i is mjd, mag, magerr[offsets[i]:offsets[i + 1]], sorted by time (days, magnitudes). One of which no
    epoch can be used is there and empty; an object without any epoch has no light curve.
    """

    object_id: Strings  # (n,)
    label: Strings  # (n,) "" where unknown
    owner: Ints  # (m,) index of the object, ascending
    band: Ints  # (m,) index of the band
    bands: Strings  # names, sorted
    offsets: Ints  # (m + 1,)
    mjd: Floats
    mag: Floats
    magerr: Floats
    dropped: Ints  # (m,) epochs that are not here because they cannot be used

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def epochs(self) -> Ints:
        """Points of every light curve, (m,)."""
        return np.diff(self.offsets)

    @property
    def bands_seen(self) -> list[str]:
        """The bands of which an epoch is here, sorted."""
        return [str(name) for name in self.bands[np.unique(self.band[self.epochs > 0])]]

    @property
    def objects(self) -> Ints:
        """Where each object's light curves start, and where the last one's end: (n + 1,)."""
        return np.searchsorted(self.owner, np.arange(len(self.object_id) + 1))

    @property
    def starts(self) -> Ints:
        """Where each object's points start, and where the last one's end: (n + 1,)."""
        return self.offsets[self.objects]

    def keep(self, points: Flags) -> "LightCurves":
        """The same objects and bands with only these points."""
        kept = np.concatenate([[0], np.cumsum(points)])
        return LightCurves(
            self.object_id,
            self.label,
            self.owner,
            self.band,
            self.bands,
            kept[self.offsets],
            self.mjd[points],
            self.mag[points],
            self.magerr[points],
            self.dropped,
        )

    def first(self, count: int) -> "LightCurves":
        """Every light curve cut to its first `count` epochs."""
        within = np.arange(self.offsets[-1]) - np.repeat(self.offsets[:-1], self.epochs)
        return self.keep(within < count)

    def select(self, objects: Ints) -> "LightCurves":
        """These objects (ascending indices), with their light curves."""
        number = np.full(len(self.object_id), -1)
        number[objects] = np.arange(len(objects))
        curves = number[self.owner] >= 0
        points = np.repeat(curves, self.epochs)
        return LightCurves(
            self.object_id[objects],
            self.label[objects],
            number[self.owner[curves]],
            self.band[curves],
            self.bands,
            np.concatenate([[0], np.cumsum(self.epochs[curves])]),
            self.mjd[points],
            self.mag[points],
            self.magerr[points],
            self.dropped[curves],
        )

    def chunks(self, size: int) -> Iterator["LightCurves"]:
        """Consecutive parts of `size` objects; they share their arrays with the whole."""
        for start in range(0, len(self.object_id), size):
            a, b = np.searchsorted(self.owner, [start, start + size])
            objects, points = slice(start, start + size), slice(self.offsets[a], self.offsets[b])
            yield LightCurves(
                self.object_id[objects],
                self.label[objects],
                self.owner[a:b] - start,
                self.band[a:b],
                self.bands,
                self.offsets[a : b + 1] - self.offsets[a],
                self.mjd[points],
                self.mag[points],
                self.magerr[points],
                self.dropped[a:b],
            )


def believable(owner: Ints, mjd: Floats, mag: Floats, magerr: Floats) -> Flags:
    """Which epochs (n,) can be used at all: finite, sane, at a time not absurdly far from the others of their object.

    Some catalogues hold epochs two million days ago. The others are those of the same object, so that what is left of a
    star does not depend on what else is in its folder.
    """
    sane = np.isfinite(mjd) & is_measured(mag, magerr)
    order = np.flatnonzero(sane)
    order = order[np.lexsort((mjd[order], owner[order]))]
    of_sane, times = owner[order], mjd[order]
    starts = np.flatnonzero(np.append(True, of_sane[1:] != of_sane[:-1])[: len(order)])
    ends = np.append(starts[1:], len(order))
    median = (times[(starts + ends - 1) // 2] + times[(starts + ends) // 2]) / 2
    sane[order] = np.abs(times - np.repeat(median, ends - starts)) < LONGEST_BASELINE / 2
    return np.asarray(sane)


def assemble(
    object_id: Strings,
    label: Strings,
    owner: Ints,
    *,
    band: Ints,
    bands: Strings,
    mjd: Floats,
    mag: Floats,
    magerr: Floats,
) -> LightCurves:
    """Light curves from points in any order; owner (points,) is the index of each point's object, band of its band.

    This is the rule of cleaning: points that are not `believable` go (NaN: a missing value); of several at one time in
    one band, the one with the smallest error stays.

    Args:
        bands: names, sorted.
    """
    curve = owner * len(bands) + band
    order = np.lexsort((magerr, mjd, curve))
    curve, mjd, mag, magerr = curve[order], mjd[order], mag[order], magerr[order]
    kept = believable(curve // max(len(bands), 1), mjd, mag, magerr)
    left = np.flatnonzero(kept)
    kept[left[1:][(np.diff(mjd[left]) == 0) & (np.diff(curve[left]) == 0)]] = False
    starts = np.flatnonzero(np.append(True, curve[1:] != curve[:-1])[: len(curve)])
    here = np.concatenate([[0], np.cumsum(kept)])
    offsets = here[np.append(starts, len(curve))]
    dropped = np.diff(np.append(starts, len(curve))) - np.diff(offsets)
    owner, band = curve[starts] // max(len(bands), 1), curve[starts] % max(len(bands), 1)
    return LightCurves(object_id, label, owner, band, bands, offsets, mjd[kept], mag[kept], magerr[kept], dropped)


def concatenate(parts: Iterable[LightCurves]) -> LightCurves:
    """The objects of all parts, in their order; raises ValueError if there are none. Bands are those that are met."""
    chunks = list(parts)
    before = np.cumsum([0, *(len(chunk.object_id) for chunk in chunks)])
    bands, band = np.unique(np.concatenate([chunk.bands[chunk.band] for chunk in chunks]), return_inverse=True)
    return LightCurves(
        object_id=np.concatenate([chunk.object_id for chunk in chunks]),
        label=np.concatenate([chunk.label for chunk in chunks]),
        owner=np.concatenate([chunk.owner + first for chunk, first in zip(chunks, before, strict=False)]),
        band=band,
        bands=bands,
        offsets=np.concatenate([[0], np.cumsum(np.concatenate([chunk.epochs for chunk in chunks]))]),
        mjd=np.concatenate([chunk.mjd for chunk in chunks]),
        mag=np.concatenate([chunk.mag for chunk in chunks]),
        magerr=np.concatenate([chunk.magerr for chunk in chunks]),
        dropped=np.concatenate([chunk.dropped for chunk in chunks]),
    )


def content(what: str, *arrays: NDArray[np.generic]) -> str:
    """Names what is computed from these arrays by the code that `what` names: other numbers, other name."""
    digest = hashlib.sha256(what.encode())
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:32]
