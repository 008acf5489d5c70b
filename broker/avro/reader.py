"""Avro object container files in memory: the records of one packet, decoded with the packet's own schema.

No small packet may take much memory or time: everything in it is bounded, and fastavro, which bounds nothing, is given
only what a walk over the bytes has found to be what the schema says, and little enough.
"""

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cramjam
import fastavro
import fastavro.schema
import numpy as np
from fastavro.types import Schema

from starsieve.broker.avro import schema
from starsieve.broker.avro.program import Program, compiled
from starsieve.broker.avro.walk import MEANING, OK, walk
from starsieve.broker.surveys import AlertError

Record = dict[str, Any]

# https://avro.apache.org/docs/1.12.0/specification/#object-container-files
_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_LONG_BYTES = 10

# Of one packet. The largest container seen has 2.5 MB and 56 records, the one with the most values 210,000 of them in 7
# records; a packet of Rubin's has 230 kB and may come to 3,000 rows of 100 columns: room for three times that and more.
# At these bounds fastavro takes 0.3 s and 100 MB.
MAX_BYTES = 16 * 2**20  # unpacked; no message is larger
MAX_RECORDS = 1_000
MAX_VALUES = 1_000_000  # as `walk` counts them
_MAX_METADATA = 100


@dataclass(frozen=True, slots=True)
class Header:
    """What a container says of itself, and where its blocks begin."""

    schema: bytes
    codec: str
    sync: bytes
    end: int


def records(packet: bytes) -> list[Record]:
    """All records of a container; values of logical types (dates, decimals) as the numbers and bytes that they are.

    Raises:
        AlertError: `not_avro`, `unknown_codec` or `corrupt` (truncated, damaged, past a bound, or no record at all).
    """
    header = read_header(packet)
    reader, program = _reader(header.schema)
    values, found = 0, list[Any]()
    for n_records, block in blocks(packet, header):
        values += check(program, block, n_records, MAX_VALUES - values)
        stream = io.BytesIO(block)
        try:
            found.extend(fastavro.schemaless_reader(stream, reader, None) for _ in range(n_records))
        except MemoryError:
            raise
        except Exception as error:  # a decoder can raise nearly anything
            raise AlertError("corrupt", f"{type(error).__name__}: {error}") from error
    if not found:
        raise AlertError("corrupt", "the container has no record")
    return found


def check(program: Program, block: bytes, n_records: int, max_values: int) -> int:
    """How many values the records of a block have; raises AlertError if it is not as the program says."""
    data, at, all_values = np.frombuffer(block, np.uint8), 0, 0
    for _ in range(n_records):
        found, at, values = walk(program, data, at, max_values - all_values)
        if found != OK:
            raise AlertError("corrupt", f"{MEANING[found]}, at byte {at} of {len(block)} of a block")
        all_values += values
    if at != len(block):
        raise AlertError("corrupt", f"{n_records} records end at byte {at} of {len(block)} of a block")
    return all_values


@lru_cache(maxsize=16)  # schema versions in use at one time; parsing one takes a fifth of decoding a packet
def _reader(text: bytes) -> tuple[Schema, Program]:
    tree = schema.read(text)
    try:
        return fastavro.parse_schema(tree), compiled(tree)
    except fastavro.schema.SchemaParseException as error:
        raise AlertError("corrupt", f"the schema: {error}") from error


def read_header(packet: bytes) -> Header:
    """The header of a container; raises AlertError."""
    if not packet.startswith(_MAGIC):
        raise AlertError("not_avro", f"starts with {packet[:4]!r} instead of {_MAGIC!r}")
    metadata, entries, at = {}, 0, len(_MAGIC)
    count, at = _long(packet, at)
    while count:
        if count < 0:
            _, at = _long(packet, at)  # the size of these entries
        entries += abs(count)
        if entries > _MAX_METADATA:
            raise AlertError("corrupt", f"{entries} entries in the header, more than {_MAX_METADATA}")
        for _ in range(abs(count)):
            name, at = _bytes(packet, at)
            metadata[name], at = _bytes(packet, at)
        count, at = _long(packet, at)
    if b"avro.schema" not in metadata:
        raise AlertError("corrupt", "no schema in the header")
    codec = metadata.get(b"avro.codec", b"null").decode(errors="backslashreplace")
    if codec not in _DECOMPRESS:
        raise AlertError("unknown_codec", f"{codec!r} is none of {', '.join(_DECOMPRESS)}")
    return Header(metadata[b"avro.schema"], codec, packet[at : at + _SYNC_BYTES], at + _SYNC_BYTES)


