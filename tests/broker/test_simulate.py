"""The simulated stream: packets as ZTF sends them, and alerts only where a star differs from its reference."""

import gzip
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from fastavro.repository.base import AbstractSchemaRepository
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

import schemas
from broker import simulate
from broker.alerts import Alert, packets
from broker.alerts.barycentre import FIRST_MJD, LAST_MJD
from broker.epochs import merge, of_band
from broker.simulate.observed import (
    ALERT_SIGMA,
    FID_G,
    FID_R,
    ObservedStar,
    barycentric_middle,
    exposure_start,
    object_id,
    to_flux,
    to_mag,
)
from broker.simulate.stars import CONSTANT, GRID, KINDS, draw_star
from models import ModelError
from models.splits import held_out

Record = dict[str, Any]
HISTORY_D = 30


@pytest.fixture(scope="module")
def stars() -> list[ObservedStar]:
    return simulate.invent(objects=60, nights=45, seed=5)


@pytest.fixture(scope="module")
def stream(stars: list[ObservedStar]) -> list[simulate.SimulatedAlert]:
    return list(simulate.alerts(stars))


@pytest.fixture(scope="module")
def records(stream: list[simulate.SimulatedAlert]) -> list[Record]:
    return [_record(alert.packet) for alert in stream]


def test_a_seed_gives_one_stream_and_another_seed_another(stars, stream):
    again = list(simulate.alerts(simulate.invent(objects=60, nights=45, seed=5)))
    assert [alert.packet for alert in again] == [alert.packet for alert in stream]
    other = simulate.invent(objects=60, nights=45, seed=6)
    assert not {star.object_id for star in other} & {star.object_id for star in stars}


def test_a_star_is_the_same_among_more_stars_and_over_more_nights(stars):
    more = simulate.invent(objects=90, nights=70, seed=5)
    for star, same in zip(stars, more[:60], strict=True):
        assert (same.object_id, same.label, same.period) == (star.object_id, star.label, star.period)
        assert (same.ra, same.dec, same.field, same.rcid) == (star.ra, star.dec, star.field, star.rcid)
        for fid in (FID_G, FID_R):
            assert same.reference[same.fid == fid][0] == star.reference[star.fid == fid][0]


def test_packets_are_those_of_the_upstream_schema(records, data_dir):
    upstream = _upstream(data_dir)
    for record in records[::40]:
        fastavro.validate(record, upstream, strict=True)


def test_field_names_namespaces_types_and_defaults_are_upstreams(data_dir):
    assert _bare(schemas.load("ztf_alert_simulated")) == _bare(_upstream(data_dir))


def test_an_upstream_reader_decodes_the_packets(stream, records, data_dir):
    (decoded,) = fastavro.reader(io.BytesIO(stream[0].packet), reader_schema=_upstream(data_dir))
    assert decoded == records[0]


def test_packets_are_uncompressed_containers_of_a_realistic_size(stream):
    for alert in stream[::50]:
        container = fastavro.reader(io.BytesIO(alert.packet))
        assert container.codec == "null"
        assert len(list(container)) == 1
        assert 45_000 < len(alert.packet) < 100_000  # real packets of schema 4.02: 45 to 90 kB


def test_the_stream_is_in_time_order_and_candids_are_unique(stream):
    times = [alert.jd for alert in stream]
    assert times == sorted(times)
    assert len({alert.candid for alert in stream}) == len(stream)


def test_there_is_an_alert_where_and_only_where_the_difference_exceeds_five_sigma(stars, stream, records):
    announced = {(alert.star.object_id, alert.jd) for alert in stream}
    for star in stars:
        significance = np.abs(star.flux - star.reference) / star.flux_error
        expected = star.jd[significance > ALERT_SIGMA]
        assert {jd for object_id, jd in announced if object_id == star.object_id} == set(expected)
    for record in records:
        candidate = record["candidate"]
        assert candidate["scorr"] > ALERT_SIGMA
        assert candidate["sigmapsf"] < 1.0858 / ALERT_SIGMA


