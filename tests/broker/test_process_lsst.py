"""Rubin's alerts through `process`: totals that are made when they are read leave the lazy period search exact."""

from dataclasses import replace

import numpy as np
import pytest

from starsieve import features
from starsieve.broker.epochs import Epochs
from starsieve.broker.process import Outcome, process
from starsieve.broker.store import Stored
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.lsst_rows import FORM, ROW, rung_of
from starsieve.broker.surveys.packets import decode
from starsieve.features.periods.grid import grid_of
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier
from tests.broker.surveys.lsst_packets import container, record, source, star

NOTHING = Stored(np.empty(0, ROW))


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return registry.load("ztf")  # it knows g and r, and needs as many epochs as the tests say


@pytest.fixture(scope="module")
def alerts() -> list[Alert]:
    """All of a pulsating star: each with its exposure in both lists, and the last ten visits before."""
    sources, photometry = star(150, np.random.default_rng(1), amplitude=0.3)
    packets = [
        container(record(now, sources[max(0, n - 10) : n], photometry[max(0, n - 10) : n + 1]))
        for n, now in enumerate(sources)
    ]
    found = [each for packet in packets for each in decode(packet, "lsst")]
    assert all(isinstance(each, Alert) for each in found)
    return [each for each in found if isinstance(each, Alert)]


def run(alerts: list[Alert], stored: Stored, classifier: Classifier) -> tuple[list[Outcome], Stored]:
    """Answers, and what the store has of the one object afterwards."""
    known = {each.object_id: stored for each in alerts}
    outcomes, (change,) = process(alerts, known, classifier, min_epochs=20, form=FORM)
    merged, _ = FORM.merge_into(stored.epochs, [change.new_epochs])
    return outcomes, Stored(merged, change.search_state or stored.search_state)


def assert_same(one: Outcome, other: Outcome) -> None:
    assert (one.reason, one.period, dict(one.dropped)) == (other.reason, other.period, dict(other.dropped))
    assert [(b.band, b.epochs, b.forced_epochs) for b in one.bands] == [
        (b.band, b.epochs, b.forced_epochs) for b in other.bands
    ]
    np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_no_step_of_the_lazy_search_differs_from_a_full_one(alerts: list[Alert], classifier: Classifier) -> None:
    stored, kept, looked_at = NOTHING, NOTHING, []
    for alert in alerts:
        (outcome,), stored = run([alert], stored, classifier)
        (anew,), kept = run([alert], replace(kept, search_state=None), classifier)
        assert_same(outcome, anew)
        if outcome.period is not None:
            looked_at.append(outcome.period.blocks)
    assert len(looked_at) > 80
    blocks = grid_of(np.ptp(stored.epochs["mjd"]))[1]
    assert np.mean(looked_at[1:]) < 0.2 * blocks


def test_a_batch_is_answered_as_its_alerts_one_by_one(alerts: list[Alert], classifier: Classifier) -> None:
    """With references that change between the alerts of one object."""
    stored, single = NOTHING, []
    for alert in alerts:
        outcomes, stored = run([alert], stored, classifier)
        single += outcomes
    together, all_at_once = run(list(reversed(alerts)), NOTHING, classifier)
    assert len({rung_of(n) for n in range(60, 151)}) > 2
    for one, other in zip(single, reversed(together), strict=True):
        assert_same(one, other)
    assert all_at_once.epochs.tobytes() == stored.epochs.tobytes()
    again, last = run(alerts, stored, classifier)
    for one, other in zip(single, again, strict=True):
        assert_same(one, other)
    assert last.epochs.tobytes() == stored.epochs.tobytes()


def test_the_stars_period_is_found_in_all_bands(alerts: list[Alert], classifier: Classifier) -> None:
    *_, outcome = run(alerts, NOTHING, classifier)[0]
    assert outcome.period is not None
    assert outcome.period.period == pytest.approx(0.567, rel=1e-3)
    assert [band.band for band in outcome.bands] == ["g", "r", "i"]
    assert all(band.forced_epochs > 0 for band in outcome.bands)
    assert outcome.bands[0].features is not None
    assert outcome.bands[0].features.shape == (len(features.FEATURES),)


def without_template(alert: Alert) -> Epochs:
    rows = alert.epochs.copy()
    rows["template"] = np.nan
    return rows


def test_stored_epochs_without_a_total_are_counted(alerts: list[Alert], classifier: Classifier) -> None:
    bare = replace(alerts[-1], epochs=without_template(alerts[-1]), dropped={"withdrawn": 1})
    (outcome,), _ = run([bare], NOTHING, classifier)
    assert outcome.reason == "no_total_flux"
    assert outcome.dropped == {"withdrawn": 1, "no_total_magnitude": 11}
    (outcome,), _ = run([replace(alerts[-1], epochs=np.empty(0, ROW))], NOTHING, classifier)
    assert (outcome.reason, outcome.dropped) == ("no_photometry", {})


def test_an_alert_without_an_object_is_answered_and_stored_nowhere(classifier: Classifier) -> None:
    nobody = decode(container(record(source(3, diaObjectId=0, ssObjectId=7))), "lsst")
    somebody = decode(container(record(source(3))), "lsst")
    mixed = [each for each in [*nobody, *somebody, *nobody] if isinstance(each, Alert)]
    outcomes, changes = process(mixed, {mixed[1].object_id: NOTHING}, classifier, min_epochs=20, form=FORM)
    assert [each.reason for each in outcomes] == ["solar_system", "too_few_epochs", "solar_system"]
    assert [each.object_id for each in changes] == [mixed[1].object_id]
    outcomes, changes = process(mixed[:1], {}, classifier, min_epochs=20, form=FORM)
    assert ([each.reason for each in outcomes], changes) == (["solar_system"], [])
