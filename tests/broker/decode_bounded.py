"""Decodes every file of a folder with little memory to spare, and says what it found, a line of JSON for each.

As a process of its own: python -m tests.broker.decode_bounded FOLDER
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from starsieve.broker.avro import reader
from starsieve.broker.surveys import AlertError, packets

SPARE_BYTES = 256 * 2**20


def main(folder: Path) -> None:
    """Prints what the stream's decoder and fastavro's records make of each file, and the CPU seconds that they take."""
    packets.warm_up()
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + SPARE_BYTES, now + SPARE_BYTES))
    for path in sorted(folder.iterdir()):
        packet = path.read_bytes()
        decoded, fastavro = tried(lambda: packets.decode(packet, "ztf")[0]), tried(lambda: reader.records(packet)[0])  # noqa: B023
        print(json.dumps({"name": path.name, "decoded": decoded, "fastavro": fastavro}), flush=True)  # noqa: T201


def tried(work: Callable[[], object]) -> tuple[str, float]:
    """The error of it, if it has one, and the seconds that it takes."""
    start = time.process_time()
    try:
        found = work()
        said = str(found) if isinstance(found, AlertError) else ""
    except AlertError as error:
        said = str(error)
    except BaseException as error:  # whatever it is, the test is to know
        said = f"RAISED {error!r}"[:500]
    return said, time.process_time() - start


if __name__ == "__main__":
    main(Path(sys.argv[1]))
