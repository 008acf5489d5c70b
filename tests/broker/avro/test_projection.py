"""Columns straight from the bytes are those that fastavro decodes, and no bytes do any harm."""

import io
import json
import re
import tracemalloc
from pathlib import Path
from typing import Any
from unittest.mock import patch

import fastavro
import fastavro.read
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from starsieve.broker.avro import schema
from starsieve.broker.avro.projection import Columns, Projection
from starsieve.broker.surveys import AlertError
from tests.broker.avro.containers import block, container, container_of
from tests.broker.avro.random_avro import encoded, number, schemas
from tests.broker.avro.test_avro import real_packets
from tests.broker.avro.wanted_columns import tables_from, tables_of, wanted_of

SURVEYS = ("ztf", "lsst", "atlas", "other")
N_DAMAGED = 100
ROW = {"type": "record", "name": "row", "fields": [{"name": "x", "type": ["null", "double"]}]}


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": "outermost", "fields": [{"name": n, "type": kind} for n, kind in fields.items()]}


def only(written: Any, data: bytes, wanted: Any) -> Columns:
    (columns,) = Projection(wanted).records(container_of(written, data))
    return columns


def same(columns: Columns, expected: Any, wanted: Any) -> bool:
    """Compared as text: a NaN is not equal to itself, and -0.0 is not 0.0."""
    return repr(tables_from(columns, wanted)) == repr(tables_of(expected, wanted))


@pytest.mark.parametrize("survey", SURVEYS)
def test_every_column_of_every_real_packet(survey: str, data_dir: Path) -> None:
    """Each schema's every column: ZTF's 36 with their histories, Rubin's with three, ELAsTiCC's, ATLAS's."""
    projections: dict[str, tuple[Any, Projection]] = {}
    n_values = 0
    with patch.dict(fastavro.read.LOGICAL_READERS, clear=True):
        for packet in real_packets(data_dir, survey):
            try:
                reader: Any = fastavro.reader(io.BytesIO(packet))
                expected = list(reader)
            except (IndexError, ValueError):  # truncated files
                continue
            text = reader.metadata["avro.schema"]
            if text not in projections:
                wanted = wanted_of(schema.read(text.encode()))
                projections[text] = wanted, Projection(wanted)
            wanted, projection = projections[text]
            for columns, of_fastavro in zip(projection.records(packet), expected, strict=True):
                assert same(columns, of_fastavro, wanted)
                assert not columns.absent
                n_values += sum(map(len, wanted.values()))
    assert n_values > 100


@settings(max_examples=500)
@given(st.data())
def test_every_column_of_random_schemas(data: st.DataObject) -> None:
    written = data.draw(schemas())
    tree = schema.read(json.dumps(written).encode())
    value, wanted = data.draw(encoded(tree)), wanted_of(tree)
    (expected,) = fastavro.reader(io.BytesIO(container_of(written, value)))
    assume(
        not re.search(r"\[(\{\}(, )?)+\]", repr(expected))
    )  # empty maps, or records of nothing: a union may have either
    assert same(only(written, value, wanted), expected, wanted)


@settings(max_examples=300)
@given(st.data())
def test_damaged_bytes_are_refused_or_read_as_fastavro_reads_them(data: st.DataObject) -> None:
    written = data.draw(schemas())
    tree = schema.read(json.dumps(written).encode())
    value, wanted = bytearray(data.draw(encoded(tree))), wanted_of(tree)
    for _ in range(data.draw(st.integers(1, 3)) if value else 0):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    try:
        columns = only(written, bytes(value), wanted)
    except AlertError:
        return
    try:
        (expected,) = fastavro.reader(io.BytesIO(container_of(written, bytes(value))))
        found = same(columns, expected, wanted)
    except UnicodeDecodeError:
        return
    assert found


