"""A simulated stream of alerts: schema-valid packets of ZTF (4.02) or Rubin (11.1) of stars with known classes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from starsieve.broker.simulate import lsst
from starsieve.broker.simulate.catalogue import read_light_curves
from starsieve.broker.simulate.files import Star, write_packets, write_truth
from starsieve.broker.simulate.invent import invent
from starsieve.broker.simulate.lsst.observed import RubinStar
from starsieve.broker.simulate.lsst.packets import RubinPacketWriter
from starsieve.broker.simulate.observed import ObservedStar
from starsieve.broker.simulate.packets import PacketWriter
from starsieve.features.tools.columns import AS_NAMED, Form

__all__ = [
    "SURVEYS",
    "ObservedStar",
    "RubinStar",
    "SimulatedAlert",
    "Star",
    "alerts",
    "count_alerts",
    "invent",
    "invented",
    "read_light_curves",
    "real",
    "write_packets",
    "write_truth",
]

#: Whose packets can be made.
SURVEYS = ("ztf", "lsst")


@dataclass(frozen=True, slots=True)
class SimulatedAlert:
    """One alert packet and where it comes from."""

    star: Star
    alert_id: int
    #: When the star was seen (Julian date): the start of ZTF's exposures (UTC), the middle of Rubin's (TAI).
    jd: float
    packet: bytes


def invented(survey: str, objects: int, nights: int, seed: int) -> Sequence[Star]:
    """Invented stars that issue alerts in so many nights."""
    return lsst.invent(objects, nights, seed) if survey == "lsst" else invent(objects, nights, seed)


def real(
    survey: str, path: Path, objects: int, seed: int, *, held_out: bool = False, form: Form = AS_NAMED
) -> Sequence[Star]:
    """Real stars, as `read_light_curves` has them of ZTF, as if the survey had observed them at the same epochs."""
    stars = read_light_curves(path, objects, seed, held_out=held_out, form=form)
    return stars if survey == "ztf" else [lsst.seen(star, number) for number, star in enumerate(stars)]


def count_alerts(stars: Sequence[Star]) -> int:
    """How many alerts the stars will issue."""
    return sum(int(star.alerting().sum()) for star in stars)


def alerts(stars: Sequence[Star]) -> Iterator[SimulatedAlert]:
    """All alerts of the stars, in time order."""
    writers = [RubinPacketWriter(star) if isinstance(star, RubinStar) else PacketWriter(star) for star in stars]
    in_image: Counter[int] = Counter()
    for jd, number, exposure in sorted(_events(stars)):
        writer = writers[number]
        image = writer.image(exposure)
        alert_id = writer.alert_id(exposure, in_image[image])
        in_image[image] += 1
        yield SimulatedAlert(stars[number], alert_id, jd, writer.packet(exposure, alert_id))


def _events(stars: Sequence[Star]) -> Iterator[tuple[float, int, int]]:
    """Time (Julian date), number of the star and of its exposure, for each alert."""
    for number, star in enumerate(stars):
        for exposure in np.flatnonzero(star.alerting()).tolist():
            yield float(star.jd[exposure]), number, exposure
