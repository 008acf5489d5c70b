"""Packets out of files, folders and nightly archives: all of them, unchanged, in a fixed order."""

import gzip
import io
import itertools
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve.broker.tools import replay


def test_a_file_is_a_packet_whatever_it_is_called(tmp_path):
    file = _file(tmp_path / "message.bin", b"Obj\x01...")
    assert list(replay.packets(replay.find([file]))) == [(str(file), b"Obj\x01...")]


def test_folders_are_searched_to_the_bottom_and_sorted(tmp_path):
    for name in ("b/2.avro", "a/9.avro", "a/10.avro", "1.avro", "a/deep/er/5.avro", "a/notes.txt"):
        _file(tmp_path / name, name.encode())
    read = [content.decode() for _, content in replay.packets(replay.find([tmp_path]))]
    assert read == ["1.avro", "a/10.avro", "a/9.avro", "a/deep/er/5.avro", "b/2.avro"]


def test_paths_are_read_in_the_order_given(tmp_path):
    first, second = _file(tmp_path / "z.avro", b"z"), _file(tmp_path / "a.avro", b"a")
    assert [content for _, content in replay.packets(replay.find([first, second]))] == [b"z", b"a"]


def test_nightly_archives_give_their_packets_without_being_unpacked(tmp_path):
    archive = _archive(tmp_path / "ztf_public_20260101.tar.gz", {"3.avro": b"three", "1.avro": b"one"})
    before = set(tmp_path.rglob("*"))
    found = list(replay.packets(replay.find([tmp_path])))
    assert found == [(f"{archive}/3.avro", b"three"), (f"{archive}/1.avro", b"one")]
    assert set(tmp_path.rglob("*")) == before


def test_archives_may_hold_folders_and_other_files(tmp_path):
    _archive(tmp_path / "night.tgz", {"night/readme.txt": b"hello", "night/1.avro": b"one"})
    assert [content for _, content in replay.packets(replay.find([tmp_path]))] == [b"one"]


@given(contents=st.lists(st.binary(max_size=2000), max_size=8))
def test_every_byte_of_an_archive_arrives(tmp_path_factory, contents):
    members = {f"{number}.avro": content for number, content in enumerate(contents)}
    archive = _archive(tmp_path_factory.mktemp("night") / "night.tar.gz", members)
    assert [content for _, content in replay.packets([archive])] == contents


def test_a_loop_starts_again_at_the_end(tmp_path):
    files = [_file(tmp_path / name, name.encode()) for name in ("1.avro", "2.avro")]
    read = [content for _, content in itertools.islice(replay.for_ever(files), 5)]
    assert read == [b"1.avro", b"2.avro", b"1.avro", b"2.avro", b"1.avro"]


def test_missing_paths_and_folders_without_packets_are_refused_before_anything_is_read(tmp_path):
    good = _file(tmp_path / "1.avro", b"")
    with pytest.raises(replay.ReplayError, match=r"nothing\.avro does not exist"):
        replay.find([good, tmp_path / "nothing.avro"])
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(replay.ReplayError, match=r"empty has no file that ends with \.avro"):
        replay.find([empty])


@pytest.mark.parametrize("damage", ["truncated", "not gzip", "flipped"])
def test_a_damaged_archive_gives_what_it_can_and_then_says_which_it_was(tmp_path, damage):
    members = {f"{number}.avro": bytes([number]) * 50_000 for number in range(20)}
    archive = _archive(tmp_path / "night.tar.gz", members)
    content = bytearray(archive.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "not gzip":
        content[:2] = b"PK"
    else:
        content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    read = []
    with pytest.raises(replay.ReplayError, match=r"cannot read .*night\.tar\.gz"):
        read.extend(replay.packets([archive]))
    if damage != "flipped":  # a wrong bit shows in the checksum only, which comes last
        assert [packet for _, packet in read] == list(members.values())[: len(read)]


def test_a_damaged_header_inside_a_sound_gzip_file_is_not_the_end(tmp_path):
    archive = _archive(tmp_path / "night.tar.gz", {f"{number}.avro": bytes(50_000) + b"x" for number in range(20)})
    content = bytearray(gzip.decompress(archive.read_bytes()))
    header = content.index(b"7.avro")
    content[header : header + 512] = b"?" * 512
    archive.write_bytes(gzip.compress(content))
    with pytest.raises(replay.ReplayError, match="a header is damaged"):
        list(replay.packets([archive]))


def test_an_unreadable_file_is_named(tmp_path):
    file = _file(tmp_path / "1.avro", b"x")
    found = replay.find([file])
    file.unlink()
    with pytest.raises(replay.ReplayError, match=r"cannot read .*1\.avro"):
        list(replay.packets(found))


def test_real_packets_are_found(data_dir):
    folder = data_dir / "alerts" / "ztf_avro"
    files = replay.find([folder])
    assert len(files) == len(list(folder.rglob("*.avro"))) > 200
    sizes = {name: len(content) for name, content in replay.packets(files)}
    assert sizes == {str(file): file.stat().st_size for file in files}


def _file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path