@pytest.mark.parametrize("survey", SURVEYS)
def test_damaged_real_packets(survey: str, data_dir: Path) -> None:
    rng, refused, wanted = np.random.default_rng(0), 0, {}
    packets = [packet for packet in real_packets(data_dir, survey) if len(packet) < 200_000]
    for packet in packets * (1 + N_DAMAGED // len(packets)):
        damaged = bytearray(packet)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(packet))] = rng.integers(256)
        try:
            wanted = wanted_of(schema.read(fastavro.reader(io.BytesIO(packet)).metadata["avro.schema"].encode()))
            for columns in Projection(wanted).records(bytes(damaged)):
                tables_from(columns, wanted)
        except (AlertError, UnicodeDecodeError):
            refused += 1
    assert wanted
    assert refused > 0


def test_absent_columns_are_named() -> None:
    written = record(x="double", text="int", nothing="null", rows={"type": "array", "items": "int"}, flag="boolean")
    wanted = {
        "": {"x": float, "text": str, "nothing": float, "flag": float, "never": int},
        "rows": {"x": float},
        "inner": {"a": int},
    }
    columns = only(written, bytes(8) + number(1) + number(0) + b"\x01", wanted)
    assert columns.absent == {"text", "never", "flag", "rows", "rows.x", "inner", "inner.a"}
    assert tables_from(columns, wanted)[""] == [{"x": 0.0, "text": None, "nothing": None, "flag": None, "never": None}]


def test_whole_numbers_become_floats_where_floats_are_wanted_and_keep_their_digits_where_not() -> None:
    wanted = {"": {"a": float, "b": int}}
    columns = only(record(a="long", b=["null", "long"]), number(2**53 + 1) + number(1) + number(2**53 + 1), wanted)
    assert tables_from(columns, wanted) == {"": [{"a": 2.0**53, "b": 2**53 + 1}]}


def test_more_rows_than_are_expected() -> None:
    written, wanted = record(rows={"type": "array", "items": ROW}), {"rows": {"x": float}}
    data = number(60_000) + (number(1) + bytes(8)) * 60_000 + number(-5_000) + number(7) + number(0) * 5_000 + number(0)
    rows = tables_from(only(written, data, wanted), wanted)["rows"]
    assert rows == [{"x": 0.0}] * 60_000 + [{"x": None}] * 5_000


def test_of_two_fields_of_one_name_the_last_one_counts() -> None:
    written = {"type": "record", "name": "r", "fields": [{"name": "x", "type": "int"}, {"name": "x", "type": "int"}]}
    wanted = {"": {"x": int}}
    assert tables_from(only(written, number(1) + number(2), wanted), wanted) == {"": [{"x": 2}]}


def test_a_table_in_the_rows_of_another_is_absent() -> None:
    rows = record(inner=ROW, y="int") | {"name": "rows"}
    wanted = {"rows": {"y": int}, "rows.inner": {"x": float}}
    columns = only(record(rows={"type": "array", "items": rows}), number(1) + number(0) + number(5) + number(0), wanted)
    assert columns.absent == {"rows.inner", "rows.inner.x"}
    assert tables_from(columns, wanted) == {"rows": [{"y": 5}], "rows.inner": []}


def test_records_of_several_blocks_and_schemas() -> None:
    wanted = {"": {"x": int}}
    projection = Projection(wanted)
    for turn in range(40):  # more than are remembered
        written = json.dumps(record(x="int", **{f"y{turn % 20}": "null"})).encode()
        packet = container([(b"avro.schema", written)], block(number(1) + number(2), 2), block(number(turn)))
        found = [tables_from(columns, wanted)[""][0]["x"] for columns in projection.records(packet)]
        assert found == [1, 2, turn]


def test_many_schemas_take_little_memory() -> None:
    """Each header has 150 kB."""
    projection = Projection({"": {"x": int}})
    tracemalloc.start()
    try:
        for turn in range(40):
            names = {f"column_of_turn_{turn}_{number}": "int" for number in range(2500)}
            list(projection.records(container_of(record(x="int", **names), bytes(2501))))
        assert tracemalloc.get_traced_memory()[0] < 20e6
    finally:
        tracemalloc.stop()
