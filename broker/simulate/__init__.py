"""A simulated stream of alerts: schema-valid ZTF 4.02 packets of stars with known classes, from a seed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from broker.simulate.catalogue import read_light_curves
from broker.simulate.invent import invent
from broker.simulate.observed import ObservedStar
from broker.simulate.packets import PacketWriter, process_ids

__all__ = ["ObservedStar", "SimulatedAlert", "alerts", "invent", "read_light_curves"]


@dataclass(frozen=True, slots=True)
class SimulatedAlert:
    """One alert packet and where it comes from."""

    star: ObservedStar
    candid: int
    #: Start of the exposure (UTC, Julian date).
    jd: float
    packet: bytes


def alerts(stars: Sequence[ObservedStar]) -> Iterator[SimulatedAlert]:
    """All alerts of the stars, in time order."""
    flagged = [np.flatnonzero(star.alerting()) for star in stars]
    owner = np.repeat(np.arange(len(stars)), [len(indices) for indices in flagged])
    index = np.concatenate([np.empty(0, np.int64), *flagged])
    jd = np.concatenate([np.empty(0), *(star.jd[indices] for star, indices in zip(stars, flagged, strict=True))])
    pids = np.concatenate([np.empty(0, np.int64), *(process_ids(s)[i] for s, i in zip(stars, flagged, strict=True))])
    writers: dict[int, PacketWriter] = {}
    remaining = Counter(owner.tolist())
    extracted: Counter[int] = Counter()
    for position in np.argsort(jd, kind="stable").tolist():
        number, pid = int(owner[position]), int(pids[position])
        writer = writers.get(number) or writers.setdefault(number, PacketWriter(stars[number]))
        candid = pid * 10**6 + 10**4 + extracted[pid]
        extracted[pid] += 1
        yield SimulatedAlert(stars[number], candid, float(jd[position]), writer.packet(int(index[position]), candid))
        remaining[number] -= 1
        if not remaining[number]:
            del writers[number]
