"""Packets out of files, folders and archives: all of them, unchanged, in a fixed order; the rest is named."""

import bz2
import gzip
import io
import itertools
import lzma
import os
import random
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES
from starsieve.broker.tools import archives
from starsieve.broker.tools.compressed import UnreadableError

ONE, TWO, THREE = (b"Obj\x01" + word for word in (b"one", b"two", b"three"))
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": lambda content: bz2.compress(content, 1),  # small blocks, to be cut between
    ".xz": lzma.compress,
    ".zst": lambda content: bytes(cramjam.zstd.compress(content)),
}


def read(*paths: Path) -> tuple[list[tuple[str, bytes]], dict[str, str]]:
    """The packets of paths, and what was refused."""
    refused: dict[str, str] = {}
    packets = list(archives.packets(archives.find(paths), refused.__setitem__))
    return packets, refused


def contents(*paths: Path) -> list[bytes]:
    """The packets of paths where nothing is refused."""
    packets, refused = read(*paths)
    assert refused == {}
    return [content for _, content in packets]


def test_a_file_is_a_packet_whatever_it_is_called(tmp_path):
    file = _file(tmp_path / "message.bin", ONE)
    assert read(file) == ([(str(file), ONE)], {})


def test_folders_are_searched_to_the_bottom_and_sorted(tmp_path):
    for name in ("b/2.avro", "a/9.avro", "a/10.avro", "1.avro", "a/deep/er/5.avro", "a/notes.txt"):
        _file(tmp_path / name, b"Obj\x01" + name.encode())
    found = [content[4:].decode() for content in contents(tmp_path)]
    assert found == ["1.avro", "a/10.avro", "a/9.avro", "a/deep/er/5.avro", "b/2.avro"]


def test_paths_are_read_in_the_order_given(tmp_path):
    first, second = _file(tmp_path / "z.avro", TWO), _file(tmp_path / "a.avro", ONE)
    assert contents(first, second) == [TWO, ONE]


@pytest.mark.parametrize("suffix", COMPRESS)
def test_single_packets_are_unpacked(tmp_path, suffix):
    file = _file(tmp_path / f"1.avro{suffix}", COMPRESS[suffix](ONE))
    assert read(tmp_path) == ([(str(file), ONE)], {})


@pytest.mark.parametrize("suffix", COMPRESS)
def test_nightly_archives_give_their_packets_without_being_unpacked(tmp_path, suffix):
    members = {"3.avro": THREE, "1.avro": ONE}
    archive = _file(tmp_path / f"ztf_public_20260101.tar{suffix}", COMPRESS[suffix](_tar(members)))
    before = set(tmp_path.rglob("*"))
    assert read(tmp_path) == ([(f"{archive}/3.avro", THREE), (f"{archive}/1.avro", ONE)], {})
    assert set(tmp_path.rglob("*")) == before


def test_zip_archives_are_read(tmp_path):
    archive = _zip(tmp_path / "night.ZIP", {"night/3.avro": THREE, "night/1.avro.gz": gzip.compress(ONE)})
    assert read(tmp_path) == ([(f"{archive}/night/3.avro", THREE), (f"{archive}/night/1.avro.gz", ONE)], {})


@pytest.mark.parametrize("name", ["night.avro", "night.zip", "night", "1.avro.gz"])
def test_what_a_file_is_its_bytes_tell_and_not_its_name(tmp_path, name):
    archive = _file(tmp_path / name, bz2.compress(_tar({"1.avro": ONE, "2.avro": TWO})))
    assert contents(archive) == [ONE, TWO]


def test_tools_that_write_several_streams_into_a_file_are_understood(tmp_path):
    content = _tar({f"{number}.avro": b"Obj\x01" + random.Random(number).randbytes(50_000) for number in range(20)})
    for suffix, compress in COMPRESS.items():
        pieces = [content[start : start + 100_001] for start in range(0, len(content), 100_001)]
        _file(tmp_path / f"night.tar{suffix}", b"".join(map(compress, pieces)))
    assert len(set(contents(tmp_path))) == 20
    assert len(contents(tmp_path)) == 20 * len(COMPRESS)


def test_archives_may_hold_folders_other_files_and_links(tmp_path):
    with tarfile.open(tmp_path / "night.tgz", "w:gz") as archive:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            entry = tarfile.TarInfo(f"{kind.decode()}.avro")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        for name, content in {"night/readme.txt": b"hello", "./night/1.avro": ONE, "/a/../../2.AVRO": TWO}.items():
            _add(archive, name, content)
    assert contents(tmp_path) == [ONE, TWO]


