"""What a worker tells its operator: metrics, one log line a minute, and traces where they are wanted.

Counters are touched once a batch, not once an alert; only the two latencies are observed for each. What that costs:
`python -m tests.benchmarks.telemetry`. Health, and the server that shows both, are in `starsieve.broker.health`.
"""

import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from os import environ
from typing import Any, Literal, get_args

import numpy as np
import structlog
from numpy.typing import NDArray
from prometheus_client import Counter, Gauge, Histogram, Info, disable_created_metrics

from starsieve.models import Reason

log = structlog.get_logger()

Floats = NDArray[np.float64]
Stage = Literal["decode", "read", "process", "encode", "write", "publish"]

disable_created_metrics()  # type: ignore[no-untyped-call] # they double the number of series

_SHORT_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
# from a batch of simulated alerts to a night that was read the next day
_LATENCY_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 14_400, 86_400)
_BATCH = (1, 3, 10, 30, 100, 200, 300, 500, 1000, 3000, 10_000, 100_000)

ALERTS = Counter("starsieve_alerts_total", "Alerts taken: each gets an outcome or is in a dead letter.", ["survey"])
MESSAGES = Counter("starsieve_messages_total", "Messages whose offsets were committed.", ["topic"])
OUTCOMES = Counter(
    "starsieve_outcomes_total", "Outcomes published; the reason is empty if classified.", ["survey", "status", "reason"]
)
CLASSES = Counter("starsieve_classes_total", "Classified alerts by their most probable class.", ["survey", "class"])
DEAD_LETTERS = Counter("starsieve_dead_letters_total", "Dead letters published.", ["reason"])
LOST = Counter(
    "starsieve_lost_messages_total", "Offsets that retention deleted before they were read.", ["topic", "partition"]
)
SKIPPED = Counter("starsieve_skipped_messages_total", "Messages that are none to answer, e.g. our own.", ["reason"])

LAG_MESSAGES = Gauge(
    "starsieve_lag_messages", "Messages behind the end of a partition of this worker.", ["topic", "partition"]
)
LAG_SECONDS = Gauge("starsieve_lag_seconds", "Age of the last message taken; 0 if there is nothing left to read.")
LATENCY = Histogram(
    "starsieve_latency_seconds", "Of an alert, up to its commit, since that time.", ["since"], buckets=_LATENCY_S
)
STAGES = Histogram("starsieve_stage_seconds", "Time a batch spends in a stage.", ["stage"], buckets=_SHORT_S)
STAGE_CPU = Counter("starsieve_stage_cpu_seconds_total", "Processor time of the worker's own thread.", ["stage"])
BATCH_MESSAGES = Histogram("starsieve_batch_messages", "Messages in a batch.", buckets=_BATCH)
TRANSACTIONS = Counter("starsieve_transactions_total", "Kafka transactions ended.", ["result"])

STORE_SECONDS = Histogram("starsieve_store_seconds", "Time of a call to Redis.", ["call"], buckets=_SHORT_S)
STORE_BYTES = Counter("starsieve_store_bytes_total", "Payload to (sent) and from (received) Redis.", ["direction"])
STORE_ERRORS = Counter("starsieve_store_errors_total", "Calls that Redis failed or refused.", ["kind"])

SEARCHES = Counter(
    "starsieve_period_searches_total",
    "Periods: full where a search was due, lazy where the last rung's was kept.",
    ["kind"],
)
BLOCKS = Counter("starsieve_blocks_looked_at_total", "Blocks of frequencies whose power was computed exactly.")

NETWORK = Info("starsieve_network", "The network in use.", ["survey"])
NETWORK_REFUSED = Gauge(
    "starsieve_network_refused", "1 for the reason why what was activated is not in use, else 0.", ["survey", "reason"]
)
DRIFT = Gauge(
    "starsieve_drift_psi",
    "Population stability index of an input or a class against the network's reference.",
    ["survey", "band", "input"],
)
BUILD = Info("starsieve_build", "The version of starsieve.")

