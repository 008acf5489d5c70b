"""Decodes every file of a folder with little memory to spare, and says what it found, a line of JSON for each.

As a process of its own: python -m tests.broker.avro.decode_bounded FOLDER
"""

import json
import resource
import sys
import time
from pathlib import Path

from starsieve.broker.surveys import AlertError, packets

SPARE_BYTES = 256 * 2**20


def main(folder: Path) -> None:
    """Prints name, outcomes (reason and detail of each record) and CPU seconds, file by file."""
    packets.warm_up()
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + SPARE_BYTES, now + SPARE_BYTES))
    for path in sorted(folder.iterdir()):
        packet, start = path.read_bytes(), time.process_time()
        try:
            decoded = packets.decode(packet, "ztf")
        except BaseException as error:  # whatever it is, the test is to know
            found = [("RAISED", repr(error)[:500])]
        else:
            found = [(one.reason, one.detail) if isinstance(one, AlertError) else ("", "") for one in decoded]
        seconds = time.process_time() - start
        print(json.dumps({"name": path.name, "found": found[:3], "seconds": seconds}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
