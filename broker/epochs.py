"""Rows of photometry as they travel and rest: one packed row of 16 bytes for each (band, exposure) of an object.

A survey may keep rows of another form, of which these are made when they are read: see `Form`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from starsieve.features.jit import Floats, Integers, Singles, exact

#: mjd: barycentric TDB, mid-exposure (days); mag, magerr: AB magnitudes; flags: see `flags`.
EPOCH = np.dtype([("mjd", "<f8"), ("mag", "<f4"), ("magerr", "<f2"), ("flags", "<u2")])
Epochs = NDArray[np.void]

BANDS = ("u", "g", "r", "i", "z", "y")

# The bits are in order of preference: of two rows that claim one (band, exposure), the one with the lower flags is
# kept. The choice depends on nothing but content, so it does not matter who wrote first. Detections come before forced
# photometry, and a forced value from an early packet before one from a later packet: forced values change from packet
# to packet, and a light curve whose old epochs keep still is what makes the period search cheap.
DIFFERENCE = 1 << 15  # a difference magnitude of an object without counterpart in the reference image, not a total one
FORCED = 1 << 14
_LAG_SHIFT, _LAG_MAX = 9, 31  # forced photometry: whole days between the exposure and the packet
# Of an archive: a detection with a lag, which no packet has. It comes after detections and before forced photometry.
ARCHIVE = _LAG_MAX << _LAG_SHIFT
_REFERENCE_SHIFT, _REFERENCE_MASK = 5, 0b1111  # a hash of the reference image: another hash, another zero point
_PROGRAM_SHIFT, _PROGRAM_MASK = 3, 0b11
_BAND_MASK = 0b111

_LAST_MJD, _LARGEST_MAG = 200_000.0, 100.0  # the year 2406
# Exposures of one band are at least 30 s apart; the times of one exposure differ by milliseconds between packets,
# because positions do.
SAME_EXPOSURE_DAYS = 5 / 86400
TIME_STEP_DAYS = 2.0**-26  # 1.3 ms


def flags(
    band: str,
    *,
    program: int = 0,
    reference: int = 0,
    forced: bool = False,
    lag_days: float = 0,
    difference: bool = False,
) -> int:
    """The flags of one row; `reference` is any integer hash of the reference image, of which four bits are kept."""
    return packed(BANDS.index(band), program, reference, forced, float(lag_days), difference)


@exact
def packed(band: int, program: int, reference: int, forced: bool, lag_days: float, difference: bool) -> int:
    """`flags` for kernels; a band by its place in BANDS."""
    return (
        difference * DIFFERENCE
        | forced * FORCED
        | min(max(int(lag_days), 0), _LAG_MAX) << _LAG_SHIFT
        | (reference & _REFERENCE_MASK) << _REFERENCE_SHIFT
        | (program & _PROGRAM_MASK) << _PROGRAM_SHIFT
        | band
    )


def on_grid(mjd: Floats) -> Floats:
    """Times in steps of TIME_STEP_DAYS: without digits that mean nothing, they compress."""
    return np.round(mjd / TIME_STEP_DAYS) * TIME_STEP_DAYS


def merge(parts: Iterable[Epochs]) -> Epochs:
    """All rows in one light curve: sorted by band and time, one row for each (band, exposure).

    Exposures of one band have to lie farther apart than SAME_EXPOSURE_DAYS, as those of every survey do.
    """
    return merge_into(np.empty(0, EPOCH), parts)[0]


def merge_into(stored: Epochs, parts: Iterable[Epochs]) -> tuple[Epochs, Epochs]:
    """The light curve of the stored and all other rows, and those of its rows that are not among the stored."""
    rows = np.concatenate([stored, *parts])
    order = np.lexsort((rows["mjd"], rows["flags"] & _BAND_MASK))  # stable: of equal rows the stored one comes first
    # Contiguous whatever the number of rows: one row's column counts as contiguous, and would be another kernel.
    mjd, mag, flags = (np.ascontiguousarray(rows[name]) for name in ("mjd", "mag", "flags"))
    winners = _winners(order, mjd, mag, rows["magerr"].astype(np.float32), flags)
    return rows[winners], rows[winners[winners >= stored.size]]


@exact
def _winners(order: Integers, mjd: Floats, mag: Singles, magerr: Singles, flags: NDArray[np.uint16]) -> Integers:
    """One row for each (band, exposure), of rows in the order of band and time."""
    winners = np.empty(order.size, np.int64)
    n, last = 0, -1
    for row in order:
        if last < 0 or (flags[row] ^ flags[last]) & _BAND_MASK or mjd[row] - mjd[last] > SAME_EXPOSURE_DAYS:
            winners[n] = row
            n += 1
        else:
            best = winners[n - 1]
            if (flags[row], magerr[row], mag[row], mjd[row]) < (flags[best], magerr[best], mag[best], mjd[best]):
                winners[n - 1] = row
        last = row
    return winners[:n]


def band_numbers(rows: Epochs) -> NDArray[np.int64]:
    """The band of each row, as an index into BANDS."""
    return (rows["flags"] & _BAND_MASK).astype(np.int64)


def are_sound(rows: Epochs) -> bool:
    """Whether rows can be what a survey has measured: finite, of a band that there is, at a time of this age."""
    mjd, mag, magerr = rows["mjd"], rows["mag"], rows["magerr"]
    sound = (mjd > 0) & (mjd < _LAST_MJD) & (np.abs(mag) < _LARGEST_MAG) & (magerr > 0) & np.isfinite(magerr)
    return bool(np.all(sound & ((rows["flags"] & _BAND_MASK) < len(BANDS))))


@dataclass(frozen=True, slots=True)
class Form:
    """How a survey's photometry rests in the store."""

    dtype: np.dtype[np.void]  # of a row; its times are `mjd`, as those of EPOCH
    #: As `merge_into`, of rows of this form.
    merge_into: Callable[[Epochs, Iterable[Epochs]], tuple[Epochs, Epochs]]
    #: As `are_sound`.
    are_sound: Callable[[Epochs], bool]
    #: The light curve, sorted by band and time, that some merged rows make: a function of them alone. None: themselves.
    epochs: Callable[[Epochs], Epochs] | None = None
    #: Why an object is not classified whose epochs all are DIFFERENCE.
    without_total: str = "no_counterpart"

    def views(self, rows: Epochs, until: Floats) -> list[tuple[Epochs, int]]:
        """The light curves of an object as of rising times, and how many of these times, one by one, each is for.

        One may go on beyond its last time. Rows later than a time change nothing of what it was then.
        """
        if self.epochs is None:
            return [(rows, until.size)]
        found: list[tuple[Epochs, int]] = []
        last = -np.inf
        for time in until.tolist():
            seen = self.epochs(rows[rows["mjd"] <= time])
            if found and seen[seen["mjd"] <= last].tobytes() == found[-1][0].tobytes():
                found[-1] = seen, found[-1][1] + 1
            else:
                found.append((seen, 1))
            last = time
        return found


