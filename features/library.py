"""The library: features and periods of light curves as they are, in columns of any kind and any order."""

import warnings
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from starsieve.features.analyse import N_FEATURES, N_PROFILE, upsilont_batch
from starsieve.features.arrays import Flags, Floats, are_rounded, is_masked, names_of
from starsieve.features.check import REASONS, UnusableLightCurve
from starsieve.features.periods.period import Period
from starsieve.features.results import Batch, Features
from starsieve.features.stream import as_columns, as_objects, as_offsets, in_threads, update_many

Ints = NDArray[np.int64]
ROUNDED = "mjd holds Julian dates in single precision, rounded to 6 hours: give float64, or days since a later date"
_CALLER = 4  # frames up: who called the library
CHUNK = 1000  # objects whose states, made and thrown away, are held at once: 7 MB at 3000 d


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Light curves one after the other, each in order of time, without the epochs that are dropped."""

    mjd: Floats
    mag: Floats
    magerr: Floats
    offsets: Ints  # (m + 1,)
    objects: Ints  # (n + 1,)
    dropped: Ints  # (m,)
    object_id: NDArray[Any]  # (m,)
    band: NDArray[Any]  # (m,)

    @property
    def owner(self) -> Ints:
        """Index of the object of each light curve."""
        return np.repeat(np.arange(self.objects.size - 1), np.diff(self.objects))


def _columns(mjd: ArrayLike, mag: ArrayLike, magerr: ArrayLike) -> tuple[Floats, Floats, Floats]:
    columns = as_columns(mjd, mag, magerr)
    if are_rounded(columns[0]):
        warnings.warn(ROUNDED, stacklevel=_CALLER)
    return columns


def _dropped(columns: tuple[Floats, ...], masked: Flags | None, *, drop_nan: bool) -> Flags:
    gone = np.zeros(columns[0].size, np.bool_) if masked is None else masked
    return gone | np.isnan(columns).any(axis=0) if drop_nan else gone


def _grouped(
    mjd: ArrayLike,
    mag: ArrayLike,
    magerr: ArrayLike,
    object_id: ArrayLike | None,
    band: ArrayLike | None,
    *,
    drop_nan: bool,
) -> _Sorted:
    """Epochs of a long table by object and band, both sorted by name."""
    columns = _columns(mjd, mag, magerr)
    names = []
    for what, given in (("object_id", object_id), ("band", band)):
        of_epoch = np.zeros(columns[0].size, np.int64) if given is None else names_of(given, what)
        if of_epoch.shape != columns[0].shape:
            raise ValueError(f"{what} must have the length of mjd, got {of_epoch.shape} for {columns[0].shape}")
        names.append(of_epoch)
    nameless = is_masked(*(given for given in (object_id, band) if given is not None))
    if nameless is not None:  # nobody knows of which light curve they would be missed
        n_nameless = np.count_nonzero(nameless)
        warnings.warn(f"{n_nameless} epochs are left out: their band or object is masked", stacklevel=_CALLER - 1)
        columns = tuple(column[~nameless] for column in columns)  # type: ignore[assignment]
        names = [of_epoch[~nameless] for of_epoch in names]
    masked = is_masked(mjd, mag, magerr)
    gone = _dropped(columns, masked if masked is None or nameless is None else masked[~nameless], drop_nan=drop_nan)
    (ids, owner), (bands, number) = (np.unique(of_epoch, return_inverse=True) for of_epoch in names)
    pairs, curve = np.unique(owner * max(bands.size, 1) + number, return_inverse=True)
    of_curve = pairs // max(bands.size, 1)
    kept = np.flatnonzero(~gone)
    order = kept[np.lexsort((columns[0][kept], curve[kept]))]
    return _Sorted(
        mjd=columns[0][order],
        mag=columns[1][order],
        magerr=columns[2][order],
        offsets=np.searchsorted(curve[order], np.arange(pairs.size + 1)),
        objects=np.searchsorted(of_curve, np.arange(ids.size + 1)),
        dropped=np.bincount(curve[gone], minlength=pairs.size),
        object_id=ids[of_curve],
        band=bands[pairs % max(bands.size, 1)],
    )


def _sliced(
    mjd: ArrayLike, mag: ArrayLike, magerr: ArrayLike, offsets: ArrayLike, objects: ArrayLike | None, *, drop_nan: bool
) -> _Sorted:
    """Light curves that stand one after the other already."""
    columns = _columns(mjd, mag, magerr)
    starts = as_offsets("offsets", offsets, columns[0].size)
    if starts[0] != 0 or starts[-1] != columns[0].size:
        n_epochs = columns[0].size
        raise ValueError(
            f"offsets run from {starts[0]} to {starts[-1]}, and there are {n_epochs} epochs: they begin with 0 and end "
            "with that number"
        )
    of_object = as_objects(objects, starts.size - 1)
    gone = _dropped(columns, is_masked(mjd, mag, magerr), drop_nan=drop_nan)
    ends = starts
    if gone.any():
        ends = np.concatenate([[0], np.cumsum(~gone)])[starts]
        columns = tuple(column[~gone] for column in columns)  # type: ignore[assignment]
    falls = np.flatnonzero(np.diff(columns[0]) < 0) + 1
    if not np.isin(falls, ends).all():
        curve = np.searchsorted(ends, np.arange(columns[0].size), side="right")
        order = np.lexsort((columns[0], curve))
        columns = tuple(column[order] for column in columns)  # type: ignore[assignment]
    number = np.repeat(np.arange(of_object.size - 1), np.diff(of_object))
    return _Sorted(
        *columns,
        offsets=ends,
        objects=of_object,
        dropped=np.diff(starts) - np.diff(ends),
        object_id=number,
        band=np.arange(starts.size - 1) - of_object[number],
    )


def extract_many(
    mjd: ArrayLike,
    mag: ArrayLike,
    magerr: ArrayLike,
    offsets: ArrayLike | None = None,
    *,
    objects: ArrayLike | None = None,
    object_id: ArrayLike | None = None,
    band: ArrayLike | None = None,
    drop_nan: bool = False,
    upsilont: bool = False,
    threads: int = 1,
) -> Batch:
    """Features and profiles of many light curves: of a long table, or of light curves that stand one after the other.

    Args:
        mjd: times (k,), days; MJD or any other count of days, in any order within a light curve. Lists, arrays, columns
            of pandas, Polars, Arrow and Astropy, and Astropy's Time.
        mag: magnitudes (k,).
        magerr: their standard errors (k,), magnitudes.
        offsets: light curve i is the epochs offsets[i] to offsets[i + 1] - 1; (m + 1,), from 0 to k.
        objects: object j has the light curves objects[j] to objects[j + 1] - 1, one in each band; (n + 1,), with
            offsets. Each is an object without.
        object_id: names of the objects (k,), where there are no offsets.
        band: names of the bands (k,), where there are no offsets. Bands of an object share one period.
        drop_nan: leave out epochs with a NaN and count them; without, a light curve that has one is `non_finite`.
        upsilont: every light curve has the period that UPSILoN-T would give it, whatever it is worth, to feed its
            network, which knows no profile: it stays NaN.
        threads: how many work side by side; the GIL is released.

    Returns:
        A row for each light curve, by object and band; one that cannot be used has a reason. Masked epochs are left out
        and counted, by a warning where the name is masked. `to_frame()` makes a DataFrame of it.

    Raises:
        TypeError: datetimes, text or the like where numbers should be.
        ValueError: columns of different lengths, offsets that do not fit, a missing name.

    Example:
        >>> import numpy as np
        >>> from starsieve.features import extract_many
        >>> mjd = np.random.default_rng(1).uniform(0, 80, 60)
        >>> mag = np.concatenate([15 + 0.3 * np.sin(2 * np.pi * mjd / period) for period in (0.61, 7.3)])
        >>> star = np.repeat(["fast", "slow"], 60)
        >>> found = extract_many(np.tile(mjd, 2), mag, np.full(120, 0.01), object_id=star)
        >>> [(name, round(period.period, 2)) for name, period in zip(found.object_id.tolist(), found.periods)]
        [('fast', 0.61), ('slow', 7.3)]
    """
    if (offsets is None) == (object_id is None and band is None):
        raise ValueError("say which epochs belong together: either offsets, or object_id, band or both")
    if offsets is None:
        if objects is not None:
            raise ValueError("objects go with offsets; without, object_id says which epochs are of an object")
        found = _grouped(mjd, mag, magerr, object_id, band, drop_nan=drop_nan)
    else:
        found = _sliced(mjd, mag, magerr, offsets, objects, drop_nan=drop_nan)
    return _extracted(found, upsilont=upsilont, threads=threads)


def _extracted(curves: _Sorted, *, upsilont: bool, threads: int) -> Batch:
    mjd, mag, magerr, offsets, objects = curves.mjd, curves.mag, curves.magerr, curves.offsets, curves.objects
    m = offsets.size - 1
    features, profiles = np.full((m, N_FEATURES), np.nan), np.full((m, N_PROFILE), np.nan)
    reasons: list[str | None] = []
    periods: list[Period | None] = []
    if upsilont:
        codes = np.empty(m, np.int64)

        def run(part: tuple[int, int]) -> None:
            a, b = part
            upsilont_batch(mjd, mag, magerr, offsets[a : b + 1], features[a:b], codes[a:b])

        in_threads(run, m, threads)
        reasons, periods = [REASONS[code] for code in codes.tolist()], [None] * (objects.size - 1)
    else:
        for start in range(0, objects.size - 1, CHUNK):
            part = objects[start : start + CHUNK + 1]
            first, last = part[0], part[-1]
            nothing, of_part = [None] * (part.size - 1), offsets[first : last + 1]
            found = update_many(nothing, mjd, mag, magerr, of_part, objects=part - first, threads=threads)
            features[first:last], profiles[first:last] = found.features, found.profiles
            reasons += found.reasons
            periods += found.periods
    about = curves.object_id, curves.band, curves.owner, np.diff(offsets), curves.dropped
    return Batch(features, profiles, reasons, periods, *about)


@overload
def extract(
    mjd: ArrayLike, mag: ArrayLike, magerr: ArrayLike, *, drop_nan: bool = ..., upsilont: bool = ...
) -> Features: ...
@overload
def extract(
    mjd: ArrayLike, mag: ArrayLike, magerr: ArrayLike, band: ArrayLike, *, drop_nan: bool = ..., upsilont: bool = ...
) -> dict[Any, Features]: ...
def extract(
    mjd: ArrayLike,
    mag: ArrayLike,
    magerr: ArrayLike,
    band: ArrayLike | None = None,
    *,
    drop_nan: bool = False,
    upsilont: bool = False,
) -> Features | dict[Any, Features]:
    """The 16 features of one light curve; with `band`, of each band of one object that can be used, by its name.

    Args:
        mjd: times (n,), days; MJD or any other count of days, in any order. Lists, arrays, columns of pandas, Polars,
            Arrow and Astropy, and Astropy's Time.
        mag: magnitudes (n,).
        magerr: their standard errors (n,), magnitudes.
        band: name of each epoch's band (n,); the bands share one period.
        drop_nan: leave out epochs with a NaN and count them in `n_dropped`, as masked ones are without being asked.
        upsilont: with the period that UPSILoN-T would give it, to feed its network.

    Raises:
        UnusableLightCurve: no features can be computed, of any band; `reason` says why.
        TypeError: datetimes, text or the like where numbers should be.
        ValueError: columns of different lengths.

    Example:
        >>> import numpy as np
        >>> from starsieve.features import extract
        >>> mjd = np.random.default_rng(1).uniform(0, 80, 60)
        >>> found = extract(mjd, 15 + 0.3 * np.sin(2 * np.pi * mjd / 0.61), np.full(60, 0.01))
        >>> round(found["period"], 2), round(found["amplitude"], 2)
        (0.61, 0.3)
    """
    curves = _grouped(mjd, mag, magerr, None, band, drop_nan=drop_nan)
    batch = _extracted(curves, upsilont=upsilont, threads=1)
    found = {
        name: Features(values, n_epochs, n_dropped)
        for name, values, n_epochs, n_dropped, reason in zip(
            batch.band.tolist(),
            batch.features,
            batch.n_epochs.tolist(),
            batch.n_dropped.tolist(),
            batch.reasons,
            strict=True,
        )
        if reason is None
    }
    if not found:
        raise UnusableLightCurve(_why(batch.reasons))
    return found if band is not None else next(iter(found.values()))


def find_period(
    mjd: ArrayLike, mag: ArrayLike, magerr: ArrayLike, band: ArrayLike | None = None, *, drop_nan: bool = False
) -> Period:
    """The period of one object, in days, and how far to trust it; arguments and errors as for `extract`.

    Bands share a period: each has its own mean and harmonics, and their chi2 are added. Raises UnusableLightCurve if no
    band can be used.

    Example:
        >>> import numpy as np
        >>> from starsieve.features import find_period
        >>> mjd = np.random.default_rng(1).uniform(0, 80, 60)
        >>> found = find_period(mjd, 15 + 0.3 * np.sin(2 * np.pi * mjd / 0.61), np.full(60, 0.01))
        >>> round(found.period, 2), found.harmonic
        (0.61, 1)
    """
    curves = _grouped(mjd, mag, magerr, None, band, drop_nan=drop_nan)
    batch = _extracted(curves, upsilont=False, threads=1)
    if not batch.periods or batch.periods[0] is None:
        raise UnusableLightCurve(_why(batch.reasons))
    return batch.periods[0]


def _why(reasons: list[str | None]) -> str:
    """The reason of the last band, as good as any; of no epoch at all, that there are too few."""
    return str(reasons[-1]) if reasons else "too_few_epochs"
