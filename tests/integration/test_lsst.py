"""Rubin's alerts through a real Kafka and a real Redis: every packet is answered, or refused with its reason."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import redis

from starsieve.broker.store import LightCurves
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.lsst_rows import FORM, ROW
from starsieve.broker.surveys.packets import decode
from tests.broker.surveys.lsst_packets import container, frame, record, schema, source, star
from tests.integration.conftest import MakeStream
from tests.integration.processes import eventually
from tests.integration.servers import free_port
from tests.integration.streams import TIMEOUT, Stream
from tests.schema_registries import registry

pytestmark = pytest.mark.kafka


def packets(data_dir: Path) -> dict[str, bytes]:
    """All of Rubin's at hand, real and simulated, by name."""
    folders = [data_dir / "alerts" / name for name in ("lsst_avro_real", "lsst_avro_sim")]
    files = [file for folder in folders for file in sorted(folder.rglob("*.avro*"))]
    if not files:
        pytest.skip(f"no real data in {folders[0]}")
    return {str(file.relative_to(data_dir / "alerts")): file.read_bytes() for file in files}


def stored(address: str, object_id: str) -> np.ndarray:
    with redis.Redis.from_url(address) as client:
        rows: np.ndarray = LightCurves(client, "lsst", time_to_live_s=1, form=FORM).read([object_id])[object_id].epochs
    return rows


def assert_stored(address: str, alerts: list[Alert]) -> None:
    """The store has all that these alerts have brought, and nothing else."""
    for object_id in {alert.object_id for alert in alerts if alert.reason is None}:
        brought = [alert.epochs for alert in alerts if alert.object_id == object_id]
        rows, _ = FORM.merge_into(np.empty(0, ROW), brought)
        assert stored(address, object_id).tobytes() == rows.tobytes()


def outcomes(stream: Stream) -> Counter[tuple[str, str | None]]:
    return Counter((each["status"], each["reason"]) for each in stream.answers())


def test_all_packets_at_hand(kafka: str, redis_url: str, make_stream: MakeStream, data_dir: Path) -> None:
    sent = packets(data_dir)
    stream = make_stream(kafka, redis_url)
    stream.produce(list(sent.values()))
    stream.worker("reader", survey="lsst")
    stream.finish(len(sent))
    expected = [each for packet in sent.values() for each in decode(packet, "lsst")]
    alerts = [each for each in expected if isinstance(each, Alert)]
    answers = stream.answers()
    assert sorted(each["alertId"] for each in answers) == sorted(each.alert_id for each in alerts)
    refused = Counter(headers["reason"] for headers, _ in stream.refused())
    assert refused == Counter(each.reason for each in expected if not isinstance(each, Alert))
    assert set(refused) == {"absurd_value", "not_avro"}, "times in seconds since 1970; a body without its frame"
    found = outcomes(stream)
    print(dict(found), dict(refused))  # noqa: T201 - what pytest shows with -s
    assert found["NOT_CLASSIFIED", "solar_system"] == sum(each.reason == "solar_system" for each in alerts) > 0
    assert found["NOT_CLASSIFIED", "no_total_flux"] >= sum(each.reason == "no_total_flux" for each in alerts) > 0
    assert found["CLASSIFIED", None] >= 5, "the deep-field stars"
    by_id = {each["alertId"]: each for each in answers}
    for alert in alerts:
        answer = by_id[alert.alert_id]
        assert answer["objectId"] == alert.object_id
        assert alert.dropped.items() <= answer["dropped"].items()
    assert_stored(redis_url, alerts)


def test_outcomes_and_store_are_the_same_after_a_second_pass(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    """Frames and containers in turn, five alerts a transaction; packets come in two orders."""
    sources, photometry = star(60, np.random.default_rng(1), amplitude=0.3)
    sent = [
        (frame if n % 2 else container)(record(now, sources[max(0, n - 5) : n], photometry[max(0, n - 5) : n + 1]))
        for n, now in enumerate(sources)
    ]
    stream = make_stream(kafka, redis_url)
    stream.produce(sent)
    stream.worker("first", survey="lsst")
    stream.finish(len(sent))
    first = {each["alertId"]: each for each in stream.answers()}
    object_id = next(iter(first.values()))["objectId"]
    rows = stored(redis_url, object_id)
    assert rows.dtype == ROW
    assert rows.size == 120, "a diaSource and its forced photometry for each exposure"
    stream.begin_pass()
    stream.worker("second", survey="lsst")
    stream.finish(len(sent))
    second = {each["alertId"]: each for each in stream.answers()}
    assert rows.tobytes() == stored(redis_url, object_id).tobytes()
    for alert_id, answer in first.items():
        again = second[alert_id]
        assert all(answer[name] == again[name] for name in ("period", "bands", "dropped", "classifications"))
    assert first[sources[-1]["diaSourceId"]]["status"] == "CLASSIFIED"


def test_a_registry_that_is_away_holds_the_stream_and_costs_no_alert(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    newer = [frame(record(source(visit)), 1102, written_with=schema(1101)) for visit in range(4)]
    unknown = frame(record(source(9)), 1103, written_with=schema(1101))
    port = free_port()
    stream = make_stream(kafka, redis_url)
    stream.produce([newer[0]])
    worker = stream.worker("patient", survey="lsst", schema_registry=f"http://127.0.0.1:{port}")
    eventually(lambda: "schema registry" in worker.output(), "the worker waits", TIMEOUT)
    assert stream.progress() == 0
    with registry(port) as server:
        server.knows(1102, schema(1101))
        stream.produce([*newer[1:], unknown])
        stream.finish(5)
    assert server.asked.count("/schemas/ids/1102") <= 2
    assert outcomes(stream) == {("NOT_CLASSIFIED", "too_few_epochs"): 4}
    assert [headers["reason"] for headers, _ in stream.refused()] == ["unknown_schema"]
