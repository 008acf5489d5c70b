"""One light curve from checks to features; every public function of the package comes through here."""

import math

import numpy as np

from features.aliases import alias_flags
from features.ceilings import renew_ceilings
from features.check import NO_PERIOD, USABLE, check
from features.choose import choose
from features.grid import LONGEST_BASELINE, grid_of
from features.jit import Bytes, Floats, Integers, Singles, kernel
from features.parity import published_period
from features.profile import FROM_SEARCH, PROFILE, profile_given_period
from features.search import UNKNOWN, best_blocks, weigh, weighed
from features.significance import false_alarm_probability
from features.state import (
    covers_only,
    hash_epochs,
    is_sound,
    old_unit,
    read_ceilings,
    state_size,
    write_state,
)
from features.statistics import features_given_period
from features.taming import tame

N_FEATURES, N_PROFILE = 16, len(PROFILE)
CERTIFIED = 15  # best blocks re-ranked
# Columns of the table of periods.
FREQUENCY, POWER, PEAK_FREQUENCY, PEAK_POWER, FALSE_ALARM, ALIASES, N_EPOCHS, LOOKED_AT = range(8)
N_COLUMNS = 8


@kernel
def lowest_index(baseline: float, step: float) -> int:
    """Index of the lowest grid frequency whose period fits into the baseline."""
    return max(0, math.ceil(1 / (baseline * step) - 1e-9) - 1)


@kernel
def search_period(
    time: Floats,
    mag: Floats,
    magerr: Floats,
    band_starts: Integers,
    step: float,
    bounded: bool,
    ceilings: Singles,
    row: Floats,
) -> float:
    """Fill the `row` of the table of periods from one or more usable bands; returns their chi2 about the means.

    If not `bounded`, the `ceilings` (blocks,) say nothing yet.
    """
    n, n_bands = time.size, band_starts.size - 1
    data, chi2 = weighed(time, mag, magerr, band_starts)
    baseline = time.max()
    if not bounded:
        ceilings[:] = UNKNOWN
        renew_ceilings(data, step, ceilings)
    powers, frequencies = np.full(CERTIFIED, -1, np.float32), np.empty(CERTIFIED)
    found, looked = best_blocks(data, step, lowest_index(baseline, step), bounded, ceilings, powers, frequencies)
    row[N_EPOCHS], row[LOOKED_AT], row[FREQUENCY] = n, looked / ceilings.size, np.nan
    if found == 0:
        return chi2
    tame_mag, tame_err = np.empty(n), np.empty(n)
    tame(mag, magerr, band_starts, tame_mag, tame_err)
    tamed, tamed_chi2 = weighed(time, tame_mag, tame_err, band_starts)
    deviation = math.sqrt(tamed[4][-1] * tamed_chi2 / np.sum(1 / tame_err[band_starts[n_bands - 1] :] ** 2))
    row[FREQUENCY], row[POWER] = choose(tamed, deviation, frequencies[:found], step, 1 / baseline)
    row[ALIASES] = alias_flags(tamed, row[FREQUENCY], row[POWER], 1 / baseline)
    row[PEAK_FREQUENCY], row[PEAK_POWER] = frequencies[0], powers[0]
    row[FALSE_ALARM] = false_alarm_probability(time, powers[0], n_bands)
    return chi2


@kernel
def period_and_state(mjd: Floats, mag: Floats, magerr: Floats, n_seen: int, old: Bytes, new: Bytes, row: Floats) -> int:
    """Search the first `n_seen` epochs of a usable light curve with the state `old` (empty: none).

    Fills `row` and `new` (uint8); returns the bytes used of `new`, or -1 if `old` covers epochs beyond `n_seen` and
    is to be kept.
    """
    time = mjd[:n_seen] - mjd[0]
    step, n_blocks = grid_of(time[-1])
    ceilings = np.empty(n_blocks, np.float32)
    hashes = hash_epochs(mjd, mag, magerr)
    sound = is_sound(old)
    useful = sound and covers_only(old, hashes[:n_seen])
    keep = sound and not useful and covers_only(old, hashes)
    chi2 = weigh(mag, magerr, 0, n_seen, np.empty(n_seen), np.empty(n_seen))
    bounded = useful and read_ceilings(old, step, chi2, ceilings)
    unit = old_unit(old) if bounded else 0.0
    starts = np.array([0, n_seen])
    chi2 = search_period(time, mag[:n_seen], magerr[:n_seen], starts, step, bounded, ceilings, row)
    if keep:
        return -1
    size = state_size(n_seen, n_blocks)
    write_state(hashes[:n_seen], step, chi2, unit, ceilings, new[:size])
    return size


@kernel
def n_epochs_until(mjd: Floats, asof: float) -> int:
    """Number of epochs of a sorted light curve no later than `asof`."""
    n = mjd.size
    while n > 0 and mjd[n - 1] > asof:
        n -= 1
    return n


@kernel
def plan_states(mjd: Floats, offsets: Integers, asof: Floats, slots: Integers) -> None:
    """Fill `slots` (n + 1,) with where each light curve's new state may be written; 8-byte aligned."""
    slots[0] = 0
    for i in range(offsets.size - 1):
        times = mjd[offsets[i] : offsets[i + 1]]
        n = n_epochs_until(times, asof[i])
        size = 0
        if n > 0 and times[n - 1] - times[0] <= LONGEST_BASELINE:
            size = state_size(n, grid_of(times[n - 1] - times[0])[1])
        slots[i + 1] = slots[i] + size


@kernel
def update_batch(
    mjd: Floats,
    mag: Floats,
    magerr: Floats,
    offsets: Integers,
    asof: Floats,
    old: Bytes,
    old_offsets: Integers,
    new: Bytes,
    slots: Integers,
    features: Floats,
    profiles: Floats,
    rows: Floats,
    sizes: Integers,
    codes: Integers,
) -> None:
    """Check, search and describe every light curve of a batch; see `features.stream.update_many`."""
    for i in range(offsets.size - 1):
        a, b = offsets[i], offsets[i + 1]
        n = n_epochs_until(mjd[a:b], asof[i])
        times, mags, errors = mjd[a : a + n], mag[a : a + n], magerr[a : a + n]
        sizes[i] = -1
        codes[i] = check(times, mags, errors)
        if codes[i] != USABLE:
            continue
        sizes[i] = period_and_state(mjd[a:b], mag[a:b], magerr[a:b], n, old[old_offsets[i] : old_offsets[i + 1]],
                                    new[slots[i] : slots[i + 1]], rows[i])  # fmt: skip
        if not rows[i, FREQUENCY] > 0:
            codes[i] = NO_PERIOD
            continue
        frequency = rows[i, FREQUENCY]
        features_given_period(times, mags, errors, 1 / frequency, features[i])
        profiles[i, 0], profiles[i, 1] = 1 / rows[i, PEAK_FREQUENCY], rows[i, PEAK_POWER]
        profiles[i, 2] = rows[i, FALSE_ALARM]
        profile_given_period(times - times[0], mags, errors, frequency, profiles[i, FROM_SEARCH:])


@kernel
def parity_batch(
    mjd: Floats, mag: Floats, magerr: Floats, offsets: Integers, features: Floats, codes: Integers
) -> None:
    """As `update_batch`, with the published period search and no states."""
    for i in range(offsets.size - 1):
        a, b = offsets[i], offsets[i + 1]
        codes[i] = check(mjd[a:b], mag[a:b], magerr[a:b])
        if codes[i] == USABLE:
            period = published_period(mjd[a:b], mag[a:b])
            features_given_period(mjd[a:b], mag[a:b], magerr[a:b], period, features[i])
