"""The stars, quasars and supernovae that a survey is made to look at: their true fluxes at given exposures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from starsieve.models.synthesis import bands
from starsieve.models.synthesis.bands import RATIO_SPREAD
from starsieve.models.synthesis.catalogue import Catalogue
from starsieve.models.synthesis.epochs import Epochs, Exposures, Floats, Ints, Strings, Telescope
from starsieve.models.synthesis.originals import Originals
from starsieve.models.synthesis.signals.folded import Folded
from starsieve.models.synthesis.signals.giants import HABITS, catalogued_giant_mag, giant_mag
from starsieve.models.synthesis.signals.pulsators import blazhko_swing, pulsation, pulsator_mag
from starsieve.models.synthesis.signals.stochastic import quasar_mag, random_walk

# Mean r for ZTF, which saturates near 12.5; fainter variables hardly pass 5 sigma. Quasars of a field begin near 16.
BRIGHTNESS = (13.0, 19.5)
OWN_BRIGHTNESS = {"QSO": (15.5, 20.0)}
FAINTEST_CONSTANT, STAR_COUNTS = 20.8, 0.25  # mag, and dex per mag
# What kind of star (bands.KINDS) a class is. Originals of catalina, which has no filter, count as seen in V (ASSUMED),
# as those of asas are; those of OGLE as seen in I.
KINDS = {
    "RRAB": "rr_lyrae",
    "RRC": "overtone",
    "RRD": "overtone",
    "CEP": "fundamental",
    "T2CEP": "fundamental",
    "DSCT": "overtone",
    "EW": "grey",
    "EA": "grey",
    "ROT": "spotted",
    "LPV": "giant",
    "NONVAR": "grey",
}
# g - r: mean and spread.
COLOUR = {
    "RRAB": (0.25, 0.12),
    "RRC": (0.1, 0.12),
    "RRD": (0.15, 0.12),
    "DSCT": (0.15, 0.15),
    "T2CEP": (0.6, 0.25),
    "CEP": (0.6, 0.25),
    "EW": (0.5, 0.25),
    "EA": (0.4, 0.35),
    "ROT": (0.9, 0.35),
    "LPV": (1.6, 0.4),
    "QSO": (0.2, 0.2),
    "SN": (0.1, 0.2),
    "NONVAR": (0.7, 0.4),
}
MIRA_AMPLITUDE = 1.5  # mag in V: smaller ones behave like semi-regulars
COUNTERPART_SHARE = 0.5  # of supernovae: host nucleus within photometry.COUNTERPART_ARCSEC
BAD_SUBTRACTION_SHARE = 0.5  # of constant stars
TYPE_IA_SHARE = 0.75


@dataclass(frozen=True)
class Drawn:
    """n objects and their true flux (n_points,), magnitude 0 = 1, at the exposures they were drawn for.

    reference: flux of the reference image (n_points,), or None where it is the object's own mean.
    """

    object_id: Strings
    flux: Floats
    reference: Floats | None = None


def scale(label: str, original: str, telescope: Telescope) -> tuple[float, ...]:
    """Amplitude of a class in each band over that in the band of its originals; it sets no more than amplitudes."""
    return tuple(bands.ratio(KINDS[label], band, original) for band in telescope.of_amplitudes)


Draw = Callable[[np.random.Generator, int, Exposures], Drawn]


def band_flux(
    rng: np.random.Generator, label: str, deviation: Floats, exposures: Exposures, scales: tuple[float, ...]
) -> Floats:
    """Fluxes (n_points,) of stars whose deviation in the original's band is given, at random brightness and colour."""
    n, index, band = len(exposures.epochs), exposures.epochs.index, exposures.band
    red = rng.uniform(*OWN_BRIGHTNESS.get(label, BRIGHTNESS), n)
    if label == "NONVAR":
        red = np.maximum(FAINTEST_CONSTANT + np.log10(rng.random(n)) / STAR_COUNTS, BRIGHTNESS[0])
    red += exposures.telescope.deeper
    magnitudes = _magnitudes(rng, label, red, exposures.telescope)
    factors = np.array(scales) * np.exp(RATIO_SPREAD * rng.standard_normal((n, len(scales))))
    flux: Floats = 10.0 ** (-0.4 * (magnitudes[index, band] + factors[index, band] * deviation))
    return flux


