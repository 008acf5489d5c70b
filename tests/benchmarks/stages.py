"""What one alert costs, stage by stage, on one core and without servers: python -m tests.benchmarks.stages"""

import time
from collections import Counter

import numpy as np
from rich.console import Console
from rich.table import Table

from starsieve.broker import simulate
from starsieve.broker.epochs import EPOCH, merge
from starsieve.broker.outputs import ENCODERS
from starsieve.broker.outputs.message import Provenance
from starsieve.broker.process import process
from starsieve.broker.store import Stored
from starsieve.broker.surveys import Alert, packets
from starsieve.broker.warmup import warm_up
from starsieve.models.serving import registry

STARS, NIGHTS, SEED = 150, 120, 3
BATCH = 500
NOWHERE = Provenance("topic:0:0:0", 0, 0, 0, dict)


def main() -> None:
    """Simulated ZTF 4.02 alerts with cutouts, histories and forced photometry, in batches as the worker takes them."""
    warm_up()
    packets.warm_up()
    classifier, seconds = registry.load("ztf"), Counter[str]()
    sent = [alert.packet for alert in simulate.alerts(simulate.invent(STARS, NIGHTS, SEED))]
    stored: dict[str, Stored] = {}
    for first in range(0, len(sent), BATCH):
        start = time.perf_counter()
        decoded = [found for packet in sent[first : first + BATCH] for found in packets.decode(packet, "ztf")]
        alerts = [found for found in decoded if isinstance(found, Alert)]
        measured = time.perf_counter()
        for alert in alerts:
            stored.setdefault(alert.object_id, Stored(np.empty(0, EPOCH)))
        outcomes, changes = process(alerts, stored, classifier, min_epochs=20)
        classified = time.perf_counter()
        for outcome in outcomes:
            ENCODERS["starsieve"](outcome, classifier, NOWHERE)
        encoded = time.perf_counter()
        seconds.update(
            {
                "decode, photometry": measured - start,
                "merge, features, classification": classified - measured,
                "encode": encoded - classified,
            }
        )
        for change in changes:
            old = stored[change.object_id]
            state = change.search_state or old.search_state
            stored[change.object_id] = Stored(merge([old.epochs, change.new_epochs]), state)
    table = Table("stage", "ms an alert", title=f"{len(sent):,} alerts of {np.mean([*map(len, sent)]) / 1e3:.0f} kB")
    for stage, spent in seconds.items():
        table.add_row(stage, f"{1e3 * spent / len(sent):.2f}")
    table.add_row("all", f"{1e3 * seconds.total() / len(sent):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
