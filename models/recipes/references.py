"""The reference of drift that a card gets: the training objects as a stream sees them, and the answers about them.

`python -m starsieve.models.recipes.references` makes that of the shipped ZTF network, without a training.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from starsieve.models.data.tables import Table, default_cache
from starsieve.models.judging import judging
from starsieve.models.serving import drift, registry
from starsieve.models.serving.classifier import Classifier
from starsieve.models.serving.drift import Reference
from starsieve.models.serving.scaling import COLUMNS, Scaler

Floats = npt.NDArray[np.float64]


def reference_of(
    of: str, table: Table, scaler: Scaler, classes: tuple[str, ...], answers: Floats, weights: Floats | None = None
) -> Reference:
    """The reference of a table's objects that have an answer: answers (n, classes), NaN for the others.

    of: what the objects are; weights (n,): how much each counts.
    """
    columns = len(scaler.columns)
    rows = np.isfinite(table.features[:, :columns]).all(axis=1) & np.isfinite(answers[table.owner, 0])
    chosen, owner = np.unique(table.owner[rows], return_inverse=True)
    return drift.fit(
        of,
        COLUMNS[:columns],
        classes,
        features=table.features[rows, :columns],
        bands=table.band[rows],
        owner=owner,
        answers=answers[chosen],
        weights=None if weights is None else weights[chosen],
    )


def main() -> None:
    """Adds its reference to the card of the shipped ZTF network; the version stays, as no answer depends on it."""
    from starsieve.models.recipes import ztf  # noqa: PLC0415 - TensorFlow
    from starsieve.models.recipes.building import Work  # noqa: PLC0415

    folder = registry.WEIGHTS / "ztf"
    classifier = Classifier(folder)
    data = Path(os.environ.get("STARSIEVE_DATA", "../shared/data"))
    work = Work(default_cache(), 1, lambda *_: None)
    judged = ztf.held_out_stars(data, seed=0, work=work)
    reference = ztf.reference(judged, classifier.scaler, classifier.classes, judging.answers(classifier, judged))
    classifier.card.model_copy(update={"drift": reference.to_json()}).write(folder)


if __name__ == "__main__":
    main()
