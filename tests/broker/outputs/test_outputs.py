"""Messages as subscribers read them."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest

from starsieve import schemas
from starsieve.broker.outputs import ENCODERS
from starsieve.broker.outputs.message import headers
from starsieve.broker.process import Outcome
from starsieve.features import FEATURES
from starsieve.features.periods.period import TRUST
from starsieve.models.serving import registry, taxonomy
from starsieve.models.serving.classifier import Classifier
from tests.broker.outputs.published import PROVENANCE
from tests.broker.test_process import FIRST_MJD, alert, light_curve, run


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
    period = record["period"]
    assert (period["days"], period["falseAlarmProbability"]) == (band["period"], band["falseAlarmProbability"])
    assert (period["trust"], period["aliases"], period["harmonic"], period["epochs"]) == ("FIRM", [], 1, 60)
    assert period["cycles"] == pytest.approx(np.ptp(light_curve(60)["mjd"]) / period["days"])
    assert period["peakDays"] == pytest.approx(period["days"], rel=1e-3)
    assert 0 <= period["trendPower"] < period["peakPower"] < period["power"] < 1
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
    assert record["period"] is None


def test_a_slow_star_seen_nightly_is_not_said_to_have_a_period_of_a_day(classifier: Classifier) -> None:
    """Half a cycle in 700 d: the highest peak is at a day, and noise would not make it."""
    rng = np.random.default_rng(4)
    slow = light_curve(300)
    slow["mjd"] = FIRST_MJD + np.sort(rng.choice(700, 300, replace=False)) + 0.01 * rng.normal(size=300)
    slow["mag"] = 17 + 0.4 * np.sin(2 * np.pi * slow["mjd"] / 1400) + 0.02 * rng.normal(size=300)
    (outcome,) = run([alert(slow)], None, classifier)
    message = ENCODERS["starsieve"](outcome, classifier, PROVENANCE)
    period = read(message)["period"]
    assert period["days"] == pytest.approx(1, rel=0.01)
    assert (period["trust"], period["aliases"]) == ("WEAK", ["day"])
    assert period["falseAlarmProbability"] > 1e-3
    assert read(message)["bands"][0]["falseAlarmProbability"] == period["falseAlarmProbability"]
    assert period["trendPower"] > 0.9


def test_readers_of_either_version_read_messages_of_both(classified: Outcome, classifier: Classifier) -> None:
    old, new = (schemas.load(f"starsieve.classification.v{version}") for version in (1, 2))
    message = ENCODERS["starsieve"](classified, classifier, PROVENANCE)
    record = read(message)
    assert record["period"] is not None
    (as_old,) = fastavro.reader(io.BytesIO(message), reader_schema=old)
    assert as_old == {name: value for name, value in record.items() if name not in {"period", "dropped"}}
    written_long_ago = io.BytesIO()
    fastavro.writer(written_long_ago, old, [as_old])
    (as_new,) = fastavro.reader(io.BytesIO(written_long_ago.getvalue()), reader_schema=new)
    assert as_new == record | {"period": None, "dropped": {}}


def test_what_was_dropped_is_said_by_reason(classified: Outcome, classifier: Classifier) -> None:
    dropped = {"withdrawn": 2, "no_total_magnitude": 5}
    message = ENCODERS["starsieve"](replace(classified, dropped=dropped), classifier, PROVENANCE)
    assert read(message)["dropped"] == dropped


def test_the_schema_says_all_that_a_period_can_be() -> None:
    fields = {field["name"]: field["type"] for field in schemas.load("starsieve.classification.v2")["fields"]}
    period = {field["name"]: field["type"] for field in fields["period"][1]["fields"]}
    assert tuple(period["trust"]["symbols"]) == TRUST


def test_the_container_is_what_fastavro_would_write(classified: Outcome, classifier: Classifier) -> None:
    message = ENCODERS["starsieve"](classified, classifier, PROVENANCE)
    schema = schemas.load("starsieve.classification.v2")
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


def test_a_class_that_elasticc_does_not_have_is_sent_as_its_parent(classified: Outcome) -> None:
    own = registry.load("ztf")
    before = elasticc(classified, own, schemas.load("elasticc.v0_9_1.brokerClassification"))
    own.class_ids = tuple(taxonomy.own_id("X", number) if number == 2325 else number for number in own.class_ids)
    after = elasticc(classified, own, schemas.load("elasticc.v0_9_1.brokerClassification"))
    assert after["classifications"] == before["classifications"]


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
    assert classified.period is not None
    assert float(found["period"]) == pytest.approx(classified.period.period, rel=1e-7)
    assert found["period_trust"] == b"FIRM"
    assert float(found["probability"]) == pytest.approx(classified.probabilities.max(), abs=1e-4)
    found = dict(headers(not_classified, classifier))
    assert found["reason"] == b"too_few_epochs"
    assert not {"class", "probability", "period", "period_trust"} & set(found)


def test_a_period_is_in_the_headers_whether_or_not_there_is_a_class(classifier: Classifier) -> None:
    (outcome,) = run([alert(light_curve(60, "i"))], None, classifier)
    found = dict(headers(outcome, classifier))
    assert (found["reason"], found["period_trust"]) == (b"unsupported_band", b"FIRM")
    assert float(found["period"]) == pytest.approx(0.567, rel=1e-3)
