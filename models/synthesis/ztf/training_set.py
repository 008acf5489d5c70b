"""The training set of the ZTF network: real stars seen again at ZTF's epochs, through ZTF's alerts."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.lightcurves import LightCurves
from starsieve.models.synthesis.epochs import Alerts, Exposures
from starsieve.models.synthesis.objects import Drawn
from starsieve.models.synthesis.originals import SURVEYS, read_survey
from starsieve.models.synthesis.seen_again import LABELS, View, seen_again
from starsieve.models.synthesis.ztf.alerts import draw_exposures, read_histories, reference_flux, select
from starsieve.models.synthesis.ztf.measured import MEASURED, measured, stars_of
from starsieve.models.synthesis.ztf.real import real_light_curves, real_parts

MAX_EPOCHS, MIN_ALERTS = 500, 5
PARTS = 5  # of each real ZTF light curve: with them, half as many other field stars are called periodic
# Of the light curves: alerts only; alerts with forced photometry; every exposure, as in a data release.
WATCHED = {"alerts": 0.45, "forced": 0.45, "all": 0.1}
WATCHED_CONSTANT = {"alerts": 0.2, "forced": 0.3, "all": 0.5}


def ztf_light_curves(data_dir: Path, n_per_class: int, seed: int, object_ids: Collection[str]) -> Iterator[LightCurves]:
    """Yield up to n_per_class synthetic light curves in g and r of each of LABELS, in chunks of one class.

    On top of them come, as they are, all real ones that may be used of constant stars and supernovae: real constants
    as training data halved the share of other ztf_field stars called periodic, where better noise did nothing.

    data_dir: with alerts/, too; object_ids: with those of ztf_field and ztf_snia; all else as `seen_again`.
    """
    histories = read_histories(data_dir / "alerts" / "ztf_avro")
    view = View(lambda rng, n: draw_exposures(rng, histories, n), _alert, MIN_EPOCHS, MAX_EPOCHS, MIN_ALERTS)
    for label, chunks in seen_again(data_dir, n_per_class, seed, object_ids, view):
        yield from real_light_curves(data_dir, label, frozenset(object_ids))
        yield from chunks


def _alert(rng: np.random.Generator, label: str, drawn: Drawn, exposures: Exposures) -> Alerts:
    shares = WATCHED_CONSTANT if label == "NONVAR" else WATCHED
    way = rng.choice(tuple(shares), len(exposures.epochs), p=tuple(shares.values()))
    reference = reference_flux(rng, exposures, drawn.flux) if drawn.reference is None else drawn.reference
    return select(rng, exposures, drawn.flux, reference, way)


def ztf_measured_light_curves(
    data_dir: Path, n_per_class: int, seed: int, object_ids: Collection[str], views: int
) -> Iterator[LightCurves]:
    """Yield real light curves of up to n_per_class stars of each class of catalina and asas, as alerts carry them.

    object_ids: the stars that may be used; views: how often each is seen, see `measured`. Of
    constant stars and supernovae come parts of real ZTF light curves, as many of each. Raises UnreadableFolderError
    where data are missing.
    """
    allowed = frozenset(object_ids)
    surveys = {name: read_survey(data_dir / "lightcurves" / name) for name in SURVEYS}
    for label, class_seed in zip(LABELS, np.random.SeedSequence(seed).spawn(len(LABELS)), strict=True):
        rng = np.random.default_rng(class_seed)
        yield from real_parts(rng, data_dir, label, allowed, PARTS)
        if label not in MEASURED:
            continue
        for survey, stars in stars_of(rng, surveys, label, n_per_class, allowed):
            chunk = measured(rng, survey, stars, label, MIN_EPOCHS, views)
            if chunk is not None:
                yield chunk
