"""Rubin's total light curves, and that they are functions of what was measured alone."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starsieve.broker.epochs import BANDS, DIFFERENCE, SAME_EXPOSURE_DAYS, Epochs, n_references, of_band
from starsieve.broker.epochs import FORCED as IS_FORCED
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.lsst_rows import (
    FLOOR_MAG,
    FORM,
    PLACES,
    ROW,
    ZERO_POINT,
    light_curve,
    merge_into,
    rung_of,
)
from starsieve.broker.surveys.packets import decode
from tests.broker.surveys.lsst_packets import container, record, source, star

NOTHING = np.empty(0, ROW)


def rows_of(sources: Sequence[Any], forced: Sequence[Any] = ()) -> Epochs:
    """What a packet of these records brings."""
    (found,) = decode(container(record(sources[-1], list(sources[:-1]), list(forced))), "lsst")
    assert isinstance(found, Alert)
    return found.epochs


def rows(n: int = 12, **columns: Any) -> Epochs:
    """diaSources in g, one a day, of a star of 10 uJy at the place (0, 0)."""
    made = np.zeros(n, ROW)
    made["mjd"], made["error"], made["template"], made["spread"] = 61000.0 + np.arange(n), 50, 10_000, 0.18
    made["flux"], made["flags"] = 500, BANDS.index("g")
    for name, values in columns.items():
        made[name] = values
    return made


def magnitude(flux: Any) -> Any:
    return ZERO_POINT - 2.5 * np.log10(flux)


def scatter(mag: Any) -> float:
    return float(1.4826 * np.median(np.abs(mag - np.median(mag))))


def total(epochs: Epochs) -> Epochs:
    return epochs[epochs["flags"] & DIFFERENCE == 0]


def test_difference_and_template_are_added() -> None:
    """10.5 uJy are 31.4 - 2.5 log10 10500 = 21.347 mag; 50 of 10500 nJy 5.17 mmag, with the floor in quadrature."""
    found = light_curve(rows())
    np.testing.assert_allclose(found["mag"], 21.34702, atol=1e-5)
    np.testing.assert_allclose(found["magerr"], np.hypot(0.00517, FLOOR_MAG), rtol=1e-3)
    assert found["flags"].tolist() == [BANDS.index("g")] * 12


def test_what_was_lost_beside_the_star_is_given_back() -> None:
    """0.3" from it, s^2 = 0.18: a part of exp(-0.09 / 0.72) = 0.8825 is seen, of the difference and of the template."""
    seen = np.exp(-(0.3**2) / (4 * 0.18))
    made = rows(13)
    made["ra"][5], made["flux"][5], made["template"][5] = round(0.3 / 3600 * PLACES), 500 * seen, 10_000 * seen
    np.testing.assert_allclose(light_curve(made)["mag"], magnitude(10_500), atol=2e-4)


def test_the_star_is_where_its_well_measured_sources_are() -> None:
    """Two of thirteen lie half an arcsecond off: they are no measurements, and have no say."""
    made = rows(13)
    made["dec"][[2, 7]] = round(0.5 / 3600 * PLACES)
    found = light_curve(made)
    assert np.flatnonzero(found["flags"] & DIFFERENCE).tolist() == [2, 7]
    assert np.isnan(found["mag"][[2, 7]]).all()
    np.testing.assert_allclose(total(found)["mag"], magnitude(10_500), atol=1e-4)


@pytest.mark.parametrize("ra", [-180 * PLACES, 180 * PLACES - 1])
def test_ra_0_is_no_border(ra: int) -> None:
    """Places on both sides of it: 5e-7 degrees, 2 mas, apart."""
    made = rows(13, ra=ra)
    made["ra"][::2] = -180 * PLACES + 5 if ra > 0 else 180 * PLACES - 5
    assert total(light_curve(made)).size == 13


@pytest.mark.parametrize(("source_off", "forced_off", "forced_counts"), [(0.1, 0.02, True), (0.02, 0.1, False)])
def test_of_an_exposure_the_measurement_nearer_to_the_star_counts(
    source_off: float, forced_off: float, forced_counts: bool
) -> None:
    sources, photometry = rows(14), rows(14, spread=np.nan)  # 14 is a rung
    photometry["flags"] |= 1 << 3
    photometry["flux"] = 600
    sources["dec"][::2], sources["dec"][1::2] = round(source_off / 3600 * PLACES), -round(source_off / 3600 * PLACES)
    photometry["dec"] = round(forced_off / 3600 * PLACES)
    found = light_curve(np.concatenate([sources, photometry]))
    assert found.size == 14
    assert set((found["flags"] & IS_FORCED > 0).tolist()) == {forced_counts}


