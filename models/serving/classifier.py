"""Classification with a shipped network through LiteRT: no TensorFlow, the same answer in every batch."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from starsieve.models import ModelError
from starsieve.models.serving import drift
from starsieve.models.serving.calibration import SMALLEST
from starsieve.models.serving.card import CARD, Card
from starsieve.models.serving.scaling import COLUMNS

NETWORK = "network.tflite"
UNSUPPORTED_BAND = "unsupported_band"  # it was observed in none of the bands that the network was trained on
MISSING_NUMBER = "missing_number"  # why an object has no answer: none of its bands has all that the network looks at
SAME_ANSWER = 1e-3  # of a probability: processors differ in their last digits, a damaged network in its first
# Rows of every inference call, filled up: one shape, so one kernel, so the same bits in any company. A call takes
# 0.1 ms; one of 256 rows takes 0.8 ms whether they are needed or not, and is a sixth cheaper a row where they are.
CHUNK = 32


@contextmanager
def _silence() -> Iterator[None]:
    """LiteRT tells stderr which delegate it has made, among log lines that are to be JSON; no setting hushes it."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Classifier:
    """The network of one survey. Not for use by several threads at once."""

    def __init__(self, folder: Path) -> None:
        """Loads network.tflite and card.json of a folder.

        Raises ModelError where they are missing, damaged, or made for other features.
        """
        self.card = Card.read(folder)
        network = _read_network(folder / NETWORK, self.card.sha256)
        if self.card.version != self.card.right_version():
            raise ModelError(f"{folder / CARD} has been changed: reinstall or rebuild the network")
        if self.card.features != COLUMNS:
            raise ModelError(f"{folder} was made for other features than this version computes: rebuild it")
        self.survey, self.name, self.version = self.card.survey, self.card.name, self.card.version
        self.classes, self.class_ids, self.bands = self.card.classes, self.card.class_ids, self.card.bands
        self.min_epochs = self.card.min_epochs
        self.scaler = self.card.scaler.made()
        self._familiarity = self.card.familiarity.made()
        self._calibration = self.card.calibration.made()
        kept = self.card.drift
        self.reference = None if kept is None else drift.from_json(kept)  # of drift; old cards have none
        with _silence():
            self._interpreter = Interpreter(model_content=network, num_threads=1)
            self._input = self._interpreter.get_input_details()[0]["index"]
            self._output = self._interpreter.get_output_details()[0]["index"]
            self._interpreter.resize_tensor_input(self._input, (CHUNK, self.scaler.inputs))
            self._interpreter.allocate_tensors()

    def classify(
        self, features: npt.NDArray[np.float64], epochs: npt.NDArray[np.int64], objects: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Class probabilities (k, classes) of k objects, each row summing to 1.

        features (n, ...): one row for each usable band, in the order of scaling.COLUMNS; epochs (n,): its number of
        points; objects (n,): which of the answers 0..k-1 a row belongs to, each at least once. A row with a number
        missing does not count, unless its object has no other: that is Residual.
        """
        complete = self.complete(features)
        answerable = np.bincount(objects, weights=complete) > 0
        counted = np.where(complete | ~answerable[objects], epochs, 0)
        return self._calibration(combine(self.probabilities(features), counted, objects))

    def complete(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which rows (n,) have every number that the network looks at."""
        return np.asarray(np.isfinite(features[:, : len(self.scaler.columns)]).all(axis=1))

    def self_test(self) -> None:
        """Raises ModelError unless the network gives the answers on its card, which it gave where it was made."""
        kept = self.card.self_test
        if kept is None:
            raise ModelError(f"the card of {self.name} has no answers to test it by: make the network again")
        asked, expected = np.array(kept.features), np.array(kept.probabilities)
        answers = self.classify(asked, np.ones(len(asked), np.int64), np.arange(len(asked)))
        if answers.shape != expected.shape or not np.allclose(answers, expected, rtol=0, atol=SAME_ANSWER):
            raise ModelError(f"the network of {self.survey} is broken: it does not give the answers on its card")

    def probabilities(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Class probabilities (n, classes) of every row by itself; Residual alone where a number is missing."""
        inputs = self.scaler(features)
        answers = np.empty((len(inputs), len(self.classes)))
        padded = np.zeros((CHUNK, inputs.shape[1]), dtype=np.float32)
        for first in range(0, len(inputs), CHUNK):
            chunk = inputs[first : first + CHUNK]
            padded[: len(chunk)] = chunk
            self._interpreter.set_tensor(self._input, padded)
            self._interpreter.invoke()
            answer = self._interpreter.get_tensor(self._output).astype(np.float64)
            answers[first : first + CHUNK] = self._familiarity(answer, padded)[: len(chunk)]
        answers[~self.complete(features)] = np.eye(len(self.classes))[-1]
        return answers


def combine(
    probabilities: npt.NDArray[np.float64], epochs: npt.NDArray[np.int64], objects: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """One answer for each object from its bands: their geometric mean, each band counting by its epochs.

    Bands of one star are not independent witnesses, so their probabilities are averaged, not multiplied.
    """
    count = int(objects.max()) + 1 if len(objects) else 0
    share = epochs / np.bincount(objects, weights=epochs, minlength=count)[objects]
    logs = np.log(np.maximum(probabilities, SMALLEST)) * share[:, None]
    total = np.zeros((count, probabilities.shape[1]))
    np.add.at(total, objects, logs)
    answer = np.exp(total - total.max(axis=1, keepdims=True))
    return np.asarray(answer / answer.sum(axis=1, keepdims=True))


def _read_network(path: Path, sha256: str) -> bytes:
    try:
        network = path.read_bytes()
    except OSError as error:
        raise ModelError(f"no network at {path}: {error}") from error
    found = hashlib.sha256(network).hexdigest()
    if found != sha256:
        raise ModelError(
            f"{path} is not the network of its card (sha256 {found}, not {sha256}): reinstall or rebuild it"
        )
    return network
