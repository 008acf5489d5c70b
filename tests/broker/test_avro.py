"""Containers: every codec, several records, and damage of all kinds."""

import contextlib
import io
import json
import zlib
from pathlib import Path

import cramjam
import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.alerts import AlertError, avro

SCHEMA = {"type": "record", "name": "r", "fields": [{"name": "x", "type": "int"}, {"name": "s", "type": "string"}]}
RECORDS = [{"x": i, "s": "star" * i} for i in range(5)]


def container(codec: str = "null", sync_interval: int = 16000) -> bytes:
    packet = io.BytesIO()
    fastavro.writer(packet, SCHEMA, RECORDS, codec=codec, sync_interval=sync_interval)
    return packet.getvalue()


def container_of(schema: object, data: bytes, n_records: int = 1, codec: bytes = b"null") -> bytes:
    """A container with whatever a schema and a block say."""
    packet, long = io.BytesIO(), {"type": "long"}
    packet.write(b"Obj\x01")
    meta = {"avro.schema": json.dumps(schema).encode(), "avro.codec": codec}
    fastavro.schemaless_writer(packet, {"type": "map", "values": "bytes"}, meta)
    packet.write(sync := b"0123456789abcdef")
    fastavro.schemaless_writer(packet, long, n_records)
    fastavro.schemaless_writer(packet, long, len(data))
    packet.write(data + sync)
    return packet.getvalue()


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
@pytest.mark.parametrize("sync_interval", [1, 16000])
def test_reads_what_fastavro_wrote(codec: str, sync_interval: int) -> None:
    assert avro.records(container(codec, sync_interval)) == RECORDS


def test_reads_zstandard() -> None:
    """Written by hand: fastavro would need one more package."""
    body = io.BytesIO()
    for record in RECORDS:
        fastavro.schemaless_writer(body, SCHEMA, record)
    block = bytes(cramjam.zstd.compress(body.getvalue()))
    assert avro.records(container_of(SCHEMA, block, len(RECORDS), b"zstandard")) == RECORDS


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "not_avro"),
        (b"\x00\x00\x00\x02\xbdwhatever", "not_avro"),
        (b"Obj\x01", "corrupt"),
        (container()[:-1], "corrupt"),
        (container()[:-20], "corrupt"),
        (container()[:-1] + b"\x00", "corrupt"),
        (container("bzip2"), "unknown_codec"),
    ],
)
def test_damage_has_a_reason(packet: bytes, reason: str) -> None:
    with pytest.raises(AlertError) as error:
        avro.records(packet)
    assert error.value.reason == reason


def test_a_container_without_records_is_corrupt() -> None:
    packet = io.BytesIO()
    fastavro.writer(packet, SCHEMA, [])
    with pytest.raises(AlertError, match="no record"):
        avro.records(packet.getvalue())


def test_a_wrong_snappy_checksum_is_corrupt() -> None:
    packet = bytearray(container("snappy"))
    packet[-17] ^= 1  # the last byte before the sync marker
    with pytest.raises(AlertError, match="checksum"):
        avro.records(bytes(packet))


NESTED = {"type": "record", "name": "a", "fields": [{"name": "a", "type": ["null", "a"]}]}
NOTHING = {"type": "record", "name": "a", "fields": []}
NOTHINGS = {"type": "record", "name": "r", "fields": [{"name": "x", "type": {"type": "array", "items": "null"}}]}
EMPTIES = {"type": "record", "name": "r", "fields": [{"name": "x", "type": {"type": "array", "items": NOTHING}}]}
BILLIONS = b"\xfe\xff\xff\xff\xff\xff\x01\x00"
ZSTD_BOMB = bytes(cramjam.zstd.compress(bytes(10**9)))
DEFLATE_BOMB = zlib.compress(bytes(3 * 10**8), wbits=-15)
SNAPPY_BOMB = bytes(cramjam.snappy.compress_raw(bytes(3 * 10**8))) + b"0000"


@pytest.mark.parametrize(
    ("packet", "detail"),
    [
        pytest.param(container_of(NESTED, b"\x02" * 100_000 + b"\x00"), "recursive", id="recursion"),
        pytest.param(container_of(NOTHING, b"", n_records=2**40), "without content", id="nothing"),
        pytest.param(container_of(NOTHINGS, BILLIONS), "array of nothing", id="nothings"),
        pytest.param(container_of(EMPTIES, BILLIONS), "array of nothing", id="empties"),
        pytest.param(container_of(SCHEMA, b"\x00", n_records=2**40), "records in 1 bytes", id="count"),
        pytest.param(container_of(SCHEMA, ZSTD_BOMB, codec=b"zstandard"), "unpacked", id="zstandard"),
        pytest.param(container_of(SCHEMA, DEFLATE_BOMB, codec=b"deflate"), "unpacked", id="deflate"),
        pytest.param(container_of(SCHEMA, SNAPPY_BOMB, codec=b"snappy"), "unpacked", id="snappy"),
    ],
)
def test_a_small_packet_cannot_kill_the_process(packet: bytes, detail: str) -> None:
    with pytest.raises(AlertError, match=detail) as error:
        avro.records(packet)
    assert error.value.reason == "corrupt"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["null", "snappy", "deflate"]), st.integers(0, 10_000), st.integers(1, 255))
def test_damaged_bytes_never_raise_anything_else(codec: str, position: int, difference: int) -> None:
    packet = bytearray(container(codec))
    packet[position % len(packet)] ^= difference
    with contextlib.suppress(AlertError):
        avro.records(bytes(packet))


def test_all_real_ztf_packets(data_dir: Path) -> None:
    """Schema versions 1.3 to 4.02, null and snappy; six of the files are truncated."""
    files = [path for path in sorted((data_dir / "alerts/ztf_avro").rglob("*")) if path.is_file()]
    corrupt, read = 0, 0
    for path in files:
        packet = path.read_bytes()
        try:
            with path.open("rb") as file:
                expected = list(fastavro.reader(file))
        except (IndexError, ValueError):  # what fastavro says of truncated files
            with pytest.raises(AlertError) as error:
                avro.records(packet)
            assert error.value.reason == "corrupt"
            corrupt += 1
        else:
            # repr, because a NaN is not equal to itself
            assert repr(avro.records(packet)) == repr(expected)
            read += 1
    assert read > 0
    assert corrupt < read
