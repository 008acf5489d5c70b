"""Servers that go away and come back, and packets that make no sense: the stream goes on, and nothing disappears."""

import os
import signal
import time
from pathlib import Path

import pytest
import redis

from tests.integration import topics
from tests.integration.conftest import MakeStream
from tests.integration.packets import night
from tests.integration.processes import eventually
from tests.integration.servers import Kafka, Redis
from tests.integration.streams import TIMEOUT, assert_each_alert_answered_once, assert_stored

pytestmark = pytest.mark.kafka

AWAY = 3  # seconds


def test_redis_goes_away_and_comes_back(kafka: str, own_redis: Redis, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, own_redis.address)
    sent = night(stars=6, alerts=200)
    stream.produce(sent)
    stream.worker("patient")
    stream.wait_for(60)
    own_redis.kill()
    time.sleep(AWAY)
    own_redis.start()
    stream.wait_for(160)
    own_redis.pause()
    time.sleep(AWAY)
    own_redis.resume()
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
    assert not stream.refused()
    assert_stored(own_redis.address, sent)


def test_redis_is_full_and_then_read_only_for_a_while(kafka: str, own_redis: Redis, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, own_redis.address)
    sent = night(stars=6, alerts=200)
    with redis.Redis.from_url(own_redis.address) as client, stream.load(sent):
        client.config_set("maxmemory", 1)
        worker = stream.worker("patient")
        eventually(lambda: "command not allowed when used memory" in worker.log.read_text(), "told of it", TIMEOUT)
        client.config_set("maxmemory", 0)
        stream.wait_for(100)
        client.replicaof("127.0.0.1", 1)
        eventually(lambda: "read only replica" in worker.log.read_text(), "told of it", TIMEOUT)
        client.replicaof("NO", "ONE")
    stream.finish()
    assert_each_alert_answered_once(stream)
    assert not stream.refused()
    assert_stored(own_redis.address, stream.inputs().values())


def test_worker_may_start_before_its_servers(own_kafka: Kafka, own_redis: Redis, make_stream: MakeStream) -> None:
    stream = make_stream(own_kafka.address, own_redis.address)
    sent = night(stars=1, alerts=30)
    stream.produce(sent)
    own_redis.stop()
    own_kafka.stop()
    worker = stream.worker("early")
    time.sleep(AWAY)
    assert not worker.ended()
    own_kafka.start()
    own_redis.start()
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
    assert_stored(own_redis.address, sent)


def test_kafka_goes_away_and_comes_back(own_kafka: Kafka, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(own_kafka.address, redis_url, partitions=2)
    sent = night(stars=6, alerts=200)
    stream.produce(sent)
    stream.worker("patient")
    stream.wait_for(60)
    own_kafka.kill()
    time.sleep(AWAY)
    own_kafka.start()
    stream.wait_for(160)
    own_kafka.stop()
    own_kafka.start()
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
    assert_stored(redis_url, sent)


def test_worker_stops_while_its_servers_are_away(own_kafka: Kafka, own_redis: Redis, make_stream: MakeStream) -> None:
    stream = make_stream(own_kafka.address, own_redis.address)
    sent = night(stars=6, alerts=200)
    for server in (own_redis, own_kafka):
        stream.produce(sent)
        worker = stream.worker(type(server).__name__)
        stream.wait_for(stream.progress() + 40)
        server.kill()
        worker.send(signal.SIGTERM)
        assert worker.wait(TIMEOUT) == 0
        server.start()
    own_kafka.stop()
    worker = stream.worker("too-early")
    eventually(lambda: "starting" in worker.log.read_text(), "it is starting", TIMEOUT)
    time.sleep(AWAY)
    worker.send(signal.SIGTERM)
    assert worker.wait(TIMEOUT) == 0
    own_kafka.start()
    stream.worker("last")
    stream.finish(2 * len(sent))
    assert_each_alert_answered_once(stream)


def test_redis_with_tls(kafka: str, rediss: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, rediss)
    sent = night(stars=1, alerts=30)
    stream.produce(sent)
    stream.worker("secret")
    stream.finish(len(sent))
    assert_stored(rediss, sent)


def test_packets_that_make_no_sense_become_dead_letters(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, redis_url)
    good = night(stars=2, alerts=10)
    bad = {
        b"": "not_avro",
        b"not a packet": "not_avro",
        good[0][: len(good[0]) // 2]: "corrupt",
        good[1] + b"trailing": "corrupt",
    }
    stream.produce([*good, *bad, *good[:5]])
    stream.worker("picky")
    stream.finish(len(good) + len(bad) + 5)
    assert_each_alert_answered_once(stream)
    refused = {message.value() or b"": headers["reason"] for headers, message in stream.refused()}
    assert refused == bad


def test_a_dead_letter_that_its_topic_refuses_holds_up_nobody(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    """An operator made the topic with Kafka's default limit of 1 MB; the letter then comes without its bytes."""
    stream = make_stream(kafka, redis_url)
    good = night(stars=2, alerts=10)
    stream.dead_letters = topics.create_topic(kafka, prefix="small", max_bytes=1_000_000)
    stream.produce([*good[:5], os.urandom(3 * 2**20), *good[5:]])
    stream.worker("patient")
    stream.finish(len(good) + 1)
    assert_each_alert_answered_once(stream)
    ((headers, letter),) = stream.refused()
    assert headers["reason"] == "too_large"
    assert letter.value() in {None, b""}


def test_new_topic_of_a_pattern_is_read_from_its_beginning(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, redis_url)
    stream.worker("early", kafka__topics=f'["^{stream.alerts}.*"]')
    stream.wait_for_members(1)
    stream.alerts = topics.create_topic(kafka, prefix=stream.alerts)
    stream.read.append(stream.alerts)
    sent = night(stars=1, alerts=30)
    stream.produce(sent)
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)


def test_third_pass_equals_the_second(kafka: str, redis_url: str, make_stream: MakeStream, data_dir: Path) -> None:
    """On all real packets: every readable record gets an outcome, every other message a dead letter."""
    stream = make_stream(kafka, redis_url, partitions=4)
    files = sorted((data_dir / "alerts" / "ztf_avro").rglob("*.avro"))
    stream.produce([path.read_bytes() for path in files])
    passes = []
    for _ in range(3):
        stream.worker("reader", kafka__batch_size="50")
        stream.finish(len(files))
        assert_each_alert_answered_once(stream)
        passes.append({answer["idempotencyKey"]: timeless(answer) for answer in stream.answers()})
        stream.close()
        stream.begin_pass()
    assert passes[2] == passes[1]
    assert passes[1].keys() == passes[0].keys()


def timeless(answer: dict[str, object]) -> dict[str, object]:
    return {
        name: value for name, value in answer.items() if name not in ("brokerIngestTimestamp", "brokerPublishTimestamp")
    }
