"""How well the period explains the light curve, and what shape it gives it: numbers beside the 16 published features.

The published features say little of how sure the period is, and three harmonics little of eclipses. With these numbers
beside them, a forest tells the classes of five surveys better (docs/science.md).
"""

import math

import numpy as np

from features.choose import EPOCHS_A_HARMONIC, MOST_HARMONICS
from features.harmonics import nested_powers
from features.jit import Floats, kernel
from features.search import weighed
from features.taming import tame

PROFILE: tuple[str, ...] = (
    "peak_period",  # days, of the highest peak of the single-harmonic periodogram
    "peak_power",
    "false_alarm_probability",  # of that peak (Baluev 2008)
    "power_1",  # fractions of chi2 that 1, 3 and 6 harmonics of the period explain; fewer if the epochs are few
    "power_3",
    "power_6",
    "fitted_range",  # magnitudes, of the fitted curve at the epochs
    "second_depth",  # its faintest point away from the minimum, as a fraction of its range
    "median_level",  # its median above its brightest point, as a fraction of its range
    "faint_share",  # of the epochs, where it is fainter than half way between brightest and faintest
    "residual_to_range",  # weighted rms of what the curve leaves
    "residual_to_error",  # in units of the median error
    "range_to_error",
)
FROM_SEARCH = 3  # leading numbers, which the period search knows; profile_given_period gives the others
HALF_WAY = 0.5  # between brightest and faintest
AWAY = 0.2  # of a cycle from the minimum, from where another may begin
SMALLEST_RANGE = 1e-6  # magnitudes


@kernel
def _fitted(time: Floats, frequency: float, coefficients: Floats, phase: Floats, curve: Floats) -> None:
    """Phases and values (n,) of the fitted curve at the epochs: between them it may go anywhere."""
    for i in range(time.size):
        cycles = frequency * time[i]
        phase[i] = cycles - math.floor(cycles)
        c, s = math.cos(2 * math.pi * phase[i]), math.sin(2 * math.pi * phase[i])
        ck, sk, value = 1.0, 0.0, 0.0
        for k in range(0, coefficients.size, 2):
            ck, sk = ck * c - sk * s, sk * c + ck * s
            value += coefficients[k] * ck + coefficients[k + 1] * sk
        curve[i] = value


@kernel
def profile_given_period(time: Floats, mag: Floats, magerr: Floats, frequency: float, out: Floats) -> None:
    """Fill `out` (10,), PROFILE from FROM_SEARCH on, of a usable light curve (days, magnitudes)."""
    n = time.size
    tame_mag, tame_err, starts = np.empty(n), np.empty(n), np.array([0, n])
    tame(mag, magerr, starts, tame_mag, tame_err)
    data, chi2 = weighed(time, tame_mag, tame_err, starts)
    deviation = math.sqrt(chi2 / np.sum(1 / tame_err**2))
    powers = np.empty(max(1, min(MOST_HARMONICS, n // EPOCHS_A_HARMONIC)))
    coefficients, phase, curve = np.empty(2 * powers.size), np.empty(n), np.empty(n)
    nested_powers(data, frequency, coefficients, powers)
    _fitted(time, frequency, coefficients * deviation, phase, curve)
    faintest, brightest = int(np.argmax(curve)), curve.min()
    extent = max(curve[faintest] - brightest, SMALLEST_RANGE)
    second, faint = brightest, 0
    for i in range(n):
        apart = abs(phase[i] - phase[faintest])
        if min(apart, 1 - apart) > AWAY:
            second = max(second, curve[i])
        faint += curve[i] - brightest > HALF_WAY * extent
    residual, error = deviation * math.sqrt(1 - powers[-1]), np.median(magerr)
    out[0], out[1], out[2] = powers[0], powers[min(3, powers.size) - 1], powers[-1]
    out[3], out[4], out[5] = extent, (second - brightest) / extent, (np.median(curve) - brightest) / extent
    out[6], out[7], out[8], out[9] = faint / n, residual / extent, residual / error, extent / error
