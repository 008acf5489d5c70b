"""FASTDB's BrokerMessage 10.0.0: Rubin's alert, as its schema 10.0 has it, and classifications; Avro without container.

The bytes of a frame of 10.0 are copied: a long history takes longer to decode and encode than all else. An alert of
another schema goes out as one of 10.0: docs/fastdb.md says how. The convention's schema:
https://github.com/LSSTDESC/FASTDB
"""

import io
import json
from functools import cache
from typing import Any

import fastavro
from fastavro.types import Schema

from starsieve.broker.avro import reader
from starsieve.broker.avro.reader import Record
from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES
from starsieve.broker.outputs.message import BROKER_NAME, Provenance, elasticc_records
from starsieve.broker.process import Outcome
from starsieve.broker.surveys import AlertError
from starsieve.broker.surveys.barycentre import TAI_MINUS_UTC_S
from starsieve.broker.surveys.lsst_schemas import fields_of, schema_of
from starsieve.models.serving.classifier import Classifier

NO_FASTDB = "no_fastdb"
_VERSION, _SCHEMA_ID = (10, 0), 1000
_FRAME = b"\x00" + _SCHEMA_ID.to_bytes(4, "big")  # before an alert of 10.0
_MAX_BYTES = MAX_MESSAGE_BYTES - 2**16  # room for key and headers
_UNIX_EPOCH_MJD, _DAY_S = 40587, 86400.0

_CLASSIFICATION = {
    "type": "record",
    "name": "classificationDict",
    "fields": [{"name": "classId", "type": "int"}, {"name": "probability", "type": "float"}],
}
_BEHIND_THE_ALERT: list[dict[str, Any]] = [
    *({"name": name, "type": "string"} for name in ("brokerName", "classifierName", "classifierVersion")),
    {"name": "classifications", "type": {"type": "array", "items": _CLASSIFICATION}},
]
#: What schema 8.0 has instead, in microseconds since 1970, UTC.
_TIMES = {"timeProcessedMjdTai": "time_processed", "validityStartMjdTai": "validityStart"}


def encode(outcome: Outcome, classifier: Classifier, provenance: Provenance) -> bytes:
    """The message of one outcome.

    Raises:
        AlertError: `no_fastdb`: it is no alert of Rubin's, lacks what an alert of 10.0 has, or is too large.
    """
    packet, message = provenance.packet, io.BytesIO()
    alert = None if packet.startswith(_FRAME) else provenance.alert()
    ours = {
        "brokerName": BROKER_NAME,
        "classifierName": classifier.name,
        "classifierVersion": classifier.version,
        "classifications": elasticc_records(outcome, classifier),
    }
    try:
        if alert is None:
            message.write(packet[len(_FRAME) :])
            fastavro.schemaless_writer(message, _parsed_behind(), ours)
        else:
            fastavro.schemaless_writer(message, _parsed(), as_v10(alert) | ours)
    except MemoryError:
        raise
    except Exception as error:  # a packet's own schema may lack anything, or have any type under a name of Rubin's
        raise AlertError(NO_FASTDB, f"{type(error).__name__}: {error}") from error
    if message.tell() > _MAX_BYTES:
        raise AlertError(NO_FASTDB, f"{message.tell()} bytes, more than {_MAX_BYTES}")
    return message.getvalue()


def decode(message: bytes) -> Record:
    """The record of a message, which has neither class names nor a reason. Raises AlertError."""
    return reader.record(schema(), message)


@cache
def schema() -> bytes:
    """The schema of a message, as JSON."""
    alert = json.loads(schema_of(_SCHEMA_ID) or b"")
    fields = [*alert["fields"], *_BEHIND_THE_ALERT]
    return json.dumps({**alert, "name": "BrokerMessage", "fields": fields}).encode()


@cache
def _parsed() -> Schema:
    return fastavro.parse_schema(json.loads(schema()))


@cache
def _parsed_behind() -> Schema:
    return fastavro.parse_schema({"type": "record", "name": "behind", "fields": _BEHIND_THE_ALERT})


def as_v10(alert: Record) -> Record:
    """An alert of schema 8.0 to 11.1, and later ones where they only add, as one of 10.0.

    Fields that 10.0 does not have stay: they are not written. What else it has no place for is an error when it is.
    """
    found = dict(alert)
    if "timeProcessedMjdTai" not in found["diaSource"]:
        found["diaSource"] = _with_times(found["diaSource"])
        for name in ("prvDiaSources", "prvDiaForcedSources"):
            found[name] = [_with_times(row) for row in found.get(name) or []]
        found["diaObject"] = _with_times(found.get("diaObject") or {})
    for name in ("diaObject", "ssSource", "mpc_orbits"):
        found[name] = _whole(name, found.get(name) or {})
    return found


def _with_times(record: Record) -> Record:
    """A record with the times of 10.0 beside those of 8.0."""
    times = {new: _mjd_tai(record[old]) for new, old in _TIMES.items() if old in record}
    return record | times


def _mjd_tai(microseconds: int) -> float:
    return (microseconds / 1e6 + TAI_MINUS_UTC_S) / _DAY_S + _UNIX_EPOCH_MJD


def _whole(name: str, record: Record) -> Record | None:
    """None for less: real alerts have records of nulls, and ssSource was another one before 10.0."""
    return record if all(record.get(field) is not None for field in _needed(name)) else None


@cache
def _needed(record: str) -> list[str]:
    return [field for field, kind in fields_of(record, _VERSION) if not kind.endswith("?")]
