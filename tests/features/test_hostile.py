"""Whatever comes in: a named reason, or finite features that do not depend on the state."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starsieve import features
from starsieve.features import reference
from starsieve.features.check import REASONS, floored_errors

COSTLY = settings(max_examples=150, suppress_health_check=list(HealthCheck))
finite = st.floats(-1e3, 1e3, allow_nan=False)


@st.composite
def light_curves(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ties, gaps, dense nights, outliers, few and many epochs, errors over six orders of magnitude."""
    n = draw(st.one_of(st.integers(0, 30), st.sampled_from([100, 1000, 5000])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    baseline = draw(st.sampled_from([0.0, 1e-3, 0.05, 0.3, 3.0, 300.0, 3000.0, 30000.0]))
    mjd = rng.uniform(0, baseline, n)
    if draw(st.booleans()):
        mjd = np.floor(mjd * draw(st.sampled_from([1.0, 24.0])))  # ties, on the day or the hour
    if draw(st.booleans()):
        mjd[mjd > baseline / 3] += baseline  # a gap
    mag = draw(finite) + draw(st.sampled_from([0.0, 1e-7, 1e-3, 0.1, 3.0])) * rng.normal(size=n)
    if draw(st.booleans()):
        mag = np.round(mag, draw(st.integers(0, 2)))
    magerr = 10 ** rng.uniform(-5, draw(st.sampled_from([-4.9, -2.0, 1.0])), n)
    if n and draw(st.booleans()):
        mag[rng.integers(n)] += draw(finite)
        magerr[rng.integers(n)] = draw(st.sampled_from([1e-300, 1e-9, 1e-3, 99.0]))
    return np.sort(mjd), mag, magerr


@COSTLY
@given(light_curves())
def test_reason_or_finite_features(light_curve: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    n = light_curve[0].size
    earlier = tuple(column[: n - n // 10] for column in light_curve)
    first = features.update_many([None], *earlier, [0, len(earlier[0])])
    streamed = features.update_many(first.states, *light_curve, [0, n])
    fresh = features.update_many([None], *light_curve, [0, n])
    assert streamed.features.tobytes() == fresh.features.tobytes()
    assert streamed.profiles.tobytes() == fresh.profiles.tobytes()
    assert (streamed.reasons, streamed.periods) == (fresh.reasons, fresh.periods)
    reason, period = fresh.reasons[0], fresh.periods[0]
    if reason is None:
        assert np.isfinite(fresh.features).all()
        assert np.isfinite(fresh.profiles).all()
        assert period is not None
        assert 0 < period.period <= np.ptp(light_curve[0]) * (1 + 1e-9)
        assert 0 <= period.false_alarm_probability <= 1
    else:
        assert reason in REASONS
        assert period is None
        assert np.isnan(fresh.features).all()
        assert np.isnan(fresh.profiles).all()


@settings(COSTLY, max_examples=50)
@given(st.lists(light_curves(), max_size=4))
def test_bands_of_an_object_have_reasons_or_finite_features(
    bands: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    def update(state: bytes | None, epochs: list[tuple[np.ndarray, ...]]) -> features.Updates:
        columns = [np.concatenate([np.empty(0), *column]) for column in zip(*epochs, strict=True)] or [np.empty(0)] * 3
        offsets = np.cumsum([0, *(band[0].size for band in epochs)])
        return features.update_many([state], *columns, offsets, objects=[0, len(epochs)])

    earlier = [tuple(column[: column.size - column.size // 10] for column in band) for band in bands]
    fresh, streamed = update(None, bands), update(update(None, earlier).states[0], bands)
    assert (
        streamed.features.tobytes() + streamed.profiles.tobytes() == fresh.features.tobytes() + fresh.profiles.tobytes()
    )
    assert (streamed.reasons, streamed.periods) == (fresh.reasons, fresh.periods)
    good = np.array([reason is None for reason in fresh.reasons], dtype=bool)
    assert np.isfinite(fresh.features[good]).all()
    assert np.isnan(fresh.features[~good]).all()
    assert (fresh.periods[0] is not None) == good.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e9])
@pytest.mark.parametrize("epoch", [0, 39])
def test_an_impossible_time_in_one_band_leaves_the_other_as_it_is(bad: float, epoch: int) -> None:
    broken, good = usable(), usable()
    broken[0][epoch], good[0] = bad, 100 * good[0]  # the good one's state is longer
    columns = [np.concatenate(pair) for pair in zip(broken, good, strict=True)]
    for order in ([0, 1], [1, 0]):
        mjd, mag, magerr = (column.reshape(2, 40)[order].ravel() for column in columns)
        found = features.update_many([None], mjd, mag, magerr, [0, 40, 80], objects=[0, 2])
        alone = features.update(None, *good)
        assert found.periods == [alone.period]
        assert found.features[order.index(1)].tobytes() == alone.features.tobytes()


@COSTLY
@given(light_curves())
def test_upsilont_gives_a_reason_or_finite_features(light_curve: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    if light_curve[0].size > 200 or (light_curve[0] > 1000).any():
        return  # its grid grows with both
    batch = features.extract_many(*light_curve, [0, light_curve[0].size], upsilont=True)
    assert (batch.reasons[0] is None) == bool(np.isfinite(batch.features).all())


def usable() -> list[np.ndarray]:
    mjd = np.linspace(0, 30, 40) ** 1.01
    return [mjd, 15 + np.sin(mjd), np.full(40, 0.1)]


@pytest.mark.parametrize(
    ("reason", "column", "value"),
    [
        ("non_finite", 0, np.nan),
        ("non_finite", 1, np.inf),
        ("non_finite", 2, np.nan),
        ("invalid_errors", 2, 0.0),
        ("invalid_errors", 2, -0.1),
        ("invalid_errors", 2, 1e9),
        ("invalid_magnitudes", 1, -9999.0),
    ],
)
def test_one_bad_epoch(reason: str, column: int, value: float) -> None:
    light_curve = usable()
    light_curve[column][7] = value
    assert features.extract_many(*light_curve, [0, 40]).reasons == [reason]


def test_a_stream_has_to_be_in_order_of_time() -> None:
    light_curve = usable()
    light_curve[0][7] = 100.0
    assert features.update_many([None], *light_curve, [0, 40]).reasons == ["not_sorted"]
    assert features.extract_many(*light_curve, [0, 40]).reasons == [None]


@pytest.mark.parametrize("n", [20, 60, 200])
@pytest.mark.parametrize("error", [3e-4, 3e-5, 1e-6, 1e-300, 5e-324])
def test_one_error_far_too_small_does_not_decide(error: float, n: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng([seed, n])
        mjd, magerr, period = np.sort(rng.uniform(0, 300, n)), np.full(n, 0.02), 0.61234 * (1 + seed / 50)
        mag = 15 + 0.3 * np.sin(2 * np.pi * mjd / period) + 0.02 * rng.normal(size=n)
        magerr[rng.integers(n)] = error
        ratio = features.find_period(mjd, mag, magerr).period / period
        assert min(abs(ratio - 1), abs(ratio - 2)) < 0.01


@pytest.mark.parametrize("error", [5e-324, 1e-300, 1e-9, 99.0])
def test_errors_that_are_all_absurd_count_the_same(error: float) -> None:
    mjd, mag, magerr = usable()
    found = features.find_period(mjd, mag, np.full(40, error))
    assert found.period == pytest.approx(features.find_period(mjd, mag, magerr).period, rel=1e-3)
    magerr[::2] = error  # and half of them, so that the median is absurd
    assert np.isfinite(features.extract(mjd, mag, magerr)).all()


@pytest.mark.parametrize("n_seen", [30, 40])
def test_floored_errors_are_those_of_a_plain_loop(n_seen: int) -> None:
    magerr = 10 ** np.random.default_rng(1).uniform(-5, 1, 80)
    found = floored_errors(magerr, np.array([0, 40]), np.array([40, n_seen]), np.array([1]))
    np.testing.assert_array_equal(found[:40], magerr[:40])  # a band that is not used
    seen = slice(40, 40 + n_seen)
    np.testing.assert_array_equal(found[seen], reference.floored(magerr[seen], n_seen))
    np.testing.assert_array_equal(found[40 + n_seen :], magerr[40 + n_seen :])  # later epochs


def test_reasons_of_whole_light_curves() -> None:
    mjd, mag, magerr = usable()
    half = np.where(np.arange(40) < 25, 15.0, mag + 3)
    cases = {
        "too_few_epochs": (mjd[:6], mag[:6], magerr[:6]),
        "one_time": (np.full(40, 5.0), mag, magerr),
        "constant_magnitude": (mjd, np.full(40, 15.0), magerr),
        "half_constant": (mjd, half, magerr),
        "baseline_too_short": (mjd * 1e-3, mag, magerr),
        "baseline_too_long": (mjd * 1e3, mag, magerr),
    }
    for reason, light_curve in cases.items():
        with pytest.raises(features.UnusableLightCurve) as caught:
            features.extract(*light_curve)
        assert caught.value.reason == reason
        assert reason in str(caught.value)
