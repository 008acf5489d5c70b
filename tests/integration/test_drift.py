"""Drift on real servers: workers count together, what they count leaves with its day, and a shifted stream is seen."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
import structlog
from prometheus_client import REGISTRY
from structlog.testing import LogCapture
from typer.testing import CliRunner, Result

from starsieve.broker.cli import app
from starsieve.broker.drift import HOURS, LOOK_EVERY_S, Drift, Window
from starsieve.broker.process import Outcome
from starsieve.broker.simulate import ObservedStar, invent
from starsieve.broker.simulate.packets import PacketWriter
from starsieve.broker.store import Stored
from starsieve.models.serving import registry
from starsieve.models.serving.drift import MIN_OBJECTS, Reference
from tests.broker.drifting import answers_of_a_night, nightly_zero_point, survey, unchanged
from tests.broker.test_drift import known
from tests.integration.conftest import MakeStream
from tests.integration.processes import eventually
from tests.integration.streams import TIMEOUT, Stream
from tests.integration.test_networks import free_port, metrics

RUNNER = CliRunner()
HOUR_S = 3600
LINE = 0.25  # of the alert rule
PNG = b"\x89PNG"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as found:
        yield found


def counts(*values: int) -> Any:
    return np.array(values, np.int64)


def seen(client: redis.Redis, now_s: float, size: int = 3) -> tuple[list[int], int]:
    found = Window(client, "ztf").exchange("key", np.zeros(size, np.int64), [], now_s)
    return found.counts.tolist(), found.objects


def test_workers_count_together_and_an_object_once(client: redis.Redis) -> None:
    one, other = Window(client, "ztf"), Window(redis.Redis.from_url(client_address(client)), "ztf")
    one.exchange("key", counts(1, 0, 3), ["a", "b"], HOUR_S)
    answer = other.exchange("key", counts(0, 70_000, 1), ["b", "c"], HOUR_S + 1)
    assert (answer.counts.tolist(), answer.objects) == ([1, 70_000, 4], 3)
    assert seen(client, HOUR_S) == ([1, 70_000, 4], 3)
    assert Window(client, "other").exchange("key", counts(0, 0, 0), [], HOUR_S).objects == 0
    assert Window(client, "ztf").exchange("another", counts(0, 0, 0), [], HOUR_S).objects == 0


def client_address(client: redis.Redis) -> str:
    told = client.connection_pool.connection_kwargs
    return f"redis://{told['host']}:{told['port']}/{told.get('db', 0)}"


def test_the_window_slides(client: redis.Redis) -> None:
    for hour in range(100, 100 + 2 * HOURS):
        Window(client, "ztf").exchange("key", counts(1, 0, 0), [f"star{hour}"], hour * HOUR_S)
    last = 100 + 2 * HOURS - 1
    assert seen(client, last * HOUR_S) == ([HOURS, 0, 0], HOURS)
    assert seen(client, (last + HOURS - 1) * HOUR_S) == ([1, 0, 0], 1)
    assert seen(client, (last + HOURS) * HOUR_S) == ([0, 0, 0], 0)


def test_what_is_kept_is_bounded_and_leaves_by_itself(client: redis.Redis) -> None:
    reference = shipped()
    everything = np.full(reference.size, 1000, np.int64)
    for hour in range(HOURS):
        names = [f"ZTF{number}" for number in range(hour * 1000, hour * 1000 + 1000)]
        Window(client, "ztf").exchange(reference.key, everything, names, hour * HOUR_S)
    keys = client.keys("*")
    assert len(keys) == 2 * HOURS
    assert all(0 < client.ttl(key) <= (HOURS + 1) * HOUR_S for key in keys)
    assert all(key.startswith(b"{ztf:}:drift:") for key in keys)
    assert sum(client.memory_usage(key) for key in keys) < 500_000
    assert seen(client, 0, size=1)[1] == 0
    found = Window(client, "ztf").exchange(reference.key, everything * 0, [], (HOURS - 1) * HOUR_S)
    assert found.objects == pytest.approx(1000 * HOURS, rel=0.05)


def test_a_missing_right_is_named_at_the_start(client: redis.Redis) -> None:
    Window(client, "ztf").check()
    client.execute_command("ACL", "SETUSER", "limited", "on", ">p", "~*", "+@all", "-pfadd")
    address = client_address(client).replace("redis://", "redis://limited:p@")
    with redis.Redis.from_url(address) as limited, pytest.raises(redis.exceptions.NoPermissionError, match=r"\+pfadd"):
        Window(limited, "ztf").check()
    client.execute_command("ACL", "DELUSER", "limited")


@pytest.fixture
def log() -> Iterator[LogCapture]:
    before, capture = structlog.get_config(), LogCapture()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture
    structlog.configure(**before)


def test_a_store_that_refuses_holds_up_nothing(client: redis.Redis, log: LogCapture) -> None:
    drift, reference, outcomes = Drift(Window(client, "ztf")), shipped(), a_night(stars=20)
    stored = {each.alert.object_id: known() for each in outcomes}
    now_s = 100 * HOUR_S
    key = f"{{ztf:}}:drift:{reference.key}:100"
    client.lpush(key, "something else")
    for number in range(3):
        drift.count(outcomes, stored, reference)
        drift.look(now_s + number * LOOK_EVERY_S)
    assert [each["event"] for each in log.entries] == ["drift_not_counted"]
    client.delete(key, f"{key}:objects")
    drift.count(outcomes, stored, reference)
    drift.look(now_s + 3 * LOOK_EVERY_S)
    found = Window(client, "ztf").exchange(reference.key, np.zeros(reference.size, np.int64), [], now_s)
    assert found.objects == len(outcomes)


def test_the_metric_follows_the_window_and_the_network(client: redis.Redis) -> None:
    drift, reference, outcomes = Drift(Window(client, "ztf")), shipped(), a_night()
    stored = {each.alert.object_id: known() for each in outcomes}
    drift.count(outcomes, stored, reference)
    drift.look(1000 * HOUR_S)
    assert metric("class", "all") is not None
    drift.look(1000 * HOUR_S + LOOK_EVERY_S - 1)  # not yet
    drift.look((1000 + HOURS) * HOUR_S)
    assert metric("class", "all") is None, "nothing is known of an empty window"
    drift.count(outcomes, stored, replace(reference, of="another network"))
    drift.look((2000 + HOURS) * HOUR_S)
    assert metric("class", "all") is not None
    drift.count([], {}, None)
    drift.look((2001 + HOURS) * HOUR_S)
    assert metric("class", "all") is None


def metric(name: str, band: str) -> float | None:
    return REGISTRY.get_sample_value("starsieve_drift_psi", {"survey": "ztf", "band": band, "input": name})


def shipped() -> Reference:
    reference = registry.load("ztf").reference
    assert reference is not None
    return reference


def a_night(
    seed: int = 1, change: Callable[[ObservedStar], ObservedStar] = unchanged, stars: int = 500
) -> list[Outcome]:
    return answers_of_a_night(survey(seed, change, stars=stars), registry.load("ztf"))


def count(url: str, outcomes: Sequence[Outcome]) -> None:
    """As a worker does that answers them now."""
    with redis.Redis.from_url(url) as found:
        drift = Drift(Window(found, "ztf"))
        drift.count(outcomes, {each.alert.object_id: Stored(known().epochs) for each in outcomes}, shipped())
        drift.look(time.time())


def starsieve_drift(url: str, *arguments: object) -> Result:
    return RUNNER.invoke(app, ["drift", *map(str, arguments), "--redis", url])


def told(url: str) -> dict[str, Any]:
    result = starsieve_drift(url, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def worst(found: dict[str, Any]) -> float:
    return max(each["psi"] for each in found["distributions"])


def test_the_command_says_what_the_workers_have_counted(redis_url: str, tmp_path: Path) -> None:
    assert {each["psi"] for each in told(redis_url)["distributions"]} == {None}
    outcomes = a_night()
    count(redis_url, outcomes)
    found = told(redis_url)
    assert found["objects"] == pytest.approx(len(outcomes), rel=0.03)
    indices = [each["psi"] for each in found["distributions"]]
    assert indices == sorted(indices, reverse=True)
    (classes,) = (each for each in found["distributions"] if each["input"] == "class")
    names = [registry.load("ztf").classes[int(each.probabilities.argmax())] for each in outcomes]
    assert classes["counts"] == [names.count(name) for name in found["classes"]]
    top = found["distributions"][0]
    text = starsieve_drift(redis_url, "--plot", tmp_path / "drift.png").stdout
    assert f"{top['psi']:.3f}" in text
    assert text.index(top["input"]) < text.index(found["distributions"][-1]["input"])
    assert (tmp_path / "drift.png").read_bytes().startswith(PNG)


def test_what_is_accepted_is_compared_with_until_it_is_reset(redis_url: str) -> None:
    refused = starsieve_drift(redis_url, "--accept")
    assert (refused.exit_code, str(MIN_OBJECTS) in refused.stderr) == (1, True)
    count(redis_url, a_night())
    by_card = told(redis_url)
    assert worst(by_card) > LINE, "invented stars are none that the network was made for"
    assert starsieve_drift(redis_url, "--accept").exit_code == 0
    assert worst(told(redis_url)) < 0.05
    assert starsieve_drift(redis_url, "--reset").exit_code == 0
    assert told(redis_url)["distributions"] == by_card["distributions"]


@pytest.mark.parametrize("wrong", [["--accept", "--reset"], ["--json", "--accept"], ["--accept", "--plot", "x.png"]])
def test_wrong_usage(redis_url: str, wrong: list[str]) -> None:
    assert starsieve_drift(redis_url, *wrong).exit_code == 2


def packets(stars: Sequence[ObservedStar], gap_days: float = 20.0) -> list[bytes]:
    """A few alerts of each star, in time order, so far apart that their histories of 30 days leave nothing out."""
    chosen = []
    for number, star in enumerate(stars):
        next_jd = np.inf
        for exposure in np.flatnonzero(star.alerting())[::-1].tolist():
            if star.jd[exposure] < next_jd - gap_days:
                next_jd = float(star.jd[exposure])
                chosen.append((next_jd, number, exposure))
    writers = [PacketWriter(star) for star in stars]
    return [writers[number].packet(exposure, 1000 * number + exposure) for _, number, exposure in sorted(chosen)]


@pytest.mark.kafka
def test_a_shifted_stream_is_seen_and_an_unshifted_one_is_not(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    """Two workers; the first stars of a survey are accepted, others follow as they should be, and then off."""
    stars = invent(1500, 60, seed=3)
    parts = [stars[:500], stars[500:1000], [nightly_zero_point(star) for star in stars[1000:]]]
    port = free_port()
    stream = make_stream(kafka, redis_url, partitions=2)
    shown = {"metrics_port": str(port), "metrics_address": "127.0.0.1", "kafka__batch_size": "200"}
    stream.worker("one", **shown)
    stream.worker("two", kafka__batch_size="200")
    sent = [*through(stream, redis_url, parts[0], 0)]
    assert starsieve_drift(redis_url, "--accept").exit_code == 0
    forget_the_window(redis_url)
    sent += through(stream, redis_url, parts[1], len(sent))
    unshifted = told(redis_url)
    assert None not in {each["psi"] for each in unshifted["distributions"]}
    assert worst(unshifted) < LINE
    forget_the_window(redis_url)
    sent += through(stream, redis_url, parts[2], len(sent))
    shifted = {(each["band"], each["input"]): each["psi"] for each in told(redis_url)["distributions"]}
    assert shifted["g", "residual_to_error"] > 2 * LINE
    assert shifted["r", "residual_to_error"] > 2 * LINE
    line = 'starsieve_drift_psi{band="g",input="residual_to_error",survey="ztf"} '
    eventually(
        lambda: any(float(row.removeprefix(line)) > LINE for row in metrics(port).splitlines() if row.startswith(line)),
        "the metric says so",
        TIMEOUT,
    )
    stream.finish(len(sent))


def through(stream: Stream, url: str, stars: Sequence[ObservedStar], before: int) -> list[bytes]:
    """Sends the alerts of stars, and waits until both workers have added what they counted."""
    sent = packets(stars)
    stream.produce(sent)
    stream.wait_for(before + len(sent))
    answered = time.monotonic()
    eventually(lambda: time.monotonic() > answered + LOOK_EVERY_S + 2, "both have looked", TIMEOUT)
    assert told(url)["objects"] > MIN_OBJECTS
    return sent


def forget_the_window(url: str) -> None:
    """As a day that goes by."""
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter("{ztf:}:drift:*"):
            if not key.endswith(b":accepted"):
                client.delete(key)
