"""Simulated packets and their truth as files."""

import json
from collections.abc import Iterable
from pathlib import Path

from starsieve.broker.simulate.lsst.observed import RubinStar
from starsieve.broker.simulate.observed import ObservedStar

Star = ObservedStar | RubinStar


def write_packets(packets: Iterable[tuple[str, bytes]], folder: Path) -> int:
    """Writes <name>.avro for each packet, as ZTF's nightly archive names them by alert; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for count, (name, packet) in enumerate(packets, 1):  # noqa: B007 - the last value is the result
        (folder / f"{name}.avro").write_bytes(packet)
    return count


def write_truth(stars: Iterable[Star], file: Path) -> None:
    """Writes one JSON object a line for each star: object_id, name, label, period, ra, dec, exposures, alerts."""
    file.write_text("".join(f"{json.dumps(truth(star))}\n" for star in stars))


def truth(star: Star) -> dict[str, str | int | float | None]:
    """What a classification of the stream is compared with."""
    return {
        "object_id": star.object_id,
        "name": star.name,
        "label": star.label,
        "period": star.period,
        "ra": star.ra,
        "dec": star.dec,
        "exposures": len(star.jd),
        "alerts": int(star.alerting().sum()),
    }
