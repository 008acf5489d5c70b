"""The right period, not only the highest peak: candidates re-ranked with harmonics, then their multiples weighed.

The highest peak of a single-harmonic search is half the period of nearly every eclipsing binary. Whether the period is
to be doubled is decided from evidence (odd and even minima differ: six harmonics at twice the period against three) and
from shape: one narrow symmetric minimum per cycle is an eclipse, and a binary has two; a fast rise and slow decline is
a pulsation. Where both are silent, as for contact binaries with equal minima, the frequency decides what is common.
"""

import math

import numpy as np

from starsieve.features.jit import Data, Floats, Integers, kernel
from starsieve.features.periods.grid import SHORTEST_PERIOD
from starsieve.features.periods.harmonics import harmonic_power, nested_powers
from starsieve.features.periods.search import weighed

HARMONICS = 3
DOUBLE_HARMONICS = 6  # at twice the period, so that both models describe the same shape
# When candidates are compared: eclipses need more than three harmonics, few epochs do not bear as many.
MOST_HARMONICS, EPOCHS_A_HARMONIC = 6, 10
REFINED = 3  # best candidates that are refined; 5 and 10 make no more than 0.2 % of 11,000 stars better
MOST_DOUBLINGS = 3  # narrow eclipses are found at up to four times the orbital frequency
SMALLEST_CHI2 = 1e-9  # of the constant model's; below it rounding decides
ROUNDS, SHRINK = 3, 0.35  # of the climb to a peak

# Prior odds of candidates, in units of N ln(chi2 ratio). Measured on 2,500 stars each of ASAS and Catalina.
DAY_PENALTY = 10.0  # a frequency within DAY_WIDTH of a whole number per day is rather the sampling than the star
DAY_WIDTH, DAY_FROM = 0.02, 0.5  # 1/d
GAP_PENALTY = 5.0  # few pulsators between RR Lyrae stars and long-period variables; their daily aliases abound
GAP = (0.1, 1.2)  # 1/d
ECLIPSE_SHAPE = 0.3  # sharpness of the minimum above which a curve is no pulsation

# Walking up to a shorter period when little is lost by it.
INSIGNIFICANT = 16.0  # in N ln(chi2 ratio), all steps together; 10, 16 and 24 differ little
SLOW = 0.02  # 1/d; long-period variables do not repeat exactly, so that several cycles always fit better than one
SLOW_SHARE = 0.7  # of the explained chi2 that has to be kept
SLOW_FIRST = 0.5  # of the explained chi2 from which the first harmonic is a cycle of its own
HOPELESS = 4.0  # times INSIGNIFICANT: a loss that refining does not make good
SPARSE = 20  # epochs a band, of several

# Log-odds that the true period is twice the one at hand, by logistic regression on every other star of 5,000 of
# Catalina, 1,470 of ASAS and 880 synthetic OGLE-III pulsators; pulsators with weight 4. The terms of the overtone strip
# and of the sine were set by hand afterwards, on 4,300 stars of Catalina, ASAS and simulated ones. `starsieve bench
# periods` shows what comes of it.
INTERCEPT = -6.85
PER_DEX_FREQUENCY = 4.86
PER_ASYMMETRY = -9.15  # rise and decline differ: a pulsation
PER_LOG_GAIN = 0.99  # N ln(chi2 ratio) of twice the period
PER_DEX_AMPLITUDE = -2.6
PER_THIRD = 3.39  # third harmonic in phase with the minimum
PER_SHARPNESS, SHARPNESS_LIMIT = 14.54, 0.2  # a sharp minimum: an eclipse
PER_EXCESS, EXCESS_FROM, EXCESS_LIMIT = -16.6, 0.9, 0.5  # second harmonic as strong as the first: two minima already
OVERTONE_STRIP, OVERTONE_CENTRE, OVERTONE_WIDTH = -5.5, 0.45, 0.09  # first-overtone RR Lyrae stars, log10(1/d)
OVERTONE_ROUND, OVERTONE_SHARP = 0.12, 0.36  # sharpness up to which the strip counts in full, and from which not at all
SINE, SINE_WIDTH = -2.0, 0.04  # a pure sine: contact binaries have sharper minima, delta Scuti stars may not
PER_DEX_FAST, FAST = -49.3, math.log10(8.0)  # no contact binary has a period below 0.2 d
PER_DEX_SLOW, BELOW = 4.91, -0.3  # detached binaries reach to any period
PROOF = 60.0  # gain that proves different minima, if the shape is an eclipse
# Twice the period, when harmonics alone preferred it, is undone where the shape says no by these log-odds and most of
# the power stays: double-mode pulsators. Slower stars don't repeat well enough for their shape to decide.
CLEARLY_NOT, SHARE_KEPT, UNDONE_FROM = -2.0, 0.8, 1.2  # the last in 1/d


