"""What find_period reports beside the period."""

import numpy as np
import pytest
from astropy.timeseries import LombScargle

from features import UnusableLightCurve, find_period
from features.grid import SHORTEST_PERIOD
from features.significance import false_alarm_probability
from features.simulated import KINDS, cadence, light_curve


@pytest.mark.parametrize("power", [0.05, 0.1, 0.2, 0.4])
def test_false_alarm_probability_is_baluevs(power: float) -> None:
    mjd, mag, _ = (
        light_curve("noise", 150, 700.0, np.random.default_rng(1)).__getattribute__(k) for k in ("mjd", "mag", "magerr")
    )
    periodogram = LombScargle(mjd, mag)
    expected = periodogram.false_alarm_probability(power, method="baluev", maximum_frequency=1 / SHORTEST_PERIOD)
    assert false_alarm_probability(mjd - mjd[0], power, 1) == pytest.approx(float(expected), rel=1e-5)


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
