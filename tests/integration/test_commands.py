"""The commands as a user types them."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from typer.main import get_command

from starsieve.broker import simulate
from starsieve.broker.cli import app
from starsieve.models.serving import registry
from tests.integration.conftest import MakeStream
from tests.integration.packets import night


def starsieve(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "starsieve.broker.cli", *map(str, arguments)],
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def commands() -> list[list[str]]:
    """All commands, as one types them: ["run"], ["bench", "features"]."""
    found: list[list[str]] = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined] # it is a group
        found += [[name, sub] for sub in getattr(command, "commands", {})] or [[name]]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(command: list[str]) -> None:
    shown = starsieve(*command, "--help")
    assert shown.returncode == 0, shown.stderr
    assert "Example" in shown.stdout


def test_version() -> None:
    assert starsieve("version").stdout.startswith("starsieve ")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "--redis", "localhost"], "redis.url"),
        (["run", "--output-format", "xml"], "output_format"),
        (["run", "--output-format", "fastdb"], "fastdb carries alerts of lsst, not of ztf"),
        (["run", "--config", "nowhere.toml"], "nowhere.toml"),
        (["simulate"], "--topic"),
        (["simulate", "-t", "alerts", "--held-out"], "--held-out does not apply"),
        (["simulate", "-t", "alerts", "--light-curves", ".", "--nights", "60"], "--nights does not apply"),
        (["simulate", "-o", "nowhere", "--rate", "5"], "--rate does not apply"),
        (["simulate", "-o", "nowhere", "-b", "localhost:9092"], "--bootstrap-servers does not apply"),
        (["simulate", "-o", "nowhere", "--config", "nowhere.toml"], "--config does not apply"),
        (["replay", "nowhere.tar", "-t", "alerts"], "cannot read nowhere.tar: No such file"),
        (["tail", "--count", "none"], "--count"),
        (["tail", "--min-period", "2", "--max-period", "1"], "no period is from"),
        (["backfill", ".", "--objects", "nowhere.csv"], "there is no file nowhere.csv"),
    ],
)
def test_wrong_usage_is_named(arguments: list[str], named: str) -> None:
    result = starsieve(*arguments)
    assert result.returncode == 2
    assert named in result.stderr


def test_an_unknown_survey_says_which_there_are() -> None:
    result = starsieve("run", "--survey", "kepler")
    assert result.returncode == 2
    assert "ztf" in result.stderr


@pytest.mark.kafka
def test_tail_of_a_topic_that_is_not_there(kafka: str) -> None:
    result = starsieve("tail", "-b", kafka, "--output-topic", "nothing", "--idle", "1")
    assert result.returncode == 1
    assert "nothing" in result.stderr


@pytest.mark.kafka
def test_replay_run_tail(kafka: str, redis_url: str, make_stream: MakeStream, tmp_path: Path) -> None:
    stream = make_stream(kafka, redis_url)
    sent = night(stars=2, alerts=40)
    for number, packet in enumerate(sent):
        (tmp_path / f"{number:04}.avro").write_bytes(packet)
    replayed = starsieve("replay", tmp_path, "-b", kafka, "-t", stream.alerts)
    assert replayed.returncode == 0, replayed.stderr
    assert f"{len(sent)} messages" in replayed.stderr
    stream.worker("one", output_format="single-object")
    stream.finish(len(sent))
    lines = starsieve("tail", "-b", kafka, "--output-topic", stream.outcomes, "--json", "--from-beginning", "-n", "80")
    assert lines.returncode == 0, lines.stderr
    outcomes = [json.loads(line) for line in lines.stdout.splitlines()]
    assert len(outcomes) == len(sent)
    assert Counter(outcome["status"] for outcome in outcomes)["CLASSIFIED"] > 0
    table = starsieve("tail", "-b", kafka, "--output-topic", stream.outcomes, "--from-beginning", "--idle", "2")
    assert table.returncode == 0
    assert "not classified" in table.stdout


@pytest.mark.parametrize("survey", [each for each in simulate.SURVEYS if each in registry.surveys()])
def test_demo(survey: str) -> None:
    """The one place where librdkafka's mock cluster is used: it is what the demo runs on."""
    result = starsieve("demo", "--survey", survey, "--objects", "40", "--json")
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["alerts"] > 0
    assert summary["classified"] > 0
    assert summary["dead_letters"] == {}
    assert summary["alerts"] == summary["classified"] + sum(summary["not_classified"].values())
