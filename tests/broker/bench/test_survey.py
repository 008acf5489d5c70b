"""The mature survey of `bench stream`: alerts that go on where the stored light curves end."""

from itertools import islice

import numpy as np
import pytest

from starsieve import features
from starsieve.broker.bench.stream import Plan, due
from starsieve.broker.bench.survey import Mature, mature
from starsieve.broker.epochs import band_numbers, merge_into
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.packets import decode


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Mature:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARSIEVE_CACHE", str(tmp_path_factory.mktemp("cache")))
        made, again = (mature(objects=25, epochs=120, days=150, seed=3) for _ in range(2))
    assert [rows.tobytes() for rows in made.rows] == [rows.tobytes() for rows in again.rows]
    assert made.states == again.states
    return again  # as it was read from the cache


def test_light_curves_are_as_long_as_they_should_be(survey: Mature) -> None:
    assert survey.median_epochs == pytest.approx(120, rel=0.2)
    assert all(rows["mjd"].max() < survey.begin_jd - 2400000.5 + 0.1 for rows in survey.rows)


def test_alerts_repeat_what_is_stored_and_bring_what_came_since(survey: Mature) -> None:
    packets = list(survey.packets())
    stored, times = dict(enumerate(survey.rows)), []
    for star, packet in packets:
        (alert,) = decode(packet, "ztf")
        assert isinstance(alert, Alert)
        assert alert.object_id == survey.stars[star].object_id
        merged, new = merge_into(stored[star], [alert.epochs])
        assert merged.size == stored[star].size + new.size, "no stored row gives way to one of a packet"
        assert new["mjd"].min(initial=np.inf) > stored[star]["mjd"].min()
        stored[star] = merged
        times.append(alert.time_ms)
    assert times == sorted(times)
    assert len({packet for _, packet in packets}) == len(packets)


def test_states_are_those_that_a_worker_has_left(survey: Mature) -> None:
    for rows, state in islice(zip(survey.rows, survey.states, strict=True), 5):
        mjd, mag, magerr = (rows[name].astype(np.float64) for name in ("mjd", "mag", "magerr"))
        offsets = np.append(np.flatnonzero(np.diff(band_numbers(rows), prepend=-1)), rows.size)
        found = features.update_many([state], mjd, mag, magerr, offsets, objects=[0, offsets.size - 1])
        assert found.states == [state]
        assert found.periods[0] is not None
        assert found.periods[0].blocks == 0, "nothing is left to search"


@pytest.mark.parametrize(
    ("pattern", "alerts", "expected"),
    [("flood", 3, [0, 0, 0]), ("steady", 3, [0, 0.5, 1]), ("rubin", 20_001, [0] * 10_000 + [39] * 10_000 + [78])],
)
def test_when_alerts_are_due(pattern: str, alerts: int, expected: list[float]) -> None:
    plan = Plan(pattern, 1, alerts, objects=1, epochs=1, days=1, rate=2.0, seed=1)  # type: ignore[arg-type]
    assert due(plan).tolist() == expected
