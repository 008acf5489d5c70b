"""`starsieve backfill` on a real Redis: the store that it fills is the one that a stream leaves."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import redis
from astropy.table import Table
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
STARS, ALERTS = 3, 46
UNCLASSIFIED = 38  # of each star, in two bands in turn, until one has 20 epochs


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
    with redis.Redis.from_url(redis_url) as client:
        before = {key: client.dump(key) for key in client.scan_iter()}
        assert summary(redis_url, folder)["new_epochs"] == 0
        assert {key: client.dump(key) for key in client.scan_iter()} == before


def test_every_alert_is_answered_from_the_epochs_up_to_its_own(redis_url: str, folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "outcomes.csv"
    counts = summary(redis_url, folder, "--classify", "-o", table)
    rows = pc.read_csv(table).to_pylist()
    assert len(rows) == counts["alerts"] == STARS * ALERTS
    assert counts["not_classified"] == {"too_few_epochs": STARS * UNCLASSIFIED}
    assert counts["classified"] == STARS * (ALERTS - UNCLASSIFIED)
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
    assert store(redis_url).read([name])[name].search_state is not None
    counts = summary(redis_url, curves, "--classify", "-o", with_state := tmp_path / "with_state.csv")
    found = epochs(redis_url, name)
    bands = {"g": 1, "r": 2}
    archived = are_archived(found)
    kept = found[~archived]
    assert kept.tobytes() == rows.tobytes()  # of one exposure, the packet's measurement stays
    assert counts["new_epochs"] == archived.sum()
    assert set(band_numbers(found[archived]).tolist()) == set(bands.values())
    assert counts["dead_letters"] == {"unknown_band": 1}
    assert (counts["alerts"], counts["classified"]) == (1, 1)
    redis.Redis.from_url(redis_url).delete(f"{{ztf:{name}}}:search")  # the state of fewer epochs has changed nothing
    summary(redis_url, curves, "--classify", "-o", without := tmp_path / "without.csv")
    assert with_state.read_text() == without.read_text()


def write_objects(path: Path, packets: list[bytes]) -> dict[str, tuple[float, float]]:
    """A table of the objects, as `tail -o` writes it, and their positions."""
    alerts = [alert for packet in packets for alert in decode(packet, "ztf") if isinstance(alert, Alert)]
    places = {alert.object_id: (alert.ra, alert.dec) for alert in alerts}
    path.write_text("\n".join(["object_id,ra,dec", *(f"{name},{ra},{dec}" for name, (ra, dec) in places.items())]))
    return places


RELEASE_EPOCHS = 25


def release(places: dict[str, tuple[float, float]], mjd: float = 58_300.0) -> dict[str, list[Any]]:
    """A row an epoch, as IRSA's tables have it: a source a star 1.2 arcsec away, one of them bad at its first epoch."""
    rows: dict[str, list[Any]] = {
        name: [] for name in ("objectid", "filterid", "hmjd", "mag", "magerr", "catflags", "ra", "dec")
    }
    for number, (ra, dec) in enumerate(places.values()):
        for epoch in range(RELEASE_EPOCHS):
            source = 680_101_100_000_001 + number, 2, mjd + epoch + 0.25, 17 + 0.01 * epoch, 0.02
            flags = 32768 if epoch == 0 else 2
            for name, value in zip(rows, (*source, flags, ra, dec + 1.2 / 3600), strict=True):
                rows[name].append(value)
    return rows


def as_ipac(folder: Path, rows: dict[str, list[Any]]) -> Path:
    Table(rows).write(folder / "release.tbl", format="ascii.ipac")
    return folder / "release.tbl"


def as_parquet(folder: Path, rows: dict[str, list[Any]]) -> Path:
    pq.write_table(pa.table(rows), folder / "release.parquet")
    return folder / "release.parquet"


def as_lists(folder: Path, rows: dict[str, list[Any]]) -> Path:
    """A row a source, as the bulk files have it."""
    whole, lists = {"objectid": "objectid", "filterid": "filterid", "ra": "objra", "dec": "objdec"}, {}
    starts = range(0, len(rows["mag"]), RELEASE_EPOCHS)
    for name, values in rows.items():
        parts = [values[start : start + RELEASE_EPOCHS] for start in starts]
        lists[whole.get(name, name)] = [part[0] for part in parts] if name in whole else parts
    pq.write_table(pa.table(lists), folder / "release.parquet")
    return folder / "release.parquet"


@pytest.mark.parametrize("write", [as_ipac, as_parquet, as_lists])
def test_sources_of_a_data_release_are_the_objects_near_them(
    redis_url: str, packets: list[bytes], tmp_path: Path, write: Callable[[Path, dict[str, list[Any]]], Path]
) -> None:
    places = write_objects(objects := tmp_path / "objects.csv", packets)
    path = write(tmp_path, release(places | {"nobody": (200.0, 80.0)}))
    counts = summary(redis_url, path, "--objects", objects, "--radius", 1.5)
    assert counts["alerts"] == STARS
    assert counts["new_epochs"] == STARS * (RELEASE_EPOCHS - 1)
    assert counts["dead_letters"] == {"no_object_near": 1}
    for name in places:
        found = epochs(redis_url, name)
        assert are_archived(found).all()
        assert set(band_numbers(found).tolist()) == {2}
        assert found["mag"] == pytest.approx(17 + 0.01 * np.arange(1, RELEASE_EPOCHS))
    nothing = backfill(redis_url, path, "--objects", objects, "--radius", 1.0)
    assert (nothing.exit_code, "nothing could be used: 4 no_object_near" in nothing.output) == (1, True)
    refused = backfill(redis_url, path)
    assert refused.exit_code == 2
    assert "--objects" in refused.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{}", "-o", "{}/out.csv"], "--classify"),
        (["{}", "--radius", "2"], "--objects"),
        (["{}", "--survey", "nobody"], "nobody"),
        (["{}/nowhere"], "nowhere"),
        (["{}/0000.avro", "--classify", "-o", "{}/out.txt"], ".parquet"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_work(
    redis_url: str, folder: Path, arguments: list[str], message: str
) -> None:
    result = backfill(redis_url, *(argument.replace("{}", str(folder)) for argument in arguments))
    assert result.exit_code == 2
    assert message in result.output
    with redis.Redis.from_url(redis_url) as client:
        assert not client.dbsize()


def test_a_folder_of_nothing_is_an_error_with_its_reason(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("mjd,mag,magerr,object_id,band\n59000,15,0.1,star,Kron\n")
    result = backfill(redis_url, tmp_path / "1.csv")
    assert result.exit_code == 1
    assert "nothing could be used: 1 unknown_band" in result.output


def test_light_curves_of_magnitudes_are_not_for_a_store_of_fluxes(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("mjd,mag,magerr\n60000,17,0.1\n")
    result = backfill(redis_url, tmp_path, "--survey", "lsst", "--band", "g")
    assert result.exit_code == 2
    assert "only packets have" in result.output


def test_without_redis_it_says_so(folder: Path) -> None:
    result = backfill("redis://127.0.0.1:1/0", folder)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("redis: ")
