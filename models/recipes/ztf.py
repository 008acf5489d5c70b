"""The ZTF network: real labelled stars seen again through ZTF's alerts, judged on stars it never learned from."""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from starsieve.features.tools.folder import read_objects
from starsieve.features.tools.lightcurves import LightCurves, concatenate
from starsieve.models import synthesis
from starsieve.models.data import splits, tables
from starsieve.models.data.tables import Table
from starsieve.models.judging import judging, report
from starsieve.models.recipes import building, sources
from starsieve.models.recipes import ztf_checks as checks
from starsieve.models.recipes.building import OURS, Work
from starsieve.models.recipes.references import reference_of
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
    learned, _ = _stars(data)
    table = _table(
        [
            *synthesis.ztf_light_curves(data, SEEN_AGAIN, seed, learned),
            *synthesis.ztf_measured_light_curves(data, MEASURED_STARS, seed, learned, MEASURED_VIEWS),
        ],
        work,
    )
    trained = ensemble.train(table, RECIPE, sources.own(), seed, work.told("ztf"))
    trained = ensemble.calibrated(trained, table, _importance(table))
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
    _, kept = _stars(data)
    return _table(synthesis.ztf_light_curves(data, JUDGED, seed + 1, kept), work)


def stars_in_stream(data: Path, *, seed: int, work: Work) -> Table:
    """Catalina's stars that `build` of the same seed never learned from, as their last alert leaves them."""
    _, kept = _stars(data)
    catalina = set(kept) & set(read_objects(data / "lightcurves" / "catalina").object_id.tolist())
    return _table(synthesis.ztf_measured_light_curves(data, EVERY_STAR, seed, catalina, 1), work)


def reference(judged: Table, scaler: Scaler, classes: tuple[str, ...], answers: Floats) -> Reference:
    """What a stream is compared with: held-out stars as of one of their alerts, in the mix that is expected."""
    of = "held-out stars as of one of their alerts, in the mix of classes that the probabilities are calibrated for"
    return reference_of(of, judged, scaler, classes, answers, _importance(judged))


def _table(parts: Iterable[LightCurves], work: Work) -> Table:
    with work.telling("light curves and features"):
        table = tables.extract(concatenate(parts), cache=work.cache, threads=work.threads)
    return table.select(np.flatnonzero(table.reason == ""))


def _stars(data: Path) -> tuple[list[str], list[str]]:
    """The stars and quasars to learn from, and those that are held out."""
    catalogue = synthesis.read_catalogue(data / "catalogs")
    names: list[str] = [*catalogue.object_id.tolist(), *catalogue.quasar_id.tolist()]
    for survey in ORIGINALS:
        names += read_objects(data / "lightcurves" / survey).object_id.tolist()
    kept = [splits.held_out(name) for name in names]
    return list(itertools.compress(names, np.logical_not(kept))), list(itertools.compress(names, kept))


def _importance(table: Table) -> Floats:
    """How much an object counts in the calibration: classes by MIX.

    In a class, real photometry through the alerts counts as much as all the rest.
    """
    real = np.char.find(table.object_id, splits.REAL_VIEW) >= 0
    importance = np.zeros(len(table.label))
    for label, share in MIX.items():
        groups = [chosen for chosen in (real, ~real) if (chosen & (table.label == label)).any()]
        for chosen in groups:
            of_class = chosen & (table.label == label)
            importance[of_class] = share / len(groups) / of_class.sum()
    return importance
