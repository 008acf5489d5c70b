"""The commands about the networks that streams use: what they say, and with which exit code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from starsieve.broker.cli import app
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import NETWORK
from starsieve.models.serving.networks import ACTIVE
from tests.models.made_networks import cut, make

SHIPPED = registry.load("ztf").version


@pytest.fixture
def networks(tmp_path: Path) -> Path:
    return tmp_path / "networks"


@pytest.fixture
def mine(tmp_path: Path, networks: Path) -> str:
    version = make(tmp_path / "mine", sharpness=1.1)
    assert run(networks, "add", tmp_path / "mine").exit_code == 0
    return version


def run(networks: Path | None, *arguments: object) -> Result:
    environment = {"STARSIEVE_NETWORKS": None if networks is None else str(networks), "COLUMNS": "250"}
    return CliRunner().invoke(app, ["models", *map(str, arguments)], env=environment)


def test_from_added_to_rolled_back(networks: Path, mine: str) -> None:
    def version(*which: str) -> str:
        return str(json.loads(run(networks, "show", "ztf", *which).stdout)["version"])

    assert (version(), version(mine), version("shipped")) == (SHIPPED, mine, SHIPPED)
    assert f"{mine} is active" in run(networks, "activate", "ztf", mine).stdout
    assert (version(), version(SHIPPED)) == (mine, SHIPPED)
    rows = [line.split() for line in run(networks, "list").stdout.splitlines() if " ztf " in line]
    stars = {
        cells[cells.index("ztf") + 1].strip("│"): "*" in cells for cells in ([c for c in r if c != "│"] for r in rows)
    }
    assert stars == {SHIPPED: False, mine: True}
    assert f"{SHIPPED} is active" in run(networks, "rollback", "ztf").stdout
    assert version() == SHIPPED


def test_verify_goes_through_all_and_names_what_is_broken(networks: Path, mine: str) -> None:
    assert run(networks, "verify").exit_code == 0
    cut(networks / "ztf" / mine / NETWORK)
    result = run(networks, "verify")
    assert result.exit_code == 1
    assert f"ztf {mine}" in result.stderr
    assert result.stdout.count(" ok") == len(registry.surveys())
    assert "cannot be used" in run(networks, "list").stdout
    (networks / "ztf" / ACTIVE).write_text("{")
    result = run(networks, "verify")
    assert result.exit_code == 1
    assert ACTIVE in result.stderr


def test_a_refused_activation_leaves_what_was_active(networks: Path, mine: str, tmp_path: Path) -> None:
    assert run(networks, "activate", "ztf", mine).exit_code == 0
    before = (networks / "ztf" / ACTIVE).read_bytes()
    other = make(tmp_path / "other", sharpness=1.2)
    assert run(networks, "add", tmp_path / "other").exit_code == 0
    cut(networks / "ztf" / other / NETWORK)
    for arguments, said, code in (
        (["activate", "ztf", other], "sha256", 1),
        (["activate", "ztf", "00000000"], "no such version", 1),
        (["activate", "ztf", "latest"], mine, 2),
        (["activate", "asas", mine], "no such version", 1),
        (["activate", "..", mine], "no name of a survey", 2),
        (["add", tmp_path / "nowhere"], "nowhere", 1),
        (["show", "ztf", "../../mine"], mine, 2),
        (["rollback", "asas"], "nothing to go back to", 2),
    ):
        result = run(networks, *arguments)
        assert (result.exit_code, result.stdout) == (code, ""), arguments
        assert said in result.stderr, arguments
    assert (networks / "ztf" / ACTIVE).read_bytes() == before


def test_without_a_folder_there_are_the_shipped_networks_alone(tmp_path: Path) -> None:
    assert SHIPPED in run(None, "list").stdout
    assert run(None, "verify").exit_code == 0
    assert json.loads(run(None, "show", "ztf", SHIPPED).stdout)["version"] == SHIPPED
    make(tmp_path / "mine")
    for arguments in (
        ["add", tmp_path / "mine"],
        ["activate", "ztf", SHIPPED],
        ["rollback", "ztf"],
        ["show", "ztf", "x"],
    ):
        result = run(None, *arguments)
        assert result.exit_code == 2
        assert "STARSIEVE_NETWORKS" in result.stderr


def test_the_list_keeps_names_whole_on_a_narrow_terminal_and_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    table = run(None, "list").stdout
    assert all(line in table for line in ("hipparcos", SHIPPED))
    assert max(map(len, table.splitlines())) <= 80
    rows = {row["survey"]: row for row in map(json.loads, run(None, "list", "--json").stdout.splitlines())}
    assert rows["ztf"]["version"] == SHIPPED
    assert 0 < rows["ztf"]["macro_f1"] < 1
