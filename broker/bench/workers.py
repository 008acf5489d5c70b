"""Workers as an operator runs them, and what they say of themselves."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import IO, Self
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from starsieve.broker.settings import Settings
from starsieve.features.tools.errors import CommandError

Sample = tuple[str, tuple[tuple[str, str], ...]]  # a metric's name and its labels
READY_S, CALL_S = 180.0, 5.0  # the first worker of a machine compiles for a while
STOP_S = 30.0


class Workers:
    """So many processes of `starsieve run` of one group; a context manager that ends them."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._ports = _free_ports(count)
        self._logs: list[IO[bytes]] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        for number, port in enumerate(self._ports):
            log = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
            self._logs.append(log)
            command = [sys.executable, "-m", "starsieve.broker.cli", "run"]
            environment = _environment(settings, worker=f"bench-{number}", port=port)
            self._processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))  # noqa: S603

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
        for process, log in zip(self._processes, self._logs, strict=True):
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()

    def wait_until_ready(self) -> None:
        """Returns when every worker has joined the group. Raises CommandError where one does not."""
        end = time.monotonic() + READY_S
        for port in self._ports:
            while not _is_ready(port):
                self.check()
                if time.monotonic() > end:
                    raise CommandError(f"a worker is not ready after {READY_S:.0f} s; its log ends\n{self._log_ends()}")
                time.sleep(0.1)

    def check(self) -> None:
        """Raises CommandError if a worker has ended."""
        if any(process.poll() is not None for process in self._processes):
            raise CommandError(f"a worker has ended; its log ends\n{self._log_ends()}")

    def metrics(self) -> list[dict[Sample, float]]:
        """What each worker's /metrics says."""
        return [_scrape(port) for port in self._ports]

    def _log_ends(self) -> str:
        ends = []
        for log in self._logs:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 2000))
            ends.append(log.read().decode(errors="replace"))
        return "\n".join(ends)


def _environment(settings: Settings, worker: str, port: int) -> dict[str, str]:
    """Of a worker: ours, but with these settings alone, whatever ours says of any."""
    kafka = settings.kafka.model_dump(exclude={"options"})
    kafka["options"] = {name: value.get_secret_value() for name, value in settings.kafka.options.items()}
    redis = {**settings.redis.model_dump(exclude={"url"}), "url": settings.redis.url.get_secret_value()}
    told = settings.model_dump(exclude={"kafka", "redis", "surveys"}, exclude_none=True)
    told |= {"worker": worker, "metrics_port": port, "metrics_address": "127.0.0.1"}
    told |= {"kafka": json.dumps(kafka), "redis": json.dumps(redis)}
    prefixes = tuple(f"STARSIEVE_{name.upper()}" for name in Settings.model_fields)
    others = {name: value for name, value in os.environ.items() if not name.upper().startswith(prefixes)}
    return others | {f"STARSIEVE_{name.upper()}": str(value) for name, value in told.items()}


def _is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=CALL_S) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except (URLError, OSError):  # not listening yet, or not ready
        return False


def _scrape(port: int) -> dict[Sample, float]:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=CALL_S) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _free_ports(count: int) -> Sequence[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
