"""`tail`, whatever the topic holds, whatever the output can show, and whoever stops reading it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration import topics
from tests.integration.processes import Process, eventually
from tests.integration.servers import Kafka
from tests.integration.tailed import foreign, outcome
from tests.integration.test_commands import starsieve

pytestmark = pytest.mark.kafka

ODD = ["plain", "[/red][bold]markup", "escape\x1b[2Jscreen", "Zürich ☉ \U0001f52d", "right\u202eleft", ""]
TIMEOUT = 60


@pytest.fixture
def topic(kafka: str) -> str:
    """One with outcomes of odd strings."""
    name = topics.create_topic(kafka)
    topics.produce(kafka, name, [outcome(text, class_name=f"class {text}", band=text) for text in ODD])
    return name


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "utf-8"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=" ".join,
)
def test_outcomes_are_shown_on_every_output(kafka: str, topic: str, environment: dict[str, str]) -> None:
    tail = ["tail", "-b", kafka, "--output-topic", topic, "--from-beginning", "-n", str(len(ODD))]
    table = shown(*tail, environment=environment)
    assert b"plain" in table
    assert b"[/red][bold]markup" in table
    assert b"\x1b" not in table
    assert b"classified 6" in table
    lines = shown(*tail, "--json", environment=environment).splitlines()
    assert [json.loads(line)["objectId"] for line in lines] == ODD


def shown(*arguments: str, environment: dict[str, str]) -> bytes:
    """What the command wrote, byte by byte; it must have ended well."""
    done = subprocess.run(
        [sys.executable, "-m", "starsieve.broker.cli", *arguments],
        env=os.environ | {"COLUMNS": "200"} | environment,
        capture_output=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def test_messages_of_others_are_left_out_and_counted(kafka: str) -> None:
    name = topics.create_topic(kafka)
    topics.produce(kafka, name, [outcome("one"), b"", b"not Avro", foreign(), outcome("two")])
    result = starsieve("tail", "-b", kafka, "--output-topic", name, "--json", "--from-beginning", "-n", "2")
    assert result.returncode == 0
    assert [json.loads(line)["objectId"] for line in result.stdout.splitlines()] == ["one", "two"]
    assert f"left out, for it is not starsieve's: {name}:0:1, not_avro" in result.stderr
    assert "3 of 5 messages were left out" in result.stderr


def test_a_topic_with_nothing_of_ours_is_an_error(kafka: str) -> None:
    name = topics.create_topic(kafka)
    topics.produce(kafka, name, [b"not Avro", foreign()])
    result = starsieve("tail", "-b", kafka, "--output-topic", name, "--from-beginning", "--idle", "2")
    assert result.returncode == 1
    assert "2 of 2 messages were left out" in result.stderr


@pytest.mark.parametrize("option", ["--json", "--from-beginning"])
def test_it_ends_quietly_when_nobody_reads_it_any_more(kafka: str, option: str) -> None:
    """As with `| head`: as lines, and as a table, which into a pipe is written at the end."""
    name = topics.create_topic(kafka)
    topics.produce(kafka, name, [outcome(f"star {number}") for number in range(5_000)])
    tail = ["tail", "-b", kafka, "--output-topic", name, "--from-beginning", "-n", "5000", option]
    with subprocess.Popen(
        [sys.executable, "-m", "starsieve.broker.cli", *tail], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if option == "--json":
            assert b"star 0" in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(TIMEOUT) == 0


def test_it_outlives_its_kafka_and_says_so_once(own_kafka: Kafka, tmp_path: Path) -> None:
    name = topics.create_topic(own_kafka.address)
    (folder := tmp_path / "tail").mkdir()
    tail = ["tail", "-b", own_kafka.address, "--output-topic", name, "--json", "--from-beginning"]
    process = Process([sys.executable, "-m", "starsieve.broker.cli", *tail], folder, dict(os.environ))
    process.launch()
    try:
        topics.produce(own_kafka.address, name, [outcome("before")])
        eventually(lambda: "before" in process.output(), "the first is shown", TIMEOUT)
        own_kafka.kill()
        eventually(lambda: "Connection refused" in process.output(), "it is said that Kafka is away", TIMEOUT)
        own_kafka.start()
        topics.produce(own_kafka.address, name, [outcome("after")])
        eventually(lambda: "after" in process.output(), "the second is shown", TIMEOUT)
        process.send(signal.SIGINT)
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
    said = [line for line in process.output().splitlines() if line.startswith("Kafka at")]
    assert len(said) == len(set(said)) <= 3, said  # the server and the group's coordinator, and why
