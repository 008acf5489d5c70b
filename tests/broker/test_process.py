"""Outcomes are a function of the light curve: not of the batch, the order, or the state of the search."""

import time
from typing import Any

import numpy as np
import pytest

from starsieve import features
from starsieve.broker.epochs import EPOCH, Epochs, flags, merge
from starsieve.broker.process import Outcome, process
from starsieve.broker.store import Stored
from starsieve.broker.surveys import Alert
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier

FIRST_MJD = 60000.0


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return registry.load("ztf")


def light_curve(n: int, band: str = "g", seed: int = 1, **what: Any) -> Epochs:
    """An RR Lyrae star: n epochs, two or three nights apart."""
    rng = np.random.default_rng(seed)
    mjd = FIRST_MJD + np.sort(rng.choice(2 * n, n, replace=False) + rng.uniform(0, 0.3, n))
    phase = mjd / 0.567 % 1
    mag = 17 + 0.4 * np.cos(2 * np.pi * phase) + 0.2 * np.cos(4 * np.pi * phase + 1) + rng.normal(0, 0.02, n)
    rows = np.empty(n, EPOCH)
    rows["mjd"], rows["mag"], rows["magerr"], rows["flags"] = mjd, mag, 0.02, flags(band, **what)
    return rows


def alert(epochs: Epochs, object_id: str = "star", mjd: float | None = None) -> Alert:
    when = float(epochs["mjd"].max()) if mjd is None else mjd
    return Alert("ztf", 7, object_id, 1_600_000_000_000, when, 150.0, 30.0, epochs)


def run(alerts: list[Alert], stored: dict[str, Stored] | None, classifier: Classifier) -> list[Outcome]:
    known = {a.object_id: Stored(np.empty(0, EPOCH)) for a in alerts} | (stored or {})
    return process(alerts, known, classifier, min_epochs=20)[0]


def test_enough_epochs_are_classified(classifier: Classifier) -> None:
    (outcome,) = run([alert(light_curve(60))], None, classifier)
    assert outcome.reason is None
    assert outcome.probabilities.shape == (len(classifier.classes),)
    assert outcome.probabilities.sum() == pytest.approx(1, abs=1e-9)
    (band,) = outcome.bands
    assert (band.band, band.epochs, band.forced_epochs, band.reference_images) == ("g", 60, 0, 1)
    assert band.period is not None
    assert band.period.period == pytest.approx(0.567, rel=1e-3)
    assert band.features is not None
    assert band.features.shape == (len(features.FEATURES),)


@pytest.mark.parametrize(
    ("epochs", "reason"),
    [
        (light_curve(0), "no_photometry"),
        (light_curve(30, difference=True), "no_counterpart"),
        (light_curve(19), "too_few_epochs"),
        (merge([light_curve(19, "g"), light_curve(19, "r")]), "too_few_epochs"),
        (light_curve(30, "i"), "unsupported_band"),
    ],
)
def test_reasons(epochs: Epochs, reason: str, classifier: Classifier) -> None:
    (outcome,) = run([alert(epochs, mjd=FIRST_MJD + 500)], None, classifier)
    assert outcome.reason == reason


def test_constant_magnitudes_have_a_reason(classifier: Classifier) -> None:
    constant = light_curve(30)
    constant["mag"] = 17.0
    (outcome,) = run([alert(constant)], None, classifier)
    assert outcome.reason == "constant_magnitude"


