"""The simulated stream: packets as ZTF sends them, and alerts only where a star differs from its reference."""

import gzip
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from astropy.io import fits
from fastavro.repository.base import AbstractSchemaRepository
from hypothesis import given
from hypothesis import strategies as st

from starsieve import schemas
from starsieve.broker import simulate
from starsieve.broker.epochs import of_band
from starsieve.broker.simulate.observed import (
    ALERT_SIGMA,
    FID_G,
    FID_R,
    ObservedStar,
    barycentric_middle,
    exposure_start,
    object_id,
    to_mag,
)
from starsieve.broker.simulate.stars import CONSTANT, GRID, KINDS, draw_star
from starsieve.broker.surveys.barycentre import FIRST_MJD, LAST_MJD
from tests.broker.simulate.simulated import decoded

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
    assert len({alert.alert_id for alert in stream}) == len(stream)


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
        assert record["candid"] == candidate["candid"] == alert.alert_id
        assert alert.alert_id // 10**6 == candidate["pid"]
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
        assert str(stream[brightest].alert_id) in cutout["fileName"]


def test_decoded_light_curves_are_the_simulated_ones(stars, stream):
    compared = 0
    for star, epochs in decoded(stream).items():
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
    epochs = decoded(list(simulate.alerts(stars)))
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
    few = [(str(alert.alert_id), alert.packet) for alert in stream[:5]]
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


# --- helpers


def _record(packet: bytes) -> Record:
    (record,) = fastavro.reader(io.BytesIO(packet))
    assert isinstance(record, dict)
    return record


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
