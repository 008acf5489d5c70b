"""What no test can do from outside: a failed seek, a lost reply, a bug. The worker runs in a thread of the test."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from starsieve.broker import worker as stream_worker
from starsieve.broker.blame import MOST_ALIKE, WorkerError
from starsieve.broker.kafka import consumer as consumers
from starsieve.broker.kafka import publisher as publishers
from starsieve.broker.kafka.publisher import Publisher
from starsieve.broker.process import process
from starsieve.broker.settings import KafkaSettings, RedisSettings, Settings
from starsieve.broker.surveys import Alert
from tests.integration.conftest import MakeStream
from tests.integration.packets import night, star
from tests.integration.processes import eventually
from tests.integration.streams import TIMEOUT, Stream, assert_each_alert_answered_once, assert_stored

pytestmark = pytest.mark.kafka


class Worker(threading.Thread):
    """`worker.run` on a stream, and how it ended."""

    def __init__(self, stream: Stream, batch_size: int = 5, **options: str) -> None:
        super().__init__(daemon=True)
        self.settings = Settings(
            worker="thread",
            kafka=KafkaSettings.model_validate(
                {
                    "bootstrap_servers": stream.kafka,
                    "topics": [stream.alerts],
                    "group": stream.group,
                    "output_topic": stream.outcomes,
                    "dead_letter_topic": stream.dead_letters,
                    "batch_size": batch_size,
                    "options": options,
                }
            ),
            redis=RedisSettings.model_validate({"url": stream.redis}),
        )
        self.stop = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            stream_worker.run(self.settings, self.stop)
        except Exception as error:
            self.error = error


@contextmanager
def running(stream: Stream, batch_size: int = 5, **options: str) -> Iterator[Worker]:
    worker = Worker(stream, batch_size, **options)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop.set()
        worker.join(TIMEOUT)
    assert not worker.is_alive()


def answered(stream: Stream, alerts: int, worker: Worker) -> None:
    eventually(lambda: stream.progress() >= alerts or not worker.is_alive(), f"{alerts} alerts dealt with", TIMEOUT)
    assert worker.error is None
    assert stream.progress() >= alerts


class Failing:
    """A client some of whose calls fail, before or after they are carried out."""

    def __init__(self, client: Any, method: str, fault: Callable[[Callable[..., Any]], Any]) -> None:
        self._client, self._method, self._fault = client, method, fault

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        return self._fault(real) if name == self._method else real


def with_fault(
    monkeypatch: pytest.MonkeyPatch, module: Any, client: type, method: str, fault: Callable[..., Any]
) -> None:
    def faulty(*arguments: Any, **options: Any) -> Failing:
        return Failing(client(*arguments, **options), method, fault)

    monkeypatch.setattr(module, client.__name__, faulty)


def test_a_seek_that_fails_is_tried_until_it_works(
    kafka: str, redis_url: str, make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make_stream(kafka, redis_url, partitions=2)
    sent = night(stars=4, alerts=20)
    stream.produce(sent)
    seeks, commits = [], []

    def seek_fails_at_first(real: Callable[..., Any]) -> Callable[..., Any]:
        def seek(position: TopicPartition) -> None:
            seeks.append(position)
            if len(seeks) <= 3:
                raise KafkaException(KafkaError(KafkaError._STATE))
            real(position)

        return seek

    def commit_fails_twice(real: Callable[..., Any]) -> Callable[..., Any]:
        def commit(timeout: float) -> None:
            commits.append(timeout)
            if len(commits) in (2, 5):
                raise KafkaException(KafkaError(KafkaError._FAIL))
            real(timeout)

        return commit

    with_fault(monkeypatch, consumers, Consumer, "seek", seek_fails_at_first)
    with_fault(monkeypatch, publishers, Producer, "commit_transaction", commit_fails_twice)
    with running(stream) as worker:
        answered(stream, len(sent), worker)
    assert len(seeks) > 3
    assert_each_alert_answered_once(stream)
    assert_stored(redis_url, sent)


def test_a_commit_whose_answer_is_lost_is_not_done_again(
    kafka: str, redis_url: str, make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make_stream(kafka, redis_url)
    sent = night(stars=4, alerts=20)
    stream.produce(sent)
    commits = []

    def committed_but_said_to_fail(real: Callable[..., Any]) -> Callable[..., Any]:
        def commit(timeout: float) -> None:
            real(timeout)
            commits.append(timeout)
            if len(commits) in (2, 4):
                raise KafkaException(KafkaError(KafkaError._FAIL))

        return commit

    with_fault(monkeypatch, publishers, Producer, "commit_transaction", committed_but_said_to_fail)
    with running(stream) as worker:
        answered(stream, len(sent), worker)
    assert len(commits) > 4
    assert_each_alert_answered_once(stream)


def test_a_producer_whose_abort_stays_in_conflict_is_replaced(
    kafka: str, redis_url: str, make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As librdkafka leaves it when a fatal error ends a commit: no call helps, though the error says retriable."""
    stream = make_stream(kafka, redis_url)
    sent = night(stars=2, alerts=10)
    stream.produce(sent)
    conflict = KafkaError(
        KafkaError._CONFLICT, "commit_transaction is already in progress", fatal=False, retriable=True
    )
    producers: list[Any] = []

    class Stuck(Failing):
        def commit_transaction(self, timeout: float) -> None:
            raise KafkaException(KafkaError(KafkaError._FAIL))

        def abort_transaction(self, timeout: float) -> None:
            raise KafkaException(conflict)

    def first_is_stuck(*arguments: Any, **options: Any) -> Any:
        real = Producer(*arguments, **options)
        producers.append(real)
        return Stuck(real, "", lambda call: call) if len(producers) == 1 else real

    monkeypatch.setattr(publishers, "Producer", first_is_stuck)
    with running(stream) as worker:
        answered(stream, len(sent), worker)
    assert len(producers) == 2
    assert_each_alert_answered_once(stream)


