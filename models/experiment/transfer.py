"""Does transfer pay? Sources against fractions of the labels, with random forests beside them."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed

from starsieve.features import FEATURES
from starsieve.features.caches import code_of
from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.commands import check_folder, need
from starsieve.features.tools.folder import read_light_curves
from starsieve.features.tools.lightcurves import LightCurves, content
from starsieve.models import ModelError
from starsieve.models.data import splits, tables, training_set
from starsieve.models.data.tables import Table
from starsieve.models.experiment import baseline, learning_curves, upsilont_way
from starsieve.models.experiment.learning_curves import METHODS
from starsieve.models.experiment.upsilont_way import Trains
from starsieve.models.judging import judging
from starsieve.models.recipes import sources as own_source
from starsieve.models.recipes import transfer, upsilont
from starsieve.models.recipes.building import Work
from starsieve.models.recipes.shipped import SURVEYS
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import combine
from starsieve.models.training import ensemble
from starsieve.models.training.ensemble import Source

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Result = dict[str, Any]

FRACTIONS = (0.01, 0.05, 0.10, 0.25, 0.50, 1.00)
SEEDS = range(5)
TEST_FOLDS = 5  # one in so many objects is judged on, never trained on
TREES = 300
UPSILONT_WAYS = {
    "published": Trains.EVERYTHING,
    "published, last layer": Trains.LAST,
    "published, from scratch": Trains.FROM_SCRATCH,
}
# Of each process: one training makes little of two threads, two trainings side by side much.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


@dataclass(frozen=True)
class Setup:
    """One survey, and what the methods start from."""

    full: Table  # with augmented views
    own: Table
    light_curve: Floats  # features of the light-curve package, for the rows of own
    ogle3: Source
    ours_upsilont: Source
    upsilont: Source


def run(data: Path, output: Path, work: Work) -> None:
    """Runs every combination and writes transfer.json, one entry for each, transfer.md and transfer.png.

    Entries of transfer.json that are there are kept, if they are of this source, these light curves and this code, so
    that a run can be continued.
    """
    need("sklearn")
    check_folder(output)
    path = output / "transfer.json"
    earlier: list[Result] = json.loads(path.read_text()) if path.exists() else []
    inputs: dict[str, Result] = {}
    for number, name in enumerate(SURVEYS):
        work.on_step("features", number, len(SURVEYS))
        setup = _setup(data, name, work.cache, work.threads)  # now, with all threads, and from the cache afterwards
        inputs[name] = {"source": registry.load("ogle3").version, "inputs": _content(setup, data / "upsilont")}
        _setup.cache_clear()  # the trainings are in other processes
    results = [entry for entry in earlier if inputs.get(entry["survey"], {"": None}).items() <= entry.items()]
    done = {(r["survey"], r["method"], r["fraction"], r["seed"]) for r in results}
    jobs = []
    for fraction, name, method in product(FRACTIONS, SURVEYS, METHODS):
        seeds = [seed for seed in SEEDS if (name, method, fraction, seed) not in done]
        if seeds:
            jobs.append(delayed(_results)(data, work.cache, name, method, fraction, seeds))
    os.environ |= ONE_THREAD
    finished = Parallel(n_jobs=work.threads, return_as="generator_unordered")(jobs)
    for number, found in enumerate(finished, 1):
        results.extend(inputs[entry["survey"]] | entry for entry in found)
        path.write_text(json.dumps(results, indent=0) + "\n")
        work.on_step("trainings", number, len(jobs))
    learning_curves.write(output, results)


def _results(data: Path, features: Path, name: str, method: str, fraction: float, seeds: Sequence[int]) -> list[Result]:
    """Entries of one method for each seed."""
    scores = of_seeds(_setup(data, name, features, 1), method, fraction, seeds)
    of = {"survey": name, "method": method, "fraction": fraction}
    return [of | {"seed": seed} | found for seed, found in zip(seeds, scores, strict=True)]


@cache
def _setup(data: Path, name: str, features: Path, threads: int) -> Setup:
    """A survey's tables, read from light curves and the cache of features once in a process."""
    curves = read_light_curves(data / "lightcurves" / name)
    table = training_set.training_set(curves, transfer.views(curves), cache=features, threads=threads).table
    network = upsilont.read(data / "upsilont")
    ours_upsilont = upsilont.source(network, transfer.FROM_UPSILONT)
    other = _other_features(curves, table.own(), features, threads)
    return Setup(table, table.own(), other, own_source.own(), ours_upsilont, upsilont.source(network))


