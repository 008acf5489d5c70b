"""The commands, as a user types them."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from starsieve import features
from starsieve.features.tools import table as features_table
from starsieve.features.tools.bench_periods import outcome
from starsieve.features.tools.cli import bench_app, features_command
from starsieve.features.tools.commands import Commands
from starsieve.features.tools.lightcurves import LightCurves
from tests.features.sources import simulated

app = typer.Typer(cls=Commands)
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
    assert [rows["star1", "g"][name] for name in features.FEATURES] == list(expected)
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

    def fail_in_second_part(curves: LightCurves, threads: int) -> dict[str, object]:
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


def broken_off(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A run that ended after its first part; the sizes of parts computed from now on are added to the list."""
    monkeypatch.setattr(features_table, "CHUNK", 2)
    computed: list[int] = []

    def counted(curves: LightCurves, threads: int) -> dict[str, object]:
        computed.append(len(curves.object_id))
        if len(computed) == 2:
            raise KeyboardInterrupt
        return columns(curves, threads)

    columns = features_table._columns
    monkeypatch.setattr(features_table, "_columns", counted)
    assert runner.invoke(app, ["features", str(folder), "-o", str(out)]).exit_code != 0
    assert len(list(out.with_name(f"{out.name}.parts").iterdir())) == 1
    return computed


def test_a_run_resumed_after_the_input_was_corrected_has_no_old_numbers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = tmp_path / "features.parquet", tmp_path / "whole.parquet"
    plain = {"compression": "none", "use_dictionary": False}  # the size depends on the number of values alone
    points = pq.read_table(folder / "points.parquet")
    pq.write_table(points, folder / "points.parquet", **plain)
    size = (folder / "points.parquet").stat().st_size
    broken_off(folder, out, monkeypatch)
    corrected = pa.array(np.roll(points["mag"].to_numpy(), 1))
    pq.write_table(points.set_column(3, "mag", corrected), folder / "points.parquet", **plain)
    assert (folder / "points.parquet").stat().st_size == size
    for target in (out, whole):
        assert runner.invoke(app, ["features", str(folder), "-o", str(target)]).exit_code == 0
    assert pq.read_table(out).equals(pq.read_table(whole))


@pytest.mark.parametrize("damage", [b"", b"PAR1 cut", None])
def test_a_part_of_other_code_or_damaged_is_computed_again(
    damage: bytes | None, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "features.parquet"
    computed = broken_off(folder, out, monkeypatch)
    (part,) = out.with_name(f"{out.name}.parts").iterdir()
    if damage is None:
        monkeypatch.setattr(features_table, "code_of", lambda *_: "another version")
    else:
        part.write_bytes(damage)
    assert runner.invoke(app, ["features", str(folder), "-o", str(out)]).exit_code == 0
    assert computed == [2, 2, 2, 2, 1]


def test_every_object_has_a_row_even_if_none_of_its_epochs_can_be_used(folder: Path, tmp_path: Path) -> None:
    points = pq.read_table(folder / "points.parquet")
    bad = points.filter(pc.equal(points["object_id"], "star1")).slice(0, 3)
    bad = bad.set_column(0, "object_id", pa.array(["dark"] * 3)).set_column(3, "mag", pa.array([None, 99.0, np.nan]))
    pq.write_table(pa.concat_tables([points, bad]), folder / "points.parquet")
    objects = pq.read_table(folder / "objects.parquet").select(["object_id"])
    pq.write_table(pa.concat_tables([objects, pa.table({"object_id": ["dark", "unseen"]})]), folder / "objects.parquet")
    out = tmp_path / "features.parquet"
    result = runner.invoke(app, ["features", str(folder), "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "no_usable_epochs: 2" in result.output
    rows = {(row["object_id"], row["band"]): row for row in pq.read_table(out).to_pylist()}
    assert len(rows) == 8
    expected = {("dark", "g"): (0, 3), ("unseen", None): (0, 0), ("star1", "g"): (40, 3), ("short", "g"): (5, 0)}
    assert {name: (rows[name]["n_epochs"], rows[name]["n_dropped"]) for name in expected} == expected
    reasons = [rows[name]["reason"] for name in expected]
    assert reasons == ["no_usable_epochs", "no_usable_epochs", None, "too_few_epochs"]
    assert rows["dark", "g"]["period"] is rows["unseen", None]["aliases"] is None


def test_a_folder_without_any_usable_epoch_is_not_nothing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"object_id": ["a"]}), tmp_path / "objects.parquet")
    points = {"object_id": ["a"], "band": ["g"], "mjd": [1.0], "mag": [99.0], "magerr": [0.1]}
    pq.write_table(pa.table(points), tmp_path / "points.parquet")
    result = runner.invoke(app, ["features", str(tmp_path), "-o", str(tmp_path / "out.parquet")])
    assert result.exit_code == 0
    assert "0 of 1 light curves have features" in result.output
    assert pq.read_table(tmp_path / "out.parquet")["reason"].to_pylist() == ["no_usable_epochs"]


@pytest.mark.parametrize("out", ["", "folder", "file/below", "/proc/nowhere/out.parquet", "/dev/null"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    out: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_table, "update_many", None)  # no work
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    result = runner.invoke(app, ["features", str(folder), "-o", str(tmp_path / out)])
    assert result.exit_code == 2
    assert str(tmp_path / out) in result.output or "cannot write into" in result.output
    assert not list(tmp_path.rglob("*.parts"))


def test_the_folder_of_the_output_is_made(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder" / "out.parquet"
    assert runner.invoke(app, ["features", str(folder), "-o", str(out)]).exit_code == 0
    assert pq.read_table(out).num_rows == 6
    assert [file.name for file in out.parent.iterdir()] == ["out.parquet"]


def test_a_folder_without_light_curves_is_named(tmp_path: Path) -> None:
    (empty := tmp_path / "empty").mkdir()
    result = runner.invoke(app, ["features", str(empty), "-o", str(tmp_path / "x.parquet")])
    assert result.exit_code == 2
    assert "points.parquet" in result.output


def test_a_folder_of_pictures_that_cannot_be_written_is_told_before_the_work(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    arguments = ["bench", "periods", "--data", str(folder), "--plots", str(tmp_path / "file")]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "cannot write into" in result.output


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
