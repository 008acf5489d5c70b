"""Random schemas, and bytes that are what a schema says: for tests with hypothesis."""

import struct
from typing import Any

from hypothesis import strategies as st

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")


def number(value: int) -> bytes:
    """A number in Avro's zigzag coding."""
    bits, coded = (value << 1) ^ (value >> 63), b""
    while bits > 127:
        coded += bytes([bits & 127 | 128])
        bits >>= 7
    return coded + bytes([bits])


@st.composite
def schemas(draw: st.DrawFn, depth: int = 4) -> dict[str, Any]:
    """A record of anything, some levels deep; types that have a name are used again now and then."""
    names: list[str] = []
    record: dict[str, Any] = draw(_records(names, depth))
    return record


@st.composite
def _records(draw: st.DrawFn, names: list[str], depth: int) -> dict[str, Any]:
    types = [draw(_types(names, depth - 1)) for _ in range(draw(st.integers(0, 4)))]
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(types)]
    return {"type": "record", "name": _new(names), "fields": fields}


@st.composite
def _types(draw: st.DrawFn, names: list[str], depth: int) -> Any:
    def inner() -> Any:
        return draw(_types(names, depth - 1))

    simple = {
        "primitive": lambda: draw(st.sampled_from(PRIMITIVES)),
        "enum": lambda: {"type": "enum", "name": _new(names), "symbols": ["A", "B", "C"][: draw(st.integers(1, 3))]},
        "fixed": lambda: {"type": "fixed", "name": _new(names), "size": draw(st.integers(0, 5))},
    }
    composed = {
        "array": lambda: {"type": "array", "items": inner()},
        "map": lambda: {"type": "map", "values": inner()},
        "union": lambda: [inner() for _ in range(draw(st.integers(1, 3)))],
        "nullable": lambda: draw(st.permutations(["null", inner()])),
        "record": lambda: draw(_records(names, depth)),
    }
    again = {"again": lambda: draw(st.sampled_from(names))}
    made = simple | (composed if depth else {}) | (again if names else {})
    return made[draw(st.sampled_from(sorted(made)))]()


def _new(names: list[str]) -> str:
    names.append(f"n{len(names)}")
    return names[-1]


@st.composite
def encoded(draw: st.DrawFn, tree: Any) -> bytes:
    """Bytes of one value of a schema whose names are resolved."""
    match tree:
        case str():
            return draw(_primitives(tree))
        case list():
            branch = draw(st.integers(0, len(tree) - 1))
            return number(branch) + draw(encoded(tree[branch]))
        case {"type": "record"}:
            return b"".join(draw(encoded(field["type"])) for field in tree["fields"])
        case {"type": "enum"}:
            return number(draw(st.integers(0, len(tree["symbols"]) - 1)))
        case {"type": "fixed"}:
            return draw(st.binary(min_size=tree["size"], max_size=tree["size"]))
    item = [tree["items"]] if tree["type"] == "array" else ["string", tree["values"]]
    blocks = b""
    for size in draw(st.lists(st.integers(1, 3), max_size=2)):
        items = b"".join(draw(encoded(part)) for part in item * size)
        blocks += number(-size) + number(len(items)) + items if draw(st.booleans()) else number(size) + items
    return blocks + number(0)


def _primitives(kind: str) -> st.SearchStrategy[bytes]:
    whole = {"int": 31, "long": 63}
    floating = {"float": (32, "<f"), "double": (64, "<d")}
    if kind in whole:
        return st.integers(-(2 ** whole[kind]), 2 ** whole[kind] - 1).map(number)
    if kind in floating:
        width, code = floating[kind]
        return st.floats(width=width).map(lambda value: struct.pack(code, value))
    return {
        "null": st.just(b""),
        "boolean": st.sampled_from([b"\x00", b"\x01"]),
        "bytes": st.binary(max_size=4).map(lambda value: number(len(value)) + value),
        "string": st.text(max_size=4).map(lambda value: number(len(value.encode())) + value.encode()),
    }[kind]
