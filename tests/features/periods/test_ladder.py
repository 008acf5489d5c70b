"""Which epochs a period is searched in depends on the light curve alone; states and views change nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starsieve import features
from starsieve.features.analyse import LOOKED_AT, N_COLUMNS, period_and_state
from starsieve.features.periods import ladder
from starsieve.features.periods.grid import grid_of
from starsieve.features.tools import simulated
from tests.features.sources import Arrays, arrays

Curves = list[Arrays]


def test_rungs_are_a_ladder_of_two_per_cent() -> None:
    rungs = np.array([ladder.rung_of(n) for n in range(20_000)])
    assert (np.diff(rungs) >= 0).all()
    assert (rungs[:100] == np.arange(100)).all()
    assert (rungs[1:] > 0.98 * np.arange(1, 20_000) - 1e-9).all()
    assert (rungs <= np.arange(20_000)).all()
    assert all(ladder.rung_of(int(rung)) == rung for rung in np.unique(rungs))
    assert (np.diff(np.unique(rungs))[650:] >= 0.0195 * np.unique(rungs)[650:-1]).all()


def test_the_window_holds_the_newest_and_moves_in_steps() -> None:
    first = np.array([ladder.first_in_window(n) for n in range(30_000)])
    kept = np.arange(30_000) - first
    assert (first[: ladder.MOST_EPOCHS + 1] == 0).all()
    assert kept.max() == ladder.MOST_EPOCHS
    assert kept[ladder.MOST_EPOCHS :].min() > ladder.MOST_EPOCHS - ladder.WINDOW_STEP
    assert set(np.diff(first)) == {0, ladder.WINDOW_STEP}


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 120), min_size=1, max_size=4), st.booleans())
def test_epochs_of_the_rung(seed: int, sizes: list[int], whole_days: bool) -> None:
    """Against sorting all epochs by time and band, and leaving the last ones."""
    sizes = [max(7, sizes[0]), *sizes[1:]]
    rng = np.random.default_rng(seed)
    times = [np.sort(rng.uniform(0, 50, n)) for n in sizes]
    times = [np.floor(t) if whole_days else t for t in times]
    counts, used = np.array(sizes), np.flatnonzero(np.array(sizes) >= 7)
    starts = np.cumsum([0, *sizes])[:-1]
    found = ladder.epochs_of_rung(np.concatenate(times), starts, counts, used)
    order = sorted((t, b) for b in used for t in times[b])
    n_rung, first, grid = ladder.rung_of(len(order)), order[0][0], grid_of(order[-1][0] - order[0][0])
    while grid_of(order[n_rung - 1][0] - first) != grid:
        n_rung += 1
    expected = np.bincount([b for _, b in order[:n_rung]], minlength=counts.size)
    assert found.tolist() == expected.tolist()


def bands_of(kind: str, sizes: list[int], baseline: float, seed: int) -> Curves:
    rng = np.random.default_rng(seed)
    return [arrays(simulated.light_curve(kind, n, baseline, rng)) for n in sizes]


def chosen(bands: Curves, masks: list[np.ndarray]) -> Curves:
    return [(t[m], x[m], e[m]) for (t, x, e), m in zip(bands, masks, strict=True)]


def update(states: list[bytes | None], bands: Curves, asof: list[float] | None = None) -> features.Updates:
    mjd, mag, magerr = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    offsets, views = np.cumsum([0, *(t.size for t, _, _ in bands)]), None if asof is None else [0, len(asof)]
    return features.update_many(states, mjd, mag, magerr, offsets, objects=[0, len(bands)], asof=asof, views=views)


def same(a: features.Updates, b: features.Updates) -> bool:
    numbers = a.features.tobytes() + a.profiles.tobytes()
    return numbers == b.features.tobytes() + b.profiles.tobytes() and (a.periods, a.reasons) == (b.periods, b.reasons)


@pytest.mark.parametrize("kind", ["rrab", "detached_binary", "noise", "quasar"])
def test_streamed_is_fresh_across_rungs_with_late_epochs(kind: str) -> None:
    """One epoch in ten arrives late, before or after the last rung: then the rung's epochs are others."""
    bands = bands_of(kind, [150, 130], 500.0, seed=3)
    rng = np.random.default_rng(4)
    everything = np.sort(np.concatenate([t for t, _, _ in bands]))
    arrival = [t + np.where(rng.random(t.size) < 0.1, rng.exponential(15.0, t.size), 0) for t, _, _ in bands]
    state: bytes | None = None
    recalled = 0
    for now in everything[180:]:
        seen = chosen(bands, [when <= now for when in arrival])
        streamed, fresh = update([state], seen), update([None], seen)
        assert same(streamed, fresh)
        recalled += streamed.states[0] == state
        state = streamed.states[0]
    assert recalled > 30  # of 100: most epochs cost no search


