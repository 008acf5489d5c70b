"""Models of folded light curves recover shapes that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve.models.synthesis.epochs import Epochs
from starsieve.models.synthesis.signals.folded import PHASES, Folded
from starsieve.models.synthesis.signals.shapes import _best_series, _harmonics, eclipse_shape, fourier_shape

PERIOD = 0.7


def observed(shape: np.ndarray, n: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mjd = np.sort(rng.uniform(50_000, 52_000, n))
    mag = 15.0 + np.interp((mjd / PERIOD) % 1.0, PHASES, shape, period=1.0) + noise * rng.standard_normal(n)
    return mjd, mag, np.full(n, noise)


def saw_tooth() -> np.ndarray:
    return sum(0.3 * 0.6**k * np.cos(2 * np.pi * k * PHASES + 1.5 * k) for k in range(1, 6))


def test_series_recovers_a_pulsator_between_its_points() -> None:
    truth = saw_tooth()
    fits = [fourier_shape(*observed(truth, 250, 0.05, seed), PERIOD, 8) for seed in range(40)]
    assert max(np.sqrt(np.mean((fit.mag - truth) ** 2)) for fit in fits) < 0.03
    # One light curve's share scatters by 0.012, and in two of a thousand by more than four times that.
    explained = np.mean([fit.explained for fit in fits])
    assert explained == pytest.approx(1 - 0.05**2 / (truth.var() + 0.05**2), abs=0.01)


def test_series_of_noise_explains_nothing() -> None:
    fit = fourier_shape(*observed(np.zeros(512), 250, 0.05, 1), PERIOD, 8)
    assert fit is not None
    assert fit.explained < 0.1


def test_leaving_one_out_is_what_the_leverage_formula_says() -> None:
    rng = np.random.default_rng(0)
    x, mag, weight = rng.random(40), rng.standard_normal(40), rng.uniform(1, 3, 40)
    order, explained, _ = _best_series(x, mag, weight, 1)
    design = _harmonics(x, 1) * weight[:, None]
    errors = []
    for i in range(40):
        others = np.arange(40) != i
        solution = np.linalg.lstsq(design[others], (mag * weight)[others], rcond=None)[0]
        errors.append(mag[i] * weight[i] - design[i] @ solution)
    variance = np.mean(((mag - np.average(mag, weights=weight**2)) * weight) ** 2)
    assert order == 1
    assert explained == pytest.approx(1 - np.mean(np.square(errors)) / variance, rel=1e-9)


def test_outliers_do_not_bend_the_series() -> None:
    truth = saw_tooth()
    mjd, mag, magerr = observed(truth, 250, 0.03, 3)
    mag[::40] += 2.0
    fit = fourier_shape(mjd, mag, magerr, PERIOD, 8)
    assert fit is not None
    assert np.sqrt(np.mean((fit.mag - truth) ** 2)) < 0.03


@pytest.mark.parametrize(("depth", "width"), [(1.0, 0.02), (0.4, 0.05)])
def test_eclipses_stay_sharp(depth: float, width: float) -> None:
    def dip(centre: float) -> np.ndarray:
        return np.exp(-(((PHASES - centre + 0.5) % 1 - 0.5) ** 2) / (2 * width**2))

    truth = depth * dip(0.3) + depth / 2 * dip(0.8)
    fit = eclipse_shape(*observed(truth, 300, 0.02, 5), PERIOD)
    assert fit is not None
    assert np.ptp(fit.mag) == pytest.approx(depth, rel=0.15)
    assert PHASES[fit.mag.argmax()] == pytest.approx(0.3, abs=0.01)
    assert np.sqrt(np.mean((fit.mag - (truth - truth.mean())) ** 2)) < 0.05 * depth


def test_uncovered_eclipse_is_refused() -> None:
    mjd, mag, magerr = observed(np.zeros(512), 200, 0.02, 7)
    mag[5] += 1.0  # one faint point is not an eclipse
    fit = eclipse_shape(mjd, mag, magerr, PERIOD)
    assert fit is None or fit.explained < 0.2


@given(st.floats(0.1, 10), st.floats(0, 1))
def test_folded_tables_repeat_and_interpolate(period: float, start: float) -> None:
    star = Folded(np.array([period]), np.cos(2 * np.pi * PHASES)[None], np.array([start]))
    mjd = 50_000 + np.arange(50) * 0.0137
    mag = star.mag(Epochs(mjd, np.array([0, 50])))
    np.testing.assert_allclose(mag, np.cos(2 * np.pi * (mjd / period + start)), atol=1e-4)
    np.testing.assert_allclose(star.mag(Epochs(mjd + 7 * period, np.array([0, 50]))), mag, atol=1e-4)
