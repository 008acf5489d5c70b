"""What the compiled walk over a record is held against: the same, plainly, along the schema instead of a program."""

from typing import Any

from starsieve.broker.avro.walk import MAX_ITEMS

SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}


class DamagedError(Exception):
    """The bytes are not what the schema says."""


def end_of(tree: Any, data: bytes, at: int) -> int:
    """The place behind one value of a schema whose names are resolved; raises DamagedError."""
    match tree:
        case list():
            branch, at = choice(data, at, len(tree))
            return end_of(tree[branch], data, at)
        case {"type": "record"}:
            for field in tree["fields"]:
                at = end_of(field["type"], data, at)
        case {"type": "enum"}:
            _, at = choice(data, at, len(tree["symbols"]))
        case {"type": "fixed"}:
            at = skip(data, at, tree["size"])
        case {"type": "array"}:
            at = end_of_items([tree["items"]], data, at)
        case {"type": "map"}:
            at = end_of_items(["string", tree["values"]], data, at)
        case "int" | "long":
            _, at = number(data, at)
        case "bytes" | "string":
            length, at = number(data, at)
            at = skip(data, at, length)
        case _:
            at = skip(data, at, SIZES[tree])
    return at


def end_of_items(item: list[Any], data: bytes, at: int) -> int:
    """The place behind an array or a map."""
    all_items = 0
    while True:
        count, at = number(data, at)
        if count == 0:
            return at
        if count < 0:
            _, at = number(data, at)
        all_items += abs(count)
        if all_items > MAX_ITEMS:
            raise DamagedError
        for part in item * abs(count):
            at = end_of(part, data, at)


def choice(data: bytes, at: int, size: int) -> tuple[int, int]:
    """A number from 0 to size - 1, and the place behind it."""
    chosen, at = number(data, at)
    if not 0 <= chosen < size:
        raise DamagedError
    return chosen, at


def skip(data: bytes, at: int, size: int) -> int:
    """The place so many bytes on."""
    if not 0 <= size <= len(data) - at:
        raise DamagedError
    return at + size


def number(data: bytes, at: int) -> tuple[int, int]:
    """A number in zigzag coding, and the place behind it."""
    bits = 0
    for place, byte in enumerate(data[at : at + 10]):
        bits |= (byte & 127) << 7 * place
        if byte < 128:
            bits &= 2**64 - 1
            return bits >> 1 ^ -(bits & 1), at + place + 1
    raise DamagedError
