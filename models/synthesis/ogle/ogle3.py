"""The source training set: light curves like OGLE-III's, synthesised star by star."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from starsieve.features.tools.lightcurves import LightCurves, assemble
from starsieve.models.data import splits
from starsieve.models.synthesis.catalogue import Catalogue
from starsieve.models.synthesis.epochs import Epochs, Floats, Ints, Strings
from starsieve.models.synthesis.noise import observe_ogle
from starsieve.models.synthesis.ogle.cadence import ogle_cadences
from starsieve.models.synthesis.signals.eclipses import eclipsing
from starsieve.models.synthesis.signals.giants import HABITS, catalogued_giant_mag
from starsieve.models.synthesis.signals.pulsators import blazhko_swing, pulsation, pulsator_mag
from starsieve.models.synthesis.signals.stochastic import blue_variable_mag, quasar_mag, rotation_mag, rotation_period

CHUNK = 250  # objects held in memory at once: about 40 MB
BANDS = np.array(["I"])
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


def ogle3_light_curves(catalogue: Catalogue, n_per_class: int, seed: int) -> Iterator[LightCurves]:
    """Yield light curves in I, n_per_class of each of LABELS, in chunks of one class; the same seed gives the same.

    20 to 2,000 epochs of OGLE-like seasons and errors. A class with fewer stars than asked repeats them on other
    cadences; object_id is that of splits.VIEW. Miras, semi-regulars and OSARGs aren't divided by chemistry
    or evolution as in Kim & Bailer-Jones (2016): the catalogue here doesn't say.
    """
    for label, class_seed in zip(LABELS, np.random.SeedSequence(seed).spawn(len(LABELS)), strict=True):
        rng = np.random.default_rng(class_seed)
        order = _star_order(rng, catalogue, label, n_per_class)
        for first in range(0, n_per_class, CHUNK):
            count = min(CHUNK, n_per_class - first)
            yield _chunk(rng, catalogue, label, first, order[first : first + count])


def _star_order(rng: np.random.Generator, catalogue: Catalogue, label: str, n: int) -> Ints:
    """Catalogue rows for n light curves, every star once before any twice; -1 where the class isn't from stars.

    Those that are held out are left alone: the ZTF network, which starts from this source, is judged on them.
    """
    selection = PULSATORS.get(label) or GIANTS.get(label)
    if selection is None:
        return np.full(n, -1, dtype=np.int64)
    rows = catalogue.rows(*selection)
    rows = rows[_learnable(catalogue.object_id[rows])]
    return np.concatenate([rng.permutation(rows) for _ in range(n // len(rows) + 1)])[:n]


def _learnable(names: Strings) -> NDArray[np.bool_]:
    return np.array([not splits.held_out(name) for name in names.tolist()])


def _chunk(rng: np.random.Generator, catalogue: Catalogue, label: str, first: int, rows: Ints) -> LightCurves:
    n = len(rows)
    epochs = ogle_cadences(rng, n)
    if rows[0] >= 0:
        names, mean = catalogue.object_id[rows], catalogue.mag[rows]
        deviation = _catalogued(rng, catalogue, label, rows, epochs)
    else:
        names, mean = np.array([f"{label}-{first + i:06d}" for i in range(n)]), _field_magnitudes(rng, n)
        deviation = _drawn(rng, catalogue, label, epochs)
    mag, magerr = observe_ogle(rng, mean[epochs.index] + deviation, epochs)
    return assemble(
        np.array([f"{name}{splits.VIEW}{first + i}" for i, name in enumerate(names)]),
        np.full(n, label),
        epochs.index,
        band=np.zeros_like(epochs.index),
        bands=BANDS,
        mjd=epochs.mjd,
        mag=mag,
        magerr=magerr,
    )


def _catalogued(rng: np.random.Generator, catalogue: Catalogue, label: str, rows: Ints, epochs: Epochs) -> Floats:
    """Deviations from the mean (n_points,) of catalogue stars."""
    if label in HABITS:
        return catalogued_giant_mag(rng, label, catalogue, rows, epochs)
    mag = pulsator_mag(pulsation(rng, catalogue, rows), epochs.mjd, epochs.index)
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
