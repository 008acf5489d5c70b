"""Rubin's packets of simulated stars: of the published schema, read back whole, with the light curve that was meant."""

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from astropy.io import fits

from starsieve.broker import simulate
from starsieve.broker.simulate.files import truth
from starsieve.broker.simulate.lsst.observed import RubinStar, barycentric_of_tai, to_mag
from starsieve.broker.simulate.lsst.packets import HISTORY_D, RubinPacketWriter, encoded_cutouts
from starsieve.broker.simulate.stars import CONSTANT
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.lsst_rows import light_curve
from starsieve.broker.surveys.packets import decode
from tests.broker.simulate.rubin_stars import rubin_star
from tests.broker.simulate.simulated import catalogue, singles
from tests.broker.surveys.lsst_packets import schema
from tests.broker.surveys.test_lsst_schemas import upstream

Record = dict[str, Any]


@pytest.fixture(scope="module")
def stars() -> list[RubinStar]:
    return [rubin_star(number) for number in range(8)]


@pytest.fixture(scope="module")
def stream(stars: list[RubinStar]) -> list[simulate.SimulatedAlert]:
    return list(simulate.alerts(stars))


@pytest.fixture(scope="module")
def records(stream: list[simulate.SimulatedAlert]) -> list[Record]:
    return [record_of(alert.packet) for alert in stream]


def record_of(packet: bytes, written_with: Any = None) -> Record:
    assert packet[:5] == b"\x00" + (1101).to_bytes(4, "big")
    body = io.BytesIO(packet[5:])
    record = fastavro.schemaless_reader(body, schema() if written_with is None else written_with, None)
    assert not body.read()
    assert isinstance(record, dict)
    return record


def alert_of(packet: bytes) -> Alert:
    (alert,) = decode(packet, "lsst")
    assert isinstance(alert, Alert), alert
    return alert


def test_packets_are_of_the_published_schema(stream: list[simulate.SimulatedAlert], data_dir: Path) -> None:
    published = fastavro.parse_schema(json.loads(upstream(data_dir, 11, 1)))
    for alert in stream[::10]:
        fastavro.validate(record_of(alert.packet, published), published, strict=True)


def test_our_own_reader_drops_nothing_of_them(stream: list[simulate.SimulatedAlert]) -> None:
    for simulated in stream:
        alert, star = alert_of(simulated.packet), simulated.star
        assert (alert.alert_id, alert.object_id, alert.reason) == (simulated.alert_id, star.object_id, None)
        assert not alert.dropped
        assert (alert.ra, alert.dec) == pytest.approx((star.ra, star.dec), abs=1 / 3600)


def test_they_are_as_large_as_rubins(stream: list[simulate.SimulatedAlert]) -> None:
    sizes = [len(alert.packet) for alert in stream]
    assert 130_000 < min(sizes) < max(sizes) < 230_000


def test_alerts_are_in_time_order_of_the_last_nights_with_ids_of_their_own(
    stars: list[RubinStar], stream: list[simulate.SimulatedAlert]
) -> None:
    assert len(stream) == simulate.count_alerts(stars) > 80
    assert len({alert.alert_id for alert in stream}) == len(stream)
    assert [alert.jd for alert in stream] == sorted(alert.jd for alert in stream)
    for star in stars:
        found = np.abs(star.flux - star.reference) > 5 * star.flux_error
        expected = star.jd[found & (star.mjd >= star.mjd[-1] - 100)]
        assert [alert.jd for alert in stream if alert.star is star] == expected.tolist()


def test_histories_are_those_of_twelve_months(stream: list[simulate.SimulatedAlert], records: list[Record]) -> None:
    """The visit itself is in the forced photometry alone; there is none before the first detection."""
    for alert, record in zip(stream, records, strict=True):
        star = alert.star
        assert isinstance(star, RubinStar)
        now = record["diaSource"]["midpointMjdTai"]
        recent = (star.mjd >= now - HISTORY_D) & (star.mjd <= now)
        first = star.mjd[star.detected()][0]
        assert [row["midpointMjdTai"] for row in record["prvDiaSources"]] == star.mjd[
            recent & star.detected() & (star.mjd < now)
        ].tolist()
        forced = [row["midpointMjdTai"] for row in record["prvDiaForcedSources"]]
        assert forced == star.mjd[recent & (star.mjd >= first)].tolist()
        assert record["diaObject"]["nDiaSources"] == (star.detected() & (star.mjd <= now)).sum()


def test_a_row_is_the_same_in_every_packet(stream: list[simulate.SimulatedAlert], records: list[Record]) -> None:
    known: dict[int, Record] = {}
    for record in records:
        for row in [record["diaSource"], *record["prvDiaSources"]]:
            assert known.setdefault(row["diaSourceId"], row) == row
    assert {alert.alert_id for alert in stream} <= known.keys()


