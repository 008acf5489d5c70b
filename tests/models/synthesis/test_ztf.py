"""The alert selection by itself, and the ZTF training set from real stars, packets and catalogues."""

from pathlib import Path

import numpy as np
import pytest

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.folder import read_light_curves, read_objects
from starsieve.features.tools.lightcurves import LightCurves, concatenate
from starsieve.models import ModelError
from starsieve.models.data import splits
from starsieve.models.synthesis import read_catalogue, ztf_light_curves, ztf_measured_light_curves
from starsieve.models.synthesis.epochs import Epochs, Exposures
from starsieve.models.synthesis.originals import read_survey
from starsieve.models.synthesis.seen_again import LABELS
from starsieve.models.synthesis.ztf.alerts import (
    FORCED_DAYS,
    ZTF,
    History,
    draw_exposures,
    noise_of,
    read_histories,
    reference_flux,
    select,
)
from starsieve.models.synthesis.ztf.measured import kept_points
from starsieve.models.synthesis.ztf.real import REAL

LIMIT = 10 ** (-0.4 * 20.5)


def exposures_of_one(n: int, step: float = 1.0) -> Exposures:
    epochs = Epochs(59_000.0 + step * np.arange(n), np.array([0, n]))
    return Exposures(ZTF, epochs, np.arange(n) % 2, np.full(n, LIMIT))


def flux_of(mag: np.ndarray | float, n: int) -> np.ndarray:
    return np.broadcast_to(10 ** (-0.4 * np.asarray(mag)), n).copy()


def test_constant_star_raises_hardly_an_alert() -> None:
    n = 20_000
    flux = flux_of(16.0, n)
    alerts = select(np.random.default_rng(0), exposures_of_one(n), flux, flux, np.array(["alerts"]))
    assert alerts.kept.mean() < 0.02  # tails are heavy: 1.1 % of real residuals are beyond 5 sigma


def test_alerts_avoid_the_reference_flux_and_forced_points_fill_the_gap() -> None:
    n = 4000
    exposures = exposures_of_one(n)
    mag = 16.0 + 0.3 * np.sin(2 * np.pi * np.arange(n) / 17.3)
    flux, reference = flux_of(mag, n), flux_of(16.0, n)
    alerts, forced = (
        select(np.random.default_rng(1), exposures, flux, reference, np.array([way])) for way in ("alerts", "forced")
    )
    assert np.percentile(np.abs(alerts.mag[alerts.kept] - 16.0), 1) > 0.03
    assert forced.kept.mean() > 0.99
    assert not (alerts.kept & ~forced.kept).any()
    assert np.std(forced.mag[forced.kept] - mag[forced.kept]) < 0.02


def test_forced_points_reach_thirty_days_back_and_never_forward() -> None:
    n = 200
    exposures = exposures_of_one(n)
    flux, reference = flux_of(17.0, n), flux_of(17.0, n)
    flux[100] *= 2.0
    alerts = select(np.random.default_rng(3), exposures, flux, reference, np.array(["forced"]))
    assert alerts.detected[100]
    kept = np.flatnonzero(alerts.kept & (np.arange(n) > 60) & (np.arange(n) < 140))
    assert kept.max() == 100
    assert kept.min() == 100 - int(FORCED_DAYS)


def test_no_total_flux_without_a_reference_source() -> None:
    n = 500
    flux = flux_of(18.0, n)
    alerts = select(np.random.default_rng(2), exposures_of_one(n), flux, np.zeros(n), np.array(["forced"]))
    np.testing.assert_array_equal(alerts.kept, alerts.detected)


def test_errors_are_those_of_the_scatter() -> None:
    n = 4000
    exposures, flux = exposures_of_one(n), flux_of(18.0, n)
    alerts = select(np.random.default_rng(4), exposures, flux, flux * 0.5, np.array(["alerts"]))
    assert alerts.kept.mean() > 0.9
    pull = (alerts.mag - 18.0)[alerts.kept] / alerts.magerr[alerts.kept]
    assert 0.5 < 1.4826 * np.median(np.abs(pull)) < 1.1
    expected = 1.0857 * noise_of(np.array([LIMIT]), flux[:1], 1.3)[0] / flux[0]
    assert np.median(alerts.magerr[alerts.kept]) == pytest.approx(np.hypot(expected, 0.01), rel=0.1)


def test_reference_is_a_mean_of_the_same_band() -> None:
    exposures = exposures_of_one(400)
    flux = np.where(exposures.band == 0, 1.0, 3.0)
    np.testing.assert_allclose(reference_flux(np.random.default_rng(0), exposures, flux), flux)


def test_exposures_ascend_whatever_the_histories() -> None:
    rng = np.random.default_rng(5)
    histories = [
        History(np.sort(rng.uniform(0, span, 30)), rng.integers(0, 2, 30), np.full(30, 20.0)) for span in (5, 30, 117)
    ]
    exposures = draw_exposures(rng, histories, 50)
    steps = np.diff(exposures.epochs.mjd)[np.diff(exposures.epochs.index) == 0]
    assert (steps >= 0).all()


def test_histories_come_from_real_packets(data_dir: Path) -> None:
    histories = read_histories(data_dir / "alerts" / "ztf_avro")
    assert len(histories) > 300
    for history in histories:
        assert (np.diff(history.day) >= 0).all()
        assert set(history.band) <= {0, 1}
        assert (history.limit > 10).all()


