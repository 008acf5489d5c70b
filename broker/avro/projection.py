"""The wanted columns of a packet's records, straight from its bytes: what nobody asked for is not decoded."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from starsieve.broker.alert_error import AlertError
from starsieve.broker.avro import schema
from starsieve.broker.avro.container import Header, blocks, read_header
from starsieve.broker.avro.program import Program, Wanted, compiled
from starsieve.broker.avro.walk import FULL, MEANING, MISSING, OK, walk
from starsieve.features.jit import Bytes, Integers

# Of one packet, as the walk counts them. The most seen are 210,000, in 7 records; a packet of Rubin's may come to 3,000
# rows of 100 columns: room for three times that. At this bound fastavro takes 0.3 s and 100 MB.
MAX_VALUES = 1_000_000

_RECENT = 16  # schema versions in use at one time
_MAX_HEAD_BYTES = 2 * schema.MAX_SCHEMA_BYTES  # a longer one is read for each packet
_CELLS = 2**14  # enough for hundreds of rows; where it is not, the walk starts again with more


@dataclass(frozen=True, slots=True)
class Columns:
    """What was wanted of one record; the next record of its block takes the same memory."""

    block: Bytes
    #: Row behind row, table by table: see `walk.walk`.
    cells: Integers
    #: Shape (tables, 3), in the order wanted: where the rows begin, how many there are, and where the last one begins.
    rows: Integers
    #: The wanted tables and columns, as paths, that the schema does not have.
    absent: frozenset[str]
    n_values: int

    def text(self, cell: int) -> bytes | None:
        """The text that a cell stands for."""
        place, length = cell >> 32, cell & 0xFFFFFFFF
        return None if cell == MISSING else self.block[place : place + length].tobytes()


class Projection:
    """Reads the wanted columns of packets; remembers the last few schemas."""

    def __init__(self, wanted: Wanted) -> None:
        self._program = lru_cache(maxsize=_RECENT)(lambda text: compiled(schema.read(text), wanted))
        self._recent: list[tuple[bytes, Header, Program]] = []

    def records(self, packet: bytes) -> Iterator[Columns]:
        """The wanted columns, record by record.

        Raises:
            AlertError: as `avro.records`, but for texts that are not UTF-8: nobody has looked at them yet.
        """
        header, program = self._header(packet)
        values = 0
        for n_records, block in blocks(packet, header):
            for columns in read_block(program, block, n_records, MAX_VALUES - values):
                values += columns.n_values
                yield columns

    def record(self, schema: bytes, data: bytes) -> Iterator[Columns]:
        """The wanted columns of the one record that these bytes are, without a container; raises AlertError."""
        return read_block(self._program(schema), data, 1, MAX_VALUES)

    def _header(self, packet: bytes) -> tuple[Header, Program]:
        """A packet's header: mostly the same bytes as the last one's, and to compare them takes no time."""
        for head, header, program in self._recent:
            if packet.startswith(head):
                return header, program
        header = read_header(packet)
        program = self._program(header.schema)
        if header.end <= _MAX_HEAD_BYTES:
            self._recent = [(packet[: header.end], header, program), *self._recent[: _RECENT - 1]]
        return header, program


def read_block(program: Program, block: bytes, n_records: int, max_values: int) -> Iterator[Columns]:
    """The wanted columns of the records of a block; raises AlertError (`corrupt`)."""
    data, at = np.frombuffer(block, np.uint8), 0
    cells = np.empty(_CELLS if program.n_tables else 0, np.int64)
    for _ in range(n_records):
        rows = np.zeros((program.n_tables, 3), np.int64)
        found, end, values = walk(program.code, data, at, max_values, cells, rows)
        while found == FULL:
            cells, rows = np.empty(4 * cells.size, np.int64), np.zeros_like(rows)
            found, end, values = walk(program.code, data, at, max_values, cells, rows)
        if found != OK:
            raise AlertError("corrupt", f"{MEANING[found]}, at byte {end} of {len(block)} of a block")
        yield Columns(data, cells, rows, program.absent, values)
        at, max_values = end, max_values - values
    if at != len(block):
        raise AlertError("corrupt", f"{n_records} records end at byte {at} of {len(block)} of a block")
