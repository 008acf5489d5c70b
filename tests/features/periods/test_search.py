"""The searches against least squares at every frequency, and the ceilings that let the search skip blocks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starsieve.features import reference
from starsieve.features.analyse import CERTIFIED, lowest_index
from starsieve.features.periods import ceilings as fft
from starsieve.features.periods.ceilings import renew_ceilings
from starsieve.features.periods.gls import HALF, UNROLL, add_block, offset_tables
from starsieve.features.periods.grid import BLOCK, grid_of
from starsieve.features.periods.harmonics import harmonic_power, nested_powers
from starsieve.features.periods.search import UNKNOWN, best_blocks, weigh
from starsieve.features.periods.upsilont import upsilont_period
from starsieve.features.tools.simulated import KINDS
from tests.features.sources import SOURCES, Arrays, any_source, simulated

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def prepare(*bands: Arrays) -> tuple[Data, list[reference.Band]]:
    first = min(mjd[0] for mjd, _, _ in bands)
    time, mag, magerr = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    starts = np.cumsum([0, *(mjd.size for mjd, _, _ in bands)])
    weight, signal = np.empty(time.size), np.empty(time.size)
    chi2 = [weigh(mag, magerr, a, b, weight, signal) for a, b in pairwise(starts)]
    data = (time - first, weight, signal, starts, np.array(chi2) / np.sum(chi2))
    return data, [reference.Band(mjd - first, m, e) for mjd, m, e in bands]


def all_powers(data: Data, step: float, n_blocks: int) -> tuple[np.ndarray, np.ndarray]:
    time, weight, signal, starts, shares = data
    single, double = offset_tables(time, step)
    rows, sums = np.empty((6, time.size + UNROLL), np.float32), np.empty((12, HALF), np.float32)
    power, error = np.zeros((n_blocks, BLOCK), np.float32), np.zeros((n_blocks, BLOCK), np.float32)
    for block in range(n_blocks):
        for a, b, share in zip(starts[:-1], starts[1:], shares, strict=True):
            centre = (block * BLOCK + HALF + 0.5) * step
            add_block(time[a:b], weight[a:b], signal[a:b], single[a:], double[a:], centre, share, 1.0, sums, rows,
                      power[block], error[block])  # fmt: skip
    return power, error


def not_known(power: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Where a power may be anything from 0 to 1."""
    return (power - error <= 0) & (power + error >= 1)


@pytest.mark.parametrize("source", SOURCES)
def test_block_powers_are_within_a_third_of_their_stated_error(source: str) -> None:
    data, bands = prepare(any_source(source))
    step, n_blocks = grid_of(data[0].max())
    power, error = all_powers(data, step, n_blocks)
    chosen = np.random.default_rng(5).integers(0, power.size, 400)
    for k in chosen:
        exact = reference.power(bands, (k + 1) * step, 1)
        assert abs(power.ravel()[k] - exact) <= error.ravel()[k] / 3 or not_known(power, error).ravel()[k]


