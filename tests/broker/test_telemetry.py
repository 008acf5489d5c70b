import io
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import REGISTRY

from starsieve.broker import telemetry
from starsieve.broker.telemetry import Batch, Minute


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


IN_LSST = ("lsst", "CLASSIFIED", "")


def a_batch(**changed: object) -> Batch:
    usual: dict[str, object] = {
        "messages": {"night": 4},
        "published_ms": [1_000, 2_000, 9_000],
        "ingested_ms": 9_500,
        "committed_ms": 10_000,
        "outcomes": {("ztf", "CLASSIFIED", ""): 1, ("ztf", "NOT_CLASSIFIED", "too_few_epochs"): 1, IN_LSST: 1},
        "classes": {("ztf", "RRAB"): 1, ("lsst", "RRAB"): 1},
        "dead_letters": {"corrupt": 1},
    }
    return Batch(**{**usual, **changed})  # type: ignore[arg-type]


def test_a_batch_is_counted_by_what_became_of_it() -> None:
    counted = [
        ("starsieve_alerts_total", {"survey": "ztf"}, 2),
        ("starsieve_alerts_total", {"survey": "lsst"}, 1),
        ("starsieve_messages_total", {"topic": "night"}, 4),
        ("starsieve_outcomes_total", {"survey": "ztf", "status": "CLASSIFIED", "reason": ""}, 1),
        ("starsieve_outcomes_total", {"survey": "lsst", "status": "CLASSIFIED", "reason": ""}, 1),
        ("starsieve_outcomes_total", {"survey": "ztf", "status": "NOT_CLASSIFIED", "reason": "too_few_epochs"}, 1),
        ("starsieve_classes_total", {"survey": "ztf", "class": "RRAB"}, 1),
        ("starsieve_classes_total", {"survey": "lsst", "class": "RRAB"}, 1),
        ("starsieve_dead_letters_total", {"reason": "corrupt"}, 1),
        ("starsieve_skipped_messages_total", {"reason": "own"}, 5),
        ("starsieve_transactions_total", {"result": "committed"}, 1),
        ("starsieve_batch_messages_sum", {}, 4),
        ("starsieve_latency_seconds_sum", {"since": "publish"}, 9 + 8 + 1),
        ("starsieve_latency_seconds_sum", {"since": "ingest"}, 3 * 0.5),
        ("starsieve_latency_seconds_count", {"since": "publish"}, 3),
    ]
    before = [value(name, **labels) for name, labels, _ in counted]
    telemetry.batch(a_batch(skipped={"own": 5}))
    for (name, labels, expected), old in zip(counted, before, strict=True):
        assert value(name, **labels) - old == pytest.approx(expected), name


def test_a_message_without_a_timestamp_has_no_latency_and_one_from_the_future_has_none_below_zero() -> None:
    done = a_batch(published_ms=[0, -1, 11_000, 4_000])
    assert telemetry.latencies_s(done).tolist() == [0.0, 6.0]


def test_lag_is_shown_of_the_partitions_that_are_this_workers_now() -> None:
    telemetry.lag({("night", 0): 7, ("night", 1): 0}, None)
    assert value("starsieve_lag_messages", topic="night", partition="0") == 7
    telemetry.lag({("night", 1): 2}, None)
    shown = {tuple(s.labels.items()) for m in telemetry.LAG_MESSAGES.collect() for s in m.samples}
    assert shown == {(("topic", "night"), ("partition", "1"))}


@given(st.none() | st.integers(1, 10**13), st.floats(0, 1e13), st.booleans())
def test_lag_in_seconds_is_the_age_of_the_last_message_unless_nothing_is_left(
    last_ms: int | None, now_ms: float, behind: bool
) -> None:
    seconds = telemetry.lag_seconds(last_ms, now_ms, behind=behind)
    if last_ms is None or not behind or last_ms >= now_ms:
        assert seconds == 0
    else:
        assert seconds == pytest.approx((now_ms - last_ms) / 1000)


def test_a_worker_that_hangs_with_a_batch_at_hand_falls_behind_without_being_asked() -> None:
    telemetry.lag({("night", 0): 0}, 1_000, at_hand=True)
    assert value("starsieve_lag_seconds") > 1e9  # since 1970
    telemetry.lag({("night", 0): 0}, 1_000)
    assert value("starsieve_lag_seconds") == 0


def test_the_other_calls_count_what_they_say() -> None:
    def seen() -> list[float]:
        return [
            value("starsieve_store_seconds_count", call="read"),
            value("starsieve_store_bytes_total", direction="sent"),
            value("starsieve_store_bytes_total", direction="received"),
            value("starsieve_store_errors_total", kind="TimeoutError"),
            value("starsieve_period_searches_total", kind="full"),
            value("starsieve_period_searches_total", kind="lazy"),
            value("starsieve_blocks_looked_at_total"),
            value("starsieve_lost_messages_total", topic="night", partition="3"),
            value("starsieve_transactions_total", result="aborted"),
            value("starsieve_stage_seconds_count", stage="decode"),
        ]

    before = seen()
    telemetry.store_call("read", 0.01, sent=10, received=20)
    telemetry.store_error("TimeoutError")
    telemetry.searches(full=1, lazy=2, blocks=30)
    telemetry.lost("night", 3, 40)
    telemetry.transaction_aborted()
    with telemetry.stage("decode"):
        pass
    assert np.subtract(seen(), before).tolist() == [1, 10, 20, 1, 1, 2, 30, 40, 1, 1]


