"""Avro schemas that this project writes, and their loader."""

import json
from functools import cache
from importlib import resources

import fastavro
from fastavro.types import Schema


@cache
def load(name: str) -> Schema:
    """The parsed schema of the file `name`.avsc in this package.

    Raises:
        FileNotFoundError: there is no such schema.
    """
    return fastavro.parse_schema(json.loads((resources.files(__name__) / f"{name}.avsc").read_text()))
