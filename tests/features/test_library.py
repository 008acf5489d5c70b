"""The library takes columns of whatever kind people have, and answers by name."""

import datetime
import sys
from collections.abc import Callable
from typing import Any

import astropy.units as u
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from astropy.table import MaskedColumn, Table
from astropy.time import Time
from astropy.timeseries import TimeSeries

from starsieve import features
from tests.features.sources import simulated

Columns = Callable[[str, np.ndarray], Any]


def of_time_series(name: str, values: np.ndarray) -> Any:
    series = TimeSeries(time=Time(values if name == "mjd" else np.arange(len(values)) * 1.0, format="mjd"))
    return series.time if name == "mjd" else values * u.mag


def in_other_units(name: str, values: np.ndarray) -> Any:
    return (values * 24 * u.h) if name == "mjd" else (values * 1000 * u.mmag)


KINDS: dict[str, Columns] = {
    "list": lambda _, values: values.tolist(),
    "tuple": lambda _, values: tuple(values.tolist()),
    "objects": lambda _, values: values.astype(object),
    "big-endian": lambda _, values: values.astype(">f8"),
    "masked array": lambda _, values: np.ma.array(values, mask=False),
    "pandas": lambda _, values: pd.Series(values, index=np.arange(len(values))[::-1]),
    "pandas, nullable": lambda _, values: pd.Series(values, dtype="Float64"),
    "polars": lambda _, values: pl.Series(values),
    "Arrow": lambda _, values: pa.array(values),
    "column of Astropy": lambda name, values: Table({name: values}, units={name: "d" if name == "mjd" else "mag"})[
        name
    ],
    "TimeSeries": of_time_series,
    "other units": in_other_units,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_light_curve_is_the_same_in_columns_of_any_kind(kind: str) -> None:
    light_curve = dict(zip(("mjd", "mag", "magerr"), simulated("rrab", 60), strict=True))
    given = [KINDS[kind](name, values) for name, values in light_curve.items()]
    expected = features.extract(*light_curve.values())
    rounding = 1e-9 if kind == "other units" else 0
    np.testing.assert_allclose(np.asarray(features.extract(*given)), np.asarray(expected), rtol=rounding)
    band = pd.Series(["g"] * 60, dtype="category") if kind == "pandas" else ["g"] * 60
    assert features.find_period(*given, band).period == pytest.approx(expected["period"], rel=1e-9)


MISSING: dict[str, Columns] = {
    "pandas": lambda _, values: pd.Series(values),
    "pandas, nullable": lambda _, values: pd.Series([None if np.isnan(v) else v for v in values], dtype="Float64"),
    "polars": lambda _, values: pl.Series([None if np.isnan(v) else v for v in values.tolist()]),
    "list with None": lambda _, values: [None if np.isnan(v) else v for v in values.tolist()],
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_values_are_dropped_and_counted_if_asked_for(kind: str) -> None:
    mjd, mag, magerr = simulated("rrab", 60)
    without = features.extract(*(np.delete(column, [3, 30]) for column in (mjd, mag, magerr)))
    mag[3] = magerr[30] = np.nan
    given = [MISSING[kind]("", column) for column in (mjd, mag, magerr)]
    with pytest.raises(features.UnusableLightCurve, match="non_finite"):
        features.extract(*given)
    found = features.extract(*given, drop_nan=True)
    assert found.values.tobytes() == without.values.tobytes()
    assert (found.n_epochs, found.n_dropped) == (58, 2)
    batch = features.extract_many(*given, [0, 60], drop_nan=True)
    assert (batch.n_epochs.tolist(), batch.n_dropped.tolist()) == ([58], [2])


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (np.arange("2020-01-01", "2020-03-01", dtype="M8[D]"), "holds datetimes, .*Time"),
        (pd.Series(pd.date_range("2020-01-01", periods=60, tz="UTC")), "holds datetimes"),
        (pl.Series([datetime.datetime(2020, 1, 1)] * 60), "holds datetimes"),
        ([datetime.date(2020, 1, 1)] * 60, "holds datetimes"),
        (["59000.5"] * 60, "numbers, not <U7"),
        (pd.Series(["59000.5"] * 60), "numbers, not"),
        ([1j] * 60, "numbers, not complex"),
        ([[1.0]] * 60, "one length"),
        (np.arange(60) * u.m, "not convertible"),
    ],
)
def test_what_is_no_time_is_refused_with_what_to_do(times: Any, message: str) -> None:
    _, mag, magerr = simulated("rrab", 60)
    for call in (features.extract, features.find_period):
        with pytest.raises((TypeError, ValueError), match=message):
            call(times, mag, magerr)


def long_table() -> dict[str, np.ndarray]:
    """Two stars, one in two bands, in no order; another with five epochs."""
    rows = []
    for star, band, kind, n in (
        ("b", "g", "rrab", 60),
        ("b", "r", "rrab", 50),
        ("a", "g", "cepheid", 40),
        ("c", "g", "sine", 5),
    ):
        rows += [(star, band, *epoch) for epoch in zip(*simulated(kind, n), strict=True)]
    rows = [rows[i] for i in np.random.default_rng(2).permutation(len(rows))]
    return {
        name: np.array([row[i] for row in rows]) for i, name in enumerate(("object_id", "band", "mjd", "mag", "magerr"))
    }


