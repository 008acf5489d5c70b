"""Weighted least-squares fits of several harmonics with a floating mean, in float64."""

import math

import numpy as np

from starsieve.features.cholesky import eliminate, substitute
from starsieve.features.jit import Data, Floats, kernel

SMALLEST_PIVOT = 1e-7  # of the normalised normal matrix; terms the phases do not determine are left out
# Taylor coefficients of sin and cos on [-pi/2, pi/2], error below 1e-13.
SIN = (
    1.0,
    -1 / 6,
    1 / 120,
    -1 / 5040,
    1 / 362880,
    -1 / 39916800,
    1 / 6227020800,
    -1 / 1307674368000,
    1 / 355687428096000,
)
COS = (1.0, -1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800, 1 / 479001600, -1 / 87178291200, 1 / 20922789888000)


@kernel
def turns(time: Floats, frequency: float, c1: Floats, s1: Floats) -> None:
    """(cos, sin) of 2 pi f t, by polynomials of the half angle so that the loop vectorises."""
    for i in range(time.size):
        cycles = frequency * time[i]
        x = math.pi * (cycles - math.floor(cycles + 0.5))
        y = x * x
        s = x * (
            SIN[0]
            + y
            * (
                SIN[1]
                + y * (SIN[2] + y * (SIN[3] + y * (SIN[4] + y * (SIN[5] + y * (SIN[6] + y * (SIN[7] + y * SIN[8]))))))
            )
        )
        c = COS[0] + y * (
            COS[1]
            + y * (COS[2] + y * (COS[3] + y * (COS[4] + y * (COS[5] + y * (COS[6] + y * (COS[7] + y * COS[8]))))))
        )
        c1[i] = 1 - 2 * s * s
        s1[i] = 2 * s * c


@kernel
def curve_of(c1: Floats, s1: Floats, coefficients: Floats, curve: Floats) -> None:
    """Fill `curve` (n,) with (cos, sin) `coefficients` (2 m,) of harmonics 1..m at the angles of `c1`, `s1`."""
    ck, sk = np.ones(c1.size), np.zeros(c1.size)
    curve[:] = 0.0
    for k in range(0, coefficients.size, 2):
        a, b = coefficients[k], coefficients[k + 1]
        for i in range(c1.size):
            c = ck[i] * c1[i] - sk[i] * s1[i]
            s = sk[i] * c1[i] + ck[i] * s1[i]
            ck[i], sk[i] = c, s
            curve[i] += a * c + b * s


@kernel
def _harmonic_sums(
    weight: Floats,
    signal: Floats,
    c1: Floats,
    s1: Floats,
    ck: Floats,
    sk: Floats,
    cosines: Floats,
    sines: Floats,
    rhs: Floats,
) -> None:
    """Sums of weight times cos, sin of harmonics 1..2m and of signal times those of harmonics 1..m."""
    n_harmonics = rhs.size // 2
    cosines[0], sines[0] = 1.0, 0.0
    for i in range(c1.size):
        ck[i], sk[i] = 1.0, 0.0
    for k in range(1, 2 * n_harmonics + 1):
        c_sum, s_sum, yc_sum, ys_sum = 0.0, 0.0, 0.0, 0.0
        for i in range(c1.size):
            c = ck[i] * c1[i] - sk[i] * s1[i]
            s = sk[i] * c1[i] + ck[i] * s1[i]
            ck[i], sk[i] = c, s
            c_sum += weight[i] * c
            s_sum += weight[i] * s
            yc_sum += signal[i] * c
            ys_sum += signal[i] * s
        cosines[k], sines[k] = c_sum, s_sum
        if k <= n_harmonics:
            rhs[2 * k - 2], rhs[2 * k - 1] = yc_sum, ys_sum


@kernel
def _normal_matrix(cosines: Floats, sines: Floats, normal: Floats) -> None:
    """Lower triangle of the covariance of (cos, sin) of harmonics 1..m under the weights."""
    for k in range(1, normal.shape[0] // 2 + 1):
        for j in range(1, k + 1):
            low, high = k - j, k + j
            row, column = 2 * k - 2, 2 * j - 2
            normal[row, column] = 0.5 * (cosines[low] + cosines[high]) - cosines[k] * cosines[j]
            normal[row + 1, column + 1] = 0.5 * (cosines[low] - cosines[high]) - sines[k] * sines[j]
            normal[row, column + 1] = 0.5 * (sines[high] - sines[low]) - cosines[k] * sines[j]
            normal[row + 1, column] = 0.5 * (sines[high] + sines[low]) - sines[k] * cosines[j]


@kernel
def _explained(normal: Floats, rhs: Floats, share: float, powers: Floats) -> None:
    """Add to `powers` (m,) a `share` of rhs . normal^-1 . rhs for the first 1..m harmonics, leaving rhs = L^-1 rhs."""
    eliminate(normal, rhs, SMALLEST_PIVOT)
    total = 0.0
    for i in range(rhs.size):
        total += rhs[i] * rhs[i]
        if i % 2:
            powers[i // 2] += share * total


@kernel
def nested_powers(data: Data, frequency: float, coefficients: Floats, powers: Floats) -> None:
    """Fill `powers` (m,) with the fractions of chi2 that 1..m harmonics of `frequency` explain, each band with its own.

    `data` is (time, weight, signal, band_starts, shares) as for `search.best_blocks`. `coefficients` (2 m,) receives
    the (cos, sin) amplitudes of all m harmonics of the last band, in its standard deviations.
    """
    time, weight, signal, band_starts, shares = data
    n_harmonics = powers.size
    powers[:] = 0.0
    size = time.size
    c1, s1, ck, sk = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    cosines, sines = np.empty(2 * n_harmonics + 1), np.empty(2 * n_harmonics + 1)
    normal = np.empty((2 * n_harmonics, 2 * n_harmonics))
    for band in range(shares.size):
        a, b = band_starts[band], band_starts[band + 1]
        n = b - a
        turns(time[a:b], frequency, c1[:n], s1[:n])
        _harmonic_sums(weight[a:b], signal[a:b], c1[:n], s1[:n], ck[:n], sk[:n], cosines, sines, coefficients)
        _normal_matrix(cosines, sines, normal)
        _explained(normal, coefficients, shares[band], powers)
    substitute(normal, coefficients)
    np.minimum(powers, 1.0, powers)


@kernel
def harmonic_power(data: Data, frequency: float, n_harmonics: int, coefficients: Floats) -> float:
    """Fraction of chi2 explained by `n_harmonics` harmonics of `frequency`; see `nested_powers`."""
    powers = np.empty(n_harmonics)
    nested_powers(data, frequency, coefficients, powers)
    return float(powers[-1])
