"""Compiled kernels, kept on disk by what they were compiled from, instead of Numba's own cache.

Numba's (`cache=True`) looks at nothing but the function's own file, so that a constant or a kernel changed elsewhere
leaves stale code (https://numba.readthedocs.io/en/stable/developer/caching.html); refuses to import where it cannot
write; and takes a damaged file for a fatal error (numba issue 10434). This one takes the place of `FunctionCache`: the
methods of `numba.core.caching._Cache`, and how Numba packs a compiled function, are all that we rely on.
"""

import hashlib
import os
import pickle
import platform
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numba
import numpy as np
from llvmlite import __version__ as llvmlite_version
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from starsieve.features import caches

PACKAGES = ("starsieve.features.", "starsieve.broker.", "starsieve.models.")  # whose kernels are kept
KEPT = 32  # folders of 11 MB, one for each version of a package's code; those not used for longest go first
_KERNELS = "kernels"
_DIGEST_BYTES = 32
_Compiled: Any = CompileResult  # Numba has no types for what it keeps to itself
_dumps: Any = dumps
_load_only = ContextVar("load_only", default=False)


class NotCompiledError(Exception):
    """A kernel is in no cache, and was not to be compiled."""


@contextmanager
def load_only() -> Iterator[None]:
    """Within it, a kernel that would have to be compiled raises NotCompiledError."""
    token = _load_only.set(True)
    try:
        yield
    finally:
        _load_only.reset(token)


class KernelCache(_Cache):
    """The compiled versions of one kernel: a file for each signature and processor, in a folder for each code."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._code = code_for(function.__module__)

    @property
    def cache_path(self) -> str:
        """The folder that is looked into first."""
        return str(_folders(self._code)[0]) if caches.places() else ""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function for a signature (Numba types of the arguments), or None."""
        target_context.refresh()
        name, identity = self._file(sig, target_context.codegen())
        for folder in _folders(self._code):
            packed = _read(folder, name, identity)
            if packed is not None:
                # Numba packs compiled functions with pickle: hence `_is_own`.
                return _Compiled._rebuild(target_context, *pickle.loads(packed))  # noqa: S301
        if _load_only.get():
            raise NotCompiledError(f"{self._name}{sig}")
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps a compiled function in the first folder that takes it; where none does, it is compiled each time."""
        if data.library.has_dynamic_globals:  # addresses in this process
            return
        name, identity = self._file(sig, data.codegen)
        packed = _dumps(data._reduce())
        any(_write(folder, name, identity, packed) for folder in _folders(self._code))

    def enable(self) -> None:
        """Always."""

    def disable(self) -> None:
        """Never."""

    def flush(self) -> None:
        """There is nothing to flush: other code has another folder."""

    def _file(self, sig: Any, codegen: Any) -> tuple[str, bytes]:
        identity = repr((self._code, self._name, str(sig), codegen.magic_tuple())).encode()
        return f"{self._name}-{hashlib.sha256(identity).hexdigest()[:16]}", identity


@cache
def code_for(module: str) -> str:
    """Names what a module's kernels are compiled from: its package and this one, compiler, NumPy and Python.

    A kernel may use kernels and constants of these two packages (a test sees to it).
    """
    sources = caches.code_of(*sorted({"features", module.split(".")[1]}))
    versions = numba.__version__, llvmlite_version, np.__version__, platform.python_version(), platform.machine()
    return hashlib.sha256(repr((sources, versions)).encode()).hexdigest()[:16]


def writable_place() -> Path | None:
    """What STARSIEVE_CACHE must be for another process to compile kernels for this one; None: there is no such folder.

    It is the user's folder if that takes kernels, else the private one.
    """
    chosen = caches.folder()
    if chosen is not None and _takes_kernels(chosen):
        return chosen
    with suppress(OSError):
        private = caches.private_folder()
        if _takes_kernels(private):
            return private
    return None


def _takes_kernels(base: Path) -> bool:
    kernels = base / _KERNELS
    with suppress(OSError):
        _make(kernels)
        return _is_own(kernels) and caches.takes_files(kernels)
    return False


def _folders(code: str) -> list[Path]:
    return [base / _KERNELS / code for base in caches.places()]


def _make(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o755, exist_ok=True)  # whatever the umask: not for the group


def _is_own(folder: Path) -> bool:
    """Whether no other user but root can have put anything into a folder: unpacking a file can run any code.

    It must be a real folder (no link), ours or root's, and writable for nobody else. Whoever can write further up could
    put another folder in its place, but none that is ours and that he could have written to.
    """
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and _is_ours(status)


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid in {0, os.geteuid()} and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(folder: Path, name: str, identity: bytes) -> bytes | None:
    """What was kept under a name; None: nothing, or it is damaged, or somebody else could have written it."""
    if not (_is_own(folder.parent) and _is_own(folder)):
        return None
    try:
        with (folder / name).open("rb") as file:
            if not _is_ours(os.fstat(file.fileno())):
                return None
            content = file.read()
    except OSError:
        return None
    packed = content[_DIGEST_BYTES:]
    if hashlib.sha256(identity + packed).digest() != content[:_DIGEST_BYTES]:
        return None
    _mark_used(folder)
    return packed


def _write(folder: Path, name: str, identity: bytes, packed: bytes) -> bool:
    """Whether it was kept: whole or not at all, also with two processes at once."""
    partial_file = folder / f"{name}.{uuid4().hex}"
    try:
        if not folder.is_dir():
            _make(folder.parent)
            _make(folder)
            _prune(folder.parent)
        if not (_is_own(folder.parent) and _is_own(folder)):
            return False
        with open(partial_file, "xb", opener=partial(os.open, mode=0o644)) as file:
            file.write(hashlib.sha256(identity + packed).digest() + packed)
        partial_file.replace(folder / name)
    except OSError:
        with suppress(OSError):
            partial_file.unlink()
        return False
    return True


def _prune(kernels: Path) -> None:
    with suppress(OSError):  # another process may be at it
        folders = sorted(kernels.iterdir(), key=lambda folder: folder.stat().st_mtime)
        for folder in folders[:-KEPT]:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def _mark_used(folder: Path) -> None:
    """Once a process: a folder that is read is not old."""
    with suppress(OSError):
        os.utime(folder)
