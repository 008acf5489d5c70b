"""Our source network: trained on light curves synthesised from a catalogue, written, and read to transfer from."""

from dataclasses import asdict
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from tensorflow import keras

from starsieve.features.tools.commands import check_folder
from starsieve.features.tools.lightcurves import concatenate
from starsieve.models import ModelError, synthesis
from starsieve.models.data import tables
from starsieve.models.recipes import building
from starsieve.models.recipes.building import OURS, Work
from starsieve.models.serving import registry
from starsieve.models.serving.card import Card
from starsieve.models.training import ensemble
from starsieve.models.training.ensemble import Recipe, Source, Trained
from starsieve.models.training.fit import Schedule
from starsieve.models.training.network import HEAD, Architecture

RECIPE = Recipe(OURS, Schedule(8000, batch=256), balance=0.0)
WEIGHTS = "weights.npz"
ORIGIN = (
    "OGLE-III Catalog of Variable Stars (Soszynski et al. 2008 and later); damped random walks fitted to SDSS Stripe "
    "82 quasars with JAVELIN; eclipsing, spotted, blue and constant stars are drawn from models (models/synthesis)"
)


def train(name: str, data: Path, output: Path, *, objects: int, seed: int, work: Work) -> None:
    """Trains the source network on light curves synthesised from data/catalogs and writes it to a folder."""
    catalogue = synthesis.read_catalogue(data / "catalogs")
    check_folder(output)
    curves = concatenate(synthesis.ogle3_light_curves(catalogue, objects, seed))
    with work.telling("features"):
        table = tables.extract(curves, cache=work.cache, threads=work.threads)
    table = table.select(np.flatnonzero(table.reason == ""))
    trained = ensemble.train(table, RECIPE, None, seed, work.told(name))
    notes = {
        "training": building.training_notes(
            "none", "light curves synthesised from the OGLE-III catalogue", table, seed
        ),
        "origin": ORIGIN,
        "macro_f1_by_epochs": building.by_epochs(trained, curves, table, work),
        "architecture": asdict(OURS),
    }
    building.save(trained, output, name, ("I",), table, notes)
    save_weights(trained, output)


def own(folder: Path | None = None) -> Source:
    """Our source network `ogle3`, or one in a folder that `starsieve train` wrote.

    Raises ModelError if there is none.
    """
    folder = folder or registry.WEIGHTS / "ogle3"
    card = Card.read(folder)
    try:
        with np.load(folder / WEIGHTS) as arrays:
            weights = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise ModelError(f"{folder} holds no weights to start from: {error}") from error
    if card.architecture is None:
        raise ModelError(f"{folder} holds no network to start from: its card names no architecture")
    architecture = Architecture(**card.architecture.model_dump())

    def load(network: keras.Model) -> None:
        for layer in network.layers:
            if layer.weights and not layer.name.startswith(HEAD):
                layer.set_weights([weights[f"{layer.name}/{number}"] for number in range(len(layer.weights))])

    return Source(card.scaler.made(), architecture, load)


def save_weights(trained: Trained, folder: Path) -> None:
    """Writes the weights of a network so that others can start from them."""
    arrays = {
        f"{layer.name}/{number}": array
        for layer in trained.network.layers
        for number, array in enumerate(layer.get_weights())
    }
    np.savez_compressed(folder / WEIGHTS, **arrays)
