"""The periodogram of the picture against least squares, frequency by frequency."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starsieve.broker.tools.object_plot import periodogram
from starsieve.features.periods.grid import SHORTEST_PERIOD, grid_of

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]


def curve(rng: np.random.Generator, n: int, baseline: float) -> Curve:
    mjd = 59000 + np.sort(rng.uniform(0, baseline, n))
    return mjd, 17 + 0.3 * np.sin(mjd / 0.7) + rng.normal(0, 0.1, n), rng.uniform(0.02, 0.2, n)


def reference(curves: list[Curve], frequency: float) -> float | None:
    """Share of chi2 that a sine with a mean of its own explains in each band, summed over bands.

    None where the epochs of a band hardly determine a sine: the picture shows no power there.
    """
    explained = total = 0.0
    for mjd, mag, magerr in curves:
        angle = 2 * np.pi * frequency * (mjd - mjd.min())
        model = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1) / magerr[:, None]
        if np.linalg.cond(model) > 1e4:
            return None
        constant = float((((mag - np.average(mag, weights=magerr**-2)) / magerr) ** 2).sum())
        left = float(((mag / magerr - model @ np.linalg.lstsq(model, mag / magerr, rcond=None)[0]) ** 2).sum())
        explained, total = explained + constant - left, total + constant
    return explained / total


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(4, 60), st.integers(1, 2), st.floats(15.0, 300.0))
def test_it_is_that_of_least_squares(seed: int, epochs: int, bands: int, baseline: float) -> None:
    rng = np.random.default_rng(seed)
    curves = [curve(rng, epochs, baseline) for _ in range(bands)]
    frequency, power = periodogram(curves)
    for index in rng.integers(frequency.size, size=20):
        expected = reference(curves, frequency[index])
        assert expected is None or power[index] == pytest.approx(expected, abs=1e-6)


def test_the_grid_is_that_of_the_period_search() -> None:
    curves = [curve(np.random.default_rng(1), 50, 100.0)]
    frequency, power = periodogram(curves)
    baseline = curves[0][0][-1] - curves[0][0][0]
    assert frequency[0] == np.diff(frequency[:2])[0] == grid_of(baseline)[0]
    assert 1 / frequency[-1] <= SHORTEST_PERIOD
    assert 1 / frequency[power.argmax()] == pytest.approx(2 * np.pi * 0.7, rel=0.01)
