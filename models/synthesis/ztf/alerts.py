"""What ZTF makes of a star: real exposure times, noise of difference images, the 5 sigma alerts, forced points."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from starsieve.features.photometry import MAX_MAGERR, MIN_FORCED_SNR, MJD0, magnitude
from starsieve.models import ModelError
from starsieve.models.synthesis.epochs import (
    Alerts,
    Bools,
    Epochs,
    Exposures,
    Floats,
    Ints,
    Strings,
    Telescope,
    offsets_of,
)
from starsieve.models.synthesis.noise import heavy_tailed

# g - r counts in g, and in r not at all; quasars: wavelength^-0.479, from r: see bands.KINDS.
ZTF = Telescope(("g", "r"), ("g", "r"), colour=(1.0, 0.0), quasar=(1.137, 1.0))
MIN_EXPOSURES = 4  # of a history that is worth repeating
MAX_RATE = 3.0  # exposures a day; commissioning had up to 10
SIMILAR = 15  # histories on either side, by exposure rate, that one field's seasons are drawn from
SEASON = (120.0, 300.0)  # days that a field is observable
YEAR = 365.25
# Quoted error of a difference flux f_d at total flux f, measured on 2,501 detections in real packets:
# (1.3 limit/5)^2 + PHOTON f + (FLOOR f)^2, within e^0.3; detection itself uses limit/5 (the 1st percentile of
# f_d / (limit/5) is 3.6, of f_d / quoted error 3.4 for faint and 5 for bright stars).
BACKGROUND, PHOTON, FLOOR, QUOTED_SPREAD = 1.3, 2.3e-11, 0.006, 0.3
FORCED_BACKGROUND = 0.7  # forced points quote 0.7 limit/5 and no photon noise (91 real points)
THRESHOLD = 5.0
FORCED_DAYS = 30.0
# Share of exposures with foreign light, and its mean in limiting fluxes: faint ztf_field stars have a skewness of
# -0.6 to -0.8. In alerts the real-bogus cut removes them.
GLARE, GLARE_SIZE = 0.03, 0.3
LOST = 0.04  # share of detections that never become an alert (real-bogus cut, masked pixels)
REFERENCE_EXPOSURES = 20


@dataclass(frozen=True)
class History:
    """Exposures of one field in one packet: days since midnight before the first, band index, limiting magnitude."""

    day: Floats
    band: Ints
    limit: Floats


def read_histories(folder: Path) -> list[History]:
    """Exposures, detections or not, of every readable packet in a folder's .avro files, from few to many a day.

    Raises ModelError if there is none.
    """
    import fastavro  # noqa: PLC0415 - only those who make training data need it here

    histories = []
    for path in sorted(folder.rglob("*.avro")):
        with path.open("rb") as file:
            try:
                packets = list(fastavro.reader(file))
            except (ValueError, EOFError, IndexError):  # truncated files are part of the collection
                continue
        histories += [
            history for packet in packets if isinstance(packet, dict) and (history := _history(packet)) is not None
        ]
    if not histories:
        raise ModelError(f"no ZTF packets in {folder}; --data or STARSIEVE_DATA says where they are")
    return sorted(histories, key=lambda history: len(history.day) / (np.ptp(history.day) + 1.0))


def _history(packet: dict[str, Any]) -> History | None:
    rows = [*(packet.get("prv_candidates") or []), packet["candidate"]]
    rows = [row for row in rows if row["fid"] in (1, 2) and (row.get("diffmaglim") or 0.0) > 0.0]
    table = np.array(sorted({(row["jd"], row["fid"] - 1, row["diffmaglim"]) for row in rows}))
    if len(table) < MIN_EXPOSURES or len(table) / (np.ptp(table[:, 0]) + 1.0) > MAX_RATE:
        return None
    mjd = table[:, 0] - MJD0
    return History(mjd - np.floor(mjd[0]), table[:, 1].astype(np.int64), table[:, 2])


def draw_exposures(rng: np.random.Generator, histories: list[History], n: int) -> Exposures:
    """One to six years of seasons for n objects, each made of real histories of similarly observed fields."""
    fields = [_field(rng, histories) for _ in range(n)]
    counts = np.array([len(field) for field in fields])
    table = np.concatenate(fields)
    epochs = Epochs(table[:, 0], offsets_of(counts))
    return Exposures(ZTF, epochs, table[:, 1].astype(np.int64), 10.0 ** (-0.4 * table[:, 2]))


def _field(rng: np.random.Generator, histories: list[History]) -> Floats:
    """Rows (mjd, band, limiting magnitude) of one object, ascending in time."""
    like = int(rng.integers(0, len(histories)))
    low, high = max(0, like - SIMILAR), min(len(histories), like + SIMILAR)
    first, length = 58200.0 + rng.integers(0, 365), rng.uniform(*SEASON)
    rows = []
    for season in range(int(rng.integers(1, 7))):
        day = 0.0
        while day < length:
            history = histories[rng.integers(low, high)]
            start = first + np.round(season * YEAR) + day
            within = history.day < length - day
            rows.append(np.column_stack([start + history.day, history.band, history.limit])[within])
            day += float(np.ceil(history.day[-1])) + 1.0
    return np.concatenate(rows)


def noise_of(limit: Floats, flux: Floats, background: float) -> Floats:
    """Standard deviation of a difference flux where the 5 sigma limit and the star's total flux are these."""
    return np.sqrt((background * limit / THRESHOLD) ** 2 + PHOTON * flux + (FLOOR * flux) ** 2)


