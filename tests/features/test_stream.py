"""A stream's results are those of the light curve alone, whatever state comes with it, and states are never trusted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.utils.masked import Masked

from starsieve import features
from starsieve.features.analyse import LOOKED_AT, N_COLUMNS, period_and_state
from starsieve.features.periods.grid import grid_of
from starsieve.features.periods.state import HEADER, is_within, old_unit
from starsieve.features.tools import simulated as sources
from starsieve.features.tools.folder import read_light_curves
from tests.features.sources import SOURCES, Arrays, any_source, arrays, simulated


def same(a: features.Update, b: features.Update) -> bool:
    numbers = a.features.tobytes() + a.profile.tobytes()
    return numbers == b.features.tobytes() + b.profile.tobytes() and a.period == b.period


def head(light_curve: Arrays, n: int) -> Arrays:
    return light_curve[0][:n], light_curve[1][:n], light_curve[2][:n]


def without_state_at(light_curve: Arrays, n: int) -> features.Update:
    return features.update(None, *head(light_curve, n))


def growing(source: str) -> Iterator[tuple[Arrays, list[int]]]:
    light_curve = any_source(source)
    yield light_curve, list(range(25, light_curve[0].size + 1))


@pytest.mark.parametrize("source", SOURCES)
def test_growing_light_curve(source: str) -> None:
    for light_curve, steps in growing(source):
        state: bytes | None = None
        for n in steps:
            streamed = features.update(state, *head(light_curve, n))
            assert same(streamed, without_state_at(light_curve, n))
            state = streamed.state


@pytest.mark.parametrize("survey", ["asas", "catalina", "ztf_field"])
def test_growing_real_light_curves(survey: str, data_dir: Path) -> None:
    curves = read_light_curves(data_dir / "lightcurves" / survey)
    sizes = np.diff(curves.offsets)
    for i in np.random.default_rng(1).choice(np.flatnonzero(sizes > 60), 5, replace=False):
        part = slice(curves.offsets[i], curves.offsets[i + 1])
        light_curve = curves.mjd[part], curves.mag[part], curves.magerr[part]
        state: bytes | None = None
        for n in range(40, sizes[i], 7):
            streamed = features.update(state, *head(light_curve, n))
            assert same(streamed, without_state_at(light_curve, n))
            state = streamed.state


@pytest.mark.parametrize("kind", sources.KINDS)
def test_epochs_that_come_late_and_in_any_order(kind: str) -> None:
    mjd, mag, magerr = arrays(sources.light_curve(kind, 120, 400.0, np.random.default_rng(5)))
    arrival = np.random.default_rng(6).permutation(120)
    state: bytes | None = None
    for n in range(30, 121, 5):
        seen = np.sort(arrival[:n])
        streamed = features.update(state, mjd[seen], mag[seen], magerr[seen])
        assert same(streamed, features.update(None, mjd[seen], mag[seen], magerr[seen]))
        state = streamed.state


def test_asof_ignores_later_epochs_and_keeps_the_state_that_covers_them() -> None:
    light_curve = simulated("rrab")
    state = features.update(None, *light_curve).state
    view = features.update(state, *light_curve, asof=float(light_curve[0][49]))
    assert same(view, without_state_at(light_curve, 50))
    assert view.state == state
    early = without_state_at(light_curve, 40).state
    view = features.update(early, *light_curve, asof=float(light_curve[0][49]))
    assert same(view, without_state_at(light_curve, 50))
    assert view.state == features.update(early, *head(light_curve, 50)).state  # it covers what was seen, no more


def test_a_floor_under_errors_leaves_the_search_lazy() -> None:
    """The floor follows the median in steps: in between, old epochs keep their weights and a state its use."""
    mjd, mag, _ = arrays(sources.light_curve("rrc", 300, 300.0, np.random.default_rng(2)))
    magerr = np.random.default_rng(3).uniform(0.008, 0.0232, 300)  # the median is near 1 / 64
    magerr[[5, 50]] = 3e-5, 1e-300
    state, useless = None, 0
    for n in range(100, 301):
        streamed = features.update(state, *head((mjd, mag, magerr), n))
        assert same(streamed, without_state_at((mjd, mag, magerr), n))
        if state is not None and streamed.state is not None:
            useless += not is_within(np.frombuffer(state, np.uint8), np.frombuffer(streamed.state, np.uint8))
        state = streamed.state
    assert 0 < useless < 20, "the median passes a step a few times"


def changed(light_curve: Arrays) -> Iterator[Arrays]:
    """Histories of which the state is not a part: an epoch removed, a magnitude, an error or a time changed."""
    mjd, mag, magerr = light_curve
    yield np.delete(mjd, 10), np.delete(mag, 10), np.delete(magerr, 10)
    for column in range(3):
        other = [mjd.copy(), mag.copy(), magerr.copy()]
        other[column][10] *= 1 + 1e-12
        yield other[0], other[1], other[2]


def test_state_of_another_history_is_ignored() -> None:
    light_curve = simulated("noise")
    state = features.update(None, *light_curve).state
    for other in changed(light_curve):
        assert same(features.update(state, *other), features.update(None, *other))
    stranger = features.update(None, *simulated("rrab")).state
    assert same(features.update(stranger, *light_curve), features.update(None, *light_curve))


def test_state_of_a_shorter_grid_is_ignored() -> None:
    mjd, mag, magerr = arrays(sources.light_curve("rrc", 100, 900.0, np.random.default_rng(2)))
    early = features.update(None, mjd[:50], mag[:50], magerr[:50])
    assert early.state is not None
    later = features.update(early.state, mjd, mag, magerr)
    assert later.state is not None
    assert len(later.state) > len(early.state) + 2 * 50  # more blocks, not only more epochs
    assert same(later, features.update(None, mjd, mag, magerr))


@pytest.mark.parametrize("seed", range(20))
def test_corrupt_state_is_ignored(seed: int) -> None:
    rng = np.random.default_rng(seed)
    light_curve = simulated("sine")
    sound = features.update(None, *light_curve).state
    assert sound is not None
    broken = bytearray(sound)
    broken[rng.integers(len(broken))] ^= 1 << int(rng.integers(8))
    states = [bytes(broken), sound[: rng.integers(len(sound))], sound + bytes(8), bytes(len(sound)), b"x", b"",
              rng.bytes(len(sound)), sound[:HEADER]]  # fmt: skip
    fresh = features.update(None, *light_curve)
    for state in states:
        assert same(features.update(state, *light_curve), fresh)


def test_state_saves_the_search() -> None:
    """Otherwise all the above would hold of a state that is never used."""
    mjd, mag, magerr = arrays(sources.light_curve("noise", 300, 1000.0, np.random.default_rng(3)))
    state, row = np.zeros(0, np.uint8), np.empty(N_COLUMNS)
    looked_at, units = [], []
    for n in range(250, 300):
        new = np.empty(20000, np.uint8)
        offsets, one_band = np.array([0, mjd.size]), np.array([0])
        size = period_and_state(mjd, mag, magerr, offsets, np.array([n]), one_band, state, new, row)
        state = new[:size].copy()
        looked_at.append(row[LOOKED_AT])
        units.append(old_unit(state))
    blocks = grid_of(np.ptp(mjd))[1]
    assert np.mean(looked_at[1:]) < 0.2 * blocks
    assert len(set(units)) < 5  # a search without a state makes its bounds, and their unit, anew each time
    assert np.mean(np.equal(looked_at[1:], 0)) > 0.5  # most epochs ask for no search at all


def test_a_batch_is_its_light_curves_whatever_the_threads() -> None:
    light_curves = [simulated(kind, n) for kind, n in zip(sources.KINDS, range(20, 120, 10), strict=True)]
    light_curves.insert(3, (np.array([1.0]), np.array([2.0]), np.array([0.1])))
    mjd, mag, magerr = (np.concatenate(parts) for parts in zip(*light_curves, strict=True))
    offsets = np.cumsum([0, *(c[0].size for c in light_curves)])
    states = [None] * len(light_curves)
    one, three = (features.update_many(states, mjd, mag, magerr, offsets, threads=n) for n in (1, 3))
    assert one.features.tobytes() == three.features.tobytes()
    assert (one.periods, one.states, one.reasons) == (three.periods, three.states, three.reasons)
    for i, light_curve in enumerate(light_curves):
        if i == 3:
            assert (one.periods[i], one.states[i], one.reasons[i]) == (None, None, "too_few_epochs")
            assert np.isnan(one.features[i]).all()
        else:
            single = features.update(None, *light_curve)
            assert one.features[i].tobytes() == single.features.tobytes()
            assert (one.periods[i], one.states[i], one.reasons[i]) == (single.period, single.state, None)
    again = features.update_many(one.states, mjd, mag, magerr, offsets)
    assert again.features.tobytes() == one.features.tobytes()
    extracted = features.extract_many(mjd, mag, magerr, offsets, threads=2)
    assert extracted.features.tobytes() == one.features.tobytes()
    assert extracted.reasons == one.reasons


def two_bands(kind: str, n: int, baseline: float, seed: int) -> list[Arrays]:
    """Two sources of a kind as if they were one object's bands; the first begins later and has half as many epochs."""
    rng = np.random.default_rng(seed)
    (mjd, mag, magerr), other = (arrays(sources.light_curve(kind, size, baseline, rng)) for size in (n // 2, n))
    return [(mjd + 30.1, mag, magerr), other]


def together(states: list[bytes | None], bands: list[Arrays], asof: float = np.inf) -> features.Updates:
    mjd, mag, magerr = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    offsets = np.cumsum([0, *(band[0].size for band in bands)])
    return features.update_many(states, mjd, mag, magerr, offsets, objects=[0, len(bands)], asof=[asof])


def same_object(a: features.Updates, b: features.Updates) -> bool:
    numbers = a.features.tobytes() + a.profiles.tobytes()
    return numbers == b.features.tobytes() + b.profiles.tobytes() and a.periods == b.periods and a.reasons == b.reasons


@pytest.mark.parametrize("kind", sources.KINDS)
def test_growing_object_in_two_bands(kind: str) -> None:
    """Epochs of both bands in the order of time; the first band joins late."""
    bands = two_bands(kind, 100, 300.0, seed=8)
    everything = np.sort(np.concatenate([band[0] for band in bands]))
    state: bytes | None = None
    for until in everything[30::4]:
        seen = [head(band, int(np.searchsorted(band[0], until, side="right"))) for band in bands]
        streamed, fresh = together([state], seen), together([None], seen)
        assert same_object(streamed, fresh)
        assert same_object(together([state], bands, until), fresh)
        state = streamed.states[0]


def test_a_state_is_kept_for_an_alert_from_before_a_band_could_be_used() -> None:
    bands = two_bands("rrab", 80, 300.0, seed=10)
    (state,) = together([None], bands).states
    for n in (0, 3, 6, 10, 20):
        assert together([state], bands, float(bands[0][0][n])).states == [state]


def test_a_band_that_fits_any_period_takes_none_from_the_other() -> None:
    """One of its epochs has all the weight: its power may be anything, at any frequency."""
    rng = np.random.default_rng(12)
    mjd, magerr = np.sort(rng.uniform(0, 100, 40)), np.full(40, 0.03)
    good = mjd, 15 + 0.3 * np.sin(2 * np.pi * mjd / 0.61) + magerr * rng.normal(size=40), magerr
    errors = np.where(np.arange(25) == 9, 0.001, 0.3)
    (period,) = together([None], [(np.sort(rng.uniform(0, 100, 25)), 10 * rng.normal(size=25), errors), good]).periods
    assert period is not None


def test_a_state_belongs_to_its_bands() -> None:
    """Epochs that change bands are other epochs: with fewer free amplitudes chi2 rises, with more it falls."""
    bands = two_bands("noise", 120, 300.0, seed=9)
    merged = tuple(np.concatenate(parts) for parts in zip(*bands, strict=True))
    order = np.argsort(merged[0])
    one_band = [(merged[0][order], merged[1][order], merged[2][order])]
    for before, after in ((bands, bands[::-1]), (bands, bands[1:]), (one_band, bands), (bands, one_band)):
        assert same_object(together(together([None], before).states, after), together([None], after))


def test_state_of_two_bands_saves_the_search() -> None:
    mjd, mag, magerr = (np.concatenate(parts) for parts in zip(*two_bands("noise", 200, 1000.0, 3), strict=True))
    offsets, bands = np.array([0, 100, 300]), np.array([0, 1])
    state, row, looked_at, units = np.zeros(0, np.uint8), np.empty(N_COLUMNS), [], []
    for asof in np.sort(mjd)[230:280]:  # in order of time, as alerts come
        new, n_seen = np.empty(20000, np.uint8), np.add.reduceat(mjd <= asof, offsets[:-1])
        size = period_and_state(mjd, mag, magerr, offsets, n_seen, bands, state, new, row)
        state = new[:size].copy()
        looked_at.append(row[LOOKED_AT])
        units.append(old_unit(state))
    blocks = grid_of(np.ptp(mjd))[1]
    assert np.mean(looked_at[1:]) < 0.2 * blocks
    assert len(set(units)) < 5  # a search without a state makes its bounds, and their unit, anew each time


def test_bands_share_a_period_and_nothing_else() -> None:
    rng = np.random.default_rng(11)
    period, bands = 0.61234, []
    for n, amplitude in ((30, 0.5), (45, 0.3)):
        mjd = np.sort(rng.uniform(0, 300, n))
        bands.append((mjd, amplitude * np.sin(2 * np.pi * mjd / period) + 0.05 * rng.normal(size=n), np.full(n, 0.05)))
    found = together([None], bands)
    (joint,) = found.periods
    assert joint is not None
    assert joint.n_epochs == 75
    assert round(joint.harmonic * joint.period / period, 3) == round(joint.harmonic)
    assert (found.features[:, features.FEATURES.index("period")] == joint.period).all()
    assert (found.profiles[0, :3] == found.profiles[1, :3]).all()  # of the search
    assert found.features[0, 0] > 1.4 * found.features[1, 0]  # amplitude
    names = np.repeat(["b", "a"], [30, 45])
    mjd, mag, magerr = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    assert features.find_period(mjd, mag, magerr, names) == together([None], bands[::-1]).periods[0]


def test_a_band_that_cannot_be_used_does_no_harm() -> None:
    good = simulated("rrab")
    alone = features.update(None, *good)
    constant = good[0], np.full(good[0].size, 15.0), good[2]
    far = simulated("rrc", good[0].size // 2)
    for other, reason in (
        (constant, "constant_magnitude"),
        (head(good, 3), "too_few_epochs"),
        ((far[0] + 30_000, far[1], far[2]), "baseline_too_long"),
    ):
        found = together([None], [other, good])
        assert found.reasons == [reason, None]
        assert found.periods == [alone.period]
        assert found.features[1].tobytes() == alone.features.tobytes()
        assert np.isnan(found.features[0]).all()
    both = together([None], [constant, head(good, 3)])
    assert (both.reasons, both.periods, both.states) == (["constant_magnitude", "too_few_epochs"], [None], [None])


def masked(light_curve: Arrays, column: int, epochs: list[int], value: float) -> list[np.ma.MaskedArray]:
    columns = [np.ma.array(values, mask=False) for values in light_curve]
    columns[column][epochs] = value
    columns[column][epochs] = np.ma.masked
    return columns


@pytest.mark.parametrize("column", range(3))
@pytest.mark.parametrize("value", [np.nan, -9999.0, 3.0])
def test_masked_epochs_are_left_out(column: int, value: float) -> None:
    light_curve, epochs = simulated("rrab", 60), [0, 7, 59]
    without = tuple(np.delete(values, epochs) for values in light_curve)
    with_mask = masked(light_curve, column, epochs, value)
    expected = features.update(None, *without)
    assert features.extract(*with_mask).values.tobytes() == expected.features.tobytes()
    assert features.find_period(*with_mask) == expected.period
    assert same(features.update(None, *with_mask), expected)
    bands = [simulated("sine", 40), with_mask, simulated("rrc", 50)]  # the offsets behind the mask are made anew
    columns = [np.ma.concatenate(parts) for parts in zip(*bands, strict=True)]
    found = features.extract_many(*columns, [0, 40, 100, 150])
    assert found.features[1].tobytes() == expected.features.tobytes()
    assert found.features[2].tobytes() == features.extract(*bands[2]).values.tobytes()
    assert found.n_dropped.tolist() == [0, 3, 0]
    for one in (features.extract(*with_mask, upsilont=True), features.extract(*without, upsilont=True)):
        assert one.values.tobytes() == features.extract(*without, upsilont=True).values.tobytes()


def test_masks_of_astropy_and_of_bands_are_heeded() -> None:
    light_curve, epochs = simulated("rrab", 60), [3, 30]
    without = tuple(np.delete(values, epochs) for values in light_curve)
    hidden = np.isin(np.arange(60), epochs)
    of_astropy = Masked(light_curve[1] + 3 * hidden, mask=hidden)
    assert features.find_period(light_curve[0], of_astropy, light_curve[2]) == features.find_period(*without)
    band = np.ma.array(np.where(hidden, "r", "g"), mask=hidden)
    with pytest.warns(UserWarning, match="2 epochs are left out"):
        assert features.find_period(*light_curve, band) == features.find_period(*without)
    everything = [np.ma.masked_all(60)] * 3
    with pytest.raises(features.UnusableLightCurve, match="too_few_epochs"):
        features.extract(*everything)


def test_extract_takes_any_order_and_single_precision() -> None:
    mjd, mag, magerr = simulated("cepheid")
    order = np.random.default_rng(4).permutation(mjd.size)
    expected = features.extract(mjd, mag.astype(np.float32), magerr.astype(np.float32))
    found = features.extract(mjd[order], mag[order].astype(np.float32), magerr[order].astype(np.float32))
    assert found.values.tobytes() == expected.values.tobytes()


def test_empty_batch() -> None:
    result = features.update_many([], [], [], [], [0])
    assert result.features.shape == (0, 16)


def test_wrong_arguments_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="1 states for 2 objects"):
        features.update_many([None], [1.0, 2.0], [1.0, 2.0], [0.1, 0.1], [0, 1, 2])
    with pytest.raises(ValueError, match="one length"):
        features.update(None, [1.0, 2.0], [1.0], [0.1, 0.1])
    with pytest.raises(ValueError, match="offsets"):
        features.extract_many([1.0], [1.0], [0.1], [0, 5])
    with pytest.raises(ValueError, match="objects"):
        features.extract_many([1.0], [1.0], [0.1], [0, 1], objects=[0])
    with pytest.raises(ValueError, match="asof"):
        features.update_many([None], [1.0], [1.0], [0.1], [0, 1], asof=[1.0, 2.0])
