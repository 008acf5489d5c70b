"""From a schema to a program: one instruction for each value, in the order of the bytes, for `walk` to follow."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.avro.schema import Tree

#: What is wanted of a record: tables, and the kinds (float, int, bool, str) of their columns. A table is the path to a
#: record ("" is the outermost one) or to an array of them; a column is the path from there, through records.
Wanted = Mapping[str, Mapping[str, type]]

# NOTHING has no bytes, FIXED a fixed number of them, BYTES as many as a number in front says. Behind RECORD come its
# fields; behind ARRAY (or map) an item and LOOP; behind UNION a JUMP to each branch, then these, a JUMP behind each.
# ROW is a RECORD of a table; from KEPT on, values are kept: WHOLE is an integer kept as a float.
NOTHING, FIXED, INTEGER, BYTES, ENUM, RECORD, ARRAY, LOOP, UNION, JUMP, ROW = range(11)
KEPT, KEPT_FLOAT, KEPT_DOUBLE, KEPT_WHOLE, KEPT_INTEGER, KEPT_TEXT, KEPT_BOOLEAN = 20, 20, 21, 22, 23, 24, 25

# Columns of an instruction. NULL_BRANCH: for a value that may be null, which of the two branches that is, else -1.
# SIZE: bytes of FIXED, symbols of ENUM, branches of UNION, columns of ROW. END: the instruction behind the value; of a
# LOOP, the item's first one; of a JUMP, the one to go on with. TABLE, of ARRAY, ROW and what is kept: its number, else
# -1. COLUMN of what is kept: its number.
OPERATION, NULL_BRANCH, SIZE, END, TABLE, COLUMN = range(6)

_PRIMITIVES = {
    "null": (NOTHING, 0),
    "boolean": (FIXED, 1),
    "int": (INTEGER, 0),
    "long": (INTEGER, 0),
    "float": (FIXED, 4),
    "double": (FIXED, 8),
    "bytes": (BYTES, 0),
    "string": (BYTES, 0),
}
_KEPT = {
    ("float", float): KEPT_FLOAT,
    ("double", float): KEPT_DOUBLE,
    ("int", float): KEPT_WHOLE,
    ("long", float): KEPT_WHOLE,
    ("int", int): KEPT_INTEGER,
    ("long", int): KEPT_INTEGER,
    ("string", str): KEPT_TEXT,
    ("boolean", bool): KEPT_BOOLEAN,
}


@dataclass(frozen=True, slots=True)
class Program:
    """Instructions, shape (n, 6), and the wanted tables and columns (as paths) that the schema does not have."""

    code: NDArray[np.int32]
    n_tables: int
    absent: frozenset[str]


def compiled(tree: Tree, wanted: Wanted | None = None) -> Program:
    """The program of a schema; a column of a type that does not fit its kind is absent."""
    compiler = _Compiler(wanted or {})
    compiler.emit(tree, place=_Place("", ""))
    paths = {_path(table, column) for table, columns in compiler.wanted.items() for column in ("", *columns)}
    return Program(np.array(compiler.code, np.int32), len(compiler.wanted), frozenset(paths - compiler.found - {""}))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: a table, and the path from there ("" for the table itself)."""

    table: str
    column: str
    is_in_array: bool = False

    def inside(self, name: str, wanted: Wanted) -> "_Place | None":
        """The place of a field; no table is looked for in the rows of another, as it would have some for each."""
        column = f"{self.column}.{name}" if self.column else name
        path = _path(self.table, column)
        if path not in wanted:
            return _Place(self.table, column, self.is_in_array)
        return None if self.is_in_array else _Place(path, "")


def _path(table: str, column: str) -> str:
    return f"{table}.{column}" if table and column else table or column


class _Compiler:
    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.code: list[list[int]] = []
        self.found: set[str] = set()
        self._numbers = {table: number for number, table in enumerate(wanted)}

    def emit(self, tree: Tree, place: _Place | None, null_branch: int = -1) -> None:
        at = len(self.code)
        match tree:
            case ["null", branch] if null_branch < 0:  # one instruction says it all
                self.emit(branch, place, 0)
                return
            case [branch, "null"] if null_branch < 0:
                self.emit(branch, place, 1)
                return
            case list():
                self._emit_union(tree, place, null_branch)
            case str():
                self._emit_primitive(tree, place, null_branch)
            case {"type": "fixed"}:
                self._append(FIXED, null_branch, tree["size"])
            case {"type": "enum"}:
                self._append(ENUM, null_branch, len(tree["symbols"]))
            case {"type": "record"}:
                self._emit_record(tree, place, null_branch)
            case _:
                self._emit_array(tree, place, null_branch)
        self.code[at][END] = len(self.code)

    def _append(self, operation: int, null_branch: int = -1, size: int = 0, table: int = -1, column: int = -1) -> None:
        self.code.append([operation, null_branch, size, 0, table, column])

    def _emit_primitive(self, kind: str, place: _Place | None, null_branch: int) -> None:
        operation, size = _PRIMITIVES[kind]
        columns = self.wanted.get(place.table, {}) if place else {}
        if not place or place.column not in columns:
            self._append(operation, null_branch, size)
            return
        kept = _KEPT.get((kind, columns[place.column]))
        if kept is not None or kind == "null":
            self.found.add(_path(place.table, place.column))
        if kept is None:
            self._append(operation, null_branch, size)
        else:
            self._append(kept, null_branch, 0, self._numbers[place.table], list(columns).index(place.column))

    def _emit_record(self, tree: Tree, place: _Place | None, null_branch: int) -> None:
        if place and self._is_table(place):
            self.found.add(place.table)
            self._append(ROW, null_branch, len(self.wanted[place.table]), self._numbers[place.table])
        else:
            self._append(RECORD, null_branch)
        last = {field["name"]: number for number, field in enumerate(tree["fields"])}  # of two fields of one name
        for number, field in enumerate(tree["fields"]):
            counts = place is not None and last[field["name"]] == number
            self.emit(field["type"], place.inside(field["name"], self.wanted) if place and counts else None)

    def _is_table(self, place: _Place) -> bool:
        return not place.column and place.table in self.wanted

    def _emit_array(self, tree: Tree, place: _Place | None, null_branch: int) -> None:
        """Of arrays and maps; rows are kept of arrays of records only."""
        is_map = tree["type"] == "map"
        item = tree["values"] if is_map else tree["items"]
        branches = item if isinstance(item, list) else [item]
        of_records = any(isinstance(branch, dict) and branch["type"] == "record" for branch in branches)
        rows = None
        if place and self._is_table(place) and of_records and not is_map and not place.is_in_array:
            rows = replace(place, is_in_array=True)
        self._append(ARRAY, null_branch, 0, self._numbers[rows.table] if rows else -1)
        first = len(self.code)
        if is_map:
            self.emit("string", None)
        self.emit(item, rows)
        self._append(LOOP)
        self.code[-1][END] = first

    def _emit_union(self, branches: list[Tree], place: _Place | None, null_branch: int) -> None:
        behind = []
        self._append(UNION, null_branch, len(branches))
        first = len(self.code)
        for _ in branches:
            self._append(JUMP)
        for number, branch in enumerate(branches):
            self.code[first + number][END] = len(self.code)
            self.emit(branch, place if branch != "null" else None)
            behind.append(len(self.code))
            self._append(JUMP)
        for jump in behind:
            self.code[jump][END] = len(self.code)
