"""Rubin's objects with a year behind them: what the store has of each, and the alerts that they issue next.

Light curves and search states are made once and kept in the cache. Packets are not: their rows are in memory, and each
is put together when it is sent, as a visit of them has more than a gigabyte. Cutouts are the same in all.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from starsieve.broker import simulate
from starsieve.broker.epochs import Epochs
from starsieve.broker.process import least_epochs, process
from starsieve.broker.simulate.lsst.observed import RubinStar
from starsieve.broker.simulate.lsst.packets import RubinPacketWriter, encoded_cutouts
from starsieve.broker.store import Stored
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.lsst_rows import FORM, ROW, light_curve
from starsieve.broker.surveys.packets import decode
from starsieve.features import caches
from starsieve.features.tools.commands import replacing
from starsieve.models.serving.classifier import Classifier

LATEST_NIGHTS = 60  # that issue the alerts
_BATCH = 500
_NOTHING = np.empty(0, ROW)


@dataclass(frozen=True)
class Year:
    """Objects that alert in the latest nights: rows and states as workers have left them with the alert before."""

    stars: Sequence[RubinStar]
    rows: Sequence[Epochs]
    states: Sequence[bytes | None]

    @property
    def object_ids(self) -> list[str]:
        """Of the stars."""
        return [star.object_id for star in self.stars]

    def epochs(self, star: int) -> int:
        """Exposures of an object in the store, of all bands."""
        return len(light_curve(self.rows[star]))

    def alerts(self) -> Iterator[tuple[int, list[bytes]]]:
        """Number of the star and parts of the packet of each alert, in time order."""
        cutouts = encoded_cutouts(self.stars[0], 0, np.random.default_rng(0))
        streams = [_alerts(number, star, cutouts) for number, star in enumerate(self.stars)]
        for _, number, writer, exposure in heapq.merge(*streams, key=lambda alert: alert[:2]):
            yield number, writer.parts(exposure, writer.alert_id(exposure, 0))


def year(objects: int, seed: int, classifier: Classifier) -> Year:
    """So many objects, as the network has met them; from the cache if that was made before."""
    stars = [star for star in simulate.lsst.invent(objects, LATEST_NIGHTS, seed) if star.alerting().any()]
    code = caches.code_of("features", "broker")[:16]
    file = caches.writable_folder() / f"year-{objects}-{seed}-{classifier.version}-{code}.npz"
    if not file.exists():
        rows, states = zip(*_met(stars, classifier), strict=True)
        arrays: dict[str, Any] = {
            "rows": np.concatenate(rows).view(np.uint8),
            "counts": np.array([each.size for each in rows]),
            "states": np.frombuffer(b"".join(states), np.uint8),
            "state_bytes": np.array([len(state) for state in states]),
        }
        with replacing(file) as unfinished, unfinished.open("wb") as out:
            np.savez(out, **arrays)
    with np.load(file) as found:
        kept = np.split(found["rows"].view(ROW), np.cumsum(found["counts"])[:-1])
        parts = np.split(found["states"], np.cumsum(found["state_bytes"])[:-1])
    return Year(stars, kept, [part.tobytes() or None for part in parts])


def _alerts(number: int, star: RubinStar, cutouts: bytes) -> Iterator[tuple[float, int, RubinPacketWriter, int]]:
    writer = RubinPacketWriter(star, cutouts)
    for exposure in np.flatnonzero(star.alerting()).tolist():
        yield float(star.mjd[exposure]), number, writer, exposure


def _met(stars: Sequence[RubinStar], classifier: Classifier) -> list[tuple[Epochs, bytes]]:
    """Rows and search state of each star, empty where there was no alert before."""
    cutouts = encoded_cutouts(stars[0], 0, np.random.default_rng(0))
    met = dict.fromkeys((star.object_id for star in stars), (_NOTHING, b""))
    for begin in range(0, len(stars), _BATCH):
        alerts = [_last_before(star, cutouts) for star in stars[begin : begin + _BATCH]]
        known = [alert for alert in alerts if alert is not None]
        nothing = {alert.object_id: Stored(_NOTHING) for alert in known}
        _, changes = process(known, nothing, classifier, min_epochs=least_epochs(classifier, None), form=FORM)
        met |= {change.object_id: (change.new_epochs, change.search_state or b"") for change in changes}
    return list(met.values())


def _last_before(star: RubinStar, cutouts: bytes) -> Alert | None:
    """The last alert before those that are issued."""
    before = np.flatnonzero(star.detected() & (star.mjd < star.begin))
    if not before.size:
        return None
    writer, exposure = RubinPacketWriter(star, cutouts), int(before[-1])
    (alert,) = decode(writer.packet(exposure, writer.alert_id(exposure, 0)), "lsst")
    if not isinstance(alert, Alert):
        raise alert
    return alert
