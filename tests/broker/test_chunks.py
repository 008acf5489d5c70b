"""Chunks of the store: any rows come back as they were, and nothing else is taken for rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from starsieve.broker.chunks import chunk_of, unpacked
from starsieve.broker.epochs import EPOCH, flags, on_grid

WIDTH = EPOCH.itemsize
RAW = arrays(np.uint8, st.integers(0, 400).map(lambda rows: rows * WIDTH))


@given(RAW)
def test_rows_come_back_as_they_were(raw: np.ndarray) -> None:
    rows = raw.view(EPOCH)
    chunk = chunk_of(rows)
    assert unpacked(chunk, WIDTH) == rows.tobytes()
    assert chunk == chunk_of(rows.copy()), "a write that is repeated must know its own"


def test_many_rows_take_three_fifths() -> None:
    rng = np.random.default_rng(1)
    rows = np.zeros(700, EPOCH)
    rows["mjd"] = on_grid(np.sort(rng.uniform(60000, 61000, 700)))
    rows["mag"], rows["magerr"], rows["flags"] = rng.normal(16, 0.3, 700), rng.uniform(0.01, 0.03, 700), flags("g")
    assert len(chunk_of(rows)) < 0.6 * rows.nbytes


@given(st.binary(min_size=1, max_size=200).filter(lambda chunk: len(chunk) % WIDTH))
def test_what_others_wrote_is_no_chunk(chunk: bytes) -> None:
    with pytest.raises(ValueError, match="chunk"):
        unpacked(chunk, WIDTH)


def test_a_small_chunk_that_promises_much_is_refused() -> None:
    chunk = bytearray(chunk_of(np.zeros(100_000, EPOCH)))
    chunk[1:5] = (2**32 - 1).to_bytes(4, "little")
    with pytest.raises(ValueError, match="4294967295 rows"):
        unpacked(bytes(chunk), WIDTH)
