"""One outcome in every format, and read again; and what is none."""

import json
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import fastavro.schema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve import schemas
from starsieve.broker.outputs import DECODERS, ENCODERS, single_object, starsieve
from starsieve.broker.process import Outcome
from starsieve.broker.surveys import AlertError
from starsieve.models.serving.classifier import Classifier
from tests.broker.outputs.published import PROVENANCE

OURS = ("starsieve", "single-object", "json")


@pytest.mark.parametrize("kind", ["classified", "not_classified"])
def test_all_formats_of_ours_say_the_same(kind: str, classifier: Classifier, request: pytest.FixtureRequest) -> None:
    outcome: Outcome = request.getfixturevalue(kind)
    messages = [ENCODERS[name](outcome, classifier, PROVENANCE) for name in OURS]
    records = [DECODERS[name](message) for name, message in zip(OURS, messages, strict=True)]
    assert all(one == other for one, other in pairwise(records))
    assert records[0]["brokerPublishTimestamp"] == PROVENANCE.published_ms
    assert messages[0].find(messages[1][10:]) > 0, "the same Avro"


def test_elasticcs_is_read_again(classified: Outcome, classifier: Classifier) -> None:
    record = DECODERS["elasticc"](ENCODERS["elasticc"](classified, classifier, PROVENANCE))
    assert record["alertId"] == classified.alert.alert_id
    assert record["elasticcPublishTimestamp"] == PROVENANCE.alert_published_ms


def plain_crc_64_avro(text: bytes) -> int:
    """As the specification has it, one bit after the other."""
    empty = 0xC15D213AA4D7A795
    crc = empty
    for byte in text:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (empty if crc & 1 else 0)
    return crc


def test_the_fingerprint_is_the_specifications(classified: Outcome, classifier: Classifier) -> None:
    canonical = fastavro.schema.to_parsing_canonical_form(schemas.load(starsieve.SCHEMA)).encode()
    message = ENCODERS["single-object"](classified, classifier, PROVENANCE)
    assert message[:10] == b"\xc3\x01" + plain_crc_64_avro(canonical).to_bytes(8, "little")
    assert plain_crc_64_avro(b'"int"') == 0x7275D51A3F395C8F  # of the Java implementation


def test_versions_of_the_schema_are_told_apart() -> None:
    assert single_object.fingerprint("starsieve.classification.v1") != single_object.fingerprint(starsieve.SCHEMA)


def test_what_json_cannot_write_is_null(classified: Outcome, classifier: Classifier) -> None:
    strange = replace(classified, alert=replace(classified.alert, ra=float("nan")))

    def refuse(text: str) -> Any:
        raise AssertionError(text)

    record = json.loads(ENCODERS["json"](strange, classifier, PROVENANCE), parse_constant=refuse)
    assert record["ra"] is None
    assert record["objectId"] == "star"


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
def test_damaged_messages_are_errors_of_one_kind(
    name: str,
    data: st.DataObject,
    request: pytest.FixtureRequest,
) -> None:
    outcome, network = request.getfixturevalue("classified"), request.getfixturevalue("classifier")
    message = bytearray(ENCODERS[name](outcome, network, PROVENANCE))
    cut = data.draw(st.integers(0, len(message) - 1))
    with pytest.raises(AlertError):
        DECODERS[name](bytes(message[:cut]))
    message[cut] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(message), data.draw(st.binary(max_size=40)), bytes(message[cut:])):
        with suppress(AlertError):
            assert isinstance(DECODERS[name](damaged), dict)
