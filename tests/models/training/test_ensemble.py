"""Training on a small invented survey: it learns, it is honest about what it has seen, and it is served as trained."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from starsieve.features.tools.lightcurves import assemble
from starsieve.models import ModelError
from starsieve.models.data import tables
from starsieve.models.data.tables import Table
from starsieve.models.judging import judging
from starsieve.models.recipes import building, sources
from starsieve.models.serving import calibration
from starsieve.models.serving.classifier import Classifier
from starsieve.models.serving.scaling import COLUMNS
from starsieve.models.serving.taxonomy import RESIDUAL
from starsieve.models.training import ensemble, fit, write
from starsieve.models.training.ensemble import Recipe, Trained
from starsieve.models.training.network import INPUT_NORM, Architecture

PERIOD, AMPLITUDE = COLUMNS.index("period"), COLUMNS.index("amplitude")
RECIPE = Recipe(Architecture(hidden=(16, 16), members=5), fit.Schedule(steps=300, batch=64))
CLASSES = {"RRAB": (0.5, 0.3), "EW": (0.3, 0.1), "LPV": (200.0, 0.8)}


def survey(objects: int, seed: int) -> Table:
    """Three classes that differ in period and amplitude; two bands for every object, a second view of each."""
    rng = np.random.default_rng(seed)
    label = np.repeat(list(CLASSES), objects)
    owner = np.tile(np.repeat(np.arange(len(label)), 2), 2)
    features = rng.lognormal(sigma=0.3, size=(len(owner), len(COLUMNS)))
    for column, which in ((PERIOD, 0), (AMPLITUDE, 1)):
        features[:, column] *= np.array([CLASSES[name][which] for name in label])[owner]
    return Table(
        object_id=np.array([f"star{seed}-{number}" for number in range(len(label))]),
        label=label,
        owner=owner,
        epochs=rng.integers(20, 300, len(owner)),
        features=features,
        view=np.repeat([0, 1], len(owner) // 2),
        reason=np.full(len(label), ""),
        band=np.tile(["g", "r"], len(owner) // 2),
    )


@pytest.fixture(scope="module")
def table() -> Table:
    return survey(60, seed=1)


@pytest.fixture(scope="module")
def trained(table: Table) -> Trained:
    return ensemble.train(table, RECIPE, None, seed=0)


def test_it_learns_what_can_be_learnt(trained: Trained) -> None:
    others = survey(50, seed=2).own()
    scores = judging.judge(trained.classes, others, ensemble.predict(trained, others))
    assert scores["macro_f1"] > 0.9


def test_the_inputs_that_tell_the_classes_apart_count_most(trained: Trained) -> None:
    row = np.ones((1, len(COLUMNS)))
    changed = []
    for column in (PERIOD, AMPLITUDE):
        other = row.copy()
        other[0, column] = 2.0
        changed.append(trained.scaler(other) != trained.scaler(row))
    telling = np.any(changed, axis=0)[0]  # the inputs that are made of them
    counts = np.abs(trained.network.get_layer(INPUT_NORM).gamma).mean(axis=0)
    assert counts[telling].max() > 1.5 * counts[~telling].max()


def test_answers_about_training_objects_come_from_members_that_had_not_seen_them(
    table: Table, trained: Trained
) -> None:
    rng = np.random.default_rng(0)
    nonsense = Table(
        table.object_id,
        rng.permutation(table.label),
        table.owner,
        table.epochs,
        rng.lognormal(size=table.features.shape),
        table.view,
        table.reason,
        table.band,
    )
    fooled = ensemble.train(nonsense, RECIPE, None, seed=0)
    unseen = judging.judge(fooled.classes, nonsense, ensemble.unseen(fooled, nonsense))
    assert abs(unseen["mcc"]) < 0.25  # by chance; members that had seen them would know them by heart


def test_invented_rows_keep_to_the_values_of_their_fold() -> None:
    features = np.arange(300.0)[:, None] * np.ones(8)  # the value is the row
    fold = np.arange(300) % 5
    strange, of_fold = ensemble._strange_rows(features, fold, seed=0)
    assert len(strange) == 150
    np.testing.assert_array_equal(strange % 5, np.tile(of_fold[:, None], 8))
    assert (np.ptp(strange, axis=1) > 0).mean() > 0.8  # mixed, but for those that drew themselves or no column


def test_ids_with_colons_are_stars_of_their_own(table: Table) -> None:
    named = replace(table, object_id=np.array([f"SURVEY:{number}" for number in range(len(table.object_id))]))
    short = replace(RECIPE, schedule=fit.Schedule(steps=1, batch=8))
    assert np.bincount(ensemble.train(named, short, None, seed=0).fold).tolist() == [36] * 5


def test_a_network_without_a_member_for_every_fold_is_refused(table: Table) -> None:
    few = replace(RECIPE, architecture=replace(RECIPE.architecture, members=4))
    with pytest.raises(ModelError, match="5 members"):
        ensemble.train(table, few, None, seed=0)


def test_labels_that_all_lie_in_one_fold_are_too_few(table: Table) -> None:
    two = table.select(np.array([np.flatnonzero(table.label == label)[0] for label in ("EW", "RRAB")]))
    outcomes = set()
    for seed in range(10):
        try:
            ensemble.train(two, replace(RECIPE, schedule=fit.Schedule(steps=1, batch=8)), None, seed)
            outcomes.add("trained")
        except ModelError as error:
            outcomes.add(str(error).split(":")[0])
    assert outcomes == {"trained", "too few labels"}


def test_trainings_side_by_side_know_nothing_of_each_other(table: Table) -> None:
    swap = {"RRAB": "EW", "EW": "RRAB", "LPV": "LPV"}
    swapped = replace(table, label=np.array([swap[label] for label in table.label]))
    plain, contrary = ensemble.train_together([table, swapped], RECIPE, None, [0, 1])
    others = survey(50, seed=2).own()
    assert judging.judge(plain.classes, others, ensemble.predict(plain, others))["macro_f1"] > 0.9
    assert judging.judge(contrary.classes, others, ensemble.predict(contrary, others))["macro_f1"] < 0.4


def test_the_served_network_is_the_trained_one(trained: Trained, tmp_path: Path) -> None:
    write.save(trained, tmp_path, survey="test", bands=("g", "r"), notes={})
    classifier = Classifier(tmp_path)
    others = survey(50, seed=3).own()
    assert classifier.classes == (*trained.classes, RESIDUAL)
    served = judging.answers(classifier, others)
    np.testing.assert_allclose(served, ensemble.predict(trained, others), atol=1e-5)


def test_a_transfer_starts_from_the_weights_below_the_head(trained: Trained, tmp_path: Path) -> None:
    notes = {"architecture": asdict(RECIPE.architecture)}
    write.save(trained, tmp_path, survey="test", bands=("g",), notes=notes)
    sources.save_weights(trained, tmp_path)
    source = sources.own(tmp_path)
    still = Recipe(RECIPE.architecture, fit.Schedule(steps=60, batch=64, body_rate=0.0))
    table = survey(20, seed=4)
    again = ensemble.train(table.select(np.flatnonzero(table.label != "LPV")), still, source, seed=1)
    for name in ("dense_1", "dense_2"):
        before, after = (network.get_layer(name).get_weights() for network in (trained.network, again.network))
        np.testing.assert_array_equal(before[0], after[0])
    assert again.classes == ("EW", "RRAB")


def test_the_unfamiliar_goes_to_residual(table: Table, trained: Trained) -> None:
    strange = survey(50, seed=6).own()
    strange.features[:, PERIOD] = np.where(strange.features[:, AMPLITUDE] > 0.5, 0.4, 300.0)
    score = ensemble.unfamiliar(trained, table, strange)
    assert score > 0.7  # 0.5 is chance


def test_a_class_left_out_of_training_goes_to_residual(table: Table) -> None:
    work = building.Work(Path(), 1, lambda *_: None)
    name, score = building.left_out(
        table, "RRAB", RECIPE, seed=0, work=work
    )  # the period of one, the amplitude of another
    assert name == "60 RRAB, left out of a training from scratch"
    assert score > 0.8


def test_every_row_counts_by_its_class_and_its_object() -> None:
    table = survey(10, seed=7)
    _, target = np.unique(table.label, return_inverse=True)
    weights = ensemble.row_weights(table, target, balance=0.5)
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(np.bincount(target[table.owner], weights=weights), len(weights) / 3)


def test_calibration_mends_an_overconfident_network() -> None:
    rng = np.random.default_rng(8)
    honest = rng.dirichlet(np.ones(3), 4000)
    truth = np.array([rng.choice(3, p=row) for row in honest])
    sharpened = honest**3 / (honest**3).sum(axis=1, keepdims=True)
    with_residual = np.pad(sharpened, ((0, 0), (0, 1)))
    mended = calibration.fit(with_residual, truth)
    assert mended.sharpness == pytest.approx(1 / 3, abs=0.05)
    np.testing.assert_allclose(mended(with_residual)[:, :3], honest, atol=0.1)


def test_calibration_follows_the_mix_of_classes_that_is_expected() -> None:
    rng = np.random.default_rng(10)
    truth = np.repeat([0, 1], 5000)
    evidence = rng.normal(np.where(truth == 1, 1.0, -1.0))  # odds of the two classes are exp(2 evidence)
    equal = 1 / (1 + np.exp(-2 * evidence))
    answers = np.column_stack([1 - equal, equal, np.zeros(len(truth))])
    rare = calibration.fit(answers, truth, np.where(truth == 1, 0.1, 0.9))
    assert rare.sharpness == pytest.approx(1, abs=0.1)
    assert rare.shift[1] - rare.shift[0] == pytest.approx(np.log(0.1 / 0.9), abs=0.3)


def test_extraction_is_cached_and_says_why_there_are_no_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(9)
    epochs = np.array([40, 25, 10, 30])
    owner = np.repeat(np.arange(4), epochs)
    mag = np.where(owner == 3, 15.0, rng.normal(15, 0.1, len(owner)))
    mjd = rng.uniform(0, 500, len(owner))
    names = np.array(list("abcd"))
    points = {"band": np.zeros(len(owner), np.int64), "mjd": mjd, "mag": mag, "magerr": np.full(len(owner), 0.1)}
    curves = assemble(names, names, owner, bands=np.array(["g"]), **points)
    first = tables.extract(curves, cache=tmp_path)
    assert first.reason.tolist() == ["", "", tables.TOO_FEW_EPOCHS, "constant_magnitude"]
    assert first.owner.tolist() == [0, 1]
    assert len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(tables.extract(curves, cache=tmp_path).features, first.features)
    (file,) = tmp_path.iterdir()
    for damage in (b"", file.read_bytes()[:-8], b"text"):
        file.write_bytes(damage)
        np.testing.assert_array_equal(tables.extract(curves, cache=tmp_path).features, first.features)
    curves.mag[0] += 0.01
    assert not np.array_equal(tables.extract(curves, cache=tmp_path).features, first.features)
    monkeypatch.setattr(tables.caches, "code_of", lambda *_: "another version")
    tables.extract(curves, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