def test_a_missing_number_in_one_band_does_not_veto_the_other(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No light curve at hand leads to one; if one ever does, a good band still has its say."""
    both = merge([light_curve(60), light_curve(60, "r", seed=2)])
    alerts = [alert(both, "whole"), alert(both, "broken"), alert(both, "broken in both"), alert(both, "again")]
    update_many, kept = features.update_many, []

    def with_missing_numbers(*arguments: Any, **options: Any) -> features.Updates:
        found = update_many(*arguments, **options)
        kept.append(np.hstack([found.features, found.profiles]))
        for row, column in ((2, 5), (4, 14), (5, 3)):
            found.features[row, column] = np.nan
        return found

    monkeypatch.setattr(features, "update_many", with_missing_numbers)
    whole, broken, nothing, again = run(alerts, None, classifier)
    alone = classifier.classify(kept[0][1:2], np.array([60]), np.array([0]))[0]
    assert [outcome.reason for outcome in (whole, broken, nothing, again)] == [None, None, "missing_number", None]
    np.testing.assert_array_equal(broken.probabilities, alone)
    assert broken.probabilities[-1] < 0.5, "not Residual"
    np.testing.assert_array_equal(whole.probabilities, again.probabilities)
    assert nothing.probabilities.size == 0


def test_an_i_band_helps_to_find_the_period_and_is_no_more_asked_about(classifier: Classifier) -> None:
    both = merge([light_curve(40), light_curve(40, "i", seed=2)])
    (outcome,) = run([alert(both)], None, classifier)
    g, i = outcome.bands
    assert (g.band, i.band, g.period) == ("g", "i", i.period)
    mjd, mag, magerr = (both[name].astype(np.float64) for name in ("mjd", "mag", "magerr"))
    found = features.extract_many(mjd, mag, magerr, [0, 40, 80], objects=[0, 2])
    of_g = np.hstack([found.features, found.profiles])[:1]
    np.testing.assert_array_equal(outcome.probabilities, classifier.classify(of_g, np.array([40]), np.array([0]))[0])


def test_an_alert_is_classified_from_epochs_no_later_than_its_own(classifier: Classifier) -> None:
    whole = light_curve(60)
    middle = float(whole["mjd"][39])
    (early,) = run([alert(whole[:40], mjd=middle)], None, classifier)
    (late,) = run([alert(whole[39:40], mjd=middle)], {"star": Stored(whole)}, classifier)
    assert early.bands[0].epochs == late.bands[0].epochs == 40
    np.testing.assert_array_equal(early.bands[0].features, late.bands[0].features)
    np.testing.assert_array_equal(early.probabilities, late.probabilities)


def test_batches_and_states_change_nothing(classifier: Classifier) -> None:
    """Two bands, one alert at a time with the states kept, or all in one batch: the same answers to the last bit."""
    curves = {
        name: np.sort(merge([light_curve(45, seed=seed), light_curve(45, "r", seed=10 + seed)]), order="mjd")
        for seed, name in enumerate("abc", 1)
    }
    alerts = [alert(curve[n : n + 1], name) for n in range(90) for name, curve in curves.items()]
    stored = {name: Stored(np.empty(0, EPOCH)) for name in curves}
    one_by_one = []
    for single in alerts:
        outcomes, (change,) = process([single], stored, classifier, min_epochs=20)
        one_by_one += outcomes
        old = stored[single.object_id]
        state = change.search_state or old.search_state
        stored[single.object_id] = Stored(merge([old.epochs, change.new_epochs]), state)
    assert all(entry.search_state for entry in stored.values())
    together = run(alerts, None, classifier)
    for one, other in zip(one_by_one, together, strict=True):
        assert (one.reason, [b.epochs for b in one.bands]) == (other.reason, [b.epochs for b in other.bands])
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        for band, other_band in zip(one.bands, other.bands, strict=True):
            assert band.period == other_band.period
    # and a pass over the same alerts with the final store gives them again
    again, changes = process(alerts, stored, classifier, min_epochs=20)
    assert all(change.new_epochs.size == 0 for change in changes)
    for one, other in zip(one_by_one, again, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_many_alerts_of_an_object_with_many_epochs_share_their_cost(classifier: Classifier) -> None:
    """Each paying for all epochs took 22 s; the bound is for safety, 1 s is normal."""
    whole = merge([light_curve(2500), light_curve(2500, "r", seed=2)])
    latest = np.argsort(whole["mjd"], kind="stable")[-200:]
    alerts = [alert(whole[row : row + 1]) for row in latest]
    start = time.process_time()
    outcomes, (change,) = process(alerts, {"star": Stored(whole)}, classifier, min_epochs=20)
    assert time.process_time() - start < 10
    assert change.search_state is not None
    assert len({outcome.bands[0].epochs for outcome in outcomes}) > 20
    for one in (0, 131, 199):
        (single,) = run([alerts[one]], {"star": Stored(whole)}, classifier)
        assert single.bands[0].period == outcomes[one].bands[0].period
        np.testing.assert_array_equal(single.probabilities, outcomes[one].probabilities)


def test_alerts_of_one_object_come_in_any_order(classifier: Classifier) -> None:
    whole = merge([light_curve(70), light_curve(70, "r", seed=2)])
    alerts = [alert(whole[row : row + 1]) for row in np.argsort(whole["mjd"], kind="stable")[40:]]
    shuffled = np.random.default_rng(3).permutation(len(alerts))
    expected = run(alerts, {"star": Stored(whole)}, classifier)
    for place, outcome in zip(
        shuffled, run([alerts[k] for k in shuffled], {"star": Stored(whole)}, classifier), strict=True
    ):
        assert outcome.alert is alerts[place]
        assert [b.epochs for b in outcome.bands] == [b.epochs for b in expected[place].bands]
        np.testing.assert_array_equal(outcome.probabilities, expected[place].probabilities)


def test_difference_magnitudes_are_never_mixed_in(classifier: Classifier) -> None:
    total = light_curve(40)
    difference = light_curve(40, seed=5, difference=True)
    (outcome,) = run([alert(merge([total, difference]))], None, classifier)
    (expected,) = run([alert(total, mjd=float(difference["mjd"].max()))], None, classifier)
    assert outcome.bands[0].epochs == 40
    np.testing.assert_array_equal(outcome.probabilities, expected.probabilities)


def test_bands_together_may_need_more_epochs(classifier: Classifier) -> None:
    both = alert(merge([light_curve(30), light_curve(25, "r", seed=2)]))
    nothing = {"star": Stored(np.empty(0, EPOCH))}
    (enough,), _ = process([both], nothing, classifier, min_epochs=20, min_epochs_together=55)
    (too_few,), _ = process([both], nothing, classifier, min_epochs=20, min_epochs_together=56)
    assert (enough.reason, too_few.reason) == (None, "too_few_epochs")
    assert [band.epochs for band in too_few.bands] == [30, 25]
