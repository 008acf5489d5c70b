"""A plain, slow, obviously right version of everything: the kernels are tested against it, nothing else uses it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from starsieve.features import check
from starsieve.features.periods import choice, significance
from starsieve.features.periods.grid import BASELINE_STEP, BLOCK, FIRST_BASELINE, OVERSAMPLING, SHORTEST_PERIOD
from starsieve.features.shape import profile, winsorize

Floats = NDArray[np.float64]


# --- the 16 features, given the period -------------------------------------------------------------------------------


def fourier_features(mjd: Floats, mag: Floats, period: float) -> dict[str, float]:
    """amplitude, r21, r31, phi21, phi31 of an unweighted fit of three harmonics."""
    x = 2 * np.pi * (mjd / period)
    model = np.stack([np.ones_like(x)] + [f(k * x) for k in (1, 2, 3) for f in (np.sin, np.cos)], axis=1)
    _, a1, b1, a2, b2, a3, b3 = np.linalg.lstsq(model, mag, rcond=None)[0]
    amplitude = np.hypot(a1, b1)
    f1, f2, f3 = np.arctan(-a1 / b1), np.arctan(-a2 / b2), np.arctan(-a3 / b3)
    return {
        "amplitude": amplitude,
        "r21": np.hypot(a2, b2) / amplitude,
        "r31": np.hypot(a3, b3) / amplitude,
        "phi21": f2 - 2 * f1,
        "phi31": f3 - 3 * f1,
    }


def folded_features(mjd: Floats, mag: Floats, magerr: Floats, period: float) -> dict[str, float]:
    """phase_cusum, phase_eta, slope_per10, slope_per90 of the light curve folded at twice the period."""
    weight = 1 / magerr
    mean = np.sum(weight * mag) / np.sum(weight)
    std = np.sqrt(np.sum(weight * (mag - mean) ** 2) / np.sum(weight))
    folded = mjd - np.floor(mjd / (2 * period)) * (2 * period)
    order = np.lexsort((mag, folded))
    t, m = folded[order], mag[order]
    cusum = np.cumsum(m - mean) / (m.size * std)
    steps, times = np.diff(m), np.diff(t)
    slopes = times[steps != 0] / steps[steps != 0]
    return {
        "phase_cusum": np.ptp(cusum),
        "phase_eta": np.sum(steps**2) / (m.size - 1) / std**2,
        "slope_per10": np.percentile(slopes, 10),
        "slope_per90": np.percentile(slopes, 90),
    }


def shape_features(mag: Floats, magerr: Floats) -> dict[str, float]:
    """The features that do not depend on time."""
    weight, median = 1 / magerr, np.median(mag)
    faint, bright = mag > median, mag <= median
    v_faint = np.average((mag[faint] - median) ** 2, weights=weight[faint])
    v_bright = np.average((mag[bright] - median) ** 2, weights=weight[bright])
    d = (mag - median) / magerr
    return {
        "hl_amp_ratio": np.sqrt(v_faint / v_bright),
        "kurtosis": stats.kurtosis(mag),
        "quartile31": np.percentile(mag, 75) - np.percentile(mag, 25),
        "shapiro_w": stats.shapiro(mag).statistic,
        "skewness": stats.skew(mag),
        "stetson_k": np.sum(np.abs(d)) / np.sqrt(np.sum(d**2)) / np.sqrt(mag.size),
    }


def features_given_period(mjd: Floats, mag: Floats, magerr: Floats, period: float) -> dict[str, float]:
    """All 16 features by name."""
    return {
        "period": period,
        **fourier_features(mjd, mag, period),
        **folded_features(mjd, mag, magerr, period),
        **shape_features(mag, magerr),
    }


# --- the published period search --------------------------------------------------------------------------------------


def upsilont_period(mjd: Floats, mag: Floats) -> float:
    """Highest peak of the unweighted Lomb-Scargle periodogram on the published grid."""
    t, y, baseline, n = mjd - mjd[0], mag - mag.mean(), np.ptp(mjd), mjd.size
    hifac = max(100, int(baseline / n / 0.03 * 2))
    frequencies = np.arange(1, int(0.5 * 3 * hifac * n) + 1) / (3 * baseline)
    powers = []
    for f in frequencies:
        model = np.stack([np.cos(2 * np.pi * f * t), np.sin(2 * np.pi * f * t)], axis=1)
        coefficients = np.linalg.lstsq(model, y, rcond=1e-9)[0]
        powers.append(np.sum((model @ coefficients) ** 2))
    return float(1 / frequencies[int(np.argmax(powers))])


def floored(magerr: Floats, n_seen: int) -> Floats:
    """As check.floored_errors, of one band."""
    floor = check.ERROR_FLOOR * 2.0 ** math.floor(math.log2(np.median(magerr[:n_seen])))
    return np.maximum(magerr, max(floor, check.SMALLEST_ERROR))


# --- the weighted search ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Band:
    """Light curve of one band: days, magnitudes, errors (n,)."""

    time: Floats
    mag: Floats
    magerr: Floats

    def chi2(self, frequency: float, n_harmonics: int) -> tuple[float, Floats]:
        """Weighted sum of squared residuals, and (cos, sin) amplitudes in magnitudes, with a floating mean."""
        x = 2 * np.pi * frequency * self.time
        terms = [f(k * x) for k in range(1, n_harmonics + 1) for f in (np.cos, np.sin)]
        model = np.stack([np.ones_like(x), *terms], axis=1) / self.magerr[:, None]
        data = self.mag / self.magerr
        coefficients = np.linalg.lstsq(model, data, rcond=1e-12)[0]
        return float(np.sum((data - model @ coefficients) ** 2)), np.asarray(coefficients[1:], np.float64)


def power(bands: list[Band], frequency: float, n_harmonics: int) -> float:
    """Fraction of chi2 about the bands' means that harmonics of `frequency` explain."""
    constant = sum(band.chi2(0.0, 0)[0] for band in bands)
    return 1 - sum(band.chi2(frequency, n_harmonics)[0] for band in bands) / constant


