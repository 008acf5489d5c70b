"""How many messages the next batch may have: few enough to be answered long before Kafka gives up the worker."""

_SHARE = 0.2  # of the time that Kafka waits, for one batch; Redis and the transaction may take some of the rest
_GROWTH = 2  # times the last batch, at most, where the last was slow


class Pace:
    """Adapts to what the last batches took; with the usual milliseconds an alert, the limit is always `most`."""

    def __init__(self, most: int, max_poll_interval_s: float) -> None:
        self._most = most
        self._target_s = _SHARE * max_poll_interval_s
        self.limit = most

    def took(self, messages: int, seconds: float) -> None:
        """A batch of so many messages was answered in so many seconds."""
        fitting = int(self._target_s * messages / seconds) if seconds > 0 else self._most
        self.limit = max(1, min(fitting, _GROWTH * max(self.limit, messages), self._most))

    def was_too_slow(self, messages: int) -> None:
        """A batch of so many messages took so long that it has to be done again."""
        self.limit = max(1, min(self.limit, messages // 2))
