"""The numbers that a light curve has, by name: formula, unit, and from how many epochs on they are what they say.

Beside the code that computes them (`statistics`, `profile`), and without Numba: `starsieve --help` names some of them.
"""

from typing import NamedTuple

HARMONIC_EPOCHS = 10  # for every harmonic of the fitted curve: fewer epochs, fewer harmonics (periods.choice)


class Column(NamedTuple):
    """One number. `epochs`: with fewer it has a substitute, or is not computed."""

    name: str
    formula: str
    unit: str  # "" where it has none
    epochs: int


#: The 16 features of UPSILoN-T (Kim et al. 2021, A&A 653, A22). a_k, b_k: sine and cosine terms of an unweighted fit of
#: a constant and three harmonics; m: magnitudes; folded: at twice the period; w = 1 / error.
FEATURE_COLUMNS = (
    Column("amplitude", "A1 = hypot(a_1, b_1)", "mag", 7),
    Column(
        "hl_amp_ratio", "sqrt of the mean w-weighted (m - median)^2 of fainter epochs over that of the others", "", 7
    ),
    Column("kurtosis", "mean (m - mean)^4 / variance^2 - 3", "", 7),
    Column("period", "1 / frequency", "d", 7),
    Column("phase_cusum", "range of the sum of m - weighted mean, folded, / n / weighted deviation", "", 7),
    Column("phase_eta", "mean squared step of m, folded, / weighted variance", "", 7),
    Column("phi21", "atan(-a_2 / b_2) - 2 atan(-a_1 / b_1)", "rad", 7),
    Column("phi31", "atan(-a_3 / b_3) - 3 atan(-a_1 / b_1)", "rad", 7),
    Column("quartile31", "75th - 25th percentile of m", "mag", 7),
    Column("r21", "hypot(a_2, b_2) / A1", "", 7),
    Column("r31", "hypot(a_3, b_3) / A1", "", 7),
    Column("shapiro_w", "W of Shapiro and Wilk 1965, as Royston 1995 approximates it", "", 7),
    Column("skewness", "mean (m - mean)^3 / variance^(3/2)", "", 7),
    Column("slope_per10", "10th percentile of dt / dm between neighbours, folded", "d/mag", 7),
    Column("slope_per90", "90th percentile of dt / dm between neighbours, folded", "d/mag", 7),
    Column("stetson_k", "mean |d| / sqrt(mean d^2) with d = w (m - median) (Stetson 1996)", "", 7),
)
#: What is left beside them, of winsorized magnitudes from the fourth on. Power: the fraction of chi2 that a curve of so
#: many harmonics explains. The curve: six harmonics, or fewer; its brightest, faintest and range at the epochs.
PROFILE_COLUMNS = (
    Column("peak_period", "of the highest peak of the single-harmonic periodogram", "d", 7),
    Column("peak_power", "of that peak", "", 7),
    Column("false_alarm_probability", "of that peak (Baluev 2008)", "", 7),
    Column("power_1", "of one harmonic of the period", "", 7),
    Column("power_3", "of three harmonics", "", 3 * HARMONIC_EPOCHS),
    Column("power_6", "of six harmonics", "", 6 * HARMONIC_EPOCHS),
    Column("power_half", "of half the period, with three harmonics", "", 6 * HARMONIC_EPOCHS),
    Column("power_double", "of twice the period, with six harmonics", "", 6 * HARMONIC_EPOCHS),
    Column("fitted_range", "range of the curve", "mag", 7),
    Column("second_depth", "its faintest point beyond 0.2 cycles from the minimum, over its brightest, / range", "", 7),
    Column("median_level", "its median above its brightest point, / range", "", 7),
    Column("faint_share", "of the epochs, where it is fainter than half way from brightest to faintest", "", 7),
    Column("odd_share", "of its variance, in odd harmonics: 0 where both halves of a cycle are alike", "", 7),
    Column("residual_to_range", "weighted rms of what the curve leaves, / range", "", 7),
    Column("residual_to_error", "the same / median error", "", 7),
    Column("range_to_error", "range / median error", "", 7),
    Column("residual_skewness", "skewness of what the curve leaves", "", 7),
    Column("residual_kurtosis", "excess kurtosis of what the curve leaves", "", 7),
    Column("residual_eta", "mean squared step of what the curve leaves / its variance (von Neumann 1941)", "", 7),
    Column("eta", "the same of the light curve in order of time", "", 7),
    Column("eta_of_nights", "the same of pairs at most 1.5 d apart; 2, as of noise, of fewer than 4", "", 7),
    Column("trend_power", "fraction of chi2 that a straight line explains", "", 7),
    Column("eclipse_share", "of the cycle, where 12 harmonics leave their brightest level", "", 12 * HARMONIC_EPOCHS),
)  # fmt: skip

FEATURES: tuple[str, ...] = tuple(column.name for column in FEATURE_COLUMNS)
PROFILE: tuple[str, ...] = tuple(column.name for column in PROFILE_COLUMNS)
