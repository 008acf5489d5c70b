"""From the bytes of one message to its alerts, for every survey."""

from collections.abc import Callable

from starsieve.broker.avro import reader
from starsieve.broker.avro.program import compiled
from starsieve.broker.surveys import Alert, AlertError, ztf

#: To add a survey: a module with a function from a decoded record to an Alert, and its line here.
SURVEYS: dict[str, Callable[[reader.Record], Alert]] = {"ztf": ztf.alert}


def decode(packet: bytes, survey: str) -> list[Alert | AlertError]:
    """One Alert, or the error that it has, for each record of a packet; what it raises is not the packet's fault."""
    try:
        records = reader.records(packet)
    except AlertError as error:
        return [error]
    return [_alert(record, survey) for record in records]


def warm_up() -> None:
    """Compiles what decoding takes, or loads it compiled: better before joining the group than with the first alert."""
    reader.check(compiled({"type": "record", "name": "nothing", "fields": []}), b"", n_records=1, max_values=1)


def _alert(record: reader.Record, survey: str) -> Alert | AlertError:
    try:
        return SURVEYS[survey](record)
    except AlertError as error:
        return error
