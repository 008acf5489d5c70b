"""Packets on their way to a real topic: nothing lost, nothing changed, and what Kafka refuses is named."""

import io
import os
import tarfile
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource
from confluent_kafka.cimpl import NewTopic

from starsieve.broker import simulate
from starsieve.broker.kafka.clients import create_topics
from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES
from starsieve.broker.settings import KafkaSettings
from starsieve.broker.tools import replay
from tests.integration import topics
from tests.integration.test_commands import starsieve

pytestmark = pytest.mark.kafka


def test_simulated_alerts_arrive_unchanged_and_without_a_key(kafka):
    topic = "replay_simulated"
    settings = KafkaSettings(bootstrap_servers=kafka)
    alerts = list(simulate.alerts(simulate.invent(objects=20, nights=20, seed=1)))
    assert create_topics(settings, topic) == {}
    sent = replay.send(((str(alert.alert_id), alert.packet) for alert in alerts), settings, topic)
    assert (sent.delivered, sent.failed.count, sent.refusal) == (len(alerts), 0, "")
    messages = topics.read_committed(kafka, topic)
    assert sorted(message.value() for message in messages) == sorted(alert.packet for alert in alerts)
    assert {message.key() for message in messages} == {None}


def test_rubins_frames_go_from_a_folder_to_a_topic(kafka, tmp_path):
    made = starsieve("simulate", "--survey", "lsst", "--objects", "10", "--nights", "10", "-o", tmp_path / "night")
    assert made.returncode == 0, made.stderr
    topic = "replay_frames"
    sent = starsieve("replay", tmp_path / "night", "-t", topic, "-b", kafka)
    assert sent.returncode == 0, sent.stderr
    packets = sorted(file.read_bytes() for file in (tmp_path / "night").iterdir())
    assert sorted(message.value() for message in topics.read_committed(kafka, topic)) == packets
    assert len(packets) > 5
    assert {packet[:5] for packet in packets} == {b"\x00\x00\x00\x04\x4d"}, "1101"


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
    assert sent.failed.count == 2
    assert list(sent.failed.examples) == ["too large for all", "too large for the topic"]
    assert all("Message size too large" in reason for reason in sent.failed.examples.values())


def test_an_archive_that_is_bad_in_part_is_sent_for_the_rest_and_the_exit_code_says_so(kafka: str, tmp_path: Path):
    topic = topics.create_topic(kafka)
    packets = [b"Obj\x01" + bytes([number]) * 1000 for number in range(10)]
    good, bad, cut = (tmp_path / f"{name}.tar" for name in ("good", "bad", "cut"))
    good.write_bytes(tar({f"{number}.avro": packet for number, packet in enumerate(packets[:4])}))
    bad.write_bytes(tar({"4.avro": packets[4], "._4.avro": b"\0\x05", "large.avro": bytes(MAX_MESSAGE_BYTES + 1)}))
    members = tar({f"{number}.avro": packet for number, packet in enumerate(packets[5:])})
    cut.write_bytes(members[: 3 * (512 + 1024)])
    sent = starsieve("replay", good, "-b", kafka, "-t", topic)
    assert (sent.returncode, "4 messages sent" in sent.stderr) == (0, True)
    sent = starsieve("replay", bad, cut, "-b", kafka, "-t", topic)
    assert sent.returncode == 1
    assert "4 messages sent" in sent.stderr
    assert "2 packets or files could not be read" in sent.stderr
    assert f"{bad}/large.avro: it is larger than" in sent.stderr
    assert f"{cut}: it ends too early" in sent.stderr
    assert sorted(message.value() for message in topics.read_committed(kafka, topic)) == packets[:8]


@pytest.mark.parametrize("loop", [[], ["--loop"]])
def test_nothing_to_send_is_wrong_usage_and_kafka_is_left_alone(tmp_path: Path, loop: list[str]):
    (tmp_path / "night.tar").write_bytes(tar({"readme.txt": b"hello"}))
    result = starsieve("replay", tmp_path, "-b", "localhost:1", "-t", "alerts", *loop)
    assert result.returncode == 2
    assert f"{tmp_path}/night.tar: it holds no packets" in result.stderr


def tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
