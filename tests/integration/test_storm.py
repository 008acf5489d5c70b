"""All that could stop or blind a worker at once, among good alerts: two workers answer every one, and stay small."""

import io
import json
import os
import zlib
from typing import Any

import fastavro
import pytest
import redis
from confluent_kafka import Producer

from starsieve.broker.kafka.messages import OWN_MARK
from tests.integration import raw_producer
from tests.integration.conftest import MakeStream
from tests.integration.packets import night
from tests.integration.processes import Process
from tests.integration.streams import Stream

pytestmark = pytest.mark.kafka

LARGEST_MB = 700
SYNC = bytes(16)


def container(schema: Any, n_records: int, data: bytes, codec: bytes = b"null") -> bytes:
    """An object container file of one block, with whatever it says of itself."""
    out = io.BytesIO(b"Obj\x01")
    out.seek(0, io.SEEK_END)
    text = schema if isinstance(schema, str) else json.dumps(schema)
    meta = {"avro.schema": text.encode(), "avro.codec": codec}
    fastavro.schemaless_writer(out, fastavro.parse_schema({"type": "map", "values": "bytes"}), meta)
    out.write(SYNC)
    for number in (n_records, len(data)):
        fastavro.schemaless_writer(out, fastavro.parse_schema({"type": "long"}), number)
    return out.getvalue() + data + SYNC


def long(number: int) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema({"type": "long"}), number)
    return out.getvalue()


def record(name: str, kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": "x", "type": kind}]}


def deflated(data: bytes) -> bytes:
    compress = zlib.compressobj(9, wbits=-15)
    return compress.compress(data) + compress.flush()


def poisons() -> dict[str, bytes]:
    """Small packets, each of which has filled memory, stalled or ended a worker."""
    many, ints = 4 * 2**20, record("many", {"type": "array", "items": record("one", "int")})
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 900_000, "scale": 0}
    levels = 2_000  # as text: json.dumps itself goes no deeper than 1,000
    arrays = '{"type":"array","items":' * levels + '"int"' + "}" * levels
    deep = json.dumps(record("deep", "ARRAYS")).replace('"ARRAYS"', arrays)
    return {
        "an array of four million records": container(ints, 1, deflated(long(many) + bytes(many) + b"\0"), b"deflate"),
        "half a million records": container(record("one", "int"), 2**19, bytes(2**19)),
        "a decimal of 900 kB": container(record("money", decimal), 1, long(900_000) + b"\x7f" * 900_000),
        "a hundred MB of nothing": container(
            record("blob", "bytes"), 1, deflated(long(10**8) + bytes(10**8)), b"deflate"
        ),
        "a schema too deep": container(deep, 1, bytes(2_000)),
        "a union beyond its branches": container(record("union", ["null", "int"]), 1, long(10**9)),
        "a negative array": container(ints, 1, long(-(2**40)) + long(1)),
        "no container": os.urandom(200_000),
        "nothing": b"",
    }


def largest_mb(worker: Process) -> float:
    assert worker.process is not None
    with open(f"/proc/{worker.process.pid}/status") as status:  # noqa: PTH123 - no file of ours
        (line,) = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def test_a_storm_of_poisons(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, redis_url, partitions=4)
    good = night(stars=6, alerts=60)
    foul = list(poisons().values())
    with redis.Redis.from_url(redis_url) as client:
        client.set("{ztf:ZTF20test0005}:epochs", "no list")
    workers = [stream.worker(name, kafka__batch_size="50") for name in ("one", "two")]
    stream.wait_for_members(2)
    sent: list[bytes] = []
    for number in range(0, len(good), 12):
        sent += [*good[number : number + 12], *foul]
    stream.produce(sent)
    with Producer({"bootstrap.servers": kafka}) as producer:
        producer.produce(stream.alerts, b"our own", headers=[OWN_MARK])
    for headers in ([(b"\xff\xfe", b"x")], [(b"filler", os.urandom(1_500_000))], [(b"\xff", os.urandom(500_000))]):
        raw_producer.produce(kafka, stream.alerts, b"no packet", headers)
    stream.wait_for(len(sent) + 4)
    memory = [largest_mb(worker) for worker in workers]
    stream.finish(len(sent) + 4)
    assert_all_good_ones_answered(stream, good)
    of_object_5 = len(good) // 6
    assert len(stream.refused()) == len(sent) - len(good) + of_object_5 + 3
    assert max(memory) < LARGEST_MB


def assert_all_good_ones_answered(stream: Stream, good: list[bytes]) -> None:
    wanted = {next(iter(fastavro.reader(io.BytesIO(packet))))["candid"] for packet in good}  # type: ignore[index, call-overload]
    answered = [answer["alertId"] for answer in stream.answers()]
    assert sorted(answered) == sorted(candid for candid in wanted if candid // 10_000 != 5)
