"""One classifier from labelled features: members trained on different folds, calibrated on what each did not see."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import block_diag
from scipy.special import softmax
from tensorflow import keras

from starsieve.models import ModelError
from starsieve.models.data import splits
from starsieve.models.data.tables import Table
from starsieve.models.judging import evaluation
from starsieve.models.serving import calibration, familiarity, scaling, taxonomy
from starsieve.models.serving.calibration import Calibration
from starsieve.models.serving.classifier import combine
from starsieve.models.serving.familiarity import Familiarity
from starsieve.models.serving.scaling import Scaler
from starsieve.models.training import fit, network
from starsieve.models.training.network import Architecture

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FOLDS = 5  # every object is kept from the members of one fold, which judge it
STRANGE_SHARE = 0.1  # of the weight of all rows: invented rows that no object looks like


@dataclass(frozen=True)
class Source:
    """What a transfer starts from: trained weights to put below a fresh last layer, and the scaling they expect."""

    scaler: Scaler
    architecture: Architecture
    load: Callable[[keras.Model], None]


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained; docs/notebook.md says what was tried."""

    architecture: Architecture
    schedule: fit.Schedule
    balance: float = 0.3  # a class of n objects counts n^(1 - balance) in the loss


@dataclass(frozen=True)
class Trained:
    """A network from scaled features to logits (n, members, classes + 1); the last class is Residual."""

    network: keras.Model
    scaler: Scaler
    familiarity: Familiarity
    classes: tuple[str, ...]
    calibration: Calibration
    fold_calibrations: tuple[Calibration, ...]  # by the objects of all other folds: for those of this one
    fold: Ints  # (n,) of every training object


def train(
    table: Table,
    recipe: Recipe,
    source: Source | None,
    seed: int,
    on_steps: Callable[[int, int], None] | None = None,
) -> Trained:
    """Trains on every object of a table; its labels are the classes.

    Raises ModelError for a label that cannot be a class, and for too few labels.
    """
    return train_together([table], recipe, source, [seed], on_steps)[0]


def train_together(
    several: Sequence[Table],
    recipe: Recipe,
    source: Source | None,
    seeds: Sequence[int],
    on_steps: Callable[[int, int], None] | None = None,
) -> list[Trained]:
    """A classifier for each of several tables with the same classes, trained side by side in one graph.

    What one learns does not depend on the others, but for chance: rows and dropout are drawn for all together.
    Raises ModelError for a label that cannot be a class, for fewer members than FOLDS, and for so few labels that
    a member has nothing to learn from.
    """
    starts = [_start(table, recipe, source, seed) for table, seed in zip(several, seeds, strict=True)]
    first = starts[0].network
    architecture = _architecture(recipe, source)
    wide = replace(architecture, members=architecture.members * len(starts))
    model = network.build(wide, first.input_shape[2], first.output_shape[2], seeds[0])
    model.set_weights(network.join([start.network for start in starts]))
    fit.fit(
        model,
        np.concatenate([start.inputs for start in starts]),
        np.concatenate([start.target for start in starts]),
        weights=block_diag(*(start.weights for start in starts)).astype(np.float32),
        schedule=recipe.schedule,
        seed=seeds[0],
        on_steps=on_steps,
    )
    for start, weights in zip(starts, network.split(model.get_weights(), len(starts)), strict=True):
        start.network.set_weights(weights)
    return [_calibrated(start, table) for start, table in zip(starts, several, strict=True)]


def check_labels(labels: Iterable[str]) -> None:
    """Raises ModelError for a label that cannot be a class of a network: better before the work than after it."""
    for label in labels:
        if label == taxonomy.RESIDUAL:
            raise ModelError(f"{label} is what networks say of strange objects: no class can have this name")
        taxonomy.class_ids([label])


@dataclass(frozen=True)
class _Start:
    """A network before its training, and the rows that it will see: those of the objects, then the invented ones."""

    network: keras.Model
    scaler: Scaler
    familiarity: Familiarity
    classes: tuple[str, ...]
    fold: Ints  # (objects,)
    inputs: npt.NDArray[np.float32]  # (rows, inputs)
    target: Ints  # (rows,)
    weights: Floats  # (rows, members)


def _start(table: Table, recipe: Recipe, source: Source | None, seed: int) -> _Start:
    classes, target = np.unique(table.label, return_inverse=True)
    check_labels(classes.tolist())
    fold = splits.folds(table.label, np.array([splits.star(name) for name in table.object_id]), FOLDS, seed)
    scaler = source.scaler if source else scaling.fit(table.features)
    architecture = _architecture(recipe, source)
    if architecture.members < FOLDS:
        raise ModelError(f"a classifier needs {FOLDS} members, so that each object has one that has not seen it")
    model = network.build(architecture, scaler.inputs, len(classes) + 1, seed)
    if source:
        source.load(model)
    strange, strange_fold = _strange_rows(table.features, fold[table.owner], seed)
    row_fold = np.concatenate([fold[table.owner], strange_fold])
    kept_back = row_fold[:, None] == np.arange(architecture.members)[None] % FOLDS
    if kept_back[: len(table.owner)].all(axis=0).any():
        raise ModelError(f"too few labels: all {len(fold)} are in one fold, and the members of it would learn nothing")
    share = STRANGE_SHARE * len(table.owner) / len(strange)
    inputs, weight = scaler(table.features), row_weights(table, target, recipe.balance)
    return _Start(
        model,
        scaler,
        familiarity.fit(inputs, weight, len(table.object_id)),
        tuple(classes.tolist()),
        fold,
        np.concatenate([inputs, scaler(strange)]),
        np.concatenate([target[table.owner], np.full(len(strange), len(classes))]),
        np.where(kept_back, 0, np.concatenate([weight, np.full(len(strange), share)])[:, None]),
    )


