"""starsieve's own message as JSON: fields of the same names, times in milliseconds, without spaces."""

import json
import math
from typing import Any

from starsieve.broker.avro.reader import Record
from starsieve.broker.outputs import starsieve
from starsieve.broker.outputs.message import Provenance
from starsieve.broker.process import Outcome
from starsieve.broker.surveys import AlertError
from starsieve.models.serving.classifier import Classifier


def encode(outcome: Outcome, classifier: Classifier, provenance: Provenance) -> bytes:
    """The message of one outcome."""
    return dump(starsieve.record_of(outcome, classifier, provenance))


def decode(message: bytes) -> Record:
    """The record of a message. Raises AlertError."""
    try:
        record = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise AlertError("corrupt", f"no JSON: {error}") from None
    if not isinstance(record, dict):
        raise AlertError("corrupt", "no JSON object")
    return record


def dump(record: Record) -> bytes:
    """A record in ASCII; numbers that JSON cannot write are null."""
    try:
        return _dump(record)
    except ValueError:
        return _dump(_finite(record))


def _dump(record: Any) -> bytes:
    return json.dumps(record, separators=(",", ":"), allow_nan=False).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return list(map(_finite, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value
