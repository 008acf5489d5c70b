"""Packets out of files: single ones, and tar and zip archives of them; what a file is, its bytes tell, not its name."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, cast

from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES
from starsieve.broker.text import printable
from starsieve.broker.tools.compressed import HEAD_BYTES, Stream, UnreadableError, is_compressed, unpacked

Packet = tuple[str, bytes]
#: Is told the name of what could not be read, and why; the rest goes on.
Refuse = Callable[[str, str], None]

READABLE = "packets (.avro, also as .gz, .bz2, .xz or .zst), .tar archives (also compressed so), .zip archives"
_COMPRESSIONS = ("", ".gz", ".bz2", ".xz", ".zst")
# Looked for in folders too, to be refused by name: a night must not be left out in silence.
_UNREADABLE = (".z", ".lz", ".lz4", ".lzma", ".lzo", ".br")
_PACKET_SUFFIXES = tuple(f".avro{compression}" for compression in (*_COMPRESSIONS, *_UNREADABLE))
_ARCHIVE_SUFFIXES = tuple(f".tar{compression}" for compression in (*_COMPRESSIONS, *_UNREADABLE))
_ARCHIVE_SUFFIXES += (".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".zip", ".7z", ".rar")

# A packet is an Avro container, or in Confluent's wire format: a zero, four bytes that number its schema, the record.
_CONTAINER, _WIRE_FORMAT = b"Obj\x01", b"\0"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_READ_BYTES = 2**20
_MAX_HEADER_BYTES = 2**16  # of a tar member: long names, extended headers, and what tarfile reads ahead
_MAX_DIRECTORY_BYTES = 32 * 2**20  # of a zip archive: 300,000 packets


def find(paths: Iterable[Path]) -> list[Path]:
    """Files with packets: those given, and in the folders given all whose names say so, sorted, but for hidden ones.

    Raises:
        UnreadableError: a path does not exist, or is none that can be read, or a folder has no such files.
    """
    return [file for path in paths for file in _find(path)]


def _find(path: Path) -> list[Path]:
    try:
        if path.is_dir():
            return _find_in(path)
        _check_file(path)
    except (OSError, UnreadableError) as error:
        raise UnreadableError(f"cannot read {path}: {_reason(error)}") from None
    return [path]


def _check_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise UnreadableError("it is neither a file nor a folder")
    with path.open("rb") as opened:
        _check(Stream(opened).head)


def holds_packets(folder: Path) -> bool:
    """Whether a folder has files whose names say that they hold packets."""
    return bool(_named_so(folder))


def _named_so(folder: Path) -> list[Path]:
    files = [file for file in folder.rglob("*") if not _is_hidden(str(file.relative_to(folder)))]
    return sorted(file for file in files if (is_archive(file) or _is_packet(file.name)) and file.is_file())


def _find_in(folder: Path) -> list[Path]:
    if found := _named_so(folder):
        return found
    raise UnreadableError(f"no file in it has a name of {READABLE}")


def is_archive(file: Path) -> bool:
    """Whether a file, by its name, holds many packets."""
    return file.name.lower().endswith(_ARCHIVE_SUFFIXES)


def _is_packet(name: str) -> bool:
    return name.lower().endswith(_PACKET_SUFFIXES)


def _is_hidden(name: str) -> bool:
    """Whether it is what an operating system leaves beside files: ._1.avro, .DS_Store, __MACOSX/."""
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def for_ever(files: list[Path], refuse: Refuse) -> Iterator[Packet]:
    """The packets of `files`, again and again, until there are none any more."""
    any_left = True
    while any_left:
        any_left = False
        for packet in packets(files, refuse):
            any_left = True
            yield packet


def packets(files: Iterable[Path], refuse: Refuse) -> Iterator[Packet]:
    """Name and bytes of every packet, in bounded memory; archives are read as a stream and never unpacked to disk.

    Refused by name, while the rest goes on: files and members of archives that are damaged, empty, larger than Kafka
    takes, or no packets; archives without packets. A damaged archive gives what comes before the damage (wrong bits may
    show at its end only: that is where the checksum is). Links are other names of packets that come anyway.
    """
    for file in files:
        yield from _of_file(file, refuse)


def _of_file(file: Path, refuse: Refuse) -> Iterator[Packet]:
    empty = True

    def refused(name: str, reason: str) -> None:
        nonlocal empty
        empty = False
        refuse(printable(name), printable(reason))

    try:
        for name, packet in _packets(file, refused):
            empty = False
            yield printable(name), packet
    except Exception as error:  # damaged bytes can make a decoder raise nearly anything
        refused(str(file), _reason(error))
    if empty:
        refused(str(file), "it holds no packets")


def _packets(file: Path, refuse: Refuse) -> Iterator[Packet]:
    with file.open("rb") as opened:
        stream = Stream(opened)
        _check(stream.head)
        if stream.head.startswith(_ZIP):
            yield from _zipped(file, refuse)
            return
        stream = unpacked(stream)
        if _is_tar(stream.head):
            yield from _tarred(file, stream, refuse)
        else:
            yield str(file), _packet(stream)


def _tarred(file: Path, stream: Stream, refuse: Refuse) -> Iterator[Packet]:
    stream.allowance = _MAX_HEADER_BYTES
    with tarfile.open(fileobj=cast("Any", stream), mode="r|") as archive:
        while (member := archive.next()) is not None:
            archive.members, archive.pax_headers = [], {}  # type: ignore[attr-defined] # or it remembers all of them
            stream.allowance = member.size + _MAX_HEADER_BYTES  # to pass by the member, and for the header of the next
            name = f"{file}/{member.name}"
            if not member.isreg() or not _is_wanted(member.name, name, refuse):
                continue
            if member.size > MAX_MESSAGE_BYTES:
                refuse(name, _TOO_LARGE)
                continue
            content = _whole(archive.extractfile(member), member.size)
            try:
                packet = _member(content)
            except Exception as error:
                refuse(name, _reason(error))
            else:
                yield name, packet
    # To the end, where the checksum is; and tarfile takes a damaged header for the end of the archive.
    stream.allowance = None
    while rest := stream.read(_READ_BYTES):
        if rest.strip(b"\0"):
            raise tarfile.ReadError("a header is damaged")


def _is_wanted(member: str, name: str, refuse: Refuse) -> bool:
    """Whether an archive's member should be a packet; another archive is refused by its full name."""
    if _is_hidden(member):
        return False
    if member.lower().endswith(_ARCHIVE_SUFFIXES):
        refuse(name, "an archive in an archive is not read")
    return _is_packet(member)