def beyond_trend(bands: list[Band], frequency: float) -> tuple[float, float]:
    """As significance.beyond_trend."""
    baseline = max(band.time.max() for band in bands)

    def chi2(waves: list[float]) -> float:
        total = 0.0
        for band in bands:
            terms = [(2 * band.time / baseline - 1) ** k for k in range(significance.TREND + 1)]
            terms += [wave(2 * np.pi * f * band.time) for f in waves for wave in (np.cos, np.sin)]
            model, data = np.stack(terms, axis=1) / band.magerr[:, None], band.mag / band.magerr
            total += float(np.sum((data - model @ np.linalg.lstsq(model, data, rcond=1e-12)[0]) ** 2))
        return total

    trend, constant = chi2([]), sum(band.chi2(0.0, 0)[0] for band in bands)
    left = min(chi2([harmonic * frequency]) for harmonic in range(1, significance.HARMONICS + 1))
    return 1 - trend / constant, 1 - left / trend


def grid_frequencies(baseline: float) -> Floats:
    """All frequencies of the grid, blocks of BLOCK."""
    span = FIRST_BASELINE
    while span < baseline:
        span *= BASELINE_STEP
    step = 1 / (OVERSAMPLING * span)
    n_blocks = math.ceil(1 / SHORTEST_PERIOD / step / BLOCK)
    return np.asarray(step * np.arange(1, n_blocks * BLOCK + 1), np.float64)


