"""A source on light curves that it has not learned from."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from starsieve.models.data import splits
from starsieve.models.experiment import zero_shot
from starsieve.models.experiment.zero_shot import OURS, PUBLISHED, Judged
from starsieve.models.recipes import building

STARS = 30


@pytest.fixture
def data(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One Cepheid set and one survey of the same invented sines, in two bands."""
    (tmp_path / "upsilont").symlink_to((data_dir / "upsilont").resolve())
    rng = np.random.default_rng(0)
    names = [f"star-{number}" for number in range(STARS)]
    points = {name: [] for name in ("object_id", "band", "mjd", "mag", "magerr")}
    for name in names:
        for band, epochs in (("B", 60), ("R", 60 if name != names[0] else 5)):
            mjd = np.sort(rng.uniform(50000, 50500, epochs))
            mag = 15 + 0.3 * np.sin(2 * np.pi * mjd / 5.0) + rng.normal(0, 0.01, epochs)
            columns = ([name] * epochs, [band] * epochs, mjd.tolist(), mag.tolist(), [0.01] * epochs)
            for key, values in zip(points, columns, strict=True):
                points[key] += values
    for folder, labels in (("some_cep", ["CEP_F"] * STARS), ("survey", ["CEP"] * (STARS - 10) + ["UNKNOWN"] * 10)):
        path = tmp_path / "lightcurves" / folder
        path.mkdir(parents=True)
        objects = {"object_id": names, "star": names, "label": labels}
        parquet.write_table(pa.table(objects), path / "objects.parquet")
        parquet.write_table(pa.table(points), path / "points.parquet")
    monkeypatch.setattr(zero_shot.cepheids, "SETS", ("some_cep",))
    monkeypatch.setattr(zero_shot, "SURVEYS", ("survey",))
    return tmp_path


def test_every_band_is_judged_of_stars_that_taught_nothing(data: Path) -> None:
    zero_shot.run(data, data, None, None, building.Work(data / "cache", 1, lambda *_: None))
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (data / "zero-shot.md").read_text().splitlines()
        if line.startswith("| s")
    ]
    counts = {row[0]: int(row[1]) for row in rows if len(row) == 4 and " / " in row[2]}
    held_out = sum(splits.held_out(f"star-{number}") for number in range(STARS))
    assert counts["some_cep, B"] == held_out < STARS
    assert counts["survey, B"] == STARS - 10
    assert counts["survey, R"] == STARS - 10 - 1  # one has too few epochs in R
    judged = {row[1] for row in rows if len(row) == 5}
    assert judged == {"class", "CEP", "F"}  # the heading, and all that is judged
    assert any(row[0] == "some_cep, B and some_cep, R" for row in rows)


def test_at_most_so_many_stars_of_a_survey(data: Path) -> None:
    path = data / "lightcurves" / "survey" / "objects.parquet"
    known = parquet.read_table(path).drop_columns("label").append_column("label", pa.array(["CEP"] * STARS))
    parquet.write_table(known, path)
    zero_shot.run(data, data, None, 7, building.Work(data / "cache", 1, lambda *_: None))
    text = (data / "zero-shot.md").read_text()
    assert "| survey, B | 7 |" in text
    assert "| survey, B | CEP | 7 |" in text


def test_scores_are_of_the_true_classes() -> None:
    truth = np.array(["CEP", "CEP", "RRL", "RRL"])
    assert zero_shot.scores(truth, truth) == pytest.approx((1.0, 1.0, 1.0))
    accuracy, macro_f1, _ = zero_shot.scores(truth, np.array(["CEP", "T2CEP", "RRL", "none"]))
    assert accuracy == 0.5
    assert macro_f1 == pytest.approx(2 / 3)  # recall one half, precision one, of both; T2CEP does not count


def test_classes_kept_are_those_of_the_same_star() -> None:
    def one(name: str, stars: list[str], found: list[str]) -> Judged:
        classes = np.array(found)
        return Judged(name, np.array(stars), np.full(len(stars), "F"), {OURS: classes, PUBLISHED: classes})

    judged = [one("ogle3_cep, I", ["a", "b", "c"], ["F", "1O", "F"]), one("eros2_cep, R", ["c", "b"], ["F", "F"])]
    assert zero_shot.kept(judged, OURS) == {"ogle3_cep, I and eros2_cep, R": (2, 0.5)}
