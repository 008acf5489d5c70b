"""The networks that come with the package, one for each survey."""

from pathlib import Path

from starsieve.models import ModelError
from starsieve.models.serving.card import CARD
from starsieve.models.serving.classifier import Classifier

WEIGHTS = Path(__file__).parents[1] / "weights"


def surveys() -> list[str]:
    """Surveys that have a network."""
    return sorted(card.parent.name for card in WEIGHTS.glob(f"*/{CARD}"))


def load(survey: str) -> Classifier:
    """The network of a survey.

    Raises ModelError for a survey without one, or a damaged file.
    """
    if survey not in surveys():
        raise ModelError(f"no network for survey {survey!r}: there are {', '.join(surveys())}")
    return Classifier(WEIGHTS / survey)