_PARTITIONS: set[tuple[str, int]] = set()  # those that LAG_MESSAGES shows
_INDICES: set[tuple[str, str, str]] = set()  # those that DRIFT shows


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of one batch, once its transaction is committed. Counts are by the labels of the metrics."""

    messages: Mapping[str, int]  # by topic
    published_ms: Sequence[int]  # of each alert, the timestamp of its message
    ingested_ms: int
    committed_ms: int
    outcomes: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # by survey, status and reason
    classes: Mapping[tuple[str, str], int] = field(default_factory=dict)  # by survey and the most probable class
    dead_letters: Mapping[str, int] = field(default_factory=dict)  # by reason
    skipped: Mapping[str, int] = field(default_factory=dict)  # by reason

    @property
    def alerts(self) -> int:
        """How many have an outcome."""
        return sum(self.outcomes.values())


def starting() -> None:
    """Names the version, and makes each counter of known labels start at 0: a rate needs a first value."""
    try:
        BUILD.info({"version": installed("starsieve")})
    except PackageNotFoundError:  # run from a folder that was never installed
        BUILD.info({"version": "unknown"})
    for result in ("committed", "aborted"):
        TRANSACTIONS.labels(result)
    for kind in ("full", "lazy"):
        SEARCHES.labels(kind)


def network(survey: str, classifier: str, version: str) -> None:
    """Names the network that answers from now on."""
    ALERTS.labels(survey)  # from 0: a rate needs a first value
    NETWORK.labels(survey).info({"classifier": classifier, "version": version})


def network_refused(survey: str, reason: Reason | None) -> None:
    """Says why the network that was activated is not the one that answers; None: it is."""
    for each in get_args(Reason):
        NETWORK_REFUSED.labels(survey, each).set(each == reason)


def batch(done: Batch) -> None:
    """Counts a committed batch."""
    for topic, count in done.messages.items():
        MESSAGES.labels(topic).inc(count)
    for (survey, status, reason), count in done.outcomes.items():
        ALERTS.labels(survey).inc(count)
        OUTCOMES.labels(survey, status, reason).inc(count)
    for (survey, name), count in done.classes.items():
        CLASSES.labels(survey, name).inc(count)
    for reason, count in done.dead_letters.items():
        DEAD_LETTERS.labels(reason).inc(count)
    for reason, count in done.skipped.items():
        SKIPPED.labels(reason).inc(count)
    BATCH_MESSAGES.observe(sum(done.messages.values()))
    TRANSACTIONS.labels("committed").inc()
    since_publish, since_ingest = LATENCY.labels("publish"), LATENCY.labels("ingest")
    processing_ms = done.committed_ms - done.ingested_ms
    waited_s = latencies_s(done)
    for seconds in waited_s.tolist():
        since_publish.observe(seconds)
    for _ in range(done.alerts):
        since_ingest.observe(processing_ms / 1000)
    _MINUTE.add(done, waited_s)
    log.debug("batch", alerts=done.alerts, messages=sum(done.messages.values()), milliseconds=processing_ms)


def latencies_s(done: Batch) -> Floats:
    """From publish to commit, of each alert whose message has a timestamp; 0 where clocks differ the wrong way."""
    published_ms = np.asarray(done.published_ms, np.float64)
    return np.maximum(0.0, (done.committed_ms - published_ms[published_ms > 0]) / 1000)


def transaction_aborted() -> None:
    """Counts a transaction that was rolled back."""
    TRANSACTIONS.labels("aborted").inc()
    _MINUTE.aborted += 1


def lost(topic: str, partition: int, messages: int) -> None:
    """Counts offsets that retention deleted before they were read."""
    LOST.labels(topic, partition).inc(messages)


def lag(messages: Mapping[tuple[str, int], int], last_timestamp_ms: int | None, *, at_hand: bool = False) -> None:
    """Says how far behind this worker is.

    Args:
        messages: for each partition (topic, number) that is this worker's now, how many are still to be read.
        last_timestamp_ms: when the last message taken was published; None before the first.
        at_hand: whether a batch has been taken and is not committed yet.
    """
    for gone in _PARTITIONS - messages.keys():  # to another worker, which reports them now
        LAG_MESSAGES.remove(*gone)
    _PARTITIONS.intersection_update(messages)
    for partition, count in messages.items():
        LAG_MESSAGES.labels(*partition).set(count)
        LOST.labels(*partition)  # from 0: an increase needs a first value
        _PARTITIONS.add(partition)
    behind = at_hand or any(messages.values())
    _MINUTE.lag_messages = sum(messages.values())
    # a function: a worker that hangs falls behind by a second each second
    LAG_SECONDS.set_function(lambda: lag_seconds(last_timestamp_ms, time.time() * 1000, behind=behind))


def lag_seconds(last_timestamp_ms: int | None, now_ms: float, *, behind: bool) -> float:
    """Age of the last message taken, in seconds; 0 where nothing is left to read, or nothing was read yet."""
    return max(0.0, (now_ms - last_timestamp_ms) / 1000) if behind and last_timestamp_ms is not None else 0.0


def store_call(call: str, seconds: float, *, sent: int = 0, received: int = 0) -> None:
    """Counts a round trip to Redis and its payload in bytes."""
    STORE_SECONDS.labels(call).observe(seconds)
    STORE_BYTES.labels("sent").inc(sent)
    STORE_BYTES.labels("received").inc(received)


def store_error(kind: str) -> None:
    """Counts a call that failed; `kind` is one of few, e.g. the error's type."""
    STORE_ERRORS.labels(kind).inc()


