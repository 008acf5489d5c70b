"""An outcome with an answer, and one without."""

import pytest

from starsieve.broker.process import Outcome
from starsieve.models.serving.classifier import Classifier
from tests.broker.outputs.published import network, star


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return network()


@pytest.fixture(scope="module")
def classified() -> Outcome:
    return star(60)


@pytest.fixture(scope="module")
def not_classified() -> Outcome:
    return star(5)
