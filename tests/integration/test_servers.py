"""The servers that the other integration tests stand on do what those tests take for granted."""

import pytest
import redis
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AclOperation, AdminClient, ResourceType

from tests.integration import servers, topics
from tests.integration.conftest import MakeTopic
from tests.integration.processes import eventually


@pytest.mark.kafka
def test_readers_see_committed_messages_only(kafka: str, make_topic: MakeTopic) -> None:
    topic = make_topic(partitions=3)
    for payload, commit in ((b"kept", True), (b"aborted", False), (b"kept too", True)):
        with Producer({"bootstrap.servers": kafka, "transactional.id": topic}) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            producer.produce(topic, payload, partition=1)
            producer.flush()
            producer.commit_transaction() if commit else producer.abort_transaction()
    assert [message.value() for message in topics.read_committed(kafka, topic)] == [b"kept", b"kept too"]


@pytest.mark.kafka
def test_messages_are_dealt_out_over_the_partitions(kafka: str, make_topic: MakeTopic) -> None:
    topic = make_topic(partitions=4)
    topics.produce(kafka, topic, [bytes(2_000_000)] * 8)
    messages = topics.read_committed(kafka, topic)
    assert sorted(message.partition() or 0 for message in messages) == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.kafka
def test_kafka_keeps_its_messages_through_restart_and_kill(own_kafka: servers.Kafka) -> None:
    topic = topics.create_topic(own_kafka.address)
    topics.produce(own_kafka.address, topic, [b"first"])
    own_kafka.stop()
    assert not own_kafka.serves()
    own_kafka.start()
    topics.produce(own_kafka.address, topic, [b"second"])
    own_kafka.kill()
    own_kafka.start()
    assert [message.value() for message in topics.read_committed(own_kafka.address, topic)] == [b"first", b"second"]


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_secured_kafka_lets_in_who_knows_the_password(secured_kafka: servers.SecuredKafka, mechanism: str) -> None:
    address = {"bootstrap.servers": secured_kafka.sasl_address, "log_level": 0}
    right = secured_kafka.options("starsieve", mechanism=mechanism)
    assert AdminClient(address | right).list_topics(timeout=topics.TIMEOUT).brokers
    refusals: list[KafkaError] = []
    wrong = secured_kafka.options("starsieve", "wrong", mechanism) | {"error_cb": refusals.append}
    with pytest.raises(KafkaException):
        AdminClient(address | wrong).list_topics(timeout=2)
    # the callback is served by poll, which nobody does meanwhile
    client = AdminClient(address | wrong)
    eventually(lambda: client.poll(0.1) > 0 and bool(refusals), "the refusal is told", topics.TIMEOUT)
    assert refusals[0].code() == KafkaError._AUTHENTICATION


@pytest.mark.kafka
def test_secured_kafka_forbids_what_was_not_allowed(secured_kafka: servers.SecuredKafka) -> None:
    topic = topics.create_topic(secured_kafka.address)
    secured_kafka.allow("starsieve", ResourceType.TOPIC, topic, AclOperation.WRITE, AclOperation.DESCRIBE)
    results: dict[str, KafkaError | None] = {}
    for user in ("admin", "starsieve", "stranger"):
        settings = {"bootstrap.servers": secured_kafka.sasl_address, **secured_kafka.options(user)}
        with Producer(settings) as producer:
            producer.produce(
                topic, user.encode(), on_delivery=lambda error, _, user=user: results.update({user: error})
            )
            producer.flush(topics.TIMEOUT)
    codes = {user: error and error.code() for user, error in results.items()}
    assert codes == {"admin": None, "starsieve": None, "stranger": KafkaError.TOPIC_AUTHORIZATION_FAILED}
    found = topics.read_committed(secured_kafka.address, topic)
    assert [message.value() for message in found] == [b"admin", b"starsieve"]


@pytest.mark.kafka
def test_secured_kafka_speaks_tls(secured_kafka: servers.SecuredKafka) -> None:
    tls = {"bootstrap.servers": secured_kafka.ssl_address, "security.protocol": "SSL", "log_level": 0}
    trusting = tls | {"ssl.ca.location": str(secured_kafka.certificate)}
    assert AdminClient(trusting).list_topics(timeout=topics.TIMEOUT).brokers
    with pytest.raises(KafkaException):
        AdminClient(tls).list_topics(timeout=2)


def test_redis_keeps_its_data_through_restart_and_kill(own_redis: servers.Redis) -> None:
    for end in (own_redis.stop, own_redis.kill):
        with redis.Redis.from_url(own_redis.address) as client:
            client.append("epochs", b"x")
        end()
        with redis.Redis.from_url(own_redis.address) as client, pytest.raises(redis.ConnectionError):
            client.ping()
        own_redis.start()
    with redis.Redis.from_url(own_redis.address) as client:
        assert client.get("epochs") == b"xx"


def test_frozen_redis_answers_when_it_goes_on(own_redis: servers.Redis) -> None:
    with redis.Redis.from_url(own_redis.address, socket_timeout=0.2) as client:
        client.ping()
        own_redis.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        own_redis.resume()
        assert client.ping()


def test_redis_is_empty_for_each_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("key", "value")


def test_redis_is_empty_for_the_next_test(redis_url: str) -> None:
    test_redis_is_empty_for_each_test(redis_url)


def test_tls_server_refuses_clients_without_its_authority(rediss: str) -> None:
    with redis.Redis.from_url(rediss) as client:
        assert client.ping()
    with redis.Redis.from_url(rediss.split("?", maxsplit=1)[0]) as client, pytest.raises(redis.ConnectionError):
        client.ping()
