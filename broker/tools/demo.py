"""The demo: simulated alerts through an in-process Kafka, a real Valkey server and one worker, before one's eyes."""

import json
import threading
import time
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from starsieve.broker import simulate, worker
from starsieve.broker.avro import reader
from starsieve.broker.kafka.messages import incoming
from starsieve.broker.outcomes import top_class
from starsieve.broker.outputs.message import CLASSIFIED
from starsieve.broker.settings import KafkaSettings, RedisSettings, Settings
from starsieve.broker.simulate import SimulatedAlert, Star
from starsieve.broker.tools.embedded import ERRORS_ONLY, embedded_kafka, embedded_redis
from starsieve.broker.tools.tail import LiveTable
from starsieve.broker.warmup import warm_up
from starsieve.models.serving import registry


@dataclass(frozen=True)
class Show:
    """What is shown of a survey: alerts of so many nights, with what they are sent to."""

    topic: str
    nights: int
    #: The in-process Kafka keeps 5 MB a partition, and a run of packets may go to one: no more may wait.
    max_in_flight: int


SHOWS = {"ztf": Show("ztf_demo_programid1", 60, 60), "lsst": Show("lsst-alerts-v11", 30, 25)}
PATIENCE_S = 60.0
_CALL_S = 10.0
# The in-process Kafka answers a fetch only when its time is up. No word of librdkafka's below an error.
_OPTIONS = {"fetch.wait.max.ms": "10", "log_level": str(ERRORS_ONLY)}


@dataclass
class Summary:
    """What went in and what came out."""

    alerts: int = 0
    classified: int = 0
    not_classified: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    #: Top class of each object's latest classification.
    classes: dict[str, str] = field(default_factory=dict)
    #: Objects whose top class is their true one, and objects with a top class.
    right: int = 0
    judged: int = 0

    @property
    def outcomes(self) -> int:
        """All that came out, dead letters included."""
        return self.classified + self.not_classified.total() + self.dead_letters.total()

    @property
    def complete(self) -> bool:
        """Whether as many outcomes came out as alerts went in."""
        return self.outcomes == self.alerts

    def as_json(self) -> str:
        """The summary as one JSON object."""
        names = ("alerts", "classified", "not_classified", "dead_letters", "seconds")
        return json.dumps({name: getattr(self, name) for name in names})

    def as_table(self) -> Table:
        """The summary to read."""
        table = Table(title="summary", show_header=False)
        table.add_row("alerts in", f"{self.alerts:,}")
        table.add_row("outcomes out", f"{self.outcomes:,}")
        table.add_row("classified", f"{self.classified:,}")
        for reason, number in self.not_classified.most_common():
            table.add_row("not classified", f"{number:,}  {reason}")
        for reason, number in self.dead_letters.most_common():
            table.add_row("dead letters", f"{number:,}  {reason}")
        table.add_row("objects with their true class", f"{self.right:,} of {self.judged:,}")
        table.add_row("alerts per second", f"{self.alerts / self.seconds:,.0f}" if self.seconds else "")
        return table


def run(survey: str, objects: int, seed: int, console: Console) -> Summary:
    """Runs the demo to its end; a worker that stalls or dies leaves the summary incomplete.

    Raises:
        models.ModelError: no network of the survey comes with starsieve.
    """
    show, classes = SHOWS[survey], registry.load(survey).classes
    with console.status("Compiling the features, once on a machine; then the cache serves"):
        warm_up()
    stars = simulate.invented(survey, objects, show.nights, seed)
    summary, view = Summary(), LiveTable()
    progress = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    task = progress.add_task("alerts", total=simulate.count_alerts(stars))
    with _servers_and_worker(survey) as (kafka, thread), Live(console=console, refresh_per_second=4) as live:
        start = time.monotonic()
        for message in _exchange(simulate.alerts(stars), show.max_in_flight, kafka, summary, thread):
            _count(message, kafka, summary, view)
            progress.update(task, completed=summary.outcomes)
            live.update(Group(view.render(), progress))
        summary.seconds = round(time.monotonic() - start, 3)
    _judge(summary, stars, classes)
    return summary


@contextmanager
def _servers_and_worker(survey: str) -> Iterator[tuple[KafkaSettings, threading.Thread]]:
    with embedded_kafka() as address, embedded_redis() as redis:
        settings = Settings.model_construct(  # without the environment, which has no say here
            survey=survey,
            worker="demo",
            metrics_port=0,
            kafka=KafkaSettings(
                bootstrap_servers=address,
                topics=[SHOWS[survey].topic],
                options={name: SecretStr(value) for name, value in _OPTIONS.items()},
            ),
            redis=RedisSettings(url=SecretStr(redis)),
        )
        _create_topics(settings.kafka)
        stop = threading.Event()
        thread = threading.Thread(target=worker.run, args=(settings, stop), daemon=True)
        thread.start()
        try:
            yield settings.kafka, thread
        finally:
            stop.set()
            thread.join()


def _exchange(
    alerts: Iterator[SimulatedAlert],
    max_in_flight: int,
    kafka: KafkaSettings,
    summary: Summary,
    thread: threading.Thread,
) -> Iterator[Message]:
    """Sends alerts as fast as they are answered, and yields the answers."""
    more, last = True, time.monotonic()
    with Producer({**kafka.connection, "linger.ms": 5}) as producer, _reader(kafka) as answers:
        while (more or not summary.complete) and thread.is_alive() and time.monotonic() - last < PATIENCE_S:
            while more and summary.alerts - summary.outcomes < max_in_flight:
                alert = next(alerts, None)
                if alert is None:
                    more = False
                else:
                    producer.produce(kafka.topics[0], alert.packet)
                    summary.alerts += 1
            producer.poll(0)
            message = answers.poll(0.1)
            if message is not None and not message.error():
                last = time.monotonic()
                yield message


def _create_topics(kafka: KafkaSettings) -> None:
    """Asks for each topic: the in-process Kafka, which knows no other way, then creates it."""
    admin = AdminClient(kafka.connection)
    for topic in (*kafka.topics, kafka.output_topic, kafka.dead_letter_topic):
        admin.list_topics(topic, timeout=_CALL_S)


def _reader(kafka: KafkaSettings) -> Consumer:
    """Reads outcomes and dead letters from their beginning."""
    consumer = Consumer({**kafka.connection, "group.id": "demo", "enable.auto.commit": False})
    consumer.assign(
        [
            TopicPartition(topic, partition, OFFSET_BEGINNING)
            for topic in (kafka.output_topic, kafka.dead_letter_topic)
            for partition in consumer.list_topics(topic, timeout=_CALL_S).topics[topic].partitions
        ]
    )
    return consumer


def _count(message: Message, kafka: KafkaSettings, summary: Summary, view: LiveTable) -> None:
    arrived = incoming(message)
    if arrived.topic == kafka.dead_letter_topic:
        summary.dead_letters[str(dict(arrived.headers)["reason"])] += 1
        return
    (outcome,) = reader.records(arrived.value)
    view.add(outcome)
    if outcome["status"] == CLASSIFIED:
        summary.classified += 1
        summary.classes[outcome["objectId"]], _ = top_class(outcome)
    else:
        summary.not_classified[outcome["reason"]] += 1


def _judge(summary: Summary, stars: Sequence[Star], classes: Container[str]) -> None:
    """Compares with the truth, for stars of a class that the network knows."""
    truth = {star.object_id: star.label for star in stars if star.label in classes}
    found = {object_id: name for object_id, name in summary.classes.items() if object_id in truth}
    summary.judged = len(found)
    summary.right = sum(truth[object_id] == name for object_id, name in found.items())
