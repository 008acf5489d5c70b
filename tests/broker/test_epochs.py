"""Merging rows: the result depends on what there is, never on the order or the way in which it came."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from starsieve.broker.epochs import (
    DIFFERENCE,
    EPOCH,
    FORCED,
    SAME_EXPOSURE_DAYS,
    Epochs,
    flags,
    merge,
    merge_into,
    of_band,
)


def row(mjd: float, mag: float = 17.0, magerr: float = 0.05, band: str = "g", **what: float) -> Epochs:
    return np.array([(mjd, mag, magerr, flags(band, **what))], EPOCH)  # type: ignore[arg-type]


rows = st.lists(
    st.builds(
        row,
        st.integers(0, 20).map(lambda slot: 59000 + slot * 0.01)
        | st.integers(0, 20).map(lambda s: 59000 + s * 0.01 + 1e-8),
        st.sampled_from([16.0, 17.0, 18.0]),
        st.sampled_from([0.02, 0.1]),
        st.sampled_from(["g", "r", "i"]),
        forced=st.booleans(),
        difference=st.booleans(),
        lag_days=st.integers(0, 40),
        reference=st.integers(0, 100),
    ),
    max_size=30,
)


def plain_merge(stored: Epochs, parts: list[Epochs]) -> tuple[bytes, bytes]:
    """Bit by bit what `merge_into` has to give, one row after the other."""
    every = [(row, place) for place, row in enumerate(np.concatenate([stored, *parts]))]
    every.sort(key=lambda one: (one[0]["flags"] & 7, one[0]["mjd"]))
    exposures: list[list[tuple[np.void, int]]] = []
    for row, place in every:
        last = exposures[-1][-1][0] if exposures else None
        if last is None or last["flags"] & 7 != row["flags"] & 7 or row["mjd"] - last["mjd"] > SAME_EXPOSURE_DAYS:
            exposures.append([])
        exposures[-1].append((row, place))
    best = [
        min(same, key=lambda one: (one[0]["flags"], one[0]["magerr"], one[0]["mag"], one[0]["mjd"]))
        for same in exposures
    ]
    return (
        b"".join(row.tobytes() for row, _ in best),
        b"".join(row.tobytes() for row, place in best if place >= stored.size),
    )


@settings(max_examples=200)
@given(rows, rows)
def test_merging_is_what_it_is_row_by_row(before: list[Epochs], parts: list[Epochs]) -> None:
    stored = merge(before)
    merged, new = merge_into(stored, parts)
    assert (merged.tobytes(), new.tobytes()) == plain_merge(stored, parts)


@settings(max_examples=200)
@given(rows, st.randoms(use_true_random=False))
def test_order_does_not_matter(parts: list[Epochs], random: object) -> None:
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    half = len(parts) // 2
    expected = merge(parts).tobytes()
    assert merge(shuffled).tobytes() == expected
    assert merge([merge(parts[:half]), merge(parts[half:])]).tobytes() == expected
    assert merge([merge(parts), *parts]).tobytes() == expected


@settings(max_examples=200)
@given(rows, rows)
def test_writing_what_is_missing_is_enough(stored_parts: list[Epochs], new_parts: list[Epochs]) -> None:
    stored = merge(stored_parts)
    merged, new = merge_into(stored, new_parts)
    assert merged.tobytes() == merge([*stored_parts, *new_parts]).tobytes()
    assert merge([*stored_parts, new]).tobytes() == merged.tobytes()
    assert merge_into(merged, [stored, *new_parts])[1].size == 0


@settings(max_examples=200)
@given(rows)
def test_sorted_and_one_row_an_exposure(parts: list[Epochs]) -> None:
    merged = merge(parts)
    for band in "gri":
        times = of_band(merged, band)["mjd"]
        assert (np.diff(times) > 1e-4).all()


def test_who_wins() -> None:
    detection = row(59000.0, 17.0)
    early, late = row(59000.0, 17.1, forced=True, lag_days=1.2), row(59000.0, 17.2, forced=True, lag_days=9)
    difference = row(59000.0, 19.0, difference=True)
    assert merge([late, early, difference, detection])["mag"].tolist() == [np.float32(17.0)]
    assert merge([late, difference, early])["mag"].tolist() == [np.float32(17.1)]
    assert merge([difference, late])["flags"][0] & (FORCED | DIFFERENCE) == FORCED


def test_bands_keep_apart() -> None:
    assert merge([row(59000.0, band="g"), row(59000.0, band="r")]).size == 2
