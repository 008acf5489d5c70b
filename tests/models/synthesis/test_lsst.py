"""Rubin's cadence against its list of visits, the alert selection by itself, and the training set from real stars."""

from pathlib import Path

import numpy as np
import pytest

from starsieve.features.tools.folder import read_objects
from starsieve.features.tools.lightcurves import concatenate
from starsieve.models.data import splits
from starsieve.models.synthesis import lsst_light_curves
from starsieve.models.synthesis.epochs import Epochs, Exposures
from starsieve.models.synthesis.lsst.alerts import (
    FLOOR,
    LOST,
    RUBIN,
    SOURCES_SHARE,
    draw_exposures,
    lost,
    noise_of,
    reference_flux,
    select,
)
from starsieve.models.synthesis.lsst.cadence import (
    BANDS,
    DEPTH,
    EXPOSURE_S,
    GAPS,
    PAIR_D,
    PAIR_SHARE,
    SEASON,
    SEEING,
    SHARES,
    YEAR,
    visits,
)
from starsieve.models.synthesis.lsst.training_set import MIN_EPOCHS
from starsieve.models.synthesis.seen_again import LABELS
from tests.benchmarks import cadence as made

LIMIT = 10 ** (-0.4 * 24.0)


def exposures_of_one(n: int) -> Exposures:
    epochs = Epochs(61_000.0 + 1.1 * np.arange(n), np.array([0, n]))
    return Exposures(RUBIN, epochs, np.arange(n) % len(BANDS), np.full(n, LIMIT))


def flux_of(mag: np.ndarray | float, n: int) -> np.ndarray:
    return np.broadcast_to(10 ** (-0.4 * np.asarray(mag)), n).copy()


def test_tables_are_those_of_the_list(data_dir: Path) -> None:
    seen = made.read(data_dir / made.LIST)
    np.testing.assert_allclose(made.percentiles(seen, seen.depth), DEPTH, atol=0.011)
    np.testing.assert_allclose(made.percentiles(seen, seen.seeing), SEEING, atol=0.011)
    assert made.exposures(seen).tolist() == list(EXPOSURE_S)
    assert made.gaps(seen)[: len(GAPS)].tolist() == list(GAPS)


def test_a_year_is_as_designed() -> None:
    rng = np.random.default_rng(1)
    seen = [visits(rng, 3.0) for _ in range(200)]
    mjd, band = (np.concatenate([getattr(each, name) for each in seen]) for name in ("mjd", "band"))
    assert 75 < len(mjd) / len(seen) / 3 < 95, "visits a year"
    np.testing.assert_allclose(np.bincount(band) / len(band), SHARES, atol=0.02)
    assert (mjd % YEAR).max() < SEASON + 1
    gaps = np.concatenate([np.diff(np.unique(np.floor(each.mjd))) for each in seen])
    assert 3.0 < gaps[gaps < YEAR - SEASON].mean() < 5.0, "nights"


def test_a_field_comes_in_order_with_pairs_in_two_bands() -> None:
    rng = np.random.default_rng(2)
    for seen in (visits(rng, 1.0) for _ in range(50)):
        steps = np.diff(seen.mjd)
        assert (steps > 0).all()
        pairs = steps < 1.001 * PAIR_D[1]
        assert (steps[pairs] > 0.999 * PAIR_D[0]).all()
        assert (np.diff(seen.band)[pairs] != 0).all()
        for values, table in ((seen.depth, DEPTH), (seen.seeing, SEEING)):
            low, high = np.array(table)[seen.band][:, [0, -1]].T
            assert ((values >= low) & (values <= high)).all()


@pytest.mark.parametrize("months", [3, 12, 36])
def test_the_same_seed_is_the_same_sky(months: int) -> None:
    one, again = (draw_exposures(np.random.default_rng(3), 5, months / 12) for _ in range(2))
    np.testing.assert_array_equal(one.epochs.mjd, again.epochs.mjd)
    np.testing.assert_array_equal(one.limit, again.limit)
    assert np.ptp(one.epochs.mjd) < months / 12 * YEAR + 1


def test_noise_is_the_depth_of_a_visit_and_photons() -> None:
    assert noise_of(np.array([LIMIT]), np.zeros(1)) == pytest.approx(LIMIT / 5)
    faint, bright = noise_of(np.array([LIMIT]), flux_of(24.0, 1)), noise_of(np.array([LIMIT]), flux_of(17.0, 1))
    assert faint < 1.2 * LIMIT / 5
    assert bright / flux_of(17.0, 1) < 0.002, "a hundred times less than the sky's of a star of 24 mag"


def test_a_constant_star_raises_hardly_an_alert_and_a_saturated_one_none() -> None:
    n = 20_000
    for mag, most in ((20.0, 0.02), (15.9, 0.0)):
        flux = flux_of(mag, n)
        alerts = select(np.random.default_rng(0), exposures_of_one(n), flux, flux)
        assert alerts.detected.mean() <= most
        assert alerts.kept.any() == (most > 0), "forced photometry follows the first alert"


