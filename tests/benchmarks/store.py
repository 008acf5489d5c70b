"""How Redis best holds a light curve that grows by an epoch or two at a time: python -m tests.benchmarks.store"""

import os
import time

import redis
from rich.console import Console
from rich.table import Table

from starsieve.broker.epochs import EPOCH
from starsieve.broker.tools.embedded import embedded_redis

EPOCHS, FIRST_PACKET = 200, 20
COMPACT_EVERY = 32
READS = 5000


def grow(client: redis.Redis, key: str, how: str) -> None:
    """One packet with a history, then one or two epochs at a time."""
    sizes = [FIRST_PACKET, *([1, 2] * (EPOCHS // 3))][: 1 + (EPOCHS - FIRST_PACKET) * 2 // 3]
    for number, size in enumerate(sizes):
        rows = os.urandom(size * EPOCH.itemsize)
        if how == "string, APPEND":
            client.append(key, rows)
            continue
        client.rpush(key, rows)
        if how == "list, compacted" and number % COMPACT_EVERY == 0:
            joined = b"".join(client.lrange(key, 0, -1))
            client.delete(key)
            client.rpush(key, joined)


def main() -> None:
    """Memory and time to read of each representation."""
    table = Table("representation", "bytes", "us a read", title=f"{EPOCHS} epochs of {EPOCH.itemsize} bytes")
    with embedded_redis() as url, redis.Redis.from_url(url) as client:
        for how in ("string, APPEND", "list of chunks", "list, compacted"):
            grow(client, how, how)
            pipeline = client.pipeline(transaction=False)
            for _ in range(READS):
                pipeline.get(how) if how.startswith("string") else pipeline.lrange(how, 0, -1)
            start = time.perf_counter()
            pipeline.execute()
            microseconds = 1e6 * (time.perf_counter() - start) / READS
            table.add_row(how, str(client.memory_usage(how, samples=0)), f"{microseconds:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
