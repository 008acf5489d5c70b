"""A member's layers are Keras's own, side by side: the same outputs, moments and gradients."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

from starsieve.models.training import network
from starsieve.models.training.network import EPSILON, MOMENTUM, Architecture, MemberNorm

MEMBERS, BATCH, UNITS = 3, 40, 5


def batch(seed: int) -> tf.Tensor:
    rng = np.random.default_rng(seed)
    return tf.constant(rng.normal(rng.normal(size=(MEMBERS, 1, UNITS)), 2, (MEMBERS, BATCH, UNITS)), tf.float32)


def plain_norm(number: int, layer: MemberNorm) -> keras.layers.BatchNormalization:
    """Keras's norm with the weights of one member."""
    plain = keras.layers.BatchNormalization(epsilon=EPSILON, momentum=MOMENTUM)
    plain.build((None, UNITS))
    plain.set_weights([weights[number] for weights in layer.get_weights()])
    return plain


def test_a_norm_is_that_of_keras_for_every_member() -> None:
    x, upstream = batch(1), batch(2)
    layer = MemberNorm(EPSILON)
    layer.build(x.shape)
    rng = np.random.default_rng(3)
    layer.set_weights([rng.uniform(0.5, 2, (MEMBERS, UNITS)) for _ in range(4)])
    plain = [plain_norm(number, layer) for number in range(MEMBERS)]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    along_x, along_gamma, along_beta = tape.gradient(y, [x, layer.gamma.value, layer.beta.value], upstream)
    for number, expected in enumerate(plain):
        with tf.GradientTape() as tape:
            one = x[number]
            tape.watch(one)
            answer = expected(one, training=True)
        found = tape.gradient(answer, [one, expected.gamma.value, expected.beta.value], upstream[number])
        np.testing.assert_allclose(y[number], answer, atol=1e-5)
        for ours, theirs in zip((along_x, along_gamma, along_beta), found, strict=True):
            np.testing.assert_allclose(ours[number], theirs, atol=1e-4)
        np.testing.assert_allclose(layer.mean[number], expected.moving_mean, atol=1e-5)
        np.testing.assert_allclose(layer.variance[number], expected.moving_variance, atol=1e-5)
        np.testing.assert_allclose(layer(x, training=False)[number], expected(one, training=False), atol=1e-5)


def test_members_know_nothing_of_each_other() -> None:
    alone = [network.build(Architecture((8, 4)), UNITS, 2, seed) for seed in range(MEMBERS)]
    together = network.build(Architecture((8, 4), members=MEMBERS), UNITS, 2, seed=9)
    together.set_weights(network.join(alone))
    x = batch(4)
    for number, one in enumerate(alone):
        np.testing.assert_allclose(together(x)[number], one(x[number : number + 1])[0], atol=1e-5)
        for ours, theirs in zip(network.split(together.get_weights(), MEMBERS)[number], one.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