@pytest.mark.parametrize("n_epochs", [1000, 8000])
def test_block_powers_of_many_epochs_are_as_good(n_epochs: int) -> None:
    """Epochs near the whole day add up in phase; 0.72 of the error stated, with 8,000 in one float32 sum."""
    rng = np.random.default_rng(3)
    mjd = np.sort(np.floor(rng.uniform(0, 1000, n_epochs)) + rng.uniform(0, 0.02, n_epochs))
    data, _ = prepare((mjd, 15 + np.sin(mjd / 50) + 0.01 * rng.normal(size=n_epochs), np.full(n_epochs, 0.05)))
    time, weight, signal, _, _ = data
    step, n_blocks = grid_of(time.max())
    single, double = offset_tables(time, step)
    rows, sums = np.empty((6, n_epochs + UNROLL), np.float32), np.empty((12, HALF), np.float32)
    for block in (0, 1, n_blocks // 2, n_blocks - 1, *rng.integers(0, n_blocks, 6)):
        power, error = np.zeros((2, BLOCK), np.float32)
        add_block(time, weight, signal, single, double, (block * BLOCK + HALF + 0.5) * step, 1.0, 1.0, sums, rows,
                  power, error)  # fmt: skip
        exact = exact_powers(data, step * (block * BLOCK + np.arange(BLOCK) + 1))
        assert np.all((np.abs(power - exact) <= error / 3) | not_known(power, error))


@pytest.mark.parametrize("source", SOURCES)
def test_no_block_exceeds_its_ceiling(source: str) -> None:
    data, _ = prepare(any_source(source))
    step, n_blocks = grid_of(data[0].max())
    power, error = all_powers(data, step, n_blocks)
    ceilings = np.full(n_blocks, UNKNOWN)
    renew_ceilings(data, step, ceilings)
    highest = np.max(np.where(not_known(power, error), 0, power), axis=1)
    assert np.all(highest <= ceilings)
    if source in ("sine", "noise"):  # ceilings are useful only if they are close
        assert np.median(ceilings - highest) < 0.02


def test_no_point_is_spread_worse_than_the_aliasing_stated() -> None:
    """A unit mass at any phase of a grid cell, transformed, at every frequency of a block; closest where it jumps."""
    fine = np.linspace(0, 1e-3, 1001)
    phase = np.concatenate([np.linspace(0, 1, 4000, endpoint=False), fine, 1 - fine[1:], 0.5 - fine, 0.5 + fine])
    offsets = np.ceil(phase - 0.5 * fft.KERNEL)[:, None] + np.arange(fft.KERNEL) - phase[:, None]
    inside = np.maximum(0, 1 - (2 * offsets / fft.KERNEL) ** 2)
    values = np.exp(fft.WIDTH * (np.sqrt(inside) - 1))
    for k in range(-fft.HALF, fft.HALF):
        undo = float(fft.UNDO_KERNEL[abs(k)])
        found = undo * (values * np.exp(-2j * np.pi * k * offsets / fft.GRID)).sum(axis=1)
        assert np.max(np.abs(found - 1)) <= fft.ALIASING
        assert np.max(undo * values.sum(axis=1)) <= fft.GAIN


def spread_and_transformed(time: np.ndarray, weight: np.ndarray, signal: np.ndarray, step: float, first_block: int,
                           ) -> tuple[np.ndarray, float]:  # fmt: skip
    """The three sums (3, LANES, BLOCK) of LANES blocks as `renew_ceilings` has them, and the error stated."""
    n = time.size
    first, values = np.empty((2, n), np.int64), np.empty((2, n, fft.KERNEL), np.float32)
    for i in range(2):
        fft._spreading(time, (i + 1) * step, first[i], values[i])
    lanes, phasors = np.empty((n, 2 * fft.LANES), np.float32), np.empty((n, 4 * fft.LANES), np.float32)
    fft._lane_phasors(time, step, lanes)
    fft._group_phasors(time, (first_block * BLOCK + HALF + 1) * step, lanes, phasors)
    grid, work = np.empty((2, 2 * fft.PLANE), np.float32)
    flat = np.empty(6 * BLOCK * fft.LANES, np.float32)
    fft._sums(weight, signal, phasors, first[0], values[0], first[1], values[1], grid, work, flat)
    re, im = flat.reshape(3, 2, BLOCK, fft.LANES).transpose(1, 0, 3, 2)
    return (re + 1j * im) * fft.UNDO_KERNEL[np.abs(np.arange(BLOCK) - HALF)], fft._error_of_sums(first[0], first[1])


@pytest.mark.parametrize("source", [*SOURCES, "crowded", "long"])
def test_sums_are_within_their_stated_error(source: str) -> None:
    """Against float64 sums; "crowded": thousands of epochs in one cell, so that rounding adds up."""
    rng = np.random.default_rng(11)
    if source in ("crowded", "long"):
        mjd = np.sort(rng.uniform(0, 0.3 if source == "crowded" else 3000.0, 6000))
        mjd[-1] = 3000.0
        curve = mjd, 3 + rng.normal(size=6000), np.full(6000, 0.1)
    else:
        curve = any_source(source)
    (time, weight, signal, _, _), _ = prepare(curve)
    step, n_blocks = grid_of(time.max())
    for first_block in (0, n_blocks // fft.LANES * fft.LANES):
        sums, stated = spread_and_transformed(time, weight, signal, step, first_block)
        for lane, offset in rng.integers((0, 0), (fft.LANES, BLOCK), (40, 2)):
            turns = np.exp(-2j * np.pi * step * ((first_block + lane) * BLOCK + offset + 1) * time)
            exact = np.array([signal @ turns, weight @ turns, weight @ turns**2])
            assert np.all(np.abs(sums[:, lane, offset] - exact) <= stated)


def exact_powers(data: Data, frequencies: np.ndarray) -> np.ndarray:
    """In float64, each band's own; where the sums do not determine a band's power, 0."""
    time, weight, signal, starts, shares = data
    total = np.zeros(frequencies.size)
    for a, b, share in zip(starts[:-1], starts[1:], shares, strict=True):
        turns = np.exp(2j * np.pi * np.outer(frequencies, time[a:b]))
        y, w, w2 = turns @ signal[a:b], turns @ weight[a:b], turns**2 @ weight[a:b]
        cc, ss, cs = 0.5 * (1 + w2.real) - w.real**2, 0.5 * (1 - w2.real) - w.imag**2, 0.5 * w2.imag - w.real * w.imag
        determinant = cc * ss - cs**2
        top = y.real**2 * ss + y.imag**2 * cc - 2 * y.real * y.imag * cs
        total += share * np.where(determinant > 1e-9, top / np.maximum(determinant, 1e-9), 0)
    return total


@st.composite
def adversaries(draw: st.DrawFn) -> list[Arrays]:
    """Dense nights, short baselines, few epochs, one or two bands, errors of one size or of very different ones."""
    bands = []
    for _ in range(draw(st.integers(1, 2))):
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        n, baseline = draw(st.integers(7, 60)), draw(st.sampled_from([0.07, 1.0, 30.0, 300.0]))
        mjd = rng.uniform(0, baseline, n)
        nights = draw(st.integers(0, 3))
        if nights:
            mjd = baseline * rng.integers(0, nights, n) / nights + rng.uniform(0, 0.01, n)
        magerr = 10 ** rng.uniform(-3, draw(st.sampled_from([-2.9, 0.0, 2.0])), n)
        bands.append((np.sort(mjd), 15 + draw(st.sampled_from([0.01, 1.0])) * rng.normal(size=n), magerr))
    return bands


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(adversaries())
def test_no_power_of_an_adversary_exceeds_its_ceiling(bands: list[Arrays]) -> None:
    data, _ = prepare(*bands)
    step, n_blocks = grid_of(data[0].max())
    ceilings = np.full(n_blocks, UNKNOWN)
    renew_ceilings(data, step, ceilings)
    for block in np.random.default_rng(1).integers(0, n_blocks, 20):
        powers = exact_powers(data, step * (block * BLOCK + np.arange(BLOCK) + 1))
        assert powers.max() <= ceilings[block] + 1e-6  # float64 has errors where a power is hardly determined


def test_ceilings_are_close_where_epochs_are_many() -> None:
    """Noise of 5,000 epochs: only few blocks may have a ceiling above the power of the 15th best."""
    rng = np.random.default_rng(12)
    data, _ = prepare((np.sort(rng.uniform(0, 100, 5000)), rng.normal(size=5000), np.full(5000, 0.1)))
    step, n_blocks = grid_of(data[0].max())
    ceilings, powers, frequencies = np.full(n_blocks, UNKNOWN), np.empty(CERTIFIED, np.float32), np.empty(CERTIFIED)
    renew_ceilings(data, step, ceilings)
    _, looked = best_blocks(data, step, lowest_index(100.0, step), False, ceilings, powers, frequencies)  # noqa: FBT003
    assert looked < 2 * CERTIFIED


@pytest.mark.parametrize("source", ["rrab", "detached_binary", "noise", "dense_nights_in_survey"])
def test_best_blocks_are_those_of_the_full_grid(source: str) -> None:
    data, bands = prepare(any_source(source))
    step, n_blocks = grid_of(data[0].max())
    powers, frequencies = np.empty(CERTIFIED, np.float32), np.empty(CERTIFIED)
    lowest = lowest_index(data[0].max(), step)
    found, _ = best_blocks(data, step, lowest, False, np.full(n_blocks, UNKNOWN), powers, frequencies)  # noqa: FBT003 - a kernel
    expected = reference.best_blocks(bands, CERTIFIED)
    assert found == CERTIFIED
    np.testing.assert_allclose(powers, [p for p, _ in expected], atol=1e-4)
    assert abs(frequencies[0] - expected[0][1]) <= step  # interpolated between grid points


def test_bands_add_up() -> None:
    bands_of = simulated("rrab", 40), simulated("rrc", 50, seed=4)
    data, bands = prepare(*bands_of)
    step, n_blocks = grid_of(data[0].max())
    power, error = all_powers(data, step, n_blocks)
    for k in np.random.default_rng(6).integers(0, power.size, 100):
        exact = reference.power(bands, (k + 1) * step, 1)
        assert abs(power.ravel()[k] - exact) <= error.ravel()[k]
    ceilings = np.full(n_blocks, UNKNOWN)
    renew_ceilings(data, step, ceilings)
    assert np.all(np.max(power, axis=1) <= ceilings)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("n_harmonics", [1, 3, 6])
def test_harmonic_fits_are_least_squares(source: str, n_harmonics: int) -> None:
    data, bands = prepare(any_source(source))
    coefficients, agree = np.empty(2 * n_harmonics), []
    for frequency in np.random.default_rng(7).uniform(max(0.3, 1 / data[0].max()), 33, 20):
        power = harmonic_power(data, frequency, n_harmonics, coefficients)
        exact = reference.power(bands, frequency, n_harmonics)
        assert power <= exact + 1e-6
        agree.append(power == pytest.approx(exact, abs=1e-6))
    # Where the phases hardly determine a term it is left out, and the power is lower.
    assert np.mean(agree) > (0.9 if source in KINDS else 0.2)


@pytest.mark.parametrize("source", KINDS)
def test_one_fit_has_the_powers_of_all_smaller_ones(source: str) -> None:
    data, _ = prepare(simulated(source))
    powers = np.empty(6)
    for frequency in np.random.default_rng(8).uniform(0.3, 33, 20):
        nested_powers(data, frequency, np.empty(12), powers)
        singly = [harmonic_power(data, frequency, m, np.empty(2 * m)) for m in range(1, 7)]
        np.testing.assert_allclose(powers, singly, rtol=1e-9)


@pytest.mark.parametrize("source", ["sine", "rrab", "detached_binary", "noise", "quasar"])
def test_published_search(source: str) -> None:
    mjd, mag, _ = simulated(source, 40, 12.0)
    assert upsilont_period(mjd, mag) == pytest.approx(reference.upsilont_period(mjd, mag), rel=1e-12)