def test_light_curves_are_those_that_were_meant(stars: list[RubinStar], stream: list[simulate.SimulatedAlert]) -> None:
    """Of the star, although it is measured beside it, and but for rare outliers of forced photometry."""
    last = {alert.star.object_id: alert.packet for alert in stream}
    deviations, n_epochs = [], 0
    for star in stars:
        found = light_curve(alert_of(last[star.object_id]).epochs)
        mjd = barycentric_of_tai(star.mjd, star.ra, star.dec)
        nearest = np.abs(mjd[:, None] - found["mjd"]).argmin(axis=0)
        assert np.abs(mjd[nearest] - found["mjd"]).max() * 86400 < 0.01
        deviations.append((found["mag"] - to_mag(star.flux[nearest])) / found["magerr"])
        n_epochs += found.size
    deviation = np.concatenate(deviations)
    assert n_epochs > 500
    assert np.mean(np.abs(deviation) < 1) > 0.95


def test_cutouts_are_fits_images_of_the_star(records: list[Record], stream: list[simulate.SimulatedAlert]) -> None:
    for name, psf in (("cutoutDifference", 41), ("cutoutScience", 41), ("cutoutTemplate", 51)):
        with fits.open(io.BytesIO(records[0][name])) as image:
            image.verify("exception")
            assert [hdu.name for hdu in image] == ["PRIMARY", "UNCERT", "PSFIMAGE"]
            assert [hdu.data.shape for hdu in image] == [(30, 30), (30, 30), (psf, psf)]
            if name == "cutoutScience":
                science = float(records[0]["diaSource"]["scienceFlux"])
                assert image[0].data.sum() == pytest.approx(science, rel=0.1)
                assert np.unravel_index(image[0].data.argmax(), (30, 30)) == (15, 15)


def test_packets_may_share_their_cutouts(stars: list[RubinStar]) -> None:
    shared = encoded_cutouts(stars[0], 0, np.random.default_rng(0))
    for star in stars[:3]:
        exposure = int(np.flatnonzero(star.alerting())[0])
        writer = RubinPacketWriter(star, shared)
        packet = writer.packet(exposure, writer.alert_id(exposure, 0))
        assert packet.endswith(shared)
        assert alert_of(packet).object_id == star.object_id


def test_invented_stars_alert_in_the_last_nights_with_a_year_behind_them() -> None:
    stars = simulate.invented("lsst", 60, 20, 5)
    stream = list(simulate.alerts(stars))
    assert len(stream) > 100
    assert max(alert.jd for alert in stream) - min(alert.jd for alert in stream) < 20
    histories = [record_of(alert.packet)["prvDiaForcedSources"] for alert in stream if alert.star.label != CONSTANT]
    spans = [rows[-1]["midpointMjdTai"] - rows[0]["midpointMjdTai"] for rows in histories]
    assert 300 < np.median(spans) < HISTORY_D
    assert 60 < np.median([len(rows) for rows in histories]) < 120
    for alert in stream:
        assert not alert_of(alert.packet).dropped
    again = simulate.invented("lsst", 90, 30, 5)
    assert [star.object_id for star in stars] == [star.object_id for star in again[:60]]
    packets = {alert.alert_id: alert.packet for alert in simulate.alerts(again)}
    assert all(packets[alert.alert_id] == alert.packet for alert in stream)


def test_constant_stars_scatter_as_their_errors_say_and_seldom_alert() -> None:
    constant = [star for star in simulate.invented("lsst", 300, 30, 8) if star.label == CONSTANT]
    deviation = np.concatenate([((s.flux - s.reference) / s.flux_error)[~s.bogus] for s in constant])
    assert deviation.std() == pytest.approx(1, abs=0.05)
    assert 0 < np.concatenate([star.detected() for star in constant]).mean() < 0.02


def test_real_stars_are_seen_at_their_own_epochs(tmp_path: Path) -> None:
    folder = catalogue(tmp_path, {"a": ("V", *singles(), 0.02)})
    (star,) = simulate.real("lsst", folder, 1, seed=1)
    (as_ztf,) = simulate.read_light_curves(folder, 1, seed=1)
    stream = list(simulate.alerts([star]))
    assert len(stream) == simulate.count_alerts([as_ztf]) > 0
    assert truth(star) == {**truth(as_ztf), "object_id": star.object_id}
    alert = alert_of(stream[-1].packet)
    assert not alert.dropped
    assert alert.time_ms == pytest.approx((stream[-1].jd - 2440587.5) * 86400e3 - 37_000 - 15_000, abs=1)
