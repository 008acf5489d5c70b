"""The rights that docs/operations.md says a worker needs are enough, in Kafka and in Redis."""

import json
import re
import shlex
from pathlib import Path

import pytest
import redis
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.integration.conftest import MakeStream
from tests.integration.packets import night
from tests.integration.servers import Redis, SecuredKafka
from tests.integration.streams import TIMEOUT, Stream, assert_each_alert_answered_once

pytestmark = pytest.mark.kafka

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
KAFKA = re.findall(r"^\| ([a-z-]+) \| `(\S+)` \| (literal|prefixed) \| (Read|Write) \|$", OPERATIONS, re.MULTILINE)
(REDIS,) = re.findall(r"^ +ACL SETUSER (\w+) (.*)$", OPERATIONS, re.MULTILINE)
OF_A_CONNECTION = {"hello", "client|setinfo", "ping"}  # not of every client and version
KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "transactional-id": ResourceType.TRANSACTIONAL_ID}


def grant(kafka: SecuredKafka, stream: Stream) -> None:
    """The rows of the documentation, for the names that this stream has instead of the usual ones."""
    names = {
        "ztf_": "alerts-",
        "starsieve_classifications": stream.outcomes,
        "starsieve_dead_letters": stream.dead_letters,
        "starsieve": stream.group,
        "starsieve-": f"{stream.group}-",
    }
    rights = [
        AclBinding(
            KINDS[kind],
            names[name],
            ResourcePatternType[pattern.upper()],
            "User:starsieve",
            "*",
            AclOperation[operation.upper()],
            AclPermissionType.ALLOW,
        )
        for kind, name, pattern, operation in KAFKA
    ]
    assert {name for _, name, _, _ in KAFKA} == names.keys()
    admin = AdminClient({"bootstrap.servers": kafka.address})  # its answers die with it
    for done in admin.create_acls(rights).values():
        done.result(TIMEOUT)


def restrict(server: Redis) -> str:
    """The server's address for a user with the documentation's rights."""
    name, rules = REDIS
    with redis.Redis.from_url(server.address) as client:
        client.execute_command("ACL", "SETUSER", name, *shlex.split(rules))
        client.config_resetstat()
    return server.address.replace("redis://", f"redis://{name}:PASSWORD@")


def test_the_documented_rights_are_enough(
    secured_kafka: SecuredKafka, own_redis: Redis, make_stream: MakeStream
) -> None:
    stream = make_stream(secured_kafka.address, restrict(own_redis))
    grant(secured_kafka, stream)
    sent = [*night(stars=1, alerts=120), b"no Avro"]  # long enough for the store to join what it has of a star
    stream.produce(sent)
    worker = stream.worker(
        "restricted",
        kafka__bootstrap_servers=secured_kafka.sasl_address,
        kafka__options=json.dumps(secured_kafka.options()),
        kafka__topics=json.dumps([f"^{stream.alerts}$"]),
        kafka__batch_size="2",
    )
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
    assert len(stream.refused()) == 1
    assert "denied" not in worker.log.read_text().lower()
    assert "topic_not_created" not in worker.log.read_text()
    with redis.Redis.from_url(own_redis.address) as client:
        assert client.acl_log() == []
        used = {name.removeprefix("cmdstat_") for name in client.info("commandstats")}
    granted = set(re.findall(r"\+(\S+)", REDIS[1])) - OF_A_CONNECTION
    assert granted <= used, "a right is granted that nobody needs"


def test_what_is_not_granted_is_denied(own_redis: Redis) -> None:
    """Or the test above would show nothing."""
    with redis.Redis.from_url(restrict(own_redis)) as client:
        client.set("{ztf:one}:search", b"state")
        for forbidden in (lambda: client.set("other", b""), client.flushall, lambda: client.keys("*")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                forbidden()
