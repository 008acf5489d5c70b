"""Another network under load, on real servers: versions change once, and no alert is lost or answered twice."""

import json
import socket
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner, Result

from starsieve.broker.cli import app
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import NETWORK
from starsieve.models.serving.networks import ACTIVE
from tests.integration.conftest import MakeStream
from tests.integration.packets import night
from tests.integration.processes import eventually
from tests.integration.streams import TIMEOUT, Stream, assert_each_alert_answered_once, assert_stored
from tests.integration.topics import read_committed
from tests.models.made_networks import cut, make

pytestmark = pytest.mark.kafka

SHIPPED = registry.load("ztf").version


def models(address: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments), "--networks", address])


def answered_by(stream: Stream) -> list[list[tuple[str, str]]]:
    """For each partition of the alerts, name and version of the network of each answer, in order, repeats once."""
    answers: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for answer in stream.answers():
        _, partition, offset, _ = answer["idempotencyKey"].rsplit(":", 3)
        answers.setdefault(partition, []).append((int(offset), answer))
    return [
        [key for key, _ in groupby((each["classifierName"], each["classifierVersion"]) for _, each in in_order)]
        for in_order in (sorted(found, key=lambda one: one[0]) for found in answers.values())
    ]


def in_headers(stream: Stream) -> set[tuple[str, str]]:
    headers: list[dict[str, Any]] = [
        dict(message.headers() or []) for message in read_committed(stream.kafka, stream.outcomes)
    ]
    return {(each["classifier"].decode(), each["classifier_version"].decode()) for each in headers}


def metrics(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT) as answer:
        return str(answer.read().decode())


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("address", ["{}", "file://{}"], ids=["folder", "fsspec"])
def test_a_network_is_activated_and_rolled_back_under_load(
    kafka: str, redis_url: str, make_stream: MakeStream, tmp_path: Path, address: str
) -> None:
    if "://" in address:
        pytest.importorskip("fsspec")
    address, port = address.format(tmp_path / "networks"), free_port()
    (tmp_path / "networks").mkdir()
    mine = make(tmp_path / "made", sharpness=1.1)
    stream = make_stream(kafka, redis_url, partitions=2)
    sent = night(stars=6, alerts=100)
    worker = stream.worker("one", networks=address, metrics_port=str(port), metrics_address="127.0.0.1")
    with stream.load(sent):
        stream.wait_for(100)
        assert models(address, "add", tmp_path / "made").exit_code == 0
        assert models(address, "activate", "ztf", mine).exit_code == 0
        info = f'starsieve_network_info{{classifier="mine",survey="ztf",version="{mine}"}} 1.0'
        eventually(lambda: info in metrics(port), "the network is in use", TIMEOUT)
        assert SHIPPED not in metrics(port)
        stream.wait_for(stream.progress() + 100)  # of both partitions, whose alerts come in turn
        assert models(address, "rollback", "ztf").exit_code == 0
        eventually(lambda: SHIPPED in metrics(port), "the shipped network is in use", TIMEOUT)
        stream.wait_for(stream.progress() + 100)
    stream.finish()
    assert_each_alert_answered_once(stream)
    assert_stored(redis_url, stream.inputs().values())
    shipped, other = ("starsieve-ztf", SHIPPED), ("mine", mine)
    assert answered_by(stream) == [[shipped, other, shipped]] * 2
    assert in_headers(stream) == {shipped, other}
    changes = [json.loads(line) for line in worker.log.read_text().splitlines() if '"event": "network"' in line]
    assert [(each["before"], each["version"]) for each in changes] == [
        (None, SHIPPED),
        (SHIPPED, mine),
        (mine, SHIPPED),
    ]


def test_a_network_that_is_refused_leaves_the_old_one(
    kafka: str, redis_url: str, make_stream: MakeStream, tmp_path: Path
) -> None:
    folder, port = tmp_path / "networks", free_port()
    folder.mkdir()
    mine, broken = make(tmp_path / "mine", sharpness=1.1), make(tmp_path / "broken", sharpness=1.2)
    for name in ("mine", "broken"):
        assert models(str(folder), "add", tmp_path / name).exit_code == 0
    assert models(str(folder), "activate", "ztf", mine).exit_code == 0
    cut(folder / "ztf" / broken / NETWORK)
    told = models(str(folder), "activate", "ztf", broken)
    assert (told.exit_code, "sha256" in told.stderr) == (1, True)
    stream = make_stream(kafka, redis_url)
    sent = night(stars=6, alerts=100)
    stream.produce(sent[:300])
    worker = stream.worker("one", networks=str(folder), metrics_port=str(port), metrics_address="127.0.0.1")
    stream.wait_for(20)
    (folder / "ztf" / ACTIVE).write_text(json.dumps({"version": broken}))  # by hand, past every check
    reason = 'starsieve_network_refused{reason="damaged",survey="ztf"} 1.0'
    eventually(lambda: reason in metrics(port), "refused", TIMEOUT)
    folder.rename(tmp_path / "away")
    reason = reason.replace("damaged", "unreachable")
    eventually(lambda: reason in metrics(port), "out of reach", TIMEOUT)
    stream.produce(sent[300:])
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
    assert answered_by(stream) == [[("mine", mine)]]
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if "network_refused" in line]
    assert [(line["reason"], line["goes_on"]) for line in lines] == [("damaged", mine), ("unreachable", mine)]
