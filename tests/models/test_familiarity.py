"""What is unlike the training objects loses to Residual, and nothing else does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from starsieve.models.serving import familiarity
from starsieve.models.serving.card import FamiliarityNumbers
from starsieve.models.serving.familiarity import Familiarity
from starsieve.models.serving.scaling import CLIP

INPUTS = 6
RNG = np.random.default_rng(0)
MIXING = RNG.normal(size=(INPUTS, INPUTS))
ROWS = (RNG.normal(size=(3000, INPUTS)) @ MIXING / 3).clip(-CLIP, CLIP).astype(np.float32)
CERTAIN = np.array([[0.9, 0.1, 0.0]])


@pytest.fixture(scope="module")
def fitted() -> Familiarity:
    return familiarity.fit(ROWS[:2000], np.ones(2000), objects=2000)


def answers(fitted: Familiarity, rows: np.ndarray) -> np.ndarray:
    return fitted(np.repeat(CERTAIN, len(rows), axis=0), rows)


def test_objects_like_the_training_objects_keep_their_answers(fitted: Familiarity) -> None:
    residual = answers(fitted, ROWS[2000:])[:, -1]
    assert np.median(residual) < 0.01
    assert np.mean(residual > 0.25) < 0.01


def test_plausible_values_in_an_implausible_combination_are_unfamiliar(fitted: Familiarity) -> None:
    shuffled = np.random.default_rng(1).permuted(ROWS[2000:], axis=0)
    assert np.mean(fitted.distance(shuffled)) > 2 * np.mean(fitted.distance(ROWS[2000:]))


@given(rows=arrays(np.float32, (3, INPUTS), elements=st.floats(-CLIP, CLIP, width=32)))
def test_distance_alone_never_outvotes_a_certain_network(fitted: Familiarity, rows: np.ndarray) -> None:
    given_answers = answers(fitted, rows)
    np.testing.assert_allclose(given_answers.sum(axis=1), 1)
    assert (given_answers[:, -1] <= familiarity.MOST).all()
    np.testing.assert_allclose(given_answers[:, 0] / given_answers[:, 1], 9)


def test_few_training_objects_make_little_unfamiliar() -> None:
    few = familiarity.fit(ROWS[:14], np.ones(14), objects=14)
    assert (answers(few, ROWS[2000:])[:, -1] < 0.05).mean() > 0.95


def test_it_survives_its_card(fitted: Familiarity) -> None:
    again = FamiliarityNumbers.model_validate_json(FamiliarityNumbers.of(fitted).model_dump_json()).made()
    np.testing.assert_array_equal(answers(again, ROWS), answers(fitted, ROWS))
