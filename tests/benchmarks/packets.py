"""What decoding, photometry and merging of one packet cost, on one core: python -m tests.benchmarks.packets"""

import os
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from starsieve.broker import simulate
from starsieve.broker.avro import reader
from starsieve.broker.surveys import AlertError, packets

STARS, SEED, PACKETS = 60, 3, 400
PASSES = 7


def main() -> None:
    """CPU time of a packet, by kind of packets: different ones, in the order of a stream; the best of some passes."""
    data = Path(os.environ.get("STARSIEVE_DATA", "../shared/data")) / "alerts" / "ztf_avro"
    kinds = {
        "real, ZTF's short histories": readable(sorted(data.rglob("*.avro"))),
        "simulated, 30 days": simulated(nights=120, first=1500),
        "simulated, first nights": simulated(nights=12, first=0),
    }
    table = Table("packets", "kB", "epochs", "us a packet", "ms in fastavro alone")
    for kind, sent in kinds.items():
        alerts = [alert for packet in sent for alert in packets.decode(packet, "ztf")]
        epochs = np.mean([alert.epochs.size for alert in alerts if not isinstance(alert, AlertError)])
        table.add_row(
            f"{len(sent)} {kind}",
            f"{np.mean([*map(len, sent)]) / 1e3:.0f}",
            f"{epochs:.0f}",
            f"{1e6 * seconds(lambda packet: packets.decode(packet, 'ztf'), sent):.0f}",
            f"{1e3 * seconds(reader.records, sent):.2f}",
        )
    Console().print(table)


def readable(files: Sequence[Path]) -> list[bytes]:
    """The packets with one record that can be read."""
    found = [path.read_bytes() for path in files]
    return [
        packet
        for packet in found
        if len(decoded := packets.decode(packet, "ztf")) == 1 and not isinstance(decoded[0], AlertError)
    ]


def simulated(nights: int, first: int) -> list[bytes]:
    """Packets of many stars, from the first-th one on."""
    stream = simulate.alerts(simulate.invent(STARS, nights, SEED))
    return [alert.packet for alert in islice(stream, first, first + PACKETS)]


def seconds(work: Callable[[bytes], object], sent: Sequence[bytes]) -> float:
    """CPU seconds for one packet."""
    passes = []
    for _ in range(PASSES):
        start = time.process_time()
        for packet in sent:
            work(packet)
        passes.append((time.process_time() - start) / len(sent))
    return min(passes)


if __name__ == "__main__":
    main()
