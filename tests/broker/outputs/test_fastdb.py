"""FASTDB's messages, read as FASTDB reads them: fastavro and the published schema, nothing of ours."""

import io
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fastavro
import pytest

from starsieve.broker.avro import schema as schemata
from starsieve.broker.outputs import fastdb
from starsieve.broker.outputs.message import Provenance
from starsieve.broker.process import Outcome
from starsieve.broker.surveys import AlertError
from starsieve.broker.surveys.lsst_schemas import VERSIONS, fields_of, schema_of
from starsieve.broker.surveys.packets import decode, record_of
from starsieve.models.serving.classifier import Classifier
from tests.broker.surveys.lsst_packets import container, frame, record, source
from tests.broker.surveys.test_lsst_schemas import published

Record = dict[str, Any]
TABLES = ("alert", "diaSource", "diaForcedSource", "diaObject", "ssSource", "mpc_orbits")
#: What alerts of 11.1 have, and those of 10.0 have not.
LOST = {f"diaSource.{name}" for name in ("exposureTime", "trailAlgorithm", "trail_flag", "reliabilityVersion")}


@pytest.fixture
def read(data_dir: Path) -> Any:
    folder = data_dir / "schemas" / "fastdb"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder}")
    schema = fastavro.schema.load_schema(str(folder / "fastdb.v10_0_0.BrokerMessage.avsc"))
    return lambda message: fastavro.schemaless_reader(io.BytesIO(message), schema, None)


def provenance(packet: bytes, number: int = 0) -> Provenance:
    return Provenance("topic:0:0:0", 0, 0, 0, lambda: record_of(packet, "lsst", number))


def filled(name: str, version: tuple[int, int]) -> Record:
    """A record with every field of a version, each with another value."""
    samples = {"boolean": [True, False], "string": ["one", "two"], "bytes": [b"one", b"two"]}
    made: Record = {}
    for number, (field, kind) in enumerate(fields_of(name, version)):
        plain = kind.removesuffix("?").removesuffix("[]")
        if plain in {"int", "long"}:
            value: Any = 1000 + number
        elif plain in {"float", "double"}:
            value = 1000.5 + number
        else:
            value = samples[plain][number % 2] if plain in samples else filled(plain, version)
        made[field] = [value, value] if "[]" in kind else value
    return made


