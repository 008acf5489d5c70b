"""From messages to answers, over a store that is a dictionary."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import fastavro
import numpy as np
import pytest
import redis

from starsieve.broker.drift import Drift, Window
from starsieve.broker.epochs import EPOCH, merge
from starsieve.broker.kafka.messages import Incoming
from starsieve.broker.pipeline import Pipeline
from starsieve.broker.settings import Settings
from starsieve.broker.store import Change, LightCurves, Stored
from starsieve.models.serving.classifier import Classifier
from tests.integration.packets import star
from tests.models.made_networks import make, spoil


class Dictionary(LightCurves):
    def __init__(self) -> None:
        self.kept: dict[str, Stored] = {}

    def read(self, object_ids: Iterable[str]) -> dict[str, Stored]:
        return {name: self.kept.get(name, Stored(np.empty(0, EPOCH))) for name in object_ids}

    def write(
        self, changes: Iterable[Change], stored: Mapping[str, Stored], *, time_to_live_s: int | None = None
    ) -> None:
        for one in changes:
            state = one.search_state or stored[one.object_id].search_state
            self.kept[one.object_id] = Stored(merge([stored[one.object_id].epochs, one.new_epochs]), state)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """A network that was trained with 24 epochs."""
    folder = tmp_path_factory.mktemp("made") / "network"
    make(folder)
    spoil(folder, lambda card: card.update(min_epochs=24))
    return Classifier(folder)


@pytest.mark.parametrize(("setting", "needed"), [(None, 24), (24, 24), (27, 27), (20, 24)])
def test_a_band_needs_the_epochs_of_the_network_or_more(
    classifier: Classifier, setting: int | None, needed: int
) -> None:
    """Twenty is what a worker was started with, before the network was activated."""
    settings = Settings(min_epochs=setting)
    drift = Drift(Window(redis.Redis(), "ztf"))  # that counts, and is never asked to send
    pipeline = Pipeline(settings, Dictionary(), lambda: classifier, lambda call: call(), drift)
    messages = [Incoming("alerts", 0, n, None, None, packet, []) for n, packet in enumerate(star(1, alerts=58))]
    values = [answer.value for message in messages for answer in pipeline.answer([message], 0)]
    answers: list[dict[str, Any]] = [next(iter(fastavro.reader(io.BytesIO(value)))) for value in values]
    fullest = [max(band["epochs"] for band in each["bands"]) for each in answers]
    assert [each["status"] == "CLASSIFIED" for each in answers] == [epochs >= needed for epochs in fullest]
    assert max(fullest) > 27