def test_a_negative_or_low_total_is_no_magnitude() -> None:
    made = rows(13)
    made["flux"][3], made["flux"][4] = -10_500, -9_900  # 100 is twice its error
    found = light_curve(made)
    assert np.flatnonzero(found["flags"] & DIFFERENCE).tolist() == [3, 4]
    assert light_curve(made[3:4]).size == 1, "an epoch all the same"


def test_without_a_templates_flux_there_is_no_total() -> None:
    assert (light_curve(rows(template=np.nan))["flags"] & DIFFERENCE > 0).all()


def test_each_band_has_a_reference_of_its_own() -> None:
    g, r = rows(20), rows(20, template=20_000, flags=BANDS.index("r"))
    found = light_curve(np.concatenate([r, g]))
    np.testing.assert_allclose(of_band(found, "g")["mag"], magnitude(10_500), atol=1e-5)
    np.testing.assert_allclose(of_band(found, "r")["mag"], magnitude(20_500), atol=1e-5)
    order = np.lexsort((found["mjd"], found["flags"] & 7))
    assert order.tolist() == list(range(40)), "sorted by band and time"


@pytest.mark.parametrize("step", [0.8, 1.25])
@pytest.mark.parametrize("amplitude", [0.0, 0.4])
def test_a_step_of_the_template_starts_another_reference(step: float, amplitude: float) -> None:
    """A new template: its flux has changed, the difference by as much the other way, the star not at all."""
    rng = np.random.default_rng(1)
    made = rows(60)
    variation = 10_000 * amplitude * np.sin(made["mjd"] / 0.3)
    template = np.where(np.arange(60) < 35, 10_000, 10_000 * step)
    made["template"], made["flux"] = template * rng.normal(1, 0.02, 60), 10_000 + variation - template
    found = light_curve(made)
    np.testing.assert_allclose(found["mag"], magnitude(10_000 + variation), atol=0.04)
    assert n_references(found) == 2


@pytest.mark.parametrize("template", ["scattered", "of two kinds", "with outliers"])
def test_a_template_that_only_scatters_is_one(template: str) -> None:
    """Of two kinds is that of a star where two templates overlap: a star at hand has it, 10 % apart."""
    rng = np.random.default_rng(2)
    made = rows(300)
    flux = {
        "scattered": rng.normal(1, 0.05, 300),
        "of two kinds": rng.choice([0.93, 1.07], 300),
        "with outliers": np.where(rng.random(300) < 0.2, 0.5, 1.0),
    }
    made["template"] = 10_000 * flux[template]
    assert n_references(light_curve(made)) == 1


def test_the_ladder() -> None:
    rungs = sorted({rung_of(n) for n in range(1, 2000)})
    assert rungs[:12] == [1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 18, 23]
    assert all(after / before < 1.31 for before, after in pairwise(rungs[8:]))
    assert all(rung_of(n) <= n for n in range(1, 2000))


def test_old_magnitudes_change_at_rungs_only() -> None:
    """Two kinds of measurement, three bands, scattered templates: what comes leaves alone what was."""
    sources, photometry = star(120, np.random.default_rng(3), amplitude=0.3)
    whole = rows_of(sources, photometry)
    times = np.sort(np.unique(whole["mjd"].round(4)))
    changed = []
    last = light_curve(whole[:0])
    for n, time in enumerate(times, 1):
        found = light_curve(whole[whole["mjd"] <= time + 0.001])
        assert found.size == n
        before = found[found["mjd"] <= times[n - 2] + 0.001] if n > 1 else found[:0]
        if before.tobytes() != last.tobytes():
            changed.append(n)
        last = found
    rungs = {rung_of(n) for n in range(1, 121)}
    assert set(changed) <= rungs, "and with the first few epochs of a band"
    assert len(changed) < 20


