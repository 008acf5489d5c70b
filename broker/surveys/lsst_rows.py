"""Rubin's photometry at rest, and how it becomes a light curve of total magnitudes.

A variable star's template contains the star, so its flux is that of the difference plus that of the template. Neither
is measured at the star: a diaSource lies where noise has put the centroid of the difference, forced photometry where
the object was thought to be when it was processed, half an arcsecond off at times. So what is kept is what was measured
and where, and totals are made when it is read, by what is known of the star by then:

- of the diaSource and the forced photometry of one exposure, the one nearer to the star counts;
- its flux is divided by what a Gaussian point spread function has lost at that distance;
- to the differences of a band one reference is added, the median flux of the template, and another one from where that
  flux has changed at once: then the template has.

Place and references are estimated anew only where the number of exposures passes a rung of a ladder, or the changed
references would change all magnitudes, and with them the whole period search, at every alert.
"""

from collections.abc import Iterable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from starsieve.broker.epochs import BANDS, EPOCH, SAME_EXPOSURE_DAYS, Epochs, Form, packed
from starsieve.broker.surveys.barycentre import FIRST_MJD, LAST_MJD
from starsieve.features.photometry import MAG_PER_RELATIVE_FLUX, MIN_FORCED_SNR

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: mjd: as in EPOCH; flux, error: of the difference (nJy); template: the flux of the template at the same place (nJy),
#: NaN where it is not known; ra, dec: where all this was measured (PLACES a degree; 180 degrees are 0); lag: days until
#: it was processed; spread: of the point spread function, as a variance (arcsec^2), NaN where it is not known.
ROW = np.dtype(
    [
        ("mjd", "<f8"),
        ("flux", "<f4"),
        ("error", "<f4"),
        ("template", "<f4"),
        ("ra", "<i4"),
        ("dec", "<i4"),
        ("lag", "<f4"),
        ("spread", "<f2"),
        ("flags", "<u2"),
    ]
)
BAND, FORCED, WITHDRAWN = 0b111, 1 << 3, 1 << 4  # of flags
PLACES = 10_000_000  # 0.4 mas
ZERO_POINT = 31.4  # mag, of 1 nJy

#: What constant stars scatter beyond their photon noise: 0.3 to 2.6 % in 16 light curves of four, 1.0 % in the median
#: one (tests/benchmarks/rubin.py).
FLOOR_MAG = 0.011
_LADDER = 1.3  # of the numbers of exposures that the star's place and references are estimated from
# The logarithm of the part of the flux that a measurement may miss: it is 0.4" from the star in a seeing of 1.0".
# Farther out, constant stars are 2 to 10 % of their flux off, corrected or not: see tests/benchmarks/rubin.py.
_MOST_LOST = 0.2
_USUAL_SPREAD = 0.18  # arcsec^2: a seeing of 1.0"
_FEW = 5  # exposures that tell a reference, where the last rung has none
# A step of the template: the flux of so many exposures lies beyond that of nearly all of the last ones, by so much.
_STEP, _STEP_BEFORE, _STEP_LOOK_BACK, _STEP_QUANTILES = 0.1, 10, 25, (0.1, 0.9)
_LARGEST_FLUX = 1e15  # nJy


def merge_into(stored: Epochs, parts: Iterable[Epochs]) -> tuple[Epochs, Epochs]:
    """As `epochs.merge_into`: of each exposure one row as a diaSource and one as forced photometry.

    The one that was processed last counts, and whether it was withdrawn.
    """
    rows = np.concatenate([stored, *parts])
    kind = rows["flags"] & (BAND | FORCED)
    order = np.lexsort((rows["mjd"], kind))
    exposure = np.empty(rows.size, np.int64)
    exposure[order] = _exposures(rows["mjd"][order], kind[order])
    by_worth = (rows[name] for name in ("flux", "error", "template", "ra", "dec", "spread", "mjd"))
    order = np.lexsort((*by_worth, -rows["lag"], -(rows["flags"] & WITHDRAWN).astype(np.int64), exposure))
    winners = order[np.diff(exposure[order], prepend=-1) != 0]
    return rows[winners], rows[winners[winners >= stored.size]]


def are_sound(rows: Epochs) -> bool:
    """Whether rows can be what was measured."""
    sound = (rows["mjd"] > FIRST_MJD - 1) & (rows["mjd"] < LAST_MJD + 1) & (np.abs(rows["flux"]) < _LARGEST_FLUX)
    sound &= (rows["error"] > 0) & (rows["error"] < _LARGEST_FLUX) & ((rows["flags"] & BAND) < len(BANDS))
    return bool(sound.all())


