"""How the surveys of the field look at a star: in which band, when, and with what errors.

Of the surveys that a source is tried on, the numbers are of all light curves together: of no class, and of no star.
"""

from dataclasses import dataclass

import numpy as np

from starsieve.features.photometry import MAX_MAGERR
from starsieve.models.synthesis.epochs import Epochs, Floats, offsets_of
from starsieve.models.synthesis.noise import MIN_MAGERR, heavy_tailed, outliers

FIRST_NIGHT = 52000.0
YEAR = 365.25
SIDEREAL_DAY = 0.99726957
HOUR_SPREAD, HALF_NIGHT = 0.09, 0.2  # days, as of OGLE
MEAN = 15.0  # mag: no feature depends on it
LEAST_RANGE = 3.0  # a star that varies by less than so many typical errors is in no catalogue of variables


@dataclass(frozen=True)
class Look:
    """One band of a survey. Ranges are what 5 and 95 % of its light curves have; draws are log-uniform between.

    epochs; days: from the first to the last; visit: days after the first exposure of a visit that its others come;
    season: days of a year that a field is seen; night: whether there is day and night; error: typical quoted error of
    a star, mag; spread: of ln(error) within a star; honesty: median, and spread of the logarithm, of noise over error;
    outliers: share of epochs.
    """

    band: str
    epochs: tuple[float, float]
    days: tuple[float, float]
    error: tuple[float, float]
    visit: tuple[float, ...] = (0.0,)
    season: float = 280.0
    night: bool = True
    spread: float = 0.2
    honesty: tuple[float, float] = (1.1, 0.2)
    outliers: float = 0.004


OGLE_V = Look("V", (20, 225), (1200, 2400), (0.004, 0.03), spread=0.12)
EROS2_B = Look("B_EROS", (20, 620), (300, 2400), (0.02, 0.1), spread=0.22, outliers=0.01)
EROS2_R = Look("R_EROS", (20, 535), (300, 2260), (0.015, 0.1), spread=0.21, outliers=0.01)
EROS1_B = Look("B_EROS", (40, 124), (300, 900), (0.08, 0.22), spread=0.25, season=150.0, honesty=(0.6, 0.3))
EROS1_R = Look("R_EROS", (40, 125), (300, 900), (0.1, 0.28), spread=0.33, season=150.0, honesty=(0.6, 0.3))
ASAS = Look("V", (100, 890), (1900, 2710), (0.03, 0.06), spread=0.23, honesty=(1.5, 0.5), outliers=0.01)
CATALINA = Look(
    "V", (60, 315), (2500, 2940), (0.055, 0.2), visit=(0.0, 0.0075, 0.015, 0.0225), spread=0.16, honesty=(0.5, 0.35)
)
# Two fields of view 20 minutes apart, a turn in 2.13 hours, some turns a visit.
TURN, FIELDS = 0.0889, 0.0143
HIPPARCOS = Look(
    "Hp",
    (60, 170),
    (900, 1190),
    (0.005, 0.035),
    visit=(0.0, FIELDS, TURN, TURN + FIELDS),
    season=YEAR,
    night=False,
    spread=0.21,
    honesty=(1.1, 0.2),
    outliers=0.006,
)
ZTF_G, ZTF_R = (Look(band, (20, 800), (60, 2000), (0.01, 0.12), season=230.0) for band in ("g", "r"))
RUBIN = tuple(Look(f"{band}_RUBIN", (20, 200), (100, 3600), (0.004, 0.08), season=200.0) for band in "griz")


def draw_epochs(rng: np.random.Generator, look: Look, n: int) -> Epochs:
    """When n stars are seen."""
    counts = _log_uniform(rng, look.epochs, n).astype(np.int64)
    return Epochs(np.concatenate([_epochs(rng, look, int(count)) for count in counts]), offsets_of(counts))


def _epochs(rng: np.random.Generator, look: Look, count: int) -> Floats:
    """Ascending times (count,) in days of one star."""
    visits = int(np.ceil(count / len(look.visit)))
    days = max(rng.uniform(*look.days), 1.2 * visits * YEAR / look.season)
    seen = np.arange(days) % YEAR < look.season
    nights = rng.choice(np.flatnonzero(seen), visits, replace=bool(visits > seen.sum())).astype(np.float64)
    if look.night:
        culmination = (look.season / 2.0 - nights % YEAR) * (1.0 - SIDEREAL_DAY)
        hour = culmination + rng.normal(0.0, HOUR_SPREAD, visits)
        outside = np.abs(hour) > HALF_NIGHT
        hour[outside] = np.sign(hour[outside]) * (HALF_NIGHT - rng.uniform(0.0, 0.04, outside.sum()))
    else:
        hour = rng.random(visits)
    exposures = (nights + hour)[:, None] + np.array(look.visit) * rng.uniform(0.95, 1.05, (visits, len(look.visit)))
    return FIRST_NIGHT + np.sort(rng.permutation(exposures.ravel())[:count])


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float], n: int) -> Floats:
    low, high = bounds
    return np.exp(rng.uniform(np.log(low), np.log(high), n))


def observe(rng: np.random.Generator, deviation: Floats, epochs: Epochs, look: Look) -> tuple[Floats, Floats]:
    """Observed magnitudes around MEAN and quoted errors (n_points,) of stars whose true deviations are given."""
    n, index = len(epochs), epochs.index
    extent = np.maximum.reduceat(deviation, epochs.offsets[:-1]) - np.minimum.reduceat(deviation, epochs.offsets[:-1])
    drawn = _log_uniform(rng, look.error, n)
    # Constant stars and those that hardly vary have whatever error there is.
    typical = np.where(extent > LEAST_RANGE * look.error[0], np.minimum(drawn, extent / LEAST_RANGE), drawn)
    magerr = typical[index] * 10.0 ** (0.2 * np.clip(deviation, -2.0, 2.0))
    magerr *= np.exp(look.spread * rng.standard_normal(len(index)))
    magerr = np.clip(magerr, MIN_MAGERR, MAX_MAGERR * 0.99).round(4)
    median, spread = look.honesty
    honesty = median * np.exp(spread * rng.standard_normal(n))
    noise = heavy_tailed(rng, len(index)) * magerr * honesty[index] + outliers(rng, magerr, index, look.outliers)
    return np.round(MEAN + deviation + noise, 4), magerr