def test_views_are_what_was_known_at_each_time() -> None:
    sources, photometry = star(40, np.random.default_rng(4))
    whole = rows_of(sources, photometry)
    times = np.sort(np.unique(whole["mjd"].round(4))) + SAME_EXPOSURE_DAYS
    views = FORM.views(whole, times)
    assert sum(n for _, n in views) == times.size
    assert 1 < len(views) < 20
    of_time = [epochs for epochs, n in views for _ in range(n)]
    for time, epochs in zip(times, of_time, strict=True):
        alone = light_curve(whole[whole["mjd"] <= time])
        assert epochs[epochs["mjd"] <= time].tobytes() == alone.tobytes()


@given(seed=st.integers(0, 1000), parts=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_the_order_in_which_packets_come_changes_nothing(seed: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    sources, photometry = star(12, rng)
    whole = rows_of(sources, photometry)
    again = whole.copy()  # processed anew, by chance equal in part
    again["flux"] += rng.choice([0.0, 10.0], again.size)
    again["lag"] += rng.choice([0.0, 1.0], again.size)
    everything = np.concatenate([whole, again])
    expected, _ = merge_into(NOTHING, [everything])
    shuffled = rng.permutation(everything)
    merged = NOTHING
    for part in np.array_split(shuffled, parts):
        merged, new = merge_into(merged, [part])
        assert {row.tobytes() for row in new} <= {row.tobytes() for row in part}
    assert merged.tobytes() == expected.tobytes()
    assert merge_into(merged, [shuffled])[1].size == 0, "nothing is new a second time"


@pytest.mark.parametrize("amplitude", [0.0, 0.3])
def test_a_star_is_found_as_it_is(amplitude: float) -> None:
    """Centroids that scatter by 0.1" and forced photometry that is 0.05" off, 0.6 % of photon noise."""
    sources, photometry = star(300, np.random.default_rng(5), amplitude=amplitude)
    whole = rows_of(sources, photometry)
    found = total(light_curve(whole))
    assert found.size > 295
    taken = {source["visit"]: source["midpointMjdTai"] for source in sources}
    tai = np.array(sorted(taken.values()))
    nearest = tai[np.searchsorted(tai, found["mjd"] - 0.1).clip(0, tai.size - 1)]
    true = magnitude(10_000 * (1 + amplitude * np.cos(2 * np.pi * nearest / 0.567)))
    assert scatter(found["mag"] - true) < 0.012
    assert abs(np.median(found["mag"] - true)) < 0.01


@pytest.mark.parametrize(
    "wrong",
    [
        {"mjd": np.nan},
        {"mjd": 0.0},
        {"mjd": 1e9},
        {"flux": np.nan},
        {"flux": np.inf},
        {"error": 0.0},
        {"error": np.nan},
        {"flags": 7},
    ],
)
def test_what_nobody_can_have_measured_is_not_sound(wrong: dict[str, Any]) -> None:
    assert FORM.are_sound(rows())
    assert not FORM.are_sound(rows(**wrong))


REAL = "alerts/lsst_avro_real/part-2-918301.avro"
VARIABLE = "170028485706776685"  # 10 % in all bands, slowly


@pytest.fixture(scope="module")
def real_stars(data_dir: Path) -> dict[str, Epochs]:
    if not (data_dir / REAL).is_file():
        pytest.skip(f"no real data at {data_dir / REAL}")
    alerts = [each for each in decode((data_dir / REAL).read_bytes(), "lsst") if isinstance(each, Alert)]
    return {alert.object_id: alert.epochs for alert in alerts if alert.reason is None}


def test_real_constant_stars_scatter_less_than_their_science_fluxes(real_stars: dict[str, Epochs]) -> None:
    """`scienceFlux` has up to 10.6 % (tests/benchmarks/rubin.py)."""
    assert len(real_stars) == 5
    for object_id, whole in real_stars.items():
        found = total(light_curve(whole))
        assert n_references(found) == 1, "nobody has seen a template change there"
        for band in BANDS:
            flux = 10 ** (-0.4 * of_band(found, band)["mag"].astype(np.float64))
            if object_id != VARIABLE and flux.size > 5:
                assert scatter(flux) / np.median(flux) < 0.027, (object_id, band)
        if object_id == VARIABLE:
            assert scatter(of_band(found, "g")["mag"]) > 0.05


def test_a_source_of_its_own_is_an_epoch() -> None:
    found = light_curve(rows_of([source(1)]))
    np.testing.assert_allclose(found["mag"], magnitude(12_000), atol=1e-5)
