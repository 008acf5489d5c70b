"""Avro object container files in memory: the records of one packet, decoded with the packet's own schema."""

import io
import json
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import cramjam
import fastavro
import numpy as np
from fastavro.types import Schema

from broker.alerts import AlertError

Record = dict[str, Any]

# https://avro.apache.org/docs/1.12.0/specification/#object-container-files
_MAGIC = b"Obj\x01"
_HEADER = fastavro.parse_schema(
    {
        "type": "record",
        "name": "header",
        "fields": [
            {"name": "magic", "type": {"type": "fixed", "name": "magic", "size": 4}},
            {"name": "meta", "type": {"type": "map", "values": "bytes"}},
            {"name": "sync", "type": {"type": "fixed", "name": "sync", "size": 16}},
        ],
    }
)
_LONG = fastavro.parse_schema({"type": "long"})
_MAX_BLOCK_BYTES = 128 * 2**20  # unpacked; the largest container seen has 2.5 MB


def records(packet: bytes) -> list[Record]:
    """All records of a container.

    Raises:
        AlertError: `not_avro`, `unknown_codec` or `corrupt` (truncated, damaged, or no record at all).
    """
    if not packet.startswith(_MAGIC):
        raise AlertError("not_avro", f"starts with {packet[:4]!r} instead of {_MAGIC!r}")
    try:
        found = list(_records(packet))
    except AlertError:
        raise
    except Exception as error:  # damaged bytes can make a decoder raise nearly anything
        raise AlertError("corrupt", f"{type(error).__name__}: {error}") from error
    if not found:
        raise AlertError("corrupt", "the container has no record")
    return found


def _records(packet: bytes) -> Iterator[Record]:
    stream = io.BytesIO(packet)
    header: Any = fastavro.schemaless_reader(stream, _HEADER, None)
    schema = _parsed(header["meta"]["avro.schema"])
    codec = header["meta"].get("avro.codec", b"null").decode()
    if codec not in _DECOMPRESS:
        raise AlertError("unknown_codec", f"{codec!r} is none of {', '.join(_DECOMPRESS)}")
    while stream.tell() < len(packet):
        n_records: Any = fastavro.schemaless_reader(stream, _LONG, None)
        n_bytes: Any = fastavro.schemaless_reader(stream, _LONG, None)
        data = _DECOMPRESS[codec](stream.read(n_bytes))
        if stream.read(16) != header["sync"]:
            raise AlertError("corrupt", "a block does not end with the sync marker")
        if not 0 <= n_records <= len(data):
            raise AlertError("corrupt", f"{n_records} records in {len(data)} bytes")
        block = io.BytesIO(data)
        for _ in range(n_records):
            record: Any = fastavro.schemaless_reader(block, schema, None)
            yield record


@lru_cache(maxsize=256)  # schema versions in use at one time; parsing one takes a fifth of decoding a packet
def _parsed(schema: bytes) -> Schema:
    parsed = fastavro.parse_schema(json.loads(schema))
    if _is_empty(parsed, {}):
        raise AlertError("corrupt", "a schema of records without content")
    return parsed


def _is_empty(schema: Any, named: dict[str, bool | None]) -> bool:
    """Whether data of this schema take no bytes.

    Refuses what lets a small packet kill the process: recursion (fastavro recurses in C, as deep as the data say) and
    arrays of nothing (as long as the data say). `named` holds what is known of named types, None while inside of one.
    """
    if isinstance(schema, list):
        for branch in schema:
            _is_empty(branch, named)
        return False
    if isinstance(schema, str):
        if schema in named and named[schema] is None:
            raise AlertError("corrupt", f"the schema is recursive: {schema}")
        return schema == "null" or bool(named.get(schema))
    kind, name = schema["type"], schema.get("name", "")
    if kind == "record":
        named[name] = None
        fields = [_is_empty(field["type"], named) for field in schema["fields"]]  # all of them: each may be refused
        named[name] = all(fields)
        return bool(named[name])
    if kind in {"array", "map"} and _is_empty(schema.get("items", schema.get("values")), named) and kind == "array":
        raise AlertError("corrupt", "the schema has an array of nothing")
    named[name] = kind == "fixed" and schema["size"] == 0
    return kind == "null" or bool(named[name])


def _deflate(block: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=-15)
    data = stream.decompress(block, _MAX_BLOCK_BYTES)
    if stream.unconsumed_tail:
        raise AlertError("corrupt", _TOO_LARGE)
    return data


def _snappy(block: bytes) -> bytes:
    if cramjam.snappy.decompress_raw_len(block[:-4]) > _MAX_BLOCK_BYTES:
        raise AlertError("corrupt", _TOO_LARGE)
    data = bytes(cramjam.snappy.decompress_raw(block[:-4]))
    if zlib.crc32(data) != int.from_bytes(block[-4:], "big"):
        raise AlertError("corrupt", "snappy checksum")
    return data


def _zstandard(block: bytes) -> bytes:
    data = np.empty(_MAX_BLOCK_BYTES, np.uint8)  # costs nothing before it is written to
    try:
        n_bytes = cramjam.zstd.decompress_into(block, data.data)
    except cramjam.DecompressionError as error:
        raise AlertError("corrupt", f"{error}, or {_TOO_LARGE}") from error
    return data[:n_bytes].tobytes()


_TOO_LARGE = f"a block of more than {_MAX_BLOCK_BYTES} bytes, unpacked"
_DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "null": lambda block: block,
    "deflate": _deflate,
    "snappy": _snappy,
    "zstandard": _zstandard,
}
