"""The search state of one object as bytes: what the last search found, in which epochs, and a bound of chi2 per block.

Layout, little-endian: version (u64), checksum of all that follows (u64), frequency step (f64), chi2 per unit of the
bounds (f64), number of epochs and of blocks (u32 each), digest of the epochs of the rung (u64) and of those searched
(u64), what was found in them (N_FOUND f64), a tag per epoch searched (u16), a lower bound of chi2 per block (u16);
zeros to a multiple of 8 bytes. Tags tell which epochs of a light curve were searched, the digest whether they are the
same.
"""

import math

import numpy as np
from numpy.typing import NDArray

from starsieve.features.jit import Bytes, Floats, Integers, Singles, kernel

VERSION = np.uint64(0x53_53_53_54_41_54_45_04)  # "SSSTATE" and a number: raise it when model, hash or layout change
N_FOUND = 8  # numbers that a search finds: the first columns of `analyse`'s table of periods
KEY, SEARCHED, FOUND = 40, 48, 56  # where the digests and what was found begin
HEADER = FOUND + 8 * N_FOUND  # bytes
LEVELS = 65535
HEADROOM = 1.25  # the unit of the bounds is kept until chi2 outgrows it, because each change of unit loses a level
MULTIPLIER, SEED = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x243F6A8885A308D3)  # Fibonacci hashing; digits of pi
HALF_WORD = np.uint64(32)
TAG = np.uint32(16)  # bits of a hash, the upper ones


@kernel
def _mix(state: np.uint64, word: np.uint64) -> np.uint64:
    mixed = (state ^ word) * MULTIPLIER
    return mixed ^ (mixed >> HALF_WORD)


@kernel
def hash_bands(
    mjd: Floats, mag: Floats, magerr: Floats, offsets: Integers, n_epochs: Integers, bands: Integers
) -> NDArray[np.uint32]:
    """A 32-bit hash of the exact content of each of the first `n_epochs` epochs of some bands; float64 arrays.

    Band b is epochs offsets[b]:offsets[b + 1]. Bands are in the order of their numbers, which are in the hash: epochs
    that change bands have to be searched anew.
    """
    a, b, c = mjd.view(np.uint64), mag.view(np.uint64), magerr.view(np.uint64)
    hashes, done = np.empty(n_epochs[bands].sum(), np.uint32), 0
    for band in np.sort(bands):
        seed = _mix(SEED, np.uint64(band))
        for i in range(offsets[band], offsets[band] + n_epochs[band]):
            hashes[done] = np.uint32(_mix(_mix(_mix(seed, a[i]), b[i]), c[i]) >> HALF_WORD)
            done += 1
    return hashes


@kernel
def digest(hashes: NDArray[np.uint32]) -> np.uint64:
    """One number for the epochs hashed."""
    total = SEED
    for h in hashes:
        total = _mix(total, np.uint64(h))
    return total


@kernel
def _checksum(words: NDArray[np.uint64]) -> np.uint64:
    total = SEED
    for word in words:
        total = _mix(total, word)
    return total


@kernel
def state_size(n_epochs: int, n_blocks: int) -> int:
    """Bytes of the state of `n_epochs` epochs and `n_blocks` blocks."""
    return (HEADER + 2 * n_epochs + 2 * n_blocks + 7) // 8 * 8


@kernel
def is_sound(state: Bytes) -> bool:
    """Whether the bytes (uint8 array, 8-byte aligned) are a complete state of this version."""
    if state.size < HEADER or state.size % 8:
        return False
    words, counts = state.view(np.uint64), state[32:KEY].view(np.uint32)
    if words[0] != VERSION or state.size != state_size(int(counts[0]), int(counts[1])):
        return False
    return bool(words[1] == _checksum(words[2:]))


@kernel
def recall(state: Bytes, key: np.uint64, found: Floats) -> bool:
    """Fill `found` (N_FOUND,) from a sound state, if it is of a rung with the epochs of this digest."""
    if state[KEY:SEARCHED].view(np.uint64)[0] != key:
        return False
    found[:] = state[FOUND:HEADER].view(np.float64)
    return True


@kernel
def _tags(state: Bytes) -> NDArray[np.uint16]:
    """Those of the epochs that a sound state covers."""
    return state[HEADER : HEADER + 2 * int(state[32:36].view(np.uint32)[0])].view(np.uint16)


@kernel
def covers_only(state: Bytes, hashes: NDArray[np.uint32]) -> bool:
    """Whether every epoch that a sound state covers is among the epochs hashed, in the same order.

    One epoch in 65,536 that came since has the tag of the next one covered: then the answer is no, and all is searched.
    """
    tags, i, total = _tags(state), 0, SEED
    for h in hashes:
        if i < tags.size and tags[i] == h >> TAG:
            total = _mix(total, np.uint64(h))
            i += 1
    return bool(i == tags.size and total == state[SEARCHED:FOUND].view(np.uint64)[0])


@kernel
def is_within(state: Bytes, other: Bytes) -> bool:
    """Whether a sound state covers no epoch that another one does not, by their tags."""
    tags, i = _tags(state), 0
    for tag in _tags(other):
        if i < tags.size and tags[i] == tag:
            i += 1
    return i == tags.size


@kernel
def read_ceilings(state: Bytes, step: float, chi2: float, ceilings: Singles) -> bool:
    """Turn the bounds of a sound state into ceilings of the power, given today's chi2; False if the grid is another."""
    numbers, counts = state[16:32].view(np.float64), state[32:KEY].view(np.uint32)
    if numbers[0] != step or int(counts[1]) != ceilings.size:
        return False
    first = HEADER + 2 * int(counts[0])
    bounds = state[first : first + 2 * ceilings.size].view(np.uint16)
    unit = numbers[1] / chi2
    for i in range(ceilings.size):
        ceilings[i] = np.float32(1.000001 - bounds[i] * unit)  # the excess covers the rounding to float32
    return True


@kernel
def old_unit(state: Bytes) -> float:
    """Chi2 per level of a sound state."""
    return float(state[24:32].view(np.float64)[0])


@kernel
def write_state(
    hashes: NDArray[np.uint32],
    key: np.uint64,
    found: Floats,
    step: float,
    chi2: float,
    unit: float,
    ceilings: Singles,
    state: Bytes,
) -> None:
    """Fill `state` (uint8, of `state_size`); `unit` is the last one, 0 if there was none."""
    state[:] = 0
    state[KEY:SEARCHED].view(np.uint64)[0] = key
    state[SEARCHED:FOUND].view(np.uint64)[0] = digest(hashes)
    state[FOUND:HEADER].view(np.float64)[:] = found
    if unit * LEVELS < chi2:
        unit = chi2 * HEADROOM / LEVELS
    numbers, counts = state[16:32].view(np.float64), state[32:KEY].view(np.uint32)
    numbers[0], numbers[1] = step, unit
    counts[0], counts[1] = hashes.size, ceilings.size
    first = HEADER + 2 * hashes.size
    tags = state[HEADER:first].view(np.uint16)
    for i in range(hashes.size):
        tags[i] = hashes[i] >> TAG
    bounds = state[first : first + 2 * ceilings.size].view(np.uint16)
    per_unit = chi2 / unit
    for i in range(ceilings.size):
        bounds[i] = np.uint16(max(0.0, math.floor((1.0 - ceilings[i]) * per_unit)))
    words = state.view(np.uint64)
    words[0] = VERSION
    words[1] = _checksum(words[2:])
