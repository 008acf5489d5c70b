"""The same light curves in every form that files come in are the same light curves; what is dirty is named."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import MaskedColumn, Table
from astropy.time import Time
from astropy.timeseries import TimeSeries

from starsieve.features.arrays import are_rounded
from starsieve.features.tools import formats
from starsieve.features.tools.columns import AS_NAMED, Form, UnreadableFolderError
from starsieve.features.tools.folder import opened, read_light_curves
from starsieve.features.tools.lightcurves import LightCurves
from tests.features.tools.test_folder import by_name, same

STARS = ("star1", "star2", "star3")
EPOCHS = 12
Write = Callable[[Path, dict[str, dict[str, Any]]], Path]


def stars() -> dict[str, dict[str, Any]]:
    """Columns of each star, in one band, one magnitude missing."""
    rng = np.random.default_rng(3)
    found = {}
    for name in STARS:
        mjd = np.round(np.sort(rng.uniform(55_000, 55_100, EPOCHS)), 5)
        mag = np.round(rng.uniform(14, 15, EPOCHS), 3)
        mag[3] = np.nan
        found[name] = {"mjd": mjd, "mag": mag, "magerr": np.full(EPOCHS, 0.02)}
    return found


def long(of: dict[str, dict[str, Any]]) -> dict[str, Any]:
    names = np.repeat(list(of), EPOCHS)
    return {"object_id": names} | {name: np.concatenate([star[name] for star in of.values()]) for name in of[STARS[0]]}


def text(columns: dict[str, Any], separator: str = ",") -> str:
    rows = [separator.join(map(str, row)) for row in zip(*(list(column) for column in columns.values()), strict=True)]
    return "\n".join([separator.join(columns), *rows]) + "\n"


def _a_csv_for_each(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    for name, columns in of.items():
        (folder / f"{name}.csv").write_text(text(columns))
    (folder / "README.md").write_text("not a light curve")
    (folder / "notes.txt").write_text("nor is this")
    return folder


def _a_packed_csv_for_each(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    for name, columns in of.items():
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text(columns).encode()))
    return folder


def _one_csv(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    (folder / "survey.csv").write_text(text(long(of)))
    return folder / "survey.csv"


def _semicolons_of_a_spreadsheet(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    content = text(long(of), ";").replace(".", ",").replace("\n", "\r\n")
    (folder / "survey.csv").write_bytes(b"\xef\xbb\xbf" + content.encode())
    return folder / "survey.csv"


def _names_in_a_comment(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    for name, columns in of.items():
        (folder / f"{name}.dat").write_text("# by NumPy\n# " + text(columns, "\t"))
    return folder


def _spaces(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    """As Fortran and `column -t` leave them: several spaces, also before and after, names in the first line."""
    for name, columns in of.items():
        lines = text(columns, "   \t ").splitlines()
        (folder / f"{name}.dat").write_text("".join(f"  {line}  \r\n" for line in lines).rstrip())
    return folder


def _spaces_and_names_in_a_comment(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    for name, columns in of.items():
        names, *rows = text(columns, "  ").splitlines()
        (folder / f"{name}.txt").write_text("\n".join(["# a star", f"# {names}", "# d mag mag", *rows, ""]))
    return folder


def _one_parquet(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    pq.write_table(pa.table(long(of)), folder / "survey.parquet")
    return folder / "survey.parquet"


def _parts(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    for name in STARS:
        pq.write_table(
            pa.table(long(of)).filter(pa.compute.field("object_id") == name), folder / f"part-{name}.parquet"
        )
    return folder


def _a_parquet_for_each(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    for name, columns in of.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


def _of_astropy(suffix: str, kind: str) -> Write:
    def write(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
        columns = long(of)
        table = Table(columns, masked=True)
        table["mag"] = MaskedColumn(np.nan_to_num(columns["mag"]), mask=np.isnan(columns["mag"]), unit="mag")
        table["magerr"] = MaskedColumn(columns["magerr"] * 1000, unit="mmag")
        table["mjd"].unit = "d"
        table.write(folder / f"survey{suffix}", format=kind)
        return folder / f"survey{suffix}"

    return write


def _time_series(folder: Path, of: dict[str, dict[str, Any]]) -> Path:
    for name, columns in of.items():
        series = TimeSeries(time=Time(columns["mjd"], format="mjd").isot, data=Table(columns)["mag", "magerr"])
        series.write(folder / f"{name}.ecsv", format="ascii.ecsv")
    return folder


FORMS: dict[str, tuple[Write, Form]] = {
    "a CSV for each star": (_a_csv_for_each, AS_NAMED),
    "a packed CSV for each star": (_a_packed_csv_for_each, AS_NAMED),
    "one CSV": (_one_csv, AS_NAMED),
    "semicolons, decimal commas, BOM": (_semicolons_of_a_spreadsheet, AS_NAMED),
    "names in a comment": (_names_in_a_comment, AS_NAMED),
    "spaces": (_spaces, AS_NAMED),
    "spaces, names in a comment": (_spaces_and_names_in_a_comment, AS_NAMED),
    "one Parquet": (_one_parquet, AS_NAMED),
    "parts": (_parts, AS_NAMED),
    "a Parquet for each star": (_a_parquet_for_each, AS_NAMED),
    "ECSV": (_of_astropy(".ecsv", "ascii.ecsv"), AS_NAMED),
    "VOTable": (_of_astropy(".vot", "votable"), AS_NAMED),
    "FITS": (_of_astropy(".fits", "fits"), AS_NAMED),
    "TimeSeries": (_time_series, Form({"mjd": "time"})),
}


def native(folder: Path, of: dict[str, dict[str, Any]]) -> LightCurves:
    folder.mkdir()
    columns = long(of)
    pq.write_table(pa.table({"object_id": list(STARS)}), folder / "objects.parquet")
    pq.write_table(pa.table(columns | {"band": ["unnamed"] * len(columns["mjd"])}), folder / "points.parquet")
    return read_light_curves(folder)


@pytest.mark.parametrize("form", FORMS)
def test_light_curves_are_the_same_in_every_form(form: str, tmp_path: Path) -> None:
    write, told = FORMS[form]
    expected = native(tmp_path / "native", stars())
    folder = tmp_path / "other"
    folder.mkdir()
    found = read_light_curves(write(folder, stars()), told)
    assert expected.dropped.tolist() == [1, 1, 1]
    if form in {"ECSV", "VOTable", "FITS", "TimeSeries"}:  # 20 mmag is 0.02 mag, and a date a time, up to rounding
        for name in ("mjd", "magerr"):
            assert np.allclose(getattr(found, name), getattr(expected, name), rtol=1e-12, atol=0)
        assert by_name(found).keys() == by_name(expected).keys()
        assert np.array_equal(found.mag, expected.mag)
        assert found.dropped.tolist() == expected.dropped.tolist()
    else:
        assert same(found, expected)


@pytest.mark.parametrize("rows", [1, 5, 12, 1000])
def test_nothing_depends_on_how_many_rows_are_read_at_once(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "ROWS", rows)
    expected = native(tmp_path / "native", stars())
    for write in (_a_csv_for_each, _of_astropy(".fits", "fits")):
        folder = tmp_path / write.__qualname__.replace("<", "").replace(">", "")
        folder.mkdir()
        assert np.array_equal(read_light_curves(write(folder, stars())).mag, expected.mag)


def test_what_was_made_of_files_goes_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    folder = opened(_one_csv(tmp_path, stars()))
    assert list((tmp_path / "temporary").iterdir())
    del folder
    assert not list((tmp_path / "temporary").iterdir())
    (tmp_path / "survey.csv").write_text("object_id,mjd,mag,magerr\na,1,2,3\na,1,bright,3\n")
    with pytest.raises(UnreadableFolderError, match="bright"):
        opened(tmp_path / "survey.csv")
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(
    ("column", "zero"), [("mjd", 2_400_000.5), ("jd", 2_400_000.5), ("HJD", 2_400_000.5), ("hjd", 50_000.0)]
)
def test_julian_dates_are_noticed_and_said(
    column: str, zero: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = {
        name: {column: star["mjd"] + zero} | {k: star[k] for k in ("mag", "magerr")} for name, star in stars().items()
    }
    found = read_light_curves(_a_csv_for_each(tmp_path, of))
    julian = zero > 1e6
    own = np.concatenate([star["mjd"][np.isfinite(star["mag"])] for star in stars().values()])
    assert np.allclose(found.mjd, own + (0 if julian else zero), atol=1e-8, rtol=0)
    assert capsys.readouterr().err.count("Julian dates") == julian


def test_labels_and_positions_may_be_columns_or_a_table_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = {name: star | {"label": ["EA"] * EPOCHS, "ra": np.full(EPOCHS, 10.5)} for name, star in stars().items()}
    path = _one_csv(tmp_path, of)
    assert read_light_curves(path).label.tolist() == ["EA"] * 3
    assert opened(path, optional=("ra", "dec")).objects.numbers["ra"].tolist() == [10.5] * 3
    labels = tmp_path / "classes.csv"
    labels.write_text("ID;Type;dec\nstar3;RRAB;-5\nstar1;;\nother;EW;1\n")
    told = Form({"object_id": "ID", "label": "Type"}, labels)
    found = opened(path, told, optional=("ra", "dec")).objects
    assert found.label.tolist() == ["", "", "RRAB"]
    assert np.array_equal(found.numbers["dec"], [np.nan, np.nan, -5], equal_nan=True)
    assert "2 of 3 objects have a label; 1 labels are of others" in capsys.readouterr().err
    labels.write_text("object_id,label\nnobody,EA\n")
    with pytest.raises(
        UnreadableFolderError, match="labels other objects, such as nobody; here are star1, star2, star3"
    ):
        opened(path, Form({}, labels))
    labels.write_text("object_id,class\nstar1,EA\n")
    with pytest.raises(UnreadableFolderError, match=r"no column label \(class\); it has object_id, class"):
        opened(path, Form({}, labels))


def test_names_that_look_like_nothing_are_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\n\nobject_id, mjd ,mag,magerr\nNA,1,15,0.1\nNone , 2, - ,0.1\n")
    found = read_light_curves(tmp_path / "a.csv")
    assert found.object_id.tolist() == ["NA", "None"]
    assert found.dropped.tolist() == [0, 1]


def test_a_table_of_objects_that_has_one_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "objects.csv").write_text("object_id,label\nstar1,EA\nstar1,EW\n")
    with pytest.raises(UnreadableFolderError, match=r"objects.csv has 1 objects twice, such as star1"):
        read_light_curves(_a_csv_for_each(tmp_path, stars()))
    (tmp_path / "objects.csv").write_text("object_id,label\nstar1,EA\nstar2,\nstar3,EW\nunseen,EW\n")
    found = read_light_curves(tmp_path)
    assert found.label.tolist() == ["EA", "", "EW", "EW"]
    assert found.owner.tolist() == [0, 1, 2]


def test_a_star_with_two_labels_is_named(tmp_path: Path) -> None:
    of = {name: star | {"label": ["EA", "EW"] * (EPOCHS // 2)} for name, star in stars().items()}
    with pytest.raises(UnreadableFolderError, match=r"survey.csv gives star1 two labels, 'EA' and 'EW'"):
        read_light_curves(_one_csv(tmp_path, of))


def test_names_are_told_and_the_band_of_all(tmp_path: Path) -> None:
    of = {name: {"HJD": s["mjd"], "Vmag": s["mag"], "e_Vmag": s["magerr"]} for name, s in stars().items()}
    path = _a_csv_for_each(tmp_path, of)
    found = read_light_curves(path, Form({"mag": "Vmag", "magerr": "e_Vmag"}, band="V"))
    assert found.bands_seen == ["V"]
    assert len(found) == 3
    with pytest.raises(
        UnreadableFolderError, match=r"no column mag \(magnitude\), magerr .*; it has HJD, Vmag, e_Vmag"
    ):
        read_light_curves(path)
    with pytest.raises(UnreadableFolderError, match=r"no column vmaj \(magnitude\): .* has HJD, Vmag, e_Vmag"):
        read_light_curves(path, Form({"mag": "vmaj"}))


def test_a_star_without_rows_is_still_there(tmp_path: Path) -> None:
    _a_csv_for_each(tmp_path, stars())
    (tmp_path / "star0.csv").write_text("")
    (tmp_path / "star9.csv").write_text("mjd,mag,magerr\n")
    found = read_light_curves(tmp_path)
    assert sorted(found.object_id.tolist()) == ["star0", "star1", "star2", "star3", "star9"]
    assert len(found) == 3


HEAD = b"object_id,mjd,mag,magerr\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", HEAD, "no row in .*a.csv"),
        (
            "a.csv",
            HEAD + b"x,1,15,0.1\nx,2,>16.5,0.1\n",
            "a.csv: column mag should hold numbers, and has '>16.5' in about line 3",
        ),
        ("a.csv", HEAD + b"x,2020-01-01,15,0.1\n", "mjd should hold numbers, and has '2020-01-01'"),
        ("a.csv", HEAD + b"x,1,15\n", "cannot read .*a.csv: .*Expected 4 columns, got 3"),
        ("a.csv", HEAD + b",1,15,0.1\n", "a.csv: column object_id is empty in 1 rows"),
        ("a.csv", "object_id,mjd,mag,magerr\nx,1,15,0.1\n".encode("utf-16"), "no text in UTF-8"),
        ("a.csv", HEAD + b"\xff,1,15,0.1\n", "cannot read .*a.csv"),
        ("a.csv", b"object_id,mjd,mag,mag,magerr\nx,1,15,15,0.1\n", "two columns mag"),
        ("a.csv", b"mjd mag magerr\n1 15 0.1\n", "no column object_id .*it has mjd, mag, magerr"),
        ("a.dat", b"1 15 0.1\n2 15 0.1\n", "a.dat does not name its 3 columns"),
        ("a.csv", b"# of last year\n1,15,0.1\n", "a.csv does not name its 3 columns"),
        ("a.dat", b"object_id mjd mag magerr\nx 1  15\n", "cannot read .*a.dat: .*Expected 4 columns, got 3"),
        ("a.csv", b"x" * 100_000, "first line is longer"),
        ("a.csv", HEAD + b"x" * 3_000_000, "cannot read .*a.csv"),
        ("a.csv.gz", b"no gzip", "cannot read .*a.csv.gz"),
        ("a.csv.gz", gzip.compress(HEAD + b"x,1,15,0.1\n" * 9999)[:-20], "cannot read .*a.csv.gz"),
        ("a.ecsv", b"# %ECSV 1.0\n# ---\n# datatype: [\n", "cannot read .*a.ecsv"),
        ("a.vot", b"<VOTABLE>", "cannot read .*a.vot"),
        ("a.fits", b"SIMPLE  =", "cannot read .*a.fits"),
        ("a.parquet", b"PAR1", "cannot read .*a.parquet"),
        ("a.txt.zip", b"PK", "is no table that can be read"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFolderError, match=message):
        read_light_curves(tmp_path / name)


def test_files_of_two_kinds_or_of_one_name_are_not_guessed_at(tmp_path: Path) -> None:
    _a_csv_for_each(tmp_path, stars())
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "star1.csv").write_text(text(stars()["star1"]))
    with pytest.raises(UnreadableFolderError, match="several files star1"):
        read_light_curves(tmp_path)
    (tmp_path / "more" / "star1.csv").rename(tmp_path / "more" / "star1.ecsv")
    with pytest.raises(UnreadableFolderError, match="several kinds"):
        read_light_curves(tmp_path)


def test_units_that_are_not_ours_are_converted_or_refused(tmp_path: Path) -> None:
    table = Table({"object_id": ["a"], "mjd": [1440.0], "mag": [15.0], "magerr": [0.1]})
    table["mjd"].unit = "min"
    table.write(tmp_path / "a.ecsv", format="ascii.ecsv")
    assert read_light_curves(tmp_path / "a.ecsv").mjd.tolist() == [1.0]
    table["mag"].unit = "Jy"
    table.write(tmp_path / "b.ecsv", format="ascii.ecsv")
    with pytest.raises(UnreadableFolderError, match=r"mag should hold numbers: .*Jy"):
        read_light_curves(tmp_path / "b.ecsv")


def test_julian_dates_in_single_precision_are_warned_of() -> None:
    times = 2_455_000.5 + np.arange(30) * 1.237
    assert are_rounded(times.astype(np.float32).astype(np.float64))
    assert not are_rounded(times)
    assert not are_rounded(np.round(times)), "means of whole days are no accident"
    assert not are_rounded(times - 2_400_000.5)


@pytest.mark.parametrize("header", ["mjd   mag magerr\n", "# mjd mag  magerr\n"])
def test_columns_may_be_separated_by_spaces(header: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "HEADER", 64)  # so that lines are cut everywhere
    rows = [f"  {59000 + number}.5   15.{number:03} 0.01  " for number in range(200)]
    (tmp_path / "star.dat").write_text(header + "\n".join(rows))
    found = read_light_curves(tmp_path)
    assert np.array_equal(found.mjd, 59000.5 + np.arange(200))
    assert np.allclose(found.mag, 15 + np.arange(200) / 1000)


@pytest.mark.parametrize(("first", "told"), [(4500.0, True), (54499.5, False)])
def test_shortened_julian_dates_are_warned_of(
    first: float, told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{first + number},15,0.1\n" for number in range(30))
    (tmp_path / "star.csv").write_text("mjd,mag,magerr\n" + rows)
    read_light_curves(tmp_path)
    assert ("HJD - 2,450,000" in capsys.readouterr().err) == told
