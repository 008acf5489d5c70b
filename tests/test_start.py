"""How commands start: --help needs no library, and a machine that allows little is enough for all of them.

As root, they run as a user without name and home, who may write to nothing but a temporary folder and read anything
(Python itself may lie in root's home). Otherwise they run as whoever runs the tests, without a home.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from starsieve import features
from starsieve.broker.warmup import warm_up
from starsieve.features import caches
from starsieve.features.kernel_cache import NotCompiledError
from starsieve.features.tools import compiling
from tests.models.invented import STARS, write_survey

ROOT = Path(__file__).parents[1]
NOT_FOR_HELP = (
    "numba", "llvmlite", "numpy", "tensorflow", "ai_edge_litert", "confluent_kafka", "redis", "fastavro", "erfa",
    "pydantic_settings", "structlog", "pyarrow", "matplotlib", "starsieve.broker.settings", "starsieve.broker.worker",
    "starsieve.features.jit", "starsieve.features.stream",
)  # fmt: skip
HELP = f"""
import sys
from typer.main import get_command
from starsieve.broker.cli import app

def show(command, path):
    try:
        app([*path, "--help"])
    except SystemExit as end:
        assert end.code == 0
    for name, sub in getattr(command, "commands", {{}}).items():
        show(sub, [*path, name])

try:
    app(["--help"])
except SystemExit:
    assert "pydantic" not in sys.modules  # for any command, Typer itself imports it
show(get_command(app), [])
try:
    app(["version"])
except SystemExit as end:
    assert end.code == 0
print(sorted(set({NOT_FOR_HELP}) & set(sys.modules)), file=sys.stderr)
"""
UID = "12345"
AS_NOBODY = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
READING_ANYTHING = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
BITS = """
import hashlib, sys
import numpy as np
from starsieve.broker.worker import warm_up
from starsieve.features import update
warm_up()
t = np.sort(np.random.default_rng(5).uniform(59000.0, 59300.0, 150))
found = [update(None, t, np.sin(t / (1 + i)) + np.sin(9 * t * t), np.full(150, 0.1)) for i in range(20)]
numbers = b"".join(one.features.tobytes() + one.profile.tobytes() for one in found)
print(hashlib.sha256(numbers).hexdigest())
"""


STREAM = """
import os
import numpy as np
from starsieve.broker import simulate
from starsieve.broker.surveys.packets import decode
from starsieve.broker.epochs import EPOCH
from starsieve.broker.store import Stored
from starsieve.broker.process import process
from starsieve.broker.warmup import warm_up
from starsieve.features.kernel_cache import load_only
from starsieve.models.serving import registry
classifier = registry.load("ztf")
warm_up()
os.environ["STARSIEVE_CACHE"] = "/nowhere"  # what is not loaded by now is not found
packets = [alert.packet for alert in simulate.alerts(simulate.invent(5, 60, 1))]
with load_only():
    alerts = [content for packet in packets for content in decode(packet, "ztf")]
    stored = {alert.object_id: Stored(np.empty(0, EPOCH)) for alert in alerts}
    for _ in range(2):
        outcomes, changes = process(alerts, stored, classifier, min_epochs=20)
        stored |= {one.object_id: Stored(stored[one.object_id].epochs, one.search_state) for one in changes}
print({outcome.reason for outcome in outcomes})
"""


FOLDERS = """
import os, sys
from pathlib import Path
from rich.console import Console
from starsieve.features.kernel_cache import load_only
from starsieve.features.tools import compiling, table
from starsieve.features.tools.columns import AS_NAMED
from starsieve.features.tools.folder import read_light_curves
from starsieve.models.data import tables
os.cpu_count = lambda: 1  # other threads would not know of load_only
compiling.prepare()
os.environ["STARSIEVE_CACHE"] = "/nowhere"  # what is not loaded by now is not found
survey = Path(sys.argv[1])
with load_only():
    table.write_features(survey, AS_NAMED, survey / "features.parquet", Console(stderr=True))
    print(len(tables.extract(read_light_curves(survey)).owner))
