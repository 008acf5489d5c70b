"""One object from checks to features; every public function of the package comes through here."""

import math

import numpy as np

from starsieve.features.check import BASELINE_TOO_LONG, NO_PERIOD, USABLE, check, floored_errors
from starsieve.features.jit import Bytes, Data, Floats, Integers, Singles, kernel
from starsieve.features.periods.aliases import alias_flags
from starsieve.features.periods.ceilings import renew_ceilings
from starsieve.features.periods.choice import choose
from starsieve.features.periods.grid import LONGEST_BASELINE, grid_of
from starsieve.features.periods.parity import published_period
from starsieve.features.periods.search import UNKNOWN, best_blocks, weighed
from starsieve.features.periods.significance import TREND, beyond_trend, false_alarm_probability
from starsieve.features.periods.state import (
    covers_only,
    hash_bands,
    is_sound,
    old_unit,
    read_ceilings,
    state_size,
    write_state,
)
from starsieve.features.shape.profile import FROM_SEARCH, PROFILE, profile_given_period
from starsieve.features.shape.statistics import features_given_period
from starsieve.features.shape.winsorize import tame

N_FEATURES, N_PROFILE = 16, len(PROFILE)
CERTIFIED = 15  # best blocks re-ranked
# Columns of the table of periods.
(FREQUENCY, POWER, PEAK_FREQUENCY, PEAK_POWER, FALSE_ALARM, ALIASES, N_EPOCHS, LOOKED_AT, BASELINE, TREND_POWER,
 BEYOND_TREND) = range(11)  # fmt: skip
N_COLUMNS = 11


@kernel
def lowest_index(baseline: float, step: float) -> int:
    """Index of the lowest grid frequency whose period fits into the baseline."""
    return max(0, math.ceil(1 / (baseline * step) - 1e-9) - 1)


@kernel
def search_period(
    data: Data, mag: Floats, magerr: Floats, step: float, bounded: bool, ceilings: Singles, row: Floats
) -> None:
    """Fill the `row` of the table of periods from one or more usable bands, `data` as `search.weighed` makes it.

    If not `bounded`, the `ceilings` (blocks,) say nothing yet.
    """
    time, _, _, band_starts, shares = data
    n, n_bands, baseline = time.size, shares.size, time.max()
    if not bounded:
        ceilings[:] = UNKNOWN
        renew_ceilings(data, step, ceilings)
    powers, frequencies = np.full(CERTIFIED, -1, np.float32), np.empty(CERTIFIED)
    found, looked = best_blocks(data, step, lowest_index(baseline, step), bounded, ceilings, powers, frequencies)
    row[N_EPOCHS], row[LOOKED_AT], row[FREQUENCY] = n, looked / ceilings.size, np.nan
    if found == 0:
        return
    tame_mag, tame_err = np.empty(n), np.empty(n)
    tame(mag, magerr, band_starts, tame_mag, tame_err)
    tamed, tamed_chi2 = weighed(time, tame_mag, tame_err, band_starts)
    deviation = math.sqrt(tamed[4][-1] * tamed_chi2 / np.sum(1 / tame_err[band_starts[n_bands - 1] :] ** 2))
    row[FREQUENCY], row[POWER] = choose(tamed, deviation, frequencies[:found], step, 1 / baseline)
    row[ALIASES] = alias_flags(tamed, row[FREQUENCY], row[POWER], 1 / baseline)
    row[PEAK_FREQUENCY], row[PEAK_POWER] = frequencies[0], powers[0]
    row[FALSE_ALARM] = false_alarm_probability(time, powers[0], n_bands)
    row[BASELINE] = baseline
    row[TREND_POWER], beyond = beyond_trend(data, row[FREQUENCY])
    row[BEYOND_TREND] = false_alarm_probability(time, beyond, n_bands, TREND)


@kernel
def period_and_state(
    mjd: Floats,
    mag: Floats,
    magerr: Floats,
    offsets: Integers,
    n_seen: Integers,
    bands: Integers,
    old: Bytes,
    new: Bytes,
    row: Floats,
) -> int:
    """The one period of the usable `bands` of an object, from the first `n_seen` epochs of each; `old` state or none.

    Band b is epochs offsets[b]:offsets[b + 1]. Fills `row` and `new` (uint8); returns the bytes used of `new`, or -1
    if `old` covers epochs that are not seen yet and is to be kept.
    """
    n_epochs = n_seen[bands].sum()
    time, mags, errors = np.empty(n_epochs), np.empty(n_epochs), np.empty(n_epochs)
    starts = np.zeros(bands.size + 1, np.int64)
    for i in range(bands.size):
        a, n, start = offsets[bands[i]], n_seen[bands[i]], starts[i]
        starts[i + 1] = start + n
        time[start : start + n] = mjd[a : a + n]
        mags[start : start + n] = mag[a : a + n]
        errors[start : start + n] = magerr[a : a + n]
    time -= time.min()
    step, n_blocks = grid_of(time.max())
    ceilings = np.empty(n_blocks, np.float32)
    data, chi2 = weighed(time, mags, errors, starts)
    seen = hash_bands(mjd, mag, magerr, offsets, n_seen, bands)
    sound = is_sound(old)
    useful = sound and covers_only(old, seen)
    all_bands = np.arange(n_seen.size)
    keep = sound and not useful and covers_only(old, hash_bands(mjd, mag, magerr, offsets, np.diff(offsets), all_bands))
    bounded = useful and read_ceilings(old, step, chi2, ceilings)
    unit = old_unit(old) if bounded else 0.0
    search_period(data, mags, errors, step, bounded, ceilings, row)
    if keep:
        return -1
    size = state_size(n_epochs, n_blocks)
    write_state(seen, step, chi2, unit, ceilings, new[:size])
    return size


