"""Fits all members of a network at once, each on its own share of the objects, and keeps each at its best epoch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow import keras

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: steps of `batch` rows, learning rates falling to zero along a cosine."""

    steps: int
    batch: int = 256
    rate: float = 2e-3
    body_rate: float = 2e-3  # of everything below the last dense layer
    decay: float = 1e-2
    noise: float = 0.0  # standard deviation added to the scaled inputs
    checks: int = 20  # looks at the validation rows, evenly spaced


def fit(
    network: keras.Model,
    inputs: Array,
    targets: npt.NDArray[np.int64],
    *,
    weights: Array,
    validation: Array,
    schedule: Schedule,
    seed: int,
    on_check: Callable[[int, int], None] | None = None,
) -> npt.NDArray[np.float64]:
    """Trains a network in place; returns each member's validation loss at the epoch it was kept at.

    inputs (n, inputs), targets (n,); weights and validation (n, members): how much a row counts in the training and
    in the validation loss of a member (zero: not at all).
    """
    keras.utils.set_random_seed(seed)
    x, y = tf.constant(inputs), tf.constant(targets, tf.int32)
    w, v = tf.constant(weights), tf.constant(validation)
    head = [
        variable for layer in network.layers if layer.name.startswith("head") for variable in layer.trainable_variables
    ]
    body = [v for v in network.trainable_variables if not any(v is h for h in head)]
    groups = [(variables, rate) for variables, rate in ((body, schedule.body_rate), (head, schedule.rate)) if rate > 0]
    optimizers = [_optimizer(variables, rate, schedule) for variables, rate in groups]

    def losses(rows: tf.Tensor, training: bool) -> tf.Tensor:
        batch = tf.gather(x, rows)
        if training and schedule.noise:
            batch += tf.random.normal(tf.shape(batch), stddev=schedule.noise)
        logits = network(batch, training=training)
        label = tf.repeat(tf.gather(y, rows)[:, None], weights.shape[1], axis=1)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits)

    @tf.function(reduce_retracing=True)
    def advance(rows: tf.Tensor) -> None:
        for batch in rows:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(losses(batch, training=True) * tf.gather(w, batch)) / schedule.batch
            gradients = tape.gradient(loss, [variables for variables, _ in groups])
            for optimizer, gradient, (variables, _) in zip(optimizers, gradients, groups, strict=True):
                optimizer.apply_gradients(zip(gradient, variables, strict=True))

    @tf.function(reduce_retracing=True)
    def validation_loss() -> tf.Tensor:
        every = tf.range(tf.shape(x)[0])
        return tf.reduce_sum(losses(every, training=False) * v, axis=0) / tf.maximum(tf.reduce_sum(v, axis=0), 1e-9)

    rng = np.random.default_rng(seed)
    best = np.full(weights.shape[1], np.inf)
    kept = network.get_weights()
    for check in range(schedule.checks):
        steps = schedule.steps // schedule.checks
        advance(tf.constant(_batches(rng, len(inputs), steps, schedule.batch)))
        loss = validation_loss().numpy()
        better = loss < best
        best = np.where(better, loss, best)
        kept = [_take(better, new, old) for new, old in zip(network.get_weights(), kept, strict=True)]
        if on_check:
            on_check((check + 1) * steps, schedule.steps)
    network.set_weights(kept)
    return best


def _optimizer(variables: list[keras.Variable], rate: float, schedule: Schedule) -> keras.optimizers.Optimizer:
    cosine = keras.optimizers.schedules.CosineDecay(rate, schedule.steps)
    optimizer = keras.optimizers.AdamW(cosine, weight_decay=schedule.decay)
    optimizer.build(variables)
    return optimizer


def _batches(rng: np.random.Generator, rows: int, steps: int, batch: int) -> npt.NDArray[np.int32]:
    """Whole passes over the rows, each in a new order."""
    passes = -(-steps * batch // rows)
    order = np.concatenate([rng.permutation(rows) for _ in range(passes)])
    return order[: steps * batch].reshape(steps, batch).astype(np.int32)


def _take(members: npt.NDArray[np.bool_], new: Array, old: Array) -> Array:
    """The new weights of these members, the old ones of the others; member is the leading part of the first axis."""
    count = len(members)
    choice = members.reshape(count, *[1] * new.ndim)
    shape = (count, new.shape[0] // count, *new.shape[1:])
    return np.where(choice, new.reshape(shape), old.reshape(shape)).reshape(new.shape)