def test_candidates_are_sane(stars, stream, records):
    assert {record["candidate"]["isdiffpos"] for record in records} == {"t", "f"}
    for alert, record in zip(stream, records, strict=True):
        candidate, star = record["candidate"], alert.star
        assert record["candid"] == candidate["candid"] == alert.candid
        assert alert.candid // 10**6 == candidate["pid"]
        assert candidate["fid"] in {FID_G, FID_R}
        assert 0 <= candidate["rb"] <= 1
        assert 0 <= candidate["drb"] <= 1
        assert 0 <= candidate["rcid"] < 64
        assert candidate["distnr"] < 1.0
        assert (candidate["ranr"], candidate["decnr"]) == (star.ra, star.dec)
        assert candidate["nid"] == int(alert.jd - 2457754.5)
        assert candidate["jdendref"] < star.jd[0] <= candidate["jdstarthist"] <= candidate["jdendhist"] == alert.jd
        assert None not in candidate.values()


def test_previous_candidates_are_the_last_thirty_days_without_the_trigger(stars, stream, records):
    announced = {(alert.star.object_id, alert.jd): record for alert, record in zip(stream, records, strict=True)}
    for alert, record in zip(stream, records, strict=True):
        star, rows = alert.star, record["prv_candidates"] or []
        in_window = (star.jd < alert.jd) & (star.jd >= alert.jd - HISTORY_D)
        assert [row["jd"] for row in rows] == star.jd[in_window].tolist()
        for row in rows:
            earlier = announced.get((star.object_id, row["jd"]))
            if earlier is None:
                assert row["magpsf"] is row["sigmapsf"] is row["isdiffpos"] is row["candid"] is None
                assert row["diffmaglim"] > 15
            else:
                assert row == {name: earlier["candidate"][name] for name in row}


def test_forced_photometry_covers_all_earlier_nights_of_thirty_days(stream, records):
    failures = 0
    for alert, record in zip(stream, records, strict=True):
        star, rows = alert.star, record["fp_hists"] or []
        night = np.floor(star.jd + 0.5)
        in_window = (star.jd >= alert.jd - HISTORY_D) & (night < np.floor(alert.jd + 0.5))
        assert [row["jd"] for row in reversed(rows)] == star.jd[in_window].tolist()
        for row in rows:
            if row["procstatus"] != "0":
                failures += 1
                assert row["forcediffimflux"] == row["forcediffimfluxunc"] == -99999
    assert failures > 0


def test_cutouts_are_gzipped_fits_images_of_the_star(stream, records):
    brightest = max(range(len(records)), key=lambda n: -records[n]["candidate"]["magpsf"])
    for name in ("cutoutScience", "cutoutTemplate", "cutoutDifference"):
        cutout = records[brightest][name]
        assert 10_000 < len(cutout["stampData"]) < 20_000
        (image,) = fits.open(io.BytesIO(gzip.decompress(cutout["stampData"])))
        assert image.data.shape == (63, 63)
        assert np.unravel_index(np.abs(image.data).argmax(), image.data.shape) == (31, 31)
        assert str(stream[brightest].candid) in cutout["fileName"]


def test_decoded_light_curves_are_the_simulated_ones(stars, stream):
    compared = 0
    for star, epochs in _decoded(stream).items():
        original = next(each for each in stars if each.object_id == star)
        for band, fid in (("g", FID_G), ("r", FID_R)):
            seen = of_band(epochs, band)
            of_filter = original.fid == fid
            mjd = barycentric_middle(original.jd[of_filter], original.ra, original.dec)
            nearest = np.abs(mjd[:, None] - seen["mjd"]).argmin(axis=0)
            assert np.abs(mjd[nearest] - seen["mjd"]) * 86400 == pytest.approx(0, abs=0.001)
            flux, error = original.flux[of_filter][nearest], original.flux_error[of_filter][nearest]
            assert seen["mag"] == pytest.approx(to_mag(flux), abs=1e-4)
            assert seen["magerr"] == pytest.approx(np.hypot(1.0857 * error / flux, 0.01), rel=2e-3)
            compared += len(seen)
    assert compared > 1000