def light_curve(rows: Epochs) -> Epochs:
    """Total magnitudes, one of each exposure, sorted by band and time.

    Exposures without one (no template's flux, a total that is not MIN_FORCED_SNR times its error, none that was
    measured near the star) are DIFFERENCE, with NaN for a magnitude.
    """
    rows = rows[rows["flags"] & WITHDRAWN == 0]
    band = (rows["flags"] & BAND).astype(np.int64)
    order = np.lexsort((rows["mjd"], band))
    rows, band = rows[order], band[order]
    exposure = _exposures(rows["mjd"], band)
    known = _known(rows["mjd"], exposure)
    is_forced = rows["flags"] & FORCED > 0
    lost = _lost(rows, band, is_forced, known)
    nearest = np.lexsort((is_forced, lost, exposure))
    nearest = nearest[np.diff(exposure[nearest], prepend=-1) != 0]
    rows, band, known, is_forced, lost = (each[nearest] for each in (rows, band, known, is_forced, lost))
    gain = np.exp(np.minimum(lost, _MOST_LOST))
    template = np.where(lost <= _MOST_LOST, rows["template"] * gain, np.nan)
    reference, number = _references(template, band, known)
    total, error = rows["flux"] * gain + reference, rows["error"] * gain
    good = (total > MIN_FORCED_SNR * error) & (lost <= _MOST_LOST)
    found = np.empty(rows.size, EPOCH)
    found["mjd"], found["mag"], found["magerr"] = rows["mjd"], np.nan, np.nan
    found["mag"][good] = ZERO_POINT - 2.5 * np.log10(total[good])
    found["magerr"][good] = np.hypot(MAG_PER_RELATIVE_FLUX * error[good] / total[good], FLOOR_MAG)
    columns = zip(band.tolist(), number.tolist(), is_forced.tolist(), good.tolist(), strict=True)
    found["flags"] = [packed(b, 0, n, forced, 0.0, not total) for b, n, forced, total in columns]
    return found


#: The survey's.
FORM = Form(ROW, merge_into, are_sound, light_curve, without_total="no_total_flux")


def _exposures(mjd: Floats, kind: NDArray[np.integer]) -> Integers:
    """The number of each row's exposure, of rows sorted by kind and time."""
    new = (np.diff(kind, prepend=-1) != 0) | (np.diff(mjd, prepend=-np.inf) > SAME_EXPOSURE_DAYS)
    return np.cumsum(new) - 1


def _known(mjd: Floats, exposure: Integers) -> NDArray[np.bool_]:
    """Which rows are of the exposures, in order of time, up to the last rung."""
    times = np.sort(mjd[np.diff(exposure, prepend=-1) != 0])
    last = times[rung_of(times.size) - 1] if times.size else -np.inf
    return mjd <= last + SAME_EXPOSURE_DAYS


def rung_of(n_exposures: int) -> int:
    """The last rung of the ladder up to a number of exposures."""
    rung = 1
    while (following := max(rung + 1, int(_LADDER * rung))) <= n_exposures:
        rung = following
    return rung


def _lost(rows: Epochs, band: Integers, is_forced: NDArray[np.bool_], known: NDArray[np.bool_]) -> Floats:
    """The natural logarithm of the part of its flux that each row has not seen, at its distance from the star.

    The star is at the median place of the better half of its diaSources. Forced photometry, which comes without a point
    spread function, is given the median one of its band.
    """
    if not rows.size:
        return np.empty(0)
    snr = np.abs(rows["flux"].astype(np.float64) / rows["error"])
    placing = known & ~is_forced if (known & ~is_forced).any() else known
    placing &= snr >= np.median(snr[placing])
    ra, dec = rows["ra"].astype(np.float64), rows["dec"].astype(np.float64)
    east = (ra - ra[placing][0] + 180 * PLACES) % (360 * PLACES) - 180 * PLACES  # across the 0 of ra
    north, centre = dec - np.median(dec[placing]), np.median(dec[placing]) / PLACES
    east = (east - np.median(east[placing])) * np.cos(np.radians(centre))
    distance2 = (east**2 + north**2) * (3600 / PLACES) ** 2
    spread = rows["spread"].astype(np.float64)
    seen = known & (spread > 0)
    for number in range(len(BANDS)):
        own = seen & (band == number)
        usual = np.median(spread[own if own.any() else seen]) if seen.any() else _USUAL_SPREAD
        spread[(band == number) & ~(spread > 0)] = usual
    return np.asarray(distance2 / (4 * spread), np.float64)


def _references(template: Floats, band: Integers, known: NDArray[np.bool_]) -> tuple[Floats, Integers]:
    """The flux of the reference that each row is added to, NaN where there is none, and its number in the band."""
    reference, number = np.full(template.size, np.nan), np.zeros(template.size, np.int64)
    measured = np.isfinite(template)
    for one in np.unique(band):
        of_band = np.flatnonzero(band == one)
        told = of_band[measured[of_band]]
        if not told.size:
            continue
        starts = np.append(0, _steps(template[told]))
        for n, (first, end) in enumerate(zip(starts, np.append(starts[1:], told.size), strict=True)):
            segment = told[first:end]
            telling = segment[known[segment]] if known[segment].any() else segment[:_FEW]
            served = of_band[of_band >= segment[0]] if n else of_band
            reference[served], number[served] = np.median(template[telling]), n
    return reference, number


def _steps(template: Floats) -> Integers:
    """Where a band's flux of the template, in order of time, changes at once and for good.

    A step is told by the _FEW rows behind it and those before: later ones change nothing of it.
    """
    if template.size < _STEP_BEFORE + _FEW:
        return np.empty(0, np.int64)
    after = sliding_window_view(template[_STEP_BEFORE:], _FEW)
    before = np.median(sliding_window_view(template[: -_FEW or None], _STEP_BEFORE), axis=1)
    moved = (after.min(axis=1) > (1 + _STEP) * before) | (after.max(axis=1) < (1 - _STEP) * before)
    steps = [0]
    for at in (np.flatnonzero(moved) + _STEP_BEFORE).tolist():
        last = template[max(steps[-1], at - _STEP_LOOK_BACK) : at]
        if last.size < _STEP_BEFORE:
            continue
        low, high = np.quantile(last, _STEP_QUANTILES)
        middle, following = np.median(last), template[at : at + _FEW]
        if following.min() > max(high, (1 + _STEP) * middle) or following.max() < min(low, (1 - _STEP) * middle):
            steps.append(at)
    return np.array(steps[1:], np.int64)
