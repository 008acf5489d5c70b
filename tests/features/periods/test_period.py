"""What find_period reports beside the period."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.timeseries import LombScargle
from rich.console import Console

from starsieve import features
from starsieve.features import UnusableLightCurve, find_period, reference
from starsieve.features.periods.grid import SHORTEST_PERIOD
from starsieve.features.periods.search import weighed
from starsieve.features.periods.significance import beyond_trend, false_alarm_probability
from starsieve.features.tools.bench_periods import compare_survey
from starsieve.features.tools.simulated import KINDS, cadence, light_curve
from tests.features.sources import SOURCES, any_source, simulated


@pytest.mark.parametrize("power", [0.05, 0.1, 0.2, 0.4])
def test_false_alarm_probability_is_baluevs(power: float) -> None:
    mjd, mag, _ = (
        light_curve("noise", 150, 700.0, np.random.default_rng(1)).__getattribute__(k) for k in ("mjd", "mag", "magerr")
    )
    periodogram = LombScargle(mjd, mag)
    expected = periodogram.false_alarm_probability(power, method="baluev", maximum_frequency=1 / SHORTEST_PERIOD)
    assert false_alarm_probability(mjd - mjd[0], power, 1) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("degree", [1, 4])
def test_beyond_a_trend_it_is_that_of_noise_about_the_trend(degree: int) -> None:
    """Of 400 light curves of noise the bound holds; astropy knows only a constant, and simulation is the judge."""
    rng, below = np.random.default_rng(1), 0
    for _ in range(400):
        mjd = np.sort(rng.uniform(0, 3, 40))  # so short that the grid is small enough to be tried whole
        columns = [(mjd / 3) ** k for k in range(degree + 1)]
        noise = rng.normal(size=40)
        left = noise - np.stack(columns, 1) @ np.linalg.lstsq(np.stack(columns, 1), noise, rcond=None)[0]
        chi2 = []
        for f in np.arange(0.2, 1 / SHORTEST_PERIOD, 0.1):
            model = np.stack([*columns, np.cos(2 * np.pi * f * mjd), np.sin(2 * np.pi * f * mjd)], 1)
            chi2.append(np.sum((noise - model @ np.linalg.lstsq(model, noise, rcond=None)[0]) ** 2))
        below += false_alarm_probability(mjd, 1 - min(chi2) / np.sum(left**2), 1, degree) < 0.1
    assert 0.03 * 400 < below < 0.13 * 400


@pytest.mark.parametrize("n_bands", [1, 2])
@pytest.mark.parametrize("source", [name for name in SOURCES if name != "dense_night"])  # sees too few phases
def test_beyond_a_trend_the_power_is_that_of_a_plain_fit(source: str, n_bands: int) -> None:
    bands = [any_source(source), any_source("rrab")][:n_bands]
    first = min(mjd[0] for mjd, _, _ in bands)
    parts = [reference.Band(mjd - first, mag, magerr) for mjd, mag, magerr in bands]
    time, mag, magerr = (np.concatenate(columns) for columns in zip(*bands, strict=True))
    data, _ = weighed(time - first, mag, magerr, np.cumsum([0, *(band[0].size for band in bands)]))
    for frequency in (0.2618033, 1.618033988, 13.3123456789):
        assert beyond_trend(data, frequency) == pytest.approx(
            reference.beyond_trend(parts, frequency), rel=1e-6, abs=1e-9
        )


def slow(cycles: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A star that changes by less than a cycle in 700 d, seen once in most nights at much the same time."""
    mjd = np.sort(rng.choice(700, 300, replace=False)) + 0.01 * rng.normal(size=300)
    mag = 15 + 0.5 * np.sin(2 * np.pi * (cycles * mjd / 700 + rng.uniform())) + 0.02 * rng.normal(size=300)
    return mjd, mag, np.full(300, 0.02)


def test_what_changes_slowly_is_not_called_periodic() -> None:
    """A period of 1400 d in 700 d, seen nightly, has a peak at a day that noise never makes: but a trend does."""
    rng = np.random.default_rng(12)
    for cycles in np.linspace(0.1, 0.9, 30):
        found = features.update(None, *slow(cycles, rng))
        assert (
            found.profile[features.PROFILE.index("false_alarm_probability")] < 1e-40
        )  # what the networks know: the highest peak is not noise
        assert found.period.trend_power > 0.9
        if cycles < 0.7:
            assert found.period.false_alarm_probability > 1e-3
            assert found.period.trust == "WEAK"
        else:  # a polynomial does not follow a whole cycle to the last error
            assert found.period.trust in ("WEAK", "ALIASED")


def test_a_period_on_top_of_a_trend_is_significant() -> None:
    rng = np.random.default_rng(13)
    for period in (0.6123, 3.3, 17.0):
        mjd, mag, magerr = slow(0.5, rng)
        mjd = mjd + rng.uniform(0, 0.3, 300)  # not always at the same time of the night
        found = find_period(mjd, mag + 0.5 * np.sin(2 * np.pi * mjd / period), magerr)
        assert abs(1 / found.period - 1 / period) * 700 < 0.1  # cycles
        assert found.trend_power > 0.2
        assert found.false_alarm_probability < 1e-40


