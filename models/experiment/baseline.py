"""What a forest is given when it isn't given our features: those of the light-curve package (Malanchev 2021)."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import light_curve as lc
import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.lightcurves import LightCurves
from starsieve.models.data.tables import cached

Floats = npt.NDArray[np.float64]

PEAKS = 3
MAX_FREQUENCY = 33.3  # cycles a day, as in our search
RESOLUTION = 5
# Shape of the distribution of magnitudes, trend, roughness.
SHAPE = lc.Extractor(
    lc.Amplitude(),
    lc.AndersonDarlingNormal(),
    lc.BeyondNStd(1.0),
    lc.BeyondNStd(2.0),
    lc.Cusum(),
    lc.Eta(),
    lc.EtaE(),
    lc.InterPercentileRange(0.25),
    lc.InterPercentileRange(0.1),
    lc.Kurtosis(),
    lc.LinearFit(),
    lc.LinearTrend(),
    lc.MagnitudePercentageRatio(0.4, 0.05),
    lc.MagnitudePercentageRatio(0.2, 0.1),
    lc.MaximumSlope(),
    lc.MedianAbsoluteDeviation(),
    lc.MedianBufferRangePercentage(0.1),
    lc.PercentAmplitude(),
    lc.ReducedChi2(),
    lc.Skew(),
    lc.StandardDeviation(),
    lc.StetsonK(),
    lc.WeightedMean(),
)


def extract(curves: LightCurves, *, cache: Path, threads: int) -> Floats:
    """Features (r, m) of the light curves with at least MIN_EPOCHS points, in their order; 0 where there are none."""

    def compute() -> Floats:
        bounds = zip(curves.offsets[:-1], curves.offsets[1:], strict=True)
        rows = [slice(first, last) for first, last in bounds if last - first >= MIN_EPOCHS]
        points = ((curves.mjd[row] - curves.mjd[row.start], curves.mag[row], curves.magerr[row]) for row in rows)
        return np.array(Parallel(n_jobs=threads)(delayed(_features)(*three) for three in points))

    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return cached(cache, f"light-curve {version('light-curve')} {code}", curves, compute)


def _features(time: Floats, mag: Floats, magerr: Floats) -> Floats:
    nyquist = len(time) / (2 * time[-1])
    periods = lc.Periodogram(
        peaks=PEAKS, resolution=RESOLUTION, max_freq_factor=MAX_FREQUENCY / nyquist, nyquist="average", fast=True
    )
    parts = [feature(time, mag, magerr, sorted=True, check=False, fill_value=0.0) for feature in (SHAPE, periods)]
    return np.asarray(np.nan_to_num(np.concatenate(parts)))
