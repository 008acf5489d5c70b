"""A subscriber of a topic on a real Kafka: since when, of what, in which format, and as a table."""

import csv
import threading
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from confluent_kafka.cimpl import NewTopic

from starsieve.broker.client import Outcome, Subscriber, TopicError, Wanted
from starsieve.broker.kafka.messages import Incoming
from starsieve.broker.outputs import ENCODERS
from starsieve.broker.settings import KafkaSettings
from tests.broker.outputs.published import message
from tests.integration import topics
from tests.integration.test_commands import starsieve

pytestmark = pytest.mark.kafka

NOON_MS = 1_768_824_000_000  # 2026-01-19T12:00Z
MIDNIGHT = datetime.now(UTC).replace(
    hour=0, minute=0, second=0, microsecond=0
)  # Kafka deletes what is older than a week
DAY = timedelta(days=1)
TIMEOUT = 60


def publish(kafka: str, messages: Iterable[Incoming], *, time_ms: int = 0, partition: int = 0) -> None:
    with Producer({"bootstrap.servers": kafka}) as producer:
        for each in messages:
            producer.produce(
                each.topic, each.value, each.key, partition=partition, headers=each.headers, timestamp=time_ms
            )


def ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def settings(kafka: str, topic: str) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka, output_topic=topic)


@pytest.fixture(scope="module")
def topic(kafka: str) -> str:
    """Two days of outcomes in two partitions: of each format a star with and one without a class."""
    name = topics.create_topic(kafka, partitions=2)
    for day in (0, 1):
        for number, format_name in enumerate(ENCODERS):
            stars = [
                message(name, f"{format_name} {epochs}", epochs=epochs, format_name=format_name, time_ms=NOON_MS + day)
                for epochs in (5, 60)
            ]
            publish(kafka, stars, time_ms=ms(MIDNIGHT - DAY / 2 + day * DAY / 2), partition=number % 2)
    return name


def read(kafka: str, topic: str, since: date | str = "beginning", wanted: Wanted = Wanted()) -> list[Outcome]:  # noqa: B008
    with Subscriber(settings(kafka, topic), since=since, wanted=wanted, idle_s=0) as outcomes:
        return list(outcomes)


def test_several_topics_are_read_to_the_end_of_each(kafka: str, topic: str) -> None:
    other, late = topics.create_topic(kafka, partitions=3), f"{topic}-late"
    publish(kafka, [message(other, "elsewhere", epochs=60)], partition=2)
    everything = 2 * 2 * len(ENCODERS) + 2
    with Subscriber(kafka, topics=[topic, other, late], since="beginning", count=everything) as subscriber:
        outcomes = iter(subscriber)
        found = [next(outcomes)]
        publish(kafka, [message(late, "later", epochs=60)], partition=0)
        found += outcomes
    assert {each.object_id for each in found} >= {"elsewhere", "later", "json 60"}
    assert len({each.position.rpartition(":")[0] for each in found}) == 2 + 1 + 1


def test_all_of_a_topic_in_every_format(kafka: str, topic: str) -> None:
    found = read(kafka, topic)
    assert sorted(each.object_id for each in found) == sorted(
        f"{name} {epochs}" for name in ENCODERS for epochs in (5, 60) for _ in range(2)
    )
    assert {each.class_name for each in found} == {None, "RRAB"}


def test_since_a_time(kafka: str, topic: str) -> None:
    for midnight in (MIDNIGHT, MIDNIGHT.replace(tzinfo=None), MIDNIGHT.date(), str(MIDNIGHT.date())):
        assert len(read(kafka, topic, midnight)) == 2 * len(ENCODERS)
    assert read(kafka, topic, MIDNIGHT + 2 * DAY) == []
    assert len(read(kafka, topic, datetime(1960, 2, 1, tzinfo=UTC))) == 4 * len(ENCODERS)
    assert read(kafka, topic, "now") == []


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted(objects={"json 5", "starsieve 60"}), 4),
        (Wanted(classes={"RRAB"}, min_probability=0.5, min_period=0.5, max_period=0.6), 2 * len(ENCODERS)),
        (Wanted(max_period=0.5), 0),
    ],
)
def test_what_is_wanted(kafka: str, topic: str, wanted: Wanted, count: int) -> None:
    assert len(read(kafka, topic, wanted=wanted)) == count