def test_what_was_observed_scatters_about_the_reference_of_constant_stars_as_the_errors_say(stars):
    constant = [star for star in simulate.invent(objects=200, nights=45, seed=8) if star.label == CONSTANT]
    deviation = np.concatenate([((s.flux - s.reference) / s.flux_error)[~s.bogus] for s in constant])
    assert deviation.std() == pytest.approx(1, abs=0.05)
    assert deviation.mean() == pytest.approx(0, abs=0.05)
    alerting = np.concatenate([star.alerting() for star in constant])
    assert 0 < alerting.mean() < 0.02


def test_most_variable_stars_end_with_enough_epochs_to_be_classified():
    stars = simulate.invent(objects=40, nights=60, seed=2)
    epochs = _decoded(list(simulate.alerts(stars)))
    enough = [
        max(len(of_band(epochs[star.object_id], band)) for band in "gr") >= 20
        for star in stars
        if star.label != CONSTANT and star.object_id in epochs
    ]
    assert np.mean(enough) > 0.9


@pytest.mark.parametrize("label", [label for label in KINDS if label != CONSTANT])
def test_shapes_have_unit_height_and_no_mean(label):
    shape = KINDS[label].draw_shape(np.random.default_rng(1))(GRID)
    assert np.ptp(shape) == pytest.approx(1)
    assert shape.mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("label", ["RRAB", "CEP", "DSCT"])
def test_pulsators_rise_faster_than_they_fade(label):
    magnitude = KINDS[label].draw_shape(np.random.default_rng(1))(GRID)
    rise = (GRID[magnitude.argmin()] - GRID[magnitude.argmax()]) % 1  # from faintest to brightest
    assert 0.05 < rise < 0.45


def test_every_kind_of_star_is_drawn_within_its_ranges():
    rng = np.random.default_rng(0)
    drawn = [draw_star(rng) for _ in range(500)]
    assert {star.label for star in drawn} == set(KINDS)
    for star in drawn:
        low, high = KINDS[star.label].periods
        assert star.period is None or low <= star.period <= high


@given(
    mjd=st.floats(FIRST_MJD + 1, LAST_MJD - 1),
    ra=st.floats(0, 360, exclude_max=True),
    dec=st.floats(-90, 90),
)
def test_exposures_start_where_their_barycentric_middle_says(mjd, ra, dec):
    start = exposure_start(np.array([mjd]), ra, dec)
    assert barycentric_middle(start, ra, dec)[0] == pytest.approx(mjd, abs=1e-3 / 86400)


def test_object_ids_look_like_ztfs_and_are_the_stars_own():
    ids = [object_id(f"catalina {number}") for number in range(30_000)]
    assert all(re.fullmatch(r"ZTF\d{2}[a-z]{7}", each) for each in ids)
    assert len(set(ids)) == len(ids)
    assert object_id("catalina 7") == ids[7]


def test_files_hold_packets_and_truth(stars, stream, tmp_path):
    few = [(str(alert.candid), alert.packet) for alert in stream[:5]]
    assert simulate.write_packets(few, tmp_path / "packets") == 5
    assert {file.stem: file.read_bytes() for file in (tmp_path / "packets").iterdir()} == dict(few)
    simulate.write_truth(stars, tmp_path / "truth.jsonl")
    truth = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert sum(star["alerts"] for star in truth) == len(stream) == simulate.count_alerts(stars)
    assert {star["object_id"]: (star["label"], star["period"]) for star in truth} == {
        star.object_id: (star.label, star.period) for star in stars
    }


def test_stars_without_alerts_give_an_empty_stream(stars):
    quiet = [replace(star, flux=star.reference) for star in stars]
    assert list(simulate.alerts(quiet)) == []


# --- real light curves


