"""Features and periods of light curves that grow: in a stream, with the state of last time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from starsieve.features.analyse import (
    FREQUENCY,
    N_COLUMNS,
    N_FEATURES,
    N_PROFILE,
    plan_states,
    update_batch,
)
from starsieve.features.arrays import as_floats, is_masked
from starsieve.features.check import REASONS, UnusableLightCurve
from starsieve.features.periods.period import Period, period_from_row

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Updates:
    """What is known of n objects in v views with m light curves, one in each band of each, view by view.

    A light curve with a reason has NaN for features and profile; a view of such alone has None for a period.
    """

    features: Floats  # a row for each light curve, in the order of FEATURES
    profiles: Floats  # the same, in the order of PROFILE
    reasons: list[str | None]  # (m,)
    periods: list[Period | None]  # (v,)
    states: list[bytes | None]  # (n,)


@dataclass(frozen=True, slots=True)
class Update:
    """Features, profile (in the order of FEATURES and PROFILE), period and search state of one light curve."""

    features: Floats
    profile: Floats
    period: Period
    state: bytes | None


def as_offsets(name: str, offsets: ArrayLike, size: int) -> NDArray[np.int64]:
    """Where light curves or objects start, and the last one ends. Raises ValueError."""
    checked = np.ascontiguousarray(offsets, dtype=np.int64)
    if checked.ndim != 1 or checked.size == 0 or checked[0] < 0 or checked[-1] > size or (np.diff(checked) < 0).any():
        raise ValueError(f"{name} must rise from 0 to at most {size}")
    return checked


def as_objects(objects: ArrayLike | None, n_curves: int) -> NDArray[np.int64]:
    """The light curves at which objects start; None: each is one. Raises ValueError."""
    if objects is None:
        return np.arange(n_curves + 1)
    checked = as_offsets("objects", objects, n_curves)
    if checked[0] != 0 or checked[-1] != n_curves:
        raise ValueError(f"objects must rise from 0 to {n_curves}, the number of light curves")
    return checked


def _as_views(asof: ArrayLike | None, views: ArrayLike | None, n: int) -> tuple[NDArray[np.int64], Floats]:
    until = np.full(n, np.inf) if asof is None else np.ascontiguousarray(asof, dtype=np.float64)
    checked = np.arange(n + 1) if views is None else as_offsets("views", views, until.size)
    if until.ndim != 1 or checked.size != n + 1 or checked[0] != 0 or checked[-1] != until.size:
        raise ValueError(f"asof must have one time per object, or per view of each, got {until.shape} for {n}")
    rising = until[1:] >= until[:-1]
    if not np.isin(np.flatnonzero(~rising) + 1, checked).all():
        raise ValueError("asof must rise from view to view of an object")
    return checked, until


def as_light_curves(
    mjd: ArrayLike, mag: ArrayLike, magerr: ArrayLike
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_] | None]:
    """The epochs of which nothing is masked, and which of all (n,) they are; None: all."""
    arrays = as_columns(mjd, mag, magerr)
    masked = is_masked(mjd, mag, magerr)
    if masked is None:
        return *arrays, None
    return arrays[0][~masked], arrays[1][~masked], arrays[2][~masked], ~masked


def as_columns(mjd: ArrayLike, mag: ArrayLike, magerr: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Three columns (n,) as numbers. Raises TypeError, and ValueError where they differ in length."""
    arrays = as_floats(mjd, "mjd"), as_floats(mag, "mag"), as_floats(magerr, "magerr")
    if any(a.ndim != 1 or a.shape != arrays[0].shape for a in arrays):
        raise ValueError(f"mjd, mag and magerr must have one length, got {[a.shape for a in arrays]}")
    return arrays


def _slices(n: int, threads: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, n, threads + 1).astype(int).tolist()
    return [(a, b) for a, b in pairwise(edges) if b > a]


