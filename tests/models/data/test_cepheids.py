"""The real Cepheids that teach a source."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from starsieve.models.data import cepheids, splits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fifty stars in two bands, under names of the survey's own."""
    stars = [f"OGLE-LMC-CEP-{number:04d}" for number in range(50)]
    names = [f"lm{number}" for number in range(50)]
    points = {name: [] for name in ("object_id", "band", "mjd", "mag", "magerr")}
    for name in names:
        for band in ("B", "R"):
            for epoch in range(25):
                row = (name, band, 50000.0 + epoch, 15.0 + 0.1 * (epoch % 3), 0.02)
                for column, value in zip(points.values(), row, strict=True):
                    column.append(value)
    labels = ["CEP_F", "CEP_MULTI"] * 25
    parquet.write_table(pa.table({"object_id": names, "star": stars, "label": labels}), tmp_path / "objects.parquet")
    parquet.write_table(pa.table(points), tmp_path / "points.parquet")
    return tmp_path


def test_no_star_that_is_held_out_teaches(folder: Path) -> None:
    taught = {splits.star(name) for name in cepheids.learnable(folder).object_id.tolist()}
    stars, _ = cepheids.stars(folder)
    assert taught == {star for star in stars.tolist() if not splits.held_out(star)}
    assert 30 < len(taught) < 50


def test_bands_are_objects_of_their_own(folder: Path) -> None:
    curves = cepheids.learnable(folder)
    assert len(curves) == len(curves.object_id) == len(set(curves.object_id.tolist()))
    assert (curves.epochs == 25).all()
    assert set(curves.label.tolist()) == {"CEPH_F", "CEPH_Other"}
    bands = np.array([name.rpartition("-")[2] for name in curves.object_id.tolist()])
    np.testing.assert_array_equal(bands, curves.bands[curves.band])
