"""What networks of stars seen again have in common: the stars, the mix of classes, who is held out."""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.folder import read_objects
from starsieve.features.tools.lightcurves import LightCurves, concatenate
from starsieve.models import synthesis
from starsieve.models.data import splits, tables
from starsieve.models.data.tables import Table
from starsieve.models.recipes.building import Work

Floats = npt.NDArray[np.float64]

# The mix of sources that the probabilities are calibrated for. Periodic stars: between equal shares (which rare classes
# need) and the natural ones, some 30 % EW (Catalina's have half, ZTF's in Chen et al. 2020, ApJS 249, 18, rather more
# rotating stars and giants). Constant stars are many: one bad subtraction brings 30 days of forced photometry.
MIX = {
    "NONVAR": 0.3,
    "EW": 0.16,
    "SN": 0.08,
    "EA": 0.075,
    "LPV": 0.07,
    "ROT": 0.07,
    "RRAB": 0.06,
    "RRC": 0.05,
    "QSO": 0.045,
    "CEP": 0.025,
    "DSCT": 0.025,
    "RRD": 0.02,
    "T2CEP": 0.02,
}
ORIGINALS = ("catalina", "asas", "ztf_field", "ztf_snia")


def table_of(parts: Iterable[LightCurves], work: Work, min_epochs: int = MIN_EPOCHS) -> Table:
    """The objects with features, in any band that has min_epochs."""
    with work.telling("light curves and features"):
        table = tables.extract(concatenate(parts), cache=work.cache, threads=work.threads, min_epochs=min_epochs)
    return table.select(np.flatnonzero(table.reason == ""))


def stars(data: Path) -> tuple[list[str], list[str]]:
    """The stars and quasars to learn from, and those that are held out."""
    catalogue = synthesis.read_catalogue(data / "catalogs")
    names: list[str] = [*catalogue.object_id.tolist(), *catalogue.quasar_id.tolist()]
    for survey in ORIGINALS:
        names += read_objects(data / "lightcurves" / survey).object_id.tolist()
    kept = [splits.held_out(name) for name in names]
    return list(itertools.compress(names, np.logical_not(kept))), list(itertools.compress(names, kept))


def importance(table: Table) -> Floats:
    """How much an object counts in the calibration: classes by MIX.

    In a class, real photometry through the alerts counts as much as all the rest.
    """
    real = np.char.find(table.object_id, splits.REAL_VIEW) >= 0
    weights = np.zeros(len(table.label))
    for label, share in MIX.items():
        groups = [chosen for chosen in (real, ~real) if (chosen & (table.label == label)).any()]
        for chosen in groups:
            of_class = chosen & (table.label == label)
            weights[of_class] = share / len(groups) / of_class.sum()
    return weights
