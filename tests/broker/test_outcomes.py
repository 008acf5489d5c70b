"""Outcomes read back from every format, and what is wanted of them."""

import io
import json
from dataclasses import replace
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve.broker.outcomes import Outcome, Wanted
from starsieve.broker.outputs import ENCODERS
from starsieve.broker.surveys import AlertError
from tests.broker.outputs.published import message, star
from tests.integration import tailed

FORMATS = sorted(ENCODERS)
OTHERS = {"elasticc", "fastdb", "lasair"}  # conventions that leave some of it to key and headers
MESSAGES = [
    message("outcomes", object_id, epochs=epochs, format_name=name)
    for name in FORMATS
    for object_id in ("star", "other")
    for epochs in (5, 60)
]


def wanted_of(*, min_period: float | None, max_period: float | None, **others: Any) -> Wanted:
    """Conditions that can be met together."""
    if min_period is not None and max_period is not None:
        min_period, max_period = sorted([min_period, max_period])
    return Wanted(min_period=min_period, max_period=max_period, **others)


WANTED = st.builds(
    wanted_of,
    objects=st.sampled_from([(), ("star",), ("nobody", "other")]),
    classes=st.sampled_from([(), ("RRAB",), ("CEP", "RRC")]),
    min_probability=st.none() | st.floats(0, 1) | st.just(star(60).probabilities.max()),
    min_period=st.none() | st.floats(0, 2) | st.just(0.567),
    max_period=st.none() | st.floats(0, 2) | st.just(0.567),
)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read(name: str) -> None:
    found, computed = Outcome.read(message("outcomes", format_name=name)), star(60)
    assert (found.object_id, found.alert_id, found.survey, found.status) == ("star", 7, "ztf", "CLASSIFIED")
    assert (found.class_name, found.reason, found.period_trust) == ("RRAB", None, "FIRM")
    assert computed.period is not None
    assert found.period == pytest.approx(computed.period.period, rel=1e-6)
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-6)
    # The network's, in the headers: an output with classes of its own has their sums.
    assert found.probability == pytest.approx(float(computed.probabilities.max()), abs=1e-4)
    not_classified = Outcome.read(message("outcomes", epochs=5, format_name=name))
    assert (not_classified.status, not_classified.reason) == ("NOT_CLASSIFIED", "too_few_epochs")
    assert (not_classified.class_name, not_classified.probability, not_classified.probabilities) == (None, None, {})


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in OTHERS])
def test_messages_without_headers_tell_their_format(name: str) -> None:
    with_headers = message("outcomes", format_name=name)
    assert Outcome.read(replace(with_headers, headers=[])) == Outcome.read(with_headers)


@given(WANTED)
def test_headers_rule_out_nothing_that_is_wanted(wanted: Wanted) -> None:
    for each in MESSAGES:
        assert wanted.may_include(each) or not wanted.includes(Outcome.read(each))


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(objects={"nobody"}),
        Wanted(classes={"CEP"}),
        Wanted(min_probability=0.99999),
        Wanted(min_period=0.6),
        Wanted(max_period=0.5),
    ],
)
def test_headers_are_enough_to_leave_a_message_undecoded(wanted: Wanted) -> None:
    assert not any(map(wanted.may_include, [replace(each, value=b"not to be looked at") for each in MESSAGES]))


def test_one_name_is_not_taken_for_several() -> None:
    with pytest.raises(TypeError, match="collections of names"):
        Wanted(classes="RRAB")


@pytest.mark.parametrize(
    "conditions",
    [
        {"min_period": 2.0, "max_period": 1.0},
        {"min_period": float("nan")},
        {"max_period": -1.0},
        {"min_probability": 1.5},
    ],
)
def test_conditions_that_nothing_could_meet_are_refused(conditions: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(conditions))):
        Wanted(**conditions)


def test_a_class_in_other_capitals_is_doubted() -> None:
    assert Wanted(classes={"rrab"}).doubts() == ["class rrab: is RRAB meant? Capitals matter"]
    assert Wanted(classes={"RRAB", "mine", "Cepheid"}).doubts() == []


def test_a_message_of_version_1_has_the_period_of_its_bands() -> None:
    found = Outcome.read(replace(MESSAGES[0], value=tailed.outcome("old"), headers=[], key=None))
    assert (found.object_id, found.period, found.period_trust, found.epochs) == ("old", 0.5, None, 30)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("objectId", 5),
        ("status", None),
        ("classifications", [{"className": "RRAB", "probability": 1e300}]),
        ("classifications", [{"className": "RRAB", "probability": "1"}]),
        ("classifications", []),
        ("bands", [{"epochs": 3, "period": None}]),
        ("bands", ["g"]),
        ("period", {"days": 1.0, "trust": 5, "aliases": []}),
        ("period", {"days": 1.0, "trust": "FIRM", "aliases": [7]}),
        ("alertId", 2**70),
    ],
)
def test_what_only_looks_like_ours_is_told_apart(name: str, value: Any) -> None:
    """Whatever has our names: a subscriber is given typed values, or nothing."""
    (record,) = fastavro.reader(io.BytesIO(tailed.outcome("star")))
    assert isinstance(record, dict)
    body = json.dumps(record | {name: value}).encode()
    with pytest.raises(AlertError):
        Outcome.read(replace(MESSAGES[0], value=body, headers=[]))