def test_real_light_curves_come_back_as_far_as_alerts_carry_them(tmp_path):
    mjd = 55000 + np.arange(40) * 2.0
    mag = np.where(np.arange(40) % 2, 15.0, 16.0) + 0.001 * np.arange(40)
    folder = _catalogue(tmp_path, {"star 1": ("V", mjd, mag, np.full(40, 0.02))})
    (star,) = simulate.read_light_curves(folder, 10, seed=1)
    assert (star.name, star.label, star.period) == (f"{folder.name} star 1", "EW", 0.5)
    epochs = _decoded(list(simulate.alerts([star])))[star.object_id]
    last_alert = np.flatnonzero(star.alerting())[-1]
    assert epochs["mjd"] == pytest.approx(mjd[: last_alert + 1], abs=1e-8)
    assert epochs["mag"] == pytest.approx(mag[: last_alert + 1], abs=1e-4)


def test_epochs_in_a_gap_of_more_than_thirty_days_are_in_no_packet(tmp_path):
    mjd = np.r_[55000 + np.arange(20), 55100 + np.arange(20)].astype(float)
    mag = np.full(40, 15.0)
    mag[-1] = 14.0
    folder = _catalogue(tmp_path, {"a": ("r", mjd, mag, np.full(40, 0.02))})
    stream = list(simulate.alerts(simulate.read_light_curves(folder, 1, seed=1)))
    assert len(stream) == 1
    (epochs,) = _decoded(stream).values()
    assert epochs["mjd"] == pytest.approx(mjd[20:], abs=1e-8)


def test_quoted_errors_shrink_to_the_scatter_of_visits_minutes_apart(tmp_path):
    rng = np.random.default_rng(4)
    mjd = np.repeat(55000 + np.arange(100) * 5.0, 4) + np.tile(np.arange(4) * 0.005, 100)
    mag = 16 + rng.normal(0, 0.03, 400)
    folder = _catalogue(tmp_path, {"often": ("V", mjd, mag, np.full(400, 0.1)), "once": ("V", *_singles(), 0.1)})
    stars = {star.name.split()[-1]: star for star in simulate.read_light_curves(folder, 2, seed=1)}
    relative_error = {name: np.median(1.0857 * star.flux_error / star.flux) for name, star in stars.items()}
    assert relative_error["often"] == pytest.approx(0.03, rel=0.15)
    assert relative_error["once"] == pytest.approx(0.1, rel=1e-3)


def test_bands_become_filters_and_each_has_its_own_reference(tmp_path):
    mjd, mag = _singles()
    folder = _catalogue(tmp_path, {"two": ("g", mjd, mag, 0.05)}, {"two": ("R", mjd + 0.02, mag - 1, 0.05)})
    (star,) = simulate.read_light_curves(folder, 1, seed=1)
    for fid, median in ((FID_G, np.median(mag)), (FID_R, np.median(mag - 1))):
        assert to_mag(star.reference[star.fid == fid])[0] == pytest.approx(median, abs=0.02)
    assert (np.diff(star.jd) > 0).all()


def test_a_draw_is_the_seeds_and_may_spare_what_networks_were_trained_on(tmp_path):
    curves = {f"star {number}": ("V", *_singles(), 0.05) for number in range(60)}
    folder = _catalogue(tmp_path, curves)
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
    with pytest.raises(ModelError, match=message):
        simulate.read_light_curves(_catalogue(tmp_path, {"a": curve}), 1, seed=1)


def test_stars_without_a_position_are_left_out(tmp_path):
    folder = _catalogue(tmp_path, {"a": ("V", *_singles(), 0.05)})
    table = parquet.read_table(folder / "objects.parquet")
    parquet.write_table(table.set_column(3, "ra", pa.array([None], pa.float64())), folder / "objects.parquet")
    with pytest.raises(ModelError, match="no star with a position"):
        simulate.read_light_curves(folder, 1, seed=1)


def test_a_folder_without_light_curves_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"objects\.parquet"):
        simulate.read_light_curves(tmp_path, 1, seed=1)


