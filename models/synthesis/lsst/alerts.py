"""What Rubin makes of a star: visits, noise, alerts at 5 sigma, forced photometry from the first one on, totals."""

import numpy as np

from starsieve.features.photometry import MAG_PER_RELATIVE_FLUX, MAX_MAGERR, MIN_FORCED_SNR
from starsieve.models.synthesis.bands import QUASAR_SLOPE
from starsieve.models.synthesis.epochs import Alerts, Epochs, Exposures, Floats, Telescope, offsets_of
from starsieve.models.synthesis.lsst.cadence import BANDS, visits
from starsieve.models.synthesis.noise import heavy_tailed

WAVELENGTH = (0.368, 0.480, 0.622, 0.754, 0.869, 0.971)  # micrometres, effective
_FROM_R = [1 / each - 1 / WAVELENGTH[2] for each in WAVELENGTH]
# Colours are ASSUMED to be linear in the inverse wavelength, as those of black bodies nearly are. Rubin saturates near
# 16 mag where ZTF does near 12.5, and sees stars that are three magnitudes fainter.
RUBIN = Telescope(
    BANDS,
    tuple(f"{band}_RUBIN" for band in BANDS),
    colour=tuple(each / _FROM_R[1] for each in _FROM_R),
    quasar=tuple((each / WAVELENGTH[2]) ** QUASAR_SLOPE for each in WAVELENGTH),
    deeper=3.2,
)
SATURATED = 10 ** (-0.4 * 16.0)
PHOTON = 1.8e-13  # variance over flux, both in units of magnitude 0: a star of 24 mag has 1,400 electrons in 30 s
FLOOR = 0.011  # mag: what constant stars scatter beyond their photon noise, see docs/method.md
THRESHOLD = 5.0
LOST = 0.02  # share of visits whose measurement is flagged
GROSS, GROSS_SIZE = 1 / 400, 0.7  # share of measurements that are grossly off, and by how much of the flux
TEMPLATE_FRAMES = 10
OLDEST_YEARS = 3.0
FIRST_MJD = 61_000.0
# The centroid of a difference, and the place of an object: standard deviations a coordinate, arcsec. See `lost`.
CENTROID, PLACE = 0.07, 0.15
SOURCES_SHARE = 0.5  # of the measurements; the others are forced
SPREAD = 0.18  # arcsec^2: variance of the point spread function at a seeing of 1 arcsec


def draw_exposures(rng: np.random.Generator, n: int, years: float = OLDEST_YEARS) -> Exposures:
    """So many years of visits of n fields."""
    seen = [visits(rng, years) for _ in range(n)]
    epochs = Epochs(
        FIRST_MJD + np.concatenate([each.mjd for each in seen]), offsets_of(np.array([len(each.mjd) for each in seen]))
    )
    limit = 10.0 ** (-0.4 * np.concatenate([each.depth for each in seen]))
    return Exposures(RUBIN, epochs, np.concatenate([each.band for each in seen]), limit)


def noise_of(limit: Floats, flux: Floats) -> Floats:
    """Photon noise of a flux in a visit whose 5 sigma limit is this, shape (n,), all in units of magnitude 0."""
    noise: Floats = np.sqrt((limit / THRESHOLD) ** 2 + PHOTON * flux)
    return noise


def reference_flux(rng: np.random.Generator, exposures: Exposures, flux: Floats) -> Floats:
    """Flux of each point's template (n_points,): the median of some visits of that object and band."""
    reference = np.empty(len(flux))
    for chosen in exposures.curves():
        frames = rng.choice(chosen, TEMPLATE_FRAMES)
        reference[chosen] = np.median(flux[frames])
    return reference


def select(
    rng: np.random.Generator, exposures: Exposures, flux: Floats, reference: Floats, *, science_flux: bool = False
) -> Alerts:
    """Pass true fluxes (n_points,) through difference imaging, the alert threshold and forced photometry.

    Kept are, from an object's first alert on, all visits whose total flux is measured well enough to be a magnitude.
    science_flux: totals are what is measured at each place, and not a difference and the constant reference of a band.
    """
    n = len(flux)
    photon = noise_of(exposures.limit, flux)
    floor = FLOOR / MAG_PER_RELATIVE_FLUX * flux
    gross = np.where(rng.random(n) < GROSS, rng.uniform(-GROSS_SIZE, GROSS_SIZE, n), 0.0)
    total = flux * (1.0 + gross) + np.hypot(photon, floor) * heavy_tailed(rng, n)
    good = (flux < SATURATED) & (rng.random(n) > LOST)
    detected = good & (np.abs(total - reference) > THRESHOLD * photon)
    if science_flux:
        total = total * lost(rng, exposures.epochs)
    first = np.full(len(exposures.epochs), np.inf)
    np.minimum.at(first, exposures.epochs.index[detected], exposures.epochs.mjd[detected])
    kept = good & (exposures.epochs.mjd >= first[exposures.epochs.index]) & (total > MIN_FORCED_SNR * photon)
    safe = np.where(total > 0.0, total, 1.0)
    magerr = np.hypot(MAG_PER_RELATIVE_FLUX * photon / safe, FLOOR)
    kept &= magerr < MAX_MAGERR
    return Alerts(kept, kept & detected, -2.5 * np.log10(safe), magerr)


def lost(rng: np.random.Generator, epochs: Epochs) -> Floats:
    """The part of the flux that is left where it is measured beside the star: at a centroid, or where its object is."""
    n, n_objects = len(epochs.mjd), len(epochs)
    place = rng.normal(0.0, PLACE, (n_objects, 2))[epochs.index]
    at = np.where((rng.random(n) < SOURCES_SHARE)[:, None], rng.normal(0.0, CENTROID, (n, 2)), place)
    left: Floats = np.exp(-(at**2).sum(axis=1) / (4.0 * SPREAD))
    return left
