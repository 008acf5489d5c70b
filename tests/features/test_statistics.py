"""The 16 features given the period are those of numpy and scipy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from starsieve import schemas
from starsieve.features import FEATURES, PROFILE, check, reference
from starsieve.features.periods.choice import EPOCHS_A_HARMONIC
from starsieve.features.shape import profile, statistics
from starsieve.features.shape.columns import FEATURE_COLUMNS, HARMONIC_EPOCHS, PROFILE_COLUMNS
from starsieve.features.shape.profile import FROM_SEARCH
from starsieve.features.shape.shapiro import shapiro_w
from starsieve.features.shape.sorting import sort_pairs
from starsieve.features.shape.statistics import features_given_period
from tests.features.sources import SOURCES, SURVEYS, Arrays, any_source, real

FOURIER = ("amplitude", "phi21", "phi31", "r21", "r31")  # determined to what the fit's conditioning leaves


def compare(light_curve: Arrays, period: float) -> None:
    out = np.empty(len(FEATURES))
    features_given_period(*light_curve, period, out)
    expected = reference.features_given_period(*light_curve, period)
    for name, found in zip(FEATURES, out, strict=True):
        tolerance = 1e-5 if name in FOURIER else 1e-6
        assert found == pytest.approx(expected[name], rel=tolerance, abs=1e-9), name


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("period", [0.0731234567, 0.618033988, 7.3123456789])
def test_simulated(source: str, period: float) -> None:
    compare(any_source(source), min(period, 0.11) if source == "dense_night" else period)


@pytest.mark.parametrize("survey", SURVEYS)
def test_real(survey: str, data_dir: Path) -> None:
    for light_curve in real(data_dir, survey, 20):
        compare(light_curve, 0.73124567891)


def test_harmonics_that_no_phase_determines_have_no_phase() -> None:
    """Epochs at whole days, whose second and third harmonics cannot be told from the mean: phi21 was NaN."""
    mjd = np.tile(np.arange(8.0), 12)
    out = np.empty(len(FEATURES))
    features_given_period(np.sort(mjd), 15 + np.random.default_rng(1).normal(size=96), np.full(96, 0.1), 2.0, out)
    assert np.isfinite(out).all()


@pytest.mark.parametrize("n", [7, 8, 11, 12, 100, 999, 4999])
def test_shapiro_wilk_is_scipys(n: int) -> None:
    values = np.sort(np.random.default_rng(n).standard_t(4, n))
    assert shapiro_w(values, values.var()) == pytest.approx(stats.shapiro(values).statistic, rel=1e-7)


@pytest.mark.parametrize("n", [0, 1, 2, 24, 25, 26, 500])
@pytest.mark.parametrize("distinct", [1, 3, 10**6])
def test_pairs_are_sorted_by_key_then_value(n: int, distinct: int) -> None:
    rng = np.random.default_rng(n + distinct)
    keys, values = rng.integers(0, distinct, n).astype(float), rng.integers(0, 5, n).astype(float)
    expected = np.lexsort((values, keys))
    sorted_keys, sorted_values = keys.copy(), values.copy()
    sort_pairs(sorted_keys, sorted_values)
    np.testing.assert_array_equal(sorted_keys, keys[expected])
    np.testing.assert_array_equal(sorted_values, values[expected])


def test_every_number_stands_at_its_name() -> None:
    for name in FEATURES:
        assert getattr(statistics, name.upper()) == FEATURES.index(name), name
    for name in PROFILE:
        place = PROFILE.index(name)
        assert getattr(profile, name.upper()) == (place if place < FROM_SEARCH else place - FROM_SEARCH), name


def test_the_table_says_of_every_number_what_it_is() -> None:
    columns = [*FEATURE_COLUMNS, *PROFILE_COLUMNS]
    assert len({column.name for column in columns}) == len(columns) == 39
    assert all(column.formula and column.epochs >= check.MIN_TIMES for column in columns)
    assert HARMONIC_EPOCHS == EPOCHS_A_HARMONIC
    units = {column.name: column.unit for column in columns}
    fields = {field["name"]: field["doc"] for field in _feature_fields()}
    assert {name: f"[{unit}]" if unit else "" for name, unit in units.items() if name in fields} == {
        name: ("[" + doc.partition("[")[2]).replace("days", "d") if "[" in doc else "" for name, doc in fields.items()
    }


def _feature_fields() -> list[dict[str, Any]]:
    """What the schema of our messages says of the features."""
    schema = json.loads((Path(schemas.__file__).parent / "starsieve.classification.v2.avsc").read_text())
    (bands,) = (field["type"]["items"]["fields"] for field in schema["fields"] if field["name"] == "bands")
    (features,) = (field["type"] for field in bands if field["name"] == "features")
    return next(each["fields"] for each in features if isinstance(each, dict))
