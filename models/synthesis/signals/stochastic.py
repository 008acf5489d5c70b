"""Variability without a clock, or with a poor one: quasars, spotted stars, blue variables."""

import numpy as np

from starsieve.features.jit import plain
from starsieve.models.synthesis.catalogue import Catalogue
from starsieve.models.synthesis.epochs import Epochs, Floats, Ints

TWO_PI = 2.0 * np.pi
SLOW_ROTATOR_SHARE = 0.4
SPOT_AMPLITUDE = (0.02, 0.5)  # mag
N_BURSTS = 3
BURST_SHARE = 0.6


@plain
def damped_walk(mjd: Floats, index: Ints, tau: Floats, normal: Floats) -> Floats:
    """Unit-variance damped random walks (n_points,) of objects index, damping time tau (n,) days.

    Exact for any sampling: x_i = a x_{i-1} + sqrt(1 - a^2) e_i, a = exp(-dt / tau); normal: standard deviates
    (n_points,). mjd ascends within an object (Kelly et al. 2009, ApJ 698, 895).
    """
    walk = np.empty(len(mjd))
    for i in range(len(mjd)):
        if i == 0 or index[i] != index[i - 1]:
            walk[i] = normal[i]
        else:
            memory = np.exp(-(mjd[i] - mjd[i - 1]) / tau[index[i]])
            walk[i] = memory * walk[i - 1] + np.sqrt(1.0 - memory * memory) * normal[i]
    return walk


def random_walk(rng: np.random.Generator, epochs: Epochs, tau: Floats) -> Floats:
    """damped_walk with its own deviates."""
    return damped_walk(epochs.mjd, epochs.index, tau, rng.standard_normal(len(epochs.mjd)))


def quasar_mag(rng: np.random.Generator, catalogue: Catalogue, rows: Ints, epochs: Epochs) -> Floats:
    """Damped random walks with (sigma, tau) of these measured quasars (n,)."""
    return catalogue.quasar_sigma[rows][epochs.index] * random_walk(rng, epochs, catalogue.quasar_tau[rows])


def rotation_period(rng: np.random.Generator, n: int) -> Floats:
    """Days: young and tidally locked stars near 1 d, spotted giants near 25 d."""
    slow = rng.random(n) < SLOW_ROTATOR_SHARE
    logarithm = np.where(slow, rng.normal(np.log(25.0), 0.8, n), rng.normal(np.log(1.2), 1.0, n))
    return np.exp(logarithm).clip(0.2, 150.0)


def rotation_mag(rng: np.random.Generator, period: Floats, epochs: Epochs) -> Floats:
    """Two spot groups foreshortened by rotation that grow, decay and migrate, and an activity cycle."""
    n, index = len(epochs), epochs.index
    amplitude = np.exp(rng.normal(np.log(0.09), 0.6, n)).clip(*SPOT_AMPLITUDE)
    tilt = rng.uniform(0.3, 1.0, n)  # sine of the inclination
    lifetime = np.maximum(np.exp(rng.normal(np.log(700.0), 0.8, n)), 3.0 * period)
    total = np.zeros(len(epochs.mjd))
    for share in (np.ones(n), rng.uniform(0.1, 0.9, n)):
        longitude = rng.random(n)[index] + 0.04 * random_walk(rng, epochs, lifetime)
        growth = np.exp(0.3 * random_walk(rng, epochs, lifetime))
        latitude = rng.uniform(0.0, 0.6, n)[index]
        facing = tilt[index] * np.cos(TWO_PI * (epochs.mjd / period[index] - longitude)) + latitude
        total += (share * amplitude)[index] * growth * np.maximum(facing, 0.0)
    cycle = 0.25 * amplitude * rng.standard_exponential(n)
    return total + cycle[index] * random_walk(rng, epochs, rng.uniform(600.0, 3000.0, n))


def blue_variable_mag(rng: np.random.Generator, epochs: Epochs) -> Floats:
    """Be stars: slow wandering, outbursts with fast rise and slow decay, weak pulsation (Mennickent et al. 2002)."""
    n, mjd, index = len(epochs), epochs.mjd, epochs.index
    strength = np.exp(rng.normal(np.log(0.1), 0.7, n))
    total = strength[index] * random_walk(rng, epochs, np.exp(rng.uniform(np.log(50.0), np.log(1500.0), n)))
    for _ in range(N_BURSTS):
        since = mjd - (mjd.min() + np.ptp(mjd) * rng.random(n))[index]
        rise, decay = rng.uniform(3.0, 30.0, n)[index], rng.uniform(30.0, 400.0, n)[index]
        height = 1.5 * strength * rng.standard_exponential(n) * (rng.random(n) < BURST_SHARE)
        total -= height[index] * np.exp(np.where(since < 0.0, since / rise, -since / decay))
    pulse = 0.01 * rng.standard_exponential(n)
    return total + pulse[index] * np.cos(TWO_PI * mjd / rng.uniform(0.3, 2.0, n)[index])
