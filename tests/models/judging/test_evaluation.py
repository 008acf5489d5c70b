"""Scores agree with scikit-learn and with values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve.models.judging import evaluation

metrics = pytest.importorskip("sklearn.metrics")
NAMES = ("a", "b", "c", "d")


@given(pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60))
def test_scores_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array([*pairs, (0, 1)]).T  # scikit-learn warns where there is one class only
    scores = evaluation.scores(truth, predicted, NAMES)
    assert scores["mcc"] == pytest.approx(metrics.matthews_corrcoef(truth, predicted), abs=1e-12)
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(truth, predicted, average="macro", zero_division=0))
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted))


def test_an_object_without_an_answer_counts_as_wrong() -> None:
    scores = evaluation.scores(np.array([0, 0, 1, 1]), np.array([0, 4, 1, 1]), NAMES)
    assert scores["accuracy"] == 0.75
    assert scores["per_class"]["a"]["recall"] == 0.5
    assert scores["per_class"]["a"]["precision"] == 1.0


def test_calibration_error_by_hand() -> None:
    sure = np.array([[0.9, 0.1]] * 10)
    assert evaluation.calibration_error(np.array([0] * 9 + [1]), sure) == pytest.approx(0.0)
    assert evaluation.calibration_error(np.array([0] * 5 + [1] * 5), sure) == pytest.approx(0.4)


def test_the_band_of_a_calibrated_classifier_holds_95_percent() -> None:
    rng = np.random.default_rng(5)
    top = rng.uniform(0.5, 1, 400)
    probabilities = np.column_stack([top, 1 - top])
    limit = evaluation.calibration_error_95(probabilities)
    errors = [evaluation.calibration_error((rng.random(400) > top).astype(int), probabilities) for _ in range(300)]
    assert 0.9 < np.mean(np.array(errors) < limit) < 0.99


def test_auroc_by_hand() -> None:
    assert evaluation.auroc(np.array([0.1, 0.2]), np.array([0.3, 0.4])) == 1.0
    assert evaluation.auroc(np.array([0.1, 0.3]), np.array([0.2])) == 0.5
    assert evaluation.auroc(np.array([0.2]), np.array([0.2])) == 0.5


def test_reliability_is_confidence_against_the_share_that_is_right() -> None:
    probabilities = np.array([[0.95, 0.05], [0.93, 0.07], [0.4, 0.6]])
    first, last = evaluation.reliability(np.array([0, 1, 0]), probabilities)
    assert first == {"confidence": 0.6, "accuracy": 0.0, "n": 1}
    assert last == {"confidence": pytest.approx(0.94), "accuracy": 0.5, "n": 2}


def test_what_a_cut_is_worth() -> None:
    truth = np.array([0, 0, 0, 1, 1])
    probabilities = np.array([[0.96, 0.04], [0.75, 0.2], [0.3, 0.6], [0.85, 0.1], [0.0, 0.5]])
    found = evaluation.above(truth, probabilities, ["A", "B"])
    at = {one["probability"]: (one["n"], one["precision"], one["recall"]) for one in found["A"]}
    assert at == {
        0.5: (3, 2 / 3, 2 / 3),
        0.7: (3, 2 / 3, 2 / 3),
        0.8: (2, 0.5, 1 / 3),
        0.9: (1, 1.0, 1 / 3),
        0.95: (1, 1.0, 1 / 3),
    }
    assert [(one["n"], one["precision"], one["recall"]) for one in found["B"]] == [(2, 0.5, 0.5), *[(0, None, 0.0)] * 4]
