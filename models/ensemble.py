"""One classifier from labelled features: members trained on different folds, calibrated on what each did not see."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from tensorflow import keras

from features import FEATURES
from models import calibration, network, scaling, splits, taxonomy, training
from models.calibration import Calibration
from models.network import Architecture
from models.scaling import Scaler
from models.serving import combine
from models.tables import Table

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FOLDS = 5  # every object is kept from the members of one fold, which judge it
STRANGE_SHARE = 0.1  # of the weight of all rows: invented rows that no object looks like


@dataclass(frozen=True)
class Source:
    """What a transfer starts from: trained weights to put below a fresh last layer, and the scaling they expect."""

    name: str
    scaler: Scaler
    architecture: Architecture
    load: Callable[[keras.Model], None]


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained; docs/science.md says what was tried."""

    architecture: Architecture
    schedule: training.Schedule
    balance: float = 0.3  # a class of n objects counts n^(1 - balance) in the loss


@dataclass(frozen=True)
class Trained:
    """A network from scaled features to logits (n, members, classes + 1); the last class is Residual."""

    network: keras.Model
    scaler: Scaler
    classes: tuple[str, ...]
    calibration: Calibration
    fold: Ints  # (n,) of every training object


def train(
    table: Table,
    recipe: Recipe,
    source: Source | None,
    seed: int,
    on_check: Callable[[int, int], None] | None = None,
    importance: Floats | None = None,
) -> Trained:
    """Trains on every object of a table; its labels are the classes.

    importance (n,): how much an object counts in the calibration, which decides what mix of classes is expected.
    Raises ModelError for a label that is not in the taxonomy.
    """
    classes, target = np.unique(table.label, return_inverse=True)
    for label in classes.tolist():
        taxonomy.class_id(label)  # now, not after the training
    fold = splits.folds(table.label, np.array([splits.star(name) for name in table.object_id]), FOLDS, seed)
    scaler = source.scaler if source else scaling.fit(table.features, FEATURES)
    architecture = source.architecture if source else recipe.architecture
    model = network.build(architecture, scaler.inputs, len(classes) + 1, seed)
    if source:
        source.load(model)
    strange = _strange_rows(table.features, seed)
    row_fold = np.concatenate([fold[table.owner], np.arange(len(strange)) % FOLDS])
    judged = row_fold[:, None] == np.arange(architecture.members)[None] % FOLDS
    weight = np.concatenate(
        [
            row_weights(table, target, recipe.balance),
            np.full(len(strange), STRANGE_SHARE * len(table.owner) / len(strange)),
        ]
    )[:, None]
    training.fit(
        model,
        scaler(np.concatenate([table.features, strange])),
        np.concatenate([target[table.owner], np.full(len(strange), len(classes))]),
        weights=np.where(judged, 0, weight).astype(np.float32),
        validation=np.where(judged, weight, 0).astype(np.float32),
        schedule=recipe.schedule,
        seed=seed,
        on_check=on_check,
    )
    untouched = Calibration(1.0, np.zeros(len(classes)))
    trained = Trained(model, scaler, tuple(classes.tolist()), untouched, fold)
    answers = unseen(trained, table)
    seen = ~np.isnan(answers[:, 0])
    calibrated = calibration.fit(answers[seen], target[seen], None if importance is None else importance[seen])
    return Trained(model, scaler, trained.classes, calibrated, fold)


def unseen(trained: Trained, table: Table) -> Floats:
    """Answers (n, classes + 1) about the training objects, each from the members that had not seen it.

    The table may be another view of the same objects, in the same order. NaN for an object without a row.
    """
    return _answers(trained, table, trained.fold[table.owner][:, None] == np.arange(_members(trained))[None] % FOLDS)


def predict(trained: Trained, table: Table) -> Floats:
    """Answers (n, classes + 1) about other objects, from all members."""
    return _answers(trained, table, np.ones((len(table.owner), _members(trained)), dtype=bool))


def _members(trained: Trained) -> int:
    members: int = trained.network.output_shape[1]
    return members


def _answers(trained: Trained, table: Table, asked: npt.NDArray[np.bool_]) -> Floats:
    logits = trained.network.predict(trained.scaler(table.features), batch_size=4096, verbose=0)
    rows = np.einsum("rm,rmc->rc", asked / asked.sum(axis=1, keepdims=True), softmax(logits.astype(np.float64), axis=2))
    own = table.view == 0
    seen, place = np.unique(table.owner[own], return_inverse=True)
    answers = np.full((len(table.object_id), rows.shape[1]), np.nan)
    answers[seen] = trained.calibration(combine(rows[own], table.epochs[own], place))
    return answers


def _strange_rows(features: Floats, seed: int) -> Floats:
    """Half as many rows as there are, each a mixture of unrelated objects: no column odd, together impossible."""
    rng = np.random.default_rng(seed)
    count = max(1, len(features) // 2)
    base, other = (features[rng.integers(len(features), size=count)] for _ in range(2))
    swapped = rng.random(base.shape) < rng.uniform(0.2, 0.8, (count, 1))
    return np.where(swapped, other, base)


def row_weights(table: Table, target: Ints, balance: float) -> Floats:
    """How much every row counts: objects by their class, their rows in equal shares; 1 on average."""
    per_class = np.bincount(target).astype(float) ** -balance
    per_object = per_class[target] / np.maximum(np.bincount(table.owner, minlength=len(target)), 1)
    weight = per_object[table.owner]
    return np.asarray(weight / weight.mean())