"""


class Machine:
    """Runs our commands where little is allowed."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = environment

    def python(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        as_nobody = [*AS_NOBODY, *READING_ANYTHING] if os.geteuid() == 0 else []
        return subprocess.run(
            [*as_nobody, sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(self.folder), "COLUMNS": "200", **self.environment},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    def starsieve(self, *arguments: str | Path) -> str:
        done = self.python("-m", "starsieve.broker.cli", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def kernels() -> str:
    """The folder of a cache that has all of a stream's kernels."""
    warm_up()
    return str(caches.writable_folder())


@pytest.fixture
def folder() -> Iterator[Path]:
    """The only one that can be written; pytest's own cannot be entered by others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture(params=["no home", "home is /", "home is nowhere"])
def machine(request: pytest.FixtureRequest, folder: Path, kernels: str) -> Machine:
    """With compiled kernels that it may read, as in a container's image."""
    home = {"no home": {}, "home is /": {"HOME": "/"}, "home is nowhere": {"HOME": "/nonexistent"}}
    return Machine(folder, STARSIEVE_CACHE=kernels, **home[request.param])


def test_help_and_version_import_none_of_what_commands_need() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    assert "starsieve bench periods" in done.stdout


def test_features_are_imported_when_they_are_asked_for() -> None:
    script = (
        "import sys; from starsieve import features; features.FEATURES; print('numba' in sys.modules, dir(features))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    imported, names = done.stdout.split(" ", 1)
    assert imported == "False"
    assert set(features.__all__) < set(json.loads(names.replace("'", '"')))
    assert all(getattr(features, name) is not None for name in features.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        features.nonsense  # noqa: B018


def test_a_locked_machine_shows_help_and_lists(machine: Machine) -> None:
    assert "classify" in machine.starsieve("--help")
    assert machine.starsieve("version").startswith("starsieve ")
    assert "ztf" in machine.starsieve("models", "list")


def test_a_locked_machine_takes_folders(machine: Machine) -> None:
    survey = machine.folder / "survey"
    survey.mkdir()
    write_survey(survey)
    machine.starsieve("features", survey, "-o", machine.folder / "features.parquet")
    machine.starsieve("classify", survey, "--survey", "ztf", "-o", machine.folder / "classes.parquet")
    from pyarrow import parquet  # noqa: PLC0415

    assert parquet.read_table(machine.folder / "features.parquet").num_rows == 2 * STARS + 2
    assert parquet.read_table(machine.folder / "classes.parquet").num_rows == 2 * STARS + 2
    assert not list(machine.folder.glob("starsieve-*"))  # temporary folders are gone


def test_a_locked_machine_runs_a_worker(folder: Path, kernels: str) -> None:
    """The demo: Kafka in its process, Valkey beside it, and the worker."""
    machine = Machine(folder, STARSIEVE_CACHE=kernels)
    summary = json.loads(machine.starsieve("demo", "--objects", "5", "--json").splitlines()[-1])
    assert summary["alerts"] > 0  # each with an outcome: otherwise it fails


def test_without_a_cache_another_process_compiles_for_this_one(folder: Path, kernels: str) -> None:
    """So that results are those of a process that loaded the kernels, to the last bit."""
    first = Machine(folder).python("-c", BITS)
    assert first.returncode == 0, first.stderr
    assert "kernels_not_kept" in first.stdout  # and what to do
    assert "STARSIEVE_CACHE" in first.stdout
    later = Machine(folder, STARSIEVE_CACHE=kernels).python("-c", BITS)
    assert later.returncode == 0, later.stderr
    assert first.stdout.splitlines()[-1] == later.stdout.strip()


def test_a_stream_calls_no_kernel_that_was_not_warmed_up(folder: Path, kernels: str) -> None:
    done = Machine(folder, STARSIEVE_CACHE=kernels).python("-c", STREAM)
    assert done.returncode == 0, done.stderr
    assert "None" in done.stdout  # some were classified


def test_commands_about_folders_call_no_kernel_that_was_not_prepared(folder: Path, kernels: str) -> None:
    write_survey(folder)
    done = Machine(folder, STARSIEVE_CACHE=kernels).python("-c", FOLDERS, folder)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_a_kernel_that_is_in_no_cache_is_compiled_by_another_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The other one leaves a file where this one says that kernels are kept."""
    monkeypatch.setenv("STARSIEVE_CACHE", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "other.py").write_text("import os; open(os.environ['STARSIEVE_CACHE'] + '/compiled', 'x')")
    told: list[str] = []

    def call() -> None:
        if not (tmp_path / "compiled").exists():
            raise NotCompiledError

    compiling.load_or_compile(call, "other", lambda event, /, **details: told.append(event))
    compiling.load_or_compile(call, "other", lambda event, /, **details: told.append(event))
    assert told == ["compiling"]


def test_where_caches_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("STARSIEVE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert caches.folder() == tmp_path / ".cache" / "starsieve"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert caches.folder() == tmp_path / ".cache" / "starsieve"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert caches.folder() == tmp_path / "xdg" / "starsieve"
    monkeypatch.setenv("STARSIEVE_CACHE", str(tmp_path / "mine"))
    assert caches.folder() == tmp_path / "mine" == caches.writable_folder()


def test_where_nothing_can_be_kept_a_private_folder_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STARSIEVE_CACHE", str(tmp_path / "file" / "cache"))
    private = caches.writable_folder()
    assert private == caches.writable_folder() != caches.folder()
    assert private.stat().st_mode & 0o777 == 0o700
