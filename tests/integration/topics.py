"""What the tests do with topics: create one, fill it, read it to its end."""

import uuid
from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

TIMEOUT = 30  # seconds; a healthy server answers in a fraction of one


def create_topic(kafka: str, *, partitions: int = 1, prefix: str = "test", max_bytes: int = 16 * 2**20) -> str:
    """A new topic with a name of its own."""
    name = f"{prefix}-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": kafka})
    new = NewTopic(name, partitions, 1, config={"max.message.bytes": str(max_bytes)})
    admin.create_topics([new])[name].result(TIMEOUT)
    return name


def produce(kafka: str, topic: str, payloads: Sequence[bytes]) -> None:
    """Deal the payloads out over the partitions, in turn."""
    with Producer({"bootstrap.servers": kafka, "linger.ms": 5, "message.max.bytes": 16 * 2**20}) as producer:
        partitions = len(producer.list_topics(topic, TIMEOUT).topics[topic].partitions)
        for number, payload in enumerate(payloads):
            producer.produce(topic, payload, partition=number % partitions)
            producer.poll(0)
        assert producer.flush(TIMEOUT) == 0, "Kafka did not take the test's messages"


def read_committed(kafka: str, topic: str) -> list[Message]:
    """Every committed message of a topic that nobody writes to any more.

    Raises TimeoutError where a transaction stays open: every other reader would wait for its end too.
    """
    settings = {"bootstrap.servers": kafka, "group.id": "reader", "enable.auto.commit": False, "fetch.wait.max.ms": 50}
    with Consumer(settings | {"isolation.level": "read_uncommitted"}) as consumer:
        found = consumer.list_topics(topic, TIMEOUT).topics[topic]
        partitions = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in found.partitions]
        ends = {part.partition: consumer.get_watermark_offsets(part, TIMEOUT)[1] for part in partitions}
    messages = []
    with Consumer(settings | {"isolation.level": "read_committed", "enable.partition.eof": True}) as consumer:
        consumer.assign(partitions)
        while ends:
            message = consumer.poll(TIMEOUT)
            if message is None:
                raise TimeoutError(f"{topic} has an open transaction: not readable up to {ends}")
            partition, offset, error = message.partition(), message.offset(), message.error()
            assert partition is not None
            assert offset is not None
            if error is None:
                messages.append(message)
            elif error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            # the offset of this end counts commit markers, which are no messages
            elif offset >= ends.get(partition, 0):
                ends.pop(partition, None)
    return messages