def _magnitudes(rng: np.random.Generator, label: str, red: Floats, telescope: Telescope) -> Floats:
    """Of n objects in each band (n, n_bands), from those in r."""
    colour = rng.normal(*COLOUR[label], len(red))
    magnitudes: Floats = red[:, None] + colour[:, None] * np.array(telescope.colour)
    return magnitudes


def fitted_stars(label: str, originals: Originals) -> Draw:
    """Real stars of catalina and asas, from their fitted shapes."""

    def draw(rng: np.random.Generator, n: int, exposures: Exposures) -> Drawn:
        rows = rng.integers(0, len(originals.period), n)
        star = Folded(originals.period[rows], originals.shape[rows], rng.random(n))
        deviation = _FITTED_MOTION.get(label, _strictly_periodic)(rng, star, exposures.epochs)
        flux = band_flux(rng, label, deviation, exposures, scale(label, "V", exposures.telescope))
        return Drawn(originals.object_id[rows], flux)

    return draw


def catalogued_stars(label: str, catalogue: Catalogue, rows: Ints) -> Draw:
    """Pulsators of the OGLE-III catalogue (these rows), from their Fourier terms."""

    def draw(rng: np.random.Generator, n: int, exposures: Exposures) -> Drawn:
        chosen = rng.choice(rows, n)
        star = pulsation(rng, catalogue, chosen)
        deviation = pulsator_mag(star, exposures.epochs.mjd, exposures.epochs.index)
        flux = band_flux(rng, label, deviation, exposures, scale(label, "I", exposures.telescope))
        return Drawn(catalogue.object_id[chosen], flux)

    return draw


def catalogued_giants(kind: str, catalogue: Catalogue, rows: Ints) -> Draw:
    """Giants of the OGLE-III catalogue (these rows) of a kind of HABITS, from their modes."""

    def draw(rng: np.random.Generator, n: int, exposures: Exposures) -> Drawn:
        chosen = rng.choice(rows, n)
        deviation = catalogued_giant_mag(rng, kind, catalogue, chosen, exposures.epochs)
        flux = band_flux(rng, "LPV", deviation, exposures, scale("LPV", "I", exposures.telescope))
        return Drawn(catalogue.object_id[chosen], flux)

    return draw


def quasars(catalogue: Catalogue, rows: Ints) -> Draw:
    """Damped random walks like those of Stripe 82's quasars (these rows)."""

    def draw(rng: np.random.Generator, n: int, exposures: Exposures) -> Drawn:
        chosen = rng.choice(rows, n)
        deviation = quasar_mag(rng, catalogue, chosen, exposures.epochs)
        flux = band_flux(rng, "QSO", deviation, exposures, exposures.telescope.quasar)
        return Drawn(catalogue.quasar_id[chosen], flux)

    return draw


def constants() -> Draw:
    """Constant stars whose subtraction sometimes fails: residuals in proportion to their light, of either sign."""

    def draw(rng: np.random.Generator, n: int, exposures: Exposures) -> Drawn:
        index, n_points = exposures.epochs.index, len(exposures.band)
        size = np.exp(rng.normal(np.log(0.03), 0.8, n)).clip(0.005, 0.3)
        share = rng.beta(0.5, 1.0, n) * (rng.random(n) < BAD_SUBTRACTION_SHARE)
        hit = rng.random(n_points) < share[index]
        artefact = np.where(hit, size[index] * rng.standard_t(4.0, n_points), 0.0)
        flux = band_flux(rng, "NONVAR", np.zeros(n_points), exposures, scale("NONVAR", "I", exposures.telescope))
        return Drawn(_names(rng, "constant", n), flux * np.maximum(1.0 + artefact, 0.0), flux)

    return draw


