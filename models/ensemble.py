"""One classifier from labelled features: members trained on different folds, calibrated on what each did not see."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from tensorflow import keras

from features import FEATURES
from models import calibration, network, scaling, splits, training
from models.network import Architecture
from models.scaling import Scaler
from models.serving import combine
from models.tables import Table

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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
    folds: int = 5  # every object is kept from the members of one fold, which judge it
    balance: float = 0.5  # a class of n objects counts n^(1 - balance) in the loss


@dataclass(frozen=True)
class Trained:
    """A network, what it takes and gives, and its answers about objects from members that had not seen them."""

    network: keras.Model  # scaled features to logits (n, members, classes)
    scaler: Scaler
    classes: tuple[str, ...]
    calibration: calibration.Calibration
    unseen: Floats  # (n objects, classes), calibrated; NaN for an object without a row


def train(
    table: Table,
    recipe: Recipe,
    source: Source | None,
    seed: int,
    on_check: Callable[[int, float], None] | None = None,
) -> Trained:
    """Trains on every object of a table; its labels are the classes."""
    classes, target = np.unique(table.label, return_inverse=True)
    fold = splits.folds(table.label, np.array([splits.star(name) for name in table.object_id]), recipe.folds, seed)
    scaler = source.scaler if source else scaling.fit(table.features, FEATURES)
    architecture = source.architecture if source else recipe.architecture
    model = network.build(architecture, scaler.inputs, len(classes), seed)
    if source:
        source.load(model)
    judged = fold[table.owner][:, None] == np.arange(architecture.members)[None] % recipe.folds
    weight = row_weights(table, target, recipe.balance)[:, None]
    inputs = scaler(table.features)
    training.fit(
        model,
        inputs,
        target[table.owner],
        weights=np.where(judged, 0, weight).astype(np.float32),
        validation=np.where(judged, weight, 0).astype(np.float32),
        schedule=recipe.schedule,
        seed=seed,
        on_check=on_check,
    )
    members = softmax(model.predict(inputs, batch_size=4096, verbose=0).astype(np.float64), axis=2)
    rows = np.einsum("rm,rmc->rc", judged / judged.sum(axis=1, keepdims=True), members)
    seen, answers = _answers(rows, table)
    calibrated = calibration.fit(answers, target[seen])
    unseen = np.full((len(target), len(classes)), np.nan)
    unseen[seen] = calibrated(answers)
    return Trained(model, scaler, tuple(classes.tolist()), calibrated, unseen)


def _answers(rows: Floats, table: Table) -> tuple[Ints, Floats]:
    """Objects with a row of their own light curves, and one answer for each from those rows."""
    own = table.view == 0
    seen, place = np.unique(table.owner[own], return_inverse=True)
    return seen, combine(rows[own], table.epochs[own], place)


def row_weights(table: Table, target: Ints, balance: float) -> Floats:
    """How much every row counts: objects by their class, their rows in equal shares; 1 on average."""
    per_class = np.bincount(target).astype(float) ** -balance
    per_object = per_class[target] / np.maximum(np.bincount(table.owner, minlength=len(target)), 1)
    weight = per_object[table.owner]
    return np.asarray(weight / weight.mean())