def test_what_an_operating_system_leaves_beside_files_is_no_packet(tmp_path):
    rubbish = dict.fromkeys(("._1.avro", "a/._1.avro", "__MACOSX/a/1.avro", ".snapshots/1.avro"), b"\0\x05\x16\x07")
    for name, content in {**rubbish, "a/1.avro": ONE, ".DS_Store": b"\0\0\0\1Bud1"}.items():
        _file(tmp_path / "folder" / name, content)
    _file(tmp_path / "night.tar", _tar({**rubbish, "./1.avro": ONE}))
    _zip(tmp_path / "night.zip", {**rubbish, "1.avro": ONE})
    for path in tmp_path.iterdir():
        assert contents(path) == [ONE]


@given(written=st.lists(st.binary(max_size=2000), max_size=8), suffix=st.sampled_from(list(COMPRESS)))
def test_every_byte_of_an_archive_arrives(tmp_path_factory, written, suffix):
    members = {f"{number}.avro": b"Obj\x01" + content for number, content in enumerate(written)}
    archive = _file(tmp_path_factory.mktemp("night") / "night.tar", COMPRESS[suffix](_tar(members)))
    packets, refused = read(archive)
    assert [content for _, content in packets] == list(members.values())
    assert refused == ({} if members else {str(archive): "it holds no packets"})


def test_a_loop_starts_again_at_the_end_and_ends_when_nothing_is_left(tmp_path):
    files = [_file(tmp_path / f"{number}.avro", content) for number, content in enumerate((ONE, TWO))]
    refused: dict[str, str] = {}
    loop = archives.for_ever(files, refused.__setitem__)
    assert [content for _, content in itertools.islice(loop, 5)] == [ONE, TWO, ONE, TWO, ONE]
    for file in files:
        file.unlink()
    assert list(loop) == []
    assert refused == {str(files[0]): "No such file or directory", str(files[1]): "No such file or directory"}


def test_wrong_paths_are_refused_before_anything_is_read(tmp_path):
    good = _file(tmp_path / "1.avro", ONE)
    (empty := tmp_path / "empty").mkdir()
    _file(empty / "notes.txt", b"hello")
    os.mkfifo(tmp_path / "fifo")
    wrong = {
        tmp_path / "nothing.avro": "No such file",
        empty: "no file in it has a name of packets",
        tmp_path / "fifo": "neither a file nor a folder",
        _file(tmp_path / "night.rar", b"Rar!\x1a\x07\x00" + bytes(100)): "what can be read are packets",
        _file(tmp_path / "nothing.tar", b""): "it is empty",
        _file(tmp_path / "page.avro", b"<html>404</html>"): "<htm",
    }
    for path, reason in wrong.items():
        with pytest.raises(UnreadableError, match=f"cannot read {path}: .*{reason}"):
            archives.find([good, path])


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(tmp_path):
    bad = {
        "2.avro": (b"", "it is empty"),
        "3.avro": (b"<html>404</html>", "<htm"),
        "4.avro.gz": (gzip.compress(ONE)[:-5], "end-of-stream"),
        "5.avro.bz2": (bz2.compress(ONE)[:-5], "ends too early"),
        "6.avro.xz": (lzma.compress(ONE)[:-5], "ends too early"),
        "7.avro.zst": (COMPRESS[".zst"](ONE)[:-5], "Truncated"),
        "8.avro.lz4": (b"\x04\x22\x4d\x18abcd", "starts with"),
    }
    members = {"1.avro": ONE, **{name: content for name, (content, _) in bad.items()}, "9.avro": TWO}
    for name, content in members.items():
        _file(tmp_path / "folder" / name, content)
    _file(tmp_path / "night.tar", _tar({**members, "more.tar.gz": b"?"}))
    _zip(tmp_path / "night.zip", {**members, "more.tar.gz": b"?"})
    for path in tmp_path.iterdir():
        packets, refused = read(path)
        assert [content for _, content in packets] == [ONE, TWO]
        nested = {} if path.is_dir() else {f"{path}/more.tar.gz": "an archive in an archive"}
        expected = {f"{path}/{name}": reason for name, (_, reason) in bad.items()} | nested
        assert refused.keys() == expected.keys()
        for name, reason in expected.items():
            assert reason in refused[name]


