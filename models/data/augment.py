"""The same stars seen less well: fewer epochs, shorter histories, more noise; every change drawn from a seed."""

from dataclasses import replace

import numpy as np

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.lightcurves import LightCurves

THINNED, CUT = 0.5, 0.8  # up to here of all light curves are thinned, then cut short; the rest keep every epoch
NOISE = 1.0  # largest added noise, in units of an epoch's own error


def augmented(curves: LightCurves, seed: int) -> LightCurves:
    """Every light curve thinned at random or cut to its first epochs (at least MIN_EPOCHS of them), with noise added.

    The number of epochs that stay is log-uniform, so that the first tens of epochs are seen as often as hundreds.
    """
    rng = np.random.default_rng(seed)
    epochs = curves.epochs
    least = np.minimum(MIN_EPOCHS, epochs)
    stay = np.maximum(least, np.exp(rng.uniform(np.log(np.maximum(least, 1)), np.log(np.maximum(epochs, 1)))))
    way = rng.random(len(epochs))
    stay = np.where(way < CUT, stay, epochs).astype(np.int64)
    of_curve = np.repeat(np.arange(len(epochs)), epochs)
    rank = np.arange(len(of_curve)) - np.repeat(curves.offsets[:-1], epochs)
    shuffled = np.lexsort((rng.random(len(of_curve)), of_curve))
    thinned = np.empty_like(rank)
    thinned[shuffled] = rank
    points = np.where(np.repeat(way < THINNED, epochs), thinned, rank) < np.repeat(stay, epochs)
    added = np.repeat(rng.uniform(0, NOISE, len(epochs)), epochs)
    noisy = replace(
        curves,
        mag=curves.mag + rng.normal(size=len(of_curve)) * added * curves.magerr,
        magerr=curves.magerr * np.sqrt(1 + added**2),
    )
    return noisy.keep(points)
