"""The measure of drift: bins, index, what it says of few objects, and what a card keeps of the reference."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve.models import ModelError
from starsieve.models.serving import drift, registry
from starsieve.models.serving.acceptance import accept
from starsieve.models.serving.classifier import CARD, Classifier
from starsieve.models.serving.drift import ALL_BANDS, BINS, CLASS, MIN_OBJECTS, PROBABILITY, Distribution, Reference
from starsieve.models.serving.scaling import COLUMNS

LINE = 0.25  # of the alert rule
CLASSES = ("EW", "RRAB", "Residual")
SEEDS = range(20)


def sample(objects: int, seed: int, *, factor: float = 1.0, mix: tuple[float, ...] = (5, 3, 1)) -> dict[str, Any]:
    """Objects with a row in g and one in r; the first column is multiplied by the factor."""
    rng = np.random.default_rng(seed)
    features = rng.lognormal(size=(2 * objects, len(COLUMNS)))
    features[:, 0] *= factor
    features[:, 3] = np.round(features[:, 3])  # many equal ones
    return {
        "features": features,
        "bands": np.tile(["g", "r"], objects),
        "owner": np.repeat(np.arange(objects), 2),
        "answers": rng.dirichlet(mix, objects),
    }


def reference(objects: int = 4000, **more: Any) -> Reference:
    return drift.fit("a test", COLUMNS, CLASSES, **sample(objects, 1), **more)


def indices(known: Reference, objects: int, seed: int, **what: Any) -> dict[tuple[str, str], float]:
    seen = sample(objects, seed, **what)
    return known.indices(known.count(seen["features"], seen["bands"], COLUMNS, seen["answers"]), objects)


def test_each_input_in_each_band_and_the_answers_have_a_distribution() -> None:
    expected = {(band, name) for band in "gr" for name in COLUMNS} | {(ALL_BANDS, CLASS), (ALL_BANDS, PROBABILITY)}
    assert set(indices(reference(), MIN_OBJECTS, 2)) == expected


def test_bins_hold_a_tenth_each_but_for_equal_values() -> None:
    by_name = {(each.band, each.name): each for each in reference().distributions}
    assert by_name["g", COLUMNS[0]].shares == pytest.approx(np.full(BINS, 1 / BINS), abs=1e-3)
    assert len(by_name["r", COLUMNS[3]].shares) < BINS
    assert all(each.shares.sum() == pytest.approx(1, abs=1e-4) for each in by_name.values())


def test_the_index_is_the_plain_sum() -> None:
    found, counts = (
        Distribution("g", "period", np.array([1.0, 2.0]), np.array([0.5, 0.3, 0.2])),
        np.array([200, 500, 300]),
    )
    p, q = counts / 1000, found.shares
    assert found.index(counts) == pytest.approx(((p - q) * np.log(p / q)).sum(), rel=0.01)
    assert found.index(np.array([500, 300, 200])) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("counts", [[0, 1000, 0], [0, 0, 1000], [1, 0, 0]])
def test_empty_bins_have_an_index_too(counts: list[int]) -> None:
    found = Distribution("g", "period", np.array([1.0, 2.0]), np.array([1.0, 0.0, 0.0]))
    assert np.isfinite(found.index(np.array(counts)))


@given(st.lists(st.floats(0, 10), max_size=50), st.integers(0, 50))
def test_counts_of_parts_add_up(values: list[float], split: int) -> None:
    found, all_values = Distribution("g", "period", np.array([1.0, 2.0, 7.5]), np.full(4, 0.25)), np.array(values)
    parts = found.count(all_values[:split]) + found.count(all_values[split:])
    assert parts.tolist() == found.count(all_values).tolist()
    below = [sum(lower <= value < upper for value in values) for lower, upper in ((-1, 1), (1, 2), (2, 7.5), (7.5, 11))]
    assert parts.tolist() == below


def test_the_same_population_is_far_from_the_line_however_few_objects_speak() -> None:
    known = reference()
    worst = [max(indices(known, MIN_OBJECTS, seed).values()) for seed in range(100, 120)]
    assert len(worst) == len(SEEDS)
    assert max(worst) < LINE / 2


def test_what_has_moved_stands_out_alone() -> None:
    found = indices(reference(), 1000, 5, factor=2.0)
    assert {of for of, value in found.items() if value > LINE} == {("g", COLUMNS[0]), ("r", COLUMNS[0])}
    found = indices(reference(), 1000, 5, mix=(2, 5, 1))
    assert found[ALL_BANDS, CLASS] > LINE


def test_few_objects_say_nothing_and_many_answers_about_them_do_not_either() -> None:
    known = reference()
    assert indices(known, MIN_OBJECTS - 1, 2) == {}
    seen = sample(5 * MIN_OBJECTS, 2)
    counts = known.count(seen["features"], seen["bands"], COLUMNS, seen["answers"])
    assert known.indices(counts, MIN_OBJECTS - 1) == {}
    assert len(known.indices(counts, MIN_OBJECTS)) == len(known.distributions)


def test_rows_that_the_network_was_not_shown_do_not_count() -> None:
    known, seen = reference(), sample(100, 2)
    seen["features"][:10, 7] = np.nan
    seen["bands"][-10:] = "i"
    counts = known.count(seen["features"], seen["bands"], COLUMNS, seen["answers"])
    by_name = {
        (each.band, each.name): part for each, part in zip(known.distributions, known.split(counts), strict=True)
    }
    assert by_name["g", "period"].sum() == by_name["r", "period"].sum() == 90
    assert by_name[ALL_BANDS, CLASS].sum() == 100


def test_weights_count_objects_several_times() -> None:
    few, rng = sample(300, 1), np.random.default_rng(2)
    times = rng.integers(1, 4, 300)
    weighted = drift.fit("a test", COLUMNS, CLASSES, **few, weights=times.astype(float))
    owners = np.repeat(np.arange(300), times)
    rows = (2 * owners[:, None] + [0, 1]).ravel()
    repeated = drift.fit(
        "a test",
        COLUMNS,
        CLASSES,
        features=few["features"][rows],
        bands=few["bands"][rows],
        owner=np.repeat(np.arange(len(owners)), 2),
        answers=few["answers"][owners],
    )
    for one, other in zip(weighted.distributions, repeated.distributions, strict=True):
        assert one.edges.tolist() == other.edges.tolist()
        assert one.shares == pytest.approx(other.shares, abs=1e-5)


def test_accepted_counts_take_the_place_of_the_card_s() -> None:
    known, seen = reference(), sample(1000, 2, factor=2.0)
    counts = known.count(seen["features"], seen["bands"], COLUMNS, seen["answers"])
    assert max(known.accepting(counts).indices(counts, 1000).values()) < 0.01  # but for bins that are empty
    assert known.accepting(None) is known
    few = sample(MIN_OBJECTS - 1, 2)
    few_counts = known.count(few["features"], few["bands"], COLUMNS, few["answers"])
    assert known.accepting(few_counts).indices(counts, 1000) == known.indices(counts, 1000)


def test_a_card_keeps_it_exactly() -> None:
    known = reference()
    again = drift.from_json(json.loads(json.dumps(known.to_json())))
    assert again.key == known.key
    assert indices(again, 500, 3) == indices(known, 500, 3)
    assert reference(3999).key != known.key


def test_a_reference_of_objects_without_an_answer_is_refused() -> None:
    seen = sample(10, 1)
    seen["answers"][3] = np.nan
    with pytest.raises(ModelError, match="answer"):
        drift.fit("a test", COLUMNS, CLASSES, **seen)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.pop("objects"),
        lambda card: card["distributions"][0]["edges"].pop(),
        lambda card: card["distributions"][0]["edges"].reverse(),
        lambda card: card["distributions"][0].update(name="colour"),
        lambda card: card["distributions"][0].update(edges=[float("nan")], shares=[0.5, 0.5]),
        lambda card: card["distributions"][0].update(shares="many"),
        lambda card: card.update(distributions=card["distributions"][:3]),
        lambda card: card.update(distributions=None),
    ],
)
def test_a_damaged_reference_is_refused_before_it_is_used(change: Any, tmp_path: Path) -> None:
    shutil.copytree(registry.WEIGHTS / "ztf", tmp_path / "ztf")
    card = json.loads((tmp_path / "ztf" / CARD).read_text())
    change(card["drift"])
    (tmp_path / "ztf" / CARD).write_text(json.dumps(card))
    with pytest.raises(ModelError, match="drift"):
        accept(tmp_path / "ztf")


def test_the_shipped_network_has_a_reference_and_one_without_works_too(tmp_path: Path) -> None:
    shipped = registry.load("ztf")
    assert shipped.reference is not None
    assert shipped.reference.objects > 10 * MIN_OBJECTS
    assert {each.band for each in shipped.reference.distributions} == {*shipped.bands, ALL_BANDS}
    shutil.copytree(registry.WEIGHTS / "ztf", tmp_path / "ztf")
    card = json.loads((tmp_path / "ztf" / CARD).read_text())
    del card["drift"]
    (tmp_path / "ztf" / CARD).write_text(json.dumps(card))
    old = Classifier(tmp_path / "ztf")
    assert (old.reference, old.version) == (None, shipped.version)
