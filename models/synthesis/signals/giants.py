"""Long-period variables: Miras, semi-regulars and small-amplitude giants, with clocks that wander."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from starsieve.models.synthesis.catalogue import Catalogue
from starsieve.models.synthesis.epochs import Epochs, Floats, Ints
from starsieve.models.synthesis.signals.stochastic import TWO_PI, random_walk

Complexes = NDArray[np.complex128]
MAX_LONG_PERIOD = 3000.0  # days: longer "modes" are trends of the catalogue's eight years


@dataclass(frozen=True)
class Habit:
    """How regular a kind of giant is.

    coherent: share of the variance that keeps its phase for ever; cycles: periods over which the rest loses it;
    drift: of the mean, in peak-to-peak amplitudes; harmonic: largest relative amplitude of a second harmonic.
    """

    coherent: float
    cycles: float
    drift: float
    harmonic: float


HABITS = {
    "LPV_Mira": Habit(coherent=0.94, cycles=4.0, drift=0.08, harmonic=0.3),
    "LPV_SRV": Habit(coherent=0.75, cycles=4.0, drift=0.15, harmonic=0.1),
    "LPV_OSARG": Habit(coherent=0.7, cycles=6.0, drift=0.15, harmonic=0.0),
}


def catalogued_giant_mag(
    rng: np.random.Generator, label: str, catalogue: Catalogue, rows: Ints, epochs: Epochs
) -> Floats:
    """Deviations (n_points,) from all catalogued modes of these rows; label is one of HABITS."""
    amplitude = np.minimum(catalogue.amplitude[rows], catalogue.amplitude[rows, :1])  # A_2 reaches 42 mag: failed fits
    period = catalogue.period[rows]
    absent = ~(period < MAX_LONG_PERIOD)
    return giant_mag(rng, HABITS[label], np.where(absent, 100.0, period), np.where(absent, 0.0, amplitude), epochs)


def giant_mag(rng: np.random.Generator, habit: Habit, period: Floats, amplitude: Floats, epochs: Epochs) -> Floats:
    """Deviations (n_points,) of modes with these periods (n, modes), days, and peak-to-peak amplitudes (n, modes)."""
    n, index = len(epochs), epochs.index
    total = np.zeros(len(epochs.mjd))
    for mode in range(period.shape[1]):
        wave = _wandering_wave(rng, habit, period[:, mode], epochs)
        if mode == 0:
            wave += _harmonic(rng, n, habit.harmonic)[index] * wave**2
        total += amplitude[index, mode] / 2.0 * wave.real
    drift = habit.drift * amplitude[:, 0] * rng.standard_exponential(n)
    return total + drift[index] * random_walk(rng, epochs, rng.uniform(300.0, 2000.0, n))


def _wandering_wave(rng: np.random.Generator, habit: Habit, period: Floats, epochs: Epochs) -> Complexes:
    """exp(2 pi i t / P) times a complex envelope of mean square 1."""
    tau = habit.cycles * period
    lost = np.sqrt((1.0 - habit.coherent) / 2.0)
    wander: Complexes = random_walk(rng, epochs, tau) + 1j * random_walk(rng, epochs, tau)
    start = rng.uniform(0.0, TWO_PI, len(period))
    clock: Complexes = np.exp(1j * (TWO_PI * epochs.mjd / period[epochs.index] + start[epochs.index]))
    clock *= np.sqrt(habit.coherent) + lost * wander
    return clock


def _harmonic(rng: np.random.Generator, n: int, strongest: float) -> Complexes:
    """Relative amplitude and phase of the second harmonic: most giants rise faster than they fall."""
    phase: Complexes = np.exp(1j * rng.normal(1.5 * np.pi, 0.8, n))
    return rng.uniform(0.0, strongest, n) * phase
