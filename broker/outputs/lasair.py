"""Lasair's annotations as JSON, as its client's `annotate_list` takes them.

https://lasair.readthedocs.io/en/main/core_functions/make_annotator.html
"""

from starsieve.broker.avro.reader import Record
from starsieve.broker.outputs import plain_json
from starsieve.broker.outputs.message import NOT_CLASSIFIED, Provenance, classifications
from starsieve.broker.process import Outcome
from starsieve.broker.surveys import AlertError
from starsieve.models.serving.classifier import Classifier


def encode(
    outcome: Outcome,
    classifier: Classifier,
    provenance: Provenance,  # noqa: ARG001 - an annotation has no place for it
) -> bytes:
    """The annotation of one outcome; its topic, the annotator's name at Lasair, is the network's."""
    found = classifications(outcome, classifier)
    period = outcome.period
    return plain_json.dump(
        {
            "objectId": outcome.alert.object_id,
            "topic": classifier.name,
            "classification": max(found, key=lambda each: each[2])[0] if found else NOT_CLASSIFIED,
            "version": classifier.version,
            "explanation": _explanation(outcome),
            "classdict": {
                "alertId": outcome.alert.alert_id,
                "probabilities": {name: probability for name, _, probability in found},
                "period": period and period.period,
                "periodTrust": period and period.trust,
            },
            "url": "",
        }
    )


def decode(message: bytes) -> Record:
    """The annotation, and its classes by the names of our own messages. Raises AlertError."""
    record = plain_json.decode(message)
    try:
        probabilities = record["classdict"]["probabilities"].items()
        told = {
            "alertId": record["classdict"]["alertId"],
            "classifierName": record["topic"],
            "classifierVersion": record["version"],
        }
    except (AttributeError, KeyError, TypeError):
        raise AlertError("corrupt", "no annotation of ours") from None
    return (
        record | told | {"classifications": [{"className": name, "probability": each} for name, each in probabilities]}
    )


def _explanation(outcome: Outcome) -> str:
    epochs = ", ".join(f"{band.epochs} in {band.band}" for band in outcome.bands) or "none"
    if outcome.reason is not None:
        return f"not classified: {outcome.reason}; epochs: {epochs}"
    period = "no period" if outcome.period is None else f"period {outcome.period.period:.6g} d, {outcome.period.trust}"
    return f"{period}; epochs: {epochs}"
