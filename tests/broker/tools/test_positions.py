"""Which object of the stream a position is."""

from pathlib import Path

import numpy as np
import pytest

from starsieve.broker.tools.positions import Positions
from starsieve.features.tools.columns import UnreadableFolderError
from starsieve.features.tools.errors import UsageError

ARCSEC = 1 / 3600


def test_the_nearest_within_the_radius_is_found_everywhere_on_the_sphere() -> None:
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, 500), np.degrees(np.arcsin(rng.uniform(-1, 1, 500)))
    ra[:2], dec[:4] = [0.0, 359.9999], [0.0, 10.0, 90.0, -89.99999]
    names = [f"star{i}" for i in range(500)]
    positions = Positions(names, ra, dec, radius_arcsec=1.5)
    for angle in (0.0, 1.0, 2.5, 4.0):
        for distance, found in ((1.4, True), (1.6, False)):
            up = dec + distance * ARCSEC * np.sin(angle)
            aside = ra + distance * ARCSEC * np.cos(angle) / np.cos(np.radians(np.clip(dec, -89, 89)))
            here = np.abs(dec) < 89
            nearest = [positions.nearest(*each) for each in zip(aside[here] % 360, up[here], strict=True)]
            assert nearest == [name if found else None for name, there in zip(names, here, strict=True) if there]
    assert positions.nearest(123.0, 90.0) == "star2"
    assert positions.nearest(359.99999999, 0.0) == "star0"
    assert positions.nearest(float("nan"), 0.0) is None


def test_of_two_the_nearer_one() -> None:
    positions = Positions(["a", "b"], np.array([10.0, 10.0]), np.array([0.0, 1.2 * ARCSEC]), radius_arcsec=1.5)
    assert positions.nearest(10.0, 0.5 * ARCSEC) == "a"
    assert positions.nearest(10.0, 0.7 * ARCSEC) == "b"


def test_a_table_is_read_with_an_object_in_several_rows(tmp_path: Path) -> None:
    path = tmp_path / "objects.csv"
    path.write_text("object_id,status,ra,dec\na,x,10.0,5.0\nb,x,,\na,y,20.0,5.0\n")
    positions = Positions.read(path, 1.0)
    assert positions.nearest(20.0, 5.0) == "a"
    assert positions.nearest(10.0, 5.0) is None


def test_a_table_without_positions_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "objects.csv").write_text("object_id,ra,dec\na,,\n")
    with pytest.raises(UsageError, match="no object with a position"):
        Positions.read(path, 1.0)
    path.write_text("object_id,ra\na,1\n")
    with pytest.raises(UnreadableFolderError, match="dec"):
        Positions.read(path, 1.0)
