"""The right period, not only the highest peak: candidates re-ranked with harmonics, then their multiples weighed.

The highest peak of a single-harmonic search is half the period of nearly every eclipsing binary. Whether the period is
to be doubled is decided from evidence (odd and even minima differ: six harmonics at twice the period against three) and
from shape: one narrow symmetric minimum per cycle is an eclipse, and a binary has two; a fast rise and slow decline is
a pulsation. Where both are silent, as for contact binaries with equal minima, the frequency decides what is common.
"""

import math

import numpy as np

from features.grid import SHORTEST_PERIOD
from features.harmonics import harmonic_power
from features.jit import Data, Floats, kernel

HARMONICS = 3
DOUBLE_HARMONICS = 6  # at twice the period, so that both models describe the same shape
REFINED = 3  # best candidates that are refined; 3, 5, 8 and 30 gave the same periods on 4,000 real stars
MOST_DOUBLINGS = 3  # narrow eclipses are found at up to four times the orbital frequency
SMALLEST_CHI2 = 1e-9  # of the constant model's; below it rounding decides
ROUNDS, SHRINK = 3, 0.35  # of the climb to a peak

# Prior odds of candidates, in units of N ln(chi2 ratio). Measured on 2,500 stars each of ASAS and Catalina.
HALF_PENALTY = 6.0  # three harmonics at half a peak's frequency fit more noise than at the peak
DAY_PENALTY = 10.0  # a frequency within DAY_WIDTH of a whole number per day is rather the sampling than the star
DAY_WIDTH, DAY_FROM = 0.02, 0.5  # 1/d
GAP_PENALTY = 5.0  # few pulsators between RR Lyrae stars and long-period variables; their daily aliases abound
GAP = (0.1, 1.2)  # 1/d
ECLIPSE_SHAPE = 0.3  # sharpness of the minimum above which a curve is no pulsation

# Walking up to a shorter period when little is lost by it.
INSIGNIFICANT = 16.0  # in N ln(chi2 ratio), all steps together; 10, 16 and 24 differ little
SLOW = 0.02  # 1/d; long-period variables do not repeat exactly, so that several cycles always fit better than one
SPARSE = 20  # epochs a band, of several, below which three harmonics of each would fit anything

SLOW_SHARE = 0.7  # of the explained chi2 that has to be kept

# Log-odds that the true period is twice the one at hand, by logistic regression on every other star of 5,000 of
# Catalina, 1,470 of ASAS and 880 synthetic OGLE-III pulsators; pulsators with weight 4. `starsieve bench periods` shows
# what it does on the rest and elsewhere.
INTERCEPT = -6.85
PER_DEX_FREQUENCY = 4.86
PER_ASYMMETRY = -9.15  # rise and decline differ: a pulsation
PER_LOG_GAIN = 0.99  # N ln(chi2 ratio) of twice the period
PER_DEX_AMPLITUDE = -2.6
PER_THIRD = 3.39  # third harmonic in phase with the minimum
PER_SHARPNESS, SHARPNESS_LIMIT = 14.54, 0.2  # a sharp minimum: an eclipse
PER_EXCESS, EXCESS_FROM, EXCESS_LIMIT = -16.6, 0.9, 0.5  # second harmonic as strong as the first: two minima already
OVERTONE_STRIP, OVERTONE_CENTRE, OVERTONE_WIDTH = -2.92, 0.49, 0.08  # first-overtone RR Lyrae stars, log10(1/d)
PER_DEX_FAST, FAST = -49.3, math.log10(8.0)  # no contact binary has a period below 0.2 d
PER_DEX_SLOW, BELOW = 4.91, -0.3  # detached binaries reach to any period
PROOF = 60.0  # gain that proves different minima, if the shape is an eclipse


@kernel
def epochs_per_band(data: Data) -> float:
    """What N stands for in N ln(chi2 ratio): every band has its own coefficients, so evidence counts per band."""
    return data[0].size / data[4].size


@kernel
def gain_of(n_epochs: float, better: float, worse: float) -> float:
    """N ln(chi2 ratio) of two models, given the fractions of chi2 that they explain."""
    return n_epochs * (math.log(max(1 - worse, SMALLEST_CHI2)) - math.log(max(1 - better, SMALLEST_CHI2)))


@kernel
def shape_of(coefficients: Floats) -> tuple[float, float, float, float]:
    """(sharpness of the minimum, asymmetry, third harmonic in phase with the minimum, amplitude) of a fitted curve.

    Harmonic k relative to the first is r_k1 exp(i (phi_k - k phi_1)) with phi_1 at the faintest phase: for k = 2 its
    real part is positive for narrow minima and negative for narrow maxima, its imaginary part is the asymmetry.
    """
    c1, s1, c2, s2, c3, s3 = coefficients[:6]
    amplitude = math.hypot(c1, s1) + 1e-9
    c, s = c1 / amplitude, s1 / amplitude
    cc, ss = c * c - s * s, 2 * c * s
    ccc, sss = cc * c - ss * s, ss * c + cc * s
    return (
        (c2 * cc + s2 * ss) / amplitude,
        (c2 * ss - s2 * cc) / amplitude,
        (c3 * ccc + s3 * sss) / amplitude,
        amplitude,
    )


@kernel
def refine(data: Data, frequency: float, width: float, n_harmonics: int, coefficients: Floats) -> tuple[float, float]:
    """Climb to the maximum of the power within about `width` of `frequency`; returns (frequency, power)."""
    h = 0.5 * width
    power = harmonic_power(data, frequency, n_harmonics, coefficients)
    for _ in range(ROUNDS):
        left = harmonic_power(data, frequency - h, n_harmonics, coefficients)
        right = harmonic_power(data, frequency + h, n_harmonics, coefficients)
        curvature = left - 2 * power + right
        shift = 0.5 * (left - right) / curvature if curvature < 0 else (1.0 if right > left else -1.0)
        trial = frequency + h * max(-1.0, min(1.0, shift))
        found = harmonic_power(data, trial, n_harmonics, coefficients)
        if found > power:
            frequency, power = trial, found
        h *= SHRINK
    return frequency, power


