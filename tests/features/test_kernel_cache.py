"""Compiled kernels on disk: never of other sources, of other users or damaged, and never needed.

Each start is a process of its own on a copy of the package with some small kernels more.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from starsieve.features import kernel_cache

ROOT = Path(__file__).parents[2]
PACKAGES = [package.split(".")[1] for package in kernel_cache.PACKAGES]
MODULES = {
    "below/limits.py": "FACTOR = 2.0",
    "below/inner.py": """
from starsieve.features.below.limits import FACTOR
from starsieve.features.jit import kernel

@kernel
def inner(x):
    return FACTOR * x
""",
    "outer.py": """
from starsieve.features.below.inner import inner
from starsieve.features.jit import kernel

@kernel
def outer(x):
    return inner(x) + 1.0
""",
}
CALL = """
from starsieve.features.outer import outer
print(outer(3.0), "loaded" if outer.stats.cache_hits else "compiled")
"""
COMPILED, LOADED = "7.0 compiled", "7.0 loaded"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    features = tmp_path / "code" / "starsieve" / "features"
    features.parent.mkdir(parents=True)
    (features.parent / "__init__.py").touch()
    shutil.copytree(ROOT / "features", features, ignore=shutil.ignore_patterns("__pycache__"))
    (features / "below").mkdir()
    for name, text in MODULES.items():
        (features / name).write_text(text)
    return tmp_path / "code"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def start(package: Path, cache: Path, script: str = CALL) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(package), "STARSIEVE_CACHE": str(cache)}
    command = [sys.executable, "-P", "-c", script]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert errors == ""
    return output.strip()


def files(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize("edited", ["below/limits.py", "below/inner.py"])
def test_what_changes_in_another_file_reaches_the_kernel(package: Path, cache: Path, edited: str) -> None:
    assert said(start(package, cache)) == COMPILED
    assert said(start(package, cache)) == LOADED
    file = package / "starsieve" / "features" / edited
    before = file.read_text()
    file.write_text(before.replace("FACTOR = 2.0", "FACTOR = 4.0").replace("return FACTOR", "return 2.0 * FACTOR"))
    assert said(start(package, cache)) == "13.0 compiled"
    assert said(start(package, cache)) == "13.0 loaded"
    file.write_text(before)
    assert said(start(package, cache)) == LOADED  # what was compiled from these sources is still there


def flip_a_bit_of_the_code(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "cut_to_a_few_bytes": lambda path: path.write_bytes(path.read_bytes()[:20]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "garbage": lambda path: path.write_bytes(b"\x80\x04garbage" * 999),
    "flipped_bit": flip_a_bit_of_the_code,
    "folder": make_a_folder,  # that stays, and does no harm
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_files_are_rebuilt(package: Path, cache: Path, damage: Callable[[Path], object]) -> None:
    assert said(start(package, cache)) == COMPILED
    assert len(files(cache)) == 2
    for path in files(cache):
        damage(path)
    assert said(start(package, cache)) == COMPILED
    assert damage == make_a_folder or said(start(package, cache)) == LOADED


def test_processes_that_start_at_once_all_work(package: Path, cache: Path) -> None:
    for process in [start(package, cache) for _ in range(4)]:
        assert said(process) in {COMPILED, LOADED}
    assert said(start(package, cache)) == LOADED
    assert len(files(cache)) == 2  # and nothing half-written


def test_a_cache_that_cannot_be_made_is_done_without(package: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert said(start(package, tmp_path / "file" / "cache")) == COMPILED


def link_elsewhere(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


OPEN_TO_OTHERS: dict[str, Callable[[Path, Path, Path], object]] = {
    "folder_of_a_group": lambda kernels, folder, file: folder.chmod(0o775),
    "folder_of_all": lambda kernels, folder, file: folder.chmod(0o757),
    "kernels_of_a_group": lambda kernels, folder, file: kernels.chmod(0o775),
    "kernels_of_all": lambda kernels, folder, file: kernels.chmod(0o1777),
    "file_of_all": lambda kernels, folder, file: file.chmod(0o646),
    "link": lambda kernels, folder, file: link_elsewhere(kernels),
}
if os.geteuid() == 0:
    OPEN_TO_OTHERS |= {
        "folder_of_another": lambda kernels, folder, file: os.chown(folder, 12345, -1),
        "kernels_of_another": lambda kernels, folder, file: os.chown(kernels, 12345, -1),
        "file_of_another": lambda kernels, folder, file: os.chown(file, 12345, -1),
    }


@pytest.mark.parametrize("expose", OPEN_TO_OTHERS.values(), ids=OPEN_TO_OTHERS)
def test_what_another_user_could_have_written_is_never_read(
    tmp_path: Path, expose: Callable[[Path, Path, Path], object]
) -> None:
    folder = tmp_path / "kernels" / "code"
    assert kernel_cache._write(folder, "kernel", b"of what", b"compiled")
    assert kernel_cache._read(folder, "kernel", b"of what") == b"compiled"
    expose(folder.parent, folder, folder / "kernel")
    assert kernel_cache._read(folder, "kernel", b"of what") is None


def test_what_was_kept_for_another_kernel_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "kernels" / "code"
    assert kernel_cache._write(folder, "kernel", b"of what", b"compiled")
    assert kernel_cache._read(folder, "kernel", b"of something else") is None


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_what_is_written_can_be_read_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "cache" / "kernels" / "code"
    before = os.umask(umask)
    try:
        assert kernel_cache._write(folder, "kernel", b"of what", b"compiled")
    finally:
        os.umask(before)
    assert kernel_cache._read(folder, "kernel", b"of what") == b"compiled"


def test_nothing_compiles_where_it_must_not(package: Path, cache: Path) -> None:
    script = CALL.replace("print(", "from starsieve.features.kernel_cache import load_only\nwith load_only(): print(")
    missing = start(package, cache, script)
    assert "NotCompiledError: starsieve.features.outer.outer(" in missing.communicate(timeout=100)[1]
    assert said(start(package, cache)) == COMPILED
    assert said(start(package, cache, script)) == LOADED


def test_old_folders_go(package: Path, cache: Path) -> None:
    kernels = cache / "kernels"
    kernels.mkdir(parents=True, mode=0o755)
    for age in range(kernel_cache.KEPT + 5):
        folder = kernels / f"code{age}"
        folder.mkdir()
        (folder / "kernel").write_bytes(b"compiled")
        os.utime(folder, (1e9 - age, 1e9 - age))
    assert said(start(package, cache)) == COMPILED
    assert len(list(kernels.iterdir())) == kernel_cache.KEPT
    assert {f"code{age}" for age in range(kernel_cache.KEPT - 1)} < {folder.name for folder in kernels.iterdir()}
    (of_this_code,) = (folder for folder in kernels.iterdir() if not folder.name.startswith("code"))
    os.utime(of_this_code, (1, 1))
    assert said(start(package, cache)) == LOADED
    assert of_this_code.stat().st_mtime > 1e9  # used: not old


def test_kernels_use_nothing_but_their_own_package_and_this_one() -> None:
    """What names their code, `code_for`, looks at no other."""
    checked = 0
    for source in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        imports = [node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.ImportFrom)]
        if any(node.module == "starsieve.features.jit" for node in imports):
            own = source.relative_to(ROOT).parts[0]
            modules = [str(node.module).split(".") for node in imports]
            of_ours = {parts[1] for parts in modules if parts[0] == "starsieve"}
            assert of_ours <= {own, "features"}, source
            checked += 1
    assert checked > 15


def test_no_kernel_is_left_to_the_cache_of_numba() -> None:
    for source in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        if source != ROOT / "features" / "jit.py":
            assert "njit" not in source.read_text() or "cache=True" not in source.read_text(), source
