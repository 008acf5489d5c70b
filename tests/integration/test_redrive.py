"""Dead letters put back on a real Kafka: each once, whatever is chosen, and whenever it is killed."""

import io
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AclOperation,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from starsieve.broker.dead_letters import dead_letter
from starsieve.broker.kafka.messages import OWN_MARK, Incoming
from starsieve.broker.settings import KafkaSettings, Settings
from starsieve.broker.surveys import AlertError
from starsieve.broker.tools.redrive import Selection, redrive
from starsieve.features.tools.errors import CommandError
from tests.integration import topics
from tests.integration.conftest import MakeStream
from tests.integration.packets import SCHEMA, night, star
from tests.integration.processes import Process, eventually
from tests.integration.servers import SecuredKafka
from tests.integration.streams import TIMEOUT
from tests.integration.test_commands import starsieve

pytestmark = pytest.mark.kafka

REASONS = ("not_avro", "corrupt")


class Letters:
    """A topic of dead letters and one that they came from; what is told to `redrive` of them."""

    def __init__(self, kafka: str) -> None:
        self.kafka = kafka
        self.alerts = topics.create_topic(kafka, partitions=2, prefix="alerts")
        self.topic = topics.create_topic(kafka, partitions=2, prefix="letters")
        self.options = ["-b", kafka, "--dead-letter-topic", self.topic, "--group", f"group-of-{self.topic}"]

    def write(
        self, numbers: Sequence[int], *, redrives: int = 0, time_ms: int = 0, reason: str = "", padding: bytes = b""
    ) -> None:
        """Letters of the packets `packet NUMBER`, whose reasons take turns."""
        settings = Settings(kafka=KafkaSettings(dead_letter_topic=self.topic))
        with Producer({"bootstrap.servers": self.kafka}) as producer:
            for number in numbers:
                headers = [("starsieve_redrives", str(redrives).encode())] if redrives else []
                message = Incoming(self.alerts, 0, number, None, None, b"packet %d" % number + padding, list(headers))
                error = AlertError(reason or REASONS[number % 2], "as a test has it")
                letter = dead_letter(message, settings, {0: error})
                value = b"" if reason == "too_large" else letter.value
                producer.produce(self.topic, value, headers=[OWN_MARK, *letter.headers], timestamp=time_ms)

    def redrive(self, *options: str | Path) -> str:
        done = starsieve("redrive", *self.options, *options)
        assert done.returncode == 0, done.stderr
        return done.stderr + done.stdout

    def redrive_some(self, selection: Selection) -> int:
        """How many were put back: in this process, which is quicker."""
        return redrive(self.settings(self.kafka), selection, print, threading.Event()).put_back

    def settings(self, address: str, options: Mapping[str, str] = {}) -> KafkaSettings:
        return KafkaSettings.model_validate(
            {
                "bootstrap_servers": address,
                "dead_letter_topic": self.topic,
                "group": f"group-of-{self.topic}",
                "options": options,
            }
        )

    def put_back(self) -> list[int]:
        """The numbers of the packets that came back, sorted."""
        values = [message.value() or b"" for message in topics.read_committed(self.kafka, self.alerts)]
        return sorted(int(value.split()[1]) for value in values)


@pytest.fixture
def letters(kafka: str) -> Letters:
    return Letters(kafka)


def test_each_is_put_back_once_whatever_is_chosen(letters: Letters) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight_ms = int(midnight.timestamp() * 1000)
    letters.write(range(10), time_ms=midnight_ms - 1)
    letters.write(range(10, 20), time_ms=midnight_ms)
    corrupt = frozenset({"corrupt"})
    assert letters.redrive_some(Selection(corrupt, since=midnight)) == 5
    assert letters.put_back() == list(range(11, 20, 2))
    assert letters.redrive_some(Selection(corrupt)) == 5
    assert letters.put_back() == [*range(1, 11, 2), *range(11, 20, 2)]
    assert letters.redrive_some(Selection(until=midnight)) == 5
    assert letters.put_back() == [*range(10), *range(11, 20, 2)]
    assert letters.redrive_some(Selection()) == 5
    assert letters.redrive_some(Selection()) == 0
    letters.write(range(20, 25))
    assert letters.redrive_some(Selection()) == 5
    assert letters.put_back() == list(range(25))


