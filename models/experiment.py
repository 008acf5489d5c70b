"""Does transfer pay? Sources against fractions of the labels, with random forests beside them."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models import (
    ModelError,
    baseline,
    building,
    ensemble,
    judging,
    learning_curves,
    lightcurves,
    published_way,
    splits,
    survey,
    tables,
    upsilont,
)
from models import sources as own_source
from models.building import Work
from models.ensemble import Source
from models.learning_curves import METHODS
from models.lightcurves import BandLightCurves
from models.serving import combine
from models.shipped import SURVEYS
from models.tables import Table

FRACTIONS = (0.01, 0.05, 0.10, 0.25, 0.50, 1.00)
SEEDS = range(5)
TEST_FOLDS = 5  # one in so many objects is judged on, never trained on
TREES = 500


@dataclass(frozen=True)
class Setup:
    """One survey, and what the methods start from."""

    full: Table  # with worsened views
    own: Table
    light_curve: npt.NDArray[np.float64]  # features of the light-curve package, for the rows of own
    ogle3: Source
    ours_published: Source
    published: Source


def run(data: Path, output: Path, work: Work) -> None:
    """Runs every combination and writes transfer.json, one entry for each, transfer.md and transfer.png.

    Entries of transfer.json that are there are kept, so that a run can be continued.
    """
    path = output / "transfer.json"
    results: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    done = {(r["survey"], r["method"], r["fraction"], r["seed"]) for r in results}
    setups = {name: _setup(data, name, work) for name in SURVEYS}
    jobs = [
        (n, m, f, s) for s in SEEDS for f in FRACTIONS for n in SURVEYS for m in METHODS if (n, m, f, s) not in done
    ]
    for number, (name, method, fraction, seed) in enumerate(jobs):
        work.on_step("trainings", number, len(jobs))
        scores = once(setups[name], method, fraction, seed)
        results.append({"survey": name, "method": method, "fraction": fraction, "seed": seed, **scores})
        path.write_text(json.dumps(results, indent=0) + "\n")
    learning_curves.write(output, results)


def _setup(data: Path, name: str, work: Work) -> Setup:
    curves = lightcurves.read(data / "lightcurves" / name)
    table = survey.training_set(curves, building.views(curves), cache=work.cache, threads=work.threads).table
    network = upsilont.read(data / "upsilont")
    ours_published = upsilont.source(network, building.UPSILONT)
    other = _other_features(curves, table.own(), work)
    return Setup(table, table.own(), other, own_source.own(), ours_published, upsilont.source(network))


def _other_features(curves: BandLightCurves, table: Table, work: Work) -> npt.NDArray[np.float64]:
    """The light-curve package's features for the rows of a table made of some of these light curves."""
    rows = np.flatnonzero(curves.epochs >= tables.MIN_EPOCHS)
    everything = tables.extract(curves, cache=work.cache, threads=work.threads)
    if len(everything.owner) != len(rows):
        raise ModelError("light curves without our features in the experiment: the forests would not see the same ones")
    used = np.isin(everything.object_id[everything.owner], table.object_id)
    return baseline.extract(curves, work.cache)[used]


def once(setup: Setup, method: str, fraction: float, seed: int) -> dict[str, float]:
    """Scores of one method trained on a fraction of the labels, on objects that are in no fraction."""
    fold = splits.folds(setup.own.label, setup.own.object_id, TEST_FOLDS, seed)
    training = np.flatnonzero(fold != 0)
    training = training[splits.fraction(setup.own.label[training], fraction, seed)]
    test = setup.own.select(np.flatnonzero(fold == 0))
    classes, answers = _answers(setup, method, training, test, seed)
    scores = judging.judge(classes, test, answers)
    return {key: scores[key] for key in ("macro_f1", "mcc", "accuracy", "ece")} | {"labels": len(training)}


def _answers(
    setup: Setup, method: str, training: npt.NDArray[np.int64], test: Table, seed: int
) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    if method.startswith("forest"):
        return _forest(setup, method, training, test, seed)
    if method.startswith("published"):
        source = setup.published
        trained = published_way.transfer(setup.own.select(training), source, seed, load="scratch" not in method)
        return trained.classes, ensemble.predict(trained, test)
    table = setup.full.select(training)
    start = {"ogle3": setup.ogle3, "upsilont": setup.ours_published, "none": None}[method]
    trained = ensemble.train(table, building.recipe(len(table.owner), start), start, seed)
    return trained.classes, ensemble.predict(trained, test)


def _forest(
    setup: Setup, method: str, training: npt.NDArray[np.int64], test: Table, seed: int
) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 (an extra)

    own = replace(setup.own, features=setup.light_curve) if method == "forest, light-curve" else setup.own
    table = own.select(training)
    judged = own.select(np.flatnonzero(np.isin(own.object_id, test.object_id)))
    forest = RandomForestClassifier(TREES, random_state=seed).fit(table.features, table.label[table.owner])
    rows = np.pad(forest.predict_proba(judged.features), ((0, 0), (0, 1)))  # a forest has no Residual
    return tuple(forest.classes_.tolist()), combine(rows, judged.epochs, judged.owner)
