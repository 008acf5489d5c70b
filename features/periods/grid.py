"""The frequency grid: a function of the baseline alone, so that a stream and a fresh search share it."""

import math

from starsieve.features.jit import kernel

BLOCK = 128  # frequencies searched, and bounded, together
SHORTEST_PERIOD = 0.03  # days; as the published method
OVERSAMPLING = 3.0  # grid steps per 1 / baseline, at least; with refined peaks 2-3 lose nothing against 5 or 10
FIRST_BASELINE, BASELINE_STEP = 20.0, 1.3  # days; ladder of baselines, so that few new epochs change the grid
LONGEST_BASELINE = 20_000.0  # days; ASAS, the longest survey at hand, spans 3,300


@kernel
def span_of(baseline: float) -> float:
    """The ladder's first baseline (days) that is not shorter."""
    span = FIRST_BASELINE
    while span < baseline:
        span *= BASELINE_STEP
    return span


@kernel
def grid_of(baseline: float) -> tuple[float, int]:
    """Frequency step (1/d) and number of blocks; frequency k is (k + 1) * step."""
    step = 1.0 / (OVERSAMPLING * span_of(baseline))
    return step, math.ceil(1.0 / SHORTEST_PERIOD / step / BLOCK)
