"""How well the period explains the light curve, and what shape it gives it: numbers beside the 16 published features.

The published features say little of how sure the period is, nothing of what it leaves, and three harmonics little of
eclipses. With these numbers beside them, a forest tells the classes of five surveys better (docs/notebook.md).
"""

import math

import numpy as np

from starsieve.features.jit import Data, Floats, kernel
from starsieve.features.periods.choice import EPOCHS_A_HARMONIC, MOST_HARMONICS
from starsieve.features.periods.harmonics import curve_of, harmonic_power, nested_powers, turns
from starsieve.features.periods.search import weighed
from starsieve.features.shape.columns import PROFILE
from starsieve.features.shape.winsorize import winsorize

# Places in PROFILE: first what the period search knows, then, in the order of profile_given_period's `out`, the others.
PEAK_PERIOD, PEAK_POWER, FALSE_ALARM_PROBABILITY = range(3)
FROM_SEARCH = 3
(POWER_1, POWER_3, POWER_6, POWER_HALF, POWER_DOUBLE, FITTED_RANGE, SECOND_DEPTH, MEDIAN_LEVEL, FAINT_SHARE, ODD_SHARE,
 RESIDUAL_TO_RANGE, RESIDUAL_TO_ERROR, RANGE_TO_ERROR, RESIDUAL_SKEWNESS, RESIDUAL_KURTOSIS, RESIDUAL_ETA, ETA,
 ETA_OF_NIGHTS, TREND_POWER, ECLIPSE_SHARE) = range(len(PROFILE) - FROM_SEARCH)  # fmt: skip
HALF_WAY = 0.5  # between brightest and faintest
AWAY = 0.2  # of a cycle from the minimum, from where another may begin
SMALLEST_RANGE = 1e-6  # magnitudes
SMALLEST_VARIANCE = 1e-12  # of the light curve's own: a perfect fit leaves rounding errors
NIGHTS = 1.5  # days
FEW_PAIRS, NOISE_ETA = 4, 2.0
DETAILED = 12  # harmonics of the curve that tells eclipses: they begin and end more suddenly than six can follow
PHASES = 100  # of a cycle, at which that curve is looked at
PHASE_COS = np.cos(2 * np.pi * np.arange(PHASES) / PHASES)
PHASE_SIN = np.sin(2 * np.pi * np.arange(PHASES) / PHASES)
OUTSIDE = 0.05  # its quantile at those phases: the level outside eclipses
ECLIPSED = 0.1  # of its range from there to the minimum: what is fainter is eclipsed


@kernel
def _odd_share(coefficients: Floats) -> float:
    odd, total = 0.0, SMALLEST_VARIANCE
    for k in range(0, coefficients.size, 4):
        odd += coefficients[k] ** 2 + coefficients[k + 1] ** 2
    for k in range(coefficients.size):
        total += coefficients[k] ** 2
    return odd / total


@kernel
def _eta(time: Floats, values: Floats, longest_gap: float) -> float:
    """Von Neumann ratio of successive values no further apart than a gap in days."""
    squares, pairs = 0.0, 0
    for i in range(1, time.size):
        if time[i] - time[i - 1] <= longest_gap:
            squares += (values[i] - values[i - 1]) ** 2
            pairs += 1
    if pairs < FEW_PAIRS:
        return NOISE_ETA
    return squares / pairs / max(float(np.var(values)), SMALLEST_VARIANCE)


@kernel
def _trend_power(time: Floats, weight: Floats, signal: Floats) -> float:
    """Squared weighted correlation with time; `signal` is weight times standardised magnitude, weights sum to 1."""
    middle = np.sum(weight * time)
    along, spread = 0.0, 0.0
    for i in range(time.size):
        along += signal[i] * (time[i] - middle)
        spread += weight[i] * (time[i] - middle) ** 2
    return min(1.0, along * along / spread)


@kernel
def _powers_beside(data: Data, frequency: float, n_harmonics: int, out: Floats) -> None:
    """Fill `out` (2,): powers of half and of twice the period."""
    coefficients, half = np.empty(2 * n_harmonics), (n_harmonics + 1) // 2
    out[0] = harmonic_power(data, 2 * frequency, half, coefficients[: 2 * half])
    out[1] = harmonic_power(data, 0.5 * frequency, n_harmonics, coefficients)


