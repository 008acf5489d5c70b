"""Packets made to stop a worker: each is refused with its reason, in half a second and 256 MB.

One process decodes them one after the other, with a limit on its address space.
"""

import json
import re
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import cramjam
import pytest

from starsieve.broker.avro import reader
from starsieve.broker.avro.container import MAX_BYTES
from starsieve.broker.avro.schema import MAX_SCHEMA_BYTES
from starsieve.broker.surveys import AlertError, packets, ztf
from starsieve.broker.surveys.ztf import MAX_HISTORY
from tests.broker.avro.containers import SYNC, block, container, container_of, text
from tests.broker.avro.random_avro import number
from tests.broker.surveys.ztf_rows import JD, candidate, forced, packed, packet

MAX_SECONDS = 0.5
TIMEOUT_S = 300
N_SCHEMAS = 60

Expected = dict[str, tuple[bytes, str]]  # by name: a packet, and how what is said of it has to begin (a pattern)


def of(*types: Any) -> dict[str, Any]:
    """A record with one field of each type."""
    fields = [{"name": f"x{number}", "type": kind} for number, kind in enumerate(types)]
    return {"type": "record", "name": "outermost", "fields": fields}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def fixed(size: Any, name: str = "fixed") -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size}


def snappy(data: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(data)) + zlib.crc32(data).to_bytes(4, "big")


PACK: dict[bytes, Callable[[bytes], bytes]] = {
    b"zstandard": lambda data: bytes(cramjam.zstd.compress(data)),
    b"deflate": lambda data: zlib.compress(data, wbits=-15),
    b"snappy": snappy,
}
ONE_INT = {"type": "record", "name": "one", "fields": [{"name": "i", "type": "int"}]}
EMPTY: dict[str, Any] = {"type": "record", "name": "empty", "fields": []}
ENUM = {"type": "enum", "name": "e", "symbols": ["A", "B"]}
NULLS = {"type": "map", "values": "null"}
HUGE = 2**40
MEGABYTE = 2**20


