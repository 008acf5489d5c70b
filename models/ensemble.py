"""One classifier from labelled features: members trained on different folds, calibrated on what each did not see."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
import numpy.typing as npt

from models import calibration, network, scaling, serving, splits, training
from models.network import Architecture
from models.scaling import Scaler
from models.tables import Table

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """What a transfer starts from: a scaler and how to put trained weights below a fresh last layer."""

    name: str
    scaler: Scaler
    architecture: Architecture
    start: Callable[[keras.Model], None]


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained; see docs/science.md for what was tried."""

    architecture: Architecture
    schedule: training.Schedule
    folds: int = 5  # every object is kept from the members of one fold, which judge it
    balance: float = 0.5  # a class of n objects counts n^(1 - balance) in the loss


@dataclass(frozen=True)
class Trained:
    """A network, what it takes and gives, and its answers about the training objects from members that had not seen them."""

    network: keras.Model  # scaled features to logits (n, members, classes)
    scaler: Scaler
    classes: tuple[str, ...]
    calibration: calibration.Calibration
    unseen: Floats  # (n objects, classes) NaN for an object without a row
    loss: float  # mean over members of the validation loss


def train(
    table: Table,
    recipe: Recipe,
    source: Source | None,
    seed: int,
    on_check: Callable[[int, float], None] = lambda step, loss: None,
) -> Trained:
    """Trains on every object of a table, whose labels are the classes."""
    classes = tuple(np.unique(table.label).tolist())
    target = np.searchsorted(np.array(classes), table.label)
    fold = splits.folds(table.label, recipe.folds, seed, table.object_id)
    scaler = source.scaler if source else scaling.fit(table.features, _columns())
    architecture = source.architecture if source else recipe.architecture
    members = architecture.members
    judged = fold[table.owner][:, None] == np.arange(members)[None] % recipe.folds
    weight = _row_weights(table, target, len(classes), recipe.balance)[:, None]
    model = network.build(architecture, scaler.inputs, len(classes), seed)
    if source:
        source.start(model)
    inputs = scaler(table.features)
    loss = training.fit(
        model, inputs, target[table.owner], (weight * ~judged).astype(np.float32), (weight * judged).astype(np.float32), recipe.schedule, seed, on_check
    )
    logits = model.predict(inputs, batch_size=4096, verbose=0).astype(np.float64)
    calibrated = calibration.fit(logits, judged, table, target, )
    return Trained(model, scaler, classes, calibrated, unseen, float(loss.mean()))
