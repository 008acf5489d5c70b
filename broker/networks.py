"""Which network answers: a thread looks whether another was activated and loads it, the worker takes it up.

The worker never waits for the folder of networks, however slow or far away it is: what is between two batches is the
look at one attribute.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from starsieve.broker import telemetry
from starsieve.broker.settings import Settings, SettingsError
from starsieve.models import ModelError, RefusedError
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier
from starsieve.models.serving.networks import SHIPPED, Active, Networks

log = structlog.get_logger()

LOOK_EVERY_S = 3.0
_LONGEST_PAUSE_S = 60.0  # between two attempts at a network that was refused; another activation ends it

#: The network that answers from now on, each time it is called: to be called between two batches.
Network = Callable[[], Classifier]


@contextmanager
def network_of(settings: Settings, stop: threading.Event, waits: Callable[[], None]) -> Iterator[Network | None]:
    """The survey's network, which changes while the worker runs where the setting `networks` is given.

    Waits until what is active can be used, and calls `waits` meanwhile; None if told to stop before.

    Raises:
        SettingsError: nothing here can read such an address.
        ModelError: the network of the package is damaged.
    """
    if settings.networks is None:
        classifier = registry.load(settings.survey)
        telemetry.network(settings.survey, classifier.name, classifier.version)
        yield lambda: classifier
        return
    try:
        networks = Networks(settings.networks)
    except ModelError as error:
        raise SettingsError(f"networks: {error}") from None
    ended = threading.Event()
    watch = Watch(networks, settings.survey)
    thread = threading.Thread(target=watch.run, args=(ended,), name="networks", daemon=True)
    thread.start()
    try:
        yield watch if watch.wait(stop, waits) else None
    finally:
        ended.set()  # and no join: a folder that hangs would keep the worker from ending


class Watch:
    """The network that is active. One thread calls `look`, the worker's calls the object."""

    def __init__(self, networks: Networks, survey: str) -> None:
        self._networks = networks
        self._survey = survey
        self._ready: Classifier | None = None  # set by the one, read by the other
        self._in_use: Classifier | None = None
        self._active: Active | None = None  # what `_ready` was loaded for
        self._wanted: Active | None = None  # what was found last
        self._said: str | None = None
        self._pause_s = self._not_before_s = 0.0

    def __call__(self) -> Classifier:
        """The network to use from now on; `wait` has to have returned True."""
        ready = self._ready
        if ready is None:
            raise RuntimeError("there is no network yet")
        if ready is not self._in_use:
            before, self._in_use = self._in_use, ready
            telemetry.network(self._survey, ready.name, ready.version)
            log.info("network", classifier=ready.name, version=ready.version, before=before and before.version)
        return ready

    def wait(self, stop: threading.Event, waits: Callable[[], None]) -> bool:
        """Waits until there is a network; False if told to stop before."""
        while self._ready is None:
            waits()
            if stop.wait(0.1):
                return False
        return True

    def run(self, ended: threading.Event) -> None:
        """Looks every few seconds, whatever happens."""
        while not ended.is_set():
            self.look(time.monotonic())
            ended.wait(LOOK_EVERY_S)

    def look(self, now_s: float) -> None:
        """Looks once at what is active, and loads it if it has changed. Raises nothing: the old one goes on."""
        try:
            self._look(now_s)
        except RefusedError as error:
            self._refuse(error)
        except ModelError as error:
            self._refuse(RefusedError("damaged", str(error)))
        except Exception as error:  # a thread that ends without a word would never take up a network again
            self._refuse(RefusedError("damaged", f"{type(error).__name__}: {error}"))

    def _look(self, now_s: float) -> None:
        active = self._networks.active(self._survey)
        if active is None and self._active is not None:
            raise RefusedError("unreachable", f"{self._networks.shown} no longer says which network is active")
        if active != self._wanted:
            self._wanted, self._pause_s, self._not_before_s = active, LOOK_EVERY_S, now_s
        loaded = self._ready is not None and _version(active) == _version(self._active)
        if not loaded:
            if now_s < self._not_before_s:
                return
            self._not_before_s = now_s + self._pause_s
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
            self._ready = self._networks.load(self._survey, _version(active))
        self._active, self._said = active, None
        telemetry.network_refused(self._survey, None)

    def _refuse(self, error: RefusedError) -> None:
        telemetry.network_refused(self._survey, error.reason)
        if str(error) != self._said:
            self._said = str(error)
            goes_on = None if self._ready is None else self._ready.version
            log.error("network_refused", reason=error.reason, detail=str(error), goes_on=goes_on)


def _version(active: Active | None) -> str:
    return SHIPPED if active is None else active.version