def supernovae() -> Draw:
    """Supernovae, half of them on a host nucleus: profiles of Bazin et al. (2009, A&A 499, 653) with a slow tail."""

    def draw(rng: np.random.Generator, n: int, exposures: Exposures) -> Drawn:
        epochs, band = exposures.epochs, exposures.band
        index, redness = epochs.index, 1.0 - np.array(exposures.telescope.colour)[band]  # 0 in g, 1 in r
        ordinary = rng.random(n) < TYPE_IA_SHARE
        rise = np.where(ordinary, rng.uniform(2.5, 5.5, n), rng.uniform(1.5, 12.0, n))[index] * (1.0 + 0.25 * redness)
        fall = np.where(ordinary, rng.uniform(14.0, 22.0, n), rng.uniform(20.0, 90.0, n))[index] * (1.0 + 0.5 * redness)
        first, last = epochs.mjd[epochs.offsets[:-1]], epochs.mjd[epochs.offsets[1:] - 1]
        since = epochs.mjd - (first + (last - first) * rng.random(n))[index]
        shape = np.exp(-np.clip(since / fall, -50.0, 50.0)) / (1.0 + np.exp(np.clip(-since / rise, -80.0, 80.0)))
        tail = rng.uniform(0.02, 0.15, n)[index] * np.exp(-np.maximum(since, 0.0) / 100.0) * (since > 0.0)
        deeper = exposures.telescope.deeper
        peak = rng.uniform(14.5, 19.0, n) + deeper
        magnitudes = _magnitudes(rng, "SN", peak, exposures.telescope)[index, band]
        host = np.where(rng.random(n) < COUNTERPART_SHARE, 10.0 ** (-0.4 * (rng.uniform(17.0, 21.5, n) + deeper)), 0.0)
        reference = host[index] * (0.6 + 0.4 * redness)
        flux = reference + 10.0 ** (-0.4 * magnitudes) * (1.6 * shape + tail)
        return Drawn(_names(rng, "supernova", n), flux, reference)

    return draw


def _names(rng: np.random.Generator, kind: str, n: int) -> Strings:
    return np.array([f"{kind}-{number:012d}" for number in rng.integers(0, 10**12, n)])


def _strictly_periodic(_: np.random.Generator, star: Folded, epochs: Epochs) -> Floats:
    return star.mag(epochs)


def _sometimes_blazhko(rng: np.random.Generator, star: Folded, epochs: Epochs) -> Floats:
    return blazhko_swing(rng, epochs) * star.mag(epochs)


def _spotted(rng: np.random.Generator, star: Folded, epochs: Epochs) -> Floats:
    """Spots that grow, decay and migrate."""
    n, index = len(epochs), epochs.index
    lifetime = np.maximum(rng.uniform(200.0, 1500.0, n), 3.0 * star.period)
    growth = np.exp(0.25 * random_walk(rng, epochs, lifetime))
    cycle = 0.15 * np.ptp(star.shape, axis=1) * rng.standard_exponential(n)
    mag: Floats = growth * star.mag(epochs, 0.03 * random_walk(rng, epochs, lifetime))
    mag += cycle[index] * random_walk(rng, epochs, rng.uniform(600.0, 3000.0, n))
    return mag


def _giant(rng: np.random.Generator, star: Folded, epochs: Epochs) -> Floats:
    """Period and amplitude of the real star; its cycles are never the same."""
    amplitude = np.ptp(star.shape, axis=1)
    habit = HABITS["LPV_Mira" if np.median(amplitude) > MIRA_AMPLITUDE else "LPV_SRV"]
    return giant_mag(rng, habit, star.period[:, None], amplitude[:, None], epochs)


_FITTED_MOTION = {"RRAB": _sometimes_blazhko, "ROT": _spotted, "LPV": _giant}
