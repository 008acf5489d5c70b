"""What librdkafka says reaches the log, once of each kind for a while."""

import time

import pytest
from structlog.testing import capture_logs

from starsieve.broker.kafka.clients import LibrdkafkaLog

REFUSED = "FAIL [%s] [thrd:%s]: %s: Connect failed: Connection refused (after %dms)"


def test_a_server_that_is_away_does_not_flood_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    librdkafka = LibrdkafkaLog()
    with capture_logs() as lines:
        for tenth in range(300):
            now_s[0] = tenth / 10
            for broker in ("a:9092/1", "b:9092/2"):
                librdkafka.log(30, REFUSED, "consumer-1", broker, broker, tenth)
        librdkafka.log(20, "something [of] [another]: kind")
    assert [(line["log_level"], line["text"]) for line in lines if "a:9092" in line["text"]] == [
        ("warning", REFUSED % ("consumer-1", "a:9092/1", "a:9092/1", tenth)) for tenth in (0, 101, 202)
    ]
    assert len(lines) == 2 * 3 + 1
