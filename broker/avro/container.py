"""Avro object container files in memory: the header of one packet, and its blocks unpacked, within bounds."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cramjam
import numpy as np

from starsieve.broker.alert_error import AlertError

# https://avro.apache.org/docs/1.12.0/specification/#object-container-files
MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_LONG_BYTES = 10

# Of one packet. The largest container seen has 2.5 MB and 56 records.
MAX_BYTES = 16 * 2**20  # unpacked; no message is larger
MAX_RECORDS = 1_000
_MAX_METADATA = 100
_MAX_CODEC_BYTES = 100  # of its name


@dataclass(frozen=True, slots=True)
class Header:
    """What a container says of itself, and where that ends: the sync marker comes next."""

    schema: bytes
    codec: str
    end: int


def read_header(packet: bytes) -> Header:
    """The header of a container.

    Raises:
        AlertError: `not_avro`, `unknown_codec` or `corrupt`.
    """
    if not packet.startswith(MAGIC):
        raise AlertError("not_avro", f"starts with {packet[:4]!r} instead of {MAGIC!r}")
    metadata, entries, at = {}, 0, len(MAGIC)
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
    codec = metadata.get(b"avro.codec", b"null")[:_MAX_CODEC_BYTES].decode(errors="backslashreplace")
    if codec not in _DECOMPRESS:
        raise AlertError("unknown_codec", f"{codec!r} is none of {', '.join(_DECOMPRESS)}")
    return Header(metadata[b"avro.schema"], codec, at)


def blocks(packet: bytes, header: Header) -> Iterator[tuple[int, bytes]]:
    """How many records each block claims to have, and its bytes, unpacked.

    Raises:
        AlertError: `corrupt`: damaged, past a bound, or no record at all.
    """
    sync, at = packet[header.end : header.end + _SYNC_BYTES], header.end + _SYNC_BYTES
    n_blocks, all_records, n_bytes = 0, 0, 0
    while at < len(packet):
        n_records, at = _long(packet, at)
        packed, at = _bytes(packet, at)
        if packet[at : at + _SYNC_BYTES] != sync:
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
    if not all_records:
        raise AlertError("corrupt", "the container has no record")


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