def test_it_waits_for_its_topic_and_finds_new_partitions(kafka: str) -> None:
    name = f"late-{time.monotonic_ns()}"
    said: list[str] = []
    found: list[str] = []

    def follow() -> None:
        with Subscriber(settings(kafka, name), count=2, say=said.append) as outcomes:
            found.extend(each.object_id for each in outcomes)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    deadline = time.monotonic() + TIMEOUT
    while not said and time.monotonic() < deadline:
        time.sleep(0.05)
    assert said == [f"waiting for the topic {name!r}: there is none at {kafka} yet"]
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(TIMEOUT)
    publish(kafka, [message(name, "first")])
    while not found and time.monotonic() < deadline:
        time.sleep(0.05)
    admin.create_partitions([NewPartitions(name, 2)])[name].result(TIMEOUT)
    publish(kafka, [message(name, "second")], partition=1)
    thread.join(TIMEOUT)
    assert found == ["first", "second"]


def test_what_is_no_time_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        Subscriber("nowhere:9092", since="yesterday")


def test_a_topic_that_never_comes_is_an_error(kafka: str) -> None:
    with Subscriber(settings(kafka, "nothing"), idle_s=1) as outcomes, pytest.raises(TopicError, match="no topic"):
        list(outcomes)


def test_who_takes_its_time_with_an_outcome_is_given_the_next(kafka: str, topic: str) -> None:
    with Subscriber(settings(kafka, topic), since="beginning", idle_s=0) as outcomes:
        for number, _ in enumerate(outcomes):
            time.sleep(0.3 if number < 2 else 0)
    assert number == 4 * len(ENCODERS) - 1


def test_it_ends_once_it_is_told_to(kafka: str, topic: str) -> None:
    stop = threading.Event()
    with Subscriber(settings(kafka, topic), since="beginning", stop=stop) as outcomes:
        for number, _ in enumerate(outcomes):
            if number == 3:
                stop.set()
    assert number == 3


def test_the_newest_of_each_object_as_a_table(kafka: str, topic: str, tmp_path: Path) -> None:
    tail = ["tail", "-b", kafka, "--output-topic", topic, "--from-beginning", "--latest", "--idle", "0", "-o"]
    for name in ("found.csv", "found.parquet"):
        done = starsieve(*tail, tmp_path / name, "--class", "RRAB")
        assert (done.returncode, done.stderr) == (0, f"{len(ENCODERS)} rows in {tmp_path / name}\n"), done.stderr
    with (tmp_path / "found.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "found.parquet").to_pylist()
    assert [row["object_id"] for row in rows] == sorted(f"{name} 60" for name in ENCODERS)
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in table] == rows
    (json_row,) = (row for row in table if row["object_id"] == "json 60")
    assert json_row["time"] == "2026-01-19T12:00:00.001000+00:00", "that of the second day"
    assert (json_row["class"], json_row["epochs"], json_row["ra"]) == ("RRAB", 60, 150.0)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["-o", "table.fits"], "a table ends in one of .parquet, .csv, .ecsv"),
        (["-o", "table.csv", "--json"], "choose one"),
        (["--since", "yesterday"], "--since: 'yesterday' is no time"),
        (["--since", "2026-01-19", "--from-beginning"], "choose one"),
        (["--min-probability", "2"], "--min-probability"),
    ],
)
def test_what_is_typed_wrong_is_told_before_the_work(arguments: list[str], why: str) -> None:
    done = starsieve("tail", "-b", "127.0.0.1:1", *arguments)
    assert done.returncode == 2
    assert why in done.stderr
