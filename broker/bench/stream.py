"""One measurement: a mature survey in the store, workers, alerts by a pattern, and what it took.

The servers are the user's, whatever they are; topics of this run's own, and a database of Redis that was empty before
and is afterwards.
"""

import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any, Literal

import numpy as np
import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from starsieve.broker.bench.exchange import Exchange
from starsieve.broker.bench.survey import Mature, mature
from starsieve.broker.bench.workers import Sample, Workers
from starsieve.broker.bench.year import Year, year
from starsieve.broker.kafka.connection import CONNECT_S, connect
from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES
from starsieve.broker.redis_client import connect as connect_store
from starsieve.broker.redis_client import store_errors
from starsieve.broker.settings import Settings
from starsieve.broker.store import Change, LightCurves, Stored
from starsieve.broker.surveys import installed
from starsieve.broker.tools.one_object import network_in_use
from starsieve.features.tools.errors import CommandError, UsageError

Floats = NDArray[np.float64]
Pattern = Literal["flood", "steady", "rubin"]
VISIT_ALERTS, VISIT_S = 10_000, 39.0  # Rubin's
#: Alerts of each pattern, unless told otherwise: half a minute to six minutes.
ALERTS: dict[Pattern, int] = {"flood": 20_000, "steady": 3_000, "rubin": 10 * VISIT_ALERTS}
FIRST_ALERTS = 200  # of each worker, before the measurement: its first batches load kernels and grow buffers
_WRITTEN_TOGETHER = 500  # objects in a call to Redis
_PARTITIONS = 4
_CALL_S = 10.0


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    pattern: Pattern
    workers: int
    alerts: int
    objects: int
    epochs: int
    days: int
    rate: float
    seed: int


def due(plan: Plan) -> Floats:
    """When each alert is sent, in seconds from the first, shape (alerts,)."""
    number = np.arange(plan.alerts, dtype=np.float64)
    match plan.pattern:
        case "flood":
            return np.zeros(plan.alerts)
        case "steady":
            return number / plan.rate
        case "rubin":
            return number // VISIT_ALERTS * VISIT_S


def measure(settings: Settings, plan: Plan, console: Console) -> dict[str, Any]:
    """The figures of one run.

    Raises:
        UsageError: the database is not empty.
        CommandError: a server is away, a worker has ended, or an alert has no answer.
    """
    connect(settings.kafka, CONNECT_S)
    with console.status("Making light curves and states of a mature survey, once; then the cache serves"):
        survey = (
            year(plan.objects, plan.seed, network_in_use(settings))
            if settings.survey == "lsst"
            else mature(plan.objects, plan.epochs, plan.days, plan.seed)
        )
    first = FIRST_ALERTS * plan.workers
    with store_errors(), _empty_database(settings) as client, tempfile.TemporaryFile() as file:
        with console.status("Writing packets"):
            prepared = _prepared(survey, first + plan.alerts, file)
        before = _used_bytes(client)
        with console.status("Filling the store"):
            _fill(client, settings, survey)
        with _topics(settings) as own:
            with console.status(f"{plan.alerts:,} alerts, {plan.pattern}, {plan.workers} workers"):
                found = _exchange(own, plan, prepared.packets, first)
            found["redis_bytes_per_object"] = round((_used_bytes(client) - before) / len(survey.stars))
    found["epochs_median"] = float(np.median([survey.epochs(star) for star in prepared.stars[first:]]))
    found["packet_bytes"] = round(float(np.mean(prepared.sizes)))
    return {"survey": settings.survey, **found}


def as_table(found: dict[str, Any]) -> Table:
    """The figures to read."""
    table = Table(
        "figure", "value", title=f"{found['alerts']:,} alerts, {found['pattern']}, {found['workers']} workers"
    )
    for name, value in found.items():
        for part, number in (value if isinstance(value, dict) else {"": value}).items():
            table.add_row(f"{name} {part}".strip(), str(number))
    return table


def _exchange(settings: Settings, plan: Plan, packets: Iterator[bytes], first: int) -> dict[str, Any]:
    with Exchange(settings.kafka, settings.kafka.topics[0]) as exchange:
        exchange.send(islice(packets, first), np.zeros(first))
        launched = time.time()
        with Workers(settings, plan.workers) as workers:
            workers.wait_until_ready()
            exchange.wait(workers.check)
            first_outcome_s = float(exchange.times()[1].min()) - launched
            before = workers.metrics()
            exchange.send(packets, due(plan))
            exchange.wait(workers.check)
            after = workers.metrics()
        sent, answered = (each[first:] for each in exchange.times())
        answers = exchange.answers
    return {
        "pattern": plan.pattern,
        "workers": plan.workers,
        "alerts": plan.alerts,
        "outcomes": answers["outcome"] - first,
        "dead_letters": answers["dead_letter"],
        "doubled": answers["again"],
        "seconds": round(float(answered.max() - sent.min()), 2),
        "alerts_per_s": round(plan.alerts / float(answered.max() - sent.min()), 1),
        **_processor(before, after, plan.alerts),
        "latency_s": _quantiles(answered - sent),
        **({"visits_s": _visits(sent, answered)} if plan.pattern == "rubin" else {}),
        "first_outcome_s": round(first_outcome_s, 2),
        "rss_mb": round(max(metrics["process_resident_memory_bytes", ()] for metrics in after) / 1e6),
    }


