"""A walk over the bytes of a record, before anybody decodes them: whether they are what the schema says, and how much.

Every step is checked against the end of the data and counted, so no bytes can make it read outside or go on for ever.
"""

import numpy as np

from starsieve.broker.avro.program import (
    ARRAY,
    BYTES,
    END,
    ENUM,
    FIXED,
    INTEGER,
    JUMP,
    LOOP,
    NULL_BRANCH,
    OPERATION,
    SIZE,
    UNION,
    Program,
)
from starsieve.broker.avro.schema import MAX_DEPTH
from starsieve.features.jit import Bytes, kernel

MAX_ITEMS = 2**16  # of an array or map; the longest history seen has 777 rows, a deep field's may have some thousands

#: What a walk finds: OK, or what is wrong, below zero.
OK, SHORT, NOT_A_NUMBER, NOT_A_BRANCH, NOT_A_SYMBOL, NOT_A_LENGTH, TOO_MANY_ITEMS, TOO_MANY_VALUES = range(0, -8, -1)
MEANING = {
    SHORT: "the data end inside of a value",
    NOT_A_NUMBER: "a number of more than 64 bits",
    NOT_A_BRANCH: "a union without such a branch",
    NOT_A_SYMBOL: "an enum without such a symbol",
    NOT_A_LENGTH: "a length below zero",
    TOO_MANY_ITEMS: f"an array or map of more than {MAX_ITEMS} items",
    TOO_MANY_VALUES: "too many values",
}


@kernel
def walk(  # noqa: C901, PLR0912 - an instruction, a branch
    program: Program, data: Bytes, at: int, max_values: int
) -> tuple[int, int, int]:
    """Walks over one record.

    Args:
        program: of the schema, see `program.compiled`.
        data: a block, unpacked.
        at: where in it the record begins.
        max_values: how many values it may have; numbers, texts, nulls, records, arrays and their ends count as one.

    Returns:
        What was found (OK, or what is wrong: see MEANING), the place behind the record (or of the value that is wrong),
        and how many values it has.
    """
    left, items = np.zeros(MAX_DEPTH + 1, np.int64), np.zeros(MAX_DEPTH + 1, np.int64)  # by depth in arrays
    step, depth, values, start = 0, 0, 0, at
    while step < program.shape[0] and at >= 0:
        operation, null_branch = program[step, OPERATION], program[step, NULL_BRANCH]
        size, end = program[step, SIZE], program[step, END]
        start, present = at, True
        values += 1
        if values > max_values:
            return TOO_MANY_VALUES, start, values
        if null_branch >= 0:
            if at < data.size and data[at] & 0xFD == 0:  # the usual byte
                branch, at = int(data[at]) // 2, at + 1
            else:
                branch, at = _choice(data, at, 2, NOT_A_BRANCH)
            present = branch != null_branch
        if operation == FIXED:
            at = _skip(data, at, size * present)  # a jump over it, which cannot be foreseen, takes four times as long
            step += 1
        elif not present:
            step = end
        elif operation == INTEGER:
            _, at = _number(data, at)
            step += 1
        elif operation == BYTES:
            length, at = _number(data, at)
            at = _skip(data, at, length)
            step += 1
        elif operation == ENUM:
            _, at = _choice(data, at, size, NOT_A_SYMBOL)
            step += 1
        elif operation == UNION:
            branch, at = _choice(data, at, size, NOT_A_BRANCH)
            step += 1 + branch
        elif operation == ARRAY:
            depth += 1
            left[depth], items[depth] = 1, 0
            step = end - 1  # LOOP, as if behind an item: it asks for the first ones
        elif operation == LOOP:
            left[depth] -= 1
            if left[depth] == 0:
                left[depth], at = _items(data, at)
                items[depth] += left[depth]
                if at >= 0 and items[depth] > MAX_ITEMS:
                    at = TOO_MANY_ITEMS
            if left[depth]:
                step = end
            else:
                step, depth = step + 1, depth - 1
        else:
            step = end if operation == JUMP else step + 1
    return (OK, at, values) if at >= 0 else (at, start, values)


# What follows starts at a place in the data, and returns the place behind, or what is wrong; if something is wrong
# already, it stays so.


@kernel
def _items(data: Bytes, at: int) -> tuple[int, int]:
    """How many items come next; no more than one too many."""
    count, at = _number(data, at)
    if count < 0:  # then the bytes of these items are told as well
        _, at = _number(data, at)
    return min(abs(max(count, -MAX_ITEMS - 1)), MAX_ITEMS + 1), at


@kernel
def _choice(data: Bytes, at: int, size: int, otherwise: int) -> tuple[int, int]:
    """A number from 0 to size - 1."""
    chosen, at = _number(data, at)
    if at >= 0 and not 0 <= chosen < size:
        return 0, otherwise
    return chosen, at


@kernel
def _skip(data: Bytes, at: int, size: int) -> int:
    if at < 0:
        return at
    if size < 0:
        return NOT_A_LENGTH
    if size > data.size - at:
        return SHORT
    return at + size


@kernel
def _number(data: Bytes, at: int) -> tuple[int, int]:
    """A number in zigzag coding."""
    bits, shift = np.uint64(0), np.uint64(0)
    while 0 <= at < data.size:
        byte = np.uint64(data[at])
        at += 1
        bits |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
            return int(np.int64(bits >> np.uint64(1)) ^ -np.int64(bits & np.uint64(1))), at
        shift += np.uint64(7)
        if shift > np.uint64(63):
            return 0, NOT_A_NUMBER
    return 0, min(at, SHORT)