def bombs() -> Expected:
    """Few bytes that become many, or many values."""
    ints = number(4 * MEGABYTE) + bytes(4 * MEGABYTE) + number(0)
    thousands = number(1000) + number(0)
    for _ in range(2):
        thousands = number(1000) + thousands * 1000 + number(0)
    many_items = "corrupt: an array or map of more than"
    found = {
        "405 bytes": (container_of(of(array(ONE_INT)), PACK[b"zstandard"](ints), codec=b"zstandard"), many_items),
        "half a million records": (container_of(ONE_INT, bytes(2**19), 2**19), "corrupt: 524288 records"),
        "records of nothing": (container_of(EMPTY, b"", HUGE), f"corrupt: {HUGE} records"),
        "fewer records than none": (container_of(EMPTY, b"", -1), "corrupt: -1 records"),
        "nulls": (container_of(of(array("null")), number(HUGE) + number(0)), many_items),
        "empty records": (container_of(of(array(EMPTY)), number(HUGE)), many_items),
        "empty fixed": (container_of(of(array(fixed(0))), number(HUGE)), many_items),
        "blocks of nulls": (container_of(of(array("null")), number(60_000) * 1000), many_items),
        "a map of nulls": (container_of(of(NULLS), number(HUGE) + bytes(10**6)), many_items),
        "a negative count": (container_of(of(array("null")), number(-HUGE) + number(7)), many_items),
        "the least count": (container_of(of(array("null")), number(-(2**63)) + number(7)), many_items),
        "a thousand cubed": (container_of(of(array(array(array("null")))), thousands), "corrupt: too many values"),
        "thousands of columns": (
            container_of(of(array(of(*["null"] * 3_000) | {"name": "wide"})), number(60_000)),
            "corrupt: too many values",
        ),
        "all values that may be": (
            container_of(of(array(array(ONE_INT))), number(333) + (number(999) + bytes(1000)) * 333 + number(0)),
            "not_ztf",
        ),
        "the widest text": (
            container_of(of("string"), number(MAX_BYTES - 10) + "\U0001f600".encode() + b"a" * (MAX_BYTES - 14)),
            "not_ztf",
        ),
        "a snappy block that lies": (
            container_of(EMPTY, b"\xff\xff\xff\xff\x0f" + b"0000", codec=b"snappy"),
            "corrupt: more than .* unpacked",
        ),
        "a snappy block of nothing": (container_of(EMPTY, b"", codec=b"snappy"), "corrupt: snappy"),
        "a zstandard window": (
            container_of(EMPTY, b"\x28\xb5\x2f\xfd\x00" + bytes([17 << 3]) + b"\x19\x00\x00abc", codec=b"zstandard"),
            "corrupt: 1 records end at byte 0 of 3",
        ),
    }
    for codec, pack in PACK.items():
        too_large = "corrupt: .*more than .* unpacked"
        bomb = pack(bytes(10**9)) if codec != b"snappy" else pack(bytes(10**8))
        metadata = [(b"avro.schema", json.dumps(of(fixed(MEGABYTE))).encode()), (b"avro.codec", codec)]
        megabytes = [block(pack(bytes(MEGABYTE)))] * (MAX_BYTES // MEGABYTE)
        found[f"{codec.decode()} bomb"] = (container_of(EMPTY, bomb, codec=codec), too_large)
        found[f"{codec.decode()} blocks"] = (container(metadata, *megabytes * 2), too_large)
        found[f"{codec.decode()} bomb behind all that may be"] = (
            container(metadata, *megabytes, block(bomb)),
            too_large,
        )
        found[f"{codec.decode()} of all that may be"] = (container(metadata, *megabytes), "not_ztf")
    return found


def schemas() -> Expected:
    """Schemas that are large, deep, or none."""
    deep: Any = "int"
    for _ in range(500):
        deep = array(deep)
    doubled: Any = "int"
    for level in range(30):
        again = {"name": "b", "type": f"n{level - 1}" if level else "int"}
        fields = [{"name": "a", "type": doubled}, again]
        doubled = {"type": "record", "name": f"n{level}", "fields": fields}
    nested = {"type": "record", "name": "a", "fields": [{"name": "a", "type": ["null", "a"]}]}
    mutual = EMPTY | {
        "name": "b",
        "fields": [{"name": "a", "type": EMPTY | {"name": "a", "fields": [{"name": "b", "type": array("b")}]}}],
    }
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 10**6, "scale": 2}
    million = "x" * 10**6
    schema = "corrupt: the schema: "
    parsed = of("int") | {"__fastavro_parsed": True, "__named_schemas": {"outermost": of(decimal)}}
    texts: dict[str, tuple[Any, str]] = {
        "100,000 fields": (of(*["int"] * 100_000), schema + ".* bytes, more than"),
        "20,000 branches": (of(["int"] * 20_000), schema + "more than .* types"),
        "500 levels": (of(deep), schema + "deeper than"),
        "names that double": (doubled, schema + "(more than .* types|deeper than)"),
        "a recursive record": (nested, schema + "recursive: a"),
        "a record in itself, by another": (mutual, schema + "recursive: b"),
        "brackets": (b"[" * 150_000, schema + "no JSON"),
        "no schema": (b"", schema + "no JSON"),
        "not UTF-8": (b'"\xff"', schema + "no JSON"),
        "NaN": (b'{"type": "fixed", "name": "a", "size": NaN}', schema + "NaN"),
        "infinity": (json.dumps(of(fixed(0))).encode().replace(b": 0", b": 1e999"), schema + "a fixed of size inf"),
        "5,000 digits": (json.dumps(of(fixed(0))).encode().replace(b": 0", b": " + b"9" * 5000), schema + "no JSON"),
        "4,000 digits": (of(fixed(10**3999)), schema + "a fixed of size"),
        "a negative fixed": (of(fixed(-1)), schema + "a fixed of size -1"),
        "a fixed of text": (of(fixed("4")), schema + "a fixed of size 4"),
        "a long name": (of({"type": million[: MAX_SCHEMA_BYTES // 2]}), schema + "no type: x{80}$"),
        "a name of no type": (of("never"), schema + "no type is called never"),
        "two of one name": (of(fixed(1), fixed(2)), schema + "two types are called fixed"),
        "a symbol that is a number": (of(ENUM | {"symbols": [1]}), schema + "names that are no text"),
        "symbols that are text": (of(ENUM | {"symbols": "AB"}), schema + "names that are no text"),
        "a lone surrogate": (of("\ud800"), schema + r"no type is called \\ud800"),
        "a symbol that is no name": (of(ENUM | {"symbols": ["1 2"]}), "corrupt: "),
        "two symbols of one name": (of(ENUM | {"symbols": ["A", "A"]}), "corrupt: "),
        "fields that are text": (EMPTY | {"fields": "abc"}, schema + "a record without fields"),
        "a field without type": (EMPTY | {"fields": [{"name": "a"}]}, schema + "no type: None"),
        "a type of types": (of({"type": {"type": "int"}}), schema + "no type"),
        "null": (None, schema + "no type"),
        "a number": (3, schema + "no type"),
        "a list": ([EMPTY], schema + "not of a record"),
        "a primitive": ("int", schema + "not of a record"),
        # What follows is a schema of records, only not of ZTF's.
        "odd defaults": (
            EMPTY | {"fields": [{"name": "a", "type": "null", "default": [{}] * 10_000, "aliases": 7}]},
            "not_ztf",
        ),
        "decimals out of bounds": (of("null", decimal), "corrupt: the data end"),
        "fastavro's own marks": (parsed, "corrupt: the data end"),
        "namespaces without end": (EMPTY | {"namespace": "a." * 10_000, "aliases": ["b." * 10_000]}, "not_ztf"),
    }
    found = {f"schema: {name}": (container_of(raw, b""), expected) for name, (raw, expected) in texts.items()}
    nines = b"\x7f" + b"\xff" * 900_000
    found["a decimal of 900 kB"] = (container_of(of(decimal), text(nines)), "not_ztf")
    found["dates in no calendar"] = (
        container_of(of({"type": "long", "logicalType": "timestamp-millis"}), number(2**62)),
        "not_ztf",
    )
    for which in range(N_SCHEMAS):
        names = [{"name": f"f{which}_{column}", "type": "int"} for column in range(5_000)]
        found[f"schema {which:02} of {N_SCHEMAS}"] = (container_of(EMPTY | {"fields": names}, bytes(5_000)), "not_ztf")
    return found


def damage() -> Expected:
    """Values that are not what the schema says."""
    nullable = of(["null", "int"])
    return {
        "a string of 100 MB": (container_of(of("string"), number(10**8) + b"abc"), "corrupt: the data end"),
        "a string of 2^63 bytes": (container_of(of("string"), number(2**63 - 1) + b"abc"), "corrupt: the data end"),
        "a string of -1 bytes": (container_of(of("string"), number(-1) + b"abc"), "corrupt: a length below zero"),
        "half a double": (container_of(of("double"), bytes(4)), "corrupt: the data end"),
        "an endless number": (container_of(of("long"), b"\xff" * 1000), "corrupt: a number of more than 64 bits"),
        "an unknown symbol": (container_of(of(ENUM), number(2)), "corrupt: an enum without"),
        "a symbol below all": (container_of(of(ENUM), number(-1)), "corrupt: an enum without"),
        "an unknown branch": (container_of(nullable, number(2)), "corrupt: a union without"),
        "a branch below all": (container_of(nullable, number(-1)), "corrupt: a union without"),
        "an unknown branch of three": (container_of(of(["null", "int", ENUM]), number(3)), "corrupt: a union without"),
        "a union of nothing": (container_of(of([]), number(0)), "corrupt: a union without"),
        "bytes left over": (container_of(of("int"), number(1) + b"\x00"), "corrupt: 1 records end at byte 1 of 2"),
        "a surrogate in UTF-8": (container_of(of("string"), text(b"\xed\xa0\x80")), "not_ztf"),
    }


def headers() -> Expected:
    """Headers and blocks that are large, or not what they say."""
    schema = (b"avro.schema", json.dumps(EMPTY).encode())
    return {
        "a million entries": (container([(b"a", b"")] * 10**6), "corrupt: 1000000 entries"),
        "entries without end": (b"Obj\x01" + number(HUGE) + text(b"a") * 10, f"corrupt: {HUGE} entries"),
        "entries below none": (b"Obj\x01" + number(-(2**63)) + number(1), "corrupt: .* entries"),
        "an entry of 10 MB": (container([schema, (b"user", bytes(10**7))], block(b"")), "not_ztf"),
        "an entry that ends nowhere": (b"Obj\x01" + number(1) + number(HUGE), f"corrupt: {HUGE} bytes where"),
        "an entry of -1 bytes": (b"Obj\x01" + number(1) + number(-1) + bytes(50), "corrupt: -1 bytes where"),
        "no schema at all": (container([(b"avro.codec", b"null")], block(b"")), "corrupt: no schema"),
        "a schema of 10 MB": (container_of(b'"' + b"a" * 10**7 + b'"', b""), "corrupt: the schema: 10000002 bytes"),
        "a codec of 10 MB": (container_of(EMPTY, b"", codec=b"a" * 10**7), "unknown_codec: 'a+"),
        "a codec of no text": (container_of(EMPTY, b"", codec=b"\xff"), r"unknown_codec: '\\\\xff'"),
        "a marker that is cut": (container([schema])[:-1], "corrupt: the container has no record"),
        "60,000 empty blocks": (container([schema], *[block(b"", 0)] * 60_000), "corrupt: 0 records in 1001 blocks"),
        "a block of -1 bytes": (container([schema], number(1) + number(-1) + SYNC), "corrupt: -1 bytes where"),
        "a block that ends nowhere": (container([schema], number(1) + number(HUGE)), f"corrupt: {HUGE} bytes where"),
        "a number that ends nowhere": (container([schema], b"\xff" * 50), "corrupt: no number"),
    }


def identities() -> Expected:
    """ZTF's packets but for one value."""
    jd_of_text = packed(packet(candidate=candidate(jd="9" * 10**7)))
    odd = {
        "an object of 10 MB": {"objectId": "Z" * 10**7},
        "an object called NUL": {"objectId": "ZTF\x00"},
        "an object of another script": {"objectId": "ZTF\u202e\U0001f600"},
        "an object of no letters": {"objectId": ""},
        "a history without end": {"prv_candidates": [candidate()] * 6_000},
    }
    detections = [candidate(jd=JD - 1e-3 * row, field=row, magnr=17 + 1e-4 * row) for row in range(MAX_HISTORY)]
    of_forced = [forced(jd=JD - 1e-3 * row, field=row, magnr=18 + 1e-4 * row) for row in range(MAX_HISTORY)]
    long = packed(packet(prv_candidates=detections, fp_hists=of_forced))
    found = {name: (packed(packet(**changes)), "absurd_value: ") for name, changes in odd.items()}
    return found | {
        "a date of 10 MB": (jd_of_text, "not_ztf: no candidate.jd"),
        "histories as long as may be, every row of another reference image": (long, "$"),
    }


EXPECTED = bombs() | schemas() | damage() | headers() | identities()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the bounded process says of each packet; those behind the one that it dies of are not there."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, (hostile, _) in EXPECTED.items():
        (folder / name).write_bytes(hostile)
    command = [sys.executable, "-m", "tests.broker.avro.decode_bounded", str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    sys.stdout.write(process.stderr[-5_000:])  # pytest shows it where the test has failed
    return {line["name"]: line for line in map(json.loads, process.stdout.splitlines())}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_hostile_packet_is_refused_soon(found: dict[str, dict[str, Any]], name: str) -> None:
    said, seconds = found[name]["decoded"]
    assert re.match(EXPECTED[name][1], said)
    assert seconds < MAX_SECONDS
    said.encode()  # it travels in headers


def test_a_batch_of_hostile_packets_keeps_no_more_than_their_reasons() -> None:
    """An error that was raised holds the frames that it went through, and with them what was unpacked."""
    poisons = [
        EXPECTED["405 bytes"][0],
        container_of(EMPTY, b"", 1000),
        container_of(of(array(ONE_INT)), PACK[b"zstandard"](number(60_000) + bytes(16 * MEGABYTE)), codec=b"zstandard"),
    ]
    for poison in poisons:  # schemas are kept, and kernels
        packets.decode(poison, "ztf")
    tracemalloc.start()
    try:
        kept = [packets.decode(poison, "ztf") for poison in poisons for _ in range(30)]
        assert tracemalloc.get_traced_memory()[0] < 5e6
    finally:
        tracemalloc.stop()
    for error in (each for found in kept for each in found):
        assert isinstance(error, AlertError)
        assert error.__traceback__ is error.__context__ is None


@pytest.mark.parametrize("name", EXPECTED)
def test_fastavro_is_given_nothing_that_harms(found: dict[str, dict[str, Any]], name: str) -> None:
    """A packet that is only not of ZTF, it reads."""
    said, seconds = found[name]["fastavro"]
    is_sound = EXPECTED[name][1].startswith(("not_ztf", "absurd_value", "$"))
    assert re.match("$|corrupt: UnicodeDecodeError" if is_sound else EXPECTED[name][1], said)
    assert seconds < MAX_SECONDS


def test_what_is_not_the_packets_fault_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ztf, "alert", broken)
    with pytest.raises(ZeroDivisionError):
        packets.decode(packed(packet()), "ztf")


def test_a_lack_of_memory_is_not_the_packets_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reader.fastavro, "schemaless_reader", full)
    with pytest.raises(MemoryError):
        reader.records(packed(packet()))


def test_details_are_short() -> None:
    assert len(str(AlertError("corrupt", "\ud800" * 10**6))) < 5_000