def test_an_archive_without_packets_is_named(tmp_path):
    for name, content in (("a.tar", _tar({})), ("b.tar.gz", gzip.compress(_tar({"notes.txt": b"hello"})))):
        _file(tmp_path / name, content)
    _zip(tmp_path / "c.zip", {})
    assert read(tmp_path) == ([], {str(file): "it holds no packets" for file in sorted(tmp_path.iterdir())})


def test_packets_in_confluents_wire_format_are_packets(tmp_path):
    framed = b"\0\0\0\x03\x84" + bytes(range(200))
    _file(tmp_path / "1.avro", framed)
    _file(tmp_path / "night.tar", _tar({"1.avro": framed}))
    assert contents(tmp_path) == [framed, framed]


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("damage", ["truncated", "truncated between members", "flipped"])
def test_a_damaged_archive_gives_what_it_can_and_is_named(tmp_path, suffix, damage):
    members = {f"{number}.avro": b"Obj\x01" + random.Random(number).randbytes(50_000) for number in range(20)}
    content = _tar(members)
    if damage == "truncated between members":
        content = content[: 10 * (512 + 50_176)]
    content = bytearray(COMPRESS[suffix](content))
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    archive = _file(tmp_path / f"night.tar{suffix}", content)
    packets, refused = read(archive)
    if damage == "flipped" and suffix in {"", ".zst"}:  # without a checksum, wrong bits are the network's to find
        assert refused == {}
    else:
        assert list(refused) == [str(archive)]
    if damage != "flipped":  # a wrong bit may show in the checksum only, which comes last
        assert 5 < len(packets) <= 10
        assert [packet for _, packet in packets] == list(members.values())[: len(packets)]


@given(
    which=st.sampled_from(["tar", "zip", "gz"]), patches=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=12)))
)
def test_whatever_a_file_holds_is_read_or_refused(tmp_path_factory, which, patches):
    members = {f"{number}.avro": ONE + bytes(600) for number in range(3)} | {"a" * 200 + ".avro.gz": gzip.compress(TWO)}
    make = {"tar": _tar, "zip": _zipped, "gz": lambda members: gzip.compress(_tar(members))}
    content = bytearray(make[which](members))
    for place, patch in patches:
        start = int(place * (len(content) - 1))
        content[start : start + len(patch)] = patch
    refused: dict[str, str] = {}
    file = _file(tmp_path_factory.mktemp("damaged") / "1", content)
    packets = list(archives.packets([file], refused.__setitem__))
    assert packets or refused


def test_a_damaged_header_inside_a_sound_gzip_file_is_not_the_end(tmp_path):
    content = bytearray(_tar({f"{number}.avro": ONE + bytes(50_000) + b"x" for number in range(20)}))
    header = content.index(b"7.avro")
    content[header : header + 512] = b"?" * 512
    archive = _file(tmp_path / "night.tar.gz", gzip.compress(content))
    packets, refused = read(archive)
    assert len(packets) == 7
    assert refused == {str(archive): "a header is damaged"}


def test_a_zip_archive_with_damaged_members_gives_the_others(tmp_path):
    archive = _zip(tmp_path / "night.zip", {f"{number}.avro": ONE + bytes([number]) * 99 for number in range(9)})
    content = bytearray(archive.read_bytes())
    content[content.index(b"\x04" * 99) + 5] ^= 1
    archive.write_bytes(content)
    packets, refused = read(archive)
    assert len(packets) == 8
    assert list(refused) == [f"{archive}/4.avro"]
    assert "Bad CRC-32" in refused[f"{archive}/4.avro"]


def test_zstandard_names_the_extra_that_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for suffix in (".avro.zst", ".tar.zst"):
        file = _file(tmp_path / f"night{suffix}", COMPRESS[".zst"](ONE))
        assert read(file) == ([], {str(file): "zstandard files need pyarrow: pip install 'starsieve[archive]'"})


def test_names_and_reasons_cannot_steer_the_terminal(tmp_path):
    _zip(tmp_path / "night.zip", {"\x1b[31m1.avro": ONE, "\x1b[2J2.avro": b"\x1b[2J"})
    _file(tmp_path / "night.tar", _tar({"\udcff\x1b[31m1.avro": ONE}))
    packets, refused = read(tmp_path)
    said = "".join([name for name, _ in packets] + list(refused) + list(refused.values()))
    assert len(packets) == 2
    assert said.isprintable()