def test_a_worker_fenced_by_one_of_the_same_name_loses_and_doubles_nothing(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    stream = make_stream(kafka, redis_url)
    sent = night(stars=6, alerts=100)
    stream.produce(sent)
    with running(stream) as worker:
        for alerts in (50, 150):
            answered(stream, alerts, worker)
            with Publisher(worker.settings.kafka, "thread", threading.Event()):
                pass  # the cluster now takes nothing more from the worker's producer
        answered(stream, len(sent), worker)
    assert_each_alert_answered_once(stream)


def test_an_output_topic_that_is_made_anew_with_fewer_partitions(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    stream = make_stream(kafka, redis_url)
    admin = AdminClient({"bootstrap.servers": kafka})
    sent = night(stars=4, alerts=40)
    stream.produce(sent[:80])
    with running(stream) as worker:
        answered(stream, 80, worker)
        admin.delete_topics([stream.outcomes])[stream.outcomes].result(TIMEOUT)
        eventually(lambda: stream.outcomes not in admin.list_topics(timeout=5).topics, "it is gone", TIMEOUT)
        admin.create_topics([NewTopic(stream.outcomes, 1, 1)])[stream.outcomes].result(TIMEOUT)
        stream.produce(sent[80:])
        answered(stream, len(sent), worker)
    assert len(stream.answers()) == 80


def test_messages_that_expired_before_they_were_read_are_counted(
    kafka: str, redis_url: str, make_stream: MakeStream, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = make_stream(kafka, redis_url)
    sent = night(stars=2, alerts=50)
    stream.produce(sent[:20])
    with running(stream) as worker:
        answered(stream, 20, worker)
    stream.produce(sent[20:])
    admin = AdminClient({"bootstrap.servers": kafka})
    first_kept = TopicPartition(stream.alerts, 0, 50)
    next(iter(admin.delete_records([first_kept]).values())).result(TIMEOUT)
    with running(stream) as worker:
        answered(stream, 50, worker)
        eventually(lambda: len(stream.answers()) == len(sent) - 30, "the rest is answered", TIMEOUT)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "messages_lost" in line]
    assert "30" in line


def test_a_batch_slower_than_kafka_waits_is_done_in_parts(
    kafka: str, redis_url: str, make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a scale of 1 to 50: Kafka gives a worker up after 6 s; 60 alerts take 12 s."""
    stream = make_stream(kafka, redis_url)
    sent = star(1, alerts=60)
    stream.produce(sent)

    def slow(alerts: list[Alert], *args: Any, **kwargs: Any) -> Any:
        time.sleep(0.2 * len(alerts))
        return process(alerts, *args, **kwargs)

    monkeypatch.setattr("starsieve.broker.pipeline.process", slow)
    with running(stream, 500, **{"max.poll.interval.ms": "6000", "session.timeout.ms": "6000"}) as worker:
        answered(stream, len(sent), worker)
    assert_each_alert_answered_once(stream)


def broken_for(monkeypatch: pytest.MonkeyPatch, is_broken: Callable[[Alert], bool]) -> None:
    def broken(alerts: list[Alert], *args: Any, **kwargs: Any) -> Any:
        if any(map(is_broken, alerts)):
            raise TypeError("a bug")
        return process(alerts, *args, **kwargs)

    monkeypatch.setattr("starsieve.broker.pipeline.process", broken)


def test_one_alert_that_we_have_a_bug_for_becomes_a_dead_letter(
    kafka: str, redis_url: str, make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make_stream(kafka, redis_url)
    sent = night(stars=3, alerts=10)
    stream.produce(sent)
    broken_for(monkeypatch, lambda alert: alert.alert_id == 10_003)
    with running(stream) as worker:
        answered(stream, len(sent), worker)
    assert_each_alert_answered_once(stream)
    ((headers, message),) = stream.refused()
    assert (headers["reason"], headers["detail"]) == ("internal_error", "TypeError: a bug")
    assert message.value() == sent[10]


@pytest.mark.parametrize(
    ("alerts", "passing", "why"),
    [(1, 0, "no alert has passed yet"), (40, 0, f"{MOST_ALIKE} alerts"), (40, 20, f"{MOST_ALIKE} alerts")],
)
def test_a_process_that_can_answer_nothing_ends_and_blames_no_alert(
    kafka: str,
    redis_url: str,
    make_stream: MakeStream,
    monkeypatch: pytest.MonkeyPatch,
    alerts: int,
    passing: int,
    why: str,
) -> None:
    stream = make_stream(kafka, redis_url)
    stream.produce(night(stars=10, alerts=4)[:alerts])
    seen: set[int] = set()

    def breaks_down(alert: Alert) -> bool:
        seen.add(alert.alert_id)
        return len(seen) > passing

    broken_for(monkeypatch, breaks_down)
    worker = Worker(stream, batch_size=10)
    worker.start()
    worker.join(TIMEOUT)
    assert isinstance(worker.error, WorkerError)
    assert why in str(worker.error)
    assert not stream.refused()
    assert stream.progress() == passing
