"""One object from checks to features; every public function of the package comes through here."""

import math

import numpy as np

from starsieve.features.check import BASELINE_TOO_LONG, NO_PERIOD, USABLE, check, floored_errors
from starsieve.features.jit import Bytes, Data, Floats, Integers, Singles, kernel
from starsieve.features.periods.aliases import alias_flags
from starsieve.features.periods.ceilings import renew_ceilings
from starsieve.features.periods.choice import choose, for_choice, measure
from starsieve.features.periods.grid import LONGEST_BASELINE, grid_of
from starsieve.features.periods.ladder import MOST_EPOCHS, epochs_of_rung, first_in_window
from starsieve.features.periods.search import UNKNOWN, best_blocks, weighed
from starsieve.features.periods.significance import TREND, beyond_trend, false_alarm_probability
from starsieve.features.periods.state import (
    N_FOUND,
    covers_only,
    digest,
    hash_bands,
    is_sound,
    is_within,
    old_unit,
    read_ceilings,
    recall,
    state_size,
    write_state,
)
from starsieve.features.periods.upsilont import upsilont_period
from starsieve.features.shape import profile
from starsieve.features.shape.columns import FEATURES, PROFILE
from starsieve.features.shape.profile import FROM_SEARCH, profile_of_winsorized
from starsieve.features.shape.statistics import features_given_period
from starsieve.features.shape.winsorize import winsorize

N_FEATURES, N_PROFILE = len(FEATURES), len(PROFILE)
CERTIFIED = 15  # best blocks re-ranked
# Columns of the table of periods; the first N_FOUND are what a search finds.
(FREQUENCY, POWER, PEAK_FREQUENCY, PEAK_POWER, FALSE_ALARM, ALIASES, TREND_POWER, BEYOND_TREND, N_EPOCHS, LOOKED_AT,
 BASELINE) = range(11)  # fmt: skip
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
    row[:] = np.nan
    row[LOOKED_AT] = looked
    if found == 0:
        return
    winsorized_mag, winsorized_err = np.empty(n), np.empty(n)
    winsorize(mag, magerr, band_starts, winsorized_mag, winsorized_err)
    winsorized, deviation = for_choice(time, winsorized_mag, winsorized_err, band_starts)
    row[FREQUENCY], row[POWER] = choose(winsorized, deviation, frequencies[:found], step, 1 / baseline)
    row[ALIASES] = alias_flags(winsorized, row[FREQUENCY], row[POWER], 1 / baseline)
    row[PEAK_FREQUENCY], row[PEAK_POWER] = frequencies[0], powers[0]
    row[FALSE_ALARM] = false_alarm_probability(time, powers[0], n_bands)
    row[TREND_POWER], beyond = beyond_trend(data, row[FREQUENCY])
    row[BEYOND_TREND] = false_alarm_probability(time, beyond, n_bands, TREND)


@kernel
def gather(
    mjd: Floats, mag: Floats, magerr: Floats, starts: Integers, counts: Integers, bands: Integers
) -> tuple[Floats, Floats, Floats, Integers]:
    """Times from the first epoch (days), magnitudes and errors (n,), band after band, and where the bands start.

    Of band b these are the first counts[b] epochs from starts[b] on.
    """
    n_epochs = counts[bands].sum()
    time, mags, errors = np.empty(n_epochs), np.empty(n_epochs), np.empty(n_epochs)
    band_starts = np.zeros(bands.size + 1, np.int64)
    for i in range(bands.size):
        a, n, start = starts[bands[i]], counts[bands[i]], band_starts[i]
        band_starts[i + 1] = start + n
        time[start : start + n] = mjd[a : a + n]
        mags[start : start + n] = mag[a : a + n]
        errors[start : start + n] = magerr[a : a + n]
    time -= time.min()
    return time, mags, errors, band_starts


@kernel
def usable_bands(
    mjd: Floats, mag: Floats, magerr: Floats, starts: Integers, counts: Integers, codes: Integers
) -> Integers:
    """Which bands of an object, fewest epochs first, can be searched together.

    Of band b these are the first counts[b] epochs from starts[b] on. Fills `codes` (bands,): what is wrong with them. A
    band too far in time from those with more epochs is left out.
    """
    for b in range(counts.size):
        a, n = starts[b], counts[b]
        codes[b] = check(mjd[a : a + n], mag[a : a + n], magerr[a : a + n])
    by_length = np.argsort(counts, kind="mergesort")  # stable
    bands, first_kept = np.empty(counts.size, np.int64), counts.size
    first, last = np.inf, -np.inf
    for b in by_length[::-1]:
        if codes[b] != USABLE:
            continue
        earliest, latest = min(first, mjd[starts[b]]), max(last, mjd[starts[b] + counts[b] - 1])
        if latest - earliest > LONGEST_BASELINE:
            codes[b] = BASELINE_TOO_LONG
            continue
        first, last, first_kept = earliest, latest, first_kept - 1
        bands[first_kept] = b
    return bands[first_kept:]


