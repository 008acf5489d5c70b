"""The commands, as a user types them."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

import features
from features import table as features_table
from features.bench_periods import outcome
from features.cli import bench_app, features_command
from features.folder import believable, read_light_curves
from tests.features.sources import simulated

app = typer.Typer()
app.command("features")(features_command)
app.add_typer(bench_app, name="bench")
runner = CliRunner(env={"COLUMNS": "500"})  # messages are not broken into lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five stars, one with two bands, one too short, and dirt."""
    rows = []
    for i, kind in enumerate(["rrab", "rrc", "cepheid", "contact_binary"]):
        for band in ("g", "r")[: 1 + (i == 0)]:
            columns = (column.tolist() for column in simulated(kind, 40))
            rows += [(f"star{i}", band, *epoch) for epoch in zip(*columns, strict=True)]
    rows += [("short", "g", 59000.0 + i, 15.0 + i, 0.1) for i in range(5)]
    rows += [("star1", "g", np.nan, 15.0, 0.1), ("star1", "g", 59000.0, -99.0, -1.0), ("star1", "g", 4e6, 15.0, 0.1)]
    order = np.random.default_rng(1).permutation(len(rows))
    names = ("object_id", "band", "mjd", "mag", "magerr")
    columns = {name: [rows[k][i] for k in order] for i, name in enumerate(names)}
    target = tmp_path / "survey"
    target.mkdir()
    pq.write_table(pa.table(columns), target / "points.parquet")
    stars = [f"star{i}" for i in range(4)] + ["short"]
    objects = {"object_id": stars, "label": ["A", "A", "B", "B", "B"], "period": [0.6, 0.3, 5.0, None, 1.0]}
    pq.write_table(pa.table(objects), target / "objects.parquet")
    return target


def test_features_of_a_folder(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.parquet"
    result = runner.invoke(app, ["features", str(folder), "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "5 of 6 light curves have features" in result.output.replace("\n", " ")
    assert "too_few_epochs" in result.output
    rows = {(row["object_id"], row["band"]): row for row in pq.read_table(out).to_pylist()}
    assert len(rows) == 6
    expected = features.extract(*simulated("rrc", 40))
    assert [rows["star1", "g"][name] for name in features.FEATURES] == expected.tolist()
    short = rows["short", "g"]
    assert (short["reason"], short["n_epochs"], short["period"]) == ("too_few_epochs", 5, None)
    period = features.find_period(*simulated("rrc", 40))
    assert (rows["star1", "g"]["trust"], rows["star1", "g"]["aliases"]) == (period.trust, ",".join(period.aliases))
    assert (short["trust"], short["aliases"]) == (None, None)


def test_a_run_that_was_broken_off_is_resumed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features_table, "CHUNK", 2)
    out, whole = tmp_path / "features.parquet", tmp_path / "whole.parquet"
    assert runner.invoke(app, ["features", str(folder), "-o", str(whole)]).exit_code == 0
    computed: list[int] = []

    def fail_in_second_part(curves: features_table.LightCurves, threads: int) -> dict[str, object]:
        computed.append(len(curves))
        if len(computed) == 2:
            raise KeyboardInterrupt
        return columns(curves, threads)

    columns = features_table._columns
    monkeypatch.setattr(features_table, "_columns", fail_in_second_part)
    assert runner.invoke(app, ["features", str(folder), "-o", str(out)]).exit_code != 0
    assert not out.exists()
    assert runner.invoke(app, ["features", str(folder), "-o", str(out)]).exit_code == 0
    assert computed == [3, 2, 2, 1]  # light curves of two stars each: first, broken off; then the second and third only
    assert pq.read_table(out).equals(pq.read_table(whole))
    assert not list(tmp_path.glob("*.parts"))


def test_a_folder_without_light_curves_is_named(tmp_path: Path) -> None:
    result = runner.invoke(app, ["features", str(tmp_path), "-o", str(tmp_path / "x.parquet")])
    assert result.exit_code == 2
    assert "points.parquet" in result.output


def test_periods_as_json(folder: Path) -> None:
    result = runner.invoke(app, ["bench", "periods", "--data", str(folder), "--limit", "3", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["survey"]["found"]["all"]["stars"] == 3
    assert found["simulated"]["found"]["rrab"]["exact"] == 1.0
    by_trust = found["simulated"]["trust"]
    assert by_trust["FIRM"]["within_factor_2"] == 1.0
    assert sum(of_trust["stars"] for trust, of_trust in by_trust.items() if trust != "all") == by_trust["all"]["stars"]


def test_periods_of_the_first_epochs(folder: Path) -> None:
    """Six are too few, also in each of two bands."""
    result = runner.invoke(
        app, ["bench", "periods", "--data", str(folder), "--max-epochs", "6", "--limit", "5", "--json"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["survey"]["found"]["all"]
    assert (found["stars"], found["unusable"]) == (4, 1.0)


@pytest.mark.parametrize("command", [["features"], ["bench", "features"], ["bench", "periods"]])
def test_help_has_an_example(command: list[str]) -> None:
    result = runner.invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Example: starsieve" in result.output


@pytest.mark.parametrize(
    ("found", "published", "name"),
    [
        (0.5, 0.5, "exact"),
        (0.25, 0.5, "half"),
        (1.0, 0.5, "double"),
        (1 / (1 / 0.61 - 1.0027379), 0.61, "alias"),
        (0.4, 0.5, "other"),
        (np.nan, 0.5, "unusable"),
        (306.0, 300.0, "exact"),  # 2 % off, but the light curve has three cycles
        (345.0, 300.0, "other"),
    ],
)
def test_outcome(found: float, published: float, name: str) -> None:
    assert outcome(found, published, 1000.0) == name


def test_dirt_is_left_out(folder: Path) -> None:
    curves = read_light_curves(folder)
    star1 = np.flatnonzero(curves.object_ids == "star1")
    assert np.diff(curves.offsets)[star1].tolist() == [40]
    nothing = believable(np.array([np.nan]), np.array([1.0]), np.array([1.0]))
    assert nothing.tolist() == [False]
