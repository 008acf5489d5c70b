"""What a worker says of itself while Redis and Kafka go away and come back."""

import json
import urllib.error
import urllib.request

import pytest

from tests.integration.conftest import MakeStream
from tests.integration.packets import night
from tests.integration.processes import eventually
from tests.integration.servers import Kafka, Redis, free_port
from tests.integration.streams import TIMEOUT, Stream, assert_each_alert_answered_once

pytestmark = pytest.mark.kafka


class Probe:
    """Asks a worker's port, as Kubernetes and Prometheus do."""

    def __init__(self) -> None:
        self.port = free_port()

    def start(self, stream: Stream) -> None:
        """A worker to be asked."""
        stream.worker("asked", metrics_port=str(self.port))

    def ask(self, path: str) -> tuple[int, str]:
        """Status and body of the answer; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def reasons(self) -> list[str]:
        """Why it is not ready; empty if it is."""
        status, text = self.ask("/readyz")
        if status == 0:
            return ["does not answer"]
        answer = json.loads(text)
        assert answer["ready"] == (status == 200) == (not answer["reasons"])
        return list(answer["reasons"])

    def wait_for(self, *reasons: str) -> None:
        """Wait until it says so; all the while it is alive."""
        eventually(
            lambda: set(reasons) <= set(self.reasons()) if reasons else not self.reasons(), str(reasons), TIMEOUT
        )
        assert self.ask("/livez") == (200, '{"alive": true, "reasons": []}\n')

    def metric(self, line: str) -> float:
        """The value of one series."""
        (found,) = [each for each in self.ask("/metrics")[1].splitlines() if each.startswith(f"{line} ")]
        return float(found.split()[-1])


def test_readiness_follows_redis_away_and_back(kafka: str, own_redis: Redis, make_stream: MakeStream) -> None:
    stream, probe = make_stream(kafka, own_redis.address), Probe()
    sent = night(stars=3, alerts=20)
    stream.produce(sent[:30])
    probe.start(stream)
    probe.wait_for()
    own_redis.kill()
    stream.produce(sent[30:])
    probe.wait_for("store_away")
    assert probe.metric('starsieve_not_ready{reason="store_away"}') == 1
    own_redis.start()
    probe.wait_for()
    stream.wait_for(len(sent))
    eventually(lambda: probe.metric('starsieve_alerts_total{survey="ztf"}') == len(sent), "all are counted", TIMEOUT)
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)


def test_readiness_follows_kafka_away_and_back(own_kafka: Kafka, redis_url: str, make_stream: MakeStream) -> None:
    stream, probe = make_stream(own_kafka.address, redis_url), Probe()
    sent = night(stars=3, alerts=20)
    stream.produce(sent[:30])
    probe.start(stream)
    probe.wait_for()
    own_kafka.kill()
    probe.wait_for("kafka_away")
    own_kafka.start()
    probe.wait_for()
    stream.produce(sent[30:])
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