@kernel
def candidate_score(n_epochs: float, frequency: float, power: float, is_half: bool, coefficients: Floats) -> float:
    """Log-likelihood of a candidate and its prior, in units of N ln(chi2)."""
    score = gain_of(n_epochs, power, 0.0)
    if is_half:
        score -= HALF_PENALTY
    if frequency > DAY_FROM and abs(frequency - round(frequency)) < DAY_WIDTH:
        score -= DAY_PENALTY
    if GAP[0] < frequency < GAP[1] and shape_of(coefficients)[0] < ECLIPSE_SHAPE:
        score -= GAP_PENALTY
    return score


@kernel
def best_candidate(data: Data, candidates: Floats, step: float, lowest: float) -> tuple[float, float]:
    """The best (frequency, power) among `candidates` (1/d, off by at most a grid `step`) and their halves."""
    n, coefficients = epochs_per_band(data), np.empty(2 * HARMONICS)
    scores = np.full((candidates.size, 2), -np.inf)
    for i in range(candidates.size):
        for half in range(2):
            f = candidates[i] / (1 + half)
            if f >= lowest:
                power = harmonic_power(data, f, HARMONICS, coefficients)
                scores[i, half] = candidate_score(n, f, power, half == 1, coefficients)
    best_frequency, best_power, best_score = candidates[0], 0.0, -np.inf
    for _ in range(min(REFINED, candidates.size)):
        i, half = divmod(int(np.argmax(scores)), 2)
        if scores[i, half] == -np.inf:
            break
        scores[i, half] = -np.inf
        f, _ = refine(data, candidates[i] / (1 + half), step / (1 + half), HARMONICS, coefficients)
        power = harmonic_power(data, f, HARMONICS, coefficients)
        score = candidate_score(n, f, power, half == 1, coefficients)
        if score > best_score and f >= lowest:
            best_frequency, best_power, best_score = f, power, score
    return best_frequency, best_power


@kernel
def walk_up(data: Data, frequency: float, power: float, step: float) -> tuple[float, float]:
    """Go to two or three times the frequency for as long as all the steps together lose little."""
    n, coefficients = epochs_per_band(data), np.empty(2 * HARMONICS)
    first_power = power
    walking = True
    while walking:
        walking = False
        for multiple in (2, 3):
            if frequency * multiple > 1 / SHORTEST_PERIOD:
                break
            f, p = refine(data, frequency * multiple, step, HARMONICS, coefficients)
            if gain_of(n, first_power, p) < INSIGNIFICANT or (f < SLOW and p > SLOW_SHARE * first_power):
                frequency, power, walking = f, p, True
                break
    return frequency, power


@kernel
def is_half_the_period(frequency: float, gain: float, deviation: float, coefficients: Floats) -> bool:
    """Whether the true period is twice 1 / `frequency`.

    `gain` is that of the doubled model, `deviation` the standard deviation in magnitudes that the coefficients are in
    units of.
    """
    sharpness, asymmetry, third, amplitude = shape_of(coefficients)
    if gain > PROOF and sharpness > ECLIPSE_SHAPE:
        return True
    dex = math.log10(frequency)
    log_odds = (
        INTERCEPT
        + PER_DEX_FREQUENCY * dex
        + PER_ASYMMETRY * min(abs(asymmetry), 1.0)
        + PER_LOG_GAIN * math.log1p(max(gain, 0.0))
        + PER_DEX_AMPLITUDE * math.log10(max(amplitude * deviation, 1e-4))
        + PER_THIRD * max(-1.0, min(1.0, third))
        + PER_SHARPNESS * max(-SHARPNESS_LIMIT, min(SHARPNESS_LIMIT, sharpness))
        + PER_EXCESS * max(0.0, min(EXCESS_LIMIT, sharpness - EXCESS_FROM))
        + OVERTONE_STRIP * math.exp(-0.5 * ((dex - OVERTONE_CENTRE) / OVERTONE_WIDTH) ** 2)
        + PER_DEX_FAST * max(0.0, dex - FAST)
        + PER_DEX_SLOW * max(0.0, BELOW - dex)
    )
    return log_odds > 0


@kernel
def choose(data: Data, deviation: float, candidates: Floats, step: float, lowest: float) -> tuple[float, float]:
    """Choose the frequency of the star among `candidates`, their halves and multiples; returns (frequency, power)."""
    if data[4].size > 1 and epochs_per_band(data) < SPARSE:
        return refine(data, candidates[0], step, 1, np.empty(2))
    n, coefficients, doubled = epochs_per_band(data), np.empty(2 * HARMONICS), np.empty(2 * DOUBLE_HARMONICS)
    frequency, power = best_candidate(data, candidates, step, lowest)
    frequency, power = walk_up(data, frequency, power, step)
    for _ in range(MOST_DOUBLINGS):
        if frequency / 2 < lowest:
            break
        power = harmonic_power(data, frequency, HARMONICS, coefficients)
        f, p = refine(data, frequency / 2, step / 4, DOUBLE_HARMONICS, doubled)
        if f < lowest or not is_half_the_period(frequency, gain_of(n, p, power), deviation, coefficients):
            break
        frequency = f
        power = harmonic_power(data, frequency, HARMONICS, coefficients)
    return frequency, power
