"""The writer's schemas of Rubin's alerts that are known ahead: a Confluent frame says no more than a schema's number.

The table beside this file has them all: behind the name of a record its fields in the order of their bytes, each with
its type (`?`: or null, `[]`: an array of) and the versions that have it (`8.0-9.0`, `11.1-`, `-7.4`; all that have the
record, where none stand). From the schemas in https://github.com/lsst/alert_packet.
"""

import json
from functools import cache
from importlib import resources
from typing import Any

from starsieve.broker.surveys import AlertError

Version = tuple[int, int]
_FIELD_WITH_VERSIONS = 3  # words of its line

#: What a frame can be of without a registry.
VERSIONS: tuple[Version, ...] = (*((7, minor) for minor in range(5)), (8, 0), (9, 0), (10, 0), (11, 0), (11, 1))
_PRIMITIVES = {"boolean", "int", "long", "float", "double", "string", "bytes"}


def version_of(schema_id: int) -> Version:
    """Rubin numbers its schemas 100 times major version and minor.

    Raises:
        AlertError: `unknown_schema`: of a major version that nothing here can read.
    """
    version = divmod(schema_id, 100)
    majors = sorted({major for major, _ in VERSIONS})
    if version[0] not in majors:
        known = ", ".join(map(str, majors))
        raise AlertError("unknown_schema", f"{schema_id} is of major version {version[0]}; known are {known}")
    return version


@cache
def schema_of(schema_id: int) -> bytes | None:
    """The schema with this number as JSON, None where only a registry can know it; raises as `version_of`."""
    version = version_of(schema_id)
    if version not in VERSIONS:
        return None
    return json.dumps(_record("alert", version, set())).encode()


def fields_of(record: str, version: Version) -> list[tuple[str, str]]:
    """The fields of a record in the order of their bytes, each with its type as the table writes it."""
    return [(field, kind) for field, kind, first, last in _table()[record] if first <= version <= last]


def _record(name: str, version: Version, defined: set[str]) -> Any:
    """A record where its name is met first, its name from then on."""
    if name in defined:
        return name
    defined.add(name)
    fields = [{"name": field, "type": _type(kind, version, defined)} for field, kind in fields_of(name, version)]
    return {"type": "record", "name": name, "fields": fields}


def _type(kind: str, version: Version, defined: set[str]) -> Any:
    if kind.endswith("?"):
        return ["null", _type(kind[:-1], version, defined)]
    if kind.endswith("[]"):
        return {"type": "array", "items": _type(kind[:-2], version, defined)}
    return kind if kind in _PRIMITIVES else _record(kind, version, defined)


@cache
def _table() -> dict[str, list[tuple[str, str, Version, Version]]]:
    """The fields of each record: name, type, first and last version."""
    records: dict[str, list[tuple[str, str, Version, Version]]] = {}
    name = ""
    for line in (resources.files(__package__) / "lsst_schemas.txt").read_text().splitlines():
        if not line.startswith(" "):
            name = line
            records[name] = []
            continue
        words = line.split()
        first, _, last = words[2].partition("-") if len(words) == _FIELD_WITH_VERSIONS else ("", "", "")
        records[name].append((words[0], words[1], _version(first) or VERSIONS[0], _version(last) or VERSIONS[-1]))
    return records


def _version(text: str) -> Version | None:
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if text else None
