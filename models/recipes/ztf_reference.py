"""Judges the shipped ZTF network, and its reference of drift: `python -m starsieve.models.recipes.ztf_reference`."""

import os
from pathlib import Path

from starsieve.models.data.tables import default_cache
from starsieve.models.judging import judging, report
from starsieve.models.recipes import ztf, ztf_checks
from starsieve.models.recipes.building import Work
from starsieve.models.serving import registry
from starsieve.models.serving.card import Scores
from starsieve.models.serving.classifier import Classifier


def main() -> None:
    """Writes what held-out stars say of the shipped ZTF network on its card; the version stays, as do its answers."""
    folder = registry.WEIGHTS / "ztf"
    classifier = Classifier(folder)
    data = Path(os.environ.get("STARSIEVE_DATA", "../shared/data"))
    work = Work(default_cache(), 1, lambda *_: None)
    judged = ztf.held_out_stars(data, seed=0, work=work)
    reference = ztf.reference(judged, classifier.scaler, classifier.classes, judging.answers(classifier, judged))
    natural = ztf.stars_in_stream(data, seed=0, work=work)
    scores = ztf_checks.in_stream(classifier.classes, natural, judging.answers(classifier, natural))
    told = {"drift": reference.to_json(), "scores_in_stream": Scores.model_validate(scores)}
    card = classifier.card.model_copy(update=told)
    card.write(folder)
    report.write(folder, card)


if __name__ == "__main__":
    main()
