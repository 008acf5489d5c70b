"""starsieve's own message: schemas/starsieve.classification.v2.avsc, as an object container file."""

import hashlib
import io
import json
from functools import cache

import fastavro

from starsieve import schemas
from starsieve.broker.avro import reader
from starsieve.broker.avro.reader import Record
from starsieve.broker.outputs.message import BROKER_NAME, BROKER_VERSION, Provenance, classification_records, status
from starsieve.broker.process import Band, Outcome
from starsieve.broker.surveys import AlertError
from starsieve.features import FEATURES, Period
from starsieve.models.serving.classifier import Classifier

SCHEMA = "starsieve.classification.v2"  # readers with v1 can read it, and v2 reads old messages


def encode(outcome: Outcome, classifier: Classifier, provenance: Provenance) -> bytes:
    """The message of one outcome; a reader needs no registry, its schema is in it."""
    return _container(record_of(outcome, classifier, provenance))


def decode(message: bytes) -> Record:
    """The record of a message of any version; times in milliseconds. Raises AlertError."""
    records = reader.records(message)
    if len(records) != 1:
        raise AlertError("corrupt", f"{len(records)} records")
    return records[0]


def record_of(outcome: Outcome, classifier: Classifier, provenance: Provenance) -> Record:
    """All that is said of an outcome, as the schema has it."""
    alert = outcome.alert
    return {
        "alertId": alert.alert_id,
        "objectId": alert.object_id,
        "survey": alert.survey,
        "ra": alert.ra,
        "dec": alert.dec,
        "status": status(outcome),
        "reason": outcome.reason,
        "classifications": classification_records(outcome, classifier),
        "period": outcome.period and _period(outcome.period),
        "bands": [_band(band) for band in outcome.bands],
        "dropped": dict(outcome.dropped),
        "brokerName": BROKER_NAME,
        "brokerVersion": BROKER_VERSION,
        "classifierName": classifier.name,
        "classifierVersion": classifier.version,
        "idempotencyKey": provenance.idempotency_key,
        "alertTimestamp": alert.time_ms,
        "brokerIngestTimestamp": provenance.ingested_ms,
        "brokerPublishTimestamp": provenance.published_ms,
    }


def _period(period: Period) -> Record:
    return {
        "days": period.period,
        "trust": period.trust,
        "aliases": period.aliases,
        "cycles": period.cycles,
        "power": period.power,
        "trendPower": period.trend_power,
        "falseAlarmProbability": period.false_alarm_probability,
        "peakDays": period.peak_period,
        "peakPower": period.peak_power,
        "harmonic": period.harmonic,
        "epochs": period.n_epochs,
    }


def _band(band: Band) -> Record:
    return {
        "band": band.band,
        "epochs": band.epochs,
        "forcedEpochs": band.forced_epochs,
        "referenceImages": band.reference_images,
        "period": band.period and band.period.period,
        "falseAlarmProbability": band.period and band.period.false_alarm_probability,
        "features": None if band.features is None else dict(zip(FEATURES, band.features.tolist(), strict=True)),
    }


def _container(record: Record) -> bytes:
    """An object container file of one record; its header, the same for all messages, is written once."""
    header, sync = _header()
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schemas.load(SCHEMA), record)
    block = io.BytesIO()
    fastavro.schemaless_writer(block, _LONG, 1)
    fastavro.schemaless_writer(block, _LONG, body.tell())
    return header + block.getvalue() + body.getvalue() + sync


_LONG = fastavro.parse_schema({"type": "long"})


@cache
def _header() -> tuple[bytes, bytes]:
    schema = schemas.load(SCHEMA)
    sync = hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).digest()[:16]
    header = io.BytesIO()
    fastavro.writer(header, schema, [], sync_marker=sync)
    return header.getvalue(), sync
