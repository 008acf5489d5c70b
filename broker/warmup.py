"""What a worker does before it joins its group, so that the first alert finds everything at hand.

`python -m starsieve.broker.warmup` compiles the kernels into the cache, for example while a container image is built.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import structlog

from starsieve import features
from starsieve.broker.surveys import packets
from starsieve.broker.surveys.barycentre import barycentric
from starsieve.features import caches
from starsieve.features.kernel_cache import NotCompiledError, load_only, writable_place

log = structlog.get_logger()

_UNIX_EPOCH_MJD = 40587
_DAY_S = 86400


def warm_up() -> None:
    """Loads all compiled kernels that a stream calls, and the Earth's places of these days.

    Kernels that are in no cache are compiled by another process first: code that has just been compiled and the same
    code loaded differ in the last digits of their results, and outcomes must not depend on which worker was the first.
    """
    try:
        with load_only():
            _call_everything()
    except NotCompiledError:
        _compile_elsewhere()
        _call_everything()


def _call_everything() -> None:
    """Calls every kernel that a stream calls, with arguments of the same types."""
    mjd = np.linspace(0.0, 10.0, 30)
    features.update(None, mjd, np.sin(mjd), np.full(mjd.size, 0.1))
    packets.warm_up()
    barycentric([time.time() / _DAY_S + _UNIX_EPOCH_MJD], 0.0, 0.0)


def _compile_elsewhere() -> None:
    place = writable_place()
    if place is None:
        log.warning("kernels_not_kept", detail=f"no folder can be written: set {caches.SETTING}")
        return
    if place != caches.folder():
        log.warning("kernels_not_kept", folder=str(place), detail=f"compiled at every start: set {caches.SETTING}")
    log.info("compiling", folder=str(place))
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    environment = os.environ | {caches.SETTING: str(place), "PYTHONPATH": path}
    command = [sys.executable, "-P", "-m", "starsieve.broker.warmup"]
    # Its own session, so that Ctrl-C does not end it before this process, which stops in its own way.
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False, start_new_session=True)  # noqa: S603
    if done.returncode:
        log.warning("compiling_failed", returncode=done.returncode, detail="compiled in this process instead")


if __name__ == "__main__":
    _call_everything()
