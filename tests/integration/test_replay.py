"""Packets on their way to a real topic: nothing lost, nothing changed, and what Kafka refuses is named."""

import os

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource
from confluent_kafka.cimpl import NewTopic

from starsieve.broker import simulate
from starsieve.broker.kafka.clients import create_topics
from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES
from starsieve.broker.settings import KafkaSettings
from starsieve.broker.tools import replay
from tests.integration import topics

pytestmark = pytest.mark.kafka


def test_simulated_alerts_arrive_unchanged_and_without_a_key(kafka):
    topic = "replay_simulated"
    settings = KafkaSettings(bootstrap_servers=kafka)
    alerts = list(simulate.alerts(simulate.invent(objects=20, nights=20, seed=1)))
    assert create_topics(settings, topic) == {}
    sent = replay.send(((str(alert.candid), alert.packet) for alert in alerts), settings, topic)
    assert (sent.delivered, sent.failed) == (len(alerts), {})
    messages = topics.read_committed(kafka, topic)
    assert sorted(message.value() for message in messages) == sorted(alert.packet for alert in alerts)
    assert {message.key() for message in messages} == {None}


def test_containers_larger_than_kafkas_default_are_taken(kafka):
    topic = "replay_large"
    settings = KafkaSettings(bootstrap_servers=kafka)
    assert create_topics(settings, topic) == {}
    assert create_topics(settings, topic) == {}  # there already
    container = os.urandom(3_000_000)
    assert replay.send([("container", container)], settings, topic).delivered == 1
    assert [message.value() for message in topics.read_committed(kafka, topic)] == [container]
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": kafka})
    config = admin.describe_configs([resource])[resource].result()
    assert config["max.message.bytes"].value == str(MAX_MESSAGE_BYTES)


def test_what_kafka_refuses_is_named_and_the_rest_is_delivered(kafka):
    topic = "replay_small"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 1, config={"max.message.bytes": "1000000"})])[topic].result()
    packets = [("too large for the topic", os.urandom(3_000_000)), ("too large for all", bytes(MAX_MESSAGE_BYTES + 1))]
    packets.append(("small", b"packet"))
    sent = replay.send(packets, KafkaSettings(bootstrap_servers=kafka), topic)
    assert sent.delivered == 1
    assert list(sent.failed) == ["too large for all", "too large for the topic"]
    assert all("Message size too large" in reason for reason in sent.failed.values())
