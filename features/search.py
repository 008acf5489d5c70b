"""The exact lazy search: the best blocks of the frequency grid, from ceilings that earlier searches left.

Adding an epoch never lowers the chi2 of a least-squares model, so the chi2 minimum of a block stays a lower bound while
epochs are only added, and only blocks whose bound is below the chi2 of the best found so far need another look. The
result depends on the light curve alone; the bounds decide only how much of the grid is looked at.
"""

import math

import numpy as np

from features.gls import HALF, UNROLL, add_block, offset_tables
from features.grid import BLOCK
from features.jit import kernel

UNKNOWN = np.float32(2)  # ceiling of a block never looked at; powers are at most 1


@kernel
def weigh(mag, magerr, first, last, weight, signal):
    """Normalised weights and weight times mean-free unit-variance magnitude of one band; returns its chi2 about the mean."""
    total, mean = 0.0, 0.0
    for i in range(first, last):
        w = 1 / (magerr[i] * magerr[i])
        total += w
        mean += w * mag[i]
    mean /= total
    variance = 0.0
    for i in range(first, last):
        variance += (mag[i] - mean) ** 2 / (magerr[i] * magerr[i])
    scale = 1 / math.sqrt(variance / total)
    for i in range(first, last):
        w = 1 / (magerr[i] * magerr[i]) / total
        weight[i] = w
        signal[i] = w * (mag[i] - mean) * scale
    return variance


@kernel
def _insert(power, block, index, shift, powers, blocks, indices, shifts, count):
    """Insert into the best list, ordered by falling power, then by block; returns the new count."""
    size = powers.size
    if count == size and (power < powers[size - 1] or (power == powers[size - 1] and block > blocks[size - 1])):
        return count
    i = min(count, size - 1)
    while i > 0 and (powers[i - 1] < power or (powers[i - 1] == power and blocks[i - 1] > block)):
        powers[i], blocks[i], indices[i], shifts[i] = powers[i - 1], blocks[i - 1], indices[i - 1], shifts[i - 1]
        i -= 1
    powers[i], blocks[i], indices[i], shifts[i] = power, block, index, shift
    return min(count + 1, size)


@kernel
def _vertex(left, top, right):
    """Offset of the maximum of the parabola through three equidistant points, in steps, at most half a one."""
    curvature = left - 2 * top + right
    if curvature >= 0:
        return 0.0
    return max(-0.5, min(0.5, 0.5 * (left - right) / curvature))


@kernel
def best_blocks(time, weight, signal, band_starts, shares, floating, step, lowest, ceilings, powers, frequencies):
    """Find the `powers.size` best blocks; returns how many there are and how many blocks were looked at.

    `time` (n,) days from the first epoch, `weight`, `signal` (n,) float64 as `weigh` makes them, band by band; `shares`
    (bands,) of the bands in chi2. Frequencies below index `lowest` are not eligible. `ceilings` (blocks,) float32 are
    used and updated. Fills `powers` (falling) and `frequencies`, the blocks' best, interpolated between grid points.
    """
    n_blocks, n_bands = ceilings.size, shares.size
    padded = 0
    for band in range(n_bands):
        padded = max(padded, band_starts[band + 1] - band_starts[band])
    tables = offset_tables(time, step)
    rows, sums = np.empty((6, padded + UNROLL), np.float32), np.empty((12, HALF), np.float32)
    power, error = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    blocks, indices, shifts = np.empty(powers.size, np.int64), np.empty(powers.size, np.int64), np.empty(powers.size)
    count, looked = 0, 0
    done = np.zeros(n_blocks, np.bool_)
    first_bar = UNKNOWN
    if n_blocks > powers.size:
        first_bar = np.partition(ceilings, n_blocks - powers.size)[n_blocks - powers.size]
    for sweep in range(2):
        for block in range(n_blocks):
            if done[block] or ceilings[block] < (
                first_bar if sweep == 0 else (powers[-1] if count == powers.size else -1)
            ):
                continue
            done[block] = True
            looked += 1
            power[:], error[:] = np.float32(0), np.float32(0)
            frequency = (block * BLOCK + HALF + 0.5) * step
            for band in range(n_bands):
                a, b = band_starts[band], band_starts[band + 1]
                add_block(time[a:b], weight[a:b], signal[a:b], tables[a:], frequency, shares[band], floating, sums,
                          rows, power, error)  # fmt: skip
            best, ceiling, at = np.float32(-1), np.float32(-1), -1
            for j in range(max(0, lowest - block * BLOCK), BLOCK):
                ceiling = max(ceiling, power[j] + error[j])
                value = power[j] - error[j]
                if value > best:
                    best, at = value, j
            ceilings[block] = ceiling if block * BLOCK >= lowest else UNKNOWN
            if best > 0:
                shift = _vertex(power[at - 1], power[at], power[at + 1]) if 0 < at < BLOCK - 1 else 0.0
                count = _insert(best, block, block * BLOCK + at, shift, powers, blocks, indices, shifts, count)
    for i in range(count):
        frequencies[i] = (indices[i] + 1 + shifts[i]) * step
    return count, looked
