"""What tests of the synthesis share: the real catalogue, read once."""

from pathlib import Path

import pytest

from starsieve.models.synthesis import Catalogue, read_catalogue


@pytest.fixture(scope="session")
def catalogue(data_dir: Path) -> Catalogue:
    return read_catalogue(data_dir / "catalogs")
