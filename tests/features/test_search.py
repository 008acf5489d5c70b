"""The searches against least squares at every frequency, and the ceilings that let the search skip blocks."""

from itertools import pairwise

import numpy as np
import pytest

from starsieve.features import reference
from starsieve.features.analyse import CERTIFIED, lowest_index
from starsieve.features.periods.ceilings import renew_ceilings
from starsieve.features.periods.gls import HALF, UNROLL, add_block, offset_tables
from starsieve.features.periods.grid import BLOCK, grid_of
from starsieve.features.periods.harmonics import harmonic_power, nested_powers
from starsieve.features.periods.parity import published_period
from starsieve.features.periods.search import UNKNOWN, best_blocks, weigh
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
    assert published_period(mjd, mag) == pytest.approx(reference.published_period(mjd, mag), rel=1e-12)