@pytest.fixture(scope="module")
def allowed(data_dir: Path) -> set[str]:
    """Half of the real stars."""
    names: set[str] = set()
    for survey in ("catalina", "asas", "ztf_field", "ztf_snia"):
        names |= set(read_objects(data_dir / "lightcurves" / survey).object_id[::2].tolist())
    catalogue = read_catalogue(data_dir / "catalogs")
    return names | {*catalogue.object_id[::2].tolist(), *catalogue.quasar_id[::2].tolist()}


@pytest.fixture(scope="module")
def light_curves(data_dir: Path, allowed: set[str]) -> LightCurves:
    return concatenate(ztf_light_curves(data_dir, 12, seed=1, object_ids=allowed))


def test_a_folder_without_packets_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no ZTF packets"):
        read_histories(tmp_path)


def test_every_class_is_there_with_enough_epochs(light_curves: LightCurves) -> None:
    labels, counts = np.unique(light_curves.label, return_counts=True)
    assert set(labels) == set(LABELS)
    assert all(count == 12 or (label in REAL and count > 12) for label, count in zip(labels, counts, strict=True))
    assert len(np.unique(light_curves.object_id)) == len(light_curves.object_id)
    assert np.maximum.reduceat(light_curves.epochs, light_curves.objects[:-1]).min() >= MIN_EPOCHS
    assert light_curves.bands.tolist() == ["g", "r"]
    for values in (light_curves.mjd, light_curves.mag, light_curves.magerr):
        assert np.isfinite(values).all()
    assert (light_curves.magerr > 0).all()


def test_stars_kept_for_judging_are_never_seen(light_curves: LightCurves, allowed: set[str]) -> None:
    drawn = {"supernova", "constant"}
    for name in light_curves.object_id.tolist():
        star = splits.star(name)
        assert star in allowed or star.split("-")[0] in drawn


def test_pulsators_swing_more_in_g_and_eclipses_equally(light_curves: LightCurves) -> None:
    def ratio(label: str) -> float:
        ratios = []
        for i in np.flatnonzero(light_curves.label == label):
            curves = np.arange(*light_curves.objects[i : i + 2])
            if len(curves) == 2 and light_curves.epochs[curves].min() >= MIN_EPOCHS:
                g, r = (light_curves.mag[slice(*light_curves.offsets[c : c + 2])] for c in curves)
                ratios.append(np.std(g) / np.std(r))
        return float(np.median(ratios))

    assert 1.2 < ratio("RRAB") < 1.6
    assert 0.85 < ratio("EW") < 1.2


def test_the_seed_decides(data_dir: Path, light_curves: LightCurves, allowed: set[str]) -> None:
    again = concatenate(ztf_light_curves(data_dir, 12, seed=1, object_ids=allowed))
    np.testing.assert_array_equal(again.mag, light_curves.mag)
    np.testing.assert_array_equal(again.object_id, light_curves.object_id)


@pytest.fixture(scope="module")
def measured_light_curves(data_dir: Path, allowed: set[str]) -> LightCurves:
    return concatenate(ztf_measured_light_curves(data_dir, 30, 1, allowed, views=2))


def test_real_photometry_is_a_part_of_the_star_s_own(
    data_dir: Path, allowed: set[str], measured_light_curves: LightCurves
) -> None:
    made = measured_light_curves
    assert (made.epochs >= MIN_EPOCHS).all()
    stars = [splits.star(name) for name in made.object_id.tolist()]
    assert set(stars) <= allowed
    assert len(np.unique(made.object_id)) == len(made)
    survey = read_light_curves(data_dir / "lightcurves" / "catalina")
    place, starts = {name: number for number, name in enumerate(survey.object_id.tolist())}, survey.starts
    of_catalina = [number for number, star in enumerate(stars) if star in place]
    assert len(of_catalina) > 100
    for number in of_catalina[:20]:
        rows = slice(*starts[place[stars[number]] :][:2])
        own = dict(zip(survey.mjd[rows].tolist(), survey.mag[rows].tolist(), strict=True))
        span = slice(made.offsets[number], made.offsets[number + 1])
        assert all(own[mjd] == mag for mjd, mag in zip(made.mjd[span].tolist(), made.mag[span].tolist(), strict=True))


def test_every_point_in_the_stream_is_an_alert_or_soon_followed_by_one() -> None:
    mjd = np.arange(400.0)
    flux = np.where(mjd == 100, 2.0, 1.0)
    alone, with_forced = (kept_points(mjd, flux, np.full(400, 0.01), forced=forced) for forced in (False, True))
    np.testing.assert_array_equal(np.flatnonzero(alone), [100])
    np.testing.assert_array_equal(np.flatnonzero(with_forced), np.arange(100 - int(FORCED_DAYS), 101))


def test_parts_of_real_light_curves_come_of_stars_that_may_be_used(
    allowed: set[str], measured_light_curves: LightCurves
) -> None:
    for label in REAL:
        chosen = measured_light_curves.object_id[measured_light_curves.label == label].tolist()
        assert len(chosen) > 10
        assert {splits.star(name) for name in chosen} <= allowed


def test_half_of_the_parts_are_first_epochs_as_a_stream_has_them(
    data_dir: Path, measured_light_curves: LightCurves
) -> None:
    made, survey = measured_light_curves, read_survey(data_dir / "lightcurves" / "ztf_field").curves
    place = {name: number for number, name in enumerate(survey.object_id.tolist())}
    first, parts = 0, np.flatnonzero(made.label == "NONVAR").tolist()
    for part in parts:
        start = survey.starts[place[splits.star(made.object_id[part])]]
        times = made.mjd[slice(*made.offsets[made.objects[part] :][:2])]
        first += times.tolist() == survey.mjd[start : start + len(times)].tolist()
    assert 0.4 < first / len(parts) < 0.7  # some of the others are whole
