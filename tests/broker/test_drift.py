"""Drift of a stream: which answers count, what they count as, and which changes of a survey are seen."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest

from starsieve.broker.drift import counts_of, first_of_a_night
from starsieve.broker.epochs import EPOCH
from starsieve.broker.process import Outcome
from starsieve.broker.simulate import ObservedStar
from starsieve.broker.store import Stored
from starsieve.broker.surveys import Alert
from starsieve.models.serving import drift, registry
from starsieve.models.serving.classifier import Classifier
from starsieve.models.serving.drift import CLASS, Reference
from starsieve.models.serving.scaling import COLUMNS
from tests.broker import drifting
from tests.broker.drifting import answers_of_a_night, survey

LINE = 0.25  # of the alert rule
REFERENCE_SEEDS, REFERENCE_STARS = range(1000, 1010), 150  # ten surveys, each with its own weather
SEEDS = range(20)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return registry.load("ztf")


def reference_of(outcomes: Sequence[Outcome], classifier: Classifier) -> Reference:
    """As a network's card would have it that was made for these answers."""
    rows = [
        (place, band.band, [*band.features, *band.profile])
        for place, outcome in enumerate(outcomes)
        for band in outcome.bands
        if band.features is not None and band.profile is not None
    ]
    return drift.fit(
        "invented stars",
        COLUMNS,
        classifier.classes,
        features=np.array([numbers for _, _, numbers in rows]),
        bands=np.array([band for _, band, _ in rows]),
        owner=np.array([place for place, _, _ in rows]),
        answers=np.array([outcome.probabilities for outcome in outcomes]),
    )


@pytest.fixture(scope="module")
def reference(classifier: Classifier) -> Reference:
    several = (answers_of_a_night(survey(seed, stars=REFERENCE_STARS), classifier) for seed in REFERENCE_SEEDS)
    return reference_of(list(chain.from_iterable(several)), classifier)


def drifted(
    stars: Sequence[ObservedStar], reference: Reference, classifier: Classifier
) -> dict[tuple[str, str], float]:
    outcomes = answers_of_a_night(stars, classifier)
    return reference.indices(counts_of(outcomes, reference), len(outcomes))


@pytest.mark.parametrize("seed", SEEDS)
def test_an_unshifted_survey_raises_no_alarm(seed: int, reference: Reference, classifier: Classifier) -> None:
    found = drifted(survey(seed), reference, classifier)
    assert len(found) == len(reference.distributions), "too few stars to say anything"
    assert max(found.values()) < LINE


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("change", "in_band", "seen_by"),
    [
        (drifting.nightly_zero_point, "gr", "residual_to_error"),
        (drifting.new_zero_point, "g", "residual_eta"),
        (drifting.underestimated_errors, "gr", "residual_to_error"),
    ],
)
def test_a_wrong_zero_point_is_seen_where_it_is(
    change: Callable[[ObservedStar], ObservedStar],
    in_band: str,
    seen_by: str,
    seed: int,
    reference: Reference,
    classifier: Classifier,
) -> None:
    found = drifted(survey(seed, change), reference, classifier)
    assert all(found[band, seen_by] > 2 * LINE for band in in_band)
    assert all(found[band, seen_by] < LINE for band in set("gr") - set(in_band))


@pytest.mark.parametrize("seed", range(3))
def test_another_cadence_is_seen(seed: int, reference: Reference, classifier: Classifier) -> None:
    """As many visits in twice as many nights."""
    found = drifted(survey(seed, drifting.every_other_night, nights=2 * drifting.NIGHTS), reference, classifier)
    assert all(found[band, "eta_of_nights"] > 2 * LINE for band in "gr")


def test_what_changes_no_shape_is_not_seen(reference: Reference, classifier: Classifier) -> None:
    """Said in docs/operations.md: a zero point that was always wrong makes amplitudes a tenth larger, no more."""
    found = drifted(survey(1, drifting.wrong_reference), reference, classifier)
    assert max(found.values()) < LINE


def outcome(mjd: float, name: str = "star", reason: str | None = None) -> Outcome:
    alert = Alert("ztf", 1, name, 0, mjd, 0.0, 0.0, np.empty(0, EPOCH))
    return Outcome(alert, [], reason, np.array([0.7, 0.3]))


def known(*mjd: float) -> Stored:
    rows = np.zeros(len(mjd), EPOCH)
    rows["mjd"] = mjd
    return Stored(rows)


def test_an_object_counts_once_a_night_with_its_first_alert() -> None:
    nights = [outcome(mjd) for mjd in (100.3, 100.4, 101.2, 101.45, 104.3)]
    expected = [nights[0], nights[2], nights[4]]
    assert first_of_a_night(nights, {"star": known()}) == expected
    assert first_of_a_night(nights[::-1], {"star": known()}) == expected
    one_by_one = []
    for number, each in enumerate(nights):
        before = known(*(earlier.alert.mjd for earlier in nights[:number]))
        one_by_one += first_of_a_night([each], {"star": before})
    assert one_by_one == expected


def test_what_is_answered_again_or_late_or_not_at_all_does_not_count() -> None:
    assert first_of_a_night([outcome(100.3)], {"star": known(99.3, 100.3)}) == []
    assert first_of_a_night([outcome(90.3)], {"star": known(99.3)}) == []
    assert first_of_a_night([outcome(100.3, reason="too_few_epochs")], {"star": known(99.3)}) == []
    others = [outcome(100.3, "a"), outcome(100.3, "b")]
    assert first_of_a_night(others, {"a": known(), "b": known(99.0)}) == others


def test_an_object_with_many_alerts_counts_as_much_as_one_with_one(
    classifier: Classifier, reference: Reference
) -> None:
    (first, *_) = answers_of_a_night(survey(1, stars=10), classifier)
    later = [replace(first, alert=replace(first.alert, mjd=first.alert.mjd + k / 1000)) for k in range(100)]
    stored = {first.alert.object_id: known()}
    assert np.array_equal(
        counts_of(first_of_a_night(later, stored), reference), counts_of(first_of_a_night([first], stored), reference)
    )


def test_counts_are_of_the_rows_that_gave_the_answers(classifier: Classifier, reference: Reference) -> None:
    outcomes = answers_of_a_night(survey(2, stars=40), classifier)
    counts = reference.split(counts_of(outcomes, reference))
    by_name: dict[tuple[str, str], Any] = {
        (each.band, each.name): part for each, part in zip(reference.distributions, counts, strict=True)
    }
    names = [classifier.classes[int(each.probabilities.argmax())] for each in outcomes]
    assert by_name["all", CLASS].tolist() == [names.count(name) for name in classifier.classes]
    in_r = [band for each in outcomes for band in each.bands if band.band == "r" and band.features is not None]
    assert by_name["r", "period"].sum() == len(in_r)
    (amplitude,) = (each for each in reference.distributions if (each.band, each.name) == ("r", "amplitude"))
    below = sum(float(band.features[0]) < amplitude.edges[0] for band in in_r if band.features is not None)
    assert by_name["r", "amplitude"][0] == below


def test_no_answers_are_no_counts(reference: Reference) -> None:
    assert not counts_of([], reference).any()
    assert counts_of([], reference).shape == (reference.size,)
