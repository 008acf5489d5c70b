"""`starsieve object` on a real server: what it shows is what is stored, and what a worker has answered."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from typer.testing import CliRunner, Result

from starsieve.broker.cli import app
from starsieve.broker.epochs import EPOCH, Epochs, flags, merge
from starsieve.broker.process import Outcome, process
from starsieve.broker.store import Change, LightCurves
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.lsst_rows import FORM
from starsieve.broker.surveys.packets import decode
from starsieve.models.serving import registry
from starsieve.models.serving.networks import Networks
from tests.broker.surveys.lsst_packets import container, record
from tests.broker.surveys.lsst_packets import star as rubin_star
from tests.integration.packets import star
from tests.models.made_networks import make

RUNNER = CliRunner()
PNG = b"\x89PNG"


def starsieve_object(url: str, *arguments: object, answer: str | None = None) -> Result:
    return RUNNER.invoke(app, ["object", *map(str, arguments), "--redis", url], input=answer)


def shown(url: str, *arguments: object) -> str:
    result = starsieve_object(url, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def store(url: str) -> LightCurves:
    return LightCurves(redis.Redis.from_url(url), "ztf", time_to_live_s=10 * 86400)


def put(url: str, object_id: str, rows: Epochs) -> Epochs:
    rows = merge([rows])
    store(url).write([Change(object_id, rows, None)], store(url).read([object_id]))
    return rows


@pytest.fixture
def streamed(redis_url: str) -> tuple[str, Outcome, Epochs]:
    """A star as a worker leaves it after all its alerts: its name, its last outcome and its epochs."""
    light_curves, outcome = store(redis_url), None
    for packet in star(3, alerts=70):
        (alert,) = decode(packet, "ztf")
        assert isinstance(alert, Alert)
        stored = light_curves.read([alert.object_id])
        (outcome,), changes = process([alert], stored, registry.load("ztf"), min_epochs=20)
        light_curves.write(changes, stored)
    assert outcome is not None
    name = outcome.alert.object_id
    return name, outcome, light_curves.read([name])[name].epochs


def test_what_it_says_is_what_the_worker_has_answered(redis_url: str, streamed: tuple[str, Outcome, Epochs]) -> None:
    name, outcome, _ = streamed
    found = json.loads(shown(redis_url, name, "--json"))
    assert outcome.reason is None
    assert [each["probability"] for each in found["classifications"]] == outcome.probabilities.tolist()
    assert outcome.bands[0].period is not None
    assert found["period"]["period"] == outcome.bands[0].period.period
    assert found["classifierVersion"] == registry.load("ztf").version
    assert {each["band"]: each["epochs"] for each in found["bands"]} == {
        band.band: band.epochs for band in outcome.bands
    }
    assert 9.9 < found["stays_days"] <= 10
    assert found["search_state_bytes"] > 0
    text = shown(redis_url, name)
    assert f"{outcome.bands[0].period.period:.6g}" in text
    assert registry.load("ztf").version in text
    assert max(zip(outcome.probabilities, registry.load("ztf").classes, strict=True))[1] in text


def test_of_rubin_the_total_magnitudes_are_shown(redis_url: str) -> None:
    """Of 12 diaSources and the forced photometry of their exposures: 12 epochs."""
    sources, photometry = rubin_star(12, np.random.default_rng(1), bands="g")
    (alert,) = decode(container(record(sources[-1], sources[:-1], photometry)), "lsst")
    assert isinstance(alert, Alert)
    kept = LightCurves(redis.Redis.from_url(redis_url), "lsst", time_to_live_s=100, form=FORM)
    kept.write([Change(alert.object_id, alert.epochs, None)], kept.read([alert.object_id]))
    listed = list(csv.DictReader(io.StringIO(shown(redis_url, alert.object_id, "--survey", "lsst", "--csv"))))
    assert [each["band"] for each in listed] == ["g"] * 12
    assert np.median([float(each["mag"]) for each in listed]) == pytest.approx(21.4, abs=0.02)
    assert "by starsieve-lsst" in shown(redis_url, alert.object_id, "--survey", "lsst"), (
        "of the network that is shipped"
    )
    forgotten = starsieve_object(redis_url, alert.object_id, "--survey", "lsst", "--forget", "--yes")
    assert forgotten.exit_code == 0
    assert starsieve_object(redis_url, alert.object_id, "--survey", "lsst", "--csv").exit_code == 1


def test_every_epoch_comes_out_as_it_is_stored(redis_url: str) -> None:
    rows = put(
        redis_url,
        "a",
        np.array(
            [
                (59000.123456789, 17.123456, 0.05, flags("g", program=1, reference=9)),
                (59001.5, 18.0, 0.01, flags("r", forced=True, lag_days=12)),
                (59002.5, 20.25, 0.25, flags("i", program=2, difference=True)),
            ],
            EPOCH,
        ),
    )
    listed = list(csv.DictReader(io.StringIO(shown(redis_url, "a", "--csv"))))
    in_json = json.loads(shown(redis_url, "a", "--json"))["epochs"]
    for found, convert in ((listed, float), (in_json, lambda value: value)):
        back = np.array(
            [
                (
                    convert(each["mjd"]), convert(each["mag"]), convert(each["magerr"]),
                    flags(
                        each["band"],
                        program=int(each["program"]),
                        reference=int(each["reference"]),
                        forced=bool(int(each["forced"])),
                        lag_days=float(each["lag_days"]),
                        difference=bool(int(each["difference"])),
                    ),
                )
                for each in found
            ],
            EPOCH,
        )  # fmt: skip
        assert back.tobytes() == rows.tobytes()


@pytest.mark.parametrize(
    ("epochs", "reason"),
    [
        ([("g", False)], "too_few_epochs"),
        ([("g", True)] * 30, "no_counterpart"),
        ([("u", False)] * 30, "unsupported_band"),
    ],
)
def test_an_object_that_is_not_classified_says_why(
    redis_url: str, tmp_path: Path, epochs: list[tuple[str, bool]], reason: str
) -> None:
    random = np.random.default_rng(1)
    rows = [
        (59000.0 + 1.01 * number, random.normal(17, 0.1), 0.05, flags(band, difference=difference))
        for number, (band, difference) in enumerate(epochs)
    ]
    put(redis_url, "a", np.array(rows, EPOCH))
    assert reason in shown(redis_url, "a", "--plot", tmp_path / "a.png")
    assert json.loads(shown(redis_url, "a", "--json"))["reason"] == reason
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)


def test_the_picture_has_all_four_parts(
    redis_url: str, streamed: tuple[str, Outcome, Epochs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure
    drawn: list[Any] = []
    save = figure.savefig

    def keep(self: Any, *arguments: Any, **options: Any) -> None:
        drawn.append(self)
        save(self, *arguments, **options)

    monkeypatch.setattr(figure, "savefig", keep)
    name, outcome, epochs = streamed
    assert shown(redis_url, name, "--csv", "--plot", tmp_path / "star.png").count("\n") == epochs.size + 1
    assert (tmp_path / "star.png").read_bytes().startswith(PNG)
    light_curve, folded, periodogram, probabilities = drawn[0].axes
    assert sum(each[0].get_xdata().size for each in light_curve.containers) == epochs.size
    assert sum(each[0].get_xdata().size for each in folded.containers) == 2 * epochs.size
    line = periodogram.lines[0]
    assert line.get_ydata().max() == pytest.approx(outcome.bands[0].period.peak_power, abs=0.02)  # type: ignore[union-attr]
    last = [curve.get_ydata()[-1] for curve in probabilities.lines if len(curve.get_ydata()) > 2]
    assert sum(last) == pytest.approx(1)
    assert max(last) == pytest.approx(outcome.probabilities.max())


def test_the_active_network_is_asked(
    redis_url: str, streamed: tuple[str, Outcome, Epochs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make(tmp_path / "mine", sharpness=1.1)
    networks = Networks(str(tmp_path / "networks"))
    networks.add(tmp_path / "mine")
    networks.activate("ztf", version)
    monkeypatch.setenv("STARSIEVE_NETWORKS", str(tmp_path / "networks"))
    assert json.loads(shown(redis_url, streamed[0], "--json"))["classifierVersion"] == version


def test_an_unknown_object(redis_url: str) -> None:
    for option in ([], ["--json"], ["--csv"], ["--forget", "--yes"]):
        result = starsieve_object(redis_url, "nobody", *option)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "unknown" in result.stderr
        assert "nobody" in result.stderr


def a_string(client: redis.Redis) -> None:
    client.set("{ztf:a}:epochs", b"something")


def a_hash(client: redis.Redis) -> None:
    client.hset("{ztf:a}:epochs", "field", "value")


def other_rows(client: redis.Redis) -> None:
    client.rpush("{ztf:a}:epochs", b"thirteen byte")


@pytest.mark.parametrize(("spoil", "kind"), [(a_string, "string"), (a_hash, "hash"), (other_rows, "list")])
def test_what_is_no_light_curve_is_told_and_can_be_forgotten(
    redis_url: str, spoil: Callable[[redis.Redis], None], kind: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        spoil(client)
        result = starsieve_object(redis_url, "a")
        assert result.exit_code == 1
        assert f"{{ztf:a}}:epochs is a {kind}" in result.stderr
        assert starsieve_object(redis_url, "a", "--forget", "--yes").exit_code == 0
        assert client.keys() == []


def test_forgetting_asks_and_spares_all_others(redis_url: str, streamed: tuple[str, Outcome, Epochs]) -> None:
    name = streamed[0]
    put(redis_url, "other", np.array([(59000.0, 17.0, 0.1, flags("g"))], EPOCH))
    with redis.Redis.from_url(redis_url) as client:
        for answer in ("n\n", "", "\n"):
            result = starsieve_object(redis_url, name, "--forget", answer=answer)
            assert result.exit_code == 1
            assert len(client.keys()) == 3
        assert starsieve_object(redis_url, name, "--forget", answer="y\n").exit_code == 0
        assert client.keys() == [b"{ztf:other}:epochs"]
    assert starsieve_object(redis_url, name).exit_code == 1


def test_a_search_state_that_is_none_is_no_matter(redis_url: str, streamed: tuple[str, Outcome, Epochs]) -> None:
    name, outcome, _ = streamed
    with redis.Redis.from_url(redis_url) as client:
        client.set(f"{{ztf:{name}}}:search", b"nonsense")
    found = json.loads(shown(redis_url, name, "--json"))
    assert [each["probability"] for each in found["classifications"]] == outcome.probabilities.tolist()


@pytest.mark.parametrize(
    "arguments", [["--json", "--csv"], ["--forget", "--json"], ["--forget", "--plot", "x.png"], ["--yes"]]
)
def test_options_that_contradict_are_wrong_usage(arguments: list[str]) -> None:
    result = starsieve_object("redis://127.0.0.1:1/0", "a", *arguments)
    assert result.exit_code == 2
    assert "--forget" in result.stderr


def test_a_store_that_is_away_is_told() -> None:
    result = starsieve_object("redis://user:secret@127.0.0.1:1/0", "a")
    assert result.exit_code == 1
    assert "redis" in result.stderr
    assert "secret" not in result.output
