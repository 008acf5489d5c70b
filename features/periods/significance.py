"""False-alarm probabilities (Baluev 2008, MNRAS 385, 1279): of the highest peak, and of a period beyond a trend."""

import math

import numpy as np

from starsieve.features.jit import Data, Floats, kernel
from starsieve.features.periods.grid import SHORTEST_PERIOD
from starsieve.features.periods.harmonics import turns

TREND = 4  # degree of the polynomial that stands for a smooth trend; 3 leaves more of slow variables (docs/notebook.md)
HARMONICS = 4  # of a period, the strongest of which shows that it is there: the second of an eclipsing binary
SMALLEST_NORM = 1e-8  # of the times' span; below it rounding decides
SINGULAR = 1e-9  # determinant of a sinusoid's normal equations, at most 1/4, below which the trend leaves nothing of it
SMALLEST_CHI2 = 1e-9  # left by the trend, of the constant model's; below it rounding decides


@kernel
def false_alarm_probability(time: Floats, power: float, n_bands: int, degree: int = 0) -> float:
    """Upper bound of the chance that noise reaches the normalised `power` anywhere on the grid.

    Each band has its own mean, or polynomial of a `degree`, and amplitudes: 2 n_bands parameters besides it. For one
    band this is the formula for the standard normalisation.
    """
    n_null, n_full = time.size - (degree + 1) * n_bands, time.size - (degree + 3) * n_bands
    if n_full < 1:
        return 1.0
    if power >= 1:
        return 0.0
    bandwidth = math.sqrt(4 * math.pi * np.var(time)) / SHORTEST_PERIOD
    z = 0.5 * n_null * power
    gamma = math.sqrt(2 / n_null) * math.exp(math.lgamma(n_null / 2) - math.lgamma((n_null - 1) / 2))
    single, term = 0.0, 1.0
    for k in range(n_bands):  # tail of a chi2 of 2 n_bands degrees of freedom, at most
        single += term
        term *= z / (k + 1)
    single *= (1 - power) ** (0.5 * n_full)
    crossings = gamma * bandwidth * (1 - power) ** (0.5 * (n_full - 1)) * math.sqrt(z)
    for k in range(1, n_bands):
        crossings *= z / k
    return -math.expm1(math.log1p(-min(single, 1 - 1e-16)) - crossings)


@kernel
def _polynomials(time: Floats, weight: Floats, columns: Floats) -> None:
    """Fill `columns` (TREND, n) with polynomials of degrees 1..TREND, orthonormal under the weights (Forsythe 1957)."""
    before, value, norm = np.zeros(time.size), np.ones(time.size), 0.0
    for degree in range(TREND):
        centre = np.sum(weight * value * value * time)
        following = (time - centre) * value - norm * before
        norm = math.sqrt(np.sum(weight * following * following))
        if norm < SMALLEST_NORM * time[-1]:  # no more distinct times
            columns[degree:] = 0.0
            return
        before, value = value, following / norm
        columns[degree] = value


@kernel
def _sinusoid_power(columns: Floats, along: Floats, weight: Floats, signal: Floats, c: Floats, s: Floats) -> float:
    """Fraction of chi2 that a sinusoid, with (cos, sin) `c`, `s` (n,), explains beyond the mean and the trend.

    `columns` are those of `_polynomials`, `along` (TREND,) the signal's components along them.
    """
    c_mean, s_mean, cc, ss, cs, yc, ys = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(c.size):
        wc, ws = weight[i] * c[i], weight[i] * s[i]
        c_mean += wc
        s_mean += ws
        cc += wc * c[i]
        ss += ws * s[i]
        cs += wc * s[i]
        yc += signal[i] * c[i]
        ys += signal[i] * s[i]
    cc, ss, cs = cc - c_mean * c_mean, ss - s_mean * s_mean, cs - c_mean * s_mean
    for k in range(TREND):
        c_along, s_along = 0.0, 0.0
        for i in range(c.size):
            c_along += weight[i] * c[i] * columns[k, i]
            s_along += weight[i] * s[i] * columns[k, i]
        cc, ss, cs = cc - c_along * c_along, ss - s_along * s_along, cs - c_along * s_along
        yc, ys = yc - along[k] * c_along, ys - along[k] * s_along
    determinant = cc * ss - cs * cs
    return (yc * yc * ss + ys * ys * cc - 2 * yc * ys * cs) / determinant if determinant > SINGULAR else 0.0


@kernel
def beyond_trend(data: Data, frequency: float) -> tuple[float, float]:
    """Fraction of chi2 that a smooth trend explains, and of what it leaves, the strongest harmonic of `frequency`.

    `data` as for `search.best_blocks`; every band has its own trend, a polynomial, and its own amplitudes.
    """
    time, weight, signal, band_starts, shares = data
    columns, along = np.empty((TREND, time.size)), np.empty((shares.size, TREND))
    trend, beyond = 0.0, 0.0
    for band in range(shares.size):
        a, b = band_starts[band], band_starts[band + 1]
        _polynomials(time[a:b] - time[a], weight[a:b], columns[:, a:b])
        for k in range(TREND):
            along[band, k] = np.sum(signal[a:b] * columns[k, a:b])
            trend += shares[band] * along[band, k] ** 2
    c, s = np.empty(time.size), np.empty(time.size)
    for harmonic in range(1, HARMONICS + 1):
        turns(time, harmonic * frequency, c, s)
        power = 0.0
        for band in range(shares.size):
            a, b = band_starts[band], band_starts[band + 1]
            power += shares[band] * _sinusoid_power(
                columns[:, a:b], along[band], weight[a:b], signal[a:b], c[a:b], s[a:b]
            )
        beyond = max(beyond, power)
    return min(1.0, trend), min(1.0, beyond / max(SMALLEST_CHI2, 1 - trend))
