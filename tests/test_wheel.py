"""Installed, starsieve is one name in site-packages, and a user's own folders of the names of ours do no harm."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
USE = """
import starsieve
from starsieve import features
from starsieve.broker import worker
from starsieve.models.serving import registry
assert starsieve.__file__.startswith({site!r}), starsieve.__file__
assert len(features.FEATURES) == 16 and registry.load("ztf").bands == ("g", "r")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a fresh environment with the wheel; what it depends on is that of these tests."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    (wheel,) = folder.glob("*.whl")
    run(*pip, "--python", folder / "venv", "install", "--no-deps", wheel)
    (site_packages(folder / "venv") / "others.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "venv"


def run(*command: str | Path, cwd: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def site_packages(environment: Path) -> Path:
    return next((environment / "lib").glob("python*/site-packages"))


def test_nothing_else_is_installed(installed: Path) -> None:
    names = {path.name.split("-")[0] for path in site_packages(installed).iterdir() if path.suffix != ".pth"}
    assert names == {"starsieve"}
    assert not any(path.is_symlink() for path in (site_packages(installed) / "starsieve").iterdir())


def test_folders_of_a_user_do_no_harm(installed: Path, tmp_path: Path) -> None:
    for name in ("broker", "features", "models", "schemas"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('this is the user\\'s own')")
    script = USE.format(site=str(site_packages(installed)))
    run(installed / "bin" / "python", "-c", script, cwd=tmp_path)
    assert "ztf" in run(installed / "bin" / "starsieve", "models", "list", cwd=tmp_path)
