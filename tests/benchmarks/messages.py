"""Bytes a message in each format: python -m tests.benchmarks.messages"""

from collections import defaultdict
from functools import partial

import cramjam
import redis
from rich.console import Console
from rich.table import Table

from starsieve.broker import simulate
from starsieve.broker.drift import Drift, Window
from starsieve.broker.kafka.messages import OWN_MARK, Incoming, Outgoing
from starsieve.broker.outputs import CARRIES, ENCODERS
from starsieve.broker.pipeline import Pipeline
from starsieve.broker.settings import Settings
from starsieve.models.serving import registry
from tests.broker.test_pipeline import Dictionary

STARS, NIGHTS, SEED = 40, 60, 3
BATCH = 500  # as many as a worker publishes in one transaction
ZSTD_LEVEL = 3  # librdkafka's


def main() -> None:
    """What a worker publishes about simulated alerts: alone, and as Kafka keeps it, compressed in batches."""
    sent = [alert.packet for alert in simulate.alerts(simulate.invent(STARS, NIGHTS, SEED))]
    messages = [Incoming("ztf_20260101_programid1", 3, n, None, None, packet, []) for n, packet in enumerate(sent)]
    table = Table(
        "format", "status", "messages", "value (B)", "key, headers (B)", "zstd, alone (B)", "zstd, in 500 (B)"
    )
    for name in (each for each in ENCODERS if each not in CARRIES):  # those are as large as the alerts
        by_status: dict[str, list[Outgoing]] = defaultdict(list)
        for answer in _published(name, messages):
            by_status[str(dict(answer.headers)["status"], "ascii")].append(answer)
        for status, answers in sorted(by_status.items()):
            sizes = [sum(len(each.value) for each in answers), sum(len(_envelope(each)) for each in answers)]
            for batch in (1, BATCH):
                batches = [answers[at : at + batch] for at in range(0, len(answers), batch)]
                sizes.append(sum(map(_compressed, batches)))
            table.add_row(name, status, f"{len(answers):,}", *(f"{size / len(answers):,.0f}" for size in sizes))
    Console(width=120).print(table)


def _published(name: str, messages: list[Incoming]) -> list[Outgoing]:
    drift = Drift(Window(redis.Redis(), "ztf"))  # that counts, and is never asked to send
    settings = Settings(output_format=name)
    pipeline = Pipeline(settings, Dictionary(), partial(registry.load, "ztf"), lambda call: call(), drift)
    batches = [messages[at : at + BATCH] for at in range(0, len(messages), BATCH)]
    return [answer for batch in batches for answer in pipeline.answer(batch, 1_700_000_000_000)]


def _envelope(answer: Outgoing) -> bytes:
    headers = [OWN_MARK, *answer.headers]
    return (answer.key or b"") + b"".join(name.encode() + bytes(value or b"") for name, value in headers)  # type: ignore[arg-type]


def _compressed(answers: list[Outgoing]) -> int:
    together = b"".join(_envelope(each) + each.value for each in answers)
    return len(bytes(cramjam.zstd.compress(together, ZSTD_LEVEL)))


if __name__ == "__main__":
    main()