def searches(*, full: int, lazy: int, blocks: int) -> None:
    """Counts period searches of a batch, and the blocks of frequencies that they looked at."""
    SEARCHES.labels("full").inc(full)
    SEARCHES.labels("lazy").inc(lazy)
    BLOCKS.inc(blocks)


def drift(survey: str, index: Mapping[tuple[str, str], float]) -> None:
    """Sets the population stability index of each band and input (or class); those of others are no longer known."""
    known = {(survey, *of): value for of, value in index.items()}
    for gone in {each for each in _INDICES if each[0] == survey} - known.keys():
        DRIFT.remove(*gone)
        _INDICES.remove(gone)
    for labels, value in known.items():
        DRIFT.labels(*labels).set(value)
        _INDICES.add(labels)


@contextmanager
def stage(name: Stage) -> Iterator[None]:
    """Times one stage of a batch, and traces it."""
    begin, begin_cpu = time.perf_counter(), time.thread_time()
    with span(name):
        try:
            yield
        finally:
            STAGES.labels(name).observe(time.perf_counter() - begin)
            STAGE_CPU.labels(name).inc(time.thread_time() - begin_cpu)


def span(name: str, **attributes: str | int) -> AbstractContextManager[Any]:
    """A span of an OpenTelemetry trace: around a batch, as `stage` is around its stages. Nothing without the extra."""
    tracer = _tracer()
    return nullcontext() if tracer is None else tracer.start_as_current_span(name, attributes=attributes)


@cache
def _tracer() -> Any:
    """OpenTelemetry's tracer where its own environment asks for one and the extra `otel` is installed."""
    if not any(environ.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT") for name in ("", "TRACES_")):
        return None
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        log.warning("no_traces", hint="OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra otel is not installed")
        return None
    name = environ.get("OTEL_SERVICE_NAME", "starsieve")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return trace.get_tracer("starsieve")


@dataclass(slots=True)
class Minute:
    """What has happened since the last line of the log."""

    began_s: float
    alerts: int = 0
    classified: int = 0
    dead_letters: int = 0
    batches: int = 0
    aborted: int = 0
    lag_messages: int = 0
    latencies_s: list[Floats] = field(default_factory=list)

    def add(self, done: Batch, latencies_s: Floats) -> None:
        """Counts a committed batch."""
        self.alerts += done.alerts
        # the name is broker.outputs.message's, which imports what counts here
        self.classified += sum(count for (_, status, _), count in done.outcomes.items() if status == "CLASSIFIED")
        self.dead_letters += sum(done.dead_letters.values())
        self.batches += 1
        self.latencies_s.append(latencies_s)

    def summary(self, now_s: float) -> dict[str, float]:
        """Rates, lag and latency, for people and log searches; latencies in seconds, absent without alerts."""
        seconds = max(now_s - self.began_s, 1e-9)
        latencies = np.concatenate(self.latencies_s) if self.latencies_s else np.empty(0)
        quantiles = {
            f"latency_p{percent}_s": round(float(np.percentile(latencies, percent)), 3)
            for percent in (50, 99)
            if latencies.size
        }
        return {
            "seconds": round(seconds, 1),
            "alerts": self.alerts,
            "alerts_per_s": round(self.alerts / seconds, 2),
            "classified": self.classified,
            "dead_letters": self.dead_letters,
            "batches": self.batches,
            "aborted": self.aborted,
            "lag_messages": self.lag_messages,
            **quantiles,
        }


_MINUTE = Minute(time.monotonic())


def minute_line() -> None:
    """Logs what the last minute brought, if it is over: to be called often, with or without a batch."""
    global _MINUTE  # noqa: PLW0603 - as the counters are
    now_s = time.monotonic()
    if now_s - _MINUTE.began_s >= 60:  # noqa: PLR2004 - a minute
        log.info("minute", **_MINUTE.summary(now_s))
        _MINUTE = Minute(now_s, lag_messages=_MINUTE.lag_messages)


def configure_logs(log_format: Literal["auto", "console", "json"], level: str) -> None:
    """Logs to standard error: lines for people, or JSON for machines; `auto` looks whether it is a terminal."""
    for_people = sys.stderr.isatty() if log_format == "auto" else log_format == "console"
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if for_people else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        # Whatever standard error is at the time of a line: who runs a worker in a thread may have changed it since.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