@kernel
def period_and_state(
    mjd: Floats,
    mag: Floats,
    magerr: Floats,
    starts: Integers,
    n_seen: Integers,
    bands: Integers,
    old: Bytes,
    new: Bytes,
    row: Floats,
) -> int:
    """The one period of the usable `bands` of an object as of the last rung; `old` state or none.

    Band b is the first n_seen[b] epochs from starts[b] on. Fills `row` and `new` (uint8); returns the bytes used of
    `new`.
    """
    counts = epochs_of_rung(mjd, starts, n_seen, bands)
    key = digest(hash_bands(mjd, mag, magerr, starts, counts, bands))
    sound = is_sound(old)
    if sound and recall(old, key, row[:N_FOUND]):
        row[LOOKED_AT] = 0
        new[: old.size] = old
        return old.size
    searched = bands
    if counts[bands].sum() < n_seen[bands].sum():
        searched = usable_bands(mjd, mag, magerr, starts, counts, np.empty(counts.size, np.int64))
        if searched.size == 0:  # only the epochs since then make a light curve of it
            counts, searched = n_seen, bands
            key = digest(hash_bands(mjd, mag, magerr, starts, counts, bands))
    time, mags, errors, band_starts = gather(mjd, mag, magerr, starts, counts, searched)
    step, n_blocks = grid_of(time.max())
    ceilings = np.empty(n_blocks, np.float32)
    data, chi2 = weighed(time, mags, errors, band_starts)
    hashes = hash_bands(mjd, mag, magerr, starts, counts, searched)
    bounded = sound and covers_only(old, hashes) and read_ceilings(old, step, chi2, ceilings)
    search_period(data, mags, errors, step, bounded, ceilings, row)
    size = state_size(time.size, n_blocks)
    write_state(hashes, key, row[:N_FOUND], step, chi2, old_unit(old) if bounded else 0.0, ceilings, new[:size])
    return size


@kernel
def n_epochs_until(mjd: Floats, asof: float) -> int:
    """Number of epochs of a sorted light curve no later than `asof`."""
    n = mjd.size
    while n > 0 and mjd[n - 1] > asof:
        n -= 1
    return n


@kernel
def plan_states(
    mjd: Floats, offsets: Integers, objects: Integers, views: Integers, asof: Floats, slots: Integers
) -> None:
    """Fill `slots` (n + 1,) with where each object's new state may be written; 8-byte aligned."""
    slots[0] = 0
    for i in range(objects.size - 1):
        n_epochs, first, last = 0, np.inf, -np.inf
        until = asof[views[i] : views[i + 1]].max() if views[i + 1] > views[i] else -np.inf
        for b in range(objects[i], objects[i + 1]):
            times = mjd[offsets[b] : offsets[b + 1]]
            n = n_epochs_until(times, until)
            if n > 0:
                n_epochs, first, last = n_epochs + min(n, MOST_EPOCHS), min(first, times[0]), max(last, times[n - 1])
        size = 0
        if n_epochs > 0:
            size = state_size(n_epochs, grid_of(min(last - first, LONGEST_BASELINE))[1])
        slots[i + 1] = slots[i] + size


@kernel
def is_ahead(mjd: Floats, mag: Floats, magerr: Floats, offsets: Integers, until: float, old: Bytes, new: Bytes) -> bool:
    """Whether an `old` state is of the object, but covers epochs later than `until`, so that it is to be kept.

    Band b of the object is epochs offsets[b]:offsets[b + 1]; the `new` state is of no later ones.
    """
    if not is_sound(old) or is_within(old, new):
        return False
    every, n_seen = np.arange(offsets.size - 1), np.empty(offsets.size - 1, np.int64)
    for b in every:
        n_seen[b] = n_epochs_until(mjd[offsets[b] : offsets[b + 1]], until)
    if covers_only(old, hash_bands(mjd, mag, magerr, offsets, n_seen, every)):
        return False
    return covers_only(old, hash_bands(mjd, mag, magerr, offsets, np.diff(offsets), every))


