"""A stream simulated from real light curves: they come back from the packets as far as alerts carry them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from starsieve.broker import simulate
from starsieve.broker.simulate.observed import FID_G, FID_R, barycentric_middle, to_mag
from starsieve.features.tools.folder import UnreadableFolderError
from starsieve.models.data.splits import held_out
from tests.broker.simulate.simulated import catalogue, decoded, singles


def test_real_light_curves_come_back_as_far_as_alerts_carry_them(tmp_path):
    mjd = 55000 + np.arange(40) * 2.0
    mag = np.where(np.arange(40) % 2, 15.0, 16.0) + 0.001 * np.arange(40)
    folder = catalogue(tmp_path, {"star 1": ("V", mjd, mag, np.full(40, 0.02))})
    (star,) = simulate.read_light_curves(folder, 10, seed=1)
    assert (star.name, star.label, star.period) == (f"{folder.name} star 1", "EW", 0.5)
    epochs = decoded(list(simulate.alerts([star])))[star.object_id]
    last_alert = np.flatnonzero(star.alerting())[-1]
    assert epochs["mjd"] == pytest.approx(mjd[: last_alert + 1], abs=1e-8)
    assert epochs["mag"] == pytest.approx(mag[: last_alert + 1], abs=1e-4)


def test_epochs_in_a_gap_of_more_than_thirty_days_are_in_no_packet(tmp_path):
    mjd = np.r_[55000 + np.arange(20), 55100 + np.arange(20)].astype(float)
    mag = np.full(40, 15.0)
    mag[-1] = 14.0
    folder = catalogue(tmp_path, {"a": ("r", mjd, mag, np.full(40, 0.02))})
    stream = list(simulate.alerts(simulate.read_light_curves(folder, 1, seed=1)))
    assert len(stream) == 1
    (epochs,) = decoded(stream).values()
    assert epochs["mjd"] == pytest.approx(mjd[20:], abs=1e-8)


def test_quoted_errors_shrink_to_the_scatter_of_visits_minutes_apart(tmp_path):
    rng = np.random.default_rng(4)
    mjd = np.repeat(55000 + np.arange(100) * 5.0, 4) + np.tile(np.arange(4) * 0.005, 100)
    mag = 16 + rng.normal(0, 0.03, 400)
    folder = catalogue(tmp_path, {"often": ("V", mjd, mag, np.full(400, 0.1)), "once": ("V", *singles(), 0.1)})
    stars = {star.name.split()[-1]: star for star in simulate.read_light_curves(folder, 2, seed=1)}
    relative_error = {name: np.median(1.0857 * star.flux_error / star.flux) for name, star in stars.items()}
    assert relative_error["often"] == pytest.approx(0.03, rel=0.15)
    assert relative_error["once"] == pytest.approx(0.1, rel=1e-3)


def test_bands_become_filters_and_each_has_its_own_reference(tmp_path):
    mjd, mag = singles()
    folder = catalogue(tmp_path, {"two": ("g", mjd, mag, 0.05)}, {"two": ("R", mjd + 0.02, mag - 1, 0.05)})
    (star,) = simulate.read_light_curves(folder, 1, seed=1)
    for fid, median in ((FID_G, np.median(mag)), (FID_R, np.median(mag - 1))):
        assert to_mag(star.reference[star.fid == fid])[0] == pytest.approx(median, abs=0.02)
    assert (np.diff(star.jd) > 0).all()


def test_a_draw_is_the_seeds_and_may_spare_what_networks_were_trained_on(tmp_path):
    curves = {f"star {number}": ("V", *singles(), 0.05) for number in range(60)}
    folder = catalogue(tmp_path, curves)
    drawn = [star.name for star in simulate.read_light_curves(folder, 20, seed=1)]
    assert drawn == [star.name for star in simulate.read_light_curves(folder, 20, seed=1)]
    assert drawn != [star.name for star in simulate.read_light_curves(folder, 20, seed=2)]
    unseen = simulate.read_light_curves(folder, 60, seed=1, held_out=True)
    assert {star.name.removeprefix(f"{folder.name} ") for star in unseen} == {name for name in curves if held_out(name)}


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (
            ("V", np.arange(300.0, 330.0), np.full(30, 15.0), 0.05),
            "no star with epochs between 1990 and 2060",
        ),
        (("Q", 55000 + np.arange(30.0), np.full(30, 15.0), 0.05), "band 'Q'"),
    ],
)
def test_light_curves_that_cannot_be_simulated_are_refused_with_a_reason(tmp_path, curve, message):
    with pytest.raises(UnreadableFolderError, match=message):
        simulate.read_light_curves(catalogue(tmp_path, {"a": curve}), 1, seed=1)


def test_stars_without_a_position_are_left_out(tmp_path):
    folder = catalogue(tmp_path, {"a": ("V", *singles(), 0.05)})
    table = parquet.read_table(folder / "objects.parquet")
    parquet.write_table(table.set_column(3, "ra", pa.array([None], pa.float64())), folder / "objects.parquet")
    with pytest.raises(UnreadableFolderError, match="no star with a position"):
        simulate.read_light_curves(folder, 1, seed=1)


def test_a_folder_without_light_curves_is_refused(tmp_path):
    with pytest.raises(UnreadableFolderError, match=r"objects\.parquet"):
        simulate.read_light_curves(tmp_path, 1, seed=1)


def test_real_catalina_stars_go_through(data_dir, tmp_path):
    folder = _first_stars(data_dir / "lightcurves" / "catalina", tmp_path, count=40)
    stars = simulate.read_light_curves(folder, 40, seed=1)
    stream = list(simulate.alerts(stars))
    assert [alert.jd for alert in stream] == sorted(alert.jd for alert in stream)
    assert len({alert.alert_id for alert in stream}) == len(stream) > 200
    for identity, epochs in decoded(stream).items():
        star = next(each for each in stars if each.object_id == identity)
        original = barycentric_middle(star.jd, star.ra, star.dec)
        nearest = np.abs(original[:, None] - epochs["mjd"]).argmin(axis=0)
        assert epochs["mjd"] == pytest.approx(original[nearest], abs=1e-8)
        assert epochs["mag"] == pytest.approx(to_mag(star.flux[nearest]), abs=2e-4)
        assert set(original[star.alerting()].round(6)) <= set(epochs["mjd"].round(6))


def _first_stars(source: Path, tmp_path: Path, count: int) -> Path:
    """The first stars of a real folder in a folder of their own, as reading all takes long."""
    folder = tmp_path / source.name
    folder.mkdir()
    objects = parquet.read_table(source / "objects.parquet").slice(0, count)
    chosen = [("object_id", "in", objects["object_id"].to_pylist())]
    parquet.write_table(objects, folder / "objects.parquet")
    parquet.write_table(parquet.read_table(source / "points.parquet", filters=chosen), folder / "points.parquet")
    return folder
