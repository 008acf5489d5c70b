"""Strictly periodic signals as tables over one period."""

from dataclasses import dataclass

import numpy as np

from starsieve.models.synthesis.epochs import Epochs, Floats, Ints

N_PHASES = 512
PHASES: Floats = np.arange(N_PHASES) / N_PHASES


@dataclass(frozen=True)
class Folded:
    """n stars: period (n,) days, shape (n, N_PHASES) magnitudes in equal steps of phase, start (n,) in periods."""

    period: Floats
    shape: Floats
    start: Floats

    def mag(self, epochs: Epochs, shift: Floats | float = 0.0) -> Floats:
        """Magnitudes (n_points,) by linear interpolation; shift: phase added to each point, in periods."""
        index = epochs.index
        position = ((epochs.mjd / self.period[index] + self.start[index] + shift) % 1.0) * N_PHASES
        left: Ints = position.astype(np.int64) % N_PHASES
        share = position - np.floor(position)
        mag: Floats = (1.0 - share) * self.shape[index, left] + share * self.shape[index, (left + 1) % N_PHASES]
        return mag
