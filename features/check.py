"""Which light curves can be used, and the reason why one cannot."""

import numpy as np

from features.grid import LONGEST_BASELINE, SHORTEST_PERIOD
from features.jit import Floats, kernel

MIN_TIMES = 7  # distinct times; the Fourier fit has 7 parameters
LARGEST_MAGNITUDE = 100.0  # what lies outside +-100 mag is a sentinel
LARGEST_ERROR = 100.0  # mag
SMALLEST_SPREAD = 1e-5  # mag; single precision resolves 2e-6 at 20 mag
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
