"""All that could be wanted of a schema, and what of it a decoded record has: what the projection is held against."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from starsieve.broker.avro.program import Wanted
from starsieve.broker.avro.projection import Columns
from starsieve.broker.avro.walk import FIRST as BEGIN
from starsieve.broker.avro.walk import MISSING, N_ROWS

KINDS = {"float": float, "double": float, "int": int, "long": int, "string": str, "boolean": bool}
Table = list[dict[str, Any]]


class _Doubtful:
    """The kind of what looks like a text or a record when fastavro has decoded it, and is a symbol or a map."""


def wanted_of(tree: Any) -> dict[str, dict[str, type]]:
    """Every table and column of a schema whose names are resolved: each record by itself, and each array of records."""
    wanted: dict[str, dict[str, type]] = {"": {}}
    _collect(tree, wanted, "", "")
    doubtful = [column for column, kind in wanted[""].items() if kind is _Doubtful]
    tables = [table for table in wanted if table not in doubtful]
    others = tuple(f"{path}." for path in [*doubtful, *tables])  # what is a record, and may be something else
    wanted[""] = {column: kind for column, kind in wanted[""].items() if not f"{column}.".startswith(others)}
    wanted = {table: wanted[table] for table in tables}
    return {
        table: {name: kind for name, kind in columns.items() if kind is not _Doubtful}
        for table, columns in wanted.items()
    }


def _collect(tree: Any, wanted: dict[str, dict[str, type]], table: str, column: str) -> None:
    for branch in tree if isinstance(tree, list) else [tree]:
        match branch:
            case list():
                _collect(branch, wanted, table, column)
            case str():
                if branch in KINDS and column:
                    wanted[table].setdefault(column, KINDS[branch])
            case {"type": "enum" | "map"}:
                wanted[table if column else ""][column or table] = _Doubtful
            case {"type": "record"}:
                for field in branch["fields"]:
                    _collect(field["type"], wanted, table, f"{column}.{field['name']}" if column else field["name"])
            case {"type": "array"} if not table and _holds_records(branch["items"]):
                wanted[column] = {}
                _collect(branch["items"], wanted, column, "")


def _holds_records(items: Any) -> bool:
    branches = items if isinstance(items, list) else [items]
    return any(isinstance(branch, dict) and branch["type"] == "record" for branch in branches)


def tables_of(record: Any, wanted: Wanted) -> dict[str, Table]:
    """The same from a record that fastavro has decoded; None for what is null, absent or of another kind."""
    return {table: [_row(row, columns) for row in _rows(record, table)] for table, columns in wanted.items()}


def _rows(record: Any, table: str) -> list[Any]:
    found = _at(record, table)
    rows = found if isinstance(found, list) else [found]
    return [row for row in rows if isinstance(row, dict)]


def _row(row: Any, columns: Any) -> dict[str, Any]:
    return {column: _fitting(_at(row, column), kind) for column, kind in columns.items()}


def _at(value: Any, path: str) -> Any:
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _fitting(value: Any, kind: type) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value if isinstance(value, kind) and isinstance(value, bool) == (kind is bool) else None


def tables_from(columns: Columns, wanted: Wanted) -> dict[str, Table]:
    """What a projection has found, in the same form."""
    return {table: list(_decoded(columns, number, kinds)) for number, (table, kinds) in enumerate(wanted.items())}


def _decoded(columns: Columns, number: int, kinds: Any) -> Iterator[dict[str, Any]]:
    begin, n_rows = columns.rows[number, [BEGIN, N_ROWS]].tolist()
    for row in columns.cells[begin : begin + n_rows * len(kinds)].reshape(n_rows, len(kinds)):
        yield {name: _value(columns, cell, kind) for (name, kind), cell in zip(kinds.items(), row, strict=True)}


def _value(columns: Columns, cell: np.int64, kind: type) -> Any:
    if cell == MISSING:
        return None
    if kind is float:
        return float(cell.view(np.float64))
    if kind is not str:
        return kind(cell)
    text = columns.text(int(cell))
    return text.decode() if text is not None else None
