"""A mature survey: objects with years of epochs and warm search states, and the alerts that they issue next.

Light curves and states are made once and kept in the cache; packets are written for each run. No two alerts of a run
have the same light curve: one that is repeated trains the branch predictor, and understates what a stream costs.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starsieve import features
from starsieve.broker.epochs import EPOCH, Epochs, band_numbers, flags, merge, on_grid
from starsieve.broker.simulate.invent import CLEAR_NIGHTS, FIRST_NIGHT_MJD, VISITED_NIGHTS, VISITS, invent
from starsieve.broker.simulate.observed import FID_G, ObservedStar, barycentric_middle, to_mag
from starsieve.broker.simulate.packets import HISTORY_D, PacketWriter
from starsieve.features import caches
from starsieve.features.photometry import CALIBRATION_ERROR, MAG_PER_RELATIVE_FLUX, MIN_FORCED_SNR, MJD0
from starsieve.features.tools.commands import replacing

LATEST_NIGHTS = 60  # after the light curves in the store; they issue the alerts
_OF_EXPOSURES = ("jd", "fid", "flux", "flux_error", "reference", "limit", "bogus", "failed")
_OF_STARS = ("object_id", "name", "label", "ra", "dec", "field", "rcid")
_THREADS = 2


@dataclass(frozen=True)
class Mature:
    """Objects that alert in the latest nights: what the store has of them, and how they were seen since.

    The exposures of `stars` begin HISTORY_D before the latest nights, so that packets have their histories.
    """

    stars: Sequence[ObservedStar]
    rows: Sequence[Epochs]
    states: Sequence[bytes]
    begin_jd: float

    @property
    def object_ids(self) -> list[str]:
        """Of the stars."""
        return [star.object_id for star in self.stars]

    def epochs(self, star: int) -> int:
        """Epochs of an object in the store, of all bands."""
        return self.rows[star].size

    @property
    def median_epochs(self) -> float:
        """Epochs in the store, of an object in all bands."""
        return float(np.median([rows.size for rows in self.rows]))

    def packets(self) -> Iterator[tuple[int, bytes]]:
        """Number of the star and packet of each alert, in time order."""
        streams = [self._alerts(number) for number in range(len(self.stars))]
        for candid, (_, number, writer, exposure) in enumerate(heapq.merge(*streams, key=lambda alert: alert[:2])):
            yield number, writer.packet(exposure, candid + 1)

    def _alerts(self, number: int) -> Iterator[tuple[float, int, PacketWriter, int]]:
        star = self.stars[number]
        writer = PacketWriter(star)
        for exposure in np.flatnonzero(star.alerting() & (star.jd >= self.begin_jd)).tolist():
            yield float(star.jd[exposure]), number, writer, exposure


def mature(objects: int, epochs: int, days: int, seed: int) -> Mature:
    """So many objects with so many epochs in g and r within so many days; from the cache if it was made before."""
    code = caches.code_of("features", "broker/bench", "broker/simulate")[:16]
    file = caches.writable_folder() / f"mature-{objects}-{epochs}-{days}-{seed}-{code}.npz"
    if not file.exists():
        made = _make(objects, epochs, days, seed)
        with replacing(file) as unfinished, unfinished.open("wb") as out:
            np.savez(out, **_arrays(made))
    return _read(file)


def _make(objects: int, epochs: int, days: int, seed: int) -> Mature:
    visited = VISITED_NIGHTS if epochs == 0 else min(1.0, epochs / (days * CLEAR_NIGHTS * VISITS))
    begin_jd = FIRST_NIGHT_MJD + MJD0 + days
    observed = invent(objects, days + LATEST_NIGHTS, seed, visited=visited)
    alerting = [star for star in observed if (star.alerting() & (star.jd >= begin_jd)).any()]
    rows = [_rows(_part(star, star.jd < begin_jd)) for star in alerting]
    return Mature([_part(star, star.jd >= begin_jd - HISTORY_D) for star in alerting], rows, _states(rows), begin_jd)


def _part(star: ObservedStar, exposures: NDArray[np.bool_]) -> ObservedStar:
    columns: dict[str, Any] = {name: getattr(star, name)[exposures] for name in _OF_EXPOSURES}
    return replace(star, **columns)


def _rows(star: ObservedStar) -> Epochs:
    """What the store has after all packets: the alerting exposures as detections, the others by forced photometry."""
    usable = ~star.failed & ~star.bogus & (star.flux > MIN_FORCED_SNR * star.flux_error)
    seen = _part(star, usable)
    rows = np.empty(seen.jd.size, EPOCH)
    rows["mjd"] = on_grid(barycentric_middle(seen.jd, star.ra, star.dec))
    rows["mag"] = to_mag(seen.flux)
    rows["magerr"] = np.hypot(MAG_PER_RELATIVE_FLUX * seen.flux_error / seen.flux, CALIBRATION_ERROR)
    of = {
        (fid, forced): flags("g" if fid == FID_G else "r", program=1, forced=forced, lag_days=1 if forced else 0)
        for fid in np.unique(seen.fid).tolist()
        for forced in (False, True)
    }
    rows["flags"] = [of[each] for each in zip(seen.fid.tolist(), (~seen.alerting()).tolist(), strict=True)]
    return merge([rows])


def _states(rows: Sequence[Epochs]) -> list[bytes]:
    """The search state of each object: what a worker has left."""
    together = np.concatenate(rows)
    owner = np.repeat(np.arange(len(rows)), [each.size for each in rows])
    bands = band_numbers(together)
    first = np.flatnonzero((np.diff(owner, prepend=-1) != 0) | (np.diff(bands, prepend=-1) != 0))
    objects = np.searchsorted(owner[first], np.arange(len(rows) + 1))
    mjd, mag, magerr = (together[name].astype(np.float64) for name in ("mjd", "mag", "magerr"))
    offsets = np.append(first, together.size)
    found = features.update_many([None] * len(rows), mjd, mag, magerr, offsets, objects=objects, threads=_THREADS)
    return [state or b"" for state in found.states]


def _arrays(made: Mature) -> dict[str, Any]:
    """Everything as plain arrays, for a file without pickle."""
    of_exposures = {name: np.concatenate([getattr(star, name) for star in made.stars]) for name in _OF_EXPOSURES}
    of_stars = {name: np.array([getattr(star, name) for star in made.stars]) for name in _OF_STARS}
    return {
        **of_exposures,
        **of_stars,
        "period": np.array([star.period or np.nan for star in made.stars]),
        "exposures": np.array([star.jd.size for star in made.stars]),
        "rows": np.concatenate(made.rows).view(np.uint8),
        "epochs": np.array([rows.size for rows in made.rows]),
        "states": np.frombuffer(b"".join(made.states), np.uint8),
        "state_bytes": np.array([len(state) for state in made.states]),
        "begin_jd": np.array(made.begin_jd),
    }


def _read(file: Path) -> Mature:
    with np.load(file) as arrays:
        found: dict[str, Any] = {name: arrays[name] for name in arrays.files}
    ends = np.cumsum(found["exposures"])[:-1]
    of_exposures: dict[str, Any] = {name: np.split(found[name], ends) for name in _OF_EXPOSURES}
    stars = [
        ObservedStar(
            **{name: found[name][number].item() for name in _OF_STARS},
            **{name: of_exposures[name][number] for name in _OF_EXPOSURES},
            period=None if np.isnan(period) else float(period),
        )
        for number, period in enumerate(found["period"].tolist())
    ]
    rows = np.split(found["rows"].view(EPOCH), np.cumsum(found["epochs"])[:-1])
    states = [part.tobytes() for part in np.split(found["states"], np.cumsum(found["state_bytes"])[:-1])]
    return Mature(stars, rows, states, float(found["begin_jd"]))