def blocks(packet: bytes, header: Header) -> Iterator[tuple[int, bytes]]:
    """How many records each block claims to have, and its bytes, unpacked; raises AlertError."""
    at, n_blocks, all_records, n_bytes = header.end, 0, 0, 0
    while at < len(packet):
        n_records, at = _long(packet, at)
        packed, at = _bytes(packet, at)
        if packet[at : at + _SYNC_BYTES] != header.sync or len(header.sync) < _SYNC_BYTES:
            raise AlertError("corrupt", "a block does not end with the sync marker")
        at += _SYNC_BYTES
        n_blocks, all_records = n_blocks + 1, all_records + n_records
        if n_records < 0 or max(n_blocks, all_records) > MAX_RECORDS:
            raise AlertError("corrupt", f"{all_records} records in {n_blocks} blocks, more than {MAX_RECORDS}")
        data = _DECOMPRESS[header.codec](packed, MAX_BYTES - n_bytes)
        n_bytes += len(data)
        if n_bytes > MAX_BYTES:
            raise AlertError("corrupt", _TOO_LARGE)
        yield n_records, data


def _bytes(packet: bytes, at: int) -> tuple[bytes, int]:
    """Bytes with their number in front of them, and the place behind them."""
    length, at = _long(packet, at)
    if not 0 <= length <= len(packet) - at:
        raise AlertError("corrupt", f"{length} bytes where {len(packet) - at} are left")
    return packet[at : at + length], at + length


def _long(packet: bytes, at: int) -> tuple[int, int]:
    """A number in zigzag coding, and the place behind it."""
    bits = 0
    for place, byte in enumerate(packet[at : at + _LONG_BYTES]):
        bits |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return bits >> 1 ^ -(bits & 1), at + place + 1
    raise AlertError("corrupt", f"no number at byte {at} of {len(packet)}")


def _deflate(block: bytes, max_bytes: int) -> bytes:
    try:
        return zlib.decompressobj(wbits=-15).decompress(block, max_bytes + 1)  # 0 would be no limit
    except zlib.error as error:
        raise AlertError("corrupt", str(error)) from error


def _snappy(block: bytes, max_bytes: int) -> bytes:
    try:
        if cramjam.snappy.decompress_raw_len(block[:-4]) > max_bytes:
            raise AlertError("corrupt", _TOO_LARGE)
        data = bytes(cramjam.snappy.decompress_raw(block[:-4]))
    except cramjam.DecompressionError as error:
        raise AlertError("corrupt", str(error)) from error
    if zlib.crc32(data) != int.from_bytes(block[-4:], "big"):
        raise AlertError("corrupt", "snappy checksum")
    return data


def _zstandard(block: bytes, max_bytes: int) -> bytes:
    data = np.empty(max_bytes, np.uint8)  # costs nothing before it is written to
    try:
        n_bytes = cramjam.zstd.decompress_into(block, data.data)
    except cramjam.DecompressionError as error:
        raise AlertError("corrupt", f"{error}, or {_TOO_LARGE}") from error
    return data[:n_bytes].tobytes()


_TOO_LARGE = f"more than {MAX_BYTES} bytes, unpacked"
_DECOMPRESS: dict[str, Callable[[bytes, int], bytes]] = {
    "null": lambda block, _: block,
    "deflate": _deflate,
    "snappy": _snappy,
    "zstandard": _zstandard,
}
