"""Where compiled kernels and computed features are kept between runs, and what names the code that made them."""

import atexit
import hashlib
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

SETTING = "STARSIEVE_CACHE"
_ROOT = Path(__file__).parents[1]  # of all our packages
_private: list[Path] = []  # none, or the one folder of this process


def folder() -> Path | None:
    """STARSIEVE_CACHE, else XDG_CACHE_HOME/starsieve, else ~/.cache/starsieve; None where there is no home.

    It may not exist yet, and whether it can be written is another question.
    """
    if chosen := os.environ.get(SETTING):
        return Path(chosen)
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if xdg.is_absolute():  # its specification: relative ones are ignored
        return xdg / "starsieve"
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return None
    return home / ".cache" / "starsieve" if home.is_dir() else None


def writable_folder() -> Path:
    """`folder()` if it takes files, else the private one. Raises OSError where there is no place at all."""
    chosen = folder()
    return chosen if chosen is not None and takes_files(chosen) else private_folder()


def private_folder() -> Path:
    """A temporary folder that only this user can enter and that goes with this process. Raises OSError."""
    if not _private:
        made = Path(tempfile.mkdtemp(prefix="starsieve-"))
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        _private.append(made)
    return _private[0]


def places() -> list[Path]:
    """The folders to look into: the user's, and the private one if this process has one."""
    chosen = folder()
    return [*_private] if chosen is None else [chosen, *_private]


def takes_files(path: Path) -> bool:
    """Whether files can be written to a folder, which is made if absent."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError:
        return False
    return True


@cache
def code_of(*packages: str) -> str:
    """Names the source code of our packages, with all that is below them: another version has another name."""
    digest = hashlib.sha256()
    for package in packages:
        for source in sorted((_ROOT / package).rglob("*.py")):
            content = source.read_bytes()
            digest.update(f"{source.relative_to(_ROOT).as_posix()}:{len(content)}:".encode() + content)
    return digest.hexdigest()
