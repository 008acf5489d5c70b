"""Which epochs of an object its period is searched in: a function of the light curve alone, and seldom another one.

A search takes the epochs up to the last rung of a ladder; what is found is then measured with all epochs (`analyse`).
Rungs are passed when the number of epochs grows by 2 %, and when the baseline outgrows its grid. Of a light curve
with more epochs than MOST_EPOCHS only the newest count.
"""

import numpy as np

from starsieve.features.jit import Floats, Integers, kernel
from starsieve.features.periods.grid import span_of

RUNGS = 50  # a step of the ladder is this part of the epochs, at least one: below 100 every epoch is a rung
# Of one light curve at most the newest MOST_EPOCHS count. Where they begin moves in steps: epochs that leave make the
# search start from nothing.
MOST_EPOCHS, WINDOW_STEP = 8000, 2000


@kernel
def first_in_window(n_epochs: int) -> int:
    """Index of the first of `n_epochs` epochs in order of time that counts."""
    beyond = n_epochs - MOST_EPOCHS
    return 0 if beyond <= 0 else (beyond + WINDOW_STEP - 1) // WINDOW_STEP * WINDOW_STEP


@kernel
def rung_of(n_epochs: int) -> int:
    """The last rung up to `n_epochs`: multiples of k from RUNGS * k to RUNGS * (k + 1)."""
    step = max(1, n_epochs // RUNGS)
    return n_epochs // step * step


@kernel
def _last_of(mjd: Floats, starts: Integers, counts: Integers) -> int:
    """The band of the last epoch; of simultaneous ones that of the last band."""
    latest, at = -np.inf, -1
    for b in range(counts.size):
        if counts[b] > 0 and mjd[starts[b] + counts[b] - 1] >= latest:
            latest, at = mjd[starts[b] + counts[b] - 1], b
    return at


@kernel
def epochs_of_rung(mjd: Floats, starts: Integers, n_seen: Integers, bands: Integers) -> Integers:
    """How many of the first `n_seen` epochs of each band, sorted from starts[band] on, lie up to the last rung.

    Epochs of the usable `bands` count together, in order of time; other bands have none. The epoch with which the
    baseline outgrows its grid is a rung, too.
    """
    counts, first = np.zeros(n_seen.size, np.int64), np.inf
    for b in bands:
        counts[b], first = n_seen[b], min(first, mjd[starts[b]])
    last, n_epochs = _last_of(mjd, starts, counts), counts.sum()
    span = span_of(mjd[starts[last] + counts[last] - 1] - first)
    for _ in range(n_epochs - rung_of(n_epochs)):
        counts[last] -= 1
        before = _last_of(mjd, starts, counts)
        if span_of(mjd[starts[before] + counts[before] - 1] - first) != span:
            counts[last] += 1
            break
        last = before
    return counts
