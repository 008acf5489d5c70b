"""Whether a worker is alive and ready, and the small HTTP server that says so and shows its metrics."""

import json
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import structlog
from prometheus_client import Gauge, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

log = structlog.get_logger()

REASONS = (
    "not_joined",
    "no_network",
    "store_away",
    "kafka_away",
    "registry_away",
    "transactions_failing",
    "refused_credentials",
)

STUCK_AFTER_S = 300.0  # compiling all kernels, the longest that a worker is busy, takes 48 s (docs/performance.md)
_FAILING_AFTER = 3  # aborted transactions in a row; a rebalance or a restarted broker costs one
_CLIENT_TIMEOUT_S = 10

NOT_READY = Gauge("starsieve_not_ready", "1 for each reason why this worker is not ready, else 0.", ["reason"])


@dataclass(slots=True)
class Health:
    """What the worker knows of its surroundings; it sets these, the HTTP server reads them from its own threads."""

    joined: bool = False  # the group: its partitions were assigned, if only none
    network: bool = False  # is loaded
    store: bool = True  # answered the last call, or was not asked yet
    kafka: bool = True  # some broker was there, or none was looked for yet
    registry: bool = True  # of schemas: has answered, or was not asked yet
    refused: bool = False  # Kafka or Redis does not take our credentials, or denies a right
    aborted_in_a_row: int = 0  # transactions
    progress_s: float = field(default_factory=time.monotonic)

    def alive(self) -> None:
        """The loop is turning, or waits knowingly: to be called at each poll and at each attempt to reach a server."""
        self.progress_s = time.monotonic()

    def waits_for_kafka(self, _error: BaseException) -> None:
        """No broker can be reached."""
        self.alive()
        self.kafka = False

    def waits_for_registry(self, _error: BaseException) -> None:
        """The schema registry does not answer."""
        self.alive()
        self.registry = False

    def transaction(self, *, committed: bool) -> None:
        """Remembers how a transaction has ended."""
        self.aborted_in_a_row = 0 if committed else self.aborted_in_a_row + 1


def not_ready(health: Health) -> list[str]:
    """The reasons why a worker does no work now, in the order of REASONS; empty if it is ready."""
    unmet = (
        not health.joined,
        not health.network,
        not health.store,
        not health.kafka,
        not health.registry,
        health.aborted_in_a_row >= _FAILING_AFTER,
        health.refused,
    )
    return [reason for reason, is_so in zip(REASONS, unmet, strict=True) if is_so]


def stuck(health: Health, now_s: float) -> list[str]:
    """Why a restart would help: nothing has moved for minutes, though a server that is away is waited for knowingly."""
    return ["stuck"] if now_s - health.progress_s > STUCK_AFTER_S else []


@contextmanager
def serve(health: Health, address: str, port: int) -> Iterator[int | None]:
    """Serves /metrics, /livez and /readyz in threads, and gives the port; port 0 serves nothing.

    A port that is taken is told and the stream goes on: it is worth more than its metrics.
    """
    if port == 0:
        yield None
        return
    for reason in REASONS:
        NOT_READY.labels(reason).set_function(partial(_holds, health, reason))
    try:
        server = make_server(address, port, _app(health), _Server6 if ":" in address else _Server, _Handler)
    except OSError as error:
        hint = "give each worker on this host a metrics_port of its own, or 0 for none"
        log.warning("no_metrics", address=address, port=port, error=str(error), hint=hint)
        yield None
        return
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _holds(health: Health, reason: str) -> float:
    return float(reason in not_ready(health))


def _app(health: Health) -> Callable[..., Iterable[bytes]]:
    metrics = make_wsgi_app()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                answer: Iterable[bytes] = metrics(environ, start_response)
                return answer
            case "/readyz":
                return _answer("ready", not_ready(health), start_response)
            case "/livez":
                return _answer("alive", stuck(health, time.monotonic()), start_response)
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"/metrics, /livez, /readyz\n"]

    return app


def _answer(what: str, reasons: list[str], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("503 Service Unavailable" if reasons else "200 OK", [("Content-Type", "application/json")])
    return [json.dumps({what: not reasons, "reasons": reasons}).encode() + b"\n"]


class _Server(ThreadingWSGIServer):
    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the base class has it
        """A client that went away or said nothing for long is no news; the base class prints a traceback."""
        log.debug("metrics_client", client=str(client_address), exc_info=True)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _CLIENT_TIMEOUT_S  # a client that says nothing does not keep its thread

    def log_message(self, *_: object) -> None:
        """Nothing: probes and scrapes would fill the log."""
