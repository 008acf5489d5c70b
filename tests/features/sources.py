"""Light curves that the tests of this package share."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from starsieve.features.tools.folder import read_light_curves
from starsieve.features.tools.simulated import KINDS, LightCurve, light_curve

Arrays = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def arrays(curve: LightCurve) -> Arrays:
    return curve.mjd, curve.mag, curve.magerr


def simulated(kind: str, n_epochs: int = 80, baseline: float = 60.0, seed: int = 3) -> Arrays:
    return arrays(light_curve(kind, n_epochs, baseline, np.random.default_rng([seed, KINDS.index(kind)])))


def dense_night(n_epochs: int = 60, seed: int = 1) -> Arrays:
    """One night of continuous exposures: a baseline of 0.3 d."""
    rng = np.random.default_rng(seed)
    mjd = np.linspace(60000.1, 60000.4, n_epochs)
    magerr = np.full(n_epochs, 0.02)
    return mjd, 15 + 0.2 * np.sin(2 * np.pi * mjd / 0.07) + magerr * rng.normal(size=n_epochs), magerr


def dense_nights_in_survey(seed: int = 1) -> Arrays:
    """A sparse survey with two nights of continuous exposures."""
    rng = np.random.default_rng(seed)
    night = np.linspace(0, 0.25, 50)
    mjd = 59000 + np.sort(np.concatenate([rng.uniform(0, 50, 40), 3 + night, 4 + night]))
    magerr = np.full(mjd.size, 0.03)
    return mjd, 16 + 0.1 * np.sin(2 * np.pi * mjd / 0.37) + magerr * rng.normal(size=mjd.size), magerr


def six_orders_of_errors(seed: int = 1) -> Arrays:
    mjd, mag, _ = simulated("rrab", seed=seed)
    return mjd, mag, np.geomspace(1e-4, 1e2, mjd.size)[np.random.default_rng(seed).permutation(mjd.size)]


HARD = {
    "dense_night": dense_night,
    "dense_nights_in_survey": dense_nights_in_survey,
    "six_orders_of_errors": six_orders_of_errors,
}


def any_source(name: str) -> Arrays:
    return HARD[name]() if name in HARD else simulated(name)


SOURCES = (*KINDS, *HARD)

SURVEYS = ("asas", "catalina", "eros1", "hipparcos", "ogle2", "ztf_field")


def real(data_dir: Path, survey: str, least: int) -> Iterator[Arrays]:
    """Twenty light curves of a survey, those of them with at least so many epochs."""
    curves = read_light_curves(data_dir / "lightcurves" / survey)
    for i in range(0, len(curves), len(curves) // 20):
        part = slice(curves.offsets[i], curves.offsets[i + 1])
        if curves.mjd[part].size >= least:
            yield curves.mjd[part], curves.mag[part], curves.magerr[part]
