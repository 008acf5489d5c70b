"""Writes a trained classifier to a folder: network.tflite and its card."""

import hashlib
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow import keras

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.models.serving import taxonomy
from starsieve.models.serving.card import CalibrationNumbers, Card, FamiliarityNumbers, ScalerNumbers
from starsieve.models.serving.classifier import NETWORK
from starsieve.models.serving.scaling import COLUMNS
from starsieve.models.serving.taxonomy import RESIDUAL
from starsieve.models.training import self_test
from starsieve.models.training.ensemble import Trained
from starsieve.models.training.network import shared_input


def save(
    trained: Trained,
    folder: Path,
    *,
    survey: str,
    bands: tuple[str, ...],
    notes: dict[str, Any],
    parents: Mapping[str, int] | None = None,
    min_epochs: int = MIN_EPOCHS,
) -> Card:
    """Writes the network and card.json, with its answers to the self-test, and returns the card.

    notes: what a reader wants to know, by the names that a card has for it: training set, scores, origin.
    parents: ids in the taxonomy, of the classes that have no place there; see `taxonomy.class_ids`.
    min_epochs: of a band, below which it was never shown one.
    """
    network = to_tflite(trained.network)
    classes = (*trained.classes, RESIDUAL)
    card = Card(
        survey=survey,
        name=f"starsieve-{survey}",
        version="",  # of all the rest
        sha256=hashlib.sha256(network).hexdigest(),
        classes=classes,
        class_ids=taxonomy.class_ids(classes, parents),
        bands=bands,
        min_epochs=min_epochs,
        features=COLUMNS,
        scaler=ScalerNumbers.of(trained.scaler),
        familiarity=FamiliarityNumbers.of(trained.familiarity),
        calibration=CalibrationNumbers.of(trained.calibration),
        **notes,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETWORK).write_bytes(network)
    card.with_version().write(folder)
    return self_test.record(folder)


def to_tflite(network: keras.Model) -> bytes:
    """The network as a LiteRT file: scaled features (n, inputs) to the members' mean probabilities (n, classes)."""
    asked = shared_input(network)
    probabilities = keras.layers.Softmax()(asked.output)
    mean = keras.layers.GlobalAveragePooling1D()(probabilities)
    serving = keras.Model(asked.input, mean)
    with redirect_stdout(StringIO()):  # the converter prints a page about its own business
        content: bytes = tf.lite.TFLiteConverter.from_keras_model(serving).convert()
    return content
