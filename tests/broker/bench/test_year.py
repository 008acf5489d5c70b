"""Rubin's objects of `bench stream`: alerts that go on where a worker has left the light curves."""

from itertools import islice

import pytest

from starsieve.broker.bench.year import Year, year
from starsieve.broker.process import process
from starsieve.broker.store import Stored
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.lsst_rows import FORM
from starsieve.broker.surveys.packets import decode
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return registry.load("lsst")


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory, classifier: Classifier) -> Year:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARSIEVE_CACHE", str(tmp_path_factory.mktemp("cache")))
        made, again = (year(40, 3, classifier) for _ in range(2))
    assert [rows.tobytes() for rows in made.rows] == [rows.tobytes() for rows in again.rows]
    assert made.states == again.states
    return again  # as it was read from the cache


def alerts(met: Year) -> list[tuple[int, Alert]]:
    found = [(star, decode(b"".join(parts), "lsst")[0]) for star, parts in met.alerts()]
    return [(star, alert) for star, alert in found if isinstance(alert, Alert)]


def test_alerts_repeat_what_is_stored_and_bring_what_came_since(met: Year) -> None:
    stored, times = dict(enumerate(met.rows)), []
    found = alerts(met)
    assert len(found) == sum(star.alerting().sum() for star in met.stars) > 200
    for star, alert in found:
        assert (alert.object_id, dict(alert.dropped)) == (met.object_ids[star], {})
        merged, new = FORM.merge_into(stored[star], [alert.epochs])
        assert merged.size == stored[star].size + new.size
        stored[star] = merged
        times.append(alert.time_ms)
    assert times == sorted(times)
    assert 50 < met.epochs(0) < 120


def test_states_are_those_that_a_worker_has_left(met: Year, classifier: Classifier) -> None:
    """With them an alert is answered as without, and hardly anything is searched."""
    compared = 0
    for star, alert in islice(alerts(met), 60):
        if met.states[star] is None:
            continue
        answers = [
            process(
                [alert],
                {alert.object_id: Stored(met.rows[star], state)},
                classifier,
                min_epochs=classifier.min_epochs,
                form=FORM,
            )[0][0]
            for state in (met.states[star], None)
        ]
        assert answers[0].period == answers[1].period
        compared += 1
    assert compared > 5