def fields(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """All fields of a record and of those inside of it, by the name of the record that has them."""
    for field, found in value.items():
        if isinstance(found, dict):
            yield from fields(field, found)
        elif isinstance(found, list):
            inside = "diaForcedSource" if field == "prvDiaForcedSources" else "diaSource"
            for each in found:
                yield from fields(inside, each)
        elif isinstance(found, datetime):
            yield f"{name}.{field}", (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        else:
            yield f"{name}.{field}", found


def test_the_schema_is_the_published_one(data_dir: Path) -> None:
    upstream = published(data_dir / "schemas" / "fastdb", "fastdb.v10_0_0.BrokerMessage")
    assert schemata.read(fastdb.schema()) == schemata.read(upstream)


@pytest.mark.parametrize("version", [(10, 0), (11, 0), (11, 1)])
def test_every_field_goes_out_as_it_came(
    version: tuple[int, int], classified: Outcome, classifier: Classifier, read: Any
) -> None:
    sent = filled("alert", version)
    packet = container(sent, 100 * version[0] + version[1])
    found = read(fastdb.encode(classified, classifier, provenance(packet)))
    came, went = set(fields("alert", sent)), set(fields("alert", {name: found[name] for name in sent}))
    assert went <= came
    assert {path for path, _ in came - went} == (LOST if version == (11, 1) else set())
    assert {path for path, _ in went} == {
        f"{table}.{field}"
        for table in TABLES
        for field, kind in fields_of(table, (10, 0))
        if kind.strip("[]?") not in TABLES
    }


def test_a_frame_of_10_is_copied(classified: Outcome, classifier: Classifier, read: Any) -> None:
    """Which is much quicker for a long history, and gives the bytes that decoding and encoding it would."""

    def never() -> Record:
        raise AssertionError("it was decoded")

    sent = frame(filled("alert", (10, 0)), 1000)
    copied = fastdb.encode(classified, classifier, Provenance("topic:0:0:0", 0, 0, 0, never, sent))
    assert copied == fastdb.encode(classified, classifier, provenance(sent))
    assert read(copied)["brokerName"] == "starsieve"
    assert fastdb.decode(copied)["diaSource"] == read(copied)["diaSource"]
    (damaged,) = decode(sent + b"more", "lsst")
    assert isinstance(damaged, AlertError), "what comes here ends with the alert"
    longer = frame(filled("alert", (11, 1)), 1101)
    went = fastdb.encode(classified, classifier, replace(provenance(longer), packet=longer))
    assert went == fastdb.encode(classified, classifier, provenance(longer))


@pytest.mark.parametrize("version", [(8, 0), (9, 0)])
def test_an_older_alert_goes_out_but_for_its_solar_system(
    version: tuple[int, int], classified: Outcome, classifier: Classifier, read: Any
) -> None:
    sent = filled("alert", version)
    if version == (8, 0):  # 2024-01-01, UTC
        for each in (sent["diaSource"], *sent["prvDiaSources"], *sent["prvDiaForcedSources"]):
            each["time_processed"] = 1_704_067_200_000_000
        sent["diaObject"]["validityStart"] = 1_704_067_200_000_000
    found = read(fastdb.encode(classified, classifier, provenance(container(sent, 100 * version[0]))))
    assert (found["ssSource"], found["mpc_orbits"]) == (None, None)
    if version == (8, 0):
        times = [each["timeProcessedMjdTai"] for each in (found["diaSource"], *found["prvDiaForcedSources"])]
        times.append(found["diaObject"]["validityStartMjdTai"])
        assert times == pytest.approx([60310 + 37 / 86400] * 4, abs=1e-9)
    went = set(fields("alert", {name: found[name] for name in sent if name in found}))
    left = {path for path, _ in went - set(fields("alert", sent))}
    renamed = {"timeProcessedMjdTai", "timeWithdrawnMjdTai", "validityStartMjdTai"} if version == (8, 0) else set()
    assert {path.partition(".")[2] for path in left} == renamed | {"ssSource"}


def test_classes(classified: Outcome, not_classified: Outcome, classifier: Classifier, read: Any) -> None:
    packet = frame(record(source(3)))
    found = read(fastdb.encode(classified, classifier, provenance(packet)))
    assert (found["brokerName"], found["classifierVersion"]) == ("starsieve", classifier.version)
    classes = {each["classId"]: each["probability"] for each in found["classifications"]}
    assert len(classes) == len(set(classifier.class_ids)) == len(found["classifications"])
    assert sum(classes.values()) == pytest.approx(1, abs=1e-6)
    assert max(classes, key=lambda each: classes[each]) == 2323
    none = read(fastdb.encode(not_classified, classifier, provenance(packet)))
    assert none["classifications"] == [{"classId": 300, "probability": 1.0}]


def test_of_a_container_the_right_record_goes_out(classified: Outcome, classifier: Classifier, read: Any) -> None:
    file = io.BytesIO()
    schema = fastavro.parse_schema(json.loads(schema_of(1101) or b""))
    fastavro.writer(file, schema, [record(source(n, psfFlux=math.nan)) for n in range(3)])
    found = [read(fastdb.encode(classified, classifier, provenance(file.getvalue(), n))) for n in range(3)]
    assert [each["diaSource"]["visit"] for each in found] == [0, 1, 2]
    assert math.isnan(found[0]["diaSource"]["psfFlux"])


@pytest.mark.parametrize("version", [each for each in VERSIONS if each < (8, 0)])
def test_what_is_no_alert_of_10_cannot_be_sent(
    version: tuple[int, int], classified: Outcome, classifier: Classifier
) -> None:
    packet = container(filled("alert", version), 100 * version[0] + version[1])
    with pytest.raises(AlertError, match=r"no_fastdb: .*diaSourceId"):
        fastdb.encode(classified, classifier, provenance(packet))


@pytest.mark.parametrize(
    "alert",
    [
        {},
        {"diaSourceId": 1, "diaSource": "none"},
        {"diaSourceId": 1, "diaSource": source(1), "prvDiaSources": 5},
        {"diaSourceId": 1, "diaSource": source(1, band=b"\xff")},
        {"diaSourceId": 1, "diaSource": source(1) | {"visit": 2**70}},
        {"diaSourceId": 1, "diaSource": source(1) | {"visit": "v"}},
        {"diaSourceId": 1, "diaSource": source(1), "cutoutScience": bytes(17_000_000)},
        {"diaSourceId": 1, "diaSource": source(1), "ssSource": [1]},
        {"diaSourceId": 1, "diaSource": source(1) | {"timeProcessedMjdTai": None, "time_processed": "now"}},
    ],
)
def test_strange_packets_are_refused_alone(alert: Record, classified: Outcome, classifier: Classifier) -> None:
    """A packet brings its own schema, which may have anything under a name of Rubin's."""
    with pytest.raises(AlertError, match="no_fastdb"):
        fastdb.encode(classified, classifier, Provenance("topic:0:0:0", 0, 0, 0, lambda: alert))


def test_real_alerts(data_dir: Path, classified: Outcome, classifier: Classifier, read: Any) -> None:
    file = data_dir / "alerts" / "lsst_avro_real" / "part-2-918301.avro"
    if not file.is_file():
        pytest.skip(f"no real data: {file}")
    packet = file.read_bytes()
    sent = list(fastavro.reader(io.BytesIO(packet)))
    for number, alert in enumerate(sent):
        assert isinstance(alert, dict)
        found = read(fastdb.encode(classified, classifier, provenance(packet, number)))
        for name in ("diaObject", "ssSource", "mpc_orbits"):
            if set(alert[name].values()) <= {None}:  # real packets have records of nulls
                alert[name] = None
        for name, _ in fields_of("alert", (10, 0)):
            came, went = (list(map(repr, fields("alert", {name: each[name]}))) for each in (alert, found))
            assert went == came
