"""What a worker does before it joins its group, so that the first alert finds everything at hand.

`python -m starsieve.broker.warmup` compiles the kernels into the cache, for example while a container image is built.
"""

import time

import structlog

from starsieve.broker.surveys import packets
from starsieve.broker.surveys.barycentre import barycentric
from starsieve.features.tools import compiling

log = structlog.get_logger()

_UNIX_EPOCH_MJD = 40587
_DAY_S = 86400


def warm_up() -> None:
    """Loads all compiled kernels that a stream calls, and the Earth's places of these days.

    Kernels that are in no cache are compiled by another process first: outcomes must not depend on which worker was the
    first.
    """
    compiling.load_or_compile(_call_everything, "starsieve.broker.warmup", _tell)


def _call_everything() -> None:
    """Calls every kernel that a stream calls, with arguments of the same types."""
    compiling.call_features()
    packets.warm_up()
    barycentric([time.time() / _DAY_S + _UNIX_EPOCH_MJD], 0.0, 0.0)


def _tell(event: str, /, **details: str) -> None:
    (log.info if event == "compiling" else log.warning)(event, **details)


if __name__ == "__main__":
    _call_everything()
