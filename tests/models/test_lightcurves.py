"""Folders of light curves: what cannot be true goes, everything else stays in order of time."""

from pathlib import Path

import numpy as np
import pytest

from features.folder import UnreadableFolderError
from models import ModelError, lightcurves
from models.lightcurves import BandLightCurves

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def write(folder: Path, objects: dict[str, list[object]], points: dict[str, list[object]]) -> Path:
    pq.write_table(pa.table(objects), folder / "objects.parquet")
    pq.write_table(pa.table(points), folder / "points.parquet")
    return folder


@pytest.fixture
def curves(tmp_path: Path) -> BandLightCurves:
    points = {
        "object_id": ["b", "b", "b", "b", "a", "a", "a", "b", "b"],
        "band": ["g", "g", "g", "r", "g", "g", "g", "g", "g"],
        "mjd": [3.0, 1.0, 2.0, 5.0, 2.0, 2.0, 1.0, -2.4e6, 4.0],
        "mag": [15.0, 15.1, 15.2, 14.0, 17.0, 17.5, 16.0, 15.0, -99.0],
        "magerr": [0.1, 0.1, 0.1, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1],
    }
    return lightcurves.read(write(tmp_path, {"object_id": ["b", "a", "c"], "label": ["EW", None, "EA"]}, points))


def test_points_are_sorted_and_cleaned(curves: BandLightCurves) -> None:
    assert curves.object_id.tolist() == ["b", "a", "c"]
    assert curves.label.tolist() == ["EW", "", "EA"]
    assert curves.owner.tolist() == [0, 0, 1]
    assert curves.band.tolist() == ["g", "r", "g"]
    assert curves.mjd.tolist() == [1.0, 2.0, 3.0, 5.0, 1.0, 2.0]
    assert curves.mag[-1] == 17.5  # the smaller error of two values at one time


def test_first_epochs_are_of_every_light_curve(curves: BandLightCurves) -> None:
    assert curves.first(1).mjd.tolist() == [1.0, 5.0, 1.0]
    assert curves.first(2).epochs.tolist() == [2, 1, 2]


def test_selected_objects_bring_their_light_curves(curves: BandLightCurves) -> None:
    chosen = curves.select(np.array([1, 2]))
    assert chosen.object_id.tolist() == ["a", "c"]
    assert chosen.owner.tolist() == [0]
    assert chosen.mjd.tolist() == [1.0, 2.0]


def test_a_folder_without_light_curves_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFolderError, match=r"there is no .*objects\.parquet"):
        lightcurves.read(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, {"object_id": ["a"]}, {"object_id": ["a"], "band": ["g"], "mjd": [1.0], "mag": [1.0]})
    with pytest.raises(UnreadableFolderError, match="no column magerr"):
        lightcurves.read(folder)


POINTS: dict[str, list[object]] = {"object_id": ["a"], "band": ["g"], "mjd": [1.0], "mag": [15.0], "magerr": [0.1]}


@pytest.mark.parametrize(
    ("objects", "points", "message"),
    [
        ({"object_id": ["a", "a"]}, {}, "twice, such as a"),
        ({"object_id": pa.array([], pa.string())}, {}, "no object"),
        ({"object_id": ["a", None]}, {}, "object_id is empty in 1 rows"),
        ({"object_id": ["a"]}, {"band": [None]}, "band is empty in 1 rows"),
        ({"object_id": ["a"]}, {"mag": ["bright"]}, "mag should hold numbers"),
        ({"object_id": ["a"]}, {"object_id": ["b"]}, "such as b"),
        ({"object_id": ["a"], "label": [["EW"]]}, {}, "label should hold text"),
    ],
)
def test_a_column_that_cannot_be_used_is_named(
    tmp_path: Path, objects: dict[str, list[object]], points: dict[str, list[object]], message: str
) -> None:
    with pytest.raises((ModelError, UnreadableFolderError), match=message):
        lightcurves.read(write(tmp_path, objects, POINTS | points))


def test_long_numbers_as_ids_keep_all_their_digits(tmp_path: Path) -> None:
    ids: list[object] = [9_007_199_254_740_993, 9_007_199_254_740_992]  # the same as floats
    points = {name: column * 2 for name, column in POINTS.items()} | {"object_id": ids}
    curves = lightcurves.read(write(tmp_path, {"object_id": ids, "label": ["EW", None]}, points))
    assert curves.object_id.tolist() == [str(number) for number in ids]
    assert curves.owner.tolist() == [0, 1]
