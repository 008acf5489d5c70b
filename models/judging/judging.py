"""A classifier against labelled light curves it was not trained on."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from starsieve.models import ModelError
from starsieve.models.data.tables import Table
from starsieve.models.judging import evaluation
from starsieve.models.serving.card import OfAll
from starsieve.models.serving.classifier import MISSING_NUMBER, Classifier
from starsieve.models.serving.taxonomy import RESIDUAL

Floats = npt.NDArray[np.float64]

UNLABELLED = "unlabelled"


def answers(classifier: Classifier, table: Table) -> Floats:
    """Class probabilities of every object of a table, (n, classes); NaN for an object without a complete row."""
    seen, place = np.unique(table.owner, return_inverse=True)
    probabilities = np.full((len(table.object_id), len(classifier.classes)), np.nan)
    if len(seen):
        probabilities[seen] = classifier.classify(table.features, table.epochs, place)
    complete = table.owner[classifier.complete(table.features)]
    probabilities[np.setdiff1d(seen, complete)] = np.nan
    return probabilities


def reasons(reason: npt.NDArray[np.str_], answered: npt.NDArray[np.bool_]) -> npt.NDArray[np.str_]:
    """Why objects (n,) have no answer, "" where they have: `reason` they have no row, or a number is missing in all."""
    return np.where(answered | (reason != ""), reason, MISSING_NUMBER)


def judge(classes: tuple[str, ...], table: Table, probabilities: Floats) -> dict[str, Any]:
    """All scores of the answers (n, classes + 1), Residual last, about the objects of a table.

    Objects of classes that the network doesn't have are left out and counted; objects without an answer are wrong.
    Raises ModelError if no object is left.
    """
    classes = tuple(name for name in classes if name != RESIDUAL)
    known = np.isin(table.label, classes)
    if not known.any():
        labels = ", ".join(sorted(set(table.label.tolist()) - {""})) or "none at all"
        raise ModelError(f"no label is a class of this network, which are {', '.join(classes)}; there are {labels}")
    truth = np.array([classes.index(label) for label in table.label[known]])
    given = probabilities[known]
    answered = ~np.isnan(given[:, 0])
    predicted = np.full(len(truth), len(classes))
    predicted[answered] = given[answered].argmax(axis=1)
    scores = evaluation.scores(truth, predicted, classes)
    if answered.any():
        scores["ece"] = evaluation.calibration_error(truth[answered], given[answered])
        scores["ece_95"] = evaluation.calibration_error_95(given[answered])
        scores["reliability"] = evaluation.reliability(truth[answered], given[answered])
    else:
        scores["ece"] = scores["ece_95"] = scores["reliability"] = None
    scores["above"] = evaluation.above(truth, np.nan_to_num(given), classes)
    scores["left_out"] = dict(Counter(label or UNLABELLED for label in table.label[~known].tolist()))
    scores["not_classified"] = dict(Counter(reasons(table.reason[known], answered)[~answered].tolist()))
    return scores


def of_all(scores: dict[str, Any]) -> OfAll:
    """What `judge` found of all labelled objects, those left out included, which the network cannot answer rightly."""
    left_out = sum(count for label, count in scores["left_out"].items() if label != UNLABELLED)
    return OfAll(sum(row[number] for number, row in enumerate(scores["confusion"])), scores["n"] + left_out)
