"""The README's readers, as a subscriber runs them: with nothing but confluent-kafka and fastavro installed."""

import json
import re
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from starsieve.broker.outputs import ENCODERS, fastdb
from tests.broker.outputs.published import message
from tests.integration import topics
from tests.integration.test_client import publish

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
READERS = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL))
MOST_LINES = 5
TIMEOUT = 90


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with these two packages, as they are installed here."""
    folder = tmp_path_factory.mktemp("subscriber")
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for pattern in ("confluent_kafka*", "fastavro*"):
        for found in Path(sysconfig.get_paths()["platlib"]).glob(pattern):
            (packages / found.name).symlink_to(found)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def schema_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the schemas that a subscriber has, FASTDB's among them."""
    folder = tmp_path_factory.mktemp("schemas")
    for file in (ROOT / "schemas").glob("*.avsc"):
        (folder / file.name).symlink_to(file)
    (folder / "fastdb.v10_0_0.BrokerMessage.avsc").write_bytes(fastdb.schema())
    return folder


def test_there_is_a_reader_for_every_format() -> None:
    assert READERS.keys() == ENCODERS.keys()
    assert all(sum(map(bool, lines.splitlines())) <= MOST_LINES for lines in READERS.values())


@pytest.mark.parametrize("name", ENCODERS)
def test_a_reader_in_five_lines(kafka: str, python: Path, schema_files: Path, name: str) -> None:
    topic = topics.create_topic(kafka)
    publish(kafka, [message(topic, "star", format_name=name)])
    lines = READERS["starsieve"].splitlines()
    if name != "starsieve":
        lines[-1:] = READERS[name].splitlines()
    script = (
        "\n".join(lines)
        .replace("kafka:9092", kafka)
        .replace("starsieve_classifications", topic)
        .replace('"me"', f'"{topic}"')
    )
    check = (
        "import json, importlib.util as find; assert not any(map(find.find_spec, ('starsieve', 'numpy', 'cramjam')))"
    )
    done = subprocess.run(
        [python, "-I", "-c", f"{check}\n{script}\nprint(json.dumps(outcome, default=str))"],
        cwd=schema_files,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    if name == "lasair":
        assert (outcome["classdict"]["alertId"], outcome["classification"]) == (7, "RRAB")
        return
    assert outcome["diaSourceId" if name == "fastdb" else "alertId"] == 7
    assert max(outcome["classifications"], key=lambda each: each["probability"])["classId"] == 2323
