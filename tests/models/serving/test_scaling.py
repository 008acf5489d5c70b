"""No feature value, however odd, may turn into NaN or leave the range that the network knows."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from starsieve.models import ModelError
from starsieve.models.serving import scaling
from starsieve.models.serving.card import ScalerNumbers
from starsieve.models.serving.scaling import COLUMNS

FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64)


@pytest.fixture(scope="module")
def fitted() -> scaling.Scaler:
    return scaling.fit(np.random.default_rng(0).lognormal(size=(200, len(COLUMNS))))


@given(row=arrays(np.float64, (3, len(COLUMNS)), elements=FLOATS))
def test_every_row_gives_finite_bounded_inputs(row: np.ndarray) -> None:
    scaler = scaling.fit(np.random.default_rng(0).lognormal(size=(50, len(COLUMNS))))
    inputs = scaler(row)
    assert np.isfinite(inputs).all()
    assert np.abs(inputs).max() <= scaling.CLIP


@given(rows=arrays(np.float64, (7, len(COLUMNS)), elements=FLOATS))
@example(rows=np.full((7, len(COLUMNS)), 1.79769313e305))  # slopes overflow in every row
def test_any_training_set_gives_a_usable_scaler(rows: np.ndarray) -> None:
    scaler = scaling.fit(rows)
    assert np.isfinite(scaler.center).all()
    assert (scaler.scale >= scaling.MIN_SCALE).all()


def test_a_scaler_survives_its_card(fitted: scaling.Scaler) -> None:
    again = ScalerNumbers.model_validate_json(ScalerNumbers.of(fitted).model_dump_json()).made()
    rows = np.random.default_rng(1).lognormal(size=(20, len(COLUMNS)))
    np.testing.assert_array_equal(again(rows), fitted(rows))


def test_phases_that_differ_by_the_lost_quadrant_are_one(fitted: scaling.Scaler) -> None:
    row = np.random.default_rng(2).lognormal(size=(1, len(COLUMNS)))
    turned = row.copy()
    turned[0, COLUMNS.index("phi21")] += np.pi
    turned[0, COLUMNS.index("phi31")] -= 2 * np.pi
    np.testing.assert_allclose(fitted(turned), fitted(row), atol=1e-5)


def test_one_absurd_training_star_does_not_move_the_scale(fitted: scaling.Scaler) -> None:
    rows = np.random.default_rng(0).lognormal(size=(200, len(COLUMNS)))
    rows[0] = 1e30
    np.testing.assert_allclose(scaling.fit(rows).scale, fitted.scale, rtol=0.1)


def test_rows_without_the_profile_are_refused(fitted: scaling.Scaler) -> None:
    with pytest.raises(ModelError, match="range_to_error"):
        fitted(np.ones((3, 16)))


def test_nothing_to_fit_is_an_error() -> None:
    with pytest.raises(ModelError, match="no training rows"):
        scaling.fit(np.empty((0, len(COLUMNS))))
