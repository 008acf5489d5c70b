"""Networks to transfer from: the published one, and our own, which comes with the package."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from tensorflow import keras

from models import ModelError, registry, scaling
from models.ensemble import Source, Trained
from models.network import Architecture
from models.serving import CARD, read_card

WEIGHTS = "weights.npz"
HEAD = "head"  # the layers that a transfer replaces start with this


def save_weights(trained: Trained, folder: Path) -> None:
    """Writes the weights of a network so that others can start from them."""
    arrays = {
        f"{layer.name}/{number}": array
        for layer in trained.network.layers
        for number, array in enumerate(layer.get_weights())
    }
    np.savez_compressed(folder / WEIGHTS, **arrays)


def own(folder: Path | None = None) -> Source:
    """Our source network `ogle3`, or one in a folder that `starsieve train` wrote.

    Raises ModelError if there is none.
    """
    folder = folder or registry.WEIGHTS / "ogle3"
    card = read_card(folder / CARD)
    try:
        with np.load(folder / WEIGHTS) as arrays:
            weights = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise ModelError(f"{folder} holds no weights to start from: {error}") from error
    architecture = Architecture(**{**card["architecture"], "hidden": tuple(card["architecture"]["hidden"])})

    def load(network: keras.Model) -> None:
        for layer in network.layers:
            if layer.weights and not layer.name.startswith(HEAD):
                layer.set_weights([weights[f"{layer.name}/{number}"] for number in range(len(layer.weights))])

    return Source(card["name"], scaling.from_json(card["scaler"]), architecture, load)
