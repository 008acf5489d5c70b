"""Rubin's alerts with classifications, as FASTDB takes them, through a real Kafka."""

import io
import json
from typing import Any

import fastavro
import numpy as np
import pytest

from starsieve.broker.client import Subscriber
from starsieve.broker.outputs import fastdb
from starsieve.broker.settings import KafkaSettings
from tests.broker.surveys.lsst_packets import container, frame, record, schema, source
from tests.integration import topics
from tests.integration.conftest import MakeStream
from tests.integration.streams import Stream
from tests.schema_registries import registry

pytestmark = pytest.mark.kafka


def messages(stream: Stream) -> dict[int, Any]:
    """What was published, by the id of the alert."""
    parsed = fastavro.parse_schema(json.loads(fastdb.schema()))
    values = [message.value() or b"" for message in topics.read_committed(stream.kafka, stream.outcomes)]
    found: list[Any] = [fastavro.schemaless_reader(io.BytesIO(value), parsed, None) for value in values]
    return {each["diaSourceId"]: each for each in found}


def test_alerts_go_out_as_they_came(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    """In frames, one of a minor version that a registry knows, and in containers; what 10.0 cannot say is set aside."""
    alerts = [record(source(visit), [source(0)]) for visit in (1, 2, 3)]
    sent = [frame(alerts[0]), container(alerts[1], 1000), frame(alerts[2], 1102, written_with=schema(1101))]
    older = container({"alertId": 4, "diaSource": source(4)}, 704)
    stream = make_stream(kafka, redis_url)
    with registry() as server:
        server.knows(1102, schema(1101))
        stream.produce([older, *sent])
        stream.worker("rubins", survey="lsst", output_format="fastdb", schema_registry=server.address)
        stream.finish(4)
    found = messages(stream)
    assert found.keys() == {alert["diaSourceId"] for alert in alerts}
    for alert in alerts:
        went = found[alert["diaSourceId"]]
        assert went["diaSource"].items() >= alert["diaSource"].items() - {("ixxPSF", 0.18), ("iyyPSF", 0.18)}
        assert [each["visit"] for each in went["prvDiaSources"]] == [0]
        assert went["classifications"] == [{"classId": 300, "probability": 1.0}]
    assert [headers["reason"] for headers, _ in stream.refused()] == ["no_fastdb"]
    with Subscriber(
        KafkaSettings(bootstrap_servers=kafka, output_topic=stream.outcomes), since="beginning", count=3, idle_s=5
    ) as outcomes:
        read = list(outcomes)
    assert {each.alert_id for each in read} == found.keys()
    assert {(each.status, each.reason, each.survey) for each in read} == {("NOT_CLASSIFIED", "too_few_epochs", "lsst")}


def test_an_alert_that_the_topic_has_no_room_for_holds_nobody_up(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    """Its outcome is as large as itself."""
    large = frame(record(source(2), cutoutScience=np.random.default_rng(1).bytes(200_000)))
    stream = make_stream(kafka, redis_url)
    stream.outcomes = topics.create_topic(kafka, prefix="outcomes", max_bytes=100_000)
    stream.produce([frame(record(source(1))), large, frame(record(source(3)))])
    stream.worker("narrow", survey="lsst", output_format="fastdb")
    stream.finish(3)
    assert sorted(each["diaSource"]["visit"] for each in messages(stream).values()) == [1, 3]
    ((headers, notice),) = stream.refused()
    assert (headers["reason"], headers["offset"], notice.value()) == ("too_large", "1", b"")
