"""How a worker waits for the store: as long as it takes, unless the store says "never" before anything was answered."""

import threading
from collections.abc import Callable
from typing import TypeVar

import redis

from starsieve.broker import telemetry
from starsieve.broker.health import Health
from starsieve.broker.redis_client import may_pass
from starsieve.broker.retries import until_stopped

T = TypeVar("T")


class StorePatience:
    """Makes a call to the store until it succeeds; a `starsieve.broker.pipeline.Patience`.

    A worker that runs does not end for an answer that says "never": passwords and rights are changed, and mended.
    """

    def __init__(self, stop: threading.Event, health: Health) -> None:
        self._stop = stop
        self._health = health
        self._for_good = False

    def __call__(self, call: Callable[[], T]) -> T:
        """What the call returns. Raises redis.RedisError where waiting cannot help, or when told to stop."""
        result = until_stopped(self._stop, self._is_waited_for, "redis", self._waits)(call)
        self._health.store = True
        return result

    def for_good(self) -> None:
        """Alerts were answered: from now on everything is waited for."""
        self._for_good = True

    def _is_waited_for(self, error: BaseException) -> bool:
        return isinstance(error, redis.RedisError) and (self._for_good or may_pass(error))

    def _waits(self, error: BaseException) -> None:
        self._health.alive()
        self._health.store = False
        self._health.refused = isinstance(error, redis.RedisError) and not may_pass(error)
        telemetry.store_error(type(error).__name__)
