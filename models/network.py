"""The networks: the published one, and an ensemble of small ones side by side in one graph (needs TensorFlow)."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow import keras


@dataclass(frozen=True)
class Architecture:
    """Sizes of a network of `members` independent columns that see the same input; the answer is their mean.

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
    """A network from scaled features (n, inputs) to logits (n, members, classes)."""
    keras.utils.set_random_seed(seed)
    members = architecture.members
    scaled = keras.Input((inputs,))
    x = keras.layers.RepeatVector(members)(scaled)
    x = _norm(x, "norm_0", architecture.input_epsilon)
    for number, units in enumerate(architecture.hidden, 1):
        x = MemberDense(units, name=f"dense_{number}")(x)
        x = keras.layers.ReLU()(x)
        x = _norm(x, f"norm_{number}")
        x = keras.layers.Dropout(architecture.dropout)(x)
    logits = MemberDense(classes, name="head")(x)
    if architecture.norm_logits:
        logits = _norm(logits, "head_norm")
    return keras.Model(scaled, logits)


def _norm(x: Any, name: str, epsilon: float = 1e-5) -> Any:
    _, members, units = x.shape
    flat = keras.layers.Reshape((members * units,))(x)
    flat = keras.layers.BatchNormalization(epsilon=epsilon, momentum=0.9, name=name)(flat)
    return keras.layers.Reshape((members, units))(flat)
