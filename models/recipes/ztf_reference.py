"""Gives the shipped ZTF network its reference of drift anew: `python -m starsieve.models.recipes.ztf_reference`."""

import os
from pathlib import Path

from starsieve.models.data.tables import default_cache
from starsieve.models.judging import judging
from starsieve.models.recipes import ztf
from starsieve.models.recipes.building import Work
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier


def main() -> None:
    """Adds its reference to the card of the shipped ZTF network; the version stays, as no answer depends on it."""
    folder = registry.WEIGHTS / "ztf"
    classifier = Classifier(folder)
    data = Path(os.environ.get("STARSIEVE_DATA", "../shared/data"))
    work = Work(default_cache(), 1, lambda *_: None)
    judged = ztf.held_out_stars(data, seed=0, work=work)
    reference = ztf.reference(judged, classifier.scaler, classifier.classes, judging.answers(classifier, judged))
    classifier.card.model_copy(update={"drift": reference.to_json()}).write(folder)


if __name__ == "__main__":
    main()
