"""One rule for all commands: 2 is wrong usage or a wrong setting, 1 a failure while running; the message says why."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from starsieve.broker.cli import app
from starsieve.features.tools.commands import Commands, check_file, replacing, reported
from starsieve.features.tools.errors import EXIT_FAILED, EXIT_WRONG_USAGE, CommandError, UsageError
from tests.models.invented import write_survey

RUNNER = CliRunner(env={"COLUMNS": "500"})
# With these missing one at a time; every command that needs them, and the extra that brings them. {} is a folder.
WITHOUT = {
    "pyarrow": (
        "archive",
        [
            "features {} -o {}/out.csv",
            "classify {} --survey ztf -o {}/out.csv",
            "evaluate --survey ztf --data {}",
            "bench periods --data {}",
            "simulate --light-curves {} -o {}/packets",
            "tail -o {}/out.parquet",
            "backfill {}",
            "backfill packets --classify -o {}/out.parquet",
            "transfer --source none --data {} -o {}/out",
            "train --data {} -o {}/out",
        ],
    ),
    "matplotlib": (
        "plot",
        [
            "bench periods --data {} --plots {}/plots",
            "transfer --source none --data {} -o {}/out",
            "train --data {} -o {}/out",
            "models build --data {} --survey ogle2",
            "experiment transfer --data {} -o {}/out",
            "drift --plot {}/drift.png",
        ],
    ),
    "astropy": ("archive", ["features {} -o {}/out.ecsv", "classify {} --survey ztf -o {}/out.ecsv"]),
    "tensorflow": ("train", ["transfer --source none --data {} -o {}/out", "train --data {} -o {}/out"]),
    "sklearn": ("train", ["experiment transfer --data {} -o {}/out"]),
    "joblib": ("train", ["experiment transfer --data {} -o {}/out"]),
    "light_curve": ("bench", ["bench features", "experiment transfer --data {} -o {}/out"]),
    "nifty_ls": ("bench", ["bench features"]),
}
RUN_WITHOUT = """
import json, sys
module, commands = sys.argv[1], json.loads(sys.argv[2])
sys.modules[module] = None
from typer.testing import CliRunner
from starsieve.broker.cli import app
found = [CliRunner(env={"COLUMNS": "500"}).invoke(app, command.split()) for command in commands]
print(json.dumps([[result.exit_code, result.stderr, repr(result.exception)] for result in found]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of light curves with positions."""
    folder = tmp_path_factory.mktemp("survey")
    write_survey(folder)
    objects = pq.read_table(folder / "objects.parquet")
    for name in ("ra", "dec", "period"):
        objects = objects.append_column(name, pa.array([10.0] * len(objects)))
    pq.write_table(objects, folder / "objects.parquet")
    return folder


@pytest.mark.parametrize("module", WITHOUT)
def test_a_missing_extra_is_named_before_any_work(module: str, folder: Path) -> None:
    extra, commands = WITHOUT[module]
    filled = json.dumps([command.replace("{}", str(folder)) for command in commands])
    arguments = [sys.executable, "-c", RUN_WITHOUT, module, filled]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for command, (exit_code, stderr, exception) in zip(commands, json.loads(result.stdout), strict=True):
        assert exit_code == EXIT_FAILED, (command, stderr, exception)
        message = stderr.strip().splitlines()[-1]
        assert message == f"this command needs {module}: pip install 'starsieve[{extra}]'", command
    assert not list(folder.glob("out*"))


@pytest.mark.parametrize(
    "command",
    [
        "features nowhere -o {}/out.csv",
        "features {} -o {}",
        "classify nowhere --survey ztf -o {}/out.csv",
        "classify {} --survey nothing -o {}/out.csv",
        "classify {} --survey ztf -o {}",
        "classify {} --survey ztf -o {}/objects.parquet/out.csv",
        "classify {} --survey ztf -o {}/out.csv --cache {}/objects.parquet",
        "features {} -o {}/out.txt",
        "features {} -o {}/out.csv --column Vmag",
        "features {} -o {}/out.csv --column mag=Vmag",
        "features {} -o {}/out.csv --band r",
        "classify {} --survey ztf -o {}/out",
        "evaluate --data {} --survey ztf --labels {}/nowhere.csv",
        "simulate --objects 1 -o {}/packets --band r",
        "evaluate --data {}",
        "evaluate --data {} --survey ztf --model ztf",
        "evaluate --data nowhere --survey ztf",
        "evaluate --data {} --model nowhere",
        "transfer --source none --data nowhere -o {}/out",
        "transfer --source none --data {} -o {}/objects.parquet",
        "train --data nowhere -o {}/out",
        "models show nothing",
        "models build --data {} --survey nothing",
        "bench periods --data nowhere",
        "bench periods --data {} --limit -1",
        "bench periods --data {} --plots {}/objects.parquet",
        "simulate --light-curves nowhere -o {}/packets",
        "simulate --objects 1 -o {}/objects.parquet",
        "simulate --objects 1 -o {}/packets --truth {}",
    ],
)
def test_what_is_typed_wrong_ends_with_two_and_one_line(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starsieve.models.data.tables.features", None)  # no work
    result = RUNNER.invoke(app, command.replace("{}", str(folder)).split())
    assert result.exit_code == EXIT_WRONG_USAGE, result.output
    assert result.stderr.strip()
    assert not list(folder.glob("out*"))


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (UsageError("say --so"), EXIT_WRONG_USAGE),
        (CommandError("the server is away"), EXIT_FAILED),
        (OSError(28, "No space left on device", "out.parquet"), EXIT_FAILED),
        (ModuleNotFoundError("no", name="pyarrow.parquet"), EXIT_FAILED),
    ],
)
def test_errors_that_the_user_can_mend_are_one_line(error: Exception, exit_code: int) -> None:
    group = typer.Typer(cls=Commands)

    @group.callback()
    def main() -> None: ...

    @group.command()
    def fail() -> None:
        raise error

    result = RUNNER.invoke(group, ["fail"])
    assert result.exit_code == exit_code
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError("no", name="starsieve.features.typo"), ValueError("a fault of ours")]
)
def test_our_own_faults_are_not_explained_away(error: Exception) -> None:
    with pytest.raises(type(error)), reported():
        raise error


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(out) as unfinished:
        unfinished.write_bytes(b"half" + (tmp_path / "nothing").read_bytes())
    with pytest.raises(UnicodeEncodeError), replacing(out) as unfinished:
        unfinished.write_text("half\ud800")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
    with replacing(out) as unfinished:
        unfinished.write_text("new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["new"]


def test_a_checked_place_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    check_file(tmp_path / "out")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