def test_forced_photometry_follows_the_first_alert_and_not_before() -> None:
    n = 600
    flux = flux_of(20.0, n)
    flux[300] *= 1.5
    alerts = select(np.random.default_rng(5), exposures_of_one(n), flux, flux_of(20.0, n))
    first = int(np.flatnonzero(alerts.detected)[0])
    assert not alerts.kept[:first].any()
    assert alerts.kept[first:].mean() > 1 - 2 * LOST


def test_totals_are_right_and_those_of_science_flux_too_faint() -> None:
    n = 6000
    exposures = exposures_of_one(n)
    mag = 20.0 + 0.2 * np.sin(np.arange(n) / 17.3)
    flux = flux_of(mag, n)
    reference = reference_flux(np.random.default_rng(4), exposures, flux)
    ours, theirs = (
        select(np.random.default_rng(6), exposures, flux, reference, science_flux=way) for way in (False, True)
    )
    off, off_theirs = ((each.mag - mag)[each.kept] for each in (ours, theirs))
    assert abs(np.median(off)) < 0.005
    assert 1.4826 * np.median(np.abs(off)) < 1.5 * FLOOR
    assert np.median(off_theirs) > 0.005
    assert off_theirs.std() > off.std()


def test_the_flux_lost_beside_a_star_is_some_per_cent() -> None:
    """design: robust scatter of constant stars of 0.6 to 10.6 % as measured, some with half of their flux."""
    epochs = Epochs(np.arange(200_000.0), np.arange(0, 200_001, 200))
    left = lost(np.random.default_rng(7), epochs)
    assert left.max() <= 1.0
    assert 0.01 < 1 - np.median(left) < 0.05
    by_star = np.median(left.reshape(-1, 200), axis=1)
    assert by_star.min() < 0.9


def test_training_set_of_real_stars(data_dir: Path) -> None:
    allowed = read_objects(data_dir / "lightcurves" / "catalina").object_id.tolist()
    curves = concatenate(lsst_light_curves(data_dir, 4, 1, allowed, years=1.0))
    assert set(curves.label) <= set(LABELS)
    assert {"RRAB", "EW", "NONVAR", "SN"} <= set(curves.label)
    assert set(curves.bands.tolist()) == set(BANDS)
    assert {splits.star(name) for name in curves.object_id[curves.label == "EW"]} <= set(allowed)
    fullest = np.zeros(len(curves.object_id))
    np.maximum.at(fullest, curves.owner, curves.epochs)
    assert (fullest >= MIN_EPOCHS).all()
    assert curves.mag.min() > 15.5


def test_most_nights_are_pairs() -> None:
    rng = np.random.default_rng(3)
    steps = [np.diff(visits(rng, 1.0).mjd) for _ in range(300)]
    pairs = sum(np.count_nonzero(each < 1.001 * PAIR_D[1]) for each in steps)
    nights = sum(len(each) + 1 for each in steps) - pairs
    assert pairs / nights == pytest.approx(PAIR_SHARE, abs=0.02)


@pytest.mark.parametrize("mag", [17.0, 20.0, 22.5])
def test_errors_are_those_of_the_scatter(mag: float) -> None:
    n = 20_000
    flux = flux_of(mag, n)
    seen = select(np.random.default_rng(3), exposures_of_one(n), flux, 0.5 * flux)
    pull = (seen.mag - mag)[seen.kept] / seen.magerr[seen.kept]
    assert 0.8 < 1.4826 * np.median(np.abs(pull)) < 1.1
    assert seen.magerr[seen.kept].min() > FLOOR


def test_a_bright_constant_star_does_raise_alerts() -> None:
    """It scatters by more than its photons. So do the real packets': four of five stars are constant."""
    n = 20_000
    flux = flux_of(17.0, n)
    assert select(np.random.default_rng(3), exposures_of_one(n), flux, flux).detected.mean() > 0.2


def test_forced_photometry_loses_the_same_everywhere() -> None:
    n, points = 400, 100
    left = lost(np.random.default_rng(2), Epochs(np.arange(1.0 * n * points), np.arange(n + 1) * points))
    same = [len(np.unique(of_object)) for of_object in left.reshape(n, points)]
    assert 1 - np.mean(same) / points == pytest.approx(SOURCES_SHARE, abs=0.05)  # one value for the forced others


def test_held_out_stars_are_never_learned_and_the_seed_decides(data_dir: Path) -> None:
    names = read_objects(data_dir / "lightcurves" / "catalina").object_id.tolist()
    learned = {name for name in names if not splits.held_out(name)}
    one, again = (next(lsst_light_curves(data_dir, 6, 1, learned, years=0.5)) for _ in range(2))
    assert {splits.star(name) for name in one.object_id.tolist()} <= learned
    np.testing.assert_array_equal(one.mag, again.mag)
