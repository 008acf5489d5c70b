"""Compressed streams in bounded memory, by what they begin with."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from typing import Any, Protocol

from starsieve.features.tools.errors import UsageError

HEAD_BYTES = 512
_READ_BYTES = 2**20
_MAX_DICTIONARY_BYTES = 128 * 2**20  # `xz -9` takes half of it


class UnreadableError(UsageError):
    """A file, or a part of it, is not what can be read; the message says why."""


class Readable(Protocol):
    """What bytes come from."""

    def read(self, size: int, /) -> bytes:  # noqa: D102
        ...


class Stream:
    """A stream whose beginning has been looked at."""

    closed = False  # pyarrow asks

    def __init__(self, source: Readable) -> None:
        self._source = source
        self.head = b""
        while len(self.head) < HEAD_BYTES and (piece := source.read(HEAD_BYTES - len(self.head))):
            self.head += piece
        self._ahead = self.head
        #: How many bytes may be read from now on, and must be there; None where it does not matter.
        self.allowance: int | None = None

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end.

        Raises:
            UnreadableError: more than the allowance.
            EOFError: an allowance is given, and nothing is left.
        """
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        data = data or self._source.read(size)
        if self.allowance is not None:
            self.allowance -= len(data)
            if not data:
                raise EOFError
            if self.allowance < 0:
                raise UnreadableError("a header is too large")
        return data

    def close(self) -> None:
        """For pyarrow."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Unpacked:
    """What is in streams of bz2 or xz, one after the other; unlike the library's files, with a bound on memory."""

    def __init__(self, source: Readable, new: Callable[[], _Decompressor]) -> None:
        self._source, self._new, self._decompressor = source, new, new()

    def read(self, size: int) -> bytes:
        while True:
            packed = b""
            if self._decompressor.eof:
                packed = self._decompressor.unused_data.lstrip(b"\0") or self._source.read(_READ_BYTES).lstrip(b"\0")
                if not packed:
                    return b""
                self._decompressor = self._new()
            elif self._decompressor.needs_input and not (packed := self._source.read(_READ_BYTES)):
                raise EOFError
            if data := self._decompressor.decompress(packed, size):
                return data


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MAX_DICTIONARY_BYTES)


def _zstandard(stream: Stream) -> Readable:
    try:
        import pyarrow  # noqa: PLC0415 - an extra
    except ImportError:
        raise UnreadableError("zstandard files need pyarrow: pip install 'starsieve[archive]'") from None
    unpacked: Readable = pyarrow.CompressedInputStream(pyarrow.PythonFile(stream, mode="r"), "zstd")
    return unpacked


_UNPACK: dict[bytes, Callable[[Any], Readable]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": lambda stream: _Unpacked(stream, bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": lambda stream: _Unpacked(stream, _xz),
    b"\x28\xb5\x2f\xfd": _zstandard,
}


def is_compressed(head: bytes) -> bool:
    """Whether something that begins so can be unpacked."""
    return head.startswith(tuple(_UNPACK))


def unpacked(stream: Stream) -> Stream:
    """The content of a compressed stream; the stream itself where it is not compressed.

    Raises:
        UnreadableError: pyarrow is needed, and not here.
    """
    unpack = next((unpack for magic, unpack in _UNPACK.items() if stream.head.startswith(magic)), None)
    return stream if unpack is None else Stream(unpack(stream))
