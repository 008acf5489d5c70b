"""The profile is that of a plain fit, and says what its names promise."""

from pathlib import Path

import numpy as np
import pytest

from starsieve import features
from starsieve.features import PROFILE, reference
from starsieve.features.periods.significance import false_alarm_probability
from starsieve.features.shape.profile import FROM_SEARCH, profile_given_period
from tests.features.sources import HARD, SOURCES, SURVEYS, Arrays, real, simulated


def compare(light_curve: Arrays, frequency: float) -> None:
    mjd, mag, magerr = light_curve
    out = np.empty(len(PROFILE) - FROM_SEARCH)
    profile_given_period(mjd - mjd[0], mag, magerr, frequency, out)
    expected = reference.profile_given_period(reference.Band(mjd - mjd[0], mag, magerr), frequency)
    assert tuple(expected) == PROFILE[FROM_SEARCH:]
    for name, found in zip(expected, out, strict=True):
        assert found == pytest.approx(expected[name], rel=1e-5, abs=1e-7), name


@pytest.mark.parametrize("source", [name for name in SOURCES if name != "dense_night"])  # sees too few phases
@pytest.mark.parametrize("frequency", [0.2618033, 1.618033988, 13.3123456789])
def test_simulated(source: str, frequency: float) -> None:
    compare(HARD[source]() if source in HARD else simulated(source, 200, 1000.0), frequency)


@pytest.mark.parametrize("survey", SURVEYS)
def test_real(survey: str, data_dir: Path) -> None:
    for light_curve in real(data_dir, survey, 40):
        compare(light_curve, 1.3675228)


def test_a_stream_gives_it_with_what_the_search_knows() -> None:
    light_curve = simulated("rrab", 200, 1000.0)
    found = features.update(None, *light_curve)
    known = (found.period.peak_period, found.period.peak_power)
    np.testing.assert_array_equal(found.profile[: FROM_SEARCH - 1], known)
    time = light_curve[0] - light_curve[0][0]
    assert found.profile[FROM_SEARCH - 1] == false_alarm_probability(time, found.period.peak_power, 1)
    assert found.profile[PROFILE.index("power_3")] == pytest.approx(found.period.power)


def test_eclipses_are_told_by_their_depths() -> None:
    rng = np.random.default_rng(4)
    mjd = np.sort(rng.uniform(0, 400, 300))
    phase = mjd / 2.3 % 1
    apart = np.abs((phase + 0.5) % 1 - 0.5), np.abs(phase - 0.5)
    mag = 15 + 0.8 * np.exp(-((apart[0] / 0.08) ** 2)) + 0.4 * np.exp(-((apart[1] / 0.08) ** 2))
    found = features.update(None, mjd, mag + rng.normal(0, 0.01, 300), np.full(300, 0.01))
    profile = dict(zip(PROFILE, found.profile, strict=True))
    assert profile["second_depth"] == pytest.approx(0.5, abs=0.1)
    assert profile["fitted_range"] == pytest.approx(0.8, rel=0.15)
    assert profile["faint_share"] < 0.2
    assert profile["power_1"] < profile["power_3"] < profile["power_6"]


@pytest.mark.parametrize("width", [0.1, 0.2])  # of either eclipse, from first to last contact
def test_eclipses_are_told_by_how_long_they_last(width: float) -> None:
    rng = np.random.default_rng(8)
    mjd = np.sort(rng.uniform(0, 400, 400))
    apart = np.abs((2 * mjd / 2.3 + 0.5) % 1 - 0.5) / 2
    mag = 15 + np.maximum(0.0, 0.8 * (1 - apart / (width / 2))) + rng.normal(0, 0.01, 400)
    found = features.update(None, mjd, mag, np.full(400, 0.01)).profile[PROFILE.index("eclipse_share")]
    assert found == pytest.approx(2 * width, abs=0.08)
    wave = features.update(None, mjd, 15 + 0.4 * np.sin(2 * np.pi * mjd / 0.6171), np.full(400, 0.01)).profile
    assert wave[PROFILE.index("eclipse_share")] > 0.75


def test_what_a_period_leaves_is_told_from_noise() -> None:
    rng = np.random.default_rng(5)
    mjd = np.sort(rng.uniform(0, 1000, 300))
    wave, drift = 0.3 * np.sin(2 * np.pi * mjd / 0.6171), 0.2 * np.sin(2 * np.pi * mjd / 900)
    noise = rng.normal(0, 0.02, 300)
    clean, drifting = (
        dict(zip(PROFILE, features.update(None, mjd, 15 + signal + noise, np.full(300, 0.02)).profile, strict=True))
        for signal in (wave, wave + drift)
    )
    assert clean["residual_eta"] == pytest.approx(2, abs=0.4)
    assert drifting["residual_eta"] < 0.5
    assert clean["trend_power"] < 0.02
    assert clean["odd_share"] > 0.95
    assert clean["power_half"] < 0.1


def test_slow_stars_are_smooth_in_time() -> None:
    rng = np.random.default_rng(6)
    mjd = np.sort(rng.uniform(0, 1000, 300))
    mag = 15 + np.sin(2 * np.pi * mjd / 310) + rng.normal(0, 0.02, 300)
    found = dict(zip(PROFILE, features.update(None, mjd, mag, np.full(300, 0.02)).profile, strict=True))
    assert found["eta"] < 0.05
    assert found["eta_of_nights"] < 0.05
    assert found["power_double"] > 0.9
