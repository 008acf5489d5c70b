"""The exact lazy search: the best blocks of the frequency grid, from ceilings that earlier searches left.

Adding an epoch never lowers the chi2 of a least-squares model, so the chi2 minimum of a block stays a lower bound while
epochs are only added, and only blocks whose bound is below the chi2 of the best found so far need another look. The
result depends on the light curve alone; the bounds decide only how much of the grid is looked at.
"""

import math

import numpy as np

from starsieve.features.jit import Data, Floats, Integers, Singles, kernel
from starsieve.features.periods.ceilings import renew_ceilings
from starsieve.features.periods.gls import HALF, UNROLL, add_block, offset_tables
from starsieve.features.periods.grid import BLOCK

# What renewing all ceilings costs, per block, in blocks looked at times epochs: half of it, measured.
WORTH_RENEWING, PER_EPOCH = 12, 0.04  # for each band, and for each epoch
UNKNOWN = np.float32(2)  # ceiling of a block never looked at; powers are at most 1


@kernel
def weigh(mag: Floats, magerr: Floats, first: int, last: int, weight: Floats, signal: Floats) -> float:
    """Normalised weights, and weight times standardised magnitude, of one band; returns chi2 about the mean."""
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
def weighed(time: Floats, mag: Floats, magerr: Floats, band_starts: Integers) -> tuple[Data, float]:
    """What the search takes, of one or more usable bands, and their chi2 about the means."""
    n_bands = band_starts.size - 1
    weight, signal, shares = np.empty(time.size), np.empty(time.size), np.empty(n_bands)
    for band in range(n_bands):
        shares[band] = weigh(mag, magerr, band_starts[band], band_starts[band + 1], weight, signal)
    chi2 = float(shares.sum())
    return (time, weight, signal, band_starts, shares / chi2), chi2


@kernel
def _insert(
    power: np.float32, block: int, frequency: float, powers: Singles, blocks: Integers, frequencies: Floats, count: int
) -> int:
    """Insert into the best list, ordered by falling power, then by block; returns the new count."""
    size = powers.size
    if count == size and (power < powers[size - 1] or (power == powers[size - 1] and block > blocks[size - 1])):
        return count
    i = min(count, size - 1)
    while i > 0 and (powers[i - 1] < power or (powers[i - 1] == power and blocks[i - 1] > block)):
        powers[i], blocks[i], frequencies[i] = powers[i - 1], blocks[i - 1], frequencies[i - 1]
        i -= 1
    powers[i], blocks[i], frequencies[i] = power, block, frequency
    return min(count + 1, size)


@kernel
def _vertex(left: float, top: float, right: float) -> float:
    """Offset of the maximum of the parabola through three equidistant points, in steps, at most half a one."""
    curvature = left - 2 * top + right
    if curvature >= 0:
        return 0.0
    return max(-0.5, min(0.5, 0.5 * (left - right) / curvature))


@kernel
def _highest(power: Singles, error: Singles, lowest: int) -> tuple[np.float32, np.float32, float]:
    """(power that is reached, power that is not exceeded, place of the first between grid points) of one block.

    Powers at indices below `lowest` are left out; the first is -1 if there is none.
    """
    best, ceiling, at = np.float32(-1), np.float32(-1), -1
    for j in range(lowest, BLOCK):
        ceiling = max(ceiling, power[j] + error[j])
        if power[j] - error[j] > best:
            best, at = power[j] - error[j], j
    if 0 < at < BLOCK - 1:
        return best, ceiling, at + _vertex(power[at - 1], power[at], power[at + 1])
    return best, ceiling, float(at)


@kernel
def _first_bar(ceilings: Singles, count: int) -> np.float32:
    """The ceiling of the `count` highest, so that a good bar is found before the others are looked at."""
    if ceilings.size <= count:
        return np.float32(-1)
    return np.float32(np.partition(ceilings, ceilings.size - count)[ceilings.size - count])


@kernel
def best_blocks(
    data: Data, step: float, lowest: int, stale: bool, ceilings: Singles, powers: Singles, frequencies: Floats
) -> tuple[int, int]:
    """Find the `powers.size` best blocks; returns how many there are and how many blocks were looked at.

    `data`: times (n,) in days from the first epoch; weights and signal (n,) as `weigh` makes them; where the bands
    start (bands + 1,); shares (bands,) of the bands in chi2. Frequencies below index `lowest` are not eligible.
    `ceilings` (blocks,) are used and updated; `stale` ones are from fewer epochs. Fills `powers`, falling, and
    `frequencies`, interpolated between grid points.
    """
    time, weight, signal, band_starts, shares = data
    single, double = offset_tables(time, step)
    rows, sums = np.empty((6, time.size + UNROLL), np.float32), np.empty((12, HALF), np.float32)
    power, error = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    blocks, done = np.empty(powers.size, np.int64), np.zeros(ceilings.size, np.bool_)
    count, looked, bar = 0, 0, _first_bar(ceilings, powers.size)
    worth_renewing = ceilings.size * (WORTH_RENEWING * shares.size + PER_EPOCH * time.size)
    for _ in range(2):
        for block in range(ceilings.size):
            if done[block] or ceilings[block] < bar:
                continue
            done[block] = True
            looked += 1
            power[:], error[:] = np.float32(0), np.float32(0)
            centre = (block * BLOCK + HALF + 0.5) * step
            for band in range(shares.size):
                a, b = band_starts[band], band_starts[band + 1]
                add_block(time[a:b], weight[a:b], signal[a:b], single[a:], double[a:], centre, shares[band], 1.0,
                          sums, rows, power, error)  # fmt: skip
            below = max(0, lowest - block * BLOCK)
            best, ceiling, place = _highest(power, error, below)
            ceilings[block] = ceiling if below == 0 else UNKNOWN  # the lowest frequencies become eligible later
            if best > 0:
                count = _insert(best, block, (block * BLOCK + place + 1) * step, powers, blocks, frequencies, count)
            if count == powers.size:
                bar = max(bar, powers[-1])
            if stale and looked * time.size > worth_renewing:
                renew_ceilings(data, step, ceilings)
                stale = False
        bar = powers[-1] if count == powers.size else np.float32(-1)
    return count, looked
