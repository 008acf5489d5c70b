"""Annotations as Lasair takes them."""

import json

import pytest

from starsieve.broker.outputs import ENCODERS
from starsieve.broker.process import Outcome
from starsieve.models.serving.classifier import Classifier
from tests.broker.outputs.published import PROVENANCE

#: Of https://lasair.readthedocs.io/en/main/core_functions/make_annotator.html
FIELDS = {"objectId", "topic", "classification", "version", "explanation", "classdict", "url"}


def test_an_annotation(classified: Outcome, classifier: Classifier) -> None:
    found = json.loads(ENCODERS["lasair"](classified, classifier, PROVENANCE))
    assert found.keys() == FIELDS
    assert (found["objectId"], found["topic"], found["version"]) == ("star", classifier.name, classifier.version)
    assert (found["classification"], found["url"]) == ("RRAB", "")
    assert found["explanation"] == "period 0.56701 d, FIRM; epochs: 60 in g"
    probabilities = found["classdict"]["probabilities"]
    assert list(probabilities) == list(classifier.classes)
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert found["classdict"]["period"] == pytest.approx(0.567, rel=1e-3)
    assert (found["classdict"]["periodTrust"], found["classdict"]["alertId"]) == ("FIRM", 7)


def test_an_annotation_without_a_class(not_classified: Outcome, classifier: Classifier) -> None:
    found = json.loads(ENCODERS["lasair"](not_classified, classifier, PROVENANCE))
    assert found.keys() == FIELDS
    assert found["classification"] == "NOT_CLASSIFIED"
    assert found["explanation"] == "not classified: too_few_epochs; epochs: 5 in g"
    assert found["classdict"] == {"alertId": 7, "probabilities": {}, "period": None, "periodTrust": None}