@kernel
def describe(
    mjd: Floats,
    mag: Floats,
    magerr: Floats,
    starts: Integers,
    n_seen: Integers,
    bands: Integers,
    row: Floats,
    features: Floats,
    profiles: Floats,
) -> None:
    """Measure with all epochs what the last rung's search found: `row`, features and profiles, a row for each band."""
    time, mags, errors, band_starts = gather(mjd, mag, magerr, starts, n_seen, bands)
    winsorized_mag, winsorized_err = np.empty(time.size), np.empty(time.size)
    winsorize(mags, errors, band_starts, winsorized_mag, winsorized_err)
    winsorized, chi2 = weighed(time, winsorized_mag, winsorized_err, band_starts)
    _, weight, signal, _, shares = winsorized
    row[N_EPOCHS], row[BASELINE] = time.size, time.max()
    compared, _ = for_choice(time, winsorized_mag, winsorized_err, band_starts)
    row[FREQUENCY], row[POWER] = measure(compared, row[FREQUENCY], grid_of(time.max())[0], 1 / time.max())
    frequency = row[FREQUENCY]
    for i in range(bands.size):
        part, b, n = slice(band_starts[i], band_starts[i + 1]), bands[i], n_seen[bands[i]]
        times = mjd[starts[b] : starts[b] + n]
        features_given_period(times, mags[part], errors[part], 1 / frequency, features[b])
        profiles[b, profile.PEAK_PERIOD], profiles[b, profile.PEAK_POWER] = 1 / row[PEAK_FREQUENCY], row[PEAK_POWER]
        profiles[b, profile.FALSE_ALARM_PROBABILITY] = row[FALSE_ALARM]
        data = (time[part], weight[part], signal[part], np.array([0, n]), np.ones(1))
        deviation = math.sqrt(shares[i] * chi2 / np.sum(1 / winsorized_err[part] ** 2))
        profile_of_winsorized(data, deviation, errors[part], frequency, profiles[b, FROM_SEARCH:])


@kernel
def update_batch(
    mjd: Floats,
    mag: Floats,
    magerr: Floats,
    offsets: Integers,
    objects: Integers,
    views: Integers,
    asof: Floats,
    least: int,
    old: Bytes,
    old_offsets: Integers,
    new: Bytes,
    slots: Integers,
    curves: Integers,
    features: Floats,
    profiles: Floats,
    rows: Floats,
    sizes: Integers,
    codes: Integers,
) -> None:
    """Check, search and describe every object of a batch; see `starsieve.features.stream.update_many`.

    features, profiles and codes have a row for each light curve in each view, those of object i from curves[i] on,
    whichever objects are asked for; rows one for each view, the others one for each object.
    """
    for i in range(objects.size - 1):
        first, last = objects[i], objects[i + 1]
        n_bands, own = last - first, offsets[first : last + 1] - offsets[first]
        epochs = slice(offsets[first], offsets[last])
        times, mags, errors = mjd[epochs], mag[epochs], magerr[epochs]
        n_seen, starts = np.empty(n_bands, np.int64), np.empty(n_bands, np.int64)
        before = held = old[old_offsets[i] : old_offsets[i + 1]]
        target, other = new[slots[i] : slots[i + 1]], np.empty(slots[i + 1] - slots[i], np.uint8)
        sizes[i] = -1
        for view in range(views[i], views[i + 1]):
            at = curves[i] + (view - views[i]) * n_bands
            for b in range(n_bands):
                n = n_epochs_until(times[own[b] : own[b + 1]], asof[view])
                skipped = first_in_window(n)
                starts[b], n_seen[b] = own[b] + skipped, n - skipped if n >= least else 0
            bands = usable_bands(times, mags, magerr[epochs], starts, n_seen, codes[at : at + n_bands])
            if bands.size == 0:
                continue
            row = rows[view]
            errors = floored_errors(magerr[epochs], starts, n_seen, bands)
            size = period_and_state(times, mags, errors, starts, n_seen, bands, held, target, row)
            held, target, other = target[:size], other, target
            sizes[i] = size
            if row[FREQUENCY] > 0:
                describe(times, mags, errors, starts, n_seen, bands, row, features[at:], profiles[at:])
            else:
                codes[at + bands] = NO_PERIOD
        if sizes[i] > 0 and is_ahead(times, mags, errors, own, asof[views[i + 1] - 1], before, held):
            sizes[i] = -1
        elif sizes[i] > 0:
            new[slots[i] : slots[i] + sizes[i]] = held


@kernel
def upsilont_batch(
    mjd: Floats, mag: Floats, magerr: Floats, offsets: Integers, features: Floats, codes: Integers
) -> None:
    """As `update_batch`, with the published period search and no states."""
    for i in range(offsets.size - 1):
        a, b = offsets[i], offsets[i + 1]
        codes[i] = check(mjd[a:b], mag[a:b], magerr[a:b])
        if codes[i] == USABLE:
            period = upsilont_period(mjd[a:b], mag[a:b])
            features_given_period(mjd[a:b], mag[a:b], magerr[a:b], period, features[i])