def test_real_catalina_stars_go_through(data_dir, tmp_path):
    folder = _first_stars(data_dir / "lightcurves" / "catalina", tmp_path, count=40)
    stars = simulate.read_light_curves(folder, 40, seed=1)
    stream = list(simulate.alerts(stars))
    assert [alert.jd for alert in stream] == sorted(alert.jd for alert in stream)
    assert len({alert.candid for alert in stream}) == len(stream) > 200
    for identity, epochs in _decoded(stream).items():
        star = next(each for each in stars if each.object_id == identity)
        original = barycentric_middle(star.jd, star.ra, star.dec)
        nearest = np.abs(original[:, None] - epochs["mjd"]).argmin(axis=0)
        assert epochs["mjd"] == pytest.approx(original[nearest], abs=1e-8)
        assert epochs["mag"] == pytest.approx(to_mag(star.flux[nearest]), abs=2e-4)
        assert set(original[star.alerting()].round(6)) <= set(epochs["mjd"].round(6))


# --- helpers


def _record(packet: bytes) -> Record:
    (record,) = fastavro.reader(io.BytesIO(packet))
    assert isinstance(record, dict)
    return record


def _decoded(stream: Sequence[simulate.SimulatedAlert]) -> dict[str, Any]:
    """Light curves by object id, as the stream's own decoder reads them."""
    parts: dict[str, list[Any]] = {}
    for simulated in stream:
        (alert,) = packets.decode(simulated.packet, "ztf")
        assert isinstance(alert, Alert), alert
        assert (alert.object_id, alert.alert_id) == (simulated.star.object_id, simulated.candid)
        parts.setdefault(alert.object_id, []).append(alert.epochs)
    return {name: merge(epochs) for name, epochs in parts.items()}


class _Folder(AbstractSchemaRepository):
    """Upstream's files are called by the last part of a record's name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, name: str) -> Any:
        return json.loads((self.folder / f"{name.rpartition('.')[2]}.avsc").read_text())


def _upstream(data_dir: Path) -> Any:
    return fastavro.schema.load_schema("ztf.alert", repo=_Folder(data_dir / "schemas" / "ztf"))


def _bare(schema: Any) -> Any:
    """A schema without documentation, and without what a parser notes in it."""
    if isinstance(schema, dict):
        noise = {"doc", "version"}
        return {k: _bare(v) for k, v in schema.items() if k not in noise and not k.startswith("__")}
    return [_bare(part) for part in schema] if isinstance(schema, list) else schema


def _singles() -> tuple[Any, Any]:
    mjd = 55000 + np.arange(50) * 3.0
    return mjd, to_mag(to_flux(np.full(50, 15.5)) * (1 + 0.3 * np.sin(np.arange(50))))


def _catalogue(tmp_path: Path, *curves: dict[str, tuple[Any, ...]]) -> Path:
    """A folder as `read_light_curves` takes it; `curves` are band, mjd, mag, magerr by object id."""
    folder = tmp_path / "survey"
    folder.mkdir()
    names = sorted({name for part in curves for name in part})
    objects = {"object_id": names, "label": ["EW"] * len(names), "period": [0.5] * len(names)}
    objects |= {"ra": [40.0] * len(names), "dec": [-10.0] * len(names)}
    points: dict[str, list[Any]] = {column: [] for column in ("object_id", "band", "mjd", "mag", "magerr")}
    for part in curves:
        for name, (band, mjd, mag, magerr) in part.items():
            columns = ([name] * len(mjd), [band] * len(mjd), mjd, mag, np.broadcast_to(magerr, len(mjd)))
            for column, values in zip(points.values(), columns, strict=True):
                column.extend(values)
    parquet.write_table(pa.table(objects), folder / "objects.parquet")
    parquet.write_table(pa.table(points), folder / "points.parquet")
    return folder


def _first_stars(source: Path, tmp_path: Path, count: int) -> Path:
    """The first stars of a real folder in a folder of their own, as reading all takes long."""
    folder = tmp_path / source.name
    folder.mkdir()
    objects = parquet.read_table(source / "objects.parquet").slice(0, count)
    chosen = [("object_id", "in", objects["object_id"].to_pylist())]
    parquet.write_table(objects, folder / "objects.parquet")
    parquet.write_table(parquet.read_table(source / "points.parquet", filters=chosen), folder / "points.parquet")
    return folder
