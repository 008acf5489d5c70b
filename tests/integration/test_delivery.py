"""Whoever dies, freezes, comes or goes: every alert is answered once, and no epoch is lost or doubled."""

import signal
import time
from itertools import islice

import pytest

from tests.integration.conftest import MakeStream
from tests.integration.packets import night
from tests.integration.servers import Kafka
from tests.integration.streams import TIMEOUT, assert_each_alert_answered_once, assert_stored

pytestmark = pytest.mark.kafka


def test_two_workers_share_what_there_is(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, redis_url, partitions=4)
    # Five stars over four partitions: each partition has alerts of each star. Each epoch is in one alert only.
    sent = night(stars=5, alerts=60, history_days=0)
    workers = [stream.worker("one"), stream.worker("two")]
    stream.wait_for_members(2)
    stream.produce(sent)
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
    assert_stored(redis_url, sent)
    assert all('"event": "batch"' in worker.log.read_text() for worker in workers)


def test_workers_come_and_go(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, redis_url, partitions=4)
    sent = night(stars=6, alerts=200)
    while_joining, while_leaving, afterwards = sent[:600], sent[600:900], sent[900:]
    first = stream.worker("first")
    stream.wait_for_members(1)
    stream.worker("second")
    trickle = iter(while_joining)
    while stream.members() < 2 and (part := list(islice(trickle, 8))):  # it joins while alerts keep coming
        stream.produce(part)
    stream.wait_for_members(2)
    stream.produce([*trickle, *while_leaving])
    first.send(signal.SIGTERM)
    assert first.wait(TIMEOUT) == 0
    stream.produce(afterwards)
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
    assert_stored(redis_url, sent)


def test_killed_worker_goes_on_where_it_was(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, redis_url, partitions=2)
    sent = night(stars=6, alerts=200)
    with stream.load(sent):
        for death in range(3):
            worker = stream.worker(f"life-{death}", worker="the-same")
            stream.wait_for(stream.progress() + 100)
            worker.kill()
    stream.worker("last-life", worker="the-same")
    stream.finish()
    assert_each_alert_answered_once(stream)
    assert_stored(redis_url, stream.inputs().values())


def test_worker_of_a_killed_neighbour_takes_over(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, redis_url, partitions=4)
    sent = night(stars=6, alerts=200)
    victim = stream.worker("victim")
    stream.worker("heir")
    stream.wait_for_members(2)
    with stream.load(sent):
        stream.wait_for(50)
        victim.kill()
        stream.wait_for(stream.progress() + 50)
    stream.finish()
    assert_each_alert_answered_once(stream)
    assert_stored(redis_url, stream.inputs().values())


def test_frozen_worker_that_wakes_up_publishes_nothing_twice(
    kafka: str, redis_url: str, make_stream: MakeStream
) -> None:
    stream = make_stream(kafka, redis_url, partitions=2)
    sent = night(stars=6, alerts=200)
    stream.produce(sent)
    frozen = stream.worker("frozen")
    stream.wait_for(100)
    frozen.pause()
    stream.worker("heir")
    stream.wait_for(len(sent))  # Kafka has given the frozen worker up, with its batch in hand
    frozen.resume()
    stream.wait_for_members(2)
    stream.finish(len(sent))
    assert_each_alert_answered_once(stream)
    assert_stored(redis_url, sent)


def test_first_signal_finishes_the_batch_and_leaves(kafka: str, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(kafka, redis_url)
    sent = night(stars=6, alerts=200)
    with stream.load(sent):
        for number in (signal.SIGTERM, signal.SIGINT):
            worker = stream.worker(number.name)
            stream.wait_for(stream.progress() + 60)
            worker.send(number)
            assert worker.wait(TIMEOUT) == 0
            assert stream.members() == 0
            assert stream.progress() == len(stream.answers())
    stream.worker("last")
    stream.finish()
    assert_each_alert_answered_once(stream)


def test_second_signal_stops_at_once(own_kafka: Kafka, redis_url: str, make_stream: MakeStream) -> None:
    stream = make_stream(own_kafka.address, redis_url)
    stream.produce(night(stars=6, alerts=200))
    worker = stream.worker("stuck")
    stream.wait_for(40)
    own_kafka.pause()  # the batch at hand cannot be finished
    worker.send(signal.SIGTERM)
    time.sleep(1)
    assert not worker.ended()
    worker.send(signal.SIGTERM)
    assert worker.wait(TIMEOUT) == 128 + signal.SIGTERM
