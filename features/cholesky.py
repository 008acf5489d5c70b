"""Small systems of normal equations, solved in place by Cholesky's factors; float64."""

import math

import numpy as np

from starsieve.features.jit import Floats, kernel


@kernel
def eliminate(normal: Floats, rhs: Floats, smallest_pivot: float) -> None:
    """Turn `normal` (n, n; lower triangle) into its factor L, and `rhs` (n,) into L^-1 rhs.

    Terms with a pivot below `smallest_pivot` are set to zero. The first rows are those of the smaller systems.
    """
    for i in range(rhs.size):
        for j in range(i + 1):
            total = normal[i, j]
            for k in range(j):
                total -= normal[i, k] * normal[j, k]
            if i == j:
                normal[i, i] = math.sqrt(total) if total > smallest_pivot else np.inf
            else:
                normal[i, j] = total / normal[j, j]
        total = rhs[i]
        for k in range(i):
            total -= normal[i, k] * rhs[k]
        rhs[i] = total / normal[i, i]


@kernel
def substitute(factor: Floats, rhs: Floats) -> None:
    """The other half: turn `rhs`, as `eliminate` leaves it, into the solution."""
    for i in range(rhs.size - 1, -1, -1):
        total = rhs[i]
        for k in range(i + 1, rhs.size):
            total -= factor[k, i] * rhs[k]
        rhs[i] = total / factor[i, i]
