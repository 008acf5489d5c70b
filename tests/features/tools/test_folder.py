"""Folders of light curves: what cannot be true goes and is counted, everything else stays in order of time."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starsieve.features.tools import folder as folders
from starsieve.features.tools.folder import Folder, UnreadableFolderError, read_light_curves, read_objects
from starsieve.features.tools.lightcurves import LightCurves, concatenate

Row = tuple[str, str, float | None, float | None, float | None]
NAMES = ("object_id", "band", "mjd", "mag", "magerr")


def write(folder: Path, objects: dict[str, Any], points: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(objects), folder / "objects.parquet")
    pq.write_table(pa.table(points), folder / "points.parquet")
    return folder


def columns(rows: list[Row]) -> Any:
    kinds = (pa.string(), pa.string(), pa.float64(), pa.float64(), pa.float64())
    return pa.table([pa.array([row[i] for row in rows], kind) for i, kind in enumerate(kinds)], NAMES)


def by_name(curves: LightCurves) -> dict[tuple[str, str], tuple[list[list[float]], int]]:
    """Epochs and number of dropped ones by object and band."""
    found = {}
    for i in range(len(curves)):
        part = slice(curves.offsets[i], curves.offsets[i + 1])
        epochs = np.column_stack([curves.mjd[part], curves.mag[part], curves.magerr[part]]).tolist()
        name = str(curves.object_id[curves.owner[i]]), str(curves.bands[curves.band[i]])
        found[name] = epochs, int(curves.dropped[i])
    return found


def same(curves: LightCurves, others: LightCurves) -> bool:
    return all(np.array_equal(getattr(curves, name), getattr(others, name)) for name in LightCurves.__slots__)


@pytest.fixture
def curves(tmp_path: Path) -> LightCurves:
    points = {
        "object_id": ["b", "b", "b", "b", "a", "a", "a", "b", "b"],
        "band": ["g", "g", "g", "r", "g", "g", "g", "g", "g"],
        "mjd": [3.0, 1.0, 2.0, 5.0, 2.0, 2.0, 1.0, -2.4e6, 4.0],
        "mag": [15.0, 15.1, 15.2, 14.0, 17.0, 17.5, 16.0, 15.0, -99.0],
        "magerr": [0.1, 0.1, 0.1, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1],
    }
    return read_light_curves(write(tmp_path, {"object_id": ["b", "a", "c"], "label": ["EW", None, "EA"]}, points))


def test_points_are_sorted_and_cleaned(curves: LightCurves) -> None:
    assert curves.object_id.tolist() == ["b", "a", "c"]
    assert curves.label.tolist() == ["EW", "", "EA"]
    assert curves.owner.tolist() == [0, 0, 1]
    assert curves.bands[curves.band].tolist() == ["g", "r", "g"]
    assert curves.mjd.tolist() == [1.0, 2.0, 3.0, 5.0, 1.0, 2.0]
    assert curves.mag[-1] == 17.5  # the smaller error of two values at one time
    assert curves.dropped.tolist() == [2, 0, 1]
    assert curves.objects.tolist() == [0, 2, 3, 3]


def test_first_epochs_are_of_every_light_curve(curves: LightCurves) -> None:
    assert curves.first(1).mjd.tolist() == [1.0, 5.0, 1.0]
    assert curves.first(2).epochs.tolist() == [2, 1, 2]


def test_selected_objects_bring_their_light_curves(curves: LightCurves) -> None:
    chosen = curves.select(np.array([1, 2]))
    assert chosen.object_id.tolist() == ["a", "c"]
    assert chosen.owner.tolist() == [0]
    assert chosen.mjd.tolist() == [1.0, 2.0]
    assert chosen.bands_seen == ["g"]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_parts_make_the_whole_again(size: int, curves: LightCurves) -> None:
    assert same(concatenate(curves.chunks(size)), curves)


def test_joined_light_curves_have_the_bands_that_are_met(curves: LightCurves) -> None:
    joined = concatenate([replace(curves, bands=np.array(["i", "z"])), curves.select(np.array([1, 2]))])
    assert joined.object_id.tolist() == ["b", "a", "c", "a", "c"]
    assert joined.owner.tolist() == [0, 0, 1, 3]
    assert joined.bands.tolist() == ["g", "i", "z"]
    assert joined.bands[joined.band].tolist() == ["i", "z", "i", "g"]


def test_missing_values_are_dropped_and_counted_and_a_light_curve_without_epochs_stays(tmp_path: Path) -> None:
    rows: list[Row] = [("a", "g", 1.0, 15.0, 0.1), ("a", "g", None, 15.0, 0.1), ("a", "g", 3.0, None, 0.1)]
    rows += [("a", "g", 4.0, 15.0, None), ("a", "r", 1.0, np.nan, 0.1), ("b", "g", 1.0, 99.9, 0.1)]
    folder = write(tmp_path, {"object_id": ["a", "b"]}, columns(rows))
    found = by_name(read_light_curves(folder))
    assert found == {("a", "g"): ([[1.0, 15.0, 0.1]], 3), ("a", "r"): ([], 1), ("b", "g"): ([], 1)}
    assert read_light_curves(folder).bands_seen == ["g"]


def test_what_is_left_of_a_star_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    """One star is dated in Julian days: each is judged by its own times."""
    rows: list[Row] = [("mjd", "g", 55_000.0 + day, 15.0, 0.1) for day in range(5)]
    rows += [("jd", "g", 2_455_000.5 + day, 15.0, 0.1) for day in range(3)] + [("jd", "g", 0.0, 15.0, 0.1)]
    together = by_name(read_light_curves(write(tmp_path / "both", {"object_id": ["mjd", "jd"]}, columns(rows))))
    for name in ("mjd", "jd"):
        own = [row for row in rows if row[0] == name]
        alone = read_light_curves(write(tmp_path / name, {"object_id": [name]}, columns(own)))
        assert by_name(alone)[name, "g"] == together[name, "g"]
    assert together["jd", "g"][1] == 1


def reference(rows: list[Row]) -> dict[tuple[str, str], tuple[list[list[float]], int]]:
    """The rule of cleaning, epoch by epoch."""
    times = defaultdict(list)
    sane = []
    for object_id, band, *values in rows:
        mjd, mag, magerr = (np.nan if value is None else value for value in values)
        good = bool(np.isfinite(mjd) and -2 < mag < 30 and 0 < magerr < 1)
        sane.append((object_id, band, mjd, magerr, mag, good))
        if good:
            times[object_id].append(mjd)
    found = {}
    for name, of_curve in groupby(sorted(sane, key=lambda row: row[:2]), key=lambda row: row[:2]):
        epochs: dict[float, list[float]] = {}
        total = 0
        for object_id, _, mjd, magerr, mag, good in of_curve:
            total += 1
            if good and abs(mjd - np.median(times[object_id])) < 10_000:
                epochs[mjd] = min(epochs.get(mjd, [magerr, mag]), [magerr, mag], key=lambda epoch: epoch[0])
        kept = [[mjd, mag, magerr] for mjd, (magerr, mag) in sorted(epochs.items())]
        found[name] = kept, total - len(kept)
    return found


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["g", "r", "a long name"]),
        st.sampled_from([1.0, 2.0, 3.0, 50.5, 9_000.0, 30_000.0, -2.4e6, np.nan, np.inf, None]),
        st.sampled_from([15.0, 16.5, 99.0, -99.0, np.nan, None]),
        st.sampled_from([0.1, 0.2, 0.0, 5.0, np.nan, None]),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 40), max_size=4), size=st.integers(1, 5), points=st.integers(1, 30))
def test_any_parts_and_chunks_give_what_the_rule_says(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], cuts: list[int], size: int, points: int
) -> None:
    folder = tmp_path_factory.mktemp("survey")
    pq.write_table(pa.table({"object_id": ["c", "a", "b", "nothing", "d"]}), folder / "objects.parquet")
    (folder / "points.parquet").mkdir()
    edges = [0, *sorted(cuts), len(rows)]
    for number, (start, stop) in enumerate(pairwise(edges)):
        part = columns(rows[min(start, len(rows)) : stop])
        pq.write_table(part, folder / "points.parquet" / f"part.{number}.parquet", row_group_size=7)
    expected = reference(rows)
    assert by_name(read_light_curves(folder)) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "POINTS", points)
        chunks = list(Folder(folder, read_objects(folder)).chunks(size))
    assert sorted(name for chunk in chunks for name in chunk.object_id.tolist()) == ["a", "b", "c", "d", "nothing"]
    assert {name: found for chunk in chunks for name, found in by_name(chunk).items()} == expected


def _in_spark(target: Path, rows: list[Row]) -> None:
    for number in range(3):
        name = f"part-{number:05}-2f7e-c000.snappy.parquet"
        pq.write_table(columns(rows[number::3] if number < 2 else []), target / name)
        (target / f".{name}.crc").write_bytes(b"crc\0")
    pq.write_table(columns(rows[2::3]), target / "part-00003-2f7e-c000.snappy.parquet")
    (target / "_SUCCESS").touch()
    (target / "._SUCCESS.crc").write_bytes(b"crc\0")
    (target / "_temporary").mkdir()
    (target / "_temporary" / "part-00000.parquet").write_bytes(b"half")


def _in_dask(target: Path, rows: list[Row]) -> None:
    written: list[Any] = []
    for number in range(2):
        part = columns(rows[number::2]).append_column("__index__", pa.array(range(len(rows[number::2]))))
        pq.write_table(part, target / f"part.{number}.parquet", metadata_collector=written)
        written[-1].set_file_path(f"part.{number}.parquet")
    pq.write_table(pa.table({"unlike": pa.array([], pa.null())}), target / "part.2.parquet")  # nothing was in it
    pq.write_metadata(part.schema, target / "_common_metadata")
    pq.write_metadata(part.schema, target / "_metadata", written)


def _by_band(target: Path, rows: list[Row]) -> None:
    for band in {row[1] for row in rows}:
        folder = target / f"band={band.replace(' ', '%20')}"
        folder.mkdir()
        pq.write_table(columns([row for row in rows if row[1] == band]).drop_columns("band"), folder / "0.parquet")


@pytest.mark.parametrize("layout", [_in_spark, _in_dask, _by_band])
def test_tables_may_be_folders_of_parts(layout: Callable[[Path, list[Row]], None], tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows: list[Row] = [
        (f"{i % 4:03}", ("1", "g r")[i % 2], float(i), float(mag), 0.1) for i, mag in enumerate(rng.uniform(14, 16, 90))
    ]
    objects = {"object_id": [f"{i:03}" for i in range(4)], "label": ["EW", "EA", None, "EW"]}
    whole = read_light_curves(write(tmp_path / "whole", objects, columns(rows)))
    parts = tmp_path / "parts"
    (parts / "points.parquet").mkdir(parents=True)
    layout(parts / "points.parquet", rows)
    (parts / "objects.parquet").mkdir()
    for half in (slice(0, 1), slice(1, 4)):
        of_half = {name: column[half] for name, column in objects.items()}
        pq.write_table(pa.table(of_half), parts / "objects.parquet" / f"part.{half.start}.parquet")
    assert same(read_light_curves(parts), whole)


@pytest.mark.parametrize("kind", ["dictionary", "int dictionary", "binary", "large"])
def test_names_may_be_kept_in_any_way_that_parquet_has(kind: str, tmp_path: Path) -> None:
    ids: dict[str, Any] = {
        "dictionary": pa.array(["2", "1", "1"]).dictionary_encode(),
        "int dictionary": pa.array([2, 1, 1]).dictionary_encode(),
        "binary": pa.array([b"2", b"1", b"1"]),
        "large": pa.array(["2", "1", "1"], pa.large_string()),
    }
    points = {"object_id": ids[kind], "band": ["g"] * 3, "mjd": [1, 2, 3], "mag": [15] * 3, "magerr": [0.1] * 3}
    folder = write(tmp_path, {"object_id": ids[kind][:2]}, points)
    assert by_name(read_light_curves(folder))["1", "g"] == ([[2.0, 15.0, 0.1], [3.0, 15.0, 0.1]], 0)


def test_a_folder_without_light_curves_says_so(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("what is here")
    with pytest.raises(UnreadableFolderError, match=r"holds no light curves: .*CSV .*FITS.*points\.parquet"):
        read_light_curves(tmp_path)
    (tmp_path / "points.parquet").mkdir()
    with pytest.raises(UnreadableFolderError, match="without a part"):
        read_light_curves(tmp_path)


def test_a_missing_column_is_named_with_what_is_meant_and_what_is_there(tmp_path: Path) -> None:
    points = {"object_id": ["a"], "band": ["g"], "time": [1.0], "mag": [1.0]}
    message = r"no column mjd \(time, days.*\), magerr \(.*\); it has object_id, band, time, mag; .*--column mjd=NAME"
    with pytest.raises(UnreadableFolderError, match=message):
        read_light_curves(write(tmp_path, {"object_id": ["a"]}, points))


POINTS: dict[str, Any] = {"object_id": ["a"], "band": ["g"], "mjd": [1.0], "mag": [15.0], "magerr": [0.1]}


@pytest.mark.parametrize(
    ("objects", "points", "message"),
    [
        ({"object_id": ["a", "a"]}, {}, "twice, such as a"),
        ({"object_id": pa.array([], pa.string())}, {}, "no object"),
        ({"object_id": ["a", None]}, {}, "object_id is empty in 1 rows"),
        ({"object_id": ["a"]}, {"band": [None]}, "band is empty in 1 rows"),
        ({"object_id": ["a"]}, {"mag": ["bright"]}, "mag should hold numbers"),
        ({"object_id": ["a"]}, {"object_id": ["b"]}, "1 points belong to no object .*such as b"),
        ({"object_id": ["a"], "label": [["EW"]]}, {}, "label should hold text"),
        ({"object_id": ["a"]}, {"object_id": ["a" * 10**6]}, "more than 200 characters"),
        ({"object_id": ["a"]}, {"object_id": pa.array([b"\xff"])}, "object_id should hold text"),
    ],
)
def test_a_column_that_cannot_be_used_is_named(
    tmp_path: Path, objects: dict[str, Any], points: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnreadableFolderError, match=message):
        read_light_curves(write(tmp_path, objects, POINTS | points))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    points = {"object_id": ["a"] * 5000, "band": ["g"] * 5000} | {
        name: rng.uniform(0.1, 0.9, 5000) for name in NAMES[2:]
    }
    folder = write(tmp_path, {"object_id": ["a"]}, points)
    file = folder / "points.parquet"
    good = file.read_bytes()
    for bad in (b"", b"text", good[:-1], good[: len(good) // 2], good[:8] + bytes(40_000) + good[40_008:]):
        file.write_bytes(bad)
        with pytest.raises(UnreadableFolderError, match=r"points\.parquet"):
            read_light_curves(folder)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, {"object_id": ["a"]}, POINTS)
    opened = Folder(folder, read_objects(folder))
    write(tmp_path, {"object_id": ["a"]}, {name: column * 2 for name, column in POINTS.items()})
    with pytest.raises(UnreadableFolderError, match="changed while it was read"):
        opened.light_curves(np.array([0]))


def test_long_numbers_as_ids_keep_all_their_digits(tmp_path: Path) -> None:
    ids: list[Any] = [9_007_199_254_740_993, 9_007_199_254_740_992]  # the same as floats
    points = {name: column * 2 for name, column in POINTS.items()} | {"object_id": ids}
    curves = read_light_curves(write(tmp_path, {"object_id": ids, "label": ["EW", None]}, points))
    assert curves.object_id.tolist() == [str(number) for number in ids]
    assert curves.owner.tolist() == [0, 1]
