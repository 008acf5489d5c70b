"""Avro containers written by hand, of whatever header, schema and blocks a test wants."""

import json
from collections.abc import Sequence

from tests.broker.avro.random_avro import number

SYNC = b"0123456789abcdef"


def text(value: bytes) -> bytes:
    """Bytes with their length in front."""
    return number(len(value)) + value


def block(data: bytes, n_records: int = 1) -> bytes:
    return number(n_records) + text(data) + SYNC


def container(metadata: Sequence[tuple[bytes, bytes]], *blocks: bytes) -> bytes:
    entries = b"".join(text(name) + text(value) for name, value in metadata)
    return b"Obj\x01" + number(len(metadata)) + entries + number(0) + SYNC + b"".join(blocks)


def container_of(schema: object, data: bytes, n_records: int = 1, codec: bytes = b"null") -> bytes:
    """A container with one block; a schema in bytes is taken as it is."""
    schema = schema if isinstance(schema, bytes) else json.dumps(schema).encode()
    return container([(b"avro.schema", schema), (b"avro.codec", codec)], block(data, n_records))