def _whole(stream: Any, size: int) -> bytes:
    content: bytes = stream.read()
    if len(content) < size:
        raise EOFError
    return content


def _zipped(file: Path, refuse: Refuse) -> Iterator[Packet]:
    with _ZipFile(file) as opened, zipfile.ZipFile(opened) as archive:
        for member in archive.infolist():
            name = f"{file}/{member.filename}"
            if not _is_wanted(member.filename, name, refuse):
                continue
            try:
                packet = _zip_member(archive, member)
            except Exception as error:
                refuse(name, _reason(error))
            else:
                yield name, packet


def _zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.file_size > MAX_MESSAGE_BYTES:
        raise UnreadableError(_TOO_LARGE)
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:  # the others are unpacked without bound
        raise UnreadableError("in a zip archive, only packets stored or deflated can be read")
    with archive.open(member) as opened:
        return _member(_whole(opened, member.file_size))


def _member(content: bytes) -> bytes:
    """The packet of an archive's member, which may be compressed by itself."""
    return _packet(unpacked(Stream(io.BytesIO(content))))


def _packet(stream: Stream) -> bytes:
    pieces, size = [], 0
    while size <= MAX_MESSAGE_BYTES and (piece := stream.read(_READ_BYTES)):
        pieces.append(piece)
        size += len(piece)
    if size > MAX_MESSAGE_BYTES:
        raise UnreadableError(_TOO_LARGE)
    if not stream.head:
        raise UnreadableError("it is empty")
    if not stream.head.startswith((_CONTAINER, _WIRE_FORMAT)):
        raise UnreadableError(f"it is no Avro packet: it starts with {stream.head[:4]!r}")
    return b"".join(pieces)


_TOO_LARGE = f"it is larger than {MAX_MESSAGE_BYTES} bytes, which Kafka would not take"


def _check(head: bytes) -> None:
    """Raises UnreadableError where a file that starts so cannot be read."""
    if not head:
        raise UnreadableError("it is empty")
    if not (head.startswith((_CONTAINER, _WIRE_FORMAT, *_ZIP)) or is_compressed(head) or _is_tar(head)):
        raise UnreadableError(f"it starts with {head[:4]!r}; what can be read are {READABLE}")


def _is_tar(head: bytes) -> bool:
    if head == bytes(HEAD_BYTES):  # an archive of nothing
        return True
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class _ZipFile(io.FileIO):
    """A file that does not give away more at once than a zip archive's directory may be large."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its directory has more than {_MAX_DIRECTORY_BYTES} bytes")
        return super().read(size) or b""


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or ("it ends too early" if isinstance(error, EOFError) else type(error).__name__)