def test_views_are_updates_one_after_the_other() -> None:
    bands = bands_of("rrc", [90, 120], 300.0, seed=5)
    times = np.sort(np.concatenate([t for t, _, _ in bands]))[[5, 60, 100, 101, 102, 150, 209]].tolist()
    for held in (None, update([None], bands).states[0], update([None], bands, [times[3]]).states[0]):
        together = update([held], bands, times)
        assert len(together.periods) == len(times)
        assert together.features.shape == (2 * len(times), 16)
        state = held
        for view, asof in enumerate(times):
            single = update([state], bands, [asof])
            rows = slice(2 * view, 2 * view + 2)
            assert single.features.tobytes() == together.features[rows].tobytes()
            assert single.profiles.tobytes() == together.profiles[rows].tobytes()
            assert (single.periods, single.reasons) == ([together.periods[view]], together.reasons[rows])
            state = single.states[0]
        assert together.states == [state]


def test_views_of_several_objects_and_of_none() -> None:
    curves = bands_of("rrab", [60, 80, 70], 200.0, seed=6)
    mjd, mag, magerr = (np.concatenate(parts) for parts in zip(*curves, strict=True))
    asof = [curves[0][0][40], curves[0][0][59], curves[2][0][50]]
    found = features.update_many([None] * 3, mjd, mag, magerr, [0, 60, 140, 210], asof=asof, views=[0, 2, 2, 3])
    assert [period is None for period in found.periods] == [False] * 3
    assert [state is None for state in found.states] == [False, True, False]
    for row, (curve, n) in enumerate(((0, 41), (0, 60), (2, 51))):
        alone = features.update(None, *(column[:n] for column in curves[curve]))
        assert found.features[row].tobytes() == alone.features.tobytes()
    with pytest.raises(ValueError, match="rise from view to view"):
        features.update_many([None], *curves[0], [0, 60], asof=[59000.0, 58100.0], views=[0, 2])
    with pytest.raises(ValueError, match="asof must have"):
        features.update_many([None], *curves[0], [0, 60], asof=[59000.0, 59100.0], views=[0, 1])


def test_a_band_with_too_few_epochs_is_left_out() -> None:
    bands = bands_of("rrab", [19, 60], 200.0, seed=7)
    mjd, mag, magerr = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    found = features.update_many([None], mjd, mag, magerr, [0, 19, 79], objects=[0, 2], min_epochs=20)
    alone = features.update(None, *bands[1])
    assert found.reasons == ["too_few_epochs", None]
    assert found.features[1].tobytes() == alone.features.tobytes()


def test_epochs_that_only_now_make_a_light_curve() -> None:
    """Up to the last rung all magnitudes are one."""
    rng = np.random.default_rng(8)
    mjd = np.sort(rng.uniform(0, 100, 153))
    mag = np.full(153, 15.0)
    mag[151:] = 14.0, 16.0
    mag[:75] += 1e-3
    constant_until_now = np.where(np.arange(153) < 150, 15.0, mag)
    for curve in ((mjd, mag, np.full(153, 0.1)), (mjd, constant_until_now, np.full(153, 0.1))):
        state: bytes | None = None
        for n in range(148, 154):
            seen = [tuple(column[:n] for column in curve)]
            streamed, fresh = update([state], seen), update([None], seen)  # type: ignore[arg-type]
            assert same(streamed, fresh)
            state = streamed.states[0]


def test_only_the_newest_epochs_of_a_long_light_curve_count() -> None:
    rng = np.random.default_rng(9)
    n = ladder.MOST_EPOCHS + 700
    mjd = np.sort(rng.uniform(0, 30, n))
    curve = mjd, 15 + 0.3 * np.sin(2 * np.pi * mjd / 0.61) + rng.normal(0, 0.1, n), np.full(n, 0.1)
    newest = [tuple(column[ladder.WINDOW_STEP :] for column in curve)]
    state, moved = update([None], [tuple(c[: ladder.MOST_EPOCHS] for c in curve)]).states[0], []  # type: ignore[misc]
    for until in (ladder.MOST_EPOCHS, ladder.MOST_EPOCHS + 1, n - 1):
        streamed = update([state], [curve], [float(mjd[until])])
        assert same(streamed, update([None], [curve], [float(mjd[until])]))
        moved.append(streamed.states[0] != state)
        state = streamed.states[0]
    assert same(update([state], [curve]), update([None], newest))  # type: ignore[list-item]
    assert moved == [True, False, True]  # the state follows the window, and is not kept for epochs that left it


def test_a_search_is_seldom_due() -> None:
    mjd, mag, magerr = bands_of("noise", [800], 1000.0, seed=10)[0]
    state, row, searches = np.zeros(0, np.uint8), np.empty(N_COLUMNS), 0
    for n in range(700, 800):
        new = np.empty(20000, np.uint8)
        size = period_and_state(mjd, mag, magerr, np.array([0]), np.array([n]), np.array([0]), state, new, row)
        state = new[:size]
        searches += row[LOOKED_AT] > 0
    assert searches <= 9
