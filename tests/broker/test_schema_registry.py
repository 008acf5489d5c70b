"""The schema registry over real HTTP: asked once, never believed blindly, waited for where it is away."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from starsieve.broker.retries import until_stopped
from starsieve.broker.schema_registry import RegistryAway, SchemaRegistry
from starsieve.broker.surveys import Alert, AlertError
from starsieve.broker.surveys.packets import decode
from tests.broker.surveys.lsst_packets import frame, record, schema, source
from tests.integration.servers import Unavailable, certificate_of_its_own, free_port
from tests.schema_registries import Registry, registry


@pytest.fixture
def server() -> Iterator[Registry]:
    with registry() as running:
        running.knows(1102, schema(1101))
        yield running


def at_once(call: Callable[[], bytes]) -> bytes:
    return call()


def test_a_new_minor_version_is_asked_for_once(server: Registry) -> None:
    ask = SchemaRegistry(server.address + "/", at_once)
    for visit in range(3):
        (found,) = decode(frame(record(source(visit)), 1102, written_with=schema(1101)), "lsst", registry=ask)
        assert isinstance(found, Alert)
    assert server.asked == ["/schemas/ids/1102"]


def test_known_and_unreadable_versions_are_not_asked_for(server: Registry) -> None:
    ask = SchemaRegistry(server.address, at_once)
    decode(frame(record(source(1))), "lsst", registry=ask)
    decode(b"\x00" + (1200).to_bytes(4, "big") + b"body", "lsst", registry=ask)
    assert server.asked == []


def test_what_the_registry_does_not_know_is_a_dead_letter_and_asked_for_again_later(
    server: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, now = SchemaRegistry(server.address, at_once), [1000.0]
    monkeypatch.setattr("starsieve.broker.schema_registry.time.monotonic", lambda: now[0])
    for _ in range(3):
        with pytest.raises(AlertError, match=f"unknown_schema: 1103, of the registry {server.address}") as error:
            ask(1103)
        assert error.value.reason == "unknown_schema"
    assert server.asked == ["/schemas/ids/1103"]
    server.knows(1103, schema(1101))
    now[0] += 61
    assert ask(1103)


NO_SUCH_TYPE = '{"type": "record", "name": "a", "fields": [{"name": "b", "type": "c"}]}'


@pytest.mark.parametrize("answer", ['"string"', NO_SUCH_TYPE, "{"])
def test_a_schema_that_no_packet_can_have_is_a_dead_letter(server: Registry, answer: str) -> None:
    server.answers["/schemas/ids/1104"] = 200, json.dumps({"schema": answer}).encode()
    with pytest.raises(AlertError, match="unknown_schema: 1104"):
        SchemaRegistry(server.address, at_once)(1104)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>Sign in</html>"),
        (200, b"[]"),
        (200, b'{"schema": 5}'),
        (200, b"{" * 100_000),
        (401, b""),
        (403, b'{"error_code": 40301}'),
        (404, b"<html>nginx</html>"),
        (404, b'{"error_code": 404, "message": "HTTP 404 Not Found"}'),
        (500, b'{"error_code": 50001}'),
        (503, b""),
    ],
)
def test_other_answers_are_no_alerts_fault(server: Registry, answer: tuple[int, bytes]) -> None:
    server.answers["/schemas/ids/1105"] = answer
    with pytest.raises(RegistryAway, match=server.address):
        SchemaRegistry(server.address, at_once)(1105)


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_drips_is_none(server: Registry, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr("starsieve.broker.schema_registry._TIMEOUT_S", 0.5)
    server.answers["/schemas/ids/1105"] = status, b"{" * 1000
    server.pause_s = 0.01
    with pytest.raises(RegistryAway, match=server.address):
        SchemaRegistry(server.address, at_once)(1105)


def test_user_and_password_go_to_the_registry_alone(server: Registry) -> None:
    ask = SchemaRegistry(server.address.replace("//", "//me:p%40ss@"), at_once)
    ask(1102)
    assert server.credentials == ["Basic " + base64.b64encode(b"me:p@ss").decode()]
    server.answers["/schemas/ids/1105"] = 500, b""
    with pytest.raises(RegistryAway) as away:
        ask(1105)
    with pytest.raises(AlertError) as unknown:
        ask(1103)
    assert "p%40ss" not in f"{away.value}{unknown.value}"


def test_a_registry_that_is_away_is_waited_for() -> None:
    port, waited = free_port(), threading.Event()
    stop = threading.Event()
    waiting = until_stopped(stop, lambda e: isinstance(e, RegistryAway), "registry", lambda _: waited.set())
    ask = SchemaRegistry(f"http://127.0.0.1:{port}", waiting)
    answers: list[bytes] = []
    thread = threading.Thread(target=lambda: answers.append(ask(1102)))
    thread.start()
    assert waited.wait(20), "a closed port is no answer"
    with registry(port) as server:
        server.knows(1102, schema(1101))
        thread.join(20)
    assert len(answers) == 1


def test_one_that_is_told_to_stop_waits_no_longer() -> None:
    stop = threading.Event()
    stop.set()
    waiting = until_stopped(stop, lambda e: isinstance(e, RegistryAway), "registry")
    with pytest.raises(RegistryAway):
        SchemaRegistry(f"http://127.0.0.1:{free_port()}", waiting)(1102)


def test_tls_needs_a_certificate_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        certificate = certificate_of_its_own(tmp_path)
    except Unavailable as error:
        pytest.skip(str(error))
    with registry(certificate=certificate) as server:
        server.knows(1102, schema(1101))
        ask = SchemaRegistry(server.address, at_once)
        with pytest.raises(RegistryAway, match="CERTIFICATE_VERIFY_FAILED"):
            ask(1102)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert ask(1102)
