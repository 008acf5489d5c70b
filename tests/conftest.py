"""What all tests share: where the real data are, logs as they were, and that no example of a property is timed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data"

settings.register_profile("untimed", deadline=None)  # machines are busy, files and compilers slow
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Commands that run in this process configure them."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data (STARSIEVE_DATA); tests that need it are skipped, saying so, where it is absent."""
    folder = Path(os.environ.get("STARSIEVE_DATA", DEFAULT_DATA))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set STARSIEVE_DATA")
    return folder
