"""Parity mode gives the published features of the published code's own demonstration star."""

import json
from pathlib import Path

import numpy as np
import pytest

from starsieve import features

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def golden(data_dir: Path) -> dict[str, float]:
    return dict(json.loads((data_dir / "upsilont" / "golden.json").read_text())["features_all"])


@pytest.fixture(scope="module")
def demo_star(data_dir: Path) -> np.ndarray:
    table = np.loadtxt(data_dir / "upsilont" / "lm0134l19756.time", comments="#", usecols=(0, 1, 2))
    return np.ascontiguousarray(table[table[:, 1] < 99.999].T)


@pytest.mark.parametrize("name", features.FEATURES)
def test_published_feature(name: str, golden: dict[str, float], demo_star: np.ndarray) -> None:
    found = features.extract(*demo_star, upsilont=True)[name]
    assert found == pytest.approx(golden[name], rel=TOLERANCE)
