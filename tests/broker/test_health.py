import json
import socket
import time
import urllib.error
import urllib.request

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from starsieve.broker import health as module
from starsieve.broker.health import REASONS, Health, not_ready, serve, stuck


def ready() -> Health:
    return Health(joined=True, network=True, store=True, kafka=True)


def get(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@given(st.lists(st.booleans(), min_size=7, max_size=7))
def test_each_reason_is_told_if_and_only_if_it_holds(unmet: list[bool]) -> None:
    not_joined, no_network, store, kafka, registry, failing, refused = unmet
    health = Health(not not_joined, not no_network, not store, not kafka, not registry, refused, 3 if failing else 2)
    assert not_ready(health) == [reason for reason, holds in zip(REASONS, unmet, strict=True) if holds]


def test_one_committed_transaction_ends_a_row_of_aborted_ones() -> None:
    health = ready()
    for _ in range(3):
        health.transaction(committed=False)
    assert not_ready(health) == ["transactions_failing"]
    health.transaction(committed=True)
    assert not_ready(health) == []


def test_a_worker_is_stuck_when_nothing_has_moved_for_long() -> None:
    health = Health(progress_s=1_000.0)
    assert stuck(health, 1_000.0 + module.STUCK_AFTER_S) == []
    assert stuck(health, 1_001.0 + module.STUCK_AFTER_S) == ["stuck"]
    health.alive()
    assert stuck(health, time.monotonic()) == []


def test_readiness_follows_the_worker() -> None:
    health = Health()
    with serve(health, "127.0.0.1", free_port()) as port:
        assert port is not None
        code, text = get(port, "/readyz")
        assert (code, json.loads(text)) == (
            503,
            {"ready": False, "reasons": ["not_joined", "no_network"]},
        )
        health.joined = health.network = health.store = health.kafka = True
        assert get(port, "/readyz") == (200, '{"ready": true, "reasons": []}\n')
        health.store = False
        assert json.loads(get(port, "/readyz")[1])["reasons"] == ["store_away"]


def test_a_worker_that_waits_for_a_server_is_alive_and_one_that_hangs_is_not() -> None:
    health = Health()
    with serve(health, "127.0.0.1", free_port()) as port:
        assert port is not None
        assert get(port, "/livez") == (200, '{"alive": true, "reasons": []}\n')
        health.progress_s -= module.STUCK_AFTER_S + 1
        assert get(port, "/livez") == (503, '{"alive": false, "reasons": ["stuck"]}\n')


def test_metrics_are_what_prometheus_reads_and_say_why_a_worker_is_not_ready() -> None:
    health = ready()
    health.refused = True
    with serve(health, "127.0.0.1", free_port()) as port:
        assert port is not None
        code, text = get(port, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert code == 200
    assert "starsieve_alerts" in families
    reasons = {sample.labels["reason"]: sample.value for sample in families["starsieve_not_ready"].samples}
    assert reasons == {reason: float(reason == "refused_credentials") for reason in REASONS}


def test_other_paths_are_told_the_right_ones() -> None:
    with serve(ready(), "127.0.0.1", free_port()) as port:
        assert port is not None
        assert get(port, "/") == (404, "/metrics, /livez, /readyz\n")


def test_port_0_serves_nothing() -> None:
    with serve(ready(), "127.0.0.1", 0) as port:
        assert port is None


def test_a_taken_port_is_told_with_what_to_do_and_the_stream_goes_on() -> None:
    with socket.socket() as taken, structlog.testing.capture_logs() as lines:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with serve(ready(), "127.0.0.1", taken.getsockname()[1]) as port:
            assert port is None
    assert [line["hint"] for line in lines if line["event"] == "no_metrics"] == [
        "give each worker on this host a metrics_port of its own, or 0 for none"
    ]


def test_the_port_is_free_again_afterwards() -> None:
    port = free_port()
    for _ in range(2):
        with serve(ready(), "127.0.0.1", port) as served:
            assert served == port


def test_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serve(ready(), "::1", free_port()) as port:
        assert port is not None
        assert get(port, "/readyz", "[::1]")[0] == 200


def test_a_client_that_says_nothing_is_let_go_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module._Handler, "timeout", 0.1)
    with (
        serve(ready(), "127.0.0.1", free_port()) as port,
        socket.create_connection(("127.0.0.1", port or 0), timeout=10) as silent,
    ):
        assert get(port or 0, "/readyz")[0] == 200
        assert silent.recv(1) == b""  # closed
    assert "Traceback" not in capfd.readouterr().err


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
