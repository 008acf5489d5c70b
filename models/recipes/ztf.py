"""The ZTF network: real labelled stars seen again through ZTF's alerts, judged on stars it never learned from."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from starsieve.features.tools.folder import read_objects
from starsieve.models import synthesis
from starsieve.models.data.tables import Table
from starsieve.models.judging import judging, report
from starsieve.models.recipes import building, sources
from starsieve.models.recipes import ztf_checks as checks
from starsieve.models.recipes.building import OURS, Work
from starsieve.models.recipes.references import reference_of
from starsieve.models.recipes.seen_again import MIX, importance, stars, table_of
from starsieve.models.serving.drift import Reference
from starsieve.models.serving.scaling import Scaler
from starsieve.models.serving.taxonomy import RESIDUAL
from starsieve.models.training import ensemble, write
from starsieve.models.training.ensemble import Recipe
from starsieve.models.training.fit import Schedule

Floats = npt.NDArray[np.float64]

SEEN_AGAIN, JUDGED = 2400, 300  # objects of each class
MEASURED_STARS, MEASURED_VIEWS = 2500, 2  # stars of each class, and how often each is seen
EVERY_STAR = 10**6
# Faster and longer than other transfers: ZTF's alerts are further from OGLE's light curves than other surveys are.
RECIPE = Recipe(OURS, Schedule(8000, batch=256, body_rate=1e-3), balance=1.0)
LEFT_OUT = ("ROT", "SN")  # training goes without each of these once, to see whether Residual notices
QUICK = Recipe(OURS, Schedule(1500, batch=256), balance=1.0)  # for that
BANDS = ("g", "r")
ORIGIN = (
    "Catalina (Drake et al. 2017); ASAS-3 (Pojmanski 2002); OGLE-III Catalog of Variable Stars (Soszynski et al. 2008 "
    "and later); damped random walks fitted to SDSS Stripe 82 quasars with JAVELIN; of ZTF (Bellm et al. 2019) field "
    "stars of one CCD quadrant in DR5, type Ia supernovae, and the histories in alert packets"
)
SIMULATED = (
    "Catalina, ASAS and OGLE-III stars, fitted and observed again at real ZTF epochs with ZTF's noise, through the "
    "alert selection (models/synthesis), and quasars with the damped random walks of real ones; of real light curves "
    "of Catalina and ASAS stars, at their own epochs, the alert selection alone. Supernovae and constant stars are "
    "drawn from models, beside real ones from ZTF."
)


def build(data: Path, output: Path, work: Work, seed: int = 0) -> None:
    """Trains on stars that are not held out and judges on those that are; see splits.held_out."""
    learned, _ = stars(data)
    table = table_of(
        [
            *synthesis.ztf_light_curves(data, SEEN_AGAIN, seed, learned),
            *synthesis.ztf_measured_light_curves(data, MEASURED_STARS, seed, learned, MEASURED_VIEWS),
        ],
        work,
    )
    trained = ensemble.train(table, RECIPE, sources.own(), seed, work.told("ztf"))
    trained = ensemble.calibrated(trained, table, importance(table))
    judged = held_out_stars(data, seed=seed, work=work)
    answers = ensemble.predict(trained, judged)
    natural = stars_in_stream(data, seed=seed, work=work)
    scores = {"of": "stars seen again whose originals were held out (SN and NONVAR: most are new draws of the models)"}
    scores |= judging.judge(trained.classes, judged, answers)
    notes = {
        "training": building.training_notes("ogle3", "what ZTF's alerts would show of labelled stars", table, seed),
        "origin": ORIGIN,
        "simulated": SIMULATED,
        "class_mix": MIX,
        "scores": scores,
        "scores_in_stream": checks.in_stream(trained.classes, natural, ensemble.predict(trained, natural)),
        "macro_f1_by_epochs": checks.by_epochs(trained, judged, answers),
        "real_sources_called_periodic": {
            "folders": {
                name: checks.called_periodic(trained, table, data / "lightcurves" / name, work)
                for name in ("ztf_field", "ztf_snia")
            },
            "variables": checks.FIELD_VARIABLES,
        },
        "unfamiliar": dict(building.left_out(table, label, QUICK, seed, work) for label in LEFT_OUT),
        "drift": reference(judged, trained.scaler, (*trained.classes, RESIDUAL), answers).to_json(),
    }
    card = write.save(trained, output, survey="ztf", bands=BANDS, notes=notes)
    report.write(output, card)


def held_out_stars(data: Path, *, seed: int, work: Work) -> Table:
    """Stars that `build` of the same seed never learned from, each as of one of its alerts."""
    _, kept = stars(data)
    return table_of(synthesis.ztf_light_curves(data, JUDGED, seed + 1, kept), work)


def stars_in_stream(data: Path, *, seed: int, work: Work) -> Table:
    """Catalina's stars that `build` of the same seed never learned from, as their last alert leaves them."""
    _, kept = stars(data)
    catalina = set(kept) & set(read_objects(data / "lightcurves" / "catalina").object_id.tolist())
    return table_of(synthesis.ztf_measured_light_curves(data, EVERY_STAR, seed, catalina, 1), work)


def reference(judged: Table, scaler: Scaler, classes: tuple[str, ...], answers: Floats) -> Reference:
    """What a stream is compared with: held-out stars as of one of their alerts, in the mix that is expected."""
    of = "held-out stars as of one of their alerts, in the mix of classes that the probabilities are calibrated for"
    return reference_of(of, judged, scaler, classes, answers, importance(judged))
