"""Messages as subscribers read them."""

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest

import schemas
from broker.outputs import ENCODERS
from broker.outputs.message import Provenance, headers
from broker.process import Outcome
from features import FEATURES
from models import registry
from models.serving import Classifier
from tests.broker.test_process import alert, light_curve, run

PROVENANCE = Provenance("ztf_20260101_programid1:3:14:0", 1_600_000_001_000, 1_600_000_002_000, 1_600_000_003_000)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return registry.load("ztf")


@pytest.fixture(scope="module")
def classified(classifier: Classifier) -> Outcome:
    return run([alert(light_curve(60))], None, classifier)[0]


@pytest.fixture(scope="module")
def not_classified(classifier: Classifier) -> Outcome:
    return run([alert(light_curve(5))], None, classifier)[0]


def read(message: bytes) -> Any:
    """With the schema in the message alone, as a subscriber would."""
    (record,) = fastavro.reader(io.BytesIO(message))
    return record


def test_a_classification(classified: Outcome, classifier: Classifier) -> None:
    record = read(ENCODERS["starsieve"](classified, classifier, PROVENANCE))
    assert (record["status"], record["reason"], record["objectId"], record["alertId"]) == (
        "CLASSIFIED",
        None,
        "star",
        7,
    )
    assert [c["className"] for c in record["classifications"]] == list(classifier.classes)
    assert [c["classId"] for c in record["classifications"]] == list(classifier.class_ids)
    assert sum(c["probability"] for c in record["classifications"]) == pytest.approx(1, abs=1e-9)
    (band,) = record["bands"]
    assert (band["band"], band["epochs"]) == ("g", 60)
    assert tuple(band["features"]) == FEATURES
    assert band["features"]["period"] == band["period"] == pytest.approx(0.567, rel=1e-3)
    assert band["falseAlarmProbability"] < 1e-6
    assert record["idempotencyKey"] == PROVENANCE.idempotency_key
    assert record["classifierVersion"] == classifier.version
    assert record["alertTimestamp"].timestamp() == 1_600_000_000
    assert record["brokerPublishTimestamp"].timestamp() == 1_600_000_003


def test_no_classification(not_classified: Outcome, classifier: Classifier) -> None:
    record = read(ENCODERS["starsieve"](not_classified, classifier, PROVENANCE))
    assert (record["status"], record["reason"], record["classifications"]) == (
        "NOT_CLASSIFIED",
        "too_few_epochs",
        [],
    )
    (band,) = record["bands"]
    assert (band["epochs"], band["period"], band["features"]) == (5, None, None)


def test_the_container_is_what_fastavro_would_write(classified: Outcome, classifier: Classifier) -> None:
    message = ENCODERS["starsieve"](classified, classifier, PROVENANCE)
    schema = schemas.load("starsieve.classification.v1")
    rewritten = io.BytesIO()
    fastavro.writer(rewritten, schema, [read(message)], sync_marker=message[-16:])
    assert rewritten.getvalue() == message


def elasticc(outcome: Outcome, classifier: Classifier, schema: Any) -> Any:
    message = io.BytesIO(ENCODERS["elasticc"](outcome, classifier, PROVENANCE))
    record = fastavro.schemaless_reader(message, schema, None)
    assert message.read() == b""
    return record


def test_elasticc_as_descs_consumer_reads_it(
    classified: Outcome, not_classified: Outcome, classifier: Classifier, data_dir: Path
) -> None:
    upstream = fastavro.schema.load_schema(
        str(data_dir / "schemas/alert_schema/elasticc.v0_9_1.brokerClassification.avsc")
    )
    record = elasticc(classified, classifier, upstream)
    assert (record["alertId"], record["diaSourceId"]) == (7, 7)
    assert record["elasticcPublishTimestamp"].timestamp() == 1_600_000_001
    assert record["brokerIngestTimestamp"].timestamp() == 1_600_000_002
    ids = [c["classId"] for c in record["classifications"]]
    assert sorted(set(ids)) == sorted(ids), "one entry for each id"
    assert set(ids) == set(classifier.class_ids)
    assert sum(c["probability"] for c in record["classifications"]) == pytest.approx(1, abs=1e-6)
    record = elasticc(not_classified, classifier, upstream)
    assert record["classifications"] == [{"classId": 300, "probability": 1.0}]


def test_our_elasticc_schema_is_theirs(data_dir: Path) -> None:
    theirs = json.loads((data_dir / "schemas/alert_schema/elasticc.v0_9_1.brokerClassification.avsc").read_text())
    ours = schemas.load("elasticc.v0_9_1.brokerClassification")
    assert fastavro.schema.to_parsing_canonical_form(ours) == fastavro.schema.to_parsing_canonical_form(theirs)


def test_headers_are_enough_to_route_by(classified: Outcome, not_classified: Outcome, classifier: Classifier) -> None:
    found = dict(headers(classified, classifier))
    assert found["survey"] == b"ztf"
    assert found["status"] == b"CLASSIFIED"
    assert found["class"] == classifier.classes[int(np.argmax(classified.probabilities))].encode()
    assert found["classifier_version"] == classifier.version.encode()
    assert dict(headers(not_classified, classifier))["reason"] == b"too_few_epochs"
