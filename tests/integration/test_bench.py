"""`starsieve bench stream` on real servers: it counts exactly and leaves nothing behind."""

import json

import pytest
import redis
from confluent_kafka.admin import AdminClient

from tests.integration.test_commands import starsieve

SMALL = ("--objects", "60", "--epochs", "60", "--days", "80", "--alerts", "60", "--json")
FIGURES = {
    *("alerts", "outcomes", "alerts_per_s", "cpu_ms_per_alert", "cpu_ms_by_stage", "latency_s", "rss_mb"),
    *("redis_bytes_per_object", "epochs_median"),
}


def bench(kafka: str, redis_url: str, *arguments: str) -> dict[str, object]:
    servers = ("--bootstrap-servers", kafka, "--redis", redis_url)
    done = starsieve("bench", "stream", *servers, *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_every_alert_has_its_outcome_and_nothing_stays(kafka: str, redis_url: str) -> None:
    found = bench(kafka, redis_url, *SMALL, "--workers", "2")
    assert found.keys() >= FIGURES
    assert found["alerts"] == found["outcomes"] == 60
    assert found["doubled"] == found["dead_letters"] == 0
    assert 40 < float(str(found["epochs_median"])) < 80
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
    topics = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=10).topics
    assert not [name for name in topics if name.startswith("starsieve_bench")]


def test_rubins_alerts_are_of_objects_that_the_store_knows(kafka: str, redis_url: str) -> None:
    plan = ("--pattern", "rubin", "--objects", "60", "--alerts", "60", "--json")
    found = bench(kafka, redis_url, *plan)
    assert found["survey"] == "lsst"
    assert found["alerts"] == found["outcomes"] == 60
    assert found["doubled"] == found["dead_letters"] == 0
    assert 40 < float(str(found["epochs_median"])) < 120
    assert int(str(found["packet_bytes"])) > 130_000
    told = starsieve("bench", "stream", "-b", kafka, "--redis", redis_url, "--survey", "lsst", "--days", "100")
    assert told.returncode == 2
    assert "--days does not apply" in told.stderr


def test_a_database_that_is_in_use_is_left_alone(kafka: str, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("precious", "1")
        refused = starsieve("bench", "stream", "-b", kafka, "--redis", redis_url, *SMALL)
        assert refused.returncode == 2
        assert "1 keys" in refused.stderr
        assert client.get("precious") == b"1"


def test_the_environment_has_no_say(kafka: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's own settings stand there in a container: none of its servers and topics may be measured by mistake."""
    for name, value in {
        "REDIS__URL": "redis://127.0.0.1:1/0",
        "KAFKA__OUTPUT_TOPIC": "precious",
        "KAFKA__GROUP": "of-workers",
    }.items():
        monkeypatch.setenv(f"STARSIEVE_{name}", value)
    found = bench(kafka, redis_url, *SMALL)
    assert found["alerts"] == found["outcomes"]
    assert "precious" not in AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=30).topics