def test_packets_larger_than_kafka_takes_are_refused_and_the_rest_goes_on(tmp_path):
    largest = b"Obj\x01" + bytes(MAX_MESSAGE_BYTES - 4)
    members = {"1.avro": largest, "2.avro": largest + b"x", "3.avro.gz": gzip.compress(largest + b"x"), "4.avro": ONE}
    for name, content in members.items():
        _file(tmp_path / "folder" / name, content)
    _file(tmp_path / "night.tar.gz", gzip.compress(_tar(members), 1))
    _zip(tmp_path / "night.zip", members)
    for path in tmp_path.iterdir():
        packets, refused = read(path)
        assert [len(content) for _, content in packets] == [MAX_MESSAGE_BYTES, len(ONE)]
        assert [name.removeprefix(f"{path}/") for name in refused] == ["2.avro", "3.avro.gz"]
        assert all("larger than" in reason for reason in refused.values())


def _bomb(size: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """A gzip file of so many zeros between two strings, made in pieces."""
    deflate = zlib.compressobj(9, wbits=31)
    pieces = [deflate.compress(before), *(deflate.compress(bytes(2**20)) for _ in range(size // 2**20))]
    return b"".join([*pieces, deflate.compress(after), deflate.flush()])


def _header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


BOMB = 2**28
LONG_NAME, EXTENDED = tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE
WIDE = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**28}]
MANY = 60_000
TOO_LARGE, HEADER = "larger than", "header is too large"
#: How each is made, how many packets it gives, and why the rest is refused.
HOSTILE: dict[str, tuple[Callable[[], bytes], int, str]] = {
    # a large member is passed by, and what follows is read
    "member.tar.gz": (lambda: _bomb(BOMB, _header("0.avro", BOMB), _tar({"1.avro": ONE})), 1, TOO_LARGE),
    "packet.avro.gz": (lambda: _bomb(BOMB, ONE), 0, TOO_LARGE),
    "packet.avro.bz2": (lambda: bz2.compress(ONE + bytes(BOMB)), 0, TOO_LARGE),
    "packet.avro.zst": (lambda: bytes(cramjam.zstd.compress(ONE + bytes(BOMB))), 0, TOO_LARGE),
    "long-name.tar.gz": (lambda: _bomb(BOMB, _header("././@LongLink", BOMB, LONG_NAME), _tar({})), 0, HEADER),
    "extended-header.tar.gz": (lambda: _bomb(BOMB, _header("pax", BOMB, EXTENDED), _tar({})), 0, HEADER),
    "huge.tar.gz": (lambda: gzip.compress(_header("0.avro", 2**62)), 0, TOO_LARGE),
    "dictionary.tar.xz": (lambda: lzma.compress(bytes(2**20), filters=WIDE), 0, "Memory usage limit"),
    "in-zip.zip": (lambda: _zipped({"0.avro": ONE + bytes(BOMB), "1.avro": ONE}), 1, TOO_LARGE),
    "bzip2-in-zip.zip": (lambda: _zipped({"0.avro": ONE}, zipfile.ZIP_BZIP2), 0, "only packets stored or deflated"),
    "many.tar.gz": (
        lambda: gzip.compress((_header("0.avro", 7) + ONE.ljust(512, b"\0")) * MANY + bytes(1024), 1),
        MANY,
        "{}",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_end_in_bounded_memory(tmp_path, name):
    make, packets, reason = HOSTILE[name]
    file = _file(tmp_path / name, make())
    bound = 20 if name == "many.tar.gz" else 96  # MiB, a third of what the others hold
    command = [sys.executable, "-c", READ, file, str(bound)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    read, refused = done.stdout.splitlines()
    assert int(read) == packets
    assert reason in refused


READ = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
import pyarrow
from starsieve.broker.tools import archives
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]) * 2**20, resource.RLIM_INFINITY))
refused = {{}}
print(sum(1 for _ in archives.packets([Path(sys.argv[1])], refused.__setitem__)))
print(refused)
"""


def test_real_packets_are_found(data_dir):
    folder = data_dir / "alerts"
    files = archives.find([folder])
    assert len(files) == len([*folder.rglob("*.avro"), *folder.rglob("*.avro.gz")]) > 300
    packets, refused = read(folder)
    assert all("no Avro packet" in reason for reason in refused.values())  # a record without its schema
    assert all(name.endswith(".avro.gz") for name in refused)
    assert {name: len(content) for name, content in packets} == {
        str(file): file.stat().st_size for file in files if str(file) not in refused
    }


def _file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            _add(archive, name, content)
    return buffer.getvalue()


def _zipped(members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    return _file(path, _zipped(members, zipfile.ZIP_STORED))
