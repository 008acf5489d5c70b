"""The networks: the published one, and an ensemble of small ones side by side in one graph (needs TensorFlow)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow import keras

Array = npt.NDArray[np.float32]


INPUT_NORM = "norm_0"
HEAD = "head"  # names of the layers that a transfer replaces start with this
CHUNK = 4096  # rows at once, for memory
EPSILON, MOMENTUM = 1e-5, 0.9  # of the norms; the momentum in Keras's terms


@dataclass(frozen=True)
class Architecture:
    """Sizes of a network of `members` independent columns; the answer is their mean.

    Each column is norm - (dense - ReLU - norm - dropout) for every hidden size - dense, with batch norms.
    """

    hidden: tuple[int, ...]
    members: int = 1
    dropout: float = 0.0
    input_epsilon: float = EPSILON
    norm_logits: bool = False


# The input epsilon is a slip of the original (an argument in the wrong place) that its weights depend on.
UPSILONT = Architecture(hidden=(64, 128, 256), input_epsilon=64.0, norm_logits=True)


class MemberDense(keras.layers.Layer):  # type: ignore[misc] # keras has no types
    """A dense layer for each member: (members, batch, in) -> (members, batch, units)."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units

    def build(self, shape: tuple[int, int | None, int]) -> None:
        """Kernels start as the original's do, drawn for each member on its own."""
        members, _, inputs = shape
        limit = (1.0 / inputs) ** 0.5
        self.kernel = self.add_weight(
            shape=(members, inputs, self.units), initializer=keras.initializers.RandomUniform(-limit, limit)
        )
        self.bias = self.add_weight(shape=(members, self.units), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """One matrix product for each member."""
        return tf.matmul(x, self.kernel) + self.bias[:, None]


class MemberNorm(keras.layers.Layer):  # type: ignore[misc]
    """Batch normalisation (Ioffe & Szegedy 2015) of each member's units: (members, batch, units).

    Keras's own normalises one axis only, and turning members into it and back costs as much as the products.
    """

    def __init__(self, epsilon: float, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    def build(self, shape: tuple[int, int | None, int]) -> None:
        """Starts by leaving inputs of zero mean and unit variance as they are."""
        members, _, units = shape
        size = (members, units)
        self.gamma = self.add_weight(shape=size, initializer="ones")
        self.beta = self.add_weight(shape=size, initializer="zeros")
        self.mean = self.add_weight(shape=size, initializer="zeros", trainable=False)
        self.variance = self.add_weight(shape=size, initializer="ones", trainable=False)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """By the moments of the batch in training, which the running ones follow; by the running ones otherwise."""
        if not training:
            scale = self.gamma * tf.math.rsqrt(self.variance + self.epsilon)
            return x * scale[:, None] + (self.beta - self.mean * scale)[:, None]
        normed, mean, variance = _normed(x, self.epsilon)
        for running, found in ((self.mean, mean), (self.variance, variance)):
            running.assign(MOMENTUM * running + (1 - MOMENTUM) * found[:, 0])
        return normed * self.gamma[:, None] + self.beta[:, None]


def _normed(x: tf.Tensor, epsilon: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The normed batch and its moments. The gradient is written out: the one found by itself takes twice as long."""

    @tf.custom_gradient
    def norm(x: tf.Tensor) -> Any:
        mean = tf.reduce_mean(x, axis=1, keepdims=True)
        away = x - mean
        variance = tf.reduce_mean(away * away, axis=1, keepdims=True)
        narrow = tf.math.rsqrt(variance + epsilon)
        normed = away * narrow

        def gradient(upstream: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
            along = tf.reduce_mean(upstream * normed, axis=1, keepdims=True)
            return (upstream - tf.reduce_mean(upstream, axis=1, keepdims=True) - normed * along) * narrow

        return (normed, mean, variance), gradient

    return norm(x)  # type: ignore[no-any-return]


def build(architecture: Architecture, inputs: int, classes: int, seed: int) -> keras.Model:
    """A network from scaled features (members, n, inputs), each member's own, to logits (members, n, classes)."""
    keras.utils.set_random_seed(seed)
    scaled = keras.Input(batch_shape=(architecture.members, None, inputs))
    x = MemberNorm(architecture.input_epsilon, name=INPUT_NORM)(scaled)
    for number, units in enumerate(architecture.hidden, 1):
        x = MemberDense(units, name=f"dense_{number}")(x)
        x = keras.layers.ReLU()(x)
        x = MemberNorm(EPSILON, name=f"norm_{number}")(x)
        x = keras.layers.Dropout(architecture.dropout)(x)
    logits = MemberDense(classes, name=HEAD)(x)
    if architecture.norm_logits:
        logits = MemberNorm(EPSILON, name=f"{HEAD}_norm")(logits)
    return keras.Model(scaled, logits)


def shared_input(network: keras.Model) -> keras.Model:
    """The same network from one input (n, inputs) that all members see to logits (n, members, classes)."""
    members, _, inputs = network.input_shape
    scaled = keras.Input((inputs,))
    seen_by_all = keras.ops.repeat(keras.ops.expand_dims(scaled, 0), members, axis=0)
    return keras.Model(scaled, keras.ops.transpose(network(seen_by_all), (1, 0, 2)))


def logits(network: keras.Model, inputs: Array) -> Array:
    """What every member says, (n, members, classes), of scaled features (n, inputs)."""
    asked = shared_input(network)
    return np.concatenate([asked(inputs[first : first + CHUNK]).numpy() for first in range(0, len(inputs), CHUNK)])


def join(networks: Sequence[keras.Model]) -> list[Array]:
    """Weights of one network that has the members of several, of the same sizes, side by side."""
    return [np.concatenate(weights) for weights in zip(*(one.get_weights() for one in networks), strict=True)]


def split(weights: Sequence[Array], count: int) -> list[list[Array]]:
    """The weights of `count` networks that were joined; members are the leading part of every first axis."""
    return [list(part) for part in zip(*(np.split(array, count) for array in weights), strict=True)]