@kernel
def epochs_per_band(data: Data) -> float:
    """What N stands for in N ln(chi2 ratio): how many epochs the band of an epoch has, on average.

    Every band has its own coefficients, so evidence counts per band; a band of few epochs weighs little.
    """
    starts, squares = data[3], 0.0
    for band in range(starts.size - 1):
        squares += (starts[band + 1] - starts[band]) ** 2
    return float(squares / starts[-1])


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
def prior_of(frequency: float, coefficients: Floats) -> float:
    """Logarithm of a candidate's prior odds, in units of N ln(chi2 ratio)."""
    prior = 0.0
    if frequency > DAY_FROM and abs(frequency - round(frequency)) < DAY_WIDTH:
        prior -= DAY_PENALTY
    if GAP[0] < frequency < GAP[1] and shape_of(coefficients)[0] < ECLIPSE_SHAPE:
        prior -= GAP_PENALTY
    return prior


@kernel
def evidence_of(data: Data, frequency: float) -> tuple[float, int]:
    """N ln(chi2 ratio) less ln N for each coefficient at the best number of harmonics (BIC, Schwarz 1978), and that."""
    n, best, n_harmonics = epochs_per_band(data), -np.inf, 1
    powers = np.empty(max(1, min(MOST_HARMONICS, int(n / EPOCHS_A_HARMONIC))))
    nested_powers(data, frequency, np.empty(2 * powers.size), powers)
    for i in range(powers.size):
        evidence = gain_of(n, powers[i], 0.0) - 2 * (i + 1) * math.log(n)
        if evidence > best:
            best, n_harmonics = evidence, i + 1
    return best, n_harmonics


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
                scores[i, half] = gain_of(n, power, 0.0) + prior_of(f, coefficients)
    best_frequency, best_power, best_score = candidates[0], 0.0, -np.inf
    for _ in range(min(REFINED, candidates.size)):
        i, half = divmod(int(np.argmax(scores)), 2)
        if scores[i, half] == -np.inf:
            break
        scores[i, half] = -np.inf
        f, _ = refine(data, candidates[i] / (1 + half), step / (1 + half), HARMONICS, coefficients)
        power = harmonic_power(data, f, HARMONICS, coefficients)
        score = evidence_of(data, f)[0] + prior_of(f, coefficients)
        if score > best_score and f >= lowest:
            best_frequency, best_power, best_score = f, power, score
    return best_frequency, best_power


@kernel
def walk_up(data: Data, frequency: float, power: float, step: float) -> tuple[float, float]:
    """Go to two or three times the frequency for as long as all the steps together lose little."""
    n, coefficients, powers = epochs_per_band(data), np.empty(2 * HARMONICS), np.empty(HARMONICS)
    first_power = power
    walking = True
    while walking:
        walking = False
        nested_powers(data, frequency, coefficients, powers)
        several = frequency < SLOW and powers[0] < SLOW_FIRST * first_power  # cycles in what looks like one
        for multiple in (2, 3):
            f = frequency * multiple
            if f > 1 / SHORTEST_PERIOD:
                break
            p = harmonic_power(data, f, HARMONICS, coefficients)
            if gain_of(n, first_power, p) > HOPELESS * INSIGNIFICANT and not several:
                continue
            f, p = refine(data, f, step, HARMONICS, coefficients)
            if gain_of(n, first_power, p) < INSIGNIFICANT or (several and f < SLOW and p > SLOW_SHARE * first_power):
                frequency, power, walking = f, p, True
                break
    return frequency, power


