"""Whether an unexpected error is one alert's fault, or that of the process, its machine or its settings."""

import traceback
from dataclasses import dataclass, field

from starsieve.features.tools.errors import CommandError

#: So many different alerts that fail in the same way, with none that passes between them, are no coincidence: bugs that
#: a packet can meet are met by one object or a handful.
MOST_ALIKE = 5


class WorkerError(CommandError):
    """The process is at fault and has to end: what it has not committed is done again by the next."""


@dataclass
class Blame:
    """The memory of one process; raises WorkerError where an alert must not be blamed."""

    passed: bool = False
    _alike: dict[str, set[str]] = field(default_factory=dict)

    def passes(self) -> None:
        """An alert was answered."""
        self.passed = True
        self._alike.clear()

    def fails(self, alert: str, error: Exception) -> None:
        """An alert (its object, or its position) has failed, alone and again."""
        alerts = self._alike.setdefault(_way(error), set())
        alerts.add(alert)
        if len(alerts) >= MOST_ALIKE:
            raise WorkerError(f"{MOST_ALIKE} alerts have failed in the same way, one after the other: {_told(error)}")

    def end_of_batch(self, failed: Exception | None) -> None:
        """All of a batch was tried; `failed` is the last error of those that were blamed for theirs."""
        if failed is not None and not self.passed:
            raise WorkerError(f"no alert has passed yet, and one fails: {_told(failed)}")


def _way(error: Exception) -> str:
    """Where it was raised, and its kind."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__} {place}"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
