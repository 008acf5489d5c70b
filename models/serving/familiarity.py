"""How unlike the training objects an object is, whatever the network makes of it: a distance, and Residual's share."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PRIOR = 100.0  # objects' worth of belief that scaled inputs have unit variances: few objects do not show how all vary
FAMILIAR_SHARE = 0.999  # of the training rows lie within the limit
STEEPNESS = 3.0  # of the share's rise around the limit; at half of it an object has lost a ninth of what it can lose
MOST = 0.5  # of the probability can go to Residual by distance alone: the network's own answer still decides


@dataclass(frozen=True)
class Familiarity:
    """Squared Mahalanobis distance of scaled inputs from the middle of all training rows (Mahalanobis 1936)."""

    center: Floats  # (inputs,)
    precision: Floats  # (inputs, inputs)
    limit: float  # squared distance

    def distance(self, inputs: npt.NDArray[np.float32]) -> Floats:
        """Squared distance (n,) of scaled inputs (n, inputs)."""
        away = inputs.astype(np.float64) - self.center
        return np.asarray(((away @ self.precision) * away).sum(axis=1))

    def __call__(self, probabilities: Floats, inputs: npt.NDArray[np.float32]) -> Floats:
        """Probabilities (n, classes + 1), Residual last, with the share of what is unfamiliar moved to Residual."""
        ratio = (self.distance(inputs) / self.limit) ** STEEPNESS
        share = MOST * ratio / (1 + ratio)
        moved = probabilities * (1 - share)[:, None]
        moved[:, -1] += share
        return moved


def fit(inputs: npt.NDArray[np.float32], weights: Floats, objects: int) -> Familiarity:
    """From training rows (n, inputs) of so many objects, that count by weights (n,)."""
    share = weights / weights.sum()
    center = share @ inputs
    away = inputs - center
    covariance = objects * (away * share[:, None]).T @ away + PRIOR * np.eye(len(center))
    precision = np.linalg.inv(covariance / (objects + PRIOR))
    found = Familiarity(center, precision, 1.0)
    distance = found.distance(inputs)
    order = np.argsort(distance)
    within = min(int(np.searchsorted(np.cumsum(share[order]), FAMILIAR_SHARE)), len(order) - 1)
    limit = distance[order[within]] * (1 + PRIOR / objects)  # few objects do not show how far out others lie
    return Familiarity(center, precision, float(max(limit, 1.0)))
