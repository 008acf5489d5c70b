"""Kernels compiled by another process than the one that uses them, before a command begins its work.

Code that has just been compiled and the same code loaded differ in the last digits of their results, and what a command
writes must not depend on which was the first. Compiling takes 0.7 GB, too, that a process does not give back.

`python -m starsieve.features.tools.compiling` compiles what folders of light curves need into the cache.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import typer

from starsieve import features
from starsieve.features import caches
from starsieve.features.kernel_cache import NotCompiledError, load_only, writable_place


class Tell(Protocol):
    """Takes what an operator should know: an event, and its details by name."""

    def __call__(self, event: str, /, **details: str) -> None:
        """One event."""


@cache
def prepare() -> None:
    """Once a process: loads the kernels that folders of light curves need, compiled by another where they are not."""
    load_or_compile(call_features, "starsieve.features.tools.compiling", _on_screen)


def call_features() -> None:
    """Calls every kernel that features of light curves need, with arguments of the same types."""
    mjd = np.linspace(0.0, 10.0, 30)
    features.update(None, mjd, np.sin(mjd), np.full(mjd.size, 0.1))


def load_or_compile(call: Callable[[], None], module: str, tell: Tell) -> None:
    """Makes a call with kernels that are loaded; if one is in no cache, a process that runs `module` compiles them.

    Where it cannot or fails, they are compiled here, and that is told.
    """
    try:
        with load_only():
            call()
    except NotCompiledError:
        _compile_elsewhere(module, tell)
        call()


def _compile_elsewhere(module: str, tell: Tell) -> None:
    place = writable_place()
    if place is None:
        tell("kernels_not_kept", detail=f"no folder can be written: set {caches.SETTING}")
        return
    if place != caches.folder():
        tell("kernels_not_kept", folder=str(place), detail=f"compiled at every start: set {caches.SETTING}")
    tell("compiling", folder=str(place))
    package = str(Path(__file__).parents[3])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    environment = os.environ | {caches.SETTING: str(place), "PYTHONPATH": path}
    command = [sys.executable, "-P", "-m", module]
    # Its own session, so that Ctrl-C does not end it before this process, which stops in its own way.
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False, start_new_session=True)  # noqa: S603
    if done.returncode:
        tell("compiling_failed", returncode=str(done.returncode), detail="compiled in this process instead")


def _on_screen(event: str, /, **details: str) -> None:
    typer.secho(f"{event.replace('_', ' ')}: {', '.join(details.values())}", err=True, fg=typer.colors.YELLOW)


if __name__ == "__main__":
    call_features()
