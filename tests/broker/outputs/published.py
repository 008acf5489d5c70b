"""Outcomes of a star, as a worker publishes them in each format."""

from dataclasses import replace
from functools import cache

from starsieve.broker.kafka.messages import OWN_MARK, Header, Incoming
from starsieve.broker.outputs import ENCODERS
from starsieve.broker.outputs.message import Provenance, headers
from starsieve.broker.process import Outcome
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier
from tests.broker.test_process import alert, light_curve, run

PROVENANCE = Provenance("ztf_20260101_programid1:3:14:0", 1_600_000_001_000, 1_600_000_002_000, 1_600_000_003_000)


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