def test_a_stage_that_fails_is_timed_too() -> None:
    before = value("starsieve_stage_seconds_count", stage="write")
    with pytest.raises(RuntimeError), telemetry.stage("write"):
        raise RuntimeError
    assert value("starsieve_stage_seconds_count", stage="write") == before + 1


def test_one_network_a_survey_is_shown_the_one_in_use() -> None:
    telemetry.starting()
    telemetry.network("ztf", "starsieve-ztf", "1")
    telemetry.network("ztf", "starsieve-ztf", "2")
    telemetry.drift("ztf", {("g", "period"): 0.3})
    assert value("starsieve_network_info", survey="ztf", classifier="starsieve-ztf", version="1") == 0
    assert value("starsieve_network_info", survey="ztf", classifier="starsieve-ztf", version="2") == 1
    assert value("starsieve_drift_psi", survey="ztf", band="g", input="period") == 0.3
    assert any(s.labels["version"] for m in telemetry.BUILD.collect() for s in m.samples)


def test_a_minute_in_one_line() -> None:
    minute = Minute(began_s=100.0, lag_messages=7)
    first, second = a_batch(), a_batch(published_ms=[10_000] * 3)
    minute.add(first, telemetry.latencies_s(first))
    minute.add(second, telemetry.latencies_s(second))
    assert minute.summary(now_s=160.0) == {
        "seconds": 60.0,
        "alerts": 6,
        "alerts_per_s": 0.1,
        "classified": 4,
        "dead_letters": 2,
        "batches": 2,
        "aborted": 0,
        "lag_messages": 7,
        "latency_p50_s": 0.5,
        "latency_p99_s": 8.95,
    }


def test_a_minute_without_alerts_has_a_line_without_latencies() -> None:
    summary = Minute(began_s=0.0).summary(now_s=61.0)
    assert summary["alerts_per_s"] == 0
    assert "latency_p50_s" not in summary


def test_the_minutes_line_comes_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(telemetry.time, "monotonic", lambda: now)
    monkeypatch.setattr(telemetry, "_MINUTE", Minute(began_s=now))
    with structlog.testing.capture_logs() as lines:
        for _ in range(150):
            now += 1.0
            telemetry.minute_line()
    assert [line["seconds"] for line in lines if line["event"] == "minute"] == [60.0, 60.0]


def test_logs_are_json_where_they_are_not_a_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    for log_format in ("json", "auto"):
        telemetry.configure_logs(log_format, "info")  # type: ignore[arg-type]
        structlog.get_logger().info("minute", alerts=3)
        line = json.loads(capsys.readouterr().err)
        assert (line["event"], line["level"], line["alerts"]) == ("minute", "info", 3)


def test_logs_for_people_and_no_debug_lines_at_info(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logs("console", "info")
    structlog.get_logger().debug("batch")
    structlog.get_logger().info("minute", alerts=3)
    text = capsys.readouterr().err
    assert "minute" in text
    assert "batch" not in text
    assert not text.startswith("{")


def test_traces_without_the_extra_are_a_warning_and_no_end() -> None:
    """In a process of its own, where the extra is hidden."""
    script = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from starsieve.broker import telemetry\n"
        "with telemetry.span('batch', messages=1), telemetry.stage('decode'): print('worked')"
    )
    environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert "worked" in done.stdout
    assert "no_traces" in done.stdout + done.stderr


def test_a_batch_and_its_stages_are_spans_of_one_trace_at_the_collector() -> None:
    """In a process of its own: OpenTelemetry has one provider a process."""
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    script = (
        "from starsieve.broker import telemetry\n"
        "with telemetry.span('batch', messages=1), telemetry.stage('decode'): pass\n"
        "from opentelemetry import trace; trace.get_tracer_provider().shutdown()"
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = os.environ | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        }
        subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60)
        server.shutdown()
    request = ExportTraceServiceRequest.FromString(b"".join(received))
    spans = {s.name: s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans}
    assert spans.keys() == {"batch", "decode"}
    assert spans["decode"].parent_span_id == spans["batch"].span_id
    assert spans["decode"].trace_id == spans["batch"].trace_id


def test_a_line_goes_to_the_standard_error_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as once:
        once.setattr(sys, "stderr", io.StringIO())
        telemetry.configure_logs("json", "info")
        log = structlog.get_logger()
        log.info("first")
        sys.stderr.close()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    log.info("second")
    assert json.loads(sys.stderr.getvalue())["event"] == "second"  # type: ignore[attr-defined]
