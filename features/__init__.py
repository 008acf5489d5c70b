"""Variability features and periods of light curves: arrays in, arrays out."""

from features.check import UnusableLightCurve
from features.period import Period
from features.profile import PROFILE
from features.stream import Batch, Update, Updates, extract, extract_many, find_period, update, update_many

FEATURES: tuple[str, ...] = (
    "amplitude",
    "hl_amp_ratio",
    "kurtosis",
    "period",
    "phase_cusum",
    "phase_eta",
    "phi21",
    "phi31",
    "quartile31",
    "r21",
    "r31",
    "shapiro_w",
    "skewness",
    "slope_per10",
    "slope_per90",
    "stetson_k",
)

__all__ = [
    "FEATURES",
    "PROFILE",
    "Batch",
    "Period",
    "UnusableLightCurve",
    "Update",
    "Updates",
    "extract",
    "extract_many",
    "find_period",
    "update",
    "update_many",
]