def test_it_gives_up_in_the_end_and_says_what_cannot_be_put_back(letters: Letters) -> None:
    letters.write(range(4), redrives=2)
    letters.write(range(4, 7), redrives=3)
    letters.write(range(7, 9), reason="too_large")
    topics.produce(letters.kafka, letters.topic, [b"a stranger's"])
    said = letters.redrive()
    assert letters.put_back() == [0, 1, 2, 3]
    assert "4 dead letters put back" in said
    assert "3 were given up" in said
    assert "2 cannot be put back: they hold no packet" in said
    assert "1 are not starsieve's" in said
    letters.redrive("--limit", "4")
    assert letters.put_back() == list(range(7))
    counts = Counter(str(message.headers()[0]) for message in topics.read_committed(letters.kafka, letters.alerts))
    assert counts == {"('starsieve_redrives', b'3')": 4, "('starsieve_redrives', b'4')": 3}


def test_they_are_listed_and_saved_and_stay(letters: Letters, tmp_path: Path) -> None:
    letters.write(range(5))
    letters.write([5], reason="too_large")
    listed = letters.redrive("--list")
    assert "not_avro" in listed
    assert "too_large" in listed
    letters.redrive("--save", tmp_path / "packets", "--reason", "not_avro", "--reason", "too_large")
    saved = sorted(path.read_bytes() for path in (tmp_path / "packets").iterdir())
    assert saved == [f"packet {number}".encode() for number in (0, 2, 4)]
    assert letters.put_back() == []


def test_letters_that_share_a_message_are_all_saved_and_strangers_are_told_of(letters: Letters, tmp_path: Path) -> None:
    letters.write([2, 2, 2])
    topics.produce(letters.kafka, letters.topic, [b"a stranger's"])
    said = letters.redrive("--list", "--save", tmp_path)
    assert "not_avro" in said
    assert "3 packets in" in said
    assert "1 are not starsieve's" in said
    assert len(list(tmp_path.iterdir())) == 3


def test_letters_of_topics_that_are_gone_stay_until_there_is_one(letters: Letters) -> None:
    """They are noted apart, nothing is created for them, and the others go on."""
    alerts = letters.alerts
    letters.write(range(0, 10, 2))
    letters.alerts = gone = f"gone-{alerts}"
    letters.write(range(1, 10, 2))
    letters.alerts = alerts
    for _ in range(2):
        said = letters.redrive()
        assert f"5 stay where they are: {gone} is absent" in said
        assert letters.put_back() == list(range(0, 10, 2))
    admin = AdminClient({"bootstrap.servers": letters.kafka})
    assert gone not in admin.list_topics(timeout=TIMEOUT).topics
    admin.create_topics([NewTopic(gone, 1, 1)])[gone].result(TIMEOUT)
    assert "5 dead letters put back" in letters.redrive()
    assert "0 dead letters put back" in letters.redrive()
    assert letters.put_back() == list(range(0, 10, 2))
    letters.alerts = gone
    assert letters.put_back() == list(range(1, 10, 2))


def test_letters_larger_than_their_topic_takes_stay_and_the_others_go_on(letters: Letters) -> None:
    narrow = topics.create_topic(letters.kafka, prefix="narrow", max_bytes=1000)
    wide, letters.alerts = letters.alerts, narrow
    letters.write([1], padding=b" " + random.Random(1).randbytes(2000).hex().encode())
    letters.alerts = wide
    letters.write([0, 2, 3])
    for count in (3, 0):
        said = letters.redrive()
        assert f"{count} dead letters put back" in said
        assert f"1 stay where they are: {narrow} does not take one of them, raise its max.message.bytes" in said
        assert letters.put_back() == [0, 2, 3]
    admin = AdminClient({"bootstrap.servers": letters.kafka})
    raised = ConfigEntry("max.message.bytes", "10000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, narrow, incremental_configs=[raised])
    admin.incremental_alter_configs([resource])[resource].result(TIMEOUT)
    assert "1 dead letters put back" in letters.redrive()
    letters.alerts = narrow
    assert letters.put_back() == [1]


def test_what_cannot_be_meant_is_refused(letters: Letters) -> None:
    letters.write(range(2))
    for options, told in (
        (["--reason", "nonsense"], "no letter is left of nonsense; left are: corrupt, not_avro"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], "no letter can be both"),
        (["--dead-letter-topic", "mistyped"], "there is no topic 'mistyped'"),
    ):
        done = starsieve("redrive", *letters.options, *options)
        assert done.returncode == 2, done.stderr
        assert told in done.stderr
    assert letters.put_back() == []


