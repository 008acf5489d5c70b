"""Avro in parts: a record is its fields one after the other, and nothing else, so that what many packets share is
encoded once.
"""

import io
from collections.abc import Collection, Sequence
from typing import Any

import fastavro
from fastavro.types import Schema

Row = dict[str, Any]

LONG: Schema = fastavro.parse_schema({"type": "long"})
_NULL, _ARRAY, _END = b"\x00", b"\x02", b"\x00"  # branches 0 and 1 of ["null", array]; an empty block ends an array


def part(name: str, record: Any, fields: Collection[str]) -> Schema:
    """Some of the fields of a record's schema, as a record of their own."""
    chosen = [field for field in record["fields"] if field["name"] in fields]
    return fastavro.parse_schema({"type": "record", "name": name, "fields": chosen})


def encode(schema: Schema, datum: Row | int) -> bytes:
    """The bytes of one datum."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, datum)
    return buffer.getvalue()


def array(rows: Sequence[bytes]) -> list[bytes]:
    """The parts of an array of encoded rows, or of null where there are none."""
    return [_ARRAY, encode(LONG, len(rows)), *rows, _END] if rows else [_NULL]
