"""A card is read, written and shown without losing anything; what answers depend on makes its version."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve.models import ModelError, RefusedError
from starsieve.models.judging import report
from starsieve.models.serving import registry
from starsieve.models.serving.calibration import Calibration
from starsieve.models.serving.card import CARD, CalibrationNumbers, Card
from tests.models.made_networks import version_of

# Outcomes name them: what changes one of these by another way of reading or writing cards is a mistake.
VERSIONS = {
    "asas": "bac72e36",
    "catalina": "f6ff5bd5",
    "eros1": "37babe7f",
    "hipparcos": "d6df25ab",
    "lsst": "a8611389",
    "ogle2": "8305b85c",
    "ogle3": "e12872ab",
    "ztf": "f0fef4f8",
}


@pytest.fixture(params=registry.surveys())
def folder(request: pytest.FixtureRequest) -> Path:
    return registry.WEIGHTS / str(request.param)


def test_versions_of_the_shipped_networks() -> None:
    assert {survey: Card.read(registry.WEIGHTS / survey).right_version() for survey in registry.surveys()} == VERSIONS


def test_nothing_is_lost_between_reading_and_writing(folder: Path, tmp_path: Path) -> None:
    Card.read(folder).write(tmp_path)
    before, after = (json.loads((each / CARD).read_text()) for each in (folder, tmp_path))
    assert json.dumps(after, sort_keys=True) == json.dumps(before, sort_keys=True)
    assert Card.read(tmp_path) == Card.read(folder)


def test_the_text_for_readers_is_that_of_the_card(folder: Path, tmp_path: Path) -> None:
    report.write_text(tmp_path, Card.read(folder))
    assert (tmp_path / "card.md").read_text() == (folder / "card.md").read_text()


def test_all_that_an_answer_depends_on_changes_the_version(folder: Path) -> None:
    card = Card.read(folder)
    parts = ("scaler", "familiarity", "calibration")
    changed = [
        *(card.model_copy(update={name: getattr(card, name)[::-1]}) for name in ("classes", "class_ids", "features")),
        *(card.model_copy(update={name: getattr(card, name).model_copy(update={"extra": 1})}) for name in parts),
        card.model_copy(update={"bands": ("V", "unknown")}),
        card.model_copy(update={"min_epochs": card.min_epochs + 1}),
        card.model_copy(update={"sha256": ""}),
    ]
    versions = [each.right_version() for each in changed]
    assert len({card.version, *versions}) == len(versions) + 1
    assert card.model_copy(update={"origin": "elsewhere"}).right_version() == card.version


def test_what_another_version_has_noted_is_kept_and_shown(folder: Path, tmp_path: Path) -> None:
    raw = json.loads((folder / CARD).read_text()) | {"reviewed_by": ["somebody"]}
    (tmp_path / CARD).write_text(json.dumps(raw))
    assert json.loads(Card.read(tmp_path).text())["reviewed_by"] == ["somebody"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2))
def test_numbers_come_back_to_the_bit(numbers: list[float]) -> None:
    card = Card.read(registry.WEIGHTS / "ztf")
    changed = card.model_copy(update={"calibration": CalibrationNumbers(sharpness=numbers[0], shift=numbers[1:])})
    raw = json.loads(changed.text())
    again = Card.model_validate_json(changed.text())
    assert isinstance(again.calibration.made(), Calibration)
    np.testing.assert_array_equal(again.calibration.made().shift, numbers[1:])
    assert again.right_version() == version_of(raw)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no readable"),
        ("{", "no readable"),
        ("[1]", "is not a network card"),
        ("{}", "it lacks bands, calibration"),
    ],
)
def test_what_is_no_card(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / CARD).write_text(text)
    with pytest.raises(ModelError, match=said):
        Card.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("scores", "good"), ("min_epochs", 20.5), ("min_epochs", 0), ("class_ids", ["2323"]), ("training", {"rows": 1})],
)
def test_what_stands_where_something_else_belongs_is_named(tmp_path: Path, name: str, value: object) -> None:
    shutil.copytree(registry.WEIGHTS / "ztf", tmp_path, dirs_exist_ok=True)
    raw = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(json.dumps(raw | {name: value}))
    with pytest.raises(RefusedError, match=f"card.json: {name}") as refused:
        Card.read(tmp_path)
    assert refused.value.reason == "incompatible"
