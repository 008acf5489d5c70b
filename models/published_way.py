"""The transfer as its authors do it (Kim et al. 2021), except that training objects choose the best epoch."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow import keras

from features import FEATURES
from models import calibration, evaluation, network, splits
from models.ensemble import Source, Trained
from models.scaling import Scaler
from models.tables import Table

Rows = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]  # scaled features (n, 16), classes (n,)

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
    fold = splits.folds(table.label, table.object_id, VALIDATION, seed)
    chooses = (fold == fold.min())[table.owner]  # of a few labels, none may be in fold 0
    scaler = _fit_scaler(table.features[~chooses], source)
    model = network.build(network.PUBLISHED, scaler.inputs, len(classes) + 1, seed)
    if load:
        source.load(model)
    inputs, labels = scaler(table.features), target[table.owner]
    _fit(model, (inputs[~chooses], labels[~chooses]), (inputs[chooses], labels[chooses]), seed)
    untouched = calibration.Calibration(1.0, np.zeros(len(classes)))
    return Trained(model, scaler, None, tuple(classes.tolist()), untouched, np.zeros(len(target), dtype=np.int64))


def _fit(model: keras.Model, training: Rows, validation: Rows, seed: int) -> None:
    """Leaves the model with the weights of its best epoch: that with the highest Matthews correlation of validation.

    A loop of our own, because that of Keras takes longer to start an epoch than these networks take to run it.
    """
    fitted = network.shared_input(model)  # the same weights
    fitted.compile(optimizer=keras.optimizers.SGD(RATE, momentum=MOMENTUM))
    fitted.optimizer.build(fitted.trainable_variables)

    def loss(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))

    @tf.function(reduce_retracing=True)
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            found = loss(y, fitted(x, training=True)[:, 0])
        fitted.optimizer.apply(tape.gradient(found, fitted.trainable_variables))

    callbacks = keras.callbacks.CallbackList(
        [
            keras.callbacks.ReduceLROnPlateau(factor=FACTOR, patience=PATIENCE, min_delta=1e-4, min_lr=MIN_RATE),
            keras.callbacks.EarlyStopping(patience=STOP_PATIENCE),
        ],
        model=fitted,
    )
    callbacks.on_train_begin()
    answer = tf.function(lambda: fitted(validation[0])[:, 0])
    (inputs, labels), truth = training, validation[1]
    rng, best, weights = np.random.default_rng(seed), -np.inf, model.get_weights()
    for epoch in range(EPOCHS):
        rows = rng.permutation(len(inputs))
        for first in range(0, len(rows), BATCH):
            batch = rows[first : first + BATCH]
            step(inputs[batch], labels[batch])
        logits = answer().numpy()
        score = evaluation.matthews(evaluation.confusion(truth, logits.argmax(axis=1), logits.shape[1]))
        if score > best:
            best, weights = score, model.get_weights()
        callbacks.on_epoch_end(epoch, {"val_loss": float(loss(truth, logits))})
        if fitted.stop_training:
            break
    model.set_weights(weights)


def _fit_scaler(features: npt.NDArray[np.float64], source: Source) -> Scaler:
    """Minima, medians and standard deviations of the target set, of the logarithms that the source takes."""
    if source.scaler.minimum is None:
        raise ValueError("the published way starts from the published network")
    logged = ~np.isnan(source.scaler.minimum)
    minimum = np.where(logged, features[:, : len(FEATURES)].min(axis=0), np.nan)
    unscaled = Scaler(tuple(FEATURES), np.zeros(len(FEATURES)), np.ones(len(FEATURES)), NO_CLIP, minimum)
    transformed = unscaled(features).astype(np.float64)
    return Scaler(tuple(FEATURES), np.median(transformed, axis=0), transformed.std(axis=0), NO_CLIP, minimum)
