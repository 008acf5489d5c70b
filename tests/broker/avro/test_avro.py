"""Containers: every codec, several records, and damage of all kinds."""

import contextlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import cramjam
import fastavro
import fastavro.read
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starsieve.broker.avro import reader
from starsieve.broker.surveys import AlertError
from tests.broker.avro.containers import container_of

SCHEMA = {"type": "record", "name": "r", "fields": [{"name": "x", "type": "int"}, {"name": "s", "type": "string"}]}
RECORDS = [{"x": i, "s": "star" * i} for i in range(5)]


def container(codec: str = "null", sync_interval: int = 16000) -> bytes:
    packet = io.BytesIO()
    fastavro.writer(packet, SCHEMA, RECORDS, codec=codec, sync_interval=sync_interval)
    return packet.getvalue()


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
@pytest.mark.parametrize("sync_interval", [1, 16000])
def test_reads_what_fastavro_wrote(codec: str, sync_interval: int) -> None:
    assert reader.records(container(codec, sync_interval)) == RECORDS


def test_reads_zstandard() -> None:
    """Written by hand: fastavro would need one more package."""
    body = io.BytesIO()
    for record in RECORDS:
        fastavro.schemaless_writer(body, SCHEMA, record)
    block = bytes(cramjam.zstd.compress(body.getvalue()))
    assert reader.records(container_of(SCHEMA, block, len(RECORDS), b"zstandard")) == RECORDS


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
        reader.records(packet)
    assert error.value.reason == reason


def test_a_container_without_records_is_corrupt() -> None:
    packet = io.BytesIO()
    fastavro.writer(packet, SCHEMA, [])
    with pytest.raises(AlertError, match="no record"):
        reader.records(packet.getvalue())


def test_a_wrong_snappy_checksum_is_corrupt() -> None:
    packet = bytearray(container("snappy"))
    packet[-17] ^= 1  # the last byte before the sync marker
    with pytest.raises(AlertError, match="checksum"):
        reader.records(bytes(packet))


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
        pytest.param(container_of(NOTHING, b"", n_records=2**40), "records in 1 blocks", id="nothing"),
        pytest.param(container_of(NOTHINGS, BILLIONS), "more than 65536 items", id="nothings"),
        pytest.param(container_of(EMPTIES, BILLIONS), "more than 65536 items", id="empties"),
        pytest.param(container_of(SCHEMA, b"\x00", n_records=2**40), "records in 1 blocks", id="count"),
        pytest.param(container_of(SCHEMA, ZSTD_BOMB, codec=b"zstandard"), "unpacked", id="zstandard"),
        pytest.param(container_of(SCHEMA, DEFLATE_BOMB, codec=b"deflate"), "unpacked", id="deflate"),
        pytest.param(container_of(SCHEMA, SNAPPY_BOMB, codec=b"snappy"), "unpacked", id="snappy"),
    ],
)
def test_a_small_packet_cannot_kill_the_process(packet: bytes, detail: str) -> None:
    with pytest.raises(AlertError, match=detail) as error:
        reader.records(packet)
    assert error.value.reason == "corrupt"


@settings(max_examples=300)
@given(st.sampled_from(["null", "snappy", "deflate"]), st.integers(0, 10_000), st.integers(1, 255))
def test_damaged_bytes_never_raise_anything_else(codec: str, position: int, difference: int) -> None:
    packet = bytearray(container(codec))
    packet[position % len(packet)] ^= difference
    with contextlib.suppress(AlertError):
        reader.records(bytes(packet))


@pytest.fixture
def no_logical_types() -> Iterator[None]:
    """Makes fastavro leave numbers and bytes of logical types as they are."""
    with patch.dict(fastavro.read.LOGICAL_READERS, clear=True):
        yield


@pytest.mark.usefixtures("no_logical_types")
@pytest.mark.parametrize("survey", ["ztf", "lsst", "atlas", "other"])
def test_all_real_packets(survey: str, data_dir: Path) -> None:
    """Schemas of ZTF (1.3 to 4.02), Rubin, ELAsTiCC, ATLAS and others, null and snappy; some files are truncated."""
    corrupt, read = 0, 0
    for packet in real_packets(data_dir, survey):
        try:
            expected = list(fastavro.reader(io.BytesIO(packet)))
        except (IndexError, ValueError):  # what fastavro says of truncated files
            with pytest.raises(AlertError) as error:
                reader.records(packet)
            assert error.value.reason == "corrupt"
            corrupt += 1
        else:
            # repr, because a NaN is not equal to itself
            assert repr(reader.records(packet)) == repr(expected)
            read += 1
    assert read > 0
    assert corrupt < read


@pytest.mark.usefixtures("no_logical_types")
def test_damaged_real_packets(data_dir: Path) -> None:
    """Bytes changed anywhere, most of them in the data: refused, or read as fastavro reads them."""
    rng = np.random.default_rng(0)
    packets = [packet for survey in ("ztf", "lsst", "atlas", "other") for packet in real_packets(data_dir, survey)]
    refused = 0
    for packet in rng.permutation(np.array([packet for packet in packets if len(packet) < 200_000], object)):
        damaged = bytearray(packet)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(packet))] = rng.integers(256)
        try:
            found = reader.records(bytes(damaged))
        except AlertError:
            refused += 1
        else:
            assert repr(found) == repr(list(fastavro.reader(io.BytesIO(damaged))))
    assert refused > 0


def real_packets(data_dir: Path, survey: str) -> list[bytes]:
    """Every container in the data, by survey."""
    folders = sorted((data_dir / "alerts").glob(f"{survey}_avro*"))
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [packet for packet in (path.read_bytes() for path in files) if packet.startswith(b"Obj\x01")]
