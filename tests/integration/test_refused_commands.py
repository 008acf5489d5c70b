"""Commands at a Kafka that refuses: the reason is said soon, no password is, and the exit code is 1."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from typer.testing import CliRunner, Result

from starsieve.broker.cli import app
from tests.integration import topics
from tests.integration.servers import SecuredKafka, free_port
from tests.integration.tailed import outcome

pytestmark = pytest.mark.kafka

WRONG = "wrong-2Ld8s"
SOON = 10  # seconds: the bound of the design
READ, WRITE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE


def starsieve(*arguments: str | Path, server: str, options: dict[str, str]) -> Result:
    told = {"STARSIEVE_KAFKA__OPTIONS": json.dumps(options), "COLUMNS": "200"}
    return CliRunner(env=told).invoke(app, [*map(str, arguments), "-b", server])


@pytest.fixture
def packet(tmp_path: Path) -> Path:
    (file := tmp_path / "1.avro").write_bytes(b"Obj\x01one")
    return file


def wrong_password(kafka: SecuredKafka) -> tuple[str, dict[str, str]]:
    return kafka.sasl_address, kafka.options(password=WRONG)


def wrong_mechanism(kafka: SecuredKafka) -> tuple[str, dict[str, str]]:
    return kafka.sasl_address, kafka.options(mechanism="SCRAM-SHA-256")


def tls_to_a_plain_port(kafka: SecuredKafka) -> tuple[str, dict[str, str]]:
    return kafka.address, {"security.protocol": "SSL"}


def absent(_: SecuredKafka) -> tuple[str, dict[str, str]]:
    return f"127.0.0.1:{free_port()}", {}


@pytest.mark.parametrize("command", ["replay", "tail", "simulate"])
@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (wrong_password, "invalid credentials"),
        (wrong_mechanism, "Unsupported SASL mechanism"),
        (tls_to_a_plain_port, "does not speak TLS"),
        (absent, "Connection refused"),
    ],
)
def test_commands_end_soon_with_the_reason(
    secured_kafka: SecuredKafka,
    packet: Path,
    command: str,
    at: Callable[[SecuredKafka], tuple[str, dict[str, str]]],
    reason: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    arguments: dict[str, list[str | Path]] = {
        "replay": ["replay", packet, "-t", "alerts"],
        "tail": ["tail"],
        "simulate": ["simulate", "-t", "alerts"],
    }
    server, options = at(secured_kafka)
    start = time.monotonic()
    result = starsieve(*arguments[command], server=server, options=options)
    assert time.monotonic() - start < SOON
    assert result.exit_code == 1
    assert reason in result.stderr
    assert server in result.stderr
    assert result.stdout == ""
    said = result.output + "".join(capfd.readouterr())
    assert not any(secret in said for secret in (WRONG, *secured_kafka.PASSWORDS.values()))


def test_options_that_librdkafka_does_not_know_are_wrong_usage(packet: Path) -> None:
    for arguments in (["tail"], ["replay", packet, "-t", "alerts"]):
        result = starsieve(*arguments, server="localhost:1", options={"nonsense": "1"})
        assert result.exit_code == 2
        assert "nonsense" in result.stderr


def test_tail_tells_a_topic_that_is_forbidden_from_one_that_is_not_there(secured_kafka: SecuredKafka) -> None:
    topic = topics.create_topic(secured_kafka.address)
    tail = ["tail", "--output-topic", topic, "--idle", "20"]
    user = secured_kafka.options()
    hidden = starsieve(*tail, server=secured_kafka.sasl_address, options=user)
    secured_kafka.allow("starsieve", ResourceType.TOPIC, topic, DESCRIBE)
    seen = starsieve(*tail, server=secured_kafka.sasl_address, options=user)
    for forbidden in (hidden, seen):
        assert forbidden.exit_code == 1
        assert f"may not read the topic '{topic}'" in forbidden.stderr
    absent = starsieve("tail", "--output-topic", "nothing", "--idle", "1", server=secured_kafka.address, options={})
    assert absent.exit_code == 1
    assert "there is no topic 'nothing'" in absent.stderr


def test_tail_needs_no_right_to_a_group(secured_kafka: SecuredKafka) -> None:
    topic = topics.create_topic(secured_kafka.address)
    topics.produce(secured_kafka.address, topic, [outcome("star")])
    secured_kafka.allow("starsieve", ResourceType.TOPIC, topic, READ)
    tail = ["tail", "--output-topic", topic, "--json", "--from-beginning", "-n", "1"]
    result = starsieve(*tail, server=secured_kafka.sasl_address, options=secured_kafka.options())
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["objectId"] == "star"


def test_replay_ends_where_the_user_may_not_write(secured_kafka: SecuredKafka, packet: Path) -> None:
    topic, other = (topics.create_topic(secured_kafka.address) for _ in range(2))
    replay = ["replay", packet, "--loop", "-t", topic]
    for operation, name, reason in (
        (DESCRIBE, topic, "Cluster authorization failed"),  # who may write nowhere
        (WRITE, other, "Topic authorization failed"),
    ):
        secured_kafka.allow("stranger", ResourceType.TOPIC, name, operation)
        start = time.monotonic()
        options = secured_kafka.options("stranger")
        result = starsieve(*replay, server=secured_kafka.sasl_address, options=options)
        assert time.monotonic() - start < 2 * SOON
        assert result.exit_code == 1
        assert "0 messages sent" in result.stderr
        assert reason in result.stderr
    assert topics.read_committed(secured_kafka.address, topic) == []


def test_simulate_fills_no_folder_that_has_files(packet: Path) -> None:
    refused = CliRunner().invoke(app, ["simulate", "--objects", "1", "-o", str(packet.parent)])
    assert refused.exit_code == 2
    assert "has files already" in refused.output
    assert list(packet.parent.iterdir()) == [packet]
