"""The networks that come with the package answer the same in any company, and refuse what is not theirs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from starsieve.models import ModelError
from starsieve.models.data.tables import Table
from starsieve.models.judging import judging
from starsieve.models.serving import registry, taxonomy
from starsieve.models.serving.card import CARD
from starsieve.models.serving.classifier import CHUNK, NETWORK, Classifier
from starsieve.models.serving.scaling import COLUMNS
from tests.models.made_networks import version_of

RNG = np.random.default_rng(3)
ROWS = RNG.lognormal(size=(700, len(COLUMNS)))
EPOCHS = RNG.integers(20, 400, len(ROWS))


@pytest.fixture(scope="module", params=registry.surveys())
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return registry.load(request.param)


def test_the_card_is_complete(classifier: Classifier) -> None:
    assert classifier.class_ids == tuple(taxonomy.class_id(label) for label in classifier.classes)
    assert classifier.min_epochs == (7 if classifier.survey == "lsst" else 20)  # many bands share a period
    assert classifier.bands
    assert classifier.version


def test_probabilities_sum_to_one(classifier: Classifier) -> None:
    answers = classifier.classify(ROWS, EPOCHS, np.arange(len(ROWS)))
    assert answers.shape == (len(ROWS), len(classifier.classes))
    assert (answers >= 0).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 17, CHUNK - 1, CHUNK, CHUNK + 1])
def test_an_answer_does_not_depend_on_its_neighbours(classifier: Classifier, size: int) -> None:
    whole = classifier.classify(ROWS, EPOCHS, np.arange(len(ROWS)))
    order = np.random.default_rng(size).permutation(len(ROWS))[:size]
    part = classifier.classify(ROWS[order], EPOCHS[order], np.arange(size))
    np.testing.assert_array_equal(part, whole[order])


@pytest.mark.parametrize("seed", range(5))
def test_however_a_stream_is_cut_into_batches_answers_are_the_same(classifier: Classifier, seed: int) -> None:
    rng = np.random.default_rng(seed)
    order, cuts = rng.permutation(len(ROWS)), np.sort(rng.integers(0, len(ROWS), 40))
    batches = [batch for batch in np.split(order, cuts) if batch.size]
    parts = [classifier.classify(ROWS[batch], EPOCHS[batch], np.arange(batch.size)) for batch in batches]
    whole = classifier.classify(ROWS, EPOCHS, np.arange(len(ROWS)))
    np.testing.assert_array_equal(np.concatenate(parts), whole[order])


def test_bands_of_one_object_become_one_answer_wherever_they_stand(classifier: Classifier) -> None:
    objects = np.arange(6) // 2
    together = classifier.classify(ROWS[:6], EPOCHS[:6], objects)
    assert together.shape[0] == 3
    swapped = classifier.classify(ROWS[[4, 0, 2, 1, 3, 5]], EPOCHS[[4, 0, 2, 1, 3, 5]], np.array([0, 1, 2, 1, 2, 0]))
    np.testing.assert_array_equal(swapped[[1, 2, 0]], together)


def test_odd_features_get_a_full_answer(classifier: Classifier) -> None:
    odd = np.array([np.full(len(COLUMNS), value) for value in (np.nan, np.inf, -np.inf, 0.0, 1e300, -1e300)])
    answers = classifier.classify(odd, np.full(6, 20), np.arange(6))
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-12)


def test_a_row_with_a_number_missing_is_residual(classifier: Classifier) -> None:
    rows = ROWS[:2].copy()
    rows[0, -1] = np.nan
    missing, whole = classifier.probabilities(rows)
    assert missing.tolist() == [0.0] * (len(classifier.classes) - 1) + [1.0]
    np.testing.assert_array_equal(whole, classifier.probabilities(ROWS[1:2])[0])


def test_a_row_with_a_number_missing_does_not_veto_the_other_band(classifier: Classifier) -> None:
    rows, epochs = ROWS[:5].copy(), EPOCHS[:5]
    rows[[1, 4], [0, -1]] = np.nan, np.inf
    answers = classifier.classify(rows, epochs, np.array([0, 0, 1, 1, 2]))
    np.testing.assert_array_equal(answers[0], classifier.classify(rows[:1], epochs[:1], np.array([0]))[0])
    np.testing.assert_array_equal(answers[1], classifier.classify(rows[2:4], epochs[2:4], np.array([0, 0]))[0])
    assert answers[2].argmax() == len(classifier.classes) - 1
    assert classifier.complete(rows).tolist() == [True, False, True, True, False]


def test_an_object_with_nothing_but_missing_numbers_has_a_reason(classifier: Classifier) -> None:
    rows, names = ROWS[:4].copy(), np.array(["good", "half", "bad", "short"])
    rows[[1, 3], [3, 7]] = np.nan
    reason = np.array(["", "", "", "too_few_epochs"])
    owner, view = np.array([0, 1, 1, 2]), np.zeros(4, int)
    table = Table(names, np.repeat(classifier.classes[0], 4), owner, EPOCHS[:4], rows, view, reason, np.full(4, "g"))
    answers = judging.answers(classifier, table)
    assert np.isnan(answers[:, 0]).tolist() == [False, False, True, True]
    assert judging.judge(classifier.classes, table, answers)["not_classified"] == {
        "missing_number": 1,
        "too_few_epochs": 1,
    }
    reasons = judging.reasons(table.reason, ~np.isnan(answers[:, 0]))
    assert reasons.tolist() == ["", "", "missing_number", "too_few_epochs"]


def test_nothing_to_classify_is_no_error(classifier: Classifier) -> None:
    nothing = classifier.classify(np.empty((0, len(COLUMNS))), np.empty(0, dtype=int), np.empty(0, dtype=int))
    assert nothing.shape == (0, len(classifier.classes))


def test_an_unknown_survey_says_which_there_are() -> None:
    with pytest.raises(ModelError, match="ztf"):
        registry.load("nowhere")


def test_a_damaged_network_is_refused(tmp_path: Path) -> None:
    shutil.copytree(registry.WEIGHTS / "ztf", tmp_path, dirs_exist_ok=True)
    network = bytearray((tmp_path / NETWORK).read_bytes())
    network[len(network) // 2] ^= 1
    (tmp_path / NETWORK).write_bytes(network)
    with pytest.raises(ModelError, match="sha256"):
        Classifier(tmp_path)


def test_a_network_for_other_features_is_refused(tmp_path: Path) -> None:
    shutil.copytree(registry.WEIGHTS / "ztf", tmp_path, dirs_exist_ok=True)
    card = json.loads((tmp_path / CARD).read_text())
    card["features"] = card["features"][::-1]
    card["version"] = version_of(card)
    (tmp_path / CARD).write_text(json.dumps(card))
    with pytest.raises(ModelError, match="other features"):
        Classifier(tmp_path)


def test_a_changed_card_is_refused(tmp_path: Path) -> None:
    shutil.copytree(registry.WEIGHTS / "ztf", tmp_path, dirs_exist_ok=True)
    card = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(json.dumps(card | {"classes": card["classes"][::-1]}))
    with pytest.raises(ModelError, match="has been changed"):
        Classifier(tmp_path)


@pytest.mark.parametrize("content", ["{}", "[1]", "nonsense"])
def test_what_is_no_card_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / CARD).write_text(content)
    with pytest.raises(ModelError, match="card"):
        Classifier(tmp_path)