def test_a_long_table_is_grouped_and_sorted() -> None:
    table = long_table()
    found = features.extract_many(**table)
    assert list(zip(found.object_id.tolist(), found.band.tolist(), strict=True)) == [
        ("a", "g"),
        ("b", "g"),
        ("b", "r"),
        ("c", "g"),
    ]
    assert found.reasons == [None, None, None, "too_few_epochs"]
    assert found.n_epochs.tolist() == [40, 60, 50, 5]
    star = {name: column[table["object_id"] == "b"] for name, column in table.items() if name != "object_id"}
    assert found.periods[1] == features.find_period(**star)
    alone = features.extract(**star)
    assert list(alone) == ["g", "r"]
    assert found.features[1:3].tobytes() == np.array(list(alone.values())).tobytes()
    one_band = features.extract_many(**{name: column for name, column in table.items() if name != "band"})
    assert one_band.object_id.tolist() == ["a", "b", "c"]


def test_light_curves_one_after_the_other_are_sorted_each_by_itself() -> None:
    curves = [simulated("rrab", 60), simulated("cepheid", 40)]
    expected = features.extract_many(*(np.concatenate(parts) for parts in zip(*curves, strict=True)), [0, 60, 60, 100])
    order = np.random.default_rng(1).permutation(60), np.random.default_rng(2).permutation(40)
    shuffled = [[column[by] for column in curve] for curve, by in zip(curves, order, strict=True)]
    found = features.extract_many(*(np.concatenate(parts) for parts in zip(*shuffled, strict=True)), [0, 60, 60, 100])
    assert found.features.tobytes() == expected.features.tobytes()
    assert found.reasons == expected.reasons == [None, "too_few_epochs", None]


def test_results_know_their_names() -> None:
    found = features.extract(*simulated("rrab", 60))
    assert tuple(found._asdict()) == features.FEATURES
    assert found["period"] == found._asdict()["period"] == found.to_frame()["period"].item()
    with pytest.raises(KeyError, match="there are amplitude"):
        found["colour"]
    batch = features.extract_many(**long_table())
    frame = batch.to_frame()
    assert frame.shape == (4, 5 + 16 + 23 + 2)
    assert frame.loc[frame.object_id == "b", "period"].nunique() == 1
    assert frame.trust.tolist() == [*(batch.periods[i].trust for i in (0, 1, 1)), ""]
    assert pl.DataFrame(batch._asdict()).shape == frame.shape
    period = features.find_period(*simulated("rrab", 60))
    assert period._asdict()["trust"] == period.trust
    assert f"trust={period.trust!r}" in repr(period)


def test_a_frame_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = features.extract(*simulated("rrab", 60))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match=r"starsieve\[frame\]"):
        found.to_frame()


def test_julian_dates_in_single_precision_are_warned_of() -> None:
    mjd, mag, magerr = simulated("rrab", 60)
    rounded = (mjd + 2_400_000.5).astype(np.float32)
    for call in (
        lambda: features.find_period(rounded, mag, magerr),
        lambda: features.extract(rounded.astype(np.float64), mag, magerr),
        lambda: features.extract_many(rounded, mag, magerr, [0, 60]),
    ):
        with pytest.warns(UserWarning, match="single precision") as told:
            call()
        assert told[0].filename == __file__


@pytest.mark.parametrize("offsets", [[0, 50], [10, 60], [0, 30, 50]])
def test_epochs_of_no_light_curve_are_refused(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="there are 60 epochs"):
        features.extract_many(*simulated("rrab", 60), offsets)


def test_an_update_takes_any_order_of_time() -> None:
    light_curve = simulated("rrab", 60)
    order = np.random.default_rng(1).permutation(60)
    expected = features.update(None, *light_curve)
    found = features.update(None, *(column[order] for column in light_curve))
    assert (found.period, found.state) == (expected.period, expected.state)


def test_masked_names_are_left_out_and_missing_ones_named() -> None:
    light_curve = simulated("rrab", 60)
    hidden = np.isin(np.arange(60), [3, 30])
    expected = features.find_period(*(np.delete(column, [3, 30]) for column in light_curve))
    with pytest.warns(UserWarning, match="2 epochs are left out: their band or object is masked"):
        assert features.find_period(*light_curve, MaskedColumn(["g"] * 60, mask=hidden)) == expected
    with pytest.raises(ValueError, match="band is missing in 2 epochs"):
        features.find_period(*light_curve, pd.Series(np.where(hidden, None, "g")))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either offsets, or object_id"),
        ({"offsets": [0, 1], "band": ["g"]}, "either offsets, or object_id"),
        ({"band": ["g"], "objects": [0, 1]}, "objects go with offsets"),
        ({"band": ["g", "r"]}, "band must have the length"),
    ],
)
def test_what_belongs_together_is_said_one_way(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        features.extract_many([1.0], [15.0], [0.1], **arguments)


@pytest.mark.parametrize(
    "function", [features.extract, features.extract_many, features.find_period, features.update_many]
)
def test_help_is_for_reading(function: Any) -> None:
    assert "days" in function.__doc__
    assert "Raises" in function.__doc__