def _architecture(recipe: Recipe, source: Source | None) -> Architecture:
    """A source's sizes go with its weights; dropout belongs to the training."""
    return replace(source.architecture, dropout=recipe.architecture.dropout) if source else recipe.architecture


def _calibrated(start: _Start, table: Table) -> Trained:
    untouched = Calibration(1.0, np.zeros(len(start.classes)))
    return calibrated(
        Trained(
            start.network,
            start.scaler,
            start.familiarity,
            start.classes,
            untouched,
            (untouched,) * FOLDS,
            start.fold,
        ),
        table,
    )


def calibrated(trained: Trained, table: Table, importance: Floats | None = None) -> Trained:
    """The same network calibrated anew on its training objects.

    importance (n,): how much an object counts, which decides what mix of classes is expected; None: all the same.
    """
    untouched = (Calibration(1.0, np.zeros(len(trained.classes))),) * FOLDS
    answers = unseen(replace(trained, fold_calibrations=untouched), table)
    truth = np.searchsorted(trained.classes, table.label)
    answered = ~np.isnan(answers[:, 0])

    def fit(chosen: npt.NDArray[np.bool_]) -> Calibration:
        return calibration.fit(answers[chosen], truth[chosen], None if importance is None else importance[chosen])

    return replace(
        trained,
        calibration=fit(answered),
        fold_calibrations=tuple(fit(answered & (trained.fold != fold)) for fold in range(FOLDS)),
    )


def unseen(trained: Trained, table: Table) -> Floats:
    """Answers (n, classes + 1) about the training objects, each from members and a calibration that had not seen it.

    What is fitted without labels, to all objects, is shared: the familiarity and, from scratch, the scaling. The table
    may be another view of the same objects, in the same order. NaN for an object without a row.
    """
    own = table.own()
    by_fold = _fold_of_members(trained) == trained.fold[own.owner][:, None]
    answers = _answers(trained, own, by_fold)
    for fold, calibrate in enumerate(trained.fold_calibrations):
        answers[trained.fold == fold] = calibrate(answers[trained.fold == fold])
    return answers


def unfamiliar(trained: Trained, table: Table, strange: Table) -> float:
    """AUROC of Residual: training objects against others, both by the members of a fold; the mean over the folds."""
    inside, others = unseen(trained, table)[:, -1], strange.own()
    found = []
    for fold in np.unique(trained.fold[~np.isnan(inside)]):
        asked = np.tile(_fold_of_members(trained) == fold, (len(others.owner), 1))
        outside = _answers(trained, others, asked)[:, -1]
        of_fold = inside[trained.fold == fold]
        found.append(evaluation.auroc(of_fold[~np.isnan(of_fold)], outside[~np.isnan(outside)]))
    return float(np.mean(found))


def predict(trained: Trained, table: Table) -> Floats:
    """Answers (n, classes + 1) about other objects, from all members."""
    own = table.own()
    everyone = np.ones((len(own.owner), len(_fold_of_members(trained))), dtype=bool)
    return trained.calibration(_answers(trained, own, everyone))


def _fold_of_members(trained: Trained) -> Ints:
    """The fold (members,) that each member has never seen."""
    return np.arange(trained.network.output_shape[0]) % FOLDS


def _answers(trained: Trained, own: Table, asked: npt.NDArray[np.bool_]) -> Floats:
    """Answers (n, classes + 1) of those members (rows, members) that are asked, before calibration."""
    inputs = trained.scaler(own.features)
    logits = network.logits(trained.network, inputs).astype(np.float64)
    rows = np.einsum("rm,rmc->rc", asked / asked.sum(axis=1, keepdims=True), softmax(logits, axis=2))
    rows = trained.familiarity(rows, inputs)
    seen, place = np.unique(own.owner, return_inverse=True)
    answers = np.full((len(own.object_id), rows.shape[1]), np.nan)
    answers[seen] = combine(rows, own.epochs, place)
    return answers


def _strange_rows(features: Floats, fold: Ints, seed: int) -> tuple[Floats, Ints]:
    """Half as many rows as there are, and their folds: no column is odd, all together are impossible.

    Each is a mixture of unrelated objects of one fold, so that it tells a member nothing of those kept from it.
    """
    rng = np.random.default_rng(seed)
    base = rng.integers(len(features), size=max(1, len(features) // 2))
    other = np.empty_like(base)
    for number in np.unique(fold[base]):
        chosen = fold[base] == number
        other[chosen] = rng.choice(np.flatnonzero(fold == number), size=np.count_nonzero(chosen))
    swapped = rng.random((len(base), features.shape[1])) < rng.uniform(0.2, 0.8, (len(base), 1))
    return np.where(swapped, features[other], features[base]), fold[base]


def row_weights(table: Table, target: Ints, balance: float) -> Floats:
    """How much every row counts: objects by their class, their rows in equal shares; 1 on average."""
    per_class = np.bincount(target).astype(float) ** -balance
    per_object = per_class[target] / np.maximum(np.bincount(table.owner, minlength=len(target)), 1)
    weight = per_object[table.owner]
    return np.asarray(weight / weight.mean())