def update_many(
    states: Sequence[bytes | None],
    mjd: ArrayLike,
    mag: ArrayLike,
    magerr: ArrayLike,
    offsets: ArrayLike,
    *,
    objects: ArrayLike | None = None,
    asof: ArrayLike | None = None,
    views: ArrayLike | None = None,
    min_epochs: int = 0,
    threads: int = 1,
) -> Updates:
    """Features of n objects with m light curves as they stand, with and for the search states.

    Light curve i is mjd, mag, magerr[offsets[i]:offsets[i + 1]], sorted by time (days, magnitudes); `offsets` has
    m + 1 entries. Object j has the light curves objects[j] to objects[j + 1] - 1, one in each band; `objects` has n + 1
    entries, None: every light curve is an object. The bands of an object have one period, which suits all: each has its
    own mean and harmonics, and their chi2 are added. Bands that cannot be used alone, have fewer than `min_epochs`
    epochs, or lie too far in time from longer ones, are left out. Of a light curve of more than 8,000 epochs the newest
    6,001 to 8,000 count, which are the same for 2,000 epochs. The period is searched in the epochs up to the last rung
    (`starsieve.features.periods.ladder`), within 2 % of all, and measured with all.

    `states[j]` is what an earlier update of the object returned, or None; it changes the cost, never the result. Epochs
    later than `asof[j]` are ignored; a state that covers some of them is handed back as it is. With `views` (n + 1,),
    object j is seen as of the rising times asof[views[j]:views[j + 1]], one after the other, at hardly more cost than
    once; results are in that order, all bands of one view after those of the view before. Epochs of which anything is
    masked are left out; `offsets` count them all the same. Releases the GIL.

    Raises ValueError for columns, offsets, objects, views or states that do not fit, TypeError for datetimes or text.
    """
    size = np.size(mjd)
    mjd, mag, magerr, unmasked = as_light_curves(mjd, mag, magerr)
    offsets = as_offsets("offsets", offsets, size)
    if unmasked is not None:
        offsets = np.concatenate([[0], np.cumsum(unmasked)])[offsets]
    objects = as_objects(objects, offsets.size - 1)
    n = objects.size - 1
    if len(states) != n:
        raise ValueError(f"{len(states)} states for {n} objects")
    views, until = _as_views(asof, views, n)
    # A state is a multiple of 8 bytes long; one that is not would break the alignment of those behind it.
    usable = [s if s is not None and len(s) % 8 == 0 else b"" for s in states]
    old = np.frombuffer(bytearray().join(usable), np.uint8)
    old_offsets = np.zeros(n + 1, np.int64)
    np.cumsum([len(s) for s in usable], out=old_offsets[1:])
    slots, curves = np.empty(n + 1, np.int64), np.zeros(n + 1, np.int64)
    plan_states(mjd, offsets, objects, views, until, slots)
    np.cumsum(np.diff(objects) * np.diff(views), out=curves[1:])
    m, v = int(curves[-1]), until.size
    new = np.empty(slots[-1], np.uint8)
    features, profiles = np.full((m, N_FEATURES), np.nan), np.full((m, N_PROFILE), np.nan)
    rows = np.full((v, N_COLUMNS), np.nan)
    sizes, codes = np.empty(n, np.int64), np.empty(m, np.int64)

    def run(part: tuple[int, int]) -> None:
        a, b = part
        update_batch(mjd, mag, magerr, offsets, objects[a : b + 1], views[a : b + 1], until, min_epochs, old,
                     old_offsets[a : b + 1], new, slots[a : b + 1], curves[a : b + 1], features, profiles, rows,
                     sizes[a:b], codes)  # fmt: skip

    in_threads(run, n, threads)
    kept = zip(states, slots.tolist(), sizes.tolist(), strict=False)
    return Updates(
        features=features,
        profiles=profiles,
        reasons=[REASONS[code] for code in codes.tolist()],
        periods=[period_from_row(row) if row[FREQUENCY] > 0 else None for row in rows.tolist()],
        states=[state if size < 0 else new[slot : slot + size].tobytes() for state, slot, size in kept],
    )


def in_threads(run: Callable[[tuple[int, int]], None], n: int, threads: int) -> None:
    """Runs it on so many equal parts of n, side by side."""
    parts = _slices(n, threads)
    if len(parts) <= 1:
        for part in parts:
            run(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, parts))


def update(
    state: bytes | None, mjd: ArrayLike, mag: ArrayLike, magerr: ArrayLike, *, asof: float | None = None
) -> Update:
    """Features, period and new state of one light curve, in any order of time; see `update_many`.

    Raises UnusableLightCurve.
    """
    until = None if asof is None else [asof]
    times, mags, errors, _ = as_light_curves(mjd, mag, magerr)
    if (np.diff(times) < 0).any():
        order = np.argsort(times, kind="stable")
        times, mags, errors = times[order], mags[order], errors[order]
    result = update_many([state], times, mags, errors, [0, times.size], asof=until)
    if result.reasons[0] is not None or result.periods[0] is None:
        raise UnusableLightCurve(result.reasons[0] or "no_period")
    return Update(result.features[0], result.profiles[0], result.periods[0], result.states[0])
