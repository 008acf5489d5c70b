"""From the bytes of one message to its alerts, for every survey."""

from typing import Protocol

from starsieve.broker.avro.program import Wanted, compiled
from starsieve.broker.avro.projection import Columns, Projection, read_block
from starsieve.broker.surveys import Alert, AlertError, ztf


class Survey(Protocol):
    """What the module of a survey has."""

    #: What is read of a packet.
    WANTED: Wanted

    def alert(self, columns: Columns) -> Alert:
        """The alert of that; raises AlertError."""

    def warm_up(self) -> None:
        """Compiles the kernels, or loads them compiled."""


#: To add a survey: its module, and its line here.
SURVEYS: dict[str, Survey] = {"ztf": ztf}
_PROJECTIONS = {name: Projection(survey.WANTED) for name, survey in SURVEYS.items()}


def decode(packet: bytes, survey: str) -> list[Alert | AlertError]:
    """One Alert, or the error that it has, for each record of a packet; what it raises is not the packet's fault."""
    try:
        return [_alert(columns, SURVEYS[survey]) for columns in _PROJECTIONS[survey].records(packet)]
    except AlertError as error:
        return [error]


def _alert(columns: Columns, survey: Survey) -> Alert | AlertError:
    try:
        return survey.alert(columns)
    except AlertError as error:
        return error


def warm_up() -> None:
    """Compiles what decoding takes, or loads it compiled: better before joining the group than with the first alert."""
    for _ in read_block(compiled({"type": "record", "name": "nothing", "fields": []}), b"", 1, 1):
        pass
    for survey in SURVEYS.values():
        survey.warm_up()
