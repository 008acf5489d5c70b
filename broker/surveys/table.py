"""A packet's columns by their names, for surveys whose packets are read in NumPy."""

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.avro.program import Wanted
from starsieve.broker.avro.projection import Columns
from starsieve.broker.avro.walk import FIRST, MISSING, N_ROWS


class Table:
    """One wanted table: its columns by name, shapes (n_rows,).

    Args:
        columns: what was read of a record.
        wanted: what was asked for, as the survey's WANTED.
        name: of the table, there.
    """

    def __init__(self, columns: Columns, wanted: Wanted, name: str) -> None:
        number = list(wanted).index(name)
        self._columns, self._names = columns, {column: place for place, column in enumerate(wanted[name])}
        first, self.n_rows = columns.rows[number, [FIRST, N_ROWS]].tolist()
        width = len(self._names)
        self._cells = columns.cells[first : first + self.n_rows * width].reshape(self.n_rows, width)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """Numbers that were wanted as `float`; NaN for null, and where the column is not in this table."""
        if name not in self._names:
            return np.full(self.n_rows, np.nan)
        return self._cells[:, self._names[name]].view(np.float64)

    def integer(self, name: str) -> int:
        """Of the first row, wanted as `int`; 0 for null."""
        value = int(self._cells[0, self._names[name]]) if self.n_rows else MISSING
        return 0 if value == MISSING else value

    def texts(self, name: str) -> list[str]:
        """Texts, wanted as `str`; empty for null."""
        cells = self._cells[:, self._names[name]].tolist()
        return [(self._columns.text(cell) or b"").decode(errors="replace") for cell in cells]
