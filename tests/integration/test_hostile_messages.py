"""Single messages and keys that could stop or blind a worker: each gets its dead letter, all others their outcome."""

import io
import os
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
import redis
from confluent_kafka import Producer

from starsieve import schemas
from starsieve.broker.epochs import EPOCH
from starsieve.broker.kafka.messages import OWN_MARK
from starsieve.broker.outputs import elasticc
from tests.integration import raw_producer, topics
from tests.integration.conftest import MakeStream
from tests.integration.packets import SCHEMA, night, star
from tests.integration.streams import Stream, assert_each_alert_answered_once

pytestmark = pytest.mark.kafka

ROWS = {
    "odd bytes": b"odd",
    "no band": np.array([(59000.0, 17.0, 0.1, 7)], EPOCH).tobytes(),
    "no time": np.array([(np.nan, 17.0, 0.1, 1)], EPOCH).tobytes(),
    "no magnitude": np.array([(59000.0, 1e30, 0.1, 1)], EPOCH).tobytes(),
}


def reasons(stream: Stream) -> list[str]:
    return [headers["reason"] for headers, _ in stream.refused()]


def test_header_names_that_are_no_text(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, redis_url)
    good = night(stars=20, alerts=10)  # so many that the interpreter has specialised what reads them
    stream.produce(good[:150])
    for headers in ([(b"\xff\xfe", b"x")], [(b"fine", b"x"), (b"\xc3", None)], [(b"", None)], [(b"name", None)]):
        raw_producer.produce(kafka, stream.alerts, good[0], headers)
    stream.produce(good[150:])
    stream.worker("reader")
    stream.finish(len(good) + 4)
    assert_each_alert_answered_once(stream)
    assert reasons(stream) == ["unreadable_headers"] * 2
    assert {message.value() for _, message in stream.refused()} == {good[0]}


