"""The networks: the published one, and an ensemble of small ones side by side in one graph (needs TensorFlow)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow import keras

Array = npt.NDArray[np.float32]


CHUNK = 4096  # rows at once, for memory


@dataclass(frozen=True)
class Architecture:
    """Sizes of a network of `members` independent columns; the answer is their mean.

    Each column is norm - (dense - ReLU - norm - dropout) for every hidden size - dense, with batch norms.
    """

    hidden: tuple[int, ...]
    members: int = 1
    dropout: float = 0.0
    input_epsilon: float = 1e-5
    norm_logits: bool = False


# The input epsilon is a slip of the original (an argument in the wrong place) that its weights depend on.
PUBLISHED = Architecture(hidden=(64, 128, 256), input_epsilon=64.0, norm_logits=True)


class MemberDense(keras.layers.Layer):  # type: ignore[misc] # keras has no types
    """A dense layer for each member: (batch, members, in) -> (batch, members, units)."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units

    def build(self, shape: tuple[int | None, int, int]) -> None:
        """Kernels start as the original's do, drawn for each member on its own."""
        _, members, inputs = shape
        limit = (1.0 / inputs) ** 0.5
        self.kernel = self.add_weight(
            shape=(members, inputs, self.units), initializer=keras.initializers.RandomUniform(-limit, limit)
        )
        self.bias = self.add_weight(shape=(members, self.units), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """One matrix product for each member."""
        return tf.einsum("bki,kio->bko", x, self.kernel) + self.bias


def build(architecture: Architecture, inputs: int, classes: int, seed: int) -> keras.Model:
    """A network from scaled features (n, members, inputs), each member's own, to logits (n, members, classes)."""
    keras.utils.set_random_seed(seed)
    scaled = keras.Input((architecture.members, inputs))
    x = _norm(scaled, "norm_0", architecture.input_epsilon)
    for number, units in enumerate(architecture.hidden, 1):
        x = MemberDense(units, name=f"dense_{number}")(x)
        x = keras.layers.ReLU()(x)
        x = _norm(x, f"norm_{number}")
        x = keras.layers.Dropout(architecture.dropout)(x)
    logits = MemberDense(classes, name="head")(x)
    if architecture.norm_logits:
        logits = _norm(logits, "head_norm")
    return keras.Model(scaled, logits)


def shared_input(network: keras.Model) -> keras.Model:
    """The same network with one input (n, inputs) that all members see."""
    _, members, inputs = network.input_shape
    scaled = keras.Input((inputs,))
    return keras.Model(scaled, network(keras.layers.RepeatVector(members)(scaled)))


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


def _norm(x: Any, name: str, epsilon: float = 1e-5) -> Any:
    _, members, units = x.shape
    flat = keras.layers.Reshape((members * units,))(x)
    flat = keras.layers.BatchNormalization(epsilon=epsilon, momentum=0.9, name=name)(flat)
    return keras.layers.Reshape((members, units))(flat)
