"""The source training set: stars of OGLE-III's catalogue, synthesised one by one as surveys and bands see them."""

from collections.abc import Iterator
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from starsieve.features.tools.lightcurves import LightCurves, assemble
from starsieve.models.data import splits
from starsieve.models.synthesis import bands, looks
from starsieve.models.synthesis.catalogue import Catalogue
from starsieve.models.synthesis.epochs import Epochs, Floats, Ints, Strings
from starsieve.models.synthesis.looks import Look
from starsieve.models.synthesis.noise import observe_ogle
from starsieve.models.synthesis.ogle.cadence import ogle_cadences
from starsieve.models.synthesis.signals.eclipses import eclipsing
from starsieve.models.synthesis.signals.giants import HABITS, catalogued_giant_mag
from starsieve.models.synthesis.signals.pulsators import blazhko_swing, pulsation, pulsator_mag
from starsieve.models.synthesis.signals.stochastic import blue_variable_mag, quasar_mag, rotation_mag, rotation_period

CHUNK = 250  # objects held in memory at once: about 40 MB
BAND = "I"
# Label: type and subtypes in the catalogue.
PULSATORS = {
    "CEPH_F": ("Cep", "F"),
    "CEPH_1O": ("Cep", "1"),
    "CEPH_Other": ("Cep", "2", "12", "13", "123", "F1", "F12"),
    "T2CEPH": ("T2Cep",),
    "ACEPH": ("aCep",),
    "RRL_ab": ("RRLyr", "RRab"),
    "RRL_c": ("RRLyr", "RRc"),
    "RRL_d": ("RRLyr", "RRd"),
    "RRL_e": ("RRLyr", "RRe"),
    "DSCT": ("DSCT",),
}
GIANTS = {"LPV_Mira": ("LPV", "Mira"), "LPV_SRV": ("LPV", "SRV"), "LPV_OSARG": ("LPV", "OSARG")}
ECLIPSING = ("EB_EC", "EB_ESD", "EB_ED")
OTHERS = ("ROT", "QSO", "BV", "NonVar")
LABELS = (*PULSATORS, *GIANTS, *ECLIPSING, *OTHERS)
KINDS = MappingProxyType(
    dict.fromkeys(("CEPH_F", "T2CEPH", "ACEPH"), "fundamental")
    | dict.fromkeys(("CEPH_1O", "CEPH_Other", "RRL_c", "RRL_d", "RRL_e", "DSCT"), "overtone")
    | dict.fromkeys(GIANTS, "giant")
    | {"RRL_ab": "rr_lyrae", "ROT": "spotted", "QSO": "quasar"}
)  # of bands.KINDS; the others are grey
# Common classes are learned from more light curves than rare ones, by the root of how many stars the catalogue has.
TYPICAL_STARS, SHARES = 1500, (1 / 3, 2.0)
MANY_STARS = ECLIPSING  # ASSUMED: the catalogue here lacks them
# ASSUMED: other galaxies have Cepheids of other periods, so that half of them are drawn evenly in log P.
EVEN_LABELS, EVEN_SHARE, EVEN_BINS = ("CEPH_F", "CEPH_1O"), 0.5, 12
# Shares of the light curves of a class; None: OGLE in I, by its own cadence and law of errors.
LOOKS: tuple[tuple[Look | None, float], ...] = (
    (None, 0.35),
    (looks.OGLE_V, 0.1),
    (looks.EROS2_B, 0.06),
    (looks.EROS2_R, 0.06),
    (looks.EROS1_B, 0.03),
    (looks.EROS1_R, 0.03),
    (looks.ASAS, 0.1),
    (looks.CATALINA, 0.1),
    (looks.HIPPARCOS, 0.09),
    (looks.ZTF_G, 0.02),
    (looks.ZTF_R, 0.02),
    *((look, 0.01) for look in looks.RUBIN),
)


