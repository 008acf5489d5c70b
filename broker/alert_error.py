"""What is wrong with an alert that cannot be used."""

_MAX_DETAIL = 500  # characters; it travels in a header


class AlertError(Exception):
    """A packet that cannot be decoded or makes no sense; it goes to the dead letters.

    `reason` is one of a few fixed words, to count by; `detail` is for a human.
    """

    def __init__(self, reason: str, detail: str) -> None:
        detail = detail[:_MAX_DETAIL].encode(errors="backslashreplace").decode()  # a packet may bring lone surrogates
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def bare(self) -> "AlertError":
        """The same to be kept: one that was raised holds the frames that it went through, and their packet unpacked."""
        return AlertError(self.reason, self.detail)
