"""The commands about networks, run as a user runs them, on light curves of two invented kinds of star."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import typer
from astropy.table import Table
from pyarrow import csv as pacsv
from pyarrow import parquet as pq
from typer.testing import CliRunner

from starsieve import features
from starsieve.features.tools.cli import features_command
from starsieve.features.tools.commands import Commands
from starsieve.features.tools.errors import EXIT_WRONG_USAGE
from starsieve.models import cli
from starsieve.models.judging import catalogue
from starsieve.models.serving import registry, taxonomy
from starsieve.models.serving.card import Card
from starsieve.models.serving.classifier import Classifier
from tests.models.invented import STARS, write_survey

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    app = typer.Typer(cls=Commands)
    cli.mount(app)
    return app


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("survey")
    write_survey(folder)
    return folder


@pytest.fixture(scope="module")
def labels(folder: Path) -> Path:
    """What the survey calls its stars: one of its classes has no place in the taxonomy."""
    table = pq.read_table(folder / "objects.parquet").to_pylist()
    path = folder.parent / "labels.csv"
    own = {"LPV": "WOBBLER"}
    rows = [f"{row['object_id']};{own.get(row['label'], row['label'])}" for row in table]
    path.write_text("\n".join(["object_id;type", *rows]))
    return path


@pytest.fixture(scope="module")
def model(app: typer.Typer, folder: Path, labels: Path) -> Path:
    output = folder.parent / "model"
    arguments = [
        "transfer",
        "--source",
        "none",
        "--data",
        str(folder),
        "--cache",
        str(folder / "cache"),
        *told(labels),
        "--parent",
        "WOBBLER=LPV/Mira",
        "-o",
        str(output),
    ]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return output


def told(labels: Path) -> list[str]:
    return ["--labels", str(labels), "--column", "label=type"]


def run(app: typer.Typer, *arguments: object) -> str:
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_transfer_leaves_a_network_with_its_card(model: Path) -> None:
    card = json.loads((model / "card.json").read_text())
    assert card["classes"] == ["RRAB", "WOBBLER", "Residual"]
    assert card["class_ids"] == [2323, taxonomy.own_id("WOBBLER", 2326), 200]
    assert card["training"]["objects"] == {"WOBBLER": STARS, "RRAB": STARS}
    assert card["dropped_classes"] == {"WEIRD": 1}
    assert card["not_classified"] == {"too_few_epochs": 1}
    reference = Classifier(model).reference
    assert reference is not None
    assert reference.objects == 2 * STARS
    assert {each.band for each in reference.distributions} == {*card["bands"], "all"}
    text = (model / "card.md").read_text()
    assert text.startswith("# starsieve-survey")
    right = sum(row[number] for number, row in enumerate(card["scores"]["confusion"]))
    everything = 2 * STARS + 2  # the star of a rare class and the one with too few epochs cannot be right
    assert f"Of all {everything} labelled objects {right} are answered rightly ({right / everything:.3f})" in text
    assert f"| WOBBLER | {card['class_ids'][1]} under 2326 LPV/Mira |" in text
    Card.read(model).check()
    assert (model / "card.png").stat().st_size > 1000


def test_evaluation_prints_one_object_last(app: typer.Typer, folder: Path, model: Path, labels: Path) -> None:
    arguments = ["--model", model, "--data", folder, "--json", "--cache", folder / "cache", *told(labels)]
    result = RUNNER.invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "300"})
    scores = json.loads(result.stdout.splitlines()[-1])
    everything = scores["of_all"]
    assert everything["n"] == scores["n"] + 1 == 2 * STARS + 2
    assert everything["right"] == round(scores["accuracy"] * scores["n"])
    assert everything["accuracy"] < scores["accuracy"]
    assert scores["trained_on"] == {"objects": 2 * STARS, "light_curves": f"{folder.name}, 100 % of the labels"}
    assert f"trained on {2 * STARS} objects" in result.stderr
    assert f"right: {everything['right']} of all {everything['n']} labelled objects" in result.stderr
    assert f"labelled objects in {folder}" in result.stderr
    assert "kept apart for its card" in result.stderr
    assert f"accuracy {scores['accuracy']:.3f}, macro_f1" in result.stderr
    assert "not classified: 1 too_few_epochs" in result.stderr
    assert scores["n"] == 2 * STARS + 1
    assert scores["left_out"] == {"WEIRD": 1}
    assert scores["not_classified"] == {"too_few_epochs": 1}
    assert scores["mc01"] == pytest.approx((scores["mcc"] + 1) / 2)
    assert scores["macro_f1"] > 0.9
    assert scores["per_class"]["WOBBLER"]["recall"] < 1  # the star that could not be classified is wrong


def test_evaluation_of_the_first_epochs_only(app: typer.Typer, folder: Path, model: Path, labels: Path) -> None:
    output = run(app, "evaluate", "--model", model, "--data", folder, "--max-epochs", 10, "--json", *told(labels))
    scores = json.loads(output.splitlines()[-1])
    assert scores["accuracy"] == 0
    assert scores["not_classified"] == {"too_few_epochs": 2 * STARS + 1}


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".ecsv"])
def test_light_curves_are_classified_to_a_table(app: typer.Typer, folder: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    run(app, "classify", folder, "--survey", "ztf", "-o", path, "--cache", folder / "cache")
    table = Table.read(path, format="ascii.ecsv") if suffix == ".ecsv" else None
    rows = pacsv.read_csv(path).to_pylist() if suffix == ".csv" else None
    if table is not None:
        assert str(table["period"].unit) == "d"
        rows = [{name: None if row[name] is np.ma.masked else row[name] for name in table.colnames} for row in table]
    rows = rows or pq.read_table(path).to_pylist()
    assert len(rows) == 2 * STARS + 2
    known = {row["object_id"]: row for row in rows}
    star = known["star0"]
    assert star["period"] == pytest.approx(0.55, rel=0.2)
    assert (star["trust"], star["n_epochs"], star["n_dropped"], star["reason"] or None) == ("FIRM", 60, 0, None)
    classes = registry.load("ztf").classes
    assert sum(star[name] for name in classes) == pytest.approx(1)
    assert star["probability"] == pytest.approx(max(star[name] for name in classes)) == star[star["class"]]
    assert star["ra"] is None or math.isnan(star["ra"])  # nobody said where it is
    unclassified = [row for row in rows if not row["class"]]
    assert [(row["reason"], row["n_epochs"], row["RRAB"]) for row in unclassified] == [("too_few_epochs", 5, None)]


def test_positions_and_aliases_of_many_parts_are_those_of_their_objects(
    app: typer.Typer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "CHUNK", 7)
    points = pq.read_table(folder / "points.parquet")
    of_star = np.array([int(name.removeprefix("star")) for name in points["object_id"].to_pylist()])
    survey = tmp_path / "survey.csv"
    columns = points.append_column("RA", pa.array(of_star * 0.5)).append_column("DEC", pa.array(of_star * -0.25))
    pacsv.write_csv(columns, survey)
    run(app, "classify", survey, "--survey", "ztf", "-o", tmp_path / "out.parquet", "--cache", folder / "cache")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(rows) == 2 * STARS + 2
    found = {row["object_id"]: row for row in rows}
    for number in (0, 1, 2, 20):
        chosen = points.filter(pc.equal(points["object_id"], f"star{number}"))
        period = features.find_period(*(chosen[name] for name in ("mjd", "mag", "magerr")))
        row = found[f"star{number}"]
        assert (row["ra"], row["dec"]) == (number * 0.5, number * -0.25)
        assert (row["period"], row["trust"], row["aliases"]) == (period.period, period.trust, ",".join(period.aliases))


def test_bands_that_the_network_does_not_know_are_named(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    arguments = ["classify", folder, "--survey", "asas", "-o", tmp_path / "out.parquet", "--cache", folder / "cache"]
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    assert "bands g: this network was trained on V" in result.stderr
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    classified = [row for row in rows if row["class"]]
    assert len(classified) == 2 * STARS + 1
    assert {row["reason"] for row in classified} == {"unsupported_band"}
    said = f"{2 * STARS + 1} classified, {2 * STARS + 1} of them in other bands than the network's (unsupported_band)"
    assert f"{said}; 1 not: 1 too_few_epochs" in result.stderr


def test_a_network_answers_from_its_own_bands_where_there_are_any(
    app: typer.Typer, folder: Path, tmp_path: Path
) -> None:
    """Another band beside them changes the common period's last digits, and is no row of the network's."""
    points = pq.read_table(folder / "points.parquet")
    other = points.set_column(points.column_names.index("band"), "band", pa.array(["V"] * len(points)))
    of_two = tmp_path / "two"
    of_two.mkdir()
    pq.write_table(pa.concat_tables([points, other]), of_two / "points.parquet")
    answers = []
    for source, out in ((folder, tmp_path / "one.csv"), (of_two, tmp_path / "both.csv")):
        run(app, "classify", source, "--survey", "ztf", "-o", out, "--cache", folder / "cache")
        rows = pacsv.read_csv(out).to_pylist()
        answers.append({row["object_id"]: (row["class"], row["reason"]) for row in rows})
    assert answers[0].keys() == answers[1].keys()
    assert {reason for _, reason in answers[1].values()} == {"", "too_few_epochs"}


@pytest.mark.parametrize("command", ["classify", "features"])
def test_a_table_is_not_written_among_the_light_curves(app: typer.Typer, command: str, tmp_path: Path) -> None:
    if command == "features":
        app = typer.Typer(cls=Commands)
        app.command("features")(features_command)
        app.command("other")(lambda: None)
    (folder := tmp_path / "stars").mkdir()
    star = folder / "star.csv"
    star.write_text("mjd,mag,magerr\n1,15,0.1\n")
    options = ["--survey", "ztf"] if command == "classify" else []
    for source, output in ((folder, folder / "more" / "out.csv"), (star, star)):
        result = RUNNER.invoke(app, [command, str(source), *options, "-o", str(output)])
        assert result.exit_code == EXIT_WRONG_USAGE, result.output
        assert "choose" in result.stderr
    assert star.read_text().startswith("mjd,mag,magerr")


def test_networks_are_listed_shown_and_verified(app: typer.Typer) -> None:
    assert "ztf" in run(app, "models", "list")
    assert json.loads(run(app, "models", "show", "ztf"))["survey"] == "ztf"
    assert "ztf" in run(app, "models", "verify")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--data", "nowhere", "--survey", "ztf"], "there is no nowhere"),
        (["transfer", "--source", "none", "--data", "nowhere", "-o", "out", "--parent", "X=Y"], "Y is no class"),
        (["evaluate", "--data", "nowhere"], "either --survey or --model"),
        (["models", "show", "nothing"], "no network for survey"),
        (["transfer", "--source", "upsilont", "--data", "nowhere", "-o", "out"], "published network is not in"),
        (["transfer", "--source", "none", "--data", "nowhere", "-o", "out"], "there is no nowhere"),
        (["transfer", "--source", "none", "--data", "/nowhere", "-o", "out"], "there is no /nowhere"),
        (["transfer", "--source", "nowhere", "--data", "nowhere", "-o", "out"], "no readable network card"),
        (["train", "--data", "nowhere", "-o", "out"], "--data or STARSIEVE_DATA"),
        (["models", "build", "--data", "nowhere", "--survey", "nothing"], "no recipe"),
    ],
)
def test_mistakes_are_told_in_one_line(app: typer.Typer, arguments: list[str], message: str) -> None:
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == EXIT_WRONG_USAGE
    assert message in result.stderr


def test_a_band_needs_as_many_epochs_as_the_network_was_trained_with(app: typer.Typer, tmp_path: Path) -> None:
    """Rubin's has 7: its stream answers long before ZTF's 20 epochs in a band, and so do folders."""
    rng = np.random.default_rng(1)
    lines = ["object_id,band,mjd,mag,magerr"]
    for band in "ugrizy":
        mjd = np.sort(61000 + rng.uniform(0, 300, 12))
        mag = 18 + 0.4 * np.sin(2 * np.pi * mjd / 0.567) + rng.normal(0, 0.01, 12)
        lines += [f"star,{band},{time:.6f},{value:.4f},0.01" for time, value in zip(mjd, mag, strict=True)]
    (tmp_path / "stars.csv").write_text("\n".join(lines))
    for survey, reason in (("lsst", ""), ("ztf", "too_few_epochs")):
        output = tmp_path / f"{survey}.csv"
        options = ["--survey", survey, "-o", str(output), "--cache", str(tmp_path / "cache")]
        done = RUNNER.invoke(app, ["classify", str(tmp_path / "stars.csv"), *options])
        assert done.exit_code == 0, done.output
        (row,) = csv.DictReader(output.read_text().splitlines())
        assert row["reason"] == reason
        assert (abs(float(row["period"]) - 0.567) < 0.001) if not reason else row["period"] == ""
