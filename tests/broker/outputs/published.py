"""Outcomes of a star, as a worker publishes them in each format."""

from dataclasses import replace
from functools import cache

from starsieve.broker.avro.reader import Record
from starsieve.broker.kafka.messages import OWN_MARK, Header, Incoming
from starsieve.broker.outputs import ENCODERS
from starsieve.broker.outputs.message import Provenance, headers
from starsieve.broker.process import Outcome
from starsieve.broker.surveys.packets import record_of
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier
from tests.broker.surveys.lsst_packets import container, record, source
from tests.broker.test_process import alert, light_curve, run


def alert_of_rubin() -> Record:
    """With the id of the star's alert, for formats that carry the alert: they look at nothing else of the outcome's."""
    return record_of(container(record(source(0, diaSourceId=7))), "lsst", 0)


PROVENANCE = Provenance(
    "ztf_20260101_programid1:3:14:0", 1_600_000_001_000, 1_600_000_002_000, 1_600_000_003_000, alert_of_rubin
)


@cache
def network() -> Classifier:
    return registry.load("ztf")


@cache
def star(epochs: int) -> Outcome:
    """An RR Lyrae star; 20 epochs and more are classified."""
    return run([alert(light_curve(epochs))], None, network())[0]


def message(
    name: str,
    object_id: str = "star",
    *,
    epochs: int = 60,
    format_name: str = "starsieve",
    time_ms: int = 1_600_000_000_000,
) -> Incoming:
    """As it arrives, with key and headers."""
    outcome = star(epochs)
    outcome = replace(outcome, alert=replace(outcome.alert, object_id=object_id, time_ms=time_ms))
    value = ENCODERS[format_name](outcome, network(), PROVENANCE)
    told: list[Header] = [OWN_MARK, *headers(outcome, network()), ("format", format_name.encode())]
    return Incoming(name, 0, 0, None, object_id.encode(), value, told)
