"""From the bytes of one message to its alerts, for every survey."""

from collections.abc import Callable, Iterator
from functools import cache, lru_cache

from starsieve.broker.avro import reader
from starsieve.broker.avro.program import compiled
from starsieve.broker.avro.projection import Columns, Projection, read_block
from starsieve.broker.avro.reader import Record
from starsieve.broker.surveys import Alert, AlertError, installed
from starsieve.broker.surveys.installed import Survey

# https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
_FRAME, _FRAME_BYTES = b"\x00", 5


#: Gives the schema with a number, as JSON; raises AlertError.
Registry = Callable[[int], bytes]


def decode(
    packet: bytes, survey: str, *, min_reliability: float = 0.0, registry: Registry | None = None
) -> list[Alert | AlertError]:
    """One Alert, or the error that it has, for each record of a packet; what it raises is not the packet's fault.

    The registry is asked for the schemas of frames that are not known ahead.
    """
    known: dict[str, AlertError] = {}  # a thousand records may be bad in one way
    try:
        found = [
            _alert(columns, installed.survey(survey), min_reliability) for columns in _records(packet, survey, registry)
        ]
    except AlertError as error:
        return [error.bare()]
    return [known.setdefault(str(each), each) if isinstance(each, AlertError) else each for each in found]


def record_of(packet: bytes, survey: str, number: int, registry: Registry | None = None) -> Record:
    """All that one record of a packet says, by the names of its schema; raises AlertError, and as `decode`."""
    found = _whole(packet, survey, registry)
    if isinstance(found, AlertError):
        raise found.bare()
    return found[number]


@lru_cache(maxsize=1)  # of one packet they are asked for one after the other
def _whole(packet: bytes, survey: str, registry: Registry | None) -> list[Record] | AlertError:
    try:
        if not _is_frame(packet):
            return reader.records(packet)
        return [reader.record(_schema_of_frame(packet, survey, registry), packet[_FRAME_BYTES:])]
    except AlertError as error:
        return error.bare()


@cache
def _projection(survey: str) -> Projection:
    return Projection(installed.survey(survey).WANTED)


def _records(packet: bytes, survey: str, registry: Registry | None) -> Iterator[Columns]:
    if not _is_frame(packet):
        return _projection(survey).records(packet)
    return _projection(survey).record(_schema_of_frame(packet, survey, registry), packet[_FRAME_BYTES:])


def _is_frame(packet: bytes) -> bool:
    return packet.startswith(_FRAME) and len(packet) >= _FRAME_BYTES


def _schema_of_frame(packet: bytes, survey: str, registry: Registry | None) -> bytes:
    schema_id = int.from_bytes(packet[1:_FRAME_BYTES], "big")
    schema = installed.survey(survey).schema_of(schema_id)
    if schema is None:
        if registry is None:
            raise AlertError("unknown_schema", f"{schema_id} is not known ahead, and no schema_registry is set to ask")
        schema = registry(schema_id)
    return schema


def _alert(columns: Columns, survey: Survey, min_reliability: float) -> Alert | AlertError:
    try:
        return survey.alert(columns, min_reliability)
    except AlertError as error:
        return error.bare()


def warm_up() -> None:
    """Compiles what decoding takes, or loads it compiled: better before joining the group than with the first alert."""
    for _ in read_block(compiled({"type": "record", "name": "nothing", "fields": []}), b"", 1, 1):
        pass
    for survey in installed.OWN.values():
        survey.warm_up()