def test_a_redrive_that_is_killed_is_gone_on_with(letters: Letters, tmp_path: Path) -> None:
    """Small transactions, each killed at another place, until one is through."""
    letters.write(range(3000))
    command = [sys.executable, "-m", "starsieve.broker.cli", "redrive", *letters.options]
    environment = dict(os.environ) | {"STARSIEVE_KAFKA__BATCH_SIZE": "10"}
    seen = [0]
    for attempt in range(3):
        (folder := tmp_path / str(attempt)).mkdir()
        process = Process(command, folder, environment)
        process.launch()
        eventually(
            lambda process=process: process.ended() or written(letters) > seen[-1] + 50, "some are put back", TIMEOUT
        )
        process.kill()
        seen.append(written(letters))
    assert seen[1] < seen[2] < seen[3] < 3000, "each was killed in the middle"
    letters.redrive()
    assert letters.put_back() == list(range(3000))


def written(letters: Letters) -> int:
    """How many offsets the topic has, those of open and aborted transactions and their markers too."""
    with Consumer({"bootstrap.servers": letters.kafka, "group.id": "reader"}) as consumer:
        ends = [consumer.get_watermark_offsets(TopicPartition(letters.alerts, part), TIMEOUT) for part in range(2)]
    return sum(end for _, end in ends)


def test_two_at_a_time_put_back_each_once(letters: Letters, tmp_path: Path) -> None:
    letters.write(range(2000))
    command = [sys.executable, "-m", "starsieve.broker.cli", "redrive", *letters.options]
    environment = dict(os.environ) | {"STARSIEVE_KAFKA__BATCH_SIZE": "10"}
    processes = []
    for name in "ab":
        (folder := tmp_path / name).mkdir()
        processes.append(Process(command, folder, environment))
        processes[-1].launch()
        time.sleep(0.5)
    for process in processes:
        process.wait(TIMEOUT)
    letters.redrive()
    assert letters.put_back() == list(range(2000))


def test_the_rights_that_are_documented_are_enough(secured_kafka: SecuredKafka) -> None:
    letters = Letters(secured_kafka.address)
    letters.write(range(10))
    kafka = letters.settings(secured_kafka.sasl_address, secured_kafka.options())
    for kind, name, operation in (
        (ResourceType.TOPIC, letters.topic, AclOperation.READ),
        (ResourceType.TOPIC, letters.alerts, AclOperation.WRITE),
        (ResourceType.GROUP, f"{kafka.group}-redrive", AclOperation.READ),
        (ResourceType.TRANSACTIONAL_ID, f"{kafka.group}-redrive", AclOperation.WRITE),
    ):
        with pytest.raises(CommandError, match=r"authorization|Authorization"):
            redrive(kafka, Selection(), print, threading.Event())
        secured_kafka.allow("starsieve", kind, name, operation)
    mine, letters.alerts = letters.alerts, topics.create_topic(letters.kafka, prefix="not-ours")
    letters.write(range(3))
    tally = redrive(kafka, Selection(), print, threading.Event())
    assert tally.put_back == 10
    assert tally.held == {letters.alerts: 3}
    assert letters.put_back() == []
    letters.alerts = mine
    assert letters.put_back() == list(range(10))


def test_workers_answer_what_is_put_back_and_of_a_container_only_what_was_bad(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    """The store was wrong for one object: its alerts are put back once that is mended."""
    stream = make_stream(kafka, redis_url)
    records: list[Any] = [next(iter(fastavro.reader(io.BytesIO(packet)))) for packet in night(stars=3, alerts=1)]
    container = io.BytesIO()
    fastavro.writer(container, SCHEMA, records)
    with redis.Redis.from_url(redis_url) as client:
        client.set("{ztf:ZTF20test0001}:epochs", b"no list")
        stream.produce([container.getvalue(), *star(1, alerts=2), b"no packet"])
        stream.worker("reader")
        stream.wait_for(4)
        assert len(stream.answers()) == 2
        client.delete("{ztf:ZTF20test0001}:epochs")
    options = ["-b", kafka, "--dead-letter-topic", stream.dead_letters, "--group", stream.group]
    done = starsieve("redrive", *options)
    assert "4 dead letters put back" in done.stderr
    eventually(lambda: len(stream.refused()) == 5, "what is still bad is a letter again", TIMEOUT)
    stream.wait_for(8)
    answered = Counter(answer["objectId"] for answer in stream.answers())
    assert answered == {"ZTF20test0000": 1, "ZTF20test0001": 3, "ZTF20test0002": 1}
    stream.finish(8)
    assert "1 were given up" in starsieve("redrive", *options, "--limit", "1").stderr
