"""What the clients of Kafka have in common: their log, and topics created."""

import time
from math import inf

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES
from starsieve.broker.settings import KafkaSettings

log = structlog.get_logger()

_CALL_S = 10.0
_LINE_EVERY_S = 10.0
_CRITICAL = 2  # librdkafka counts as syslog does; what fails is told by the call that fails


def create_topics(settings: KafkaSettings, *names: str) -> dict[str, KafkaException]:
    """Creates those topics that are absent, with room for large packets and the cluster's own number of partitions.

    Returns what stands in the way, by topic: an operator may have to create it.
    """
    admin = AdminClient({**settings.connection, "log_level": _CRITICAL}, logger=LibrdkafkaLog())
    try:
        existing = admin.list_topics(timeout=_CALL_S).topics
    except KafkaException as error:
        return dict.fromkeys(names, error)
    wanted = [
        NewTopic(name, num_partitions=-1, replication_factor=-1, config={"max.message.bytes": str(MAX_MESSAGE_BYTES)})
        for name in names
        if name not in existing
    ]
    failed = {}
    for name, creation in (admin.create_topics(wanted, operation_timeout=_CALL_S) if wanted else {}).items():
        try:
            creation.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody else was faster
                failed[name] = error
    return failed


def committed(consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
    """The group's positions, with its metadata. Raises KafkaException, also where one partition alone has an error."""
    found = consumer.committed(partitions, _CALL_S) if partitions else []
    for each in found:
        if each.error is not None:
            raise KafkaException(each.error)
    return found


class LibrdkafkaLog:
    """librdkafka's log lines, in ours; it says all it has to say again as errors of calls.

    Of one kind and thread one line in ten seconds: while Kafka is away, each attempt to connect would make one.
    """

    def __init__(self) -> None:
        self._told_s: dict[str, float] = {}

    def log(self, level: int, text: str, *arguments: object) -> None:
        """Called by confluent-kafka with a logging level, a format and its arguments."""
        line = text % arguments if arguments else text
        kind = line.partition("]: ")[0]  # FAIL [rdkafka#consumer-1] [thrd:GroupCoordinator
        now_s = time.monotonic()
        if now_s > self._told_s.get(kind, -inf) + _LINE_EVERY_S:
            self._told_s[kind] = now_s
            log.log(level, "librdkafka", text=line)
