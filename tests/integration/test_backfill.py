"""`starsieve backfill` on a real Redis: the store that it fills is the one that a stream leaves."""

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import redis
from typer.testing import CliRunner, Result

from starsieve.broker.cli import app
from starsieve.broker.epochs import Epochs, are_archived, band_numbers
from starsieve.broker.process import process
from starsieve.broker.store import LightCurves
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.packets import decode
from starsieve.models.serving import registry
from tests.integration.packets import night

RUNNER = CliRunner()
STARS, ALERTS = 3, 30


def backfill(url: str, *arguments: object) -> Result:
    return RUNNER.invoke(app, ["backfill", *map(str, arguments), "--redis", url, "--json"])


def summary(url: str, *arguments: object) -> dict[str, Any]:
    result = backfill(url, *arguments)
    assert result.exit_code == 0, result.output
    counts: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return counts


def store(url: str) -> LightCurves:
    return LightCurves(redis.Redis.from_url(url), "ztf", time_to_live_s=86400)


def epochs(url: str, object_id: str) -> Epochs:
    return store(url).read([object_id])[object_id].epochs


def streamed(url: str, packets: list[bytes]) -> dict[str, Epochs]:
    """The light curves that a worker leaves of these packets."""
    light_curves, names = store(url), set()
    for packet in packets:
        (alert,) = decode(packet, "ztf")
        assert isinstance(alert, Alert)
        stored = light_curves.read([alert.object_id])
        light_curves.write(process([alert], stored, registry.load("ztf"), min_epochs=20)[1], stored)
        names.add(alert.object_id)
    return {name: epochs(url, name) for name in names}


def write_packets(folder: Path, packets: list[bytes]) -> Path:
    folder.mkdir()
    for number, packet in enumerate(packets):
        (folder / f"{number:04}.avro").write_bytes(packet)
    return folder


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    return night(stars=STARS, alerts=ALERTS)


@pytest.fixture(scope="module")
def folder(packets: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_packets(tmp_path_factory.mktemp("backfill") / "packets", packets)


def test_a_store_is_filled_as_a_stream_would_and_again_changes_nothing(
    redis_url: str, folder: Path, packets: list[bytes]
) -> None:
    expected = streamed(redis_url, packets)
    redis.Redis.from_url(redis_url).flushall()
    counts = summary(redis_url, folder)
    assert counts["alerts"] == STARS * ALERTS
    assert counts["new_epochs"] == sum(rows.size for rows in expected.values())
    assert (counts["classified"], counts["not_classified"], counts["dead_letters"]) == (0, {}, {})
    for name, rows in expected.items():
        assert epochs(redis_url, name).tobytes() == rows.tobytes()
    before = {key: redis.Redis.from_url(redis_url).dump(key) for key in redis.Redis.from_url(redis_url).keys()}
    assert summary(redis_url, folder)["new_epochs"] == 0
    assert {key: redis.Redis.from_url(redis_url).dump(key) for key in before} == before


def test_every_alert_is_answered_from_the_epochs_up_to_its_own(redis_url: str, folder: Path, tmp_path: Path) -> None:
    table, classified = tmp_path / "outcomes.csv", ALERTS - 2 * 20 + 1  # two bands in turn
    counts = summary(redis_url, folder, "--classify", "-o", table)
    rows = pc.read_csv(table).to_pylist()
    assert len(rows) == counts["alerts"] == STARS * ALERTS
    assert counts["classified"] + sum(counts["not_classified"].values()) == counts["alerts"]
    assert counts["classified"] == STARS * max(classified, 0)
    assert {row["position"] for row in rows} == {str(file) for file in folder.iterdir()}
    for name in {row["object_id"] for row in rows}:
        seen = [row["epochs"] for row in rows if row["object_id"] == name]
        assert seen == list(range(1, ALERTS + 1))


def test_several_processes_give_the_same_as_one(
    redis_url: str, packets: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starsieve.broker.tools.backfill._ITEMS", 20)
    folder = write_packets(tmp_path / "packets", packets)
    tables = []
    for processes in (2, 1):
        redis.Redis.from_url(redis_url).flushall()
        table = tmp_path / f"{processes}.csv"
        summary(redis_url, folder, "--classify", "-o", table, "--processes", processes)
        tables.append(table.read_text())
    assert tables[0] == tables[1]


def test_what_cannot_be_read_is_counted_and_the_rest_is_stored(
    redis_url: str, packets: list[bytes], tmp_path: Path
) -> None:
    folder = write_packets(tmp_path / "packets", packets[:4])
    (folder / "a.avro").write_bytes(b"nonsense")
    (folder / "b.avro").write_bytes(packets[0][:-100])
    with tarfile.open(folder / "night.tar.gz", "w:gz") as archive:
        archive.add(folder / "0000.avro", "again.avro")
    result = backfill(redis_url, folder)
    assert result.exit_code == 1
    counts = json.loads(result.stdout)
    assert counts["alerts"] == 5
    assert counts["dead_letters"]["unreadable_file"] == 1
    assert sum(counts["dead_letters"].values()) == 2


def test_light_curves_come_in_by_name_beside_those_of_the_stream(
    redis_url: str, packets: list[bytes], tmp_path: Path
) -> None:
    of_stream = streamed(redis_url, packets)
    name, rows = next(iter(of_stream.items()))
    mjd = np.concatenate([rows["mjd"] - 500, rows["mjd"][:3]])  # three exposures that the packets have, too
    (curves := tmp_path / "curves").mkdir()
    lines = [f"{time!r},{'gr'[i % 2]},17.5,0.02" for i, time in enumerate(mjd.tolist())]
    (curves / f"{name}.csv").write_text("\n".join(["mjd,band,mag,magerr", *lines, "59000,V,1,1"]))
    search_state = store(redis_url).read([name])[name].search_state
    counts = summary(redis_url, curves, "--classify")
    found = epochs(redis_url, name)
    bands = {"g": 1, "r": 2}
    archived = are_archived(found)
    kept = found[~archived]
    assert kept.tobytes() == rows.tobytes()  # of one exposure, the packet's measurement stays
    assert counts["new_epochs"] == archived.sum()
    assert set(band_numbers(found[archived]).tolist()) == set(bands.values())
    assert counts["dead_letters"] == {"unknown_band": 1}
    assert (counts["alerts"], counts["classified"]) == (1, 1)
    assert search_state is not None


def positions_of(path: Path, packets: list[bytes]) -> dict[str, tuple[float, float]]:
    """A table of the objects, as a user makes it of outcomes."""
    alerts = [alert for packet in packets for alert in decode(packet, "ztf") if isinstance(alert, Alert)]
    places = {alert.object_id: (alert.ra, alert.dec) for alert in alerts}
    path.write_text("\n".join(["object_id,ra,dec", *(f"{name},{ra},{dec}" for name, (ra, dec) in places.items())]))
    return places
