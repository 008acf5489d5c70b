"""The period search of UPSILoN-T: unweighted single-harmonic Lomb-Scargle on its own grid, highest peak, not refined.

Kim et al. 2021 (A&A 653, A22), their code: df = 1 / (3 T), hifac = max(100, int(T / N / 0.03 * 2)), f_max = hifac N /
(2 T). The float32 kernel finds the blocks that can hold the peak, float64 decides.
"""

import math

import numpy as np

from starsieve.features.jit import Floats, kernel
from starsieve.features.periods.gls import HALF, UNROLL, add_block, offset_tables
from starsieve.features.periods.grid import BLOCK

OVERSAMPLING = 3
MIN_HIFAC = 100
CLOSE = 1e-4  # of the highest float32 power; peaks below it by more cannot be the highest


@kernel
def _exact_power(time: Floats, signal: Floats, frequency: float) -> float:
    """Lomb-Scargle power over the variance, times 2 / n, of magnitudes with their mean subtracted."""
    yc, ys, cc, ss, cs = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(time.size):
        cycles = frequency * time[i]
        angle = 2 * math.pi * (cycles - math.floor(cycles))
        c, s = math.cos(angle), math.sin(angle)
        yc += signal[i] * c
        ys += signal[i] * s
        cc += c * c
        ss += s * s
        cs += c * s
    determinant = cc * ss - cs * cs
    if determinant < 1e-12 * time.size * time.size:
        return 0.0
    return (yc * yc * ss + ys * ys * cc - 2 * yc * ys * cs) / determinant


@kernel
def upsilont_period(mjd: Floats, mag: Floats) -> float:
    """Period in days of one usable light curve, float64 arrays (n,)."""
    n = mjd.size
    time, signal = mjd - mjd[0], mag - np.mean(mag)
    weight, scaled = np.full(n, 1.0 / n), signal / (n * np.std(mag))
    baseline = time[-1]
    step = 1 / (OVERSAMPLING * baseline)
    hifac = max(MIN_HIFAC, int(baseline / n / 0.03 * 2))
    n_frequencies = int(0.5 * OVERSAMPLING * hifac * n)
    single, double = offset_tables(time, step)
    rows, sums = np.empty((6, n + UNROLL), np.float32), np.empty((12, HALF), np.float32)
    n_blocks = (n_frequencies + BLOCK - 1) // BLOCK
    powers, errors = np.zeros((n_blocks, BLOCK), np.float32), np.zeros((n_blocks, BLOCK), np.float32)
    for block in range(n_blocks):
        centre = (block * BLOCK + HALF + 0.5) * step
        add_block(time, weight, scaled, single, double, centre, 1.0, 0.0, sums, rows, powers[block], errors[block])
    ceilings = (powers + errors).ravel()[:n_frequencies]
    bar = (powers - errors).ravel()[:n_frequencies].max() - CLOSE
    best, best_power = 0, -1.0
    for k in range(n_frequencies):
        if ceilings[k] >= bar:
            power = _exact_power(time, signal, (k + 1) * step)
            if power > best_power:
                best, best_power = k, power
    return float(1 / ((best + 1) * step))
