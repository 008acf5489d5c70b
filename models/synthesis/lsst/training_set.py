"""The training set of Rubin's network: real stars seen again in six bands, through Rubin's alerts."""

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from starsieve.features.tools.lightcurves import LightCurves
from starsieve.models.synthesis.epochs import Alerts, Exposures
from starsieve.models.synthesis.lsst.alerts import OLDEST_YEARS, draw_exposures, reference_flux, select
from starsieve.models.synthesis.objects import Drawn
from starsieve.models.synthesis.seen_again import View, seen_again

#: Of a band. Six of them share 80 visits a year: no band has ZTF's 20 within the first one.
MIN_EPOCHS = 7
MAX_EPOCHS = 70  # of the fullest band, in three years
MIN_ALERTS = 3


def lsst_light_curves(
    data_dir: Path,
    n_per_class: int,
    seed: int,
    object_ids: Collection[str],
    *,
    years: float | None = None,
    science_flux: bool = False,
) -> Iterator[LightCurves]:
    """Yield up to n_per_class synthetic light curves in ugrizy of each of seen_again.LABELS, in chunks of one class.

    years: as of the last alert so long after the survey has begun; None: as of any alert in the first three years.
    science_flux: see `alerts.select`; all else as `seen_again`.
    """
    expose = partial(draw_exposures, years=years or OLDEST_YEARS)
    most = MAX_EPOCHS if years is None else None
    view = View(expose, partial(_alert, science_flux=science_flux), MIN_EPOCHS, most, MIN_ALERTS)
    for _, chunks in seen_again(data_dir, n_per_class, seed, object_ids, view):
        yield from chunks


def _alert(rng: np.random.Generator, _label: str, drawn: Drawn, exposures: Exposures, *, science_flux: bool) -> Alerts:
    reference = reference_flux(rng, exposures, drawn.flux) if drawn.reference is None else drawn.reference
    return select(rng, exposures, drawn.flux, reference, science_flux=science_flux)
