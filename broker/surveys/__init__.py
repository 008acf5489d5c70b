"""What an alert is, whatever survey sent it, and what is wrong with one that cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starsieve.broker.alert_error import AlertError
from starsieve.broker.epochs import Epochs

__all__ = ["Alert", "AlertError"]


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