@kernel
def doubling_log_odds(frequency: float, gain: float, deviation: float, coefficients: Floats) -> float:
    """Log-odds that the true period is twice 1 / `frequency`.

    `gain` is that of the doubled model, `deviation` the standard deviation in magnitudes that the coefficients are in
    units of.
    """
    sharpness, asymmetry, third, amplitude = shape_of(coefficients)
    if gain > PROOF and sharpness > ECLIPSE_SHAPE:
        return np.inf
    dex = math.log10(frequency)
    roundness = max(0.0, min(1.0, (OVERTONE_SHARP - sharpness) / (OVERTONE_SHARP - OVERTONE_ROUND)))
    return (
        INTERCEPT
        + PER_DEX_FREQUENCY * dex
        + PER_ASYMMETRY * min(abs(asymmetry), 1.0)
        + PER_LOG_GAIN * math.log1p(max(gain, 0.0))
        + PER_DEX_AMPLITUDE * math.log10(max(amplitude * deviation, 1e-4))
        + PER_THIRD * max(-1.0, min(1.0, third))
        + PER_SHARPNESS * max(-SHARPNESS_LIMIT, min(SHARPNESS_LIMIT, sharpness))
        + PER_EXCESS * max(0.0, min(EXCESS_LIMIT, sharpness - EXCESS_FROM))
        + OVERTONE_STRIP * roundness * math.exp(-0.5 * ((dex - OVERTONE_CENTRE) / OVERTONE_WIDTH) ** 2)
        + SINE * math.exp(-0.5 * (sharpness**2 + asymmetry**2) / SINE_WIDTH**2)
        + PER_DEX_FAST * max(0.0, dex - FAST)
        + PER_DEX_SLOW * max(0.0, BELOW - dex)
    )


@kernel
def undo_doubling(data: Data, deviation: float, frequency: float, power: float, step: float) -> tuple[float, float]:
    """Go to twice the frequency where the shape there clearly is no binary's; returns (frequency, power)."""
    if not UNDONE_FROM < 2 * frequency < 1 / SHORTEST_PERIOD:
        return frequency, power
    coefficients = np.empty(2 * HARMONICS)
    f, _ = refine(data, 2 * frequency, step, HARMONICS, coefficients)
    p = harmonic_power(data, f, HARMONICS, coefficients)
    whole = harmonic_power(data, frequency, DOUBLE_HARMONICS, np.empty(2 * DOUBLE_HARMONICS))
    log_odds = doubling_log_odds(f, gain_of(epochs_per_band(data), whole, p), deviation, coefficients)
    return (f, p) if log_odds < CLEARLY_NOT and p > SHARE_KEPT * power else (frequency, power)


@kernel
def measure(data: Data, frequency: float, step: float, lowest: float) -> tuple[float, float]:
    """The `frequency` that was chosen and its power, refined with as many harmonics as the star has.

    Each harmonic too many adds to the frequency's error.
    """
    n_harmonics = evidence_of(data, frequency)[1]
    f, _ = refine(data, frequency, step / n_harmonics, n_harmonics, np.empty(2 * n_harmonics))
    f = f if f >= lowest else frequency
    return f, harmonic_power(data, f, HARMONICS, np.empty(2 * HARMONICS))


@kernel
def for_choice(time: Floats, mag: Floats, magerr: Floats, band_starts: Integers) -> tuple[Data, float]:
    """What candidates are compared with, and the standard deviation in magnitudes that it is in units of.

    Several bands that have so few epochs that three harmonics of each would fit anything count as one, less the median
    of each: all of them together tell the shape, though amplitudes differ.
    """
    data, chi2 = weighed(time, mag, magerr, band_starts)
    last = band_starts[-2]
    if data[4].size > 1 and epochs_per_band(data) < SPARSE:
        centred = mag.copy()
        for band in range(band_starts.size - 1):
            part = slice(band_starts[band], band_starts[band + 1])
            centred[part] -= np.median(mag[part])
        data, chi2 = weighed(time, centred, magerr, np.array([0, time.size]))
        last = 0
    return data, math.sqrt(data[4][-1] * chi2 / np.sum(1 / magerr[last:] ** 2))


@kernel
def choose(data: Data, deviation: float, candidates: Floats, step: float, lowest: float) -> tuple[float, float]:
    """Choose the frequency of the star among `candidates`, their halves and multiples; returns (frequency, power).

    `measure` makes it exact.
    """
    n, coefficients, doubled = epochs_per_band(data), np.empty(2 * HARMONICS), np.empty(2 * DOUBLE_HARMONICS)
    frequency, power = best_candidate(data, candidates, step, lowest)
    frequency, power = walk_up(data, frequency, power, step)
    frequency, power = undo_doubling(data, deviation, frequency, power, step)
    for _ in range(MOST_DOUBLINGS):
        if frequency / 2 < lowest:
            break
        power = harmonic_power(data, frequency, HARMONICS, coefficients)
        f, p = refine(data, frequency / 2, step / 4, DOUBLE_HARMONICS, doubled)
        if f < lowest or doubling_log_odds(frequency, gain_of(n, p, power), deviation, coefficients) <= 0:
            break
        frequency = f
    return frequency, harmonic_power(data, frequency, HARMONICS, coefficients)
