"""The demo's servers: clients of this and of other processes work against them, and they are gone afterwards."""

import subprocess
import sys
import uuid

import pytest
import redis
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from starsieve.broker import simulate
from starsieve.broker.tools import demo
from starsieve.broker.tools.embedded import embedded_kafka, embedded_redis

CONSUME_IN_ANOTHER_PROCESS = """
import sys
from confluent_kafka import Consumer
with Consumer({"bootstrap.servers": sys.argv[1], "group.id": "g", "auto.offset.reset": "earliest"}) as consumer:
    consumer.subscribe(["alerts"])
    print(consumer.poll(30).value().decode())
"""


def test_embedded_kafka_takes_a_transaction_and_serves_other_processes() -> None:
    with embedded_kafka() as address:
        with Producer({"bootstrap.servers": address, "transactional.id": uuid.uuid4().hex}) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            producer.produce("alerts", b"an alert")
            producer.commit_transaction()
        command = [sys.executable, "-c", CONSUME_IN_ANOTHER_PROCESS, address]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "an alert\n"
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": address}).list_topics(timeout=1)


def test_two_embedded_kafkas_are_apart() -> None:
    with embedded_kafka() as one, embedded_kafka() as other:
        with Producer({"bootstrap.servers": one}) as producer:
            producer.produce("alerts", b"an alert")
            producer.flush()
        assert "alerts" in AdminClient({"bootstrap.servers": one}).list_topics(timeout=5).topics
        assert "alerts" not in AdminClient({"bootstrap.servers": other}).list_topics(timeout=5).topics


@pytest.mark.parametrize("survey", demo.SHOWS)
def test_all_that_waits_in_the_demo_fits_into_one_partition(survey: str) -> None:
    """Messages without a key come in runs, and a worker that starts slowly reads none of the first."""
    show = demo.SHOWS[survey]
    packets = [alert.packet for alert in simulate.alerts(simulate.invented(survey, 40, show.nights, seed=1))]
    largest = sorted(packets, key=len)[-show.max_in_flight :]
    assert len(largest) == show.max_in_flight
    with embedded_kafka() as address:
        with Producer({"bootstrap.servers": address}) as producer:
            for packet in largest:
                producer.produce("alerts", packet, partition=0)
            producer.flush()
        with Consumer({"bootstrap.servers": address, "group.id": "g"}) as consumer:
            oldest, newest = consumer.get_watermark_offsets(TopicPartition("alerts", 0), timeout=10)
    assert (oldest, newest) == (0, len(largest))


def test_embedded_redis_serves_and_ends() -> None:
    with embedded_redis() as address, redis.Redis.from_url(address) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"
    with redis.Redis.from_url(address) as client, pytest.raises(redis.ConnectionError):
        client.ping()
