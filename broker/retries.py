"""How starsieve waits for a server that is away: as long as it takes, unless told to stop."""

import threading
from collections.abc import Callable

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception, sleep_using_event, wait_exponential
from tenacity.stop import stop_when_event_set

log = structlog.get_logger()

#: Is told each error before the pause that follows it.
Waits = Callable[[BaseException], None]
_LONGEST_PAUSE_S = 5


def until_stopped(
    stop: threading.Event,
    is_transient: Callable[[BaseException], bool],
    what: str,
    waits: Waits = lambda _: None,
) -> Retrying:
    """Attempts at a call for as long as its errors are transient; raises the last of them once told to stop."""

    def report(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("unavailable", what=what, attempt=state.attempt_number, error=str(error))
        if error is not None:
            waits(error)

    return Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait_exponential(multiplier=0.1, max=_LONGEST_PAUSE_S),
        stop=stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        before_sleep=report,
        reraise=True,
    )