def _content(setup: Setup, published: Path) -> str:
    """Names what the methods of a survey are given, and the code of all of them."""
    network = np.frombuffer(b"".join(file.read_bytes() for file in sorted(published.glob("*")) if file.is_file()), "u1")
    columns = [getattr(table, field.name) for table in (setup.full, setup.own) for field in fields(table)]
    return content(code_of("features", "models"), *columns, setup.light_curve, network)


def _other_features(curves: LightCurves, table: Table, features: Path, threads: int) -> Floats:
    """The light-curve package's features for the rows of a table made of some of these light curves."""
    rows = np.flatnonzero(curves.epochs >= MIN_EPOCHS)
    everything = tables.extract(curves, cache=features, threads=threads)
    if len(everything.owner) != len(rows):
        raise ModelError("light curves without our features in the experiment: the forests would not see the same ones")
    used = np.isin(everything.object_id[everything.owner], table.object_id)
    return baseline.extract(curves, cache=features, threads=threads)[used]


def of_seeds(setup: Setup, method: str, fraction: float, seeds: Sequence[int]) -> list[dict[str, float]]:
    """Scores of one method trained on a fraction of the labels, on objects that are in no fraction, for each seed."""
    objects = [_objects(setup.own, fraction, seed) for seed in seeds]
    answers = _answers(setup, method, objects, seeds)
    return [_scores(setup.own, *one, given) for one, given in zip(objects, answers, strict=True)]


def _objects(own: Table, fraction: float, seed: int) -> tuple[Ints, Ints]:
    """Who is trained on, who is judged on."""
    fold = splits.folds(own.label, own.object_id, TEST_FOLDS, seed)
    training = np.flatnonzero(fold != 0)
    return training[splits.fraction(own.label[training], fraction, seed)], np.flatnonzero(fold == 0)


def _scores(own: Table, training: Ints, test: Ints, answers: Floats) -> dict[str, float]:
    classes = tuple(np.unique(own.label[training]).tolist())
    scores = judging.judge(classes, own.select(test), answers)
    return {key: scores[key] for key in ("macro_f1", "mcc", "accuracy", "ece")} | {"labels": len(training)}


def _answers(setup: Setup, method: str, objects: list[tuple[Ints, Ints]], seeds: Sequence[int]) -> list[Floats]:
    """Answers (test objects, classes + 1) for each seed."""
    jobs = list(zip(objects, seeds, strict=True))
    if method.startswith("forest"):
        shown = {
            "forest": setup.own.features,
            "forest, 16": setup.own.features[:, : len(FEATURES)],
            "forest, light-curve": setup.light_curve,
        }
        own = replace(setup.own, features=shown[method])
        return [_forest(own.select(training), own.select(test), seed) for (training, test), seed in jobs]
    if method in UPSILONT_WAYS:
        trains = UPSILONT_WAYS[method]
        return [
            upsilont_way.answers(setup.own.select(training), setup.own.select(test), setup.upsilont, seed, trains)
            for (training, test), seed in jobs
        ]
    source = {"ogle3": setup.ogle3, "upsilont": setup.ours_upsilont, "none": None}[method]
    several = [setup.full.select(training) for training, _ in objects]
    recipe = transfer.recipe(len(several[0].owner), source)
    trained = ensemble.train_together(several, recipe, source, seeds)
    return [ensemble.predict(one, setup.own.select(test)) for one, (_, test) in zip(trained, objects, strict=True)]


def _forest(table: Table, judged: Table, seed: int) -> Floats:
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 (an extra)

    forest = RandomForestClassifier(TREES, random_state=seed).fit(table.features, table.label[table.owner])
    rows = np.pad(forest.predict_proba(judged.features), ((0, 0), (0, 1)))  # a forest has no Residual
    return combine(rows, judged.epochs, judged.owner)
