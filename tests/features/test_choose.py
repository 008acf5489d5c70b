"""The decision between a period and its multiples."""

from pathlib import Path

import numpy as np
import pytest

from starsieve.features import find_period, reference
from starsieve.features.analyse import weighed
from starsieve.features.periods import choice
from starsieve.features.shape.winsorize import winsorize
from starsieve.features.tools.folder import read_light_curves, read_objects
from starsieve.features.tools.simulated import KINDS, light_curve
from tests.features.sources import SOURCES, any_source, simulated


def test_shape_is_that_of_complex_amplitudes() -> None:
    for coefficients in np.random.default_rng(1).normal(size=(50, 6)):
        np.testing.assert_allclose(choice.shape_of(coefficients), reference.shape(coefficients), rtol=1e-6)


def test_sharp_minima_are_eclipses_and_fast_rises_are_not() -> None:
    phase = np.linspace(0, 1, 200, endpoint=False)

    def fit(mag: np.ndarray) -> np.ndarray:
        return np.array([2 * np.mean(mag * f(2 * np.pi * k * phase)) for k in (1, 2, 3) for f in (np.cos, np.sin)])

    eclipse = np.exp(-0.5 * ((phase - 0.5) / 0.05) ** 2)  # fainter for a short time
    flare = -eclipse
    sawtooth = (phase * 1.0) % 1  # fades slowly, brightens at once
    assert choice.shape_of(fit(eclipse))[0] > 0.5
    assert choice.shape_of(fit(flare))[0] < -0.5
    assert abs(choice.shape_of(fit(sawtooth))[1]) > 0.4
    assert abs(choice.shape_of(fit(eclipse))[1]) < 1e-6


def test_log_odds_are_the_sum_of_their_terms() -> None:
    rng = np.random.default_rng(2)
    answers = set()
    for _ in range(2000):
        coefficients = rng.normal(size=6) * [1, 1, 0.3, 0.3, 0.15, 0.15]
        frequency, gain, deviation = 10 ** rng.uniform(-2, 1.3), rng.uniform(0, 80), 10 ** rng.uniform(-2, 0)
        found = choice.doubling_log_odds(frequency, gain, deviation, coefficients)
        assert found == pytest.approx(reference.doubling_log_odds(frequency, gain, deviation * coefficients), abs=1e-6)
        answers.add(found > 0)
    assert answers == {True, False}


@pytest.mark.parametrize(
    ("kind", "at_least"), [("rrab", 0.95), ("rrc", 0.9), ("cepheid", 0.9), ("contact_binary", 0.85)]
)
def test_right_period(kind: str, at_least: float) -> None:
    rng = np.random.default_rng(3)
    curves = [light_curve(kind, 200, 1000.0, rng) for _ in range(40)]
    ratios = np.array([find_period(c.mjd, c.mag, c.magerr).period / c.period for c in curves])
    assert np.mean(np.abs(ratios - 1) < 0.01) >= at_least


def test_a_second_mode_does_not_double_the_period(data_dir: Path) -> None:
    folder = data_dir / "lightcurves" / "catalina"
    published = read_objects(folder, ("period",))
    curves = read_light_curves(folder)
    right = []
    for i in np.flatnonzero(published.label[curves.owner] == "RRD"):
        part = slice(curves.offsets[i], curves.offsets[i + 1])
        found = find_period(curves.mjd[part], curves.mag[part], curves.magerr[part])
        right.append(abs(found.period / published.numbers["period"][curves.owner[i]] - 1) < 0.01)
    assert np.mean(right) > 0.86  # 0.80 if harmonics alone decide


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_epochs", [12, 35, 200])
def test_evidence_is_that_of_the_best_number_of_harmonics(kind: str, n_epochs: int) -> None:
    mjd, mag, magerr = simulated(kind, n_epochs, 300.0)
    band = reference.Band(mjd - mjd[0], mag, magerr)
    data, _ = weighed(band.time, mag, magerr, np.array([0, mjd.size]))
    for frequency in np.random.default_rng(4).uniform(0.3, 10, 20):
        evidence, n_harmonics = choice.evidence_of(data, frequency)
        expected, expected_harmonics = reference.evidence([band], frequency)
        assert evidence == pytest.approx(expected, abs=1e-3)
        assert n_harmonics == expected_harmonics


def test_a_sine_s_period_is_that_of_one_harmonic() -> None:
    rng, spacing = np.random.default_rng(6), 5e-4
    for _ in range(20):
        curve = light_curve("long_period", 200, 1000.0, rng)
        band = reference.winsorized(reference.Band(curve.mjd - curve.mjd[0], curve.mag, curve.magerr))
        near = np.arange(0.96, 1.04, spacing) / curve.period
        best = near[np.argmax([reference.power([band], f, 1) for f in near])]
        found = find_period(curve.mjd, curve.mag, curve.magerr)
        assert found.period * best == pytest.approx(1, abs=spacing)  # 0.02 with three harmonics


@pytest.mark.parametrize("source", SOURCES)
def test_taming(source: str) -> None:
    mjd, mag, magerr = any_source(source)
    winsorized_mag, winsorized_err = np.empty(mag.size), np.empty(mag.size)
    winsorize(mag, magerr, np.array([0, mag.size]), winsorized_mag, winsorized_err)
    expected = reference.winsorized(reference.Band(mjd, mag, magerr))
    np.testing.assert_allclose(winsorized_mag, expected.mag, rtol=1e-12)
    np.testing.assert_allclose(winsorized_err, expected.magerr, rtol=1e-9)


def test_a_light_curve_with_mostly_one_magnitude_keeps_the_others() -> None:
    mag, magerr = np.r_[np.full(40, 15.0), 15.3, 16.0], np.full(42, 0.01)
    winsorized_mag, winsorized_err = np.empty(42), np.empty(42)
    winsorize(mag, magerr, np.array([0, 42]), winsorized_mag, winsorized_err)
    np.testing.assert_array_equal(winsorized_mag, mag)


def test_three_outliers_in_a_hundred_epochs_seldom_change_the_period() -> None:
    rng = np.random.default_rng(5)
    same = []
    for _ in range(20):
        curve = light_curve("cepheid", 100, 1000.0, rng)
        mag = curve.mag.copy()
        mag[rng.integers(100, size=3)] += rng.choice([-1, 1], 3) * 8 * np.std(curve.mag)
        without, found = (find_period(curve.mjd, m, curve.magerr).period for m in (curve.mag, mag))
        same.append(abs(found / without - 1) < 0.01)
    assert np.mean(same) >= 0.6  # 0.35 if the light curve is not winsorized


def test_gain_is_a_log_likelihood_ratio() -> None:
    assert choice.gain_of(100, 0.75, 0.5) == pytest.approx(100 * np.log(2))
    assert np.isfinite(choice.gain_of(100, 1.0, 1.0))


def test_a_band_of_few_epochs_weighs_little() -> None:
    curve = light_curve("rrab", 240, 500.0, np.random.default_rng(3))
    for starts, expected in (([0, 240], 240), ([0, 120, 240], 120), ([0, 40, 240], (40**2 + 200**2) / 240)):
        data, _ = weighed(curve.mjd - curve.mjd[0], curve.mag, curve.magerr, np.array(starts))
        assert choice.epochs_per_band(data) == pytest.approx(expected)