def test_trust_is_the_worst_that_applies() -> None:
    star = simulated("rrab", 200, 1000.0)
    firm = find_period(*star)
    assert (firm.trust, firm.harmonic) == ("FIRM", 1)
    assert firm.cycles == pytest.approx(np.ptp(star[0]) / firm.period)
    assert replace(firm, harmonic=0).trust == "DISPUTED"
    assert replace(firm, harmonic=0, cycles=2.9).trust == "FEW_CYCLES"
    assert replace(firm, cycles=2.9, aliases=("day",)).trust == "ALIASED"
    assert replace(firm, aliases=("day",), false_alarm_probability=1e-5).trust == "WEAK"


def test_firm_periods_of_real_stars_are_right(data_dir: Path) -> None:
    """docs/results.md has more of them."""
    compared = compare_survey(data_dir / "lightcurves" / "asas", 300, 0, None, Console(quiet=True))
    assert compared is not None
    assert compared["trust"]["FIRM"]["stars"] > 200
    assert compared["trust"]["FIRM"]["within_factor_2"] > 0.95
    assert compared["trust"]["WEAK"]["within_factor_2"] < 0.9


def test_noise_is_not_significant_and_a_pulsation_is() -> None:
    rng = np.random.default_rng(2)
    noise = [light_curve("noise", 100, 500.0, rng) for _ in range(30)]
    probabilities = [find_period(c.mjd, c.mag, c.magerr).false_alarm_probability for c in noise]
    assert np.mean(np.array(probabilities) < 0.05) < 0.2
    star = light_curve("rrab", 100, 500.0, rng)
    assert 0 < find_period(star.mjd, star.mag, star.magerr).false_alarm_probability < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_period_never_exceeds_the_baseline(kind: str) -> None:
    rng = np.random.default_rng(3)
    for baseline in (0.5, 3.0, 40.0, 200.0):
        curve = light_curve(kind, 40, max(baseline, 30.0), rng)
        mjd = curve.mjd[0] + (curve.mjd - curve.mjd[0]) * baseline / np.ptp(curve.mjd)
        assert find_period(mjd, curve.mag, curve.magerr).period <= np.ptp(mjd) * (1 + 1e-9)


def test_a_trend_does_not_exceed_the_baseline_either() -> None:
    mjd = np.sort(np.random.default_rng(4).uniform(0, 100, 60))
    assert find_period(mjd, 15 + 0.01 * mjd, np.full(60, 0.01)).period <= 100


def test_sparse_bands_together_find_what_few_find_alone() -> None:
    rng = np.random.default_rng(5)
    period, bands = 0.61234, []
    for name, colour in (("g", 0.6), ("r", 0.2), ("i", 0.0), ("z", -0.1)):
        mjd = cadence(14, 300.0, rng)
        mag = 17 + colour + 0.25 * np.sin(2 * np.pi * mjd / period) + 0.08 * rng.normal(size=14)
        bands.append((mjd, mag, np.full(14, 0.08), np.full(14, name)))
    mjd, mag, magerr, band = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    together = find_period(mjd, mag, magerr, band)
    assert together.period == pytest.approx(period, rel=1e-3)
    assert together.n_epochs == 56
    alone = [find_period(*b[:3]).period for b in bands]
    assert sum(abs(p / period - 1) < 1e-3 for p in alone) <= 2


def test_sparse_bands_together_tell_that_a_binary_has_two_minima() -> None:
    rng, right = np.random.default_rng(8), 0
    for _ in range(20):
        whole = light_curve("contact_binary", 78, 210.0, rng)
        band = rng.permutation(np.repeat(list("ugrizy"), 13))
        colour = np.array([("ugrizy".index(each) - 2) * 0.3 for each in band])
        found = find_period(whole.mjd, whole.mag - colour, whole.magerr, band)
        right += abs(found.period / whole.period - 1) < 0.01
    assert right > 12


def test_daily_alias_is_flagged_on_one_visit_a_night_and_not_around_the_clock() -> None:
    rng = np.random.default_rng(6)
    nightly = np.arange(120) + 0.001 * rng.normal(size=120)
    around_the_clock = np.sort(rng.uniform(0, 120, 120))
    for mjd, flagged in ((nightly, True), (around_the_clock, False)):
        mag = 15 + 0.2 * np.sin(2 * np.pi * mjd / 3.7) + 0.02 * rng.normal(size=120)
        assert ("day" in find_period(mjd, mag, np.full(120, 0.02)).aliases) == flagged


def test_harmonic_of_the_highest_peak() -> None:
    curve = light_curve("contact_binary", 300, 800.0, np.random.default_rng(7))
    found = find_period(curve.mjd, curve.mag, curve.magerr)
    assert found.harmonic == 2
    assert found.peak_period == pytest.approx(found.period / 2, rel=1e-3)
    assert found.frequency * found.period == pytest.approx(1)


def test_order_of_epochs_does_not_matter() -> None:
    curve = light_curve("rrab", 100, 300.0, np.random.default_rng(8))
    shuffled = np.random.default_rng(9).permutation(100)
    assert find_period(curve.mjd, curve.mag, curve.magerr) == find_period(
        curve.mjd[shuffled], curve.mag[shuffled], curve.magerr[shuffled]
    )


def test_unusable() -> None:
    with pytest.raises(UnusableLightCurve) as caught:
        find_period([1.0, 2.0], [1.0, 2.0], [0.1, 0.1])
    assert caught.value.reason == "too_few_epochs"
    with pytest.raises(ValueError, match="one length"):
        find_period([1.0, 2.0], [1.0], [0.1, 0.1])
