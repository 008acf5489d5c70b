"""From true to observed magnitudes: errors that grow with magnitude, heavy tails, outliers, zero-point drifts."""

from dataclasses import dataclass

import numpy as np

from starsieve.features.photometry import MAX_MAGERR
from starsieve.models.synthesis.epochs import Epochs, Floats, Ints

YEAR = 365.25
TAIL_DEGREES = 8.0  # excess kurtosis of bright constant ztf_field stars: median 0.2 to 0.5
MIN_MAGERR = 0.003  # as OGLE quotes them


@dataclass(frozen=True)
class ErrorLaw:
    """Quoted error of one exposure: sqrt(floor^2 + photon^2 10^(0.4 (m - 18)) + sky^2 10^(0.8 (m - 18))), mag."""

    floor: float
    photon: float
    sky: float

    def __call__(self, mag: Floats) -> Floats:
        """Errors of true magnitudes, same shape."""
        flux = 10.0 ** (0.4 * (mag - 18.0))
        return np.sqrt(self.floor**2 + self.photon**2 * flux + self.sky**2 * flux**2)


# 5 mmag at I = 15, 0.02 at 18, 0.1 at 20; ogle2's 357 stars have twice that (a smaller camera), hence DEPTH_SPREAD.
OGLE3_ERRORS = ErrorLaw(floor=0.004, photon=0.014, sky=0.014)
DEPTH_SPREAD = 0.5  # mag: crowding and exposure differ between fields
EPOCH_SPREAD = 0.15  # of ln(magerr) within a star: seeing and Moon (0.13 at I = 15 to 0.25 at 19 in ogle2)
HONESTY_SPREAD = 0.2  # of ln(true noise / quoted error) between stars
MEDIAN_HONESTY = 1.1
OUTLIER_SHARE = 0.004
FAINT_SHARE = 2.0 / 3.0
SEASON_OFFSET = 0.004  # mag


def observe_ogle(rng: np.random.Generator, true_mag: Floats, epochs: Epochs) -> tuple[Floats, Floats]:
    """Observed magnitudes and quoted errors (n_points,)."""
    n, n_objects, index = len(true_mag), len(epochs), epochs.index
    depth = rng.normal(0.0, DEPTH_SPREAD, n_objects)[index]
    magerr: Floats = OGLE3_ERRORS(true_mag - depth) * np.exp(EPOCH_SPREAD * rng.standard_normal(n))
    magerr = np.clip(magerr, MIN_MAGERR, MAX_MAGERR).round(3)
    honesty = MEDIAN_HONESTY * np.exp(HONESTY_SPREAD * rng.standard_normal(n_objects))
    noise = heavy_tailed(rng, n) * magerr * honesty[index]
    noise += outliers(rng, magerr, index, OUTLIER_SHARE) + _season_offsets(rng, epochs)
    return np.round(true_mag + noise, 3), magerr


def heavy_tailed(rng: np.random.Generator, n: int) -> Floats:
    """Student deviates (n,) scaled to unit variance."""
    to_unit_variance = float(np.sqrt((TAIL_DEGREES - 2.0) / TAIL_DEGREES))
    return rng.standard_t(TAIL_DEGREES, n) * to_unit_variance


def outliers(rng: np.random.Generator, magerr: Floats, index: Ints, mean_share: float) -> Floats:
    """Rare large deviations, twice as often faint as bright (clouds, bad columns); some stars have many of them."""
    n_objects = int(index[-1]) + 1
    share = mean_share * rng.standard_exponential(n_objects)
    hit = rng.random(len(magerr)) < share[index]
    size: Floats = (0.1 + 5.0 * magerr) * rng.standard_exponential(len(magerr))
    size *= np.where(rng.random(len(magerr)) < FAINT_SHARE, 1.0, -1.0)
    return np.where(hit, size, 0.0)


def _season_offsets(rng: np.random.Generator, epochs: Epochs) -> Floats:
    """Zero-point offsets of whole seasons, and a slow drift of proper motion through a crowded field."""
    season = ((epochs.mjd - epochs.mjd.min()) // YEAR).astype(np.int64)
    offsets: Floats = SEASON_OFFSET * rng.standard_normal((len(epochs), int(season.max()) + 1))
    drift: Floats = SEASON_OFFSET / 4.0 * rng.standard_normal(len(epochs))
    offsets += drift[:, None] * np.arange(offsets.shape[1])
    chosen: Floats = offsets[epochs.index, season]
    return chosen
