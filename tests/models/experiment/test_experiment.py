"""The transfer experiment from start to end, on a small survey of invented stars."""

import json
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("light_curve")

from starsieve.models.experiment import transfer as experiment
from starsieve.models.experiment.learning_curves import METHODS
from starsieve.models.recipes import building
from tests.models.invented import write_survey


@pytest.fixture
def data(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lightcurves" / "invented"
    folder.mkdir(parents=True)
    write_survey(folder)
    (tmp_path / "upsilont").symlink_to((data_dir / "upsilont").resolve())
    for name, value in {"SURVEYS": ("invented",), "FRACTIONS": (0.02, 1.0), "SEEDS": range(1)}.items():
        monkeypatch.setattr(experiment, name, value)
    return tmp_path


def test_every_method_is_judged_once_and_a_second_run_has_nothing_to_do(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = building.Work(data / "cache", 1, lambda *_: None)
    experiment.run(data, data, work)
    results = json.loads((data / "transfer.json").read_text())
    assert {(result["method"], result["fraction"]) for result in results} == set(product(METHODS, (0.02, 1.0)))
    assert {result["labels"] for result in results if result["fraction"] < 1} == {2}  # one of each class
    assert all(result["macro_f1"] > 0.9 for result in results if result["fraction"] == 1)
    assert (data / "transfer.png").stat().st_size > 1000

    monkeypatch.delattr(experiment, "of_seeds")
    text = (data / "transfer.md").read_text()
    experiment.run(data, data, work)
    assert (data / "transfer.md").read_text() == text

    points = data / "lightcurves" / "invented" / "points.parquet"
    table = pq.read_table(points)
    pq.write_table(table.set_column(3, "mag", pa.array(table["mag"].to_numpy() + 0.01)), points)
    with pytest.raises(NameError):  # results of other light curves are no results of these: it starts again
        experiment.run(data, data, work)
