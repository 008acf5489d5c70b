"""Avro object container files in memory: the records of one packet, decoded with the packet's own schema."""

import io
import json
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import cramjam
import fastavro
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
        block = io.BytesIO(_DECOMPRESS[codec](stream.read(n_bytes)))
        if stream.read(16) != header["sync"]:
            raise AlertError("corrupt", "a block does not end with the sync marker")
        for _ in range(n_records):
            record: Any = fastavro.schemaless_reader(block, schema, None)
            yield record


@lru_cache(maxsize=256)  # schema versions in use at one time; parsing one takes a fifth of decoding a packet
def _parsed(schema: bytes) -> Schema:
    return fastavro.parse_schema(json.loads(schema))


def _snappy(block: bytes) -> bytes:
    data = bytes(cramjam.snappy.decompress_raw(block[:-4]))
    if zlib.crc32(data) != int.from_bytes(block[-4:], "big"):
        raise AlertError("corrupt", "snappy checksum")
    return data


_DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "null": lambda block: block,
    "deflate": lambda block: zlib.decompress(block, wbits=-15),
    "snappy": _snappy,
    "zstandard": lambda block: bytes(cramjam.zstd.decompress(block)),
}
