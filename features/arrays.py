"""Columns of any kind as arrays of numbers: what cannot be a time or a magnitude is refused with what to do."""

import datetime
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

UNITS = {"mjd": "d", "mag": "mag", "magerr": "mag"}
JULIAN = 1e6  # days; as a modified Julian date it would be in the year 4596
DATETIMES = (
    "{} holds datetimes, and times are numbers of days: "
    "astropy.time.Time(...).mjd, or (t - numpy.datetime64('1858-11-17')) / numpy.timedelta64(1, 'D')"
)


def as_floats(values: ArrayLike, name: str) -> Floats:
    """A column (n,) as numbers; None and NA are NaN, Astropy's times are MJD, and its quantities days or magnitudes.

    A list, an array, a column of pandas, Polars, Arrow or Astropy: what NumPy can make an array of. Raises TypeError
    for datetimes, text and the like, and Astropy's UnitConversionError for another unit.
    """
    if type(values) is np.ndarray and values.dtype == np.float64:
        return np.ascontiguousarray(values)
    array = np.asarray(_plain(values, name))
    if array.dtype.kind == "O":
        array = _of_objects(array, name)
    if array.dtype.kind in "mM":
        raise TypeError(DATETIMES.format(name))
    if array.dtype.kind not in "iuf" and array.size:
        raise TypeError(f"{name} should hold numbers, not {array.dtype}")
    return np.ascontiguousarray(array, dtype=np.float64)


def _plain(values: Any, name: str) -> Any:
    """Without Astropy's times and units. Asks the type: a column of pandas has what its index has as attributes."""
    kind = type(values)
    if hasattr(kind, "jd1"):
        if name != "mjd":
            raise TypeError(f"{name} holds times")
        return values.mjd
    if hasattr(kind, "quantity") and values.unit is not None:
        values, kind = values.quantity, type(values.quantity)
    return values.to_value(UNITS[name]) if hasattr(kind, "to_value") else values


def _of_objects(array: NDArray[np.object_], name: str) -> NDArray[Any]:
    found = np.full(array.shape, np.nan)
    for at, value in np.ndenumerate(array):
        if isinstance(value, (datetime.date, np.datetime64)):
            raise TypeError(DATETIMES.format(name))
        if isinstance(value, (str, bytes, bool)):
            raise TypeError(f"{name} should hold numbers, not {value!r}")
        if not is_missing(value):
            found[at] = value
    return found


def is_missing(value: object) -> bool:
    """Whether one value of a column of objects is None, NaN or an NA."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or type(value).__name__ in {"NAType", "NaTType"}


def are_rounded(times: Floats) -> bool:
    """Whether all of several Julian dates (n,) are what single precision leaves of them: multiples of a quarter day."""
    known = times[np.isfinite(times)]
    return known.size > 1 and bool(np.all((known > JULIAN) & (known % 0.25 == 0)) and np.any(known % 1))


def names_of(values: ArrayLike, what: str) -> NDArray[Any]:
    """A column (n,) of names: text, or whole numbers. Raises ValueError where one is missing."""
    array = np.asarray(values)
    if array.dtype.kind == "O":
        missing = sum(map(is_missing, array.ravel().tolist()))
        if missing:
            raise ValueError(f"{what} is missing in {missing} epochs")
        array = array.astype(np.str_)
    if array.dtype.kind not in "USiub" and array.size:
        raise TypeError(f"{what} should hold names, not {array.dtype}")
    return array


def is_masked(*columns: ArrayLike) -> Flags | None:
    """Which rows (n,) are masked in any column; None: in none."""
    found: Flags | None = None
    for column in columns:
        mask = getattr(column, "mask", None)  # of NumPy or Astropy; a method of pandas
        if isinstance(mask, np.ndarray) and mask.any():
            found = mask.copy() if found is None else found | mask
    return found
