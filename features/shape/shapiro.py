"""Shapiro-Wilk W with Royston's approximate weights (Applied Statistics 44, 547, 1995: algorithm AS R94)."""

import math

import numpy as np

from starsieve.features.jit import Floats, kernel

# fmt: off
# Wichura, Applied Statistics 37, 477, 1988 (AS 241, PPND16): the normal quantile, coefficients from order 0 up.
CENTRE_NUMERATOR = (3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
                    45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727)
CENTRE_DENOMINATOR = (1.0, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867,
                      39307.89580009271061, 28729.085735721942674, 5226.495278852545925)
TAIL_NUMERATOR = (1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
                  1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4)
TAIL_DENOMINATOR = (1.0, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455,
                    0.14810397642748007459, 0.0151986665636164571966, 5.475938084995344946e-4,
                    1.05075007164441684324e-9)
# fmt: on
# Royston's polynomials in 1/sqrt(n) for the two outermost weights, from order 0 up.
OUTERMOST = (0.0, 0.221157, -0.147981, -2.07119, 4.434685, -2.706056)
NEXT = (0.0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633)
CENTRE = 0.425
ONE_OUTER_WEIGHT_UP_TO = 5  # AS R94: below six points only the outermost weight is corrected


@kernel
def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for i in range(len(coefficients) - 1, -1, -1):
        total = total * x + coefficients[i]
    return total


@kernel
def _quantile_below_median(p: float) -> float:
    """Normal quantile for 1e-11 < p <= 0.5; enough for the plotting positions of up to 1e10 points."""
    q = p - 0.5
    if q >= -CENTRE:
        r = 0.180625 - q * q
        return q * _polynomial(CENTRE_NUMERATOR, r) / _polynomial(CENTRE_DENOMINATOR, r)
    r = math.sqrt(-math.log(p)) - 1.6
    return -_polynomial(TAIL_NUMERATOR, r) / _polynomial(TAIL_DENOMINATOR, r)


@kernel
def shapiro_weights(n: int) -> Floats:
    """Weights of the lower half of `n` >= 4 sorted values, made positive: (n // 2,) float64."""
    weights = np.empty(n // 2)
    total = 0.0
    for i in range(n // 2):
        weights[i] = -_quantile_below_median((i + 1 - 0.375) / (n + 0.25))
        total += 2 * weights[i] * weights[i]
    norm, u = math.sqrt(total), 1 / math.sqrt(n)
    first = _polynomial(OUTERMOST, u) + weights[0] / norm
    rest, kept = total - 2 * weights[0] ** 2, 1 - 2 * first**2
    start = 1
    if n > ONE_OUTER_WEIGHT_UP_TO:
        second = _polynomial(NEXT, u) + weights[1] / norm
        rest, kept = rest - 2 * weights[1] ** 2, kept - 2 * second**2
        weights[1] = second
        start = 2
    weights[0] = first
    scale = math.sqrt(kept / rest)
    for i in range(start, n // 2):
        weights[i] *= scale
    return weights


@kernel
def shapiro_w(ordered: Floats, variance: float) -> float:
    """W of sorted values (n,), given their variance (ddof 0)."""
    n = ordered.size
    weights = shapiro_weights(n)
    spread = 0.0
    for i in range(n // 2):
        spread += weights[i] * (ordered[n - 1 - i] - ordered[i])
    return spread * spread / (variance * n)
