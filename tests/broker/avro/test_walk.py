"""The walk over a block: what it lets pass is what the schema says, and it reads nothing else."""

import contextlib
import io
import json
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starsieve.broker.avro import reader, schema
from starsieve.broker.avro.program import compiled
from starsieve.broker.avro.projection import read_block
from starsieve.broker.avro.walk import MEANING, OK, SHORT, TOO_MANY_VALUES, walk
from starsieve.broker.surveys import AlertError
from tests.broker.avro.containers import container_of
from tests.broker.avro.plain_walk import DamagedError, end_of
from tests.broker.avro.random_avro import encoded, number, schemas

ENOUGH = 10_000
NOTHING_KEPT = np.empty(0, np.int64), np.empty((0, 3), np.int64)


def walked(tree: Any, data: bytes, max_values: int = ENOUGH) -> tuple[int, int, int]:
    """The walk's answer, which must not depend on what lies behind the data."""
    program = compiled(tree)
    answers = {
        walk(program.code, np.frombuffer(data + behind, np.uint8, count=len(data)), 0, max_values, *NOTHING_KEPT)
        for behind in (b"\x00" * 16, b"\x7f" * 16, b"\xff" * 16)
    }
    (answer,) = answers
    return answer


@settings(max_examples=300)
@given(st.data())
def test_all_of_a_value_is_walked(data: st.DataObject) -> None:
    written = data.draw(schemas())
    tree = schema.read(json.dumps(written).encode())
    value = data.draw(encoded(tree))
    found, at, _ = walked(tree, value)
    assert (found, at) == (OK, len(value))
    for end in range(len(value)):
        found, at, _ = walked(tree, value[:end])
        assert (found == SHORT) == (len(value) > 0)
        assert at <= end


@settings(max_examples=500)
@given(st.data())
def test_damaged_bytes_are_found_as_a_plain_reader_finds_them(data: st.DataObject) -> None:
    written = data.draw(schemas())
    tree = schema.read(json.dumps(written).encode())
    value = bytearray(data.draw(encoded(tree)))
    for _ in range(data.draw(st.integers(0, 3)) if value else 0):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    found, at, _ = walked(tree, bytes(value), max_values=10**6)
    try:
        expected = end_of(tree, bytes(value), 0)
    except DamagedError:
        assert found in MEANING
        return
    assert (found, at) == (OK, expected)
    stream = io.BytesIO(value)
    try:
        fastavro.schemaless_reader(stream, written, None)
    except UnicodeDecodeError:
        return
    assert stream.tell() == at


@pytest.mark.parametrize("n_items", [1, 7, 100])
def test_values_are_counted(n_items: int) -> None:
    """The record, the array, and each item with the end behind it, the last of which asks for one more block."""
    tree = {"type": "record", "name": "r", "fields": [{"name": "x", "type": {"type": "array", "items": "null"}}]}
    data = number(n_items) + number(0)
    assert walked(tree, data) == (OK, len(data), 3 + 2 * n_items)
    assert walked(tree, data, max_values=3 + 2 * n_items)[0] == OK
    assert walked(tree, data, max_values=2 + 2 * n_items)[0] == TOO_MANY_VALUES


def test_several_records_in_a_row() -> None:
    tree = {"type": "record", "name": "r", "fields": [{"name": "x", "type": "long"}]}
    block = number(1) + number(300) + number(-(2**63))
    program = compiled(tree)
    assert [columns.n_values for columns in read_block(program, block, 3, ENOUGH)] == [2, 2, 2]
    for n_records in (0, 2, 4):
        with pytest.raises(AlertError, match="corrupt"):
            list(read_block(program, block, n_records, ENOUGH))
    with pytest.raises(AlertError, match="too many values"):
        list(read_block(program, block, 3, 5))


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_schema_is_refused_or_read(data: st.DataObject) -> None:
    """Whatever stands in a schema, nothing but an AlertError comes of it."""
    text = json.dumps(data.draw(schemas()))
    at, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 10))
    puzzle = st.sampled_from(
        ['"null"', "[", "]", "{", "}", ",", ":", "1e400", "null", '"n0"', '"type"', '"\\ud800"', "9"]
    )
    damaged = text[:at] + data.draw(puzzle) + text[at + length :]
    with contextlib.suppress(AlertError):
        reader.records(container_of(damaged.encode(), b""))
