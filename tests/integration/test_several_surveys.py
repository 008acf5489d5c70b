"""Several surveys in one worker: each has its topics, reader, network, part of the store; all share a transaction."""

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from starsieve.broker import worker
from starsieve.broker.kafka import consumer
from starsieve.broker.kafka.consumer import AlertConsumer
from starsieve.broker.settings import KafkaSettings, Settings, SettingsError
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.packets import decode
from tests.broker.surveys.lsst_packets import frame, record, star
from tests.integration import packets, topics
from tests.integration.conftest import MakeStream, MakeTopic
from tests.integration.processes import eventually
from tests.integration.streams import TIMEOUT, Stream, assert_each_alert_answered_once, assert_stored
from tests.integration.test_lsst import assert_stored as assert_stored_of_rubin
from tests.integration.test_lsst import packets as real_packets


def surveys(stream: Stream, rubin: str, **lsst: Any) -> str:
    return json.dumps({"ztf": {"topics": [stream.alerts]}, "lsst": {"topics": [rubin], **lsst}})


def key(answer: dict[str, Any]) -> tuple[str, int]:
    return answer["survey"], answer["alertId"]


@pytest.mark.kafka
@pytest.mark.parametrize("common", [True, False])
def test_one_worker_answers_each_alert_as_its_own_survey(
    kafka: str,
    redis_url: str,
    make_stream: MakeStream,
    make_topic: MakeTopic,
    data_dir: Path,
    common: bool,
) -> None:
    """What it says is what a worker of that survey alone says; batches have messages of both."""
    of_ztf, of_lsst = packets.night(stars=3, alerts=45), list(real_packets(data_dir).values())
    stream = make_stream(kafka, redis_url)
    rubin, its_outcomes = make_topic(prefix="rubin"), make_topic(prefix="rubin-outcomes")
    stream.read.append(rubin)
    stream.produce(of_ztf)
    topics.produce(kafka, rubin, of_lsst)
    own = {} if common else {"output_topic": its_outcomes, "min_epochs_together": 10_000}
    told = surveys(stream, rubin, **own)
    stream.worker("both", surveys=told, kafka__topics=None, kafka__batch_size="50")
    stream.finish(len(of_ztf) + len(of_lsst))
    answers = [*stream.answers(), *stream.answers(its_outcomes)]
    decoded = [
        (survey, each)
        for survey, sent in (("ztf", of_ztf), ("lsst", of_lsst))
        for p in sent
        for each in decode(p, survey)
    ]
    alerts = [(survey, each) for survey, each in decoded if isinstance(each, Alert)]
    assert sorted(map(key, answers)) == sorted((survey, each.alert_id) for survey, each in alerts)
    assert {each["survey"] for each in stream.answers()} == ({"ztf", "lsst"} if common else {"ztf"})
    assert {each["survey"] for each in stream.answers(its_outcomes)} == (set() if common else {"lsst"})
    letters = Counter((headers["survey"], headers["reason"]) for headers, _ in stream.refused())
    assert letters == Counter((survey, each.reason) for survey, each in decoded if not isinstance(each, Alert))
    statuses = Counter((each["survey"], each["classifierName"], each["status"]) for each in answers)
    assert statuses["ztf", "starsieve-ztf", "CLASSIFIED"] > 0
    assert (statuses["lsst", "starsieve-lsst", "CLASSIFIED"] > 0) is common, "10,000 epochs are asked for"
    assert_stored(redis_url, of_ztf)
    assert_stored_of_rubin(redis_url, [each for survey, each in alerts if survey == "lsst"])


@pytest.mark.kafka
def test_a_worker_that_is_killed_leaves_both_surveys_answered_once(
    kafka: str, redis_url: str, make_stream: MakeStream, make_topic: MakeTopic
) -> None:
    sources, photometry = star(60, np.random.default_rng(1), amplitude=0.3)
    of_lsst = [frame(record(now, sources[max(0, n - 5) : n], photometry[: n + 1])) for n, now in enumerate(sources)]
    of_ztf = packets.night(stars=2, alerts=30)
    stream = make_stream(kafka, redis_url)
    stream.read.append(rubin := make_topic(prefix="rubin"))
    stream.produce(of_ztf)
    topics.produce(kafka, rubin, of_lsst)
    told = {"surveys": surveys(stream, rubin), "kafka__topics": None}
    first = stream.worker("first", **told)
    stream.wait_for(20)
    first.kill()
    stream.worker("second", **told)
    stream.finish(120)
    assert_each_alert_answered_once(stream)
    assert Counter(each["survey"] for each in stream.answers()) == {"ztf": 60, "lsst": 60}


@pytest.mark.kafka
def test_a_topic_of_two_surveys_is_refused_at_start_and_told(
    kafka: str, redis_url: str, make_stream: MakeStream, make_topic: MakeTopic
) -> None:
    stream = make_stream(kafka, redis_url)
    told = json.dumps({"ztf": {"topics": [f"^{stream.alerts}"]}, "lsst": {"topics": [f"^{stream.alerts[:-1]}"]}})
    process = stream.worker("both", surveys=told, kafka__topics=None)
    assert process.wait(60) == 2
    assert f"{stream.alerts}: of more than one of `surveys`" in process.output()


@pytest.mark.kafka
def test_a_topic_of_two_surveys_that_comes_later_is_left_out(
    kafka: str, make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "_REFRESH_S", 0.0)
    night, stop = make_topic(prefix="night"), threading.Event()
    settings = KafkaSettings(bootstrap_servers=kafka, group=f"group-of-{night}")
    both = [settings.model_copy(update={"topics": wanted}) for wanted in ([f"^{night}"], [f"^{night}-.*$"])]
    with AlertConsumer(settings, stop, surveys=both) as reader:
        eventually(lambda: not reader.poll(10) and reader.joined, "it reads", TIMEOUT)
        contested = topics.create_topic(kafka, prefix=f"{night}-2")
        topics.produce(kafka, contested, [b"nobody's"])
        topics.produce(kafka, night, [b"one", b"two"])
        found: list[bytes] = []

        def both_came() -> bool:
            found.extend(each.value for each in reader.poll(10))
            return len(found) == 2

        eventually(both_came, "the others go on", TIMEOUT)
        assert sorted(found) == [b"one", b"two"]
        assert reader.lag().keys() == {(night, 0)}


@pytest.mark.parametrize(
    ("lsst", "told"),
    [
        ({"lsst": {"topics": ["b"]}}, "no network of 'lsst'"),
        ({"mysky": {"topics": ["b"]}}, "'mysky' has no reader"),
        ({"lsst": {"topics": ["b"]}, "ztf": {"topics": ["a"], "output_format": "nonsense"}}, "nonsense"),
    ],
)
def test_each_survey_is_checked_before_anything_starts(
    lsst: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.registry, "surveys", lambda: ["ztf"])
    settings = Settings.model_validate({"metrics_port": 0, "surveys": {"ztf": {"topics": ["a"]}, **lsst}})
    with pytest.raises((SettingsError, worker.installed.UsageError), match=told):
        worker.run(settings, threading.Event())
