"""Real Cepheids of the source's own surveys, in every band by itself: the same stars, years apart."""

from pathlib import Path

import numpy as np

from starsieve.features.tools.columns import Columns
from starsieve.features.tools.folder import read_light_curves
from starsieve.features.tools.lightcurves import LightCurves
from starsieve.features.tools.parquet import read_whole
from starsieve.models.data import splits
from starsieve.models.data.splits import Strings

SETS = ("ogle3_cep", "ogle4_cep", "eros2_cep")
LABELS = {"CEP_F": "CEPH_F", "CEP_1O": "CEPH_1O", "CEP_2O": "CEPH_Other", "CEP_MULTI": "CEPH_Other"}


def stars(folder: Path) -> tuple[Strings, Strings]:
    """OGLE's name of each star of a set, the same in all sets, and its class as the source calls it, (n,) each.

    Raises UnreadableFolderError.
    """
    found = read_whole(folder / "objects.parquet", Columns(("object_id", "star", "label")))
    return found["star"], np.array([LABELS[label] for label in found["label"].tolist()])


def learnable(folder: Path) -> LightCurves:
    """The light curves of the stars that are not held out, each band as an object of its own.

    Named <star>#view-<set>-<band>, so that a star's light curves of all sets, and those synthesised from the catalogue,
    share their fold. Raises UnreadableFolderError.
    """
    curves = read_light_curves(folder)
    star, label = stars(folder)
    learned = np.array([not splits.held_out(name) for name in star.tolist()])
    kept = curves.select(np.flatnonzero(learned))
    bands = kept.bands[kept.band]
    names = [
        f"{name}{splits.VIEW}{folder.name}-{band}"
        for name, band in zip(star[learned][kept.owner].tolist(), bands.tolist(), strict=True)
    ]
    return LightCurves(
        np.array(names, np.str_),
        label[learned][kept.owner],
        np.arange(len(kept)),
        kept.band,
        kept.bands,
        kept.offsets,
        kept.mjd,
        kept.mag,
        kept.magerr,
        kept.dropped,
    )
