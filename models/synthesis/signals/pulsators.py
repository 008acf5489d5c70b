"""Pulsating stars from their catalogued Fourier terms, on any cadence."""

from dataclasses import dataclass

import numpy as np

from starsieve.models.synthesis.catalogue import MAX_MODES, Catalogue
from starsieve.models.synthesis.epochs import Epochs, Floats, Ints

N_HARMONICS = 8
TWO_PI = 2.0 * np.pi
# Higher orders continue the decay from the second to the third; real RRab reach R41/R31 near 0.6.
MAX_DECAY = 0.75
PHASE_GRID = np.arange(128) / 128.0
# Blazhko effect: a third of the RRab (OGLE-III: ~20 % in the LMC, ~30 % in the bulge), modulated by 5 to 50 %.
BLAZHKO_SHARE = 0.3
BLAZHKO_DEPTH = (0.05, 0.5)
BLAZHKO_PERIOD = (15.0, 300.0)


@dataclass(frozen=True)
class Pulsation:
    """Cosine series of n stars: period (n, MAX_MODES), amplitude and phase (n, MAX_MODES, N_HARMONICS)."""

    period: Floats
    amplitude: Floats
    phase: Floats


def pulsation(
    rng: np.random.Generator, catalogue: Catalogue, rows: Ints, shifts: tuple[float, float] = (0.0, 0.0)
) -> Pulsation:
    """Series of these catalogue rows with random epochs of maximum; each mode has its catalogued peak-to-peak.

    shifts: what phi21 and phi31 are more than the catalogue's, radians: see bands.phase_shifts.
    """
    amplitude = np.zeros((len(rows), MAX_MODES, N_HARMONICS))
    phase = np.zeros_like(amplitude)
    amplitude[:, :, 0] = 1.0
    amplitude[:, :, 1], phase[:, :, 1] = catalogue.r21[rows], catalogue.phi21[rows] + shifts[0]
    amplitude[:, :, 2], phase[:, :, 2] = catalogue.r31[rows], catalogue.phi31[rows] + shifts[1]
    _continue_series(amplitude, phase)
    peak_to_peak = np.ptp(evaluate(amplitude[..., None, :], phase[..., None, :], PHASE_GRID), axis=-1)
    amplitude *= (catalogue.amplitude[rows] / peak_to_peak)[..., None]
    start = rng.uniform(0.0, TWO_PI, (len(rows), MAX_MODES, 1))
    phase += start * np.arange(1, N_HARMONICS + 1)
    period = np.where(catalogue.amplitude[rows] > 0.0, catalogue.period[rows], 1.0)
    return Pulsation(period, amplitude, phase)


def evaluate(amplitude: Floats, phase: Floats, x: Floats) -> Floats:
    """Sum over the last axis of amplitude_k cos(2 pi k x + phase_k), k from 1, broadcast over the others."""
    total = np.zeros(np.broadcast_shapes(amplitude.shape[:-1], x.shape))
    for k in range(amplitude.shape[-1]):
        total += amplitude[..., k] * np.cos(TWO_PI * (k + 1) * x + phase[..., k])
    return total


def pulsator_mag(star: Pulsation, mjd: Floats, index: Ints) -> Floats:
    """Deviation from the mean magnitude (n_points,) at times mjd of stars index (n_points,)."""
    total = np.zeros(len(mjd))
    for mode in range(star.period.shape[1]):
        if star.amplitude[:, mode].any():
            x = mjd / star.period[index, mode]
            total += evaluate(star.amplitude[index, mode], star.phase[index, mode], x)
    return total


def blazhko_swing(rng: np.random.Generator, epochs: Epochs) -> Floats:
    """Factors (n_points,) of the amplitude of RRab stars, some of which are modulated."""
    n, index = len(epochs), epochs.index
    depth = rng.uniform(*BLAZHKO_DEPTH, n) * (rng.random(n) < BLAZHKO_SHARE)
    period = np.exp(rng.uniform(np.log(BLAZHKO_PERIOD[0]), np.log(BLAZHKO_PERIOD[1]), n))
    swing: Floats = 1.0 + depth[index] * np.cos(TWO_PI * (epochs.mjd / period[index] + rng.random(n)[index]))
    return swing


def _continue_series(amplitude: Floats, phase: Floats) -> None:
    """Continue harmonics beyond the third as geometric in amplitude and linear in phase.

    OGLE lists three harmonics; a saw-tooth cut there rings. Phases of real RRab and Cepheids advance by nearly the
    same step from one harmonic to the next.
    """
    r21, r31 = amplitude[..., 1], amplitude[..., 2]
    decay = np.divide(r31, r21, out=np.zeros_like(r31), where=r21 > 0.0)
    decay = np.where(decay < 1.0, np.minimum(decay, MAX_DECAY), 0.0)
    step = (phase[..., 2] - phase[..., 1]) % TWO_PI
    for k in range(3, N_HARMONICS):
        amplitude[..., k] = amplitude[..., k - 1] * decay
        phase[..., k] = phase[..., k - 1] + step
