"""What the card of Rubin's network says that no other card says, in its numbers and to readers."""

import numpy as np
import pytest

from starsieve.models.judging import report_lsst
from starsieve.models.recipes.lsst import MONTHS, NOT_PERIODIC, SCIENCE_FLUX_MONTHS
from starsieve.models.serving import registry
from starsieve.models.serving.card import Card
from starsieve.models.synthesis.lsst.alerts import RUBIN
from starsieve.models.synthesis.lsst.training_set import MIN_EPOCHS


@pytest.fixture(scope="module")
def card() -> Card:
    return Card.read(registry.WEIGHTS / "lsst")


def test_the_card_says_what_the_network_knows_by_the_survey_s_age(card: Card) -> None:
    assert tuple(int(months) for months in card.scores_by_months) == MONTHS
    for scores in card.scores_by_months.values():
        assert set(scores.per_class) == set(card.classes[:-1])
        recalls = [one.recall for one in scores.per_class.values()]
        counts = [one.n for one in scores.per_class.values()]
        assert scores.n == sum(counts)
        assert np.average(recalls, weights=counts) == pytest.approx(scores.accuracy, abs=0.002)
    assert [int(months) for months in card.macro_f1_with_science_flux] == [SCIENCE_FLUX_MONTHS]
    assert set(card.called_periodic) == set(NOT_PERIODIC)
    assert (card.bands, card.min_epochs) == (RUBIN.bands, MIN_EPOCHS)


def test_readers_see_these_numbers(card: Card) -> None:
    by_months, science_flux, periodic = ("\n".join(section) for section in report_lsst.sections(card))
    rows = {line.split(" | ")[0].lstrip("| "): line for line in by_months.splitlines() if line.startswith("| ")}
    for name in card.classes[:-1]:
        for scores in card.scores_by_months.values():
            one = scores.per_class[name]
            assert f"{one.recall:.2f} of {one.n}" in rows[name]
    for scores in card.scores_by_months.values():
        assert f"{scores.macro_f1:.3f}" in rows["macro-F1"]
    for value in card.macro_f1_with_science_flux.values():
        assert f"{value:.3f}" in science_flux
    for name, share in card.called_periodic.items():
        assert f"{name} {share:.1%}" in periodic


def test_other_cards_have_nothing_of_it() -> None:
    assert not list(report_lsst.sections(Card.read(registry.WEIGHTS / "ztf")))
