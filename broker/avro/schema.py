"""The schema that a packet was written with, reduced to what its bytes need: checked, bounded, names resolved."""

import json
from typing import Any, NoReturn

from starsieve.broker.alert_error import AlertError

# What is left of a schema: a primitive's name, a list of branches, or a dict of a record, array, map, enum or fixed.
Tree = Any

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})

# The largest schema seen (LSST's 5.0) has 55 kB, 2,517 types where every name is replaced by its definition, and they
# lie 6 deep: room for three times as much.
MAX_SCHEMA_BYTES = 192 * 2**10
MAX_TYPES = 8_000
MAX_DEPTH = 32
MAX_FIXED_BYTES = 2**24


def read(text: bytes) -> Tree:
    """The schema of a container, with every name replaced by its definition.

    Logical types, defaults, aliases and documentation are left out: none of them says how many bytes a value takes.
    Types are named anew, so that no name can mean anything to a reader.

    Raises:
        AlertError: `corrupt`: no schema of records, a recursive one, or one past the bounds above.
    """
    if len(text) > MAX_SCHEMA_BYTES:
        _refuse(f"{len(text)} bytes, more than {MAX_SCHEMA_BYTES}")
    try:
        raw = json.loads(text.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        _refuse(f"no JSON: {error}")
    tree = _Reader().type_of(raw, "", 0)
    if not isinstance(tree, dict) or tree["type"] != "record":
        _refuse("not of a record")
    return tree


def _refuse(why: str) -> NoReturn:
    raise AlertError("corrupt", f"the schema: {why}")


class _Reader:
    """Walks down a schema as it was sent; `named` has the definitions so far, each with its namespace."""

    def __init__(self) -> None:
        self._n_types = 0
        self._named: dict[str, tuple[Any, str]] = {}
        self._inside: set[str] = set()

    def type_of(self, raw: Any, namespace: str, depth: int) -> Tree:
        self._n_types += 1
        if self._n_types > MAX_TYPES:
            _refuse(f"more than {MAX_TYPES} types, names replaced by their definitions")
        if depth > MAX_DEPTH:
            _refuse(f"deeper than {MAX_DEPTH}")
        if isinstance(raw, list):
            return [self.type_of(branch, namespace, depth + 1) for branch in raw]
        if isinstance(raw, str):
            return raw if raw in PRIMITIVES else self._definition(raw, namespace, depth)
        kind = raw.get("type") if isinstance(raw, dict) else raw
        if not isinstance(kind, str):
            _refuse(f"no type: {_short(kind)}")
        if kind in PRIMITIVES:
            return kind
        if kind == "array":
            return {"type": kind, "items": self.type_of(raw.get("items"), namespace, depth + 1)}
        if kind == "map":
            return {"type": kind, "values": self.type_of(raw.get("values"), namespace, depth + 1)}
        if kind not in {"record", "enum", "fixed"}:
            _refuse(f"no type: {_short(kind)}")
        return self._named_type(raw, kind, namespace, depth)

    def _definition(self, name: str, namespace: str, depth: int) -> Tree:
        full_name = name if "." in name or not namespace else f"{namespace}.{name}"
        if full_name not in self._named:
            _refuse(f"no type is called {_short(name)}")
        raw, its_namespace = self._named[full_name]
        return self.type_of(raw, its_namespace, depth)

    def _named_type(self, raw: dict[str, Any], kind: str, namespace: str, depth: int) -> Tree:
        name, given = raw.get("name"), raw.get("namespace", namespace)
        if not isinstance(name, str) or not isinstance(given, str):
            _refuse(f"a {kind} without a name")
        full_name = name if "." in name or not given else f"{given}.{name}"
        if full_name in self._inside:
            _refuse(f"recursive: {_short(full_name)}")
        if self._named.setdefault(full_name, (raw, namespace))[0] is not raw:
            _refuse(f"two types are called {_short(full_name)}")
        tree: dict[str, Any] = {"type": kind, "name": f"t{self._n_types}"}
        if kind == "fixed":
            tree["size"] = _size(raw.get("size"))
        elif kind == "enum":
            tree["symbols"] = _texts(raw.get("symbols"))
        else:
            self._inside.add(full_name)
            tree["fields"] = self._fields(raw.get("fields"), full_name.rpartition(".")[0], depth + 1)
            self._inside.remove(full_name)
        return tree

    def _fields(self, raw: Any, namespace: str, depth: int) -> list[dict[str, Tree]]:
        if not isinstance(raw, list) or not all(isinstance(field, dict) for field in raw):
            _refuse("a record without fields")
        names = _texts([field.get("name") for field in raw])
        types = [self.type_of(field.get("type"), namespace, depth) for field in raw]
        return [{"name": name, "type": its_type} for name, its_type in zip(names, types, strict=True)]


def _size(raw: Any) -> int:
    if not isinstance(raw, int) or not 0 <= raw <= MAX_FIXED_BYTES:
        _refuse(f"a fixed of size {_short(raw)}")
    return int(raw)


def _texts(raw: Any) -> list[str]:
    """Names of fields (not always different ones: ELAsTiCC's) or symbols."""
    if not isinstance(raw, list) or not all(isinstance(text, str) for text in raw):
        _refuse("names that are no text")
    return raw


def _short(value: Any) -> str:
    return str(value)[:80]
