"""The transfer as its authors do it (Kim et al. 2021), except that training objects choose the best epoch."""

import numpy as np
import numpy.typing as npt
from tensorflow import keras

from features import FEATURES
from models import calibration, evaluation, network, splits
from models.ensemble import Source, Trained
from models.scaling import Scaler
from models.tables import Table

RATE, MOMENTUM = 0.1, 0.9
PATIENCE, FACTOR = 3, 0.1
STOP_PATIENCE = 15  # epochs without a better validation loss: the rate has long reached its end
MIN_RATE = 1e-5  # the original goes on to 1e-10 and starts again; nothing is gained below this
EPOCHS = 100
BATCH = 256
VALIDATION = 5  # one in so many objects chooses the epoch
NO_CLIP = 1e6


def transfer(table: Table, source: Source, seed: int, *, load: bool = True) -> Trained:
    """Replaces the last layer and the norm behind it and trains everything; from scratch if nothing is to be loaded.

    The source is the published network. The answers have a Residual class that is never chosen.
    """
    classes, target = np.unique(table.label, return_inverse=True)
    chooses = splits.folds(table.label, table.object_id, VALIDATION, seed)[table.owner] == 0
    scaler = _fit_scaler(table.features[~chooses], source)
    model = network.build(network.PUBLISHED, scaler.inputs, len(classes) + 1, seed)
    if load:
        source.load(model)
    inputs, labels = scaler(table.features), target[table.owner]
    fitted = network.shared_input(model)  # the same weights
    fitted.compile(
        optimizer=keras.optimizers.SGD(RATE, momentum=MOMENTUM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    best = _BestEpoch(inputs[chooses], labels[chooses], len(classes))
    plateau = keras.callbacks.ReduceLROnPlateau(factor=FACTOR, patience=PATIENCE, min_delta=1e-4, min_lr=MIN_RATE)
    fitted.fit(
        inputs[~chooses],
        labels[~chooses][:, None],
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=0,
        validation_data=(inputs[chooses], labels[chooses][:, None]),
        validation_batch_size=4096,
        callbacks=[best, plateau, keras.callbacks.EarlyStopping(patience=STOP_PATIENCE)],
    )
    model.set_weights(best.weights)
    untouched = calibration.Calibration(1.0, np.zeros(len(classes)))
    return Trained(model, scaler, None, tuple(classes.tolist()), untouched, np.zeros(len(target), dtype=np.int64))


def _fit_scaler(features: npt.NDArray[np.float64], source: Source) -> Scaler:
    """Minima, medians and standard deviations of the target set, of the logarithms that the source takes."""
    if source.scaler.minimum is None:
        raise ValueError("the published way starts from the published network")
    logged = ~np.isnan(source.scaler.minimum)
    minimum = np.where(logged, features[:, : len(FEATURES)].min(axis=0), np.nan)
    unscaled = Scaler(tuple(FEATURES), np.zeros(len(FEATURES)), np.ones(len(FEATURES)), NO_CLIP, minimum)
    transformed = unscaled(features).astype(np.float64)
    return Scaler(tuple(FEATURES), np.median(transformed, axis=0), transformed.std(axis=0), NO_CLIP, minimum)


class _BestEpoch(keras.callbacks.Callback):  # type: ignore[misc] # keras has no types
    """Keeps the weights of the epoch with the best Matthews correlation on the validation rows."""

    def __init__(self, inputs: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], classes: int) -> None:
        super().__init__()
        self.inputs, self.labels, self.classes = inputs, labels, classes
        self.score = -np.inf
        self.weights: list[npt.NDArray[np.float32]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 (keras calls it so)
        logits = self.model(self.inputs, training=False).numpy()[:, 0]
        score = evaluation.matthews(evaluation.confusion(self.labels, logits.argmax(axis=1), self.classes))
        if score > self.score:
            self.score, self.weights = score, self.model.get_weights()
