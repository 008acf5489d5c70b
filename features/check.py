"""Which light curves can be used, the reason why one cannot, and the least error that an epoch is believed."""

import math

import numpy as np

from starsieve.features.jit import Floats, Integers, kernel
from starsieve.features.periods.grid import LONGEST_BASELINE, SHORTEST_PERIOD

MIN_TIMES = 7  # distinct times; the Fourier fit has 7 parameters
LARGEST_MAGNITUDE = 100.0  # what lies outside +-100 mag is a sentinel
LARGEST_ERROR = 100.0  # mag
SMALLEST_SPREAD = 1e-5  # mag; single precision resolves 2e-6 at 20 mag
SMALLEST_ERROR = 1e-6  # mag; no photometry is better, and the weights 1 / error^2 have to stay finite
ERROR_FLOOR = 1 / 8  # of the median's power of two: no epoch weighs more than 256 ordinary ones (docs/notebook.md)
# Codes are indices into REASONS; the first is "nothing wrong".
REASONS: tuple[str | None, ...] = (
    None,
    "non_finite",
    "invalid_errors",
    "invalid_magnitudes",
    "not_sorted",
    "one_time",
    "too_few_epochs",
    "constant_magnitude",
    "half_constant",
    "baseline_too_short",
    "baseline_too_long",
    "no_period",
)
(USABLE, NON_FINITE, INVALID_ERRORS, INVALID_MAGNITUDES, NOT_SORTED, ONE_TIME, TOO_FEW_EPOCHS, CONSTANT_MAGNITUDE,
 HALF_CONSTANT, BASELINE_TOO_SHORT, BASELINE_TOO_LONG, NO_PERIOD) = range(len(REASONS))  # fmt: skip


class UnusableLightCurve(ValueError):  # noqa: N818 - named in the interface; it is the light curve that errs
    """A light curve from which no features can be computed; `reason` is one of `check.REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"unusable light curve: {reason}")
        self.reason = reason


@kernel
def _check_values(mjd: Floats, mag: Floats, magerr: Floats) -> int:
    for i in range(mjd.size):
        if not (np.isfinite(mjd[i]) and np.isfinite(mag[i]) and np.isfinite(magerr[i])):
            return NON_FINITE
        if not 0 < magerr[i] <= LARGEST_ERROR:
            return INVALID_ERRORS
        if abs(mag[i]) > LARGEST_MAGNITUDE:
            return INVALID_MAGNITUDES
        if i > 0 and mjd[i] < mjd[i - 1]:
            return NOT_SORTED
    return USABLE


@kernel
def check(mjd: Floats, mag: Floats, magerr: Floats) -> int:  # noqa: PLR0911 - one per reason
    """Code of what is wrong with one light curve, float64 arrays (n,)."""
    code = _check_values(mjd, mag, magerr)
    if code != USABLE:
        return code
    n_times, brightest, faintest = min(1, mjd.size), np.inf, -np.inf
    for i in range(mjd.size):
        brightest, faintest = min(brightest, mag[i]), max(faintest, mag[i])
        if i > 0 and mjd[i] > mjd[i - 1]:
            n_times += 1
    if n_times == 1 and mjd.size >= MIN_TIMES:
        return ONE_TIME
    if n_times < MIN_TIMES:
        return TOO_FEW_EPOCHS
    if faintest - brightest < SMALLEST_SPREAD:
        return CONSTANT_MAGNITUDE
    ordered = np.sort(mag)  # the median splits faint from bright: both sides need a spread for their ratio
    median = 0.5 * (ordered[(mag.size - 1) // 2] + ordered[mag.size // 2])
    if ordered[-1] <= median or ordered[0] >= median:
        return HALF_CONSTANT
    if mjd[-1] - mjd[0] < 2 * SHORTEST_PERIOD:
        return BASELINE_TOO_SHORT
    if mjd[-1] - mjd[0] > LONGEST_BASELINE:
        return BASELINE_TOO_LONG
    return USABLE


@kernel
def floored_errors(magerr: Floats, starts: Integers, counts: Integers, bands: Integers) -> Floats:
    """The errors (n,) of an object, those far below the median of their band raised, so that no epoch decides alone.

    Of band b these are the first counts[b] epochs from starts[b] on; others stay as they are. The median is rounded
    down to a power of two: a floor that moved with every epoch would change old weights, and bounds of earlier searches
    would not hold.
    """
    floored = magerr.copy()
    for b in bands:
        a, n = starts[b], counts[b]
        median = np.median(magerr[a : a + n])
        floor = max(SMALLEST_ERROR, ERROR_FLOOR * math.ldexp(0.5, math.frexp(median)[1]))
        for i in range(a, a + n):
            floored[i] = max(floored[i], floor)
    return floored
