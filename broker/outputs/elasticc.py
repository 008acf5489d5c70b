"""ELAsTiCC's brokerClassification 0.9.1, as DESC's consumer reads it: Avro without container or schema id."""

import io

import fastavro

from starsieve import schemas
from starsieve.broker.avro.plain import read_plain
from starsieve.broker.avro.reader import Record
from starsieve.broker.outputs.message import BROKER_NAME, BROKER_VERSION, Provenance, elasticc_records
from starsieve.broker.process import Outcome
from starsieve.models.serving.classifier import Classifier

SCHEMA = "elasticc.v0_9_1.brokerClassification"


def encode(outcome: Outcome, classifier: Classifier, provenance: Provenance) -> bytes:
    """The message of one outcome; classes that share an id in the ELAsTiCC taxonomy, or a parent, are summed."""
    message = io.BytesIO()
    fastavro.schemaless_writer(
        message,
        schemas.load(SCHEMA),
        {
            "alertId": outcome.alert.alert_id,
            "diaSourceId": outcome.alert.alert_id,
            "elasticcPublishTimestamp": provenance.alert_published_ms,
            "brokerIngestTimestamp": provenance.ingested_ms,
            "brokerName": BROKER_NAME,
            "brokerVersion": BROKER_VERSION,
            "classifierName": f"{classifier.name} {classifier.version}",
            "classifierParams": f"survey={classifier.survey} reason={outcome.reason or ''}",
            "classifications": elasticc_records(outcome, classifier),
        },
    )
    return message.getvalue()


def decode(message: bytes) -> Record:
    """The record of a message, which has neither object nor class names. Raises AlertError."""
    return read_plain(SCHEMA, message)
