"""All of a packet's records, decoded by fastavro with the packet's own schema.

No small packet may take much memory or time: fastavro, which bounds nothing, is given only what a walk over the bytes
has found to be what the schema says, and little enough.
"""

import io
from functools import lru_cache
from typing import Any

import fastavro
import fastavro.schema
from fastavro.types import Schema

from starsieve.broker.alert_error import AlertError
from starsieve.broker.avro import schema
from starsieve.broker.avro.container import blocks, read_header
from starsieve.broker.avro.program import Program, compiled
from starsieve.broker.avro.projection import MAX_VALUES, read_block

Record = dict[str, Any]


def records(packet: bytes) -> list[Record]:
    """All records of a container; values of logical types (dates, decimals) as the numbers and bytes that they are.

    Raises:
        AlertError: `not_avro`, `unknown_codec` or `corrupt` (truncated, damaged, past a bound, or no record at all).
    """
    header = read_header(packet)
    values, found = 0, list[Record]()
    for n_records, block in blocks(packet, header):
        more, n_values = _block(header.schema, block, n_records, MAX_VALUES - values)
        found, values = found + more, values + n_values
    return found


def record(schema: bytes, data: bytes) -> Record:
    """The one record that these bytes are, without a container; raises AlertError (`corrupt`)."""
    (found,), _ = _block(schema, data, 1, MAX_VALUES)
    return found


def _block(schema: bytes, block: bytes, n_records: int, max_values: int) -> tuple[list[Record], int]:
    """The records of a block, and how many values they have."""
    reader, program = _reader(schema)
    n_values = sum(columns.n_values for columns in read_block(program, block, n_records, max_values))
    stream = io.BytesIO(block)
    try:
        found: list[Any] = [fastavro.schemaless_reader(stream, reader, None) for _ in range(n_records)]
    except MemoryError:
        raise
    except Exception as error:  # a decoder can raise nearly anything
        raise AlertError("corrupt", f"{type(error).__name__}: {error}") from error
    return found, n_values


@lru_cache(maxsize=16)  # schema versions in use at one time; parsing one takes a fifth of decoding a packet
def _reader(text: bytes) -> tuple[Schema, Program]:
    tree = schema.read(text)
    try:
        return fastavro.parse_schema(tree), compiled(tree)
    except fastavro.schema.SchemaParseException as error:
        raise AlertError("corrupt", f"the schema: {error}") from error
