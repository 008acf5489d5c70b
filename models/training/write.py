"""Writes a trained classifier to a folder: network.tflite and its card."""

import hashlib
import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow import keras

from starsieve.models.data.tables import MIN_EPOCHS
from starsieve.models.serving import taxonomy
from starsieve.models.serving.classifier import CARD, NETWORK, version_of
from starsieve.models.serving.scaling import COLUMNS
from starsieve.models.serving.taxonomy import RESIDUAL
from starsieve.models.training import self_test
from starsieve.models.training.ensemble import Trained
from starsieve.models.training.network import shared_input


def save(
    trained: Trained, folder: Path, *, survey: str, bands: tuple[str, ...], notes: dict[str, Any]
) -> dict[str, Any]:
    """Writes the network and card.json, with its answers to the self-test, and returns the card.

    notes: what a reader wants to know: training set, scores, origin.
    """
    network = to_tflite(trained.network)
    sha256 = hashlib.sha256(network).hexdigest()
    card = {
        "survey": survey,
        "name": f"starsieve-{survey}",
        "version": "",  # of what follows
        "sha256": sha256,
        "classes": [*trained.classes, RESIDUAL],
        "class_ids": [taxonomy.class_id(label) for label in (*trained.classes, RESIDUAL)],
        "bands": list(bands),
        "min_epochs": MIN_EPOCHS,
        "features": list(COLUMNS),
        "scaler": trained.scaler.to_json(),
        "familiarity": trained.familiarity.to_json(),
        "calibration": {
            "sharpness": trained.calibration.sharpness,
            "shift": trained.calibration.shift.tolist(),
        },
    }
    card["version"] = version_of(card)
    card |= notes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETWORK).write_bytes(network)
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n")
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
