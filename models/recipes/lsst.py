"""Rubin's network: real labelled stars seen again in six bands, judged on stars it never learned from, by its age."""

from pathlib import Path
from typing import Any

import numpy as np

from starsieve.models import synthesis
from starsieve.models.data.tables import Table
from starsieve.models.judging import judging, report
from starsieve.models.recipes import building, sources
from starsieve.models.recipes.building import OURS, Work
from starsieve.models.recipes.references import reference_of
from starsieve.models.recipes.seen_again import MIX, Floats, importance, stars, table_of
from starsieve.models.recipes.ztf_checks import PERIODIC, SURE
from starsieve.models.serving import taxonomy
from starsieve.models.serving.taxonomy import RESIDUAL
from starsieve.models.synthesis.lsst.alerts import RUBIN
from starsieve.models.synthesis.lsst.training_set import MIN_EPOCHS
from starsieve.models.training import ensemble, write
from starsieve.models.training.ensemble import Recipe, Trained
from starsieve.models.training.fit import Schedule

SEEN_AGAIN, JUDGED = 1600, 300  # objects of each class
RECIPE = Recipe(OURS, Schedule(8000, batch=256, body_rate=1e-3), balance=1.0)  # as ZTF's
MONTHS = (3, 12, 36)  # since the survey has begun
SCIENCE_FLUX_MONTHS = 12
NOT_PERIODIC = ("NONVAR", "SN")
ORIGIN = (
    "Catalina (Drake et al. 2017); ASAS-3 (Pojmanski 2002); OGLE-III Catalog of Variable Stars (Soszynski et al. 2008 "
    "and later); damped random walks fitted to SDSS Stripe 82 quasars with JAVELIN; depth, seeing and the gaps between "
    "nights of the visits of Rubin's survey validation (2025)"
)
SIMULATED = (
    "All of it: no labelled light curves of Rubin exist. Catalina, ASAS and OGLE-III stars, fitted, and quasars with "
    "the damped random walks of real ones are observed again in ugrizy at a cadence of wide, fast and deep that is "
    "made from real visits (80 a year in seven months), with their depth, through the alert selection, with totals as "
    "the stream makes them (models/synthesis/lsst). Amplitudes by band are measured for Cepheids alone and assumed for "
    "the others (models/synthesis/bands.py). Supernovae and constant stars are drawn from models."
)


def build(data: Path, output: Path, work: Work, seed: int = 0) -> None:
    """Trains on stars that are not held out and judges on those that are; see splits.held_out."""
    learned, kept = stars(data)
    table = table_of(synthesis.lsst_light_curves(data, SEEN_AGAIN, seed, learned), work, MIN_EPOCHS)
    trained = ensemble.train(table, RECIPE, sources.own(), seed, work.told("lsst"))
    trained = ensemble.calibrated(trained, table, importance(table))

    def judged(years: float | None, *, science_flux: bool = False) -> Table:
        seen = synthesis.lsst_light_curves(data, JUDGED, seed + 1, kept, years=years, science_flux=science_flux)
        return table_of(seen, work, MIN_EPOCHS)

    held_out = judged(None)
    answers = ensemble.predict(trained, held_out)
    scores = {"of": "stars seen again whose originals were held out, as of any alert of the first three years"}
    by_months = {months: _scores(trained, judged(months / 12), f"the same after {months} months") for months in MONTHS}
    of_science_flux = _scores(trained, judged(SCIENCE_FLUX_MONTHS / 12, science_flux=True), "the same from scienceFlux")
    of = "held-out stars as of one of their alerts, in the mix of classes that the probabilities are calibrated for"
    drift = reference_of(of, held_out, trained.scaler, (*trained.classes, RESIDUAL), answers, importance(held_out))
    notes = {
        "training": building.training_notes("ogle3", "what Rubin's alerts would show of labelled stars", table, seed),
        "origin": ORIGIN,
        "simulated": SIMULATED,
        "class_mix": MIX,
        "scores": scores | judging.judge(trained.classes, held_out, answers),
        "scores_by_months": by_months,
        "macro_f1_with_science_flux": {SCIENCE_FLUX_MONTHS: of_science_flux["macro_f1"]},
        "called_periodic": called_periodic(trained.classes, held_out, answers),
        "drift": drift.to_json(),
    }
    card = write.save(trained, output, survey="lsst", bands=RUBIN.bands, notes=notes, min_epochs=MIN_EPOCHS)
    report.write(output, card)


def _scores(trained: Trained, table: Table, of: str) -> dict[str, Any]:
    return {"of": of} | judging.judge(trained.classes, table, ensemble.predict(trained, table))


def called_periodic(classes: tuple[str, ...], table: Table, answers: Floats) -> dict[str, float]:
    """Of each kind that is not periodic, the share of objects that get more than one half for the periodic classes."""
    ids = [taxonomy.class_id(name) for name in classes]
    periodic = np.array([taxonomy.hierarchical_sums(ids, one[: len(ids)])[PERIODIC] for one in answers]) > SURE
    return {label: round(float(periodic[table.label == label].mean()), 4) for label in NOT_PERIODIC}
