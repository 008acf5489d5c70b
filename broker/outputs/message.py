"""What every output message says besides the outcome itself."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from starsieve.broker.avro.reader import Record
from starsieve.broker.process import Outcome
from starsieve.models.serving import taxonomy
from starsieve.models.serving.classifier import Classifier

BROKER_NAME = "starsieve"
BROKER_VERSION = version("starsieve")

CLASSIFIED = "CLASSIFIED"
NOT_CLASSIFIED = "NOT_CLASSIFIED"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the input of an outcome came from, and when (Unix time, ms)."""

    idempotency_key: str  # topic:partition:offset:record
    alert_published_ms: int
    ingested_ms: int
    published_ms: int
    #: The alert as its packet has it, decoded when called; raises AlertError.
    alert: Callable[[], Record]
    #: The message, which is well-formed.
    packet: bytes = b""


#: Raises AlertError for an alert that its convention cannot say.
Encoder = Callable[[Outcome, Classifier, Provenance], bytes]
#: Raises AlertError for what is no message of its convention.
Decoder = Callable[[bytes], Record]

_NOT_CLASSIFIED = 300  # of ELAsTiCC


def status(outcome: Outcome) -> str:
    """CLASSIFIED or NOT_CLASSIFIED."""
    return CLASSIFIED if outcome.reason is None else NOT_CLASSIFIED


def classifications(outcome: Outcome, classifier: Classifier) -> list[tuple[str, int, float]]:
    """Class name, ELAsTiCC id and probability of every class; none if the alert was not classified."""
    if outcome.reason is not None:
        return []
    return list(zip(classifier.classes, classifier.class_ids, outcome.probabilities.tolist(), strict=True))


def classification_records(outcome: Outcome, classifier: Classifier) -> list[dict[str, Any]]:
    """The same as records, as our own formats have them."""
    return [
        {"className": name, "classId": class_id, "probability": probability}
        for name, class_id, probability in classifications(outcome, classifier)
    ]


def elasticc_records(outcome: Outcome, classifier: Classifier) -> list[dict[str, Any]]:
    """Ids of the ELAsTiCC taxonomy with probabilities, of classes with one id or one parent summed; never none."""
    probabilities: dict[int, float] = defaultdict(float)
    for _, class_id, probability in classifications(outcome, classifier):
        probabilities[taxonomy.place(class_id)] += probability
    return [
        {"classId": class_id, "probability": probability}
        for class_id, probability in (probabilities or {_NOT_CLASSIFIED: 1.0}).items()
    ]


def headers(outcome: Outcome, classifier: Classifier) -> list[tuple[str, bytes]]:
    """Kafka headers, to route by without decoding.

    Survey, status, top class and its probability or the reason, the period [days] and how far to trust it where one is
    known, classifier and its version.
    """
    texts = [("survey", outcome.alert.survey), ("status", status(outcome))]
    if outcome.reason is None:
        best = int(outcome.probabilities.argmax())
        texts += [("class", classifier.classes[best]), ("probability", f"{outcome.probabilities[best]:.4f}")]
    else:
        texts += [("reason", outcome.reason)]
    if outcome.period is not None:
        texts += [("period", f"{outcome.period.period:.8g}"), ("period_trust", outcome.period.trust)]
    texts += [("classifier", classifier.name), ("classifier_version", classifier.version)]
    return [(name, text.encode()) for name, text in texts]
