"""starsieve's own message in Avro's single-object encoding: ten bytes that name the schema, and what it describes.

https://avro.apache.org/docs/1.12.0/specification/#single-object-encoding
"""

import io
from functools import cache

import fastavro
import fastavro.schema

from starsieve import schemas
from starsieve.broker.avro.plain import read_plain
from starsieve.broker.avro.reader import Record
from starsieve.broker.outputs import starsieve
from starsieve.broker.outputs.message import Provenance
from starsieve.broker.process import Outcome
from starsieve.broker.surveys import AlertError
from starsieve.models.serving.classifier import Classifier

MARK = b"\xc3\x01"
_FINGERPRINT_BYTES = 8
_READABLE = ("starsieve.classification.v1", starsieve.SCHEMA)


def encode(outcome: Outcome, classifier: Classifier, provenance: Provenance) -> bytes:
    """The message of one outcome; a reader needs the schema."""
    message = io.BytesIO()
    message.write(MARK + fingerprint(starsieve.SCHEMA))
    record = starsieve.record_of(outcome, classifier, provenance)
    fastavro.schemaless_writer(message, schemas.load(starsieve.SCHEMA), record)
    return message.getvalue()


def decode(message: bytes) -> Record:
    """The record of a message of any version; times in milliseconds. Raises AlertError."""
    start = len(MARK) + _FINGERPRINT_BYTES
    named = message[len(MARK) : start]
    for schema in _READABLE:
        if message.startswith(MARK) and named == fingerprint(schema):
            return read_plain(schema, message[start:])
    raise AlertError("corrupt", f"starts with {message[:start].hex()}, which names no schema of starsieve's")


@cache
def fingerprint(schema: str) -> bytes:
    """CRC-64-AVRO of the schema's canonical form, as it is sent: least significant byte first."""
    canonical = fastavro.schema.to_parsing_canonical_form(schemas.load(schema))
    return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
