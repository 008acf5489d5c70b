"""What an archive does for stars of the stream: share of right classes and periods, and what its zero point may cost.

python -m tests.benchmarks.backfilled --data LIGHT_CURVES [--objects 300] [--seed 1]

Alerts of held-out stars are simulated; the first half of every star's light curve is the archive, in the band r, with
another zero point than the alerts. The last alert of each star is answered as a worker would.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from starsieve.broker.epochs import EPOCH, Epochs, are_archived, merge
from starsieve.broker.process import process
from starsieve.broker.simulate import alerts as simulated
from starsieve.broker.simulate import read_light_curves
from starsieve.broker.simulate.catalogue import noise_share
from starsieve.broker.simulate.observed import ObservedStar
from starsieve.broker.store import Stored
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.packets import decode
from starsieve.broker.tools.archive_rows import rows_of
from starsieve.features.tools.folder import opened
from starsieve.models.serving import registry

OFFSETS = (0.0, 0.02, 0.05, 0.1)  # mag
BAND = "r"  # of ZTF; stands for the catalogue's only one
PERIOD_TOLERANCE = 0.01  # relative
MIN_EPOCHS = 20


def last_alerts(stars: Sequence[ObservedStar]) -> dict[str, Alert]:
    """Each star's last alert, with the epochs of all of its alerts."""
    arrived: dict[str, list[Alert]] = {}
    for packet in simulated(stars):
        (alert,) = decode(packet.packet, "ztf")
        assert isinstance(alert, Alert)
        arrived.setdefault(alert.object_id, []).append(alert)
    found = {}
    for object_id, of_star in arrived.items():
        last = max(of_star, key=lambda alert: alert.mjd)
        found[object_id] = Alert(
            last.survey, last.alert_id, object_id, last.time_ms, last.mjd, last.ra, last.dec,
            merge([alert.epochs for alert in of_star]),
        )  # fmt: skip
    return found


def first_halves(folder: Path, stars: Sequence[ObservedStar], *, quoted: bool = False) -> dict[str, Epochs]:
    """The archive: rows of the first half of each star's epochs; errors as quoted, or as alerts have them."""
    light_curves = opened(folder)
    number = {name: i for i, name in enumerate(light_curves.objects.object_id.tolist())}
    found = {}
    for star in stars:
        curves = light_curves.light_curves(np.array([number[star.name.partition(" ")[2]]]))
        share = 1.0 if quoted else noise_share(curves.mjd, curves.mag, curves.magerr)
        half = slice(0, curves.mjd.size // 2)
        found[star.object_id] = rows_of(BAND, curves.mjd[half], curves.mag[half], curves.magerr[half] * share)
    return found


def corrected(archive: Epochs, of_stream: Epochs) -> Epochs:
    """The archive at the stream's zero point, as medians of the epochs at the same time have it where they overlap."""
    first, last = of_stream["mjd"].min(initial=np.inf), archive["mjd"].max(initial=-np.inf)
    there, here = archive["mag"][archive["mjd"] >= first], of_stream["mag"][of_stream["mjd"] <= last]
    moved = archive.copy()
    if there.size >= MIN_EPOCHS // 2 and here.size >= MIN_EPOCHS // 2:
        moved["mag"] += np.median(here) - np.median(there)
    return moved


def answered(alerts: dict[str, Alert], archives: dict[str, Epochs], stars: Sequence[ObservedStar]) -> Counter[str]:
    """Stars with an answer, right ones among them, and right periods."""
    classifier = registry.load("ztf")
    stored = {name: Stored(archives.get(name, np.empty(0, EPOCH))) for name in alerts}
    outcomes, _ = process([*alerts.values()], stored, classifier, min_epochs=classifier.min_epochs)
    truth, counts = {star.object_id: star for star in stars}, Counter[str]()
    for outcome in outcomes:
        star = truth[outcome.alert.object_id]
        counts["stars"] += 1
        if outcome.reason is not None:
            continue
        counts["answered"] += 1
        counts["right"] += classifier.classes[int(outcome.probabilities.argmax())] == star.label
        if outcome.period is not None and star.period is not None:
            counts["periods"] += abs(outcome.period.period / star.period - 1) < PERIOD_TOLERANCE
            ratio = 2 * outcome.period.period / star.period
            counts["half"] += abs(ratio - 1) < PERIOD_TOLERANCE
    return counts


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--objects", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    stars = read_light_curves(options.data, options.objects, options.seed, held_out=True)
    alerts, archive = last_alerts(stars), first_halves(options.data, stars)
    quoted = first_halves(options.data, stars, quoted=True)
    columns = ("stars", "answered", "right", "periods", "half")
    table = Table("archive", *columns)
    for name, rows in [("none", {}), ("errors as quoted", quoted), *variants(archive, alerts)]:
        counts = answered(alerts, rows, stars)
        table.add_row(name, *(str(counts[column]) for column in columns))
    Console().print(table)


def variants(archive: dict[str, Epochs], alerts: dict[str, Alert]) -> list[tuple[str, dict[str, Epochs]]]:
    """The archives to compare, by name."""
    found: list[tuple[str, dict[str, Epochs]]] = []
    for offset in OFFSETS:
        moved = {name: rows.copy() for name, rows in archive.items()}
        for rows in moved.values():
            rows["mag"] += offset
        assert all(are_archived(rows).all() for rows in moved.values())
        found.append((f"{offset} mag off", moved))
        both = {name: corrected(moved[name], alert.epochs) for name, alert in alerts.items()}
        found.append((f"{offset}, medians made same", both))
    return found


if __name__ == "__main__":
    main()
