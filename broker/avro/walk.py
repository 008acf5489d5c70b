"""A walk over the bytes of a record, before anybody decodes them: whether they are what the schema says, and how much.

Every step is checked against the end of the data and counted, so no bytes can make it read outside or go on for ever.
"""

import numpy as np

from starsieve.broker.avro.program import (
    ARRAY,
    BYTES,
    COLUMN,
    END,
    ENUM,
    FIXED,
    INTEGER,
    JUMP,
    KEPT,
    KEPT_BOOLEAN,
    KEPT_DOUBLE,
    KEPT_FLOAT,
    KEPT_TEXT,
    KEPT_WHOLE,
    LOOP,
    NULL_BRANCH,
    OPERATION,
    ROW,
    SIZE,
    TABLE,
    UNION,
)
from starsieve.broker.avro.schema import MAX_DEPTH
from starsieve.features.jit import Bytes, Integers, kernel

MAX_ITEMS = 2**16  # of an array or map; the longest history seen has 777 rows, a deep field's may have some thousands

#: What a walk finds: OK, or what is wrong, below zero.
(OK, SHORT, NOT_A_NUMBER, NOT_A_BRANCH, NOT_A_SYMBOL, NOT_A_LENGTH, TOO_MANY_ITEMS, TOO_MANY_VALUES, FULL) = range(
    0, -9, -1
)
MEANING = {
    SHORT: "the data end inside of a value",
    NOT_A_NUMBER: "a number of more than 64 bits",
    NOT_A_BRANCH: "a union without such a branch",
    NOT_A_SYMBOL: "an enum without such a symbol",
    NOT_A_LENGTH: "a length below zero",
    TOO_MANY_ITEMS: f"an array or map of more than {MAX_ITEMS} items",
    TOO_MANY_VALUES: "too many values",
}

#: In a cell: no value. As a float it is a NaN, of bits that no arithmetic makes.
MISSING = 0x7FF8_0000_4E55_4C4C
FIRST, N_ROWS, LAST = range(3)  # columns of a walk's `rows`


@kernel
def walk(  # noqa: C901, PLR0912, PLR0915 - an instruction, a branch
    code: Integers, data: Bytes, at: int, max_values: int, cells: Integers, rows: Integers
) -> tuple[int, int, int]:
    """Walks over one record.

    Args:
        code: of the schema, see `program.compiled`.
        data: a block, unpacked.
        at: where in it the record begins.
        max_values: how many values it may have; numbers, texts, nulls, records, arrays and their ends count as one.
        cells: filled with what is kept, a row of a table behind the other: integers, booleans as 0 and 1, floats by
            their bits, texts as `place << 32 | length`, and MISSING for what is null.
        rows: shape (tables, 3), all zeros; filled: where in `cells` a table's rows begin, how many there are, and where
            the last one begins.

    Returns:
        What was found (OK, FULL if `cells` is too small, or what is wrong: see MEANING), the place behind the record or
        of the value that is wrong, and how many values it has.
    """
    left, items = np.zeros(MAX_DEPTH + 1, np.int64), np.zeros(MAX_DEPTH + 1, np.int64)  # by depth in arrays
    step, depth, values, used, start = 0, 0, 0, 0, at
    while step < code.shape[0] and at >= 0:
        operation, null_branch = code[step, OPERATION], code[step, NULL_BRANCH]
        size, end, table = code[step, SIZE], code[step, END], code[step, TABLE]
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
        elif operation == KEPT_FLOAT:
            cells[rows[table, LAST] + code[step, COLUMN]] = _single(data, at)
            at = _skip(data, at, 4)
            step += 1
        elif operation == KEPT_DOUBLE:
            cells[rows[table, LAST] + code[step, COLUMN]] = _double(data, at)
            at = _skip(data, at, 8)
            step += 1
        elif operation >= KEPT:
            value, at = _kept(data, at, operation)
            cells[rows[table, LAST] + code[step, COLUMN]] = value
            step += 1
        elif operation == ENUM:
            _, at = _choice(data, at, size, NOT_A_SYMBOL)
            step += 1
        elif operation == UNION:
            branch, at = _choice(data, at, size, NOT_A_BRANCH)
            step += 1 + branch
        elif operation == ROW:
            if size > cells.size - used:
                return FULL, start, values
            cells[used : used + size] = MISSING
            rows[table, FIRST] = used if rows[table, N_ROWS] == 0 else rows[table, FIRST]
            rows[table, LAST] = used
            rows[table, N_ROWS] += 1
            used += size
            step += 1
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
def _single(data: Bytes, at: int) -> int:
    """The bits of a float, as those of a double; 0 if the data end in it."""
    if not 0 <= at <= data.size - 4:
        return 0
    return int(np.float64(np.uint32(_four_bytes(data, at)).view(np.float32)).view(np.int64))


@kernel
def _double(data: Bytes, at: int) -> int:
    """The bits of a double; 0 if the data end in it."""
    if not 0 <= at <= data.size - 8:
        return 0
    return int(np.int64(_four_bytes(data, at)) | np.int64(_four_bytes(data, at + 4)) << 32)


@kernel
def _four_bytes(data: Bytes, at: int) -> int:
    """Bytes that are there, the lowest first: for the compiler this is one instruction."""
    low = np.int64(data[at]) | np.int64(data[at + 1]) << 8
    return int(low | np.int64(data[at + 2]) << 16 | np.int64(data[at + 3]) << 24)


@kernel
def _kept(data: Bytes, at: int, operation: int) -> tuple[int, int]:
    """Another value as it stands in a cell."""
    if operation == KEPT_BOOLEAN:
        behind = _skip(data, at, 1)
        return int(behind >= 0 and data[at] != 0), behind
    value, at = _number(data, at)
    if operation == KEPT_TEXT:
        return at << 32 | value, _skip(data, at, value)
    if operation == KEPT_WHOLE:
        value = int(np.float64(value).view(np.int64))
    return value, at


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
