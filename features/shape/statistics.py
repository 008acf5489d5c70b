"""The 16 variability features of UPSILoN-T (Kim et al. 2021, A&A 653, A22), given the period; see `columns`."""

import math

import numpy as np

from starsieve.features.cholesky import eliminate, substitute
from starsieve.features.jit import Floats, kernel
from starsieve.features.periods.harmonics import turns
from starsieve.features.shape.columns import FEATURES
from starsieve.features.shape.shapiro import shapiro_w
from starsieve.features.shape.sorting import sort_pairs

(AMPLITUDE, HL_AMP_RATIO, KURTOSIS, PERIOD, PHASE_CUSUM, PHASE_ETA, PHI21, PHI31, QUARTILE31, R21, R31, SHAPIRO_W,
 SKEWNESS, SLOPE_PER10, SLOPE_PER90, STETSON_K) = range(len(FEATURES))  # fmt: skip
N_FOURIER = 7  # the mean and three harmonics
# Pivot of the Fourier fit, per epoch, under which a term is not determined by the phases at hand and is left out.
UNDETERMINED = 1e-10


@kernel
def percentile(ordered: Floats, fraction: float) -> float:
    """Linearly interpolated quantile of sorted values (n,)."""
    position = fraction * (ordered.size - 1)
    i = int(position)
    if i >= ordered.size - 1:
        return float(ordered[-1])
    return float(ordered[i] + (position - i) * (ordered[i + 1] - ordered[i]))


@kernel
def percentile_of_any(values: Floats, fraction: float) -> float:
    """As `percentile`, of values in any order."""
    position = fraction * (values.size - 1)
    i = int(position)
    if i >= values.size - 1:
        return float(values.max())
    parted = np.partition(values, i)
    return float(parted[i] + (position - i) * (parted[i + 1 :].min() - parted[i]))