@kernel
def _eclipse_share(data: Data, frequency: float) -> float:
    powers = np.empty(max(1, min(DETAILED, data[0].size // EPOCHS_A_HARMONIC)))
    coefficients, curve = np.empty(2 * powers.size), np.empty(PHASES)
    nested_powers(data, frequency, coefficients, powers)
    curve_of(PHASE_COS, PHASE_SIN, coefficients, curve)
    curve.sort()
    bright = curve[int(OUTSIDE * PHASES)]
    return float(np.mean(curve > bright + ECLIPSED * (curve[-1] - bright)))


@kernel
def _residual_moments(residual: Floats, out: Floats) -> None:
    """Fill `out` (2,): skewness and excess kurtosis, biased."""
    mean, variance = residual.mean(), max(float(np.var(residual)), SMALLEST_VARIANCE)
    third, fourth = 0.0, 0.0
    for i in range(residual.size):
        d = residual[i] - mean
        third += d * d * d
        fourth += d * d * d * d
    out[0], out[1] = third / residual.size / variance**1.5, fourth / residual.size / (variance * variance) - 3


@kernel
def profile_given_period(time: Floats, mag: Floats, magerr: Floats, frequency: float, out: Floats) -> None:
    """Fill `out`, PROFILE from FROM_SEARCH on, of a usable light curve (days, magnitudes)."""
    n = time.size
    winsorized_mag, winsorized_err, starts = np.empty(n), np.empty(n), np.array([0, n])
    winsorize(mag, magerr, starts, winsorized_mag, winsorized_err)
    data, chi2 = weighed(time, winsorized_mag, winsorized_err, starts)
    profile_of_winsorized(data, math.sqrt(chi2 / np.sum(1 / winsorized_err**2)), magerr, frequency, out)


@kernel
def profile_of_winsorized(data: Data, deviation: float, magerr: Floats, frequency: float, out: Floats) -> None:
    """As `profile_given_period`, of one band with its outliers pulled in and that standard deviation (magnitudes)."""
    time, weight, signal, _, _ = data
    n = time.size
    powers = np.empty(max(1, min(MOST_HARMONICS, n // EPOCHS_A_HARMONIC)))
    coefficients, phase, curve = np.empty(2 * powers.size), np.empty(n), np.empty(n)
    nested_powers(data, frequency, coefficients, powers)
    c1, s1 = np.empty(n), np.empty(n)
    turns(time, frequency, c1, s1)
    curve_of(c1, s1, coefficients, curve)
    for i in range(n):
        cycles = frequency * time[i]
        phase[i] = cycles - math.floor(cycles)
    faintest, brightest = int(np.argmax(curve)), curve.min()
    extent = max(curve[faintest] - brightest, SMALLEST_RANGE / deviation)
    second, faint = brightest, 0
    for i in range(n):
        apart = abs(phase[i] - phase[faintest])
        if min(apart, 1 - apart) > AWAY:
            second = max(second, curve[i])
        faint += curve[i] - brightest > HALF_WAY * extent
    standard = signal / weight
    residual, error = math.sqrt(1 - powers[-1]), np.median(magerr) / deviation
    out[POWER_1], out[POWER_3], out[POWER_6] = powers[0], powers[min(3, powers.size) - 1], powers[-1]
    _powers_beside(data, frequency, powers.size, out[POWER_HALF : POWER_DOUBLE + 1])
    out[FITTED_RANGE], out[SECOND_DEPTH] = extent * deviation, (second - brightest) / extent
    out[MEDIAN_LEVEL], out[FAINT_SHARE] = (np.median(curve) - brightest) / extent, faint / n
    out[ODD_SHARE] = _odd_share(coefficients)
    out[RESIDUAL_TO_RANGE], out[RESIDUAL_TO_ERROR], out[RANGE_TO_ERROR] = (
        residual / extent,
        residual / error,
        extent / error,
    )
    left = standard - curve
    _residual_moments(left, out[RESIDUAL_SKEWNESS : RESIDUAL_KURTOSIS + 1])
    out[RESIDUAL_ETA], out[ETA] = _eta(time, left, np.inf), _eta(time, standard, np.inf)
    out[ETA_OF_NIGHTS], out[TREND_POWER] = _eta(time, standard, NIGHTS), _trend_power(time, weight, signal)
    out[ECLIPSE_SHARE] = _eclipse_share(data, frequency)