#: Rows of EPOCH themselves.
MAGNITUDES = Form(EPOCH, merge_into, are_sound)


def are_archived(rows: Epochs) -> NDArray[np.bool_]:
    """Which rows are of an archive, whose zero points and reference images are not those of the packets."""
    archived: NDArray[np.bool_] = (rows["flags"] & (DIFFERENCE | FORCED | ARCHIVE)) == ARCHIVE
    return archived


def of_band(rows: Epochs, band: str) -> Epochs:
    """The rows of one band."""
    selected: Epochs = rows[band_numbers(rows) == BANDS.index(band)]
    return selected


def n_references(rows: Epochs) -> int:
    """How many reference images, at least, the rows were measured against; zero points may differ between them."""
    return summaries(rows, np.array([np.inf]))[0][2]


def summaries(rows: Epochs, until: NDArray[np.float64]) -> list[tuple[int, int, int]]:
    """Numbers of epochs, of forced ones and of reference images until each time, of rows sorted by time."""
    reference = (rows["flags"] >> _REFERENCE_SHIFT) & _REFERENCE_MASK
    forced = np.append(0, np.cumsum((rows["flags"] & FORCED) != 0))
    references = np.bitwise_or.accumulate(np.append(0, 1 << reference.astype(np.int64)))
    ends = np.searchsorted(rows["mjd"], until, side="right")
    found = zip(ends.tolist(), forced[ends].tolist(), references[ends].tolist(), strict=True)
    return [(n, n_forced, bits.bit_count()) for n, n_forced, bits in found]


def columns(rows: Epochs) -> dict[str, list[float] | list[str] | list[int] | list[bool]]:
    """What the rows say, by name, as numbers and words: the inverse of `flags` included. Times as in EPOCH."""
    bits = rows["flags"].astype(np.int64)
    return {
        "band": [BANDS[min(code, len(BANDS) - 1)] for code in (bits & _BAND_MASK).tolist()],
        "mjd": rows["mjd"].tolist(),
        # the shortest decimals that stand for these numbers of few bits
        **{name: [float(str(value)) for value in rows[name]] for name in ("mag", "magerr")},
        "forced": (bits & FORCED > 0).tolist(),
        "difference": (bits & DIFFERENCE > 0).tolist(),
        "program": (bits >> _PROGRAM_SHIFT & _PROGRAM_MASK).tolist(),
        "reference": (bits >> _REFERENCE_SHIFT & _REFERENCE_MASK).tolist(),
        "lag_days": np.where(are_archived(rows), 0, bits >> _LAG_SHIFT & _LAG_MAX).tolist(),
        "archive": are_archived(rows).tolist(),
    }