def test_a_bad_message_with_more_headers_than_dead_letters_may_have(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    stream = make_stream(kafka, redis_url)
    stream.dead_letters = topics.create_topic(kafka, prefix="small", max_bytes=1_000_000)
    good = night(stars=2, alerts=10)
    stream.produce(good[:5])
    raw_producer.produce(kafka, stream.alerts, b"not a packet", [(b"filler", os.urandom(1_500_000))])
    stream.produce(good[5:])
    stream.worker("patient")
    stream.finish(len(good) + 1)
    assert_each_alert_answered_once(stream)
    assert reasons(stream) == ["too_large"]


def test_messages_without_a_key_a_value_or_a_time_that_can_be_true(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    stream = make_stream(kafka, redis_url)
    good = night(stars=1, alerts=5)
    with Producer({"bootstrap.servers": kafka}) as producer:
        producer.produce(stream.alerts, None)
        producer.produce(stream.alerts, good[0], b"\xff\xfe", timestamp=1)
        producer.produce(stream.alerts, good[1], b"", headers=[("a", None)] * 1000)
    stream.worker("reader", output_format="elasticc")
    stream.finish(3)
    assert reasons(stream) == ["not_avro"]
    answers = [_schemaless(message.value() or b"") for message in topics.read_committed(kafka, stream.outcomes)]
    assert len(answers) == 2
    assert all(answer["elasticcPublishTimestamp"].year > 2000 for answer in answers)


def test_its_own_messages_are_never_read_as_alerts(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    """As they come back from a mirror of the outcomes, or of the dead letters, under another name."""
    stream = make_stream(kafka, redis_url)
    good = night(stars=1, alerts=5)
    with Producer({"bootstrap.servers": kafka}) as producer:
        for value in (b"an outcome", good[0]):
            producer.produce(stream.alerts, value, headers=[OWN_MARK])
    stream.produce(good)
    worker = stream.worker("reader")
    stream.finish(len(good) + 2)
    assert not stream.refused()
    assert len(stream.answers()) == len(good)
    assert "own_messages_skipped" in worker.log.read_text()
    assert all(message.headers()[0] == OWN_MARK for message in topics.read_committed(kafka, stream.outcomes))


def test_patterns_are_pythons_and_never_mean_our_own_topics(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    stream = make_stream(kafka, redis_url)
    good = night(stars=1, alerts=5)
    stream.produce(good)
    prefix, digits = stream.alerts.split("-")
    stream.outcomes = topics.create_topic(kafka, prefix=f"{stream.alerts}-outcomes")
    pattern = rf"^{prefix}-\w{{{len(digits)}}}(?!-)(?<={digits})"
    worker = stream.worker("reader", kafka__topics=f'["{pattern}", "^nothing-\\\\d+$"]'.replace(r"\w", r"\\w"))
    stream.finish(len(good))
    assert_each_alert_answered_once(stream)
    assert '"topics": ["^nothing-' in worker.log.read_text()


def test_headers_of_strangers_that_are_named_like_ours(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, redis_url)
    (good,) = star(1, alerts=1)
    forged = [("first", b"x"), ("reason", b"forged"), ("producer", b"starsieve")]
    with Producer({"bootstrap.servers": kafka}) as producer:
        for value in (good, b"no packet"):
            producer.produce(stream.alerts, value, headers=forged)
    stream.worker("reader")
    stream.finish(2)
    assert len(stream.answers()) == 1
    ((headers, _),) = stream.refused()
    assert (headers["reason"], headers["original_reason"]) == ("not_avro", "forged")
    assert headers["original_producer"] == "starsieve"


@pytest.mark.parametrize("kind", ["string", "odd bytes", "no band", "no time", "no magnitude"])
def test_a_key_that_holds_something_else_holds_up_its_object_only(
    kafka: str, redis_url: str, make_stream: MakeStream, kind: str
) -> None:
    stream = make_stream(kafka, redis_url)
    good = night(stars=3, alerts=10)
    with redis.Redis.from_url(redis_url) as client:
        key = "{ztf:ZTF20test0001}:epochs"
        client.set(key, b"x") if kind == "string" else client.rpush(key, ROWS[kind])
        client.rpush("{ztf:ZTF20test0002}:search", b"a list where a state should be")
        stream.produce(good)
        stream.worker("reader")
        stream.finish(len(good))
        assert_each_alert_answered_once(stream)
        assert reasons(stream) == ["unreadable_store"] * 10
        details = {headers["detail"] for headers, _ in stream.refused()}
        assert details == {f"{key} is no list of our rows: delete it"}


def test_a_container_with_good_and_bad_records(
    kafka: str, redis_url: str, make_stream: MakeStream, tmp_path: Path
) -> None:
    """An outcome for each good record, and one dead letter for the message, which names the bad ones."""
    stream = make_stream(kafka, redis_url)
    packets = star(1, alerts=4)
    stream.produce([_container(packets, absurd=(1, 3)), packets[0]])
    stream.worker("reader")
    stream.finish(2)
    answered = [answer["idempotencyKey"].split(":", 2)[2] for answer in stream.answers()]
    assert sorted(answered) == ["0:0", "0:2", "1:0"]
    ((headers, message),) = stream.refused()
    assert (headers["reason"], headers["record"]) == ("absurd_value", "1,3")
    assert message.value() == stream.inputs()[f"{stream.alerts}:0:0"]


def _schemaless(message: bytes) -> dict[str, Any]:
    answer: Any = fastavro.schemaless_reader(io.BytesIO(message), schemas.load(elasticc.SCHEMA), None)
    return answer


def _container(packets: list[bytes], absurd: tuple[int, ...]) -> bytes:
    records: list[Any] = [next(iter(fastavro.reader(io.BytesIO(packet)))) for packet in packets]
    for number in absurd:
        records[number]["candidate"]["ra"] = 1e9
    container = io.BytesIO()
    fastavro.writer(container, SCHEMA, records)
    return container.getvalue()
