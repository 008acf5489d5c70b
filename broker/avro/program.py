"""From a schema to a program: one instruction for each value, in the order of the bytes, for `walk` to follow."""

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.avro.schema import Tree

# NOTHING has no bytes, FIXED a fixed number of them, BYTES as many as a number in front says. Behind RECORD come its
# fields; behind ARRAY (or map) an item and LOOP; behind UNION a JUMP to each branch, then these, a JUMP behind each.
NOTHING, FIXED, INTEGER, BYTES, ENUM, RECORD, ARRAY, LOOP, UNION, JUMP = range(10)

# Columns of an instruction. NULL_BRANCH: for a value that may be null, which of the two branches that is, else -1.
# SIZE: bytes of FIXED, symbols of ENUM, branches of UNION. END: the instruction behind the value; of a LOOP, the
# item's first one; of a JUMP, the one to go on with.
OPERATION, NULL_BRANCH, SIZE, END = range(4)

Program = NDArray[np.int32]

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


def compiled(tree: Tree) -> Program:
    """The program of a schema, shape (instructions, 4)."""
    code: list[list[int]] = []
    _emit(tree, code, null_branch=-1)
    return np.array(code, np.int32)


def _emit(tree: Tree, code: list[list[int]], null_branch: int) -> None:
    at = len(code)
    match tree:
        case ["null", branch] if null_branch < 0:  # one instruction says it all
            _emit(branch, code, 0)
            return
        case [branch, "null"] if null_branch < 0:
            _emit(branch, code, 1)
            return
        case list():
            _emit_union(tree, code, null_branch)
        case str():
            operation, size = _PRIMITIVES[tree]
            code.append([operation, null_branch, size, 0])
        case {"type": "fixed"}:
            code.append([FIXED, null_branch, tree["size"], 0])
        case {"type": "enum"}:
            code.append([ENUM, null_branch, len(tree["symbols"]), 0])
        case {"type": "record"}:
            code.append([RECORD, null_branch, 0, 0])
            for field in tree["fields"]:
                _emit(field["type"], code, -1)
        case _:
            _emit_array(tree, code, null_branch)
    code[at][END] = len(code)


def _emit_array(tree: Tree, code: list[list[int]], null_branch: int) -> None:
    code.append([ARRAY, null_branch, 0, 0])
    item = len(code)
    if tree["type"] == "map":
        _emit("string", code, -1)
    _emit(tree["values" if tree["type"] == "map" else "items"], code, -1)
    code.append([LOOP, -1, 0, item])


def _emit_union(branches: list[Tree], code: list[list[int]], null_branch: int) -> None:
    behind = []
    code.append([UNION, null_branch, len(branches), 0])
    first = len(code)
    code.extend([JUMP, -1, 0, 0] for _ in branches)
    for number, branch in enumerate(branches):
        code[first + number][END] = len(code)
        _emit(branch, code, -1)
        behind.append(len(code))
        code.append([JUMP, -1, 0, 0])
    for jump in behind:
        code[jump][END] = len(code)
