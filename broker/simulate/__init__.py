"""A simulated stream of alerts: schema-valid ZTF 4.02 packets of stars with known classes, from a seed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from starsieve.broker.simulate.catalogue import read_light_curves
from starsieve.broker.simulate.files import write_packets, write_truth
from starsieve.broker.simulate.invent import invent
from starsieve.broker.simulate.observed import ObservedStar
from starsieve.broker.simulate.packets import PacketWriter

__all__ = [
    "ObservedStar",
    "SimulatedAlert",
    "alerts",
    "count_alerts",
    "invent",
    "read_light_curves",
    "write_packets",
    "write_truth",
]


@dataclass(frozen=True, slots=True)
class SimulatedAlert:
    """One alert packet and where it comes from."""

    star: ObservedStar
    candid: int
    #: Start of the exposure (UTC, Julian date).
    jd: float
    packet: bytes


def count_alerts(stars: Sequence[ObservedStar]) -> int:
    """How many alerts the stars will issue."""
    return sum(int(star.alerting().sum()) for star in stars)


def alerts(stars: Sequence[ObservedStar]) -> Iterator[SimulatedAlert]:
    """All alerts of the stars, in time order."""
    writers = [PacketWriter(star) for star in stars]
    in_image: Counter[int] = Counter()
    for jd, number, exposure in sorted(_events(stars)):
        pid = writers[number].pid(exposure)
        candid = pid * 10**6 + 10**4 + in_image[pid]
        in_image[pid] += 1
        yield SimulatedAlert(stars[number], candid, jd, writers[number].packet(exposure, candid))


def _events(stars: Sequence[ObservedStar]) -> Iterator[tuple[float, int, int]]:
    """Time (Julian date), number of the star and of its exposure, for each alert."""
    for number, star in enumerate(stars):
        for exposure in np.flatnonzero(star.alerting()).tolist():
            yield float(star.jd[exposure]), number, exposure
