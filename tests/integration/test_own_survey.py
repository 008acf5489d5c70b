"""The survey of CONTRIBUTING.md, in a package of its own: built, installed, and run on real servers."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest

from starsieve.models.serving.card import Card
from tests.integration.conftest import MakeStream
from tests.models.invented import STARS, write_survey

ROOT = Path(__file__).parents[2]
TIMEOUT = 300  # kernels may have to be compiled
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "alert",
        "fields": [
            {"name": "objectId", "type": "string"},
            {"name": "alertId", "type": "long"},
            {"name": "ra", "type": "double"},
            {"name": "dec", "type": "double"},
            {
                "name": "epochs",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "epoch",
                        "fields": [
                            {"name": "mjd", "type": "double"},
                            {"name": "band", "type": "string"},
                            {"name": "mag", "type": ["null", "float"]},
                            {"name": "magerr", "type": ["null", "float"]},
                        ],
                    },
                },
            },
        ],
    }
)


def packet(n: int, **fields: Any) -> bytes:
    """A pulsating star that was seen n times in g, as those of `write_survey`; of its first epoch nothing is known."""
    rng = np.random.default_rng(1)
    mjd = 61000 + np.cumsum(rng.uniform(2, 20, n))
    mag = 16 + 0.4 * np.sin(2 * np.pi * mjd / 0.567) + rng.normal(0, 0.03, n)
    epochs = [
        {"mjd": float(time), "band": "g", "mag": float(each), "magerr": 0.03}
        for time, each in zip(mjd, mag, strict=True)
    ]
    epochs[0] |= {"mag": None, "magerr": None}
    file = io.BytesIO()
    alert = {"objectId": "MySky 1", "alertId": n, "ra": 150.0, "dec": 2.0, "epochs": epochs} | fields
    fastavro.writer(file, SCHEMA, [alert])
    return file.getvalue()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, as pip installs it, and with three that cannot be used."""
    source, target = tmp_path_factory.mktemp("mysky"), tmp_path_factory.mktemp("site")
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for name, language in (("pyproject.toml", "toml"), ("mysky.py", "python")):
        (found,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
        (source / name).write_text(found)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, source], check=True)
    (target / "half.py").write_text("WANTED = {}\n")
    others = {"broken": {"broken": "no_such_module"}, "half": {"half": "half"}}
    others |= {f"twice{number}": {"twice": f"twice{number}", "ztf": "no_such_module"} for number in (1, 2)}
    for package, surveys in others.items():
        info = target / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in surveys.items())
        (info / "entry_points.txt").write_text(f"[starsieve.surveys]\n{lines}")
    return target


def run(installed: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(installed)},
        input=stdin,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )


DECODE = """
import json, sys
from starsieve.broker.surveys.packets import decode
(found,) = decode(sys.stdin.buffer.read(), "mysky")
if hasattr(found, "reason") and found.reason is not None:
    print(json.dumps([found.reason, found.detail]))
else:
    epochs = found.epochs
    print(json.dumps([found.survey, found.object_id, found.alert_id, dict(found.dropped), epochs["mag"].tolist()]))
"""


def test_its_packets_are_decoded(installed: Path) -> None:
    done = run(installed, "-c", DECODE, stdin=packet(5))
    assert done.returncode == 0, done.stderr.decode()
    survey, object_id, alert_id, dropped, mag = json.loads(done.stdout)
    assert (survey, object_id, alert_id, dropped) == ("mysky", "MySky 1", 5, {"unusable": 1})
    assert len(mag) == 4
    assert all(15.5 < each < 16.5 for each in mag)


def test_what_cannot_be_true_is_refused(installed: Path) -> None:
    done = run(installed, "-c", DECODE, stdin=packet(5, dec=91.0))
    assert json.loads(done.stdout)[0] == "absurd_value"


@pytest.mark.parametrize(
    ("survey", "said"),
    [
        ("broken", "survey: 'broken', no_such_module of broken: ModuleNotFoundError: No module named 'no_such_module'"),
        ("half", "survey: 'half', half of half, has no FORM, alert, schema_of, warm_up"),
        ("twice", "survey: 'twice' is brought by twice1 (twice1) and twice2 (twice2): uninstall all but one"),
        ("kepler", "there are ztf, lsst, "),
        ("mysky", "no network of 'mysky' comes with starsieve"),
    ],
)
def test_what_cannot_be_used_is_named_where_it_is_asked_for(installed: Path, survey: str, said: str) -> None:
    done = run(installed, "-m", "starsieve.broker.cli", "run", "--survey", survey)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.decode().split())


def test_nobody_else_notices_it(installed: Path) -> None:
    done = run(
        installed, "-c", "from starsieve.broker.surveys import installed as i; print(i.names(), i.survey('ztf'))"
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"['ztf', 'lsst', ")
    shown = run(installed, "-X", "importtime", "-m", "starsieve.broker.cli", "run", "--help")
    assert shown.returncode == 0
    assert b"starsieve.broker.surveys" not in shown.stderr, "a command's help loads no survey"


def own_network(installed: Path, folder: Path) -> Path:
    """The folder of networks that the commands of CONTRIBUTING.md leave, up to `run`, for a few labelled stars."""
    (folder / "labelled").mkdir()
    (folder / "networks").mkdir()
    write_survey(folder / "labelled")
    (commands,) = re.findall(r"```sh\n(starsieve transfer .*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    *lines, running = commands.splitlines()
    assert shlex.split(running)[:4] == ["starsieve", "run", "--survey", "mysky"]
    said = ""
    for line in lines:
        words = [
            said.rsplit(maxsplit=1)[-1] if word == "VERSION" else word for word in shlex.split(line, comments=True)[1:]
        ]
        done = subprocess.run(
            [sys.executable, "-m", "starsieve.broker.cli", *words],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said = done.stdout
    return folder / "networks"


@pytest.mark.kafka
def test_a_worker_answers_its_alerts(
    kafka: str,
    redis_url: str,
    make_stream: MakeStream,
    installed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    networks = own_network(installed, tmp_path)
    card = Card.read(tmp_path / "mysky-network")
    assert card.training is not None
    assert card.training.objects == {"LPV": STARS, "RRAB": STARS}
    monkeypatch.setenv("PYTHONPATH", str(installed))
    stream = make_stream(kafka, redis_url)
    stream.produce([packet(5), packet(60), packet(61, dec=91.0)])
    stream.worker("own", survey="mysky", networks=str(networks))
    stream.finish(3)
    answers = {each["alertId"]: each for each in stream.answers()}
    assert {number: (each["survey"], each["status"]) for number, each in answers.items()} == {
        5: ("mysky", "NOT_CLASSIFIED"),
        60: ("mysky", "CLASSIFIED"),
    }
    best = max(answers[60]["classifications"], key=lambda each: each["probability"])
    assert best["className"] == "RRAB"
    assert answers[60]["classifierVersion"] == card.version
    assert answers[60]["period"]["days"] == pytest.approx(0.567, rel=1e-3)
    assert [headers["reason"] for headers, _ in stream.refused()] == ["absurd_value"]
