"""Rows of ZTF packets for tests: plausible, and changed where a test says so."""

import io
from collections.abc import Sequence
from typing import Any

import fastavro

JD = 2459000.75
_PRIMITIVES = {type(None): "null", bool: "boolean", int: "long", float: "double", str: "string", bytes: "bytes"}


def candidate(**changes: Any) -> dict[str, Any]:
    return {
        "jd": JD,
        "fid": 1,
        "pid": 1247252541515,
        "programid": 1,
        "candid": 1247252541515015001,
        "isdiffpos": "t",
        "ra": 150.0,
        "dec": 30.0,
        "magpsf": 18.0,
        "sigmapsf": 0.1,
        "distnr": 0.5,
        "magnr": 17.0,
        "sigmagnr": 0.02,
        "ranr": 150.0,
        "decnr": 30.0,
        "rb": 0.9,
        "field": 500,
        "rcid": 15,
    } | changes


def upper_limit(**changes: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("candid", "isdiffpos", "ra", "dec", "magpsf", "sigmapsf", "distnr", "magnr", "sigmagnr", "ranr", "decnr", "rb")
    )
    return candidate(jd=JD - 3, diffmaglim=20.5) | nothing | changes


def forced(**changes: Any) -> dict[str, Any]:
    return {
        "jd": JD - 2,
        "fid": 1,
        "programid": 1,
        "rfid": 500120115,
        "field": 500,
        "rcid": 15,
        "magzpsci": 26.0,
        "forcediffimflux": 1000.0,
        "forcediffimfluxunc": 50.0,
        "procstatus": "0",
        "distnr": 0.5,
        "ranr": 150.0,
        "decnr": 30.0,
        "magnr": 18.0,
        "sigmagnr": 0.02,
        "exptime": 30.0,
    } | changes


def packet(**changes: Any) -> dict[str, Any]:
    return {
        "schemavsn": "4.02",
        "objectId": "ZTF18aaaaaaa",
        "candid": 1247252541515015001,
        "candidate": candidate(),
        "prv_candidates": None,
        "fp_hists": None,
    } | changes


def packed(record: dict[str, Any]) -> bytes:
    """A container with one record, of the schema that its values have."""
    packet = io.BytesIO()
    fastavro.writer(packet, fastavro.parse_schema(_schema_of([record], "packet")), [record])
    return packet.getvalue()


def _schema_of(values: Sequence[Any], name: str) -> Any:
    """A schema that all these values have; a value that is absent from a record is null."""
    kinds = {_PRIMITIVES[type(value)]: None for value in values if type(value) in _PRIMITIVES}
    found: list[Any] = list(kinds)
    if rows := [value for value in values if isinstance(value, dict)]:
        columns = dict.fromkeys(column for row in rows for column in row)
        fields = [
            {"name": each, "type": _schema_of([row.get(each) for row in rows], f"{name}_{each}")} for each in columns
        ]
        found.append({"type": "record", "name": name, "fields": fields})
    if lists := [value for value in values if isinstance(value, list)]:
        found.append({"type": "array", "items": _schema_of([item for items in lists for item in items], name)})
    return found[0] if len(found) == 1 else found
