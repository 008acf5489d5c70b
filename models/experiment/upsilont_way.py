"""The transfer as its authors do it (Kim et al. 2021), except that training objects choose the best epoch."""

from enum import Enum

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import softmax
from tensorflow import keras

from starsieve.features import FEATURES
from starsieve.models.data import splits
from starsieve.models.data.tables import Table
from starsieve.models.judging import evaluation
from starsieve.models.serving.classifier import combine
from starsieve.models.serving.scaling import NO_CLIP, Scaler
from starsieve.models.training import network
from starsieve.models.training.ensemble import Source
from starsieve.models.training.network import HEAD

Floats = npt.NDArray[np.float64]
Rows = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]  # scaled features (n, 16), classes (n,)

RATE, MOMENTUM = 0.1, 0.9
PATIENCE, FACTOR = 3, 0.1
STOP_PATIENCE = 15  # epochs without a better validation loss: the rate has long reached its end
MIN_RATE = 1e-5  # the original goes on to 1e-10 and starts again; nothing is gained below this
EPOCHS = 100
BATCH = 256
VALIDATION = 5  # one in so many objects chooses the epoch


class Trains(Enum):
    """Which layers a transfer trains."""

    EVERYTHING = "everything"
    LAST = "last"  # the fresh last layer and the norm behind it
    FROM_SCRATCH = "from scratch"  # everything, and nothing is loaded


def answers(table: Table, judged: Table, source: Source, seed: int, trains: Trains) -> Floats:
    """Answers (n, classes + 1) about objects, by the published network `source` transferred to those of a table.

    The last layer and the norm behind it are replaced. There is no Residual: the last column is 0.
    """
    classes, target = np.unique(table.label, return_inverse=True)
    fold = splits.folds(table.label, table.object_id, VALIDATION, seed)
    chooses = (fold == fold.min())[table.owner]  # of a few labels, none may be in fold 0
    scaler = _fit_scaler(table.features[~chooses], source)
    model = network.build(network.UPSILONT, scaler.inputs, len(classes), seed)
    if trains is not Trains.FROM_SCRATCH:
        source.load(model)
    inputs, labels = scaler(table.features), target[table.owner]
    for layer in model.layers:
        layer.trainable = trains is not Trains.LAST or layer.name.startswith(HEAD)
    _fit(model, (inputs[~chooses], labels[~chooses]), (inputs[chooses], labels[chooses]), seed)
    own = judged.own()
    rows = softmax(network.logits(model, scaler(own.features))[:, 0].astype(np.float64), axis=1)
    return combine(np.pad(rows, ((0, 0), (0, 1))), own.epochs, own.owner)


def _fit(model: keras.Model, training: Rows, validation: Rows, seed: int) -> None:
    """Leaves the model with the weights of its best epoch: that with the highest Matthews correlation of validation.

    Where that is the same, the smaller loss decides: of one object the correlation is always 0.
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
    rng, best, weights = np.random.default_rng(seed), (-np.inf, -np.inf), model.get_weights()
    for epoch in range(EPOCHS):
        rows = rng.permutation(len(inputs))
        for first in range(0, len(rows), BATCH):
            batch = rows[first : first + BATCH]
            step(inputs[batch], labels[batch])
        logits = answer().numpy()
        correlation = evaluation.matthews(evaluation.confusion(truth, logits.argmax(axis=1), logits.shape[1]))
        val_loss = float(loss(truth, logits))
        if (correlation, -val_loss) > best:
            best, weights = (correlation, -val_loss), model.get_weights()
        callbacks.on_epoch_end(epoch, {"val_loss": val_loss})
        if fitted.stop_training:
            break
    model.set_weights(weights)


def _fit_scaler(features: npt.NDArray[np.float64], source: Source) -> Scaler:
    """Minima, medians and standard deviations of the target set, of the logarithms that the source takes."""
    if source.scaler.minimum is None:
        raise ValueError("the way of UPSILoN-T starts from its network")
    logged = ~np.isnan(source.scaler.minimum)
    minimum = np.where(logged, features[:, : len(FEATURES)].min(axis=0), np.nan)
    unscaled = Scaler(tuple(FEATURES), np.zeros(len(FEATURES)), np.ones(len(FEATURES)), NO_CLIP, minimum)
    transformed = unscaled(features).astype(np.float64)
    width = transformed.std(axis=0)
    width[width == 0] = 1.0  # a single object: the original divides by zero
    return Scaler(tuple(FEATURES), np.median(transformed, axis=0), width, NO_CLIP, minimum)
