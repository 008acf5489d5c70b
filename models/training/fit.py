"""Fits all members of a network at once, each to its own draws of the training rows."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow import keras

from starsieve.models.training.network import HEAD, INPUT_NORM

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]

STEPS_AT_ONCE = 50  # between two reports of progress
# How much each input counts (the scales of the first norm) is learned far faster than the rest, as which numbers tell
# the classes of a survey apart is the first thing to find out.
INPUT_RATE, HEAD_RATE = 4e-2, 2e-3
WEIGHT_DECAY = 1e-2


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: steps of `batch` rows for every member, learning rates falling to zero along a cosine."""

    steps: int
    batch: int = 64
    body_rate: float = 2e-3  # of everything between the inputs' norm and the last dense layer


def fit(
    network: keras.Model,
    inputs: Array,
    targets: npt.NDArray[np.int64],
    *,
    weights: Array,
    schedule: Schedule,
    seed: int,
    on_steps: Callable[[int, int], None] | None = None,
) -> None:
    """Trains a network in place.

    inputs (n, inputs), targets (n,); weights (n, members): how often a member draws a row (zero: never).
    """
    keras.utils.set_random_seed(seed)
    x, y = tf.constant(inputs), tf.constant(targets, tf.int32)
    groups: dict[float, list[keras.Variable]] = defaultdict(list)  # by learning rate
    for layer in network.layers:
        rate = {INPUT_NORM: INPUT_RATE, HEAD: HEAD_RATE}.get(layer.name, schedule.body_rate)
        groups[rate] += layer.trainable_variables
    optimizers = [(_optimizer(variables, rate, schedule.steps), variables) for rate, variables in groups.items()]

    @tf.function(reduce_retracing=True)
    def advance(steps: tf.Tensor) -> None:
        for rows in steps:
            with tf.GradientTape() as tape:
                logits = network(tf.gather(x, rows), training=True)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(y, rows), logits)
                loss = tf.reduce_sum(losses) / schedule.batch
            gradients = tape.gradient(loss, [variables for _, variables in optimizers])
            for gradient, (optimizer, variables) in zip(gradients, optimizers, strict=True):
                optimizer.apply_gradients(zip(gradient, variables, strict=True))

    rng = np.random.default_rng(seed)
    draws = [_draws(rng, member, schedule) for member in weights.T]
    for first in range(0, schedule.steps, STEPS_AT_ONCE):
        steps = [member[first : first + STEPS_AT_ONCE] for member in draws]
        advance(tf.constant(np.stack(steps, axis=1)))
        if on_steps:
            on_steps(min(first + STEPS_AT_ONCE, schedule.steps), schedule.steps)


def _optimizer(variables: list[keras.Variable], rate: float, steps: int) -> keras.optimizers.Optimizer:
    cosine = keras.optimizers.schedules.CosineDecay(rate, steps)
    optimizer = keras.optimizers.AdamW(cosine, weight_decay=WEIGHT_DECAY)
    optimizer.build(variables)
    return optimizer


def _draws(rng: np.random.Generator, weights: Array, schedule: Schedule) -> Rows:
    """Rows (steps, batch) of one member, each as often as it counts: by its expected share, the rest by chance."""
    total = np.cumsum(weights, dtype=np.float64)
    count = schedule.steps * schedule.batch
    even = (np.arange(count) + rng.random()) / count  # systematic sampling: no row is drawn much too often or never
    rows = np.searchsorted(total, even * total[-1], side="right").astype(np.int32)
    return rng.permutation(rows).reshape(schedule.steps, schedule.batch)
