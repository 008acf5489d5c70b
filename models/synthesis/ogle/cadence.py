"""When a ground-based survey like OGLE looks at a field: seasons, weather, and the star's way across the night."""

import numpy as np
from numpy.typing import NDArray

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.models.synthesis.epochs import Epochs, Floats, offsets_of

MAX_EPOCHS = 2000
FIRST_NIGHT = 52000.0  # 2001, the start of OGLE-III; only differences of time matter
SIDEREAL_DAY = 0.99726957  # mean solar days: the star culminates 3.9 minutes earlier every night
YEAR = 365.25
# Nights of a season and the share of nights with one visit or several (bulge fields get up to 30 a night).
SEASON_NIGHTS = {"lmc": (240.0, 320.0), "smc": (220.0, 300.0), "bulge": (180.0, 250.0)}
VISITS_A_NIGHT = {"lmc": 1.1, "smc": 1.1, "bulge": 2.5}
FIELDS = ("lmc", "smc", "bulge")
FIELD_SHARES = (0.45, 0.2, 0.35)
CLEAR_RUN, CLOUDY_RUN = 6.0, 2.5  # nights: mean lengths of spells at Las Campanas
HALF_NIGHT = 0.2  # days around local midnight that are dark
HOUR_ANGLE_SPREAD = 0.09  # days: fields are preferably taken near culmination


def ogle_epochs(rng: np.random.Generator, n_epochs: int, field: str) -> Floats:
    """Mid-exposure times (n_epochs,) in days, ascending, of one star in an OGLE-like field ("lmc", "smc", "bulge")."""
    n_nights = max(10, round(n_epochs / VISITS_A_NIGHT[field]))
    season = rng.uniform(*SEASON_NIGHTS[field])
    clear_share = CLEAR_RUN / (CLEAR_RUN + CLOUDY_RUN)
    # At least enough seasons to find that many clear nights; few epochs may be a short campaign or a sparse long one.
    n_seasons = max(int(rng.integers(1, 13)), int(np.ceil(1.3 * n_nights / (season * clear_share))))
    nights = (np.arange(n_seasons)[:, None] * YEAR + np.arange(season)[None, :]).ravel()
    nights = nights[_clear(rng, len(nights))]
    nights = rng.choice(nights, min(n_nights, len(nights)), replace=False)
    night = np.concatenate([nights, rng.choice(nights, max(0, n_epochs - len(nights)))])[:n_epochs]
    mid_season = season / 2.0
    culmination = (mid_season - night % YEAR) * (1.0 - SIDEREAL_DAY)  # 0 at local midnight of mid-season
    hour = np.clip(culmination + rng.normal(0.0, HOUR_ANGLE_SPREAD, n_epochs), -HALF_NIGHT, HALF_NIGHT)
    # Clipped times pile up at twilight: spread them over the dark hour next to it.
    hour -= np.sign(hour) * (np.abs(hour) == HALF_NIGHT) * rng.uniform(0.0, 0.04, n_epochs)
    return np.sort(FIRST_NIGHT + np.floor(night) + hour)


def ogle_cadences(rng: np.random.Generator, n: int) -> Epochs:
    """When n stars of such fields are observed: 20 to 2,000 epochs (log-uniform)."""
    counts = np.exp(rng.uniform(np.log(MIN_EPOCHS), np.log(MAX_EPOCHS + 1), n)).astype(np.int64)
    fields = rng.choice(FIELDS, n, p=FIELD_SHARES)
    times = [ogle_epochs(rng, int(count), str(field)) for count, field in zip(counts, fields, strict=True)]
    return Epochs(np.concatenate(times), offsets_of(counts))


def _clear(rng: np.random.Generator, n_nights: int) -> NDArray[np.bool_]:
    """Which nights are clear: spells of clear and of cloudy nights, both geometric."""
    n_spells = int(n_nights / (CLEAR_RUN + CLOUDY_RUN) * 2) + 10
    spells = np.empty(2 * n_spells, dtype=np.int64)
    spells[0::2] = rng.geometric(1.0 / CLEAR_RUN, n_spells)
    spells[1::2] = rng.geometric(1.0 / CLOUDY_RUN, n_spells)
    clear: NDArray[np.bool_] = np.repeat(np.tile([True, False], n_spells), spells)[:n_nights]
    return clear