def ogle3_light_curves(catalogue: Catalogue, n_per_class: int, seed: int) -> Iterator[LightCurves]:
    """Yield light curves of all LABELS, in chunks of one class and one band; the same seed gives the same.

    n_per_class: of a class with TYPICAL_STARS stars in the catalogue; others have up to twice and down to a third as
    many. Each class is seen in all LOOKS. A class with fewer stars than asked repeats them on other cadences;
    object_id is that of splits.VIEW. Miras, semi-regulars and OSARGs aren't divided by chemistry or evolution as in Kim
    & Bailer-Jones (2016): the catalogue here doesn't say.
    """
    for label, class_seed in zip(LABELS, np.random.SeedSequence(seed).spawn(len(LABELS)), strict=True):
        rng = np.random.default_rng(class_seed)
        order = _star_order(rng, catalogue, label, round(n_per_class * _share(catalogue, label)))
        bounds = np.round(len(order) * np.cumsum([0.0, *(share for _, share in LOOKS)])).astype(np.int64)
        for (look, _), first, last in zip(LOOKS, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            for start in range(first, last, CHUNK):
                yield _chunk(rng, catalogue, label, start, order[start : min(start + CHUNK, last)], look)


def _share(catalogue: Catalogue, label: str) -> float:
    """Light curves of a class over those of a typical one."""
    selection = PULSATORS.get(label) or GIANTS.get(label)
    if selection is None:
        return SHARES[1] if label in MANY_STARS else 1.0
    return float(np.clip((len(catalogue.rows(*selection)) / TYPICAL_STARS) ** 0.5, *SHARES))


def _star_order(rng: np.random.Generator, catalogue: Catalogue, label: str, n: int) -> Ints:
    """Catalogue rows for n light curves, every star once before any twice; -1 where the class isn't from stars.

    Those that are held out are left alone: the ZTF network, which starts from this source, is judged on them.
    """
    selection = PULSATORS.get(label) or GIANTS.get(label)
    if selection is None:
        return np.full(n, -1, dtype=np.int64)
    rows = catalogue.rows(*selection)
    rows = rows[_learnable(catalogue.object_id[rows])]
    order = np.concatenate([rng.permutation(rows) for _ in range(n // len(rows) + 1)])[:n]
    if label in EVEN_LABELS:
        even = _evenly_in_period(rng, catalogue, rows, n)
        order = np.where(rng.random(n) < EVEN_SHARE, even, order)
    return order


def _evenly_in_period(rng: np.random.Generator, catalogue: Catalogue, rows: Ints, n: int) -> Ints:
    """n of these rows, as many of each bin of log P."""
    logarithm = np.log(catalogue.period[rows, 0])
    low, high = (float(np.quantile(logarithm, share)) for share in (0.001, 0.999))
    edges = np.linspace(low, high, EVEN_BINS + 1)
    place = np.clip(np.searchsorted(edges, logarithm) - 1, 0, EVEN_BINS - 1)
    weight = 1.0 / np.bincount(place, minlength=EVEN_BINS)[place]
    return rng.choice(rows, n, p=weight / weight.sum())


def _learnable(names: Strings) -> NDArray[np.bool_]:
    return np.array([not splits.held_out(name) for name in names.tolist()])


def _chunk(
    rng: np.random.Generator, catalogue: Catalogue, label: str, first: int, rows: Ints, look: Look | None
) -> LightCurves:
    n = len(rows)
    band = look.band if look else BAND
    epochs = looks.draw_epochs(rng, look, n) if look else ogle_cadences(rng, n)
    if rows[0] >= 0:
        names, mean = catalogue.object_id[rows], catalogue.mag[rows]
        deviation = _catalogued(rng, catalogue, label, rows, epochs, band)
    else:
        names, mean = np.array([f"{label}-{first + i:06d}" for i in range(n)]), _field_magnitudes(rng, n)
        deviation = _drawn(rng, catalogue, label, epochs)
    deviation *= bands.drawn_ratios(rng, KINDS.get(label, "grey"), band, n)[epochs.index]
    if look:
        mag, magerr = looks.observe(rng, deviation, epochs, look)
    else:
        mag, magerr = observe_ogle(rng, mean[epochs.index] + deviation, epochs)
    return assemble(
        np.array([f"{name}{splits.VIEW}{first + i}" for i, name in enumerate(names)]),
        np.full(n, label),
        epochs.index,
        band=np.zeros_like(epochs.index),
        bands=np.array([band]),
        mjd=epochs.mjd,
        mag=mag,
        magerr=magerr,
    )


def _catalogued(
    rng: np.random.Generator, catalogue: Catalogue, label: str, rows: Ints, epochs: Epochs, band: str
) -> Floats:
    """Deviations from the mean (n_points,) of catalogue stars, with their range in I and their shape in a band."""
    if label in HABITS:
        return catalogued_giant_mag(rng, label, catalogue, rows, epochs)
    shifts = bands.phase_shifts(KINDS[label], band)
    mag = pulsator_mag(pulsation(rng, catalogue, rows, shifts), epochs.mjd, epochs.index)
    return blazhko_swing(rng, epochs) * mag if label == "RRL_ab" else mag


def _drawn(rng: np.random.Generator, catalogue: Catalogue, label: str, epochs: Epochs) -> Floats:
    """Deviations (n_points,) of stars drawn from populations."""
    n = len(epochs)
    if label in ECLIPSING:
        binaries = eclipsing(rng, label, n)
        return binaries.mag(epochs)
    if label == "ROT":
        period = rotation_period(rng, n)
        return rotation_mag(rng, period, epochs)
    if label == "QSO":
        rows = np.flatnonzero(_learnable(catalogue.quasar_id))
        return quasar_mag(rng, catalogue, rng.choice(rows, n), epochs)
    if label == "BV":
        return blue_variable_mag(rng, epochs)
    return np.zeros(len(epochs.mjd))


def _field_magnitudes(rng: np.random.Generator, n: int) -> Floats:
    """Mean I of stars that come without one: rising towards the faint limit, as OGLE's variables do."""
    return 13.0 + 7.2 * rng.beta(2.2, 1.4, n)
