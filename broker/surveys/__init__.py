"""What an alert is, whatever survey sent it, and what is wrong with one that cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starsieve.broker.epochs import Epochs


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: who, when, where, and all photometry that its packet carries."""

    survey: str
    alert_id: int
    object_id: str
    #: Unix time of the exposure's start (UTC, ms).
    time_ms: int
    #: Barycentric mid-exposure of the triggering exposure (TDB, days): later epochs are none of this alert's business.
    mjd: float
    ra: float
    dec: float
    epochs: Epochs  # rows of the survey's `Form`
    #: How many records of the packet are no epochs, by reason.
    dropped: Mapping[str, int] = field(default_factory=dict)
    #: Why this alert is not to be classified, whatever its object's light curve; then it has no epochs.
    reason: str | None = None


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
