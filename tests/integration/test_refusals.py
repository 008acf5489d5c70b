"""Servers that answer "never": a starting worker ends with the reason, a running one waits until it is mended."""

import json
import signal
import time

import pytest
import redis
from confluent_kafka.admin import AclOperation, ResourceType

from tests.integration.conftest import MakeStream
from tests.integration.packets import night
from tests.integration.processes import Process, eventually
from tests.integration.servers import Kafka, Redis, SecuredKafka
from tests.integration.streams import TIMEOUT, Stream, assert_each_alert_answered_once, assert_stored

pytestmark = pytest.mark.kafka

SECRET = "hunter2-42"
RIGHTS = "+get +lrange +rpush +expire +set +eval +lindex +ltrim +lpush +bitfield +pfadd +pfcount"
CONNECTING = "+ping +info +client +select +hello"


def ends(worker: Process, code: int = 1, within_s: float = TIMEOUT) -> str:
    assert worker.wait(within_s) == code, worker.output()
    said = worker.log.read_text()
    assert SECRET not in said
    return said


def as_user(address: str, user: str, password: str = SECRET) -> str:
    return address.replace("redis://", f"redis://{user}:{password}@")


@pytest.fixture
def guarded(own_redis: Redis) -> Redis:
    """A Valkey with a user who has just the rights that a worker needs."""
    with redis.Redis.from_url(own_redis.address) as client:
        client.execute_command(
            "ACL", "SETUSER", "worker", "on", f">{SECRET}", "~{ztf:*", *RIGHTS.split(), *CONNECTING.split()
        )
    return own_redis


def test_the_documented_rights_are_enough(kafka: str, guarded: Redis, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, as_user(guarded.address, "worker"))
    sent = night(stars=1, alerts=60, history_days=0)
    stream.produce(sent)
    stream.worker("modest", kafka__batch_size="1")
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
    assert_stored(guarded.address, sent)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("redis://worker:wrong-{secret}@{host}/0", "invalid username-password"),
        ("redis://worker:{secret}@{host}/99", "out of range"),
    ],
)
def test_a_worker_whose_store_refuses_it_ends_with_the_reason(
    kafka: str, guarded: Redis, make_stream: MakeStream, address: str, said: str
) -> None:
    host = guarded.address.removeprefix("redis://").removesuffix("/0")
    stream = make_stream(kafka, address.format(secret=SECRET, host=host))
    assert said in ends(stream.worker("refused"))


@pytest.mark.parametrize("command", ["eval", "rpush", "lindex", "bitfield"])
def test_a_missing_right_is_found_at_the_start(
    kafka: str, guarded: Redis, make_stream: MakeStream, command: str
) -> None:
    with redis.Redis.from_url(guarded.address) as client:
        client.execute_command("ACL", "SETUSER", "worker", f"-{command}")
    stream = make_stream(kafka, as_user(guarded.address, "worker"))
    stream.produce(night(stars=1, alerts=5))
    said = ends(stream.worker("refused"))
    assert f"'{command}'" in said
    assert "+lrange" in said
    assert stream.progress() == 0


def test_a_right_that_is_taken_and_given_back(kafka: str, guarded: Redis, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, as_user(guarded.address, "worker"))
    sent = night(stars=2, alerts=200, history_days=0)
    stream.produce(sent)
    worker = stream.worker("patient", kafka__batch_size="1")
    with redis.Redis.from_url(guarded.address) as client:
        stream.wait_for(30)
        client.execute_command("ACL", "SETUSER", "worker", "-eval")  # joining chunks can wait
        stream.wait_for(120)
        client.execute_command("ACL", "SETUSER", "worker", "-set")
        eventually(lambda: "'set' command" in worker.log.read_text(), "told of it", TIMEOUT)
        time.sleep(3)
        held = [client.llen(key) for key in client.scan_iter("*:epochs")]
        time.sleep(3)
        assert [client.llen(key) for key in client.scan_iter("*:epochs")] == held, "retries append again and again"
        client.execute_command("ACL", "SETUSER", "worker", "+set", "+eval")
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
    assert_stored(guarded.address, sent)