def _processor(
    before: Sequence[dict[Sample, float]], after: Sequence[dict[Sample, float]], alerts: int
) -> dict[str, Any]:
    """Milliseconds of processor time an alert, of all workers, whole and by stage; "other" is mostly librdkafka's."""
    spent = Counter[Sample]()
    for old, new in zip(before, after, strict=True):
        spent.update({sample: value - old.get(sample, 0.0) for sample, value in new.items()})
    whole = spent["process_cpu_seconds_total", ()]
    stages = {
        dict(labels)["stage"]: seconds
        for (name, labels), seconds in spent.items()
        if name == "starsieve_stage_cpu_seconds_total"
    }
    stages["other"] = whole - sum(stages.values())
    return {
        "cpu_ms_per_alert": round(1e3 * whole / alerts, 3),
        "cpu_ms_by_stage": {stage: round(1e3 * seconds / alerts, 3) for stage, seconds in stages.items()},
    }


def _quantiles(seconds: Floats) -> dict[str, float]:
    p50, p95, p99, longest = np.percentile(seconds, [50, 95, 99, 100]).tolist()
    return {"p50": round(p50, 3), "p95": round(p95, 3), "p99": round(p99, 3), "max": round(longest, 3)}


def _visits(sent: Floats, answered: Floats) -> list[float]:
    """Seconds from the first alert of each visit to its last answer."""
    starts = range(0, len(sent), VISIT_ALERTS)
    return [round(float(answered[i : i + VISIT_ALERTS].max() - sent[i]), 2) for i in starts]


@dataclass(frozen=True)
class _Prepared:
    """Packets, to be taken once, with the size of each, and whose it is."""

    packets: Iterator[bytes]
    sizes: Sequence[int]
    stars: Sequence[int]


def _prepared(survey: Mature | Year, count: int, file: IO[bytes]) -> _Prepared:
    """The packets of the next alerts: ZTF's written to the file, Rubin's in parts."""
    if isinstance(survey, Year):
        alerts = list(islice(survey.alerts(), count))
        packets = (b"".join(parts) for _, parts in alerts)
        prepared = _Prepared(packets, [sum(map(len, parts)) for _, parts in alerts], [star for star, _ in alerts])
    else:
        written = [(file.write(packet), star) for star, packet in islice(survey.packets(), count)]
        file.seek(0)
        sizes = [size for size, _ in written]
        prepared = _Prepared((file.read(size) for size in sizes), sizes, [star for _, star in written])
    if len(prepared.sizes) < count:
        raise UsageError(
            f"{len(survey.stars)} objects issue {len(prepared.sizes)} alerts: take more --objects or fewer --alerts"
        )
    return prepared


@contextmanager
def _empty_database(settings: Settings) -> Iterator[redis.Redis]:
    with connect_store(settings.redis.url.get_secret_value()) as client:
        if keys := client.dbsize():
            raise UsageError(f"--redis: the database has {keys} keys; give an empty one, which is emptied again")
        try:
            yield client
        finally:
            client.flushdb()


def _fill(client: redis.Redis, settings: Settings, survey: Mature | Year) -> None:
    store = LightCurves(
        client,
        settings.survey,
        time_to_live_s=settings.redis.time_to_live_days * 86400,
        form=installed.survey(settings.survey).FORM,
    )
    met = zip(survey.object_ids, survey.rows, survey.states, strict=True)
    changes = [Change(object_id, rows, state) for object_id, rows, state in met if rows.size]
    for begin in range(0, len(changes), _WRITTEN_TOGETHER):
        part = changes[begin : begin + _WRITTEN_TOGETHER]
        store.write(part, {change.object_id: Stored(change.new_epochs) for change in part})


def _used_bytes(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


@contextmanager
def _topics(settings: Settings) -> Iterator[Settings]:
    """The same settings with topics and a group of this run's own, which go with it."""
    name = f"starsieve_bench_{uuid.uuid4().hex[:8]}"
    own = {"topics": [name], "group": name, "output_topic": f"{name}_outcomes", "dead_letter_topic": f"{name}_letters"}
    kafka = settings.kafka.model_copy(update=own)
    admin = AdminClient(kafka.connection)
    names = [name, kafka.output_topic, kafka.dead_letter_topic]
    config = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
    wanted = [NewTopic(each, num_partitions=_PARTITIONS, replication_factor=-1, config=config) for each in names]
    try:
        for creation in admin.create_topics(wanted, operation_timeout=_CALL_S).values():
            creation.result()
    except KafkaException as error:
        raise CommandError(f"topics cannot be created: {error.args[0].str()}") from error
    try:
        yield settings.model_copy(update={"kafka": kafka})
    finally:
        for deletion in admin.delete_topics(names, operation_timeout=_CALL_S).values():
            deletion.result()
