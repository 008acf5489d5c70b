"""Avro without container: what one of our schemas describes, and nothing after it."""

import io
import json
from functools import cache

import fastavro
from fastavro.types import Schema

from starsieve import schemas
from starsieve.broker.alert_error import AlertError
from starsieve.broker.avro import schema as schemata
from starsieve.broker.avro.reader import Record


def read_plain(schema: str, body: bytes) -> Record:
    """A record of the schema of that name; values of logical types as the numbers that they are.

    No value of our schemas takes less than a byte, so that no message is larger in memory than its bytes allow.

    Raises:
        AlertError: `corrupt`.
    """
    stream = io.BytesIO(body)
    try:
        record = fastavro.schemaless_reader(stream, _plain(schema), None)
    except MemoryError:
        raise
    except Exception as error:  # a decoder can raise nearly anything
        raise AlertError("corrupt", f"{type(error).__name__}: {error}") from error
    if not isinstance(record, dict) or stream.read(1):
        raise AlertError("corrupt", f"not all of it is {schema}")
    return record


@cache
def _plain(schema: str) -> Schema:
    return fastavro.parse_schema(schemata.read(json.dumps(schemas.load(schema)).encode()))