def test_a_store_that_may_lose_light_curves_is_told_of(kafka: str, own_redis: Redis, make_stream: MakeStream) -> None:
    with redis.Redis.from_url(own_redis.address) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
    stream = make_stream(kafka, own_redis.address)
    worker = stream.worker("warned")
    eventually(lambda: '"started"' in worker.log.read_text(), "it has started", TIMEOUT)
    said = worker.log.read_text()
    assert "allkeys-lru" in said
    assert "appendonly" in said


@pytest.fixture
def secured(secured_kafka: SecuredKafka, redis_url: str, make_stream: MakeStream) -> Stream:
    """A stream on a Kafka with passwords, whose worker has the documented rights."""
    stream = make_stream(secured_kafka.address, redis_url)
    topic, read, describe = ResourceType.TOPIC, AclOperation.READ, AclOperation.DESCRIBE
    secured_kafka.allow("starsieve", topic, stream.alerts, read, describe)
    for written in (stream.outcomes, stream.dead_letters):
        secured_kafka.allow("starsieve", topic, written, AclOperation.WRITE, describe)
    secured_kafka.allow("starsieve", ResourceType.GROUP, stream.group, read)
    transactional = f"{stream.group}-safe"
    secured_kafka.allow("starsieve", ResourceType.TRANSACTIONAL_ID, transactional, AclOperation.WRITE, describe)
    return stream


def secured_worker(stream: Stream, kafka: SecuredKafka, **options: str) -> Process:
    given = kafka.options() | options
    return stream.worker("safe", kafka__bootstrap_servers=kafka.sasl_address, kafka__options=json.dumps(given))


def test_a_worker_with_the_documented_rights(secured: Stream, secured_kafka: SecuredKafka) -> None:
    sent = night(stars=2, alerts=20)
    secured.produce(sent)
    secured_worker(secured, secured_kafka)
    secured.finish(len(sent))
    assert_each_alert_answered_once(secured)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("sasl.password", SECRET, "invalid credentials"),
        ("sasl.mechanism", "SCRAM-SHA-256", "SCRAM-SHA-256"),
        ("security.protocol", "SSL", "TLS"),
        ("security.protocol", "PLAINTEXT", "SASL"),
    ],
)
def test_a_worker_that_kafka_refuses_ends_with_the_reason(
    secured: Stream, secured_kafka: SecuredKafka, option: str, value: str, said: str
) -> None:
    worker = secured_worker(secured, secured_kafka, **{option: value})
    assert said.lower() in ends(worker).lower()


@pytest.mark.parametrize("kind", ["group", "transactional id", "output topic"])
def test_a_worker_without_a_right_ends_with_the_reason(
    secured_kafka: SecuredKafka, redis_url: str, make_stream: MakeStream, kind: str
) -> None:
    stream = make_stream(secured_kafka.address, redis_url)
    stream.produce(night(stars=1, alerts=5))
    topic, everything = ResourceType.TOPIC, AclOperation.ALL
    rights = {
        "group": (ResourceType.GROUP, stream.group),
        "transactional id": (ResourceType.TRANSACTIONAL_ID, f"{stream.group}-safe"),
        "output topic": (topic, stream.outcomes),
    }
    secured_kafka.allow("starsieve", topic, stream.alerts, everything)
    secured_kafka.allow("starsieve", topic, stream.dead_letters, everything)
    for resource, name in (right for missing, right in rights.items() if missing != kind):
        secured_kafka.allow("starsieve", resource, name, everything)
    said = ends(secured_worker(stream, secured_kafka))
    assert "authorization failed" in said.lower()
    assert stream.progress() == 0


def test_sigterm_while_kafka_is_away_ends_with_0(own_kafka: Kafka, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(own_kafka.address, redis_url)
    for number in range(3):
        stream.produce(night(stars=6, alerts=100))
        worker = stream.worker(f"w{number}")
        stream.wait_for(stream.progress() + 20)
        own_kafka.kill()
        time.sleep(number)  # in the middle of a transaction, while aborting, while starting anew
        worker.send(signal.SIGTERM)
        assert worker.wait(TIMEOUT) == 0, worker.output()
        own_kafka.start()
