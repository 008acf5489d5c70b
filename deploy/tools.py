"""Programs that the checks of deploy/ call."""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

_VENV = Path(".venv/deploy")
_UNPACKED = _VENV / "prometheus"


class CheckError(Exception):
    """Something under deploy/ is wrong, or a tool to check it is missing."""


def compose(*arguments: str) -> str:
    """The output of `docker compose` about our file: by the binary itself, for its wrapper drops the exit code."""
    (binary,) = _VENV.glob("lib/python3*/site-packages/compose/docker-compose")
    return run(binary, "-f", "deploy/compose.yaml", *arguments)


@cache
def prometheus_tool(name: str) -> Path:
    """`promtool` or `prometheus`: the one installed, else Debian's, unpacked beside the other tools without installing.

    Raises CheckError where neither can be had.
    """
    if found := shutil.which(name):
        return Path(found)
    if not _UNPACKED.exists():
        if not shutil.which("apt-get"):
            raise CheckError(f"{name} is not installed; it is in Debian's package prometheus")
        with tempfile.TemporaryDirectory() as folder:
            run("apt-get", "download", "prometheus", cwd=Path(folder))
            (package,) = Path(folder).glob("*.deb")
            run("dpkg", "-x", package, _UNPACKED)
    return _UNPACKED / "usr" / "bin" / name


def run(*command: str | Path, cwd: Path | None = None, stdin: str = "") -> str:
    """The output of a command; raises CheckError with all that it says if it fails."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CheckError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}".strip())
    return done.stdout
