"""Features to network inputs: logarithms, angles, robust centring; no value, however odd, gets through as NaN."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from starsieve.features import FEATURES, PROFILE
from starsieve.models import ModelError

Array = npt.NDArray[np.float64]

COLUMNS = (*FEATURES, *PROFILE)  # what our networks are shown; the published one knows the features alone
FLOOR = 1e-4  # below every amplitude (mag), period (d) and scatter ratio that photometry from the ground can show
SLOPE_UNIT = 1e-3  # days per mag: the steepest rise of a short-period pulsator with a magnitude of amplitude
RATIO_OFFSET = 0.03  # a harmonic ratio below this is noise
CLIP = 5.0  # robust sigmas; beyond it a value says no more than "far out"
NO_CLIP = 1e6  # the published scaling has none; this keeps infinities out
MIN_SCALE = 1e-3
LEAST_CHI2 = 1e-3  # share of chi2 that a period leaves unexplained, at least
LEAST_CHANCE = 1e-60  # false-alarm probability below which nobody cares by how much
ZERO_IN_LOG = 1e-10  # what the original puts for an exact zero inside a logarithm


def _log(x: Array) -> Array:
    return np.log10(np.maximum(x, FLOOR))


def _log_unexplained(power: Array) -> Array:
    return np.asarray(-np.log10(1.0 - np.minimum(power, 1.0) + LEAST_CHI2))


def _signed_log(x: Array) -> Array:
    return np.asarray(np.arcsinh(x / SLOPE_UNIT))


def _inputs(features: Array, columns: Sequence[str]) -> Array:
    """Features and profile as well-behaved numbers.

    The published phases are known up to multiples of pi (their arctan loses the quadrant), so twice the phase is an
    angle. Beside the period stands how far its frequency is from a whole number of cycles a day: spurious periods
    pile up there.
    """
    x = dict(zip(columns, features.T, strict=True))
    frequency = 1 / np.maximum(x["period"], FLOOR)
    return np.column_stack(
        [
            *(_log(x[name]) for name in ("amplitude", "hl_amp_ratio", "period", "phase_cusum", "phase_eta")),
            _log(x["quartile31"]),
            _log(np.abs(frequency - np.round(frequency))),
            np.log10(np.maximum(x["kurtosis"], -2.0) + 2.1),
            np.arcsinh(x["skewness"]),
            *(_signed_log(x[name]) for name in ("slope_per10", "slope_per90")),
            *(np.log10(np.maximum(x[name], 0.0) + RATIO_OFFSET) for name in ("r21", "r31")),
            np.log10(np.maximum(1.0 - x["shapiro_w"], 0.0) + 1e-3),
            x["stetson_k"],
            *(turn(2 * x[name]) for name in ("phi21", "phi31") for turn in (np.cos, np.sin)),
            *(_log(x[name]) for name in ("peak_period", "fitted_range", "range_to_error")),
            *(_log(x[name]) for name in ("residual_to_range", "residual_to_error")),
            *(_log_unexplained(x[name]) for name in ("peak_power", "power_1", "power_3", "power_6")),
            *(_log_unexplained(x[name]) for name in ("power_half", "power_double", "trend_power")),
            np.log1p(-np.log10(np.clip(x["false_alarm_probability"], LEAST_CHANCE, 1.0))),
            *(x[name] for name in ("second_depth", "median_level", "faint_share", "odd_share", "eclipse_share")),
            np.log10(np.maximum(x["residual_kurtosis"], -2.0) + 2.1),
            np.arcsinh(x["residual_skewness"]),
            *(_log(x[name]) for name in ("residual_eta", "eta", "eta_of_nights")),
        ]
    )


def _upsilont_inputs(features: Array, minimum: Array) -> Array:
    """log10(x - minimum) of the features that have one; the others as they are (Kim et al. 2021)."""
    shifted = np.where(np.isnan(minimum), 1.0, features - minimum)
    return np.where(np.isnan(minimum), features, np.log10(np.maximum(shifted, ZERO_IN_LOG)))


@dataclass(frozen=True)
class Scaler:
    """z = (T(x) - center) / scale, clipped; fitted on training objects only."""

    columns: tuple[str, ...]  # names of the leading columns of the arrays it takes; it looks at no others
    center: Array
    scale: Array
    clip: float = CLIP
    minimum: Array | None = None  # of the published transform; None: ours

    @property
    def inputs(self) -> int:
        """How many numbers it makes of one row."""
        return len(self.center)

    def __call__(self, features: Array) -> npt.NDArray[np.float32]:
        """Network inputs (n, inputs) of features (n, columns); a missing value becomes the median.

        Raises ModelError if columns are missing.
        """
        if np.ndim(features) != 2 or np.shape(features)[1] < len(self.columns):  # noqa: PLR2004 (rows and columns)
            raise ModelError(f"the network takes rows of {len(self.columns)} numbers: {', '.join(self.columns)}")
        x = np.asarray(features, dtype=np.float64)[:, : len(self.columns)]
        with np.errstate(invalid="ignore", over="ignore"):
            transformed = _inputs(x, self.columns) if self.minimum is None else _upsilont_inputs(x, self.minimum)
            scaled = (transformed - self.center) / self.scale
        return np.nan_to_num(np.clip(scaled, -self.clip, self.clip), nan=0.0).astype(np.float32)


def fit(features: Array) -> Scaler:
    """Our scaler, of training objects' features and profiles, a row each: median and half the width of the middle 68 %.

    Raises ModelError for no rows.
    """
    if not len(features):
        raise ModelError("no training rows to scale by: no object has enough epochs")
    with np.errstate(invalid="ignore", over="ignore"):
        inputs = _inputs(np.asarray(features, dtype=np.float64), COLUMNS)
    inputs[~np.isfinite(inputs)] = np.nan
    inputs[:, np.isnan(inputs).all(axis=0)] = 0.0  # a column that says nothing: the network gets its median, always
    low, center, high = np.nanpercentile(inputs, [16, 50, 84], axis=0)
    return Scaler(COLUMNS, center, np.maximum((high - low) / 2, MIN_SCALE))
