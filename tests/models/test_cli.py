"""The commands about networks, run as a user runs them, on light curves of two invented kinds of star."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from starsieve.features.tools.commands import Commands
from starsieve.features.tools.errors import EXIT_WRONG_USAGE
from starsieve.models import cli
from starsieve.models.serving.classifier import Classifier

pq = pytest.importorskip("pyarrow.parquet")

from tests.models.invented import STARS, write_survey  # noqa: E402 (needs pyarrow)

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
def model(app: typer.Typer, folder: Path) -> Path:
    output = folder / "model"
    arguments = [
        "transfer",
        "--source",
        "none",
        "--data",
        str(folder),
        "--cache",
        str(folder / "cache"),
        "-o",
        str(output),
    ]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return output


def run(app: typer.Typer, *arguments: object) -> str:
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_transfer_leaves_a_network_with_its_card(model: Path) -> None:
    card = json.loads((model / "card.json").read_text())
    assert card["classes"] == ["LPV", "RRAB", "Residual"]
    assert card["training"]["objects"] == {"LPV": STARS, "RRAB": STARS}
    assert card["dropped_classes"] == {"WEIRD": 1}
    assert card["not_classified"] == {"too_few_epochs": 1}
    reference = Classifier(model).reference
    assert reference is not None
    assert reference.objects == 2 * STARS
    assert {each.band for each in reference.distributions} == {*card["bands"], "all"}
    assert (model / "card.md").read_text().startswith("# starsieve-survey")
    assert (model / "card.png").stat().st_size > 1000


def test_evaluation_prints_one_object_last(app: typer.Typer, folder: Path, model: Path) -> None:
    output = run(app, "evaluate", "--model", model, "--data", folder, "--json", "--cache", folder / "cache")
    scores = json.loads(output.splitlines()[-1])
    assert scores["n"] == 2 * STARS + 1
    assert scores["left_out"] == {"WEIRD": 1}
    assert scores["not_classified"] == {"too_few_epochs": 1}
    assert scores["mc01"] == pytest.approx((scores["mcc"] + 1) / 2)
    assert scores["macro_f1"] > 0.9
    assert scores["per_class"]["LPV"]["recall"] < 1  # the star that could not be classified is wrong


def test_evaluation_of_the_first_epochs_only(app: typer.Typer, folder: Path, model: Path) -> None:
    output = run(app, "evaluate", "--model", model, "--data", folder, "--max-epochs", 10, "--json")
    scores = json.loads(output.splitlines()[-1])
    assert scores["accuracy"] == 0
    assert scores["not_classified"] == {"too_few_epochs": 2 * STARS + 1}


def test_a_folder_is_classified_to_a_table(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    run(app, "classify", folder, "--survey", "ztf", "-o", tmp_path / "out.parquet", "--cache", folder / "cache")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(rows) == 2 * STARS + 2
    unclassified = [row for row in rows if row["class"] is None]
    assert [row["reason"] for row in unclassified] == ["too_few_epochs"]


def test_bands_that_the_network_does_not_know_are_named(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    arguments = ["classify", folder, "--survey", "asas", "-o", tmp_path / "out.parquet", "--cache", folder / "cache"]
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    assert "bands g: this network was trained on V" in result.stderr


def test_networks_are_listed_shown_and_verified(app: typer.Typer) -> None:
    assert "ztf" in run(app, "models", "list")
    assert json.loads(run(app, "models", "show", "ztf"))["survey"] == "ztf"
    assert "ztf" in run(app, "models", "verify")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--data", "nowhere", "--survey", "ztf"], "there is no nowhere"),
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
