"""From the networks' mean answer to probabilities that mean what they say: vector scaling (Guo et al. 2017)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SMALLEST = 1e-12  # probability, before a logarithm
STIFFNESS = 100.0  # objects' worth of pull of every shift to zero: few labels set the sharpness, and no more


@dataclass(frozen=True)
class Calibration:
    """p' ~ exp(sharpness log p + shift) among the known classes; what Residual has got, it keeps."""

    sharpness: float
    shift: Floats  # (classes,)

    def __call__(self, probabilities: Floats) -> Floats:
        """Calibrated probabilities (n, classes + 1), Residual last, rows summing to 1."""
        residual = probabilities[:, -1:] / probabilities.sum(axis=1, keepdims=True)
        logits = self.sharpness * np.log(np.maximum(probabilities[:, :-1], SMALLEST)) + self.shift
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.concatenate([odds / odds.sum(axis=1, keepdims=True) * (1 - residual), residual], axis=1)


def fit(probabilities: Floats, truth: Ints, weight: Floats | None = None) -> Calibration:
    """Maximum likelihood on objects that the network was not trained on, in their natural mix or by weight.

    probabilities (n, classes + 1), Residual last; truth (n,); weight (n,): how much an object counts.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - fitting is training, and serving does without SciPy
    from scipy.special import log_softmax  # noqa: PLC0415

    logs = np.log(np.maximum(probabilities[:, :-1], SMALLEST))
    n, classes = logs.shape
    hot = np.eye(classes)[truth]
    share = np.ones(n) if weight is None else weight * n / weight.sum()

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logits = parameters[0] * logs + parameters[1:]
        answer = log_softmax(logits, axis=1)
        excess = (np.exp(answer) - hot) * share[:, None]
        value = -(share * answer[np.arange(n), truth]).sum() + STIFFNESS * (parameters[1:] ** 2).sum() / 2
        gradient = np.concatenate([[(excess * logs).sum()], excess.sum(axis=0) + STIFFNESS * parameters[1:]])
        return value, gradient

    start = np.concatenate([[1.0], np.zeros(classes)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.2, 5.0), *[(-5.0, 5.0)] * classes]).x
    return Calibration(float(found[0]), np.asarray(found[1:]))