@kernel
def _fourier_normal_equations(
    mjd: Floats, mag: Floats, mean: float, period: float, normal: Floats, rhs: Floats
) -> None:
    """Normal equations of mag - mean = c + sum_k a_k sin(2 pi k x) + b_k cos(2 pi k x), x = mjd / period, k <= 3."""
    n = mjd.size
    cosines, sines = np.zeros(N_FOURIER), np.zeros(N_FOURIER)
    c1, s1, ck, sk = np.empty(n), np.empty(n), np.ones(n), np.zeros(n)
    turns(mjd, 1 / period, c1, s1)
    y = mag - mean
    cosines[0], rhs[0] = n, y.sum()
    for k in range(1, N_FOURIER):
        c_sum, s_sum, yc_sum, ys_sum = 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            s = sk[i] * c1[i] + ck[i] * s1[i]
            c = ck[i] * c1[i] - sk[i] * s1[i]
            sk[i], ck[i] = s, c
            c_sum += c
            s_sum += s
            yc_sum += y[i] * c
            ys_sum += y[i] * s
        cosines[k], sines[k] = c_sum, s_sum
        if k <= N_FOURIER // 2:
            rhs[2 * k - 1], rhs[2 * k] = ys_sum, yc_sum
    normal[0, 0] = mjd.size
    for k in range(1, N_FOURIER // 2 + 1):
        normal[2 * k - 1, 0], normal[2 * k, 0] = sines[k], cosines[k]
        for j in range(1, k + 1):
            low, high = k - j, k + j
            normal[2 * k - 1, 2 * j - 1] = 0.5 * (cosines[low] - cosines[high])
            normal[2 * k, 2 * j] = 0.5 * (cosines[low] + cosines[high])
            normal[2 * k - 1, 2 * j] = 0.5 * (sines[high] + sines[low])
            normal[2 * k, 2 * j - 1] = 0.5 * (sines[high] - sines[low])


@kernel
def _phase(sine: float, cosine: float) -> float:
    """As published, an arctan that loses the quadrant; 0 for a term that the phases at hand do not determine."""
    return math.atan(-sine / cosine) if sine != 0 or cosine != 0 else 0.0


@kernel
def _fourier_features(mjd: Floats, mag: Floats, mean: float, period: float, out: Floats) -> None:
    normal, rhs = np.empty((N_FOURIER, N_FOURIER)), np.empty(N_FOURIER)
    _fourier_normal_equations(mjd, mag, mean, period, normal, rhs)
    eliminate(normal, rhs, UNDETERMINED * mjd.size)
    substitute(normal, rhs)
    amplitude = math.hypot(rhs[1], rhs[2])
    phase = _phase(rhs[1], rhs[2])
    out[AMPLITUDE] = amplitude
    out[PHI21] = _phase(rhs[3], rhs[4]) - 2 * phase
    out[PHI31] = _phase(rhs[5], rhs[6]) - 3 * phase
    out[R21] = math.hypot(rhs[3], rhs[4]) / amplitude
    out[R31] = math.hypot(rhs[5], rhs[6]) / amplitude


@kernel
def _moment_features(mag: Floats, mean: float, variance: float, out: Floats) -> None:
    third, fourth = 0.0, 0.0
    for i in range(mag.size):
        d = mag[i] - mean
        third += d * d * d
        fourth += d * d * d * d
    out[SKEWNESS] = third / mag.size / variance**1.5
    out[KURTOSIS] = fourth / mag.size / (variance * variance) - 3


@kernel
def _order_features(mag: Floats, magerr: Floats, variance: float, out: Floats) -> None:
    ordered, errors = mag.copy(), magerr.copy()
    sort_pairs(ordered, errors)
    median = percentile(ordered, 0.5)
    absolute, squares = 0.0, 0.0
    faint, faint_weight, bright, bright_weight = 0.0, 0.0, 0.0, 0.0
    for i in range(mag.size):
        d, weight = mag[i] - median, 1 / magerr[i]
        absolute += abs(d * weight)
        squares += (d * weight) ** 2
        if d > 0:
            faint += d * d * weight
            faint_weight += weight
        else:
            bright += d * d * weight
            bright_weight += weight
    out[HL_AMP_RATIO] = math.sqrt(faint / faint_weight / (bright / bright_weight))
    out[QUARTILE31] = percentile(ordered, 0.75) - percentile(ordered, 0.25)
    out[SHAPIRO_W] = shapiro_w(ordered, variance)
    out[STETSON_K] = absolute / math.sqrt(squares) / math.sqrt(mag.size)


@kernel
def _folded_features(
    mjd: Floats, mag: Floats, weighted_mean: float, weighted_std: float, period: float, out: Floats
) -> None:
    """Features of the light curve folded at twice the period."""
    n = mag.size
    times, folded = np.empty(n), mag.copy()
    for i in range(n):
        times[i] = mjd[i] - math.floor(mjd[i] / (2 * period)) * (2 * period)
    sort_pairs(times, folded)
    slopes, n_slopes = np.empty(n), 0
    steps, total, highest, lowest = 0.0, 0.0, -np.inf, np.inf
    for i in range(n):
        total += folded[i] - weighted_mean
        highest, lowest = max(highest, total), min(lowest, total)
        if i > 0:
            step = folded[i] - folded[i - 1]
            steps += step * step
            if step != 0:
                slopes[n_slopes] = (times[i] - times[i - 1]) / step
                n_slopes += 1
    slopes = slopes[:n_slopes]
    out[PHASE_CUSUM] = (highest - lowest) / n / weighted_std
    out[PHASE_ETA] = steps / (n - 1) / (weighted_std * weighted_std)
    out[SLOPE_PER10] = percentile_of_any(slopes, 0.1)
    out[SLOPE_PER90] = percentile_of_any(slopes, 0.9)


@kernel
def features_given_period(mjd: Floats, mag: Floats, magerr: Floats, period: float, out: Floats) -> None:
    """Fill `out` (16,) in the order of FEATURES, from float64 arrays (n,) and a period in days."""
    n = mag.size
    weights, weighted, total = 0.0, 0.0, 0.0
    for i in range(n):
        weights += 1 / magerr[i]
        weighted += mag[i] / magerr[i]
        total += mag[i]
    mean, weighted_mean = total / n, weighted / weights
    variance, weighted_variance = 0.0, 0.0
    for i in range(n):
        variance += (mag[i] - mean) ** 2
        weighted_variance += (mag[i] - weighted_mean) ** 2 / magerr[i]
    variance /= n
    out[PERIOD] = period
    _fourier_features(mjd, mag, mean, period, out)
    _moment_features(mag, mean, variance, out)
    _order_features(mag, magerr, variance, out)
    _folded_features(mjd, mag, weighted_mean, math.sqrt(weighted_variance / weights), period, out)
