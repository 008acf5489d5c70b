"""Fixtures with real servers, and the rule that a run says aloud, or fails over, what it could not test.

STARSIEVE_TEST_KAFKA=host:port      use that Kafka
STARSIEVE_REQUIRE_KAFKA=1           a skipped integration test is a failed one (lack of real data excepted)
"""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest
import redis

from tests.integration import servers, topics
from tests.integration.streams import Stream

REQUIRED = os.environ.get("STARSIEVE_REQUIRE_KAFKA") == "1"
MISSING = "a server is missing: "


class MakeTopic(Protocol):
    def __call__(self, *, partitions: int = 1, prefix: str = "test") -> str: ...


class MakeStream(Protocol):
    def __call__(self, kafka: str, redis: str, *, partitions: int = 1) -> Stream: ...


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of a real Kafka, shared by a process's tests: they keep apart by their topics and groups."""
    with ExitStack() as stack:
        with or_skip():
            address = stack.enter_context(servers.any_kafka(tmp_path_factory.mktemp("kafka")))
        yield address


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[servers.Kafka]:
    """A Kafka of the test's own, to be stopped, killed, frozen and started again."""
    (folder := tmp_path / "kafka").mkdir()
    with or_skip():
        server = servers.Kafka(folder)
    with server:
        yield server


@pytest.fixture(scope="session")
def secured_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.SecuredKafka]:
    """A Kafka with passwords, TLS and access lists, shared by a process's tests: rights are given topic by topic."""
    with or_skip():
        server = servers.SecuredKafka(tmp_path_factory.mktemp("secured_kafka"))
    with server:
        yield server


@pytest.fixture
def make_topic(kafka: str) -> MakeTopic:
    def make(*, partitions: int = 1, prefix: str = "test") -> str:
        return topics.create_topic(kafka, partitions=partitions, prefix=prefix)

    return make


@pytest.fixture
def make_stream(tmp_path: Path) -> Iterator[MakeStream]:
    streams: list[Stream] = []

    def make(kafka: str, redis: str, *, partitions: int = 1) -> Stream:
        streams.append(Stream(tmp_path, kafka=kafka, redis=redis, partitions=partitions))
        return streams[-1]

    yield make
    for stream in streams:
        stream.close()


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server.address


@pytest.fixture
def redis_url(shared_redis: str) -> str:
    """Address of an empty, real server."""
    with redis.Redis.from_url(shared_redis) as client:
        client.flushall()
    return shared_redis


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[servers.Redis]:
    """A Valkey of the test's own, to be stopped, killed, frozen and started again; it keeps its data."""
    (folder := tmp_path / "redis").mkdir()
    with servers.Redis(folder) as server:
        yield server


@pytest.fixture(scope="session")
def rediss(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that speaks TLS only, with the authority's file in its query."""
    with or_skip():
        server = servers.RedisWithTls(tmp_path_factory.mktemp("rediss"))
    with server:
        yield server.address


@contextmanager
def or_skip() -> Iterator[None]:
    """Skip the test where the server cannot be had, in words that the run's last lines repeat."""
    try:
        yield
    except servers.Unavailable as error:
        pytest.skip(f"{MISSING}{error}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    without_data = "data_dir" in getattr(item, "fixturenames", ()) and "no real data" in str(report.longrepr)
    if REQUIRED and report.skipped and not hasattr(report, "wasxfail") and not without_data:
        report.outcome = "failed"
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"STARSIEVE_REQUIRE_KAFKA=1 allows no skipped integration test: {reason}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    yield  # after everything else that is printed: the last lines are the ones read
    reports = [each for kind in ("skipped", "failed", "error") for each in terminalreporter.stats.get(kind, [])]
    said = [each.longrepr[-1] if isinstance(each.longrepr, tuple) else str(each.longrepr) for each in reports]
    for reason in dict.fromkeys(text.partition(MISSING)[2] for text in said if MISSING in text):
        terminalreporter.line(f"NOT TESTED, {MISSING}{reason}", yellow=True, bold=True)
