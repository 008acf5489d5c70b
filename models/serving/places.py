"""Where networks are kept: a folder, or any address that fsspec knows (s3://, gs://, https://...)."""

import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from starsieve.models import ModelError, RefusedError
from starsieve.models.serving.acceptance import LARGEST, NEEDED
from starsieve.models.serving.card import CARD

SMALL = 65_536  # bytes that a file which is no network's may have


class Place(Protocol):
    """Folders two deep with a few files each. Paths are relative; methods raise OSError where it is out of reach."""

    shown: str  # its address, without secrets

    def folders(self, path: str = "") -> list[str]:
        """Names of the folders in a folder, sorted."""

    def read(self, path: str) -> bytes | None:
        """A small file; None if it is not there."""

    def replace(self, path: str, content: bytes) -> None:
        """Writes a small file; whoever reads meanwhile sees the old one, or the new one."""

    def put(self, path: str, files: Mapping[str, bytes]) -> bool:
        """Makes the folder of a network as a whole; False, and nothing is changed, if it is there already."""

    def fetched(self, path: str) -> Any:
        """A context with the folder of a network as a local one."""


def place(address: str) -> Place:
    """The place of an address. Raises ModelError for one that nothing here can read."""
    return _Remote(address) if "://" in address else _Local(Path(address))


def take(folder: Path) -> dict[str, bytes]:
    """The files of a network in a folder that anybody may have written: no links, no devices, nothing huge.

    Raises RefusedError.
    """
    files = {}
    for name, largest in LARGEST.items():
        path = folder / name
        try:
            with open(path, "rb", opener=_no_link) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise RefusedError("damaged", f"{path} is not a file")
                files[name] = file.read(largest + 1)
        except FileNotFoundError:
            if name in NEEDED:
                raise RefusedError("damaged", f"there is no {name} in {folder}") from None
            continue
        except OSError as error:
            raise RefusedError("damaged", f"{path} is a link, or cannot be read: {error.strerror}") from error
        if len(files[name]) > largest:
            raise RefusedError("damaged", f"{path} has more than the {largest} bytes that a network needs")
    return files


def _no_link(path: str, flags: int) -> int:
    """Opens a file that is none of a link's, and does not wait for who writes to a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


class _Local:
    """A folder of this machine, or one that is mounted."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.shown = str(root)

    def folders(self, path: str = "") -> list[str]:
        try:
            found = list((self._root / path).iterdir())
        except FileNotFoundError:
            return []
        return sorted(each.name for each in found if each.is_dir() and not each.name.startswith("."))

    def read(self, path: str) -> bytes | None:
        try:
            with (self._root / path).open("rb") as file:
                return file.read(SMALL)
        except FileNotFoundError:
            self._root.stat()  # a folder that is not mounted is out of reach, not empty
            return None

    def replace(self, path: str, content: bytes) -> None:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = _beside(target)
        try:
            with unfinished.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)

    def put(self, path: str, files: Mapping[str, bytes]) -> bool:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = _beside(target)
        unfinished.mkdir()
        try:
            for name, content in files.items():
                (unfinished / name).write_bytes(content)
            try:
                unfinished.rename(target)
            except OSError:  # it is there, or another process was faster
                if not target.is_dir():
                    raise
                return False
            return True
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    @contextmanager
    def fetched(self, path: str) -> Iterator[Path]:
        self._root.stat()
        yield self._root / path


def _beside(target: Path) -> Path:
    """A hidden name of one's own; unlike tempfile's, what it gets is readable by those whom the user lets."""
    return target.with_name(f".{uuid.uuid4().hex}")


class _Remote:
    """Anything that fsspec reads; to be written to, it has to replace files as a whole, as object stores do."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise ModelError(f"{self.shown} needs fsspec: pip install 'starsieve[remote]'") from error
        try:
            self._fs, self._root = url_to_fs(address, use_listings_cache=False)
        except (ImportError, TypeError, ValueError) as error:
            raise ModelError(f"{self.shown} is no address of networks: {error}") from error

    def folders(self, path: str = "") -> list[str]:
        with _told():
            try:
                found = self._fs.ls(self._at(path), detail=True)
            except FileNotFoundError:
                return []
        return sorted(each["name"].rstrip("/").rpartition("/")[2] for each in found if each["type"] == "directory")

    def read(self, path: str) -> bytes | None:
        with _told():
            try:
                content: bytes = self._fs.cat_file(self._at(path), end=SMALL)
            except FileNotFoundError:
                return None
        return content

    def replace(self, path: str, content: bytes) -> None:
        with _told():
            self._fs.makedirs(self._at(path).rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(self._at(path), content)

    def put(self, path: str, files: Mapping[str, bytes]) -> bool:
        if self.read(f"{path}/{CARD}") is not None:
            return False
        for name in sorted(files, key=lambda name: name == CARD):  # last: what has a card is whole
            self.replace(f"{path}/{name}", files[name])
        return True

    @contextmanager
    def fetched(self, path: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            for name, largest in LARGEST.items():
                if name in NEEDED:
                    with _told():
                        try:
                            content = self._fs.cat_file(self._at(f"{path}/{name}"), end=largest + 1)
                        except FileNotFoundError:
                            continue
                    (Path(folder) / name).write_bytes(content)
            yield Path(folder)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/")


@contextmanager
def _told() -> Iterator[None]:
    """Makes one OSError of what fsspec's many back ends raise when a server is away or refuses."""
    try:
        yield
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
