"""Chunks of an object's list in the store: rows as they are, or many of them compressed.

Bytes of one column lie together: so zstd brings light curves to half their size.
"""

import cramjam  # zstd; it is there for the packets' codecs
import numpy as np

from starsieve.broker.epochs import Epochs

_PACKED_FROM = 32  # rows; fewer are smaller as they are
_LEVEL = 3  # higher ones gain 2 % for ten times the time
_MOST_ROWS = 1_000_000
_COUNT = 4  # bytes, little-endian


def chunk_of(rows: Epochs) -> bytes:
    """The rows as one chunk, always the same for the same rows.

    A packed one begins with the length of its head and the number of its rows. The head is a byte longer where the
    chunk would be a multiple of a row long, as rows that are not packed are.
    """
    if rows.size < _PACKED_FROM:
        return rows.tobytes()
    width = rows.dtype.itemsize
    columns = np.frombuffer(rows.tobytes(), np.uint8).reshape(-1, width).T
    packed = bytes(cramjam.zstd.compress(columns.tobytes(), _LEVEL))
    head = bytes([1 + _COUNT]) + rows.size.to_bytes(_COUNT, "little")
    if (len(head) + len(packed)) % width == 0:
        head = bytes([len(head) + 1]) + head[1:] + b"\x00"
    return head + packed


def unpacked(chunk: bytes, width: int) -> bytes:
    """The rows of a chunk, of `width` bytes each. Raises ValueError if it is none of ours."""
    if len(chunk) % width == 0:
        return chunk
    count = int.from_bytes(chunk[1 : 1 + _COUNT], "little")
    if count > _MOST_ROWS:
        raise ValueError(f"a chunk of {count} rows")
    columns = np.empty(count * width, np.uint8)
    try:
        size = cramjam.zstd.decompress_into(chunk[chunk[0] :], columns.data)
    except cramjam.DecompressionError as error:
        raise ValueError("a chunk that cannot be unpacked") from error
    if size != columns.size:
        raise ValueError(f"a chunk of {size} bytes, not {columns.size}")
    return columns.reshape(width, count).T.tobytes()
