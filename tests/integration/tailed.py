"""Messages as a topic of outcomes may hold them: starsieve's, with whatever strings, and others."""

import io
from typing import Any

import fastavro

_CLASS = {"className": "string", "probability": "double"}
_BAND = {"band": "string", "epochs": "int", "period": ["null", "double"]}


def _record(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": key, "type": of} for key, of in fields.items()]}


_FIELDS: dict[str, Any] = {
    "objectId": "string",
    "status": "string",
    "reason": ["null", "string"],
    "classifications": {"type": "array", "items": _record("class", _CLASS)},
    "bands": {"type": "array", "items": _record("band", _BAND)},
}
OURS = fastavro.parse_schema(_record("outcome", _FIELDS))
OTHER = fastavro.parse_schema(_record("other", {"classifications": "string"}))


def outcome(object_id: str, class_name: str = "RRAB", band: str = "g") -> bytes:
    """A classified outcome, as far as it is shown."""
    return _container(
        OURS,
        {
            "objectId": object_id,
            "status": "CLASSIFIED",
            "reason": None,
            "classifications": [{"className": class_name, "probability": 1.0}],
            "bands": [{"band": band, "epochs": 30, "period": 0.5}],
        },
    )


def foreign() -> bytes:
    """Avro of somebody else."""
    return _container(OTHER, {"classifications": "mine"})


def _container(schema: Any, record: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    fastavro.writer(buffer, schema, [record])
    return buffer.getvalue()