def profile_given_period(band: Band, frequency: float) -> dict[str, float]:
    """As profile.profile_given_period."""
    winsorized_band, n = winsorized(band), band.time.size
    most = max(1, min(choice.MOST_HARMONICS, n // choice.EPOCHS_A_HARMONIC))
    chi2, coefficients = winsorized_band.chi2(frequency, most)
    x = 2 * np.pi * frequency * band.time
    turns = [f(k * x) for k in range(1, most + 1) for f in (np.cos, np.sin)]
    curve = np.asarray(coefficients @ np.array(turns))
    extent, level = np.ptp(curve), (curve - curve.min()) / np.ptp(curve)
    away = np.abs((frequency * (band.time - band.time[curve.argmax()]) + 0.5) % 1 - 0.5) > profile.AWAY
    weight = 1 / winsorized_band.magerr**2
    residual = np.sqrt(chi2 / np.sum(weight))
    left = winsorized_band.mag - curve
    away_from_mean = (left - left.mean()) / left.std()
    variances = (coefficients**2).reshape(-1, 2).sum(axis=1)
    trend = np.cov(band.time, winsorized_band.mag, aweights=weight)
    return {
        "power_1": power([winsorized_band], frequency, 1),
        "power_3": power([winsorized_band], frequency, min(3, most)),
        "power_6": power([winsorized_band], frequency, most),
        "power_half": power([winsorized_band], 2 * frequency, (most + 1) // 2),
        "power_double": power([winsorized_band], frequency / 2, most),
        "fitted_range": extent,
        "second_depth": level[away].max(initial=0.0),
        "median_level": np.median(level),
        "faint_share": np.mean(level > profile.HALF_WAY),
        "odd_share": variances[::2].sum() / variances.sum(),
        "residual_to_range": residual / extent,
        "residual_to_error": residual / np.median(band.magerr),
        "range_to_error": extent / np.median(band.magerr),
        "residual_skewness": np.mean(away_from_mean**3),
        "residual_kurtosis": np.mean(away_from_mean**4) - 3,
        "residual_eta": eta(left, np.ones(n - 1, dtype=bool)),
        "eta": eta(winsorized_band.mag, np.ones(n - 1, dtype=bool)),
        "eta_of_nights": eta(winsorized_band.mag, np.diff(band.time) <= profile.NIGHTS),
        "trend_power": trend[0, 1] ** 2 / trend[0, 0] / trend[1, 1],
        "eclipse_share": eclipse_share(winsorized_band, frequency),
    }


def eclipse_share(winsorized_band: Band, frequency: float) -> float:
    """As profile._eclipse_share."""
    most = max(1, min(profile.DETAILED, winsorized_band.time.size // choice.EPOCHS_A_HARMONIC))
    x = 2 * np.pi * np.arange(profile.PHASES) / profile.PHASES
    curve = winsorized_band.chi2(frequency, most)[1] @ np.array(
        [f(k * x) for k in range(1, most + 1) for f in (np.cos, np.sin)]
    )
    bright = np.quantile(curve, profile.OUTSIDE, method="higher")
    return float(np.mean(curve > bright + profile.ECLIPSED * (curve.max() - bright)))


def eta(values: Floats, pairs: NDArray[np.bool_]) -> float:
    """Von Neumann ratio of those successive values that count as pairs."""
    enough = np.count_nonzero(pairs) >= profile.FEW_PAIRS
    return float(np.mean(np.diff(values)[pairs] ** 2) / np.var(values)) if enough else profile.NOISE_ETA


def best_blocks(bands: list[Band], count: int) -> list[tuple[float, float]]:
    """(power, frequency) of the highest grid points of the `count` best blocks, best first."""
    baseline = max(band.time[-1] for band in bands)
    frequencies = grid_frequencies(baseline)
    powers = np.array([power(bands, f, 1) if f * baseline >= 1 - 1e-9 else -1.0 for f in frequencies]).reshape(
        -1, BLOCK
    )
    best = np.argsort(-powers.max(axis=1))[:count]
    rows = frequencies.reshape(-1, BLOCK)
    return [(float(powers[b].max()), float(rows[b, powers[b].argmax()])) for b in best]


def evidence(bands: list[Band], frequency: float) -> tuple[float, int]:
    """As choice.evidence_of: how much better than a constant, at the number of harmonics with the best BIC."""
    n = np.mean([band.time.size for band in bands])
    most = max(1, min(choice.MOST_HARMONICS, int(n / choice.EPOCHS_A_HARMONIC)))
    return max((float(-n * np.log1p(-power(bands, frequency, m)) - 2 * m * np.log(n)), m) for m in range(1, most + 1))


def winsorized(band: Band) -> Band:
    """As winsorize.winsorize."""
    faint, middle, bright = np.quantile(band.mag, [winsorize.MIDDLE[1], 0.5, winsorize.MIDDLE[0]], method="nearest")
    half, mag = (faint - bright) / 2, band.mag
    if half > 0:
        mag = np.clip(mag, middle - winsorize.BRIGHTEST * half, middle + winsorize.FAINTEST * half)
    floor = winsorize.ERROR_FLOOR**2 * band.chi2(0.0, 0)[0] / np.sum(1 / band.magerr**2)
    return Band(band.time, mag, np.sqrt(band.magerr**2 + floor))


def shape(coefficients: Floats) -> tuple[float, float, float, float]:
    """As choice.shape_of: harmonics 2 and 3 relative to the first, phases from the faintest moment of the first."""
    h1, h2, h3 = (complex(coefficients[2 * k], coefficients[2 * k + 1]) for k in range(3))
    second, third = h2 * np.conj((h1 / abs(h1)) ** 2), h3 * np.conj((h1 / abs(h1)) ** 3)
    return float(second.real / abs(h1)), float(-second.imag / abs(h1)), float(third.real / abs(h1)), abs(h1)


def doubling_log_odds(frequency: float, gain: float, coefficients: Floats) -> float:
    """As choice.doubling_log_odds, coefficients in magnitudes."""
    sharpness, asymmetry, third, amplitude = shape(coefficients)
    if gain > choice.PROOF and sharpness > choice.ECLIPSE_SHAPE:
        return np.inf
    dex = np.log10(frequency)
    roundness = np.interp(sharpness, [choice.OVERTONE_ROUND, choice.OVERTONE_SHARP], [1, 0])
    strip = np.exp(-0.5 * ((dex - choice.OVERTONE_CENTRE) / choice.OVERTONE_WIDTH) ** 2)
    terms = {
        choice.INTERCEPT: 1.0,
        choice.PER_DEX_FREQUENCY: dex,
        choice.PER_ASYMMETRY: np.clip(abs(asymmetry), 0, 1),
        choice.PER_LOG_GAIN: np.log1p(max(gain, 0)),
        choice.PER_DEX_AMPLITUDE: np.log10(max(amplitude, 1e-4)),
        choice.PER_THIRD: np.clip(third, -1, 1),
        choice.PER_SHARPNESS: np.clip(sharpness, -choice.SHARPNESS_LIMIT, choice.SHARPNESS_LIMIT),
        choice.PER_EXCESS: np.clip(sharpness - choice.EXCESS_FROM, 0, choice.EXCESS_LIMIT),
        choice.OVERTONE_STRIP: roundness * strip,
        choice.SINE: np.exp(-0.5 * (sharpness**2 + asymmetry**2) / choice.SINE_WIDTH**2),
        choice.PER_DEX_FAST: max(0.0, dex - choice.FAST),
        choice.PER_DEX_SLOW: max(0.0, choice.BELOW - dex),
    }
    return float(sum(weight * value for weight, value in terms.items()))
