"""Scores of class probabilities against known classes, written out in full so that they can be checked by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ECE_BINS = 15
RELIABILITY_BINS = 10
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95)


def confusion(truth: Ints, predicted: Ints, classes: int) -> Ints:
    """counts[true, predicted]; a prediction of `classes` stands for none of them (not classified, Residual)."""
    counts = np.zeros((classes, classes + 1), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def matthews(counts: Ints) -> float:
    """Multi-class Matthews correlation (Gorodkin 2004); 0 where it is undefined."""
    square = np.zeros((counts.shape[1], counts.shape[1]))
    square[: len(counts)] = counts
    total, right = square.sum(), np.trace(square)
    true, predicted = square.sum(axis=1), square.sum(axis=0)
    spread = np.sqrt(total**2 - (true**2).sum()) * np.sqrt(total**2 - (predicted**2).sum())
    return float((right * total - true @ predicted) / spread) if spread > 0 else 0.0


def per_class(counts: Ints, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of objects of every class; 0 where a class was never predicted."""
    right = np.diagonal(counts).astype(float)
    precision = right / np.maximum(counts.sum(axis=0)[: len(counts)], 1)
    recall = right / np.maximum(counts.sum(axis=1), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return {
        name: {"precision": precision[i], "recall": recall[i], "f1": f1[i], "n": int(counts[i].sum())}
        for i, name in enumerate(names)
    }


def calibration_error(truth: Ints, probabilities: Floats) -> float:
    """Expected calibration error of the top class: mean |accuracy - confidence| over 15 equal-width bins."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    index = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gap = np.bincount(index, weights=right - confidence, minlength=ECE_BINS)
    return float(np.abs(gap).sum() / len(truth))


def reliability(truth: Ints, probabilities: Floats) -> list[dict[str, float]]:
    """What a reliability curve is drawn from: in each of 10 bins, mean confidence, accuracy and number of objects."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    index = np.minimum((confidence * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    bins = (index == number for number in np.unique(index))
    return [
        {"confidence": float(confidence[one].mean()), "accuracy": float(right[one].mean()), "n": int(one.sum())}
        for one in bins
    ]


def above(truth: Ints, probabilities: Floats, names: Sequence[str]) -> dict[str, list[dict[str, float | None]]]:
    """What a cut is worth, for each class and each of THRESHOLDS.

    Of the objects with at least this probability for the class: how many they are, which share of them is of it (of
    none: None), and which share of the class they are.
    """
    found: dict[str, list[dict[str, float | None]]] = {}
    for number, name in enumerate(names):
        of_class = truth == number
        found[name] = []
        for threshold in THRESHOLDS:
            chosen = probabilities[:, number] >= threshold
            n, right = int(chosen.sum()), int((chosen & of_class).sum())
            share = {"precision": right / n if n else None, "recall": right / max(int(of_class.sum()), 1)}
            found[name].append({"probability": threshold, "n": n, **share})
    return found


def calibration_error_95(probabilities: Floats, seed: int = 0, draws: int = 1000) -> float:
    """What a perfectly calibrated classifier with these confidences stays below 95 times in 100."""
    rng = np.random.default_rng(seed)
    confidence = probabilities.max(axis=1)
    index = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    errors = np.empty(draws)
    for draw in range(draws):
        right = rng.random(len(confidence)) < confidence
        errors[draw] = np.abs(np.bincount(index, weights=right - confidence, minlength=ECE_BINS)).sum()
    return float(np.quantile(errors, 0.95) / len(confidence))


def auroc(inside: Floats, outside: Floats) -> float:
    """Chance that an object from outside scores above one from inside (ties count half)."""
    ordered = np.sort(inside)
    below = np.searchsorted(ordered, outside, side="left") + np.searchsorted(ordered, outside, side="right")
    return float(below.mean() / 2 / len(inside))


def scores(truth: Ints, predicted: Ints, names: Sequence[str]) -> dict[str, Any]:
    """n, accuracy, mcc, mc01, macro_f1 (over the classes that occur or are predicted), per_class and confusion."""
    counts = confusion(truth, predicted, len(names))
    classes = per_class(counts, names)
    occurring = counts.sum(axis=1) + counts.sum(axis=0)[: len(counts)] > 0
    present = [value["f1"] for value, occurs in zip(classes.values(), occurring, strict=True) if occurs]
    mcc = matthews(counts)
    return {
        "n": len(truth),
        "mcc": mcc,
        "mc01": (mcc + 1) / 2,
        "macro_f1": float(np.mean(present)) if present else 0.0,
        "accuracy": float(np.trace(counts) / max(len(truth), 1)),
        "per_class": classes,
        "confusion": counts.tolist(),
    }