@kernel
def n_epochs_until(mjd: Floats, asof: float) -> int:
    """Number of epochs of a sorted light curve no later than `asof`."""
    n = mjd.size
    while n > 0 and mjd[n - 1] > asof:
        n -= 1
    return n


@kernel
def plan_states(mjd: Floats, offsets: Integers, objects: Integers, asof: Floats, slots: Integers) -> None:
    """Fill `slots` (n + 1,) with where each object's new state may be written; 8-byte aligned."""
    slots[0] = 0
    for i in range(objects.size - 1):
        n_epochs, first, last = 0, np.inf, -np.inf
        for b in range(objects[i], objects[i + 1]):
            times = mjd[offsets[b] : offsets[b + 1]]
            n = n_epochs_until(times, asof[i])
            if n > 0:
                n_epochs, first, last = n_epochs + n, min(first, times[0]), max(last, times[n - 1])
        size = 0
        if n_epochs > 0:
            size = state_size(n_epochs, grid_of(min(last - first, LONGEST_BASELINE))[1])
        slots[i + 1] = slots[i] + size


@kernel
def usable_bands(
    mjd: Floats, mag: Floats, magerr: Floats, offsets: Integers, asof: float, n_seen: Integers, codes: Integers
) -> Integers:
    """Which bands of an object, fewest epochs first, can be searched together.

    Fills `n_seen` and `codes` (bands,): epochs until `asof`, and what is wrong with them. A band too far in time from
    those with more epochs is left out.
    """
    for b in range(n_seen.size):
        a = offsets[b]
        n = n_epochs_until(mjd[a : offsets[b + 1]], asof)
        n_seen[b], codes[b] = n, check(mjd[a : a + n], mag[a : a + n], magerr[a : a + n])
    by_length = np.argsort(n_seen, kind="mergesort")  # stable
    bands, first_kept = np.empty(n_seen.size, np.int64), n_seen.size
    first, last = np.inf, -np.inf
    for b in by_length[::-1]:
        if codes[b] != USABLE:
            continue
        earliest, latest = min(first, mjd[offsets[b]]), max(last, mjd[offsets[b] + n_seen[b] - 1])
        if latest - earliest > LONGEST_BASELINE:
            codes[b] = BASELINE_TOO_LONG
            continue
        first, last, first_kept = earliest, latest, first_kept - 1
        bands[first_kept] = b
    return bands[first_kept:]


@kernel
def update_batch(
    mjd: Floats,
    mag: Floats,
    magerr: Floats,
    offsets: Integers,
    objects: Integers,
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
    """Check, search and describe every object of a batch; see `starsieve.features.stream.update_many`.

    features, profiles and codes have a row for each light curve, whichever objects are asked for; the others for each
    object.
    """
    for i in range(objects.size - 1):
        first, last = objects[i], objects[i + 1]
        own, n_seen = offsets[first : last + 1] - offsets[first], np.empty(last - first, np.int64)
        epochs = slice(offsets[first], offsets[last])
        time, mags, errors = mjd[epochs], mag[epochs], magerr[epochs]
        bands = usable_bands(time, mags, errors, own, asof[i], n_seen, codes[first:last])
        sizes[i] = -1
        if bands.size == 0:
            continue
        errors = floored_errors(errors, own, n_seen, bands)
        sizes[i] = period_and_state(time, mags, errors, own, n_seen, bands, old[old_offsets[i] : old_offsets[i + 1]],
                                    new[slots[i] : slots[i + 1]], rows[i])  # fmt: skip
        frequency = rows[i, FREQUENCY]
        for b in bands:
            if not frequency > 0:
                codes[first + b] = NO_PERIOD
                continue
            seen, profile = slice(own[b], own[b] + n_seen[b]), profiles[first + b]
            features_given_period(time[seen], mags[seen], errors[seen], 1 / frequency, features[first + b])
            profile[0], profile[1] = 1 / rows[i, PEAK_FREQUENCY], rows[i, PEAK_POWER]
            profile[2] = rows[i, FALSE_ALARM]
            profile_given_period(time[seen] - time[own[b]], mags[seen], errors[seen], frequency, profile[FROM_SEARCH:])


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
