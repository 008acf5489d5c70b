"""The right period, not only the highest peak: re-ranking with harmonics, and the tests of its multiples."""

import math

import numpy as np

from features.grid import SHORTEST_PERIOD
from features.harmonics import harmonic_power
from features.jit import kernel

HARMONICS = 3
DOUBLE_HARMONICS = 6  # at twice the period, so that both models describe the same shape
REFINED = 5  # best re-ranked frequencies that are refined
PENALTY = 4.0  # in N ln(chi2 ratio) per coefficient; 3 costs RR Lyrae stars 5-8 % of right periods
SMALLEST_CHI2 = 1e-9  # of the constant model's; below it rounding decides


@kernel
def _gain(n_epochs, better, worse):
    """N ln(chi2 ratio) of two models, given the fractions of chi2 that they explain."""
    return n_epochs * (math.log(max(1 - worse, SMALLEST_CHI2)) - math.log(max(1 - better, SMALLEST_CHI2)))


@kernel
def refine(time, weight, signal, band_starts, shares, frequency, width, n_harmonics, coefficients):
    """Climb to the maximum of the power within about `width` of `frequency`; returns (frequency, power)."""
    h = 0.5 * width
    power = harmonic_power(time, weight, signal, band_starts, shares, frequency, n_harmonics, coefficients)
    for _ in range(3):
        left = harmonic_power(time, weight, signal, band_starts, shares, frequency - h, n_harmonics, coefficients)
        right = harmonic_power(time, weight, signal, band_starts, shares, frequency + h, n_harmonics, coefficients)
        curvature = left - 2 * power + right
        shift = 0.5 * (left - right) / curvature if curvature < 0 else (1.0 if right > left else -1.0)
        trial = frequency + h * max(-1.0, min(1.0, shift))
        found = harmonic_power(time, weight, signal, band_starts, shares, trial, n_harmonics, coefficients)
        if found > power:
            frequency, power = trial, found
        h *= 0.35
    return frequency, power


@kernel
def choose(time, weight, signal, band_starts, shares, candidates, width, lowest):
    """Choose among `candidates` (1/d), their halves and multiples; returns (frequency, power of the three harmonics)."""
    n, n_candidates = time.size, candidates.size
    coefficients = np.empty(2 * HARMONICS)
    frequencies, powers, widths = (
        np.empty(2 * n_candidates),
        np.full(2 * n_candidates, -1.0),
        np.empty(2 * n_candidates),
    )
    for i in range(n_candidates):
        for half in range(2):
            frequency = candidates[i] / (1 + half)
            k = 2 * i + half
            frequencies[k], widths[k] = frequency, width / (1 + half)
            if frequency >= lowest:
                powers[k] = harmonic_power(
                    time, weight, signal, band_starts, shares, frequency, HARMONICS, coefficients
                )
    best_frequency, best_power = candidates[0], -1.0
    for _ in range(min(REFINED, 2 * n_candidates)):
        k = np.argmax(powers)
        if powers[k] < 0:
            break
        powers[k] = -1.0
        f, p = refine(time, weight, signal, band_starts, shares, frequencies[k], widths[k], HARMONICS, coefficients)
        if p > best_power and f >= lowest:
            best_frequency, best_power = f, p
    walking = True
    while walking:
        walking = False
        for multiple in (2, 3):
            f = best_frequency * multiple
            if f > 1 / SHORTEST_PERIOD:
                continue
            f, p = refine(time, weight, signal, band_starts, shares, f, width, HARMONICS, coefficients)
            if _gain(n, best_power, p) < PENALTY * 2 * HARMONICS:
                best_frequency, best_power, walking = f, p, True
                break
    half = best_frequency / 2
    if half >= lowest:
        wide = np.empty(2 * DOUBLE_HARMONICS)
        f, p = refine(time, weight, signal, band_starts, shares, half, width / 4, DOUBLE_HARMONICS, wide)
        if f >= lowest and _gain(n, p, best_power) > PENALTY * 2 * (DOUBLE_HARMONICS - HARMONICS):
            best_frequency, best_power = refine(
                time, weight, signal, band_starts, shares, f, width / 4, HARMONICS, coefficients
            )
    return best_frequency, best_power
