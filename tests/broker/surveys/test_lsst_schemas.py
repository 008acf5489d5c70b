"""The table of Rubin's schemas against what is published, where that is at hand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from starsieve.broker.avro import schema
from starsieve.broker.surveys import AlertError
from starsieve.broker.surveys.lsst_schemas import VERSIONS, schema_of, version_of


def upstream(data_dir: Path, major: int, minor: int) -> bytes:
    return published(data_dir / "schemas" / "lsst" / str(major) / str(minor), f"lsst.v{major}_{minor}.alert")


def published(folder: Path, name: str) -> bytes:
    """The published files of a folder as one schema: each record where its name is met first."""
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder}")
    records: dict[str, Any] = {}
    for file in folder.glob("*.avsc"):
        record = json.loads(file.read_text())
        records[f"{record['namespace']}.{record['name']}"] = record
    met: set[str] = set()

    def resolved(node: Any) -> Any:
        if isinstance(node, str) and node in records and node not in met:
            met.add(node)
            return resolved(records[node])
        if isinstance(node, dict):
            return {
                key: resolved(value) if key in {"type", "items", "fields"} else value for key, value in node.items()
            }
        return [resolved(each) for each in node] if isinstance(node, list) else node

    return json.dumps(resolved(name)).encode()


@pytest.mark.parametrize(("major", "minor"), VERSIONS)
def test_each_version_is_the_published_one(data_dir: Path, major: int, minor: int) -> None:
    own = schema_of(100 * major + minor)
    assert own is not None
    assert schema.read(own) == schema.read(upstream(data_dir, major, minor))


def test_every_published_version_from_7_on_is_known(data_dir: Path) -> None:
    folders = (data_dir / "schemas" / "lsst").glob("*/*")
    published = {(int(folder.parent.name), int(folder.name)) for folder in folders}
    assert {version for version in published if version >= (7, 0)} == set(VERSIONS)


@pytest.mark.parametrize("schema_id", [0, 699, 1200, 2**32 - 1])
def test_an_unknown_major_version_is_refused_with_its_reason(schema_id: int) -> None:
    with pytest.raises(AlertError, match=re.escape(f"unknown_schema: {schema_id} is of major version")):
        schema_of(schema_id)


def test_a_new_minor_version_is_left_to_a_registry() -> None:
    assert version_of(1102) == (11, 2)
    assert schema_of(1102) is None