def reference_flux(rng: np.random.Generator, exposures: Exposures, flux: Floats) -> Floats:
    """Flux of each point's reference image (n_points,): the mean of consecutive exposures of that object and band."""
    reference = np.empty(len(flux))
    for chosen in exposures.curves():
        first = rng.integers(0, max(1, len(chosen) - REFERENCE_EXPOSURES))
        reference[chosen] = flux[chosen[first : first + REFERENCE_EXPOSURES]].mean()
    return reference


def select(rng: np.random.Generator, exposures: Exposures, flux: Floats, reference: Floats, way: Strings) -> Alerts:
    """Pass true fluxes (n_points,) through difference imaging, the alert threshold and forced photometry.

    way (n,): "alerts", "forced" (every alert carries 30 days of forced photometry) or "all" (every exposure in which
    the object itself is seen, as in a data release). Total magnitudes, errors and cuts as in the stream: reference +
    difference, positive sums only, the rest as in features.photometry; no forced points without a reference source.
    """
    n, epochs = len(flux), exposures.epochs
    true_noise = noise_of(exposures.limit, flux, BACKGROUND)
    total = flux + true_noise * heavy_tailed(rng, n)
    every = (way == "all")[epochs.index]
    total += np.where(every & (rng.random(n) < GLARE), GLARE_SIZE * exposures.limit * rng.standard_exponential(n), 0.0)
    difference = np.abs(total - reference)
    detected = (difference > THRESHOLD * noise_of(exposures.limit, flux, 1.0)) & (total > 0.0) & (rng.random(n) > LOST)
    forced = _within_forced(epochs, detected) & ~detected & (reference > 0.0) & (way == "forced")[epochs.index]
    quoted = true_noise * np.exp(QUOTED_SPREAD * rng.standard_normal(n))
    quoted = np.where(every, _release_noise(exposures, np.maximum(total, 0.0)), quoted)
    noise = np.where(forced, FORCED_BACKGROUND * exposures.limit / THRESHOLD, quoted)
    forced &= total > MIN_FORCED_SNR * noise
    everything = every & (total > THRESHOLD * np.maximum(quoted, true_noise))
    safe = np.where(total > 0.0, total, 1.0)
    mag, magerr = magnitude(safe, noise)
    good = magerr < MAX_MAGERR
    return Alerts(good & (detected | forced | everything), good & detected, mag, magerr)


def _release_noise(exposures: Exposures, total: Floats) -> Floats:
    """Errors as a data release quotes them: by measured magnitude alone, whatever the night (ztf_field: so it is)."""
    typical = np.empty(len(total))
    for chosen in exposures.curves():
        typical[chosen] = np.median(exposures.limit[chosen])
    return noise_of(typical, total, BACKGROUND)


def _within_forced(epochs: Epochs, detected: Bools) -> Bools:
    """Points of the nights before a detection of the same object, at most FORCED_DAYS before it."""
    span = np.ceil(np.ptp(epochs.mjd) + 2.0 * FORCED_DAYS)
    time = epochs.mjd - np.floor(epochs.mjd.min()) + epochs.index * span  # rises across objects: one search serves all
    alerts = np.append(time[detected], np.inf)
    within: Bools = alerts[np.searchsorted(alerts, np.floor(time) + 1.0)] - time <= FORCED_DAYS
    return within
