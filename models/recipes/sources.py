"""Our source network: trained on synthetic and on real light curves, written, and read to transfer from."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from tensorflow import keras

from starsieve.features.tools.commands import check_folder
from starsieve.features.tools.lightcurves import concatenate
from starsieve.models import ModelError, synthesis
from starsieve.models.data import augment, cepheids, tables
from starsieve.models.data.tables import Table
from starsieve.models.recipes import building
from starsieve.models.recipes.building import OURS, Work
from starsieve.models.serving import registry
from starsieve.models.serving.card import Card
from starsieve.models.training import ensemble
from starsieve.models.training.ensemble import Recipe, Source, Trained
from starsieve.models.training.fit import Schedule
from starsieve.models.training.network import HEAD, Architecture

RECIPE = Recipe(OURS, Schedule(8000, batch=256), balance=0.5)
WEIGHTS = "weights.npz"
ORIGIN = (
    "OGLE-III Catalog of Variable Stars (Soszynski et al. 2008 and later), and light curves of its classical Cepheids "
    "from OGLE-III and OGLE-IV (I and V) and EROS-2 (B and R); damped random walks fitted to SDSS Stripe 82 quasars "
    "with JAVELIN; eclipsing, spotted, blue and constant stars are drawn from models (models/synthesis)"
)


def train(name: str, data: Path, output: Path, *, objects: int, seed: int, work: Work) -> None:
    """Trains the source network and writes it to a folder.

    It learns from light curves synthesised from data/catalogs, as several surveys and bands would have them, and from
    the real Cepheids in data/lightcurves that are not held out.
    """
    catalogue = synthesis.read_catalogue(data / "catalogs")
    check_folder(output)
    made = concatenate(synthesis.ogle3_light_curves(catalogue, objects, seed))
    real = concatenate([cepheids.learnable(data / "lightcurves" / name) for name in cepheids.SETS])
    with work.telling("features"):
        synthetic = _usable(tables.extract(made, cache=work.cache, threads=work.threads))
        seen = (real, augment.augmented(real, seed))
        views = [tables.extract(view, cache=work.cache, threads=work.threads) for view in seen]
        table = tables.joined([synthetic, _usable(tables.stack(views))])
    trained = ensemble.train(table, RECIPE, None, seed, work.told(name))
    trained = ensemble.calibrated(trained, table, _importance(table, synthetic))
    notes = {
        "training": building.training_notes(
            "none",
            "light curves synthesised from the OGLE-III catalogue, and real Cepheids of OGLE-III, OGLE-IV and EROS-2",
            table,
            seed,
        ),
        "origin": ORIGIN,
        "macro_f1_by_epochs": building.by_epochs(trained, concatenate([made, real]), table, work),
        "architecture": asdict(OURS),
    }
    building.save(trained, output, name, tuple(sorted(set(table.band.tolist()))), table, notes)
    save_weights(trained, output)


def _usable(table: Table) -> Table:
    return table.select(np.flatnonzero(table.reason == ""))


def _importance(table: Table, synthetic: Table) -> npt.NDArray[np.float64]:
    """How much an object counts in the calibration: classes by how many stars the catalogue has of them.

    What was synthesised is in proportion to the root of that; real light curves do not count on top.
    """
    made, there = Counter(synthetic.label.tolist()), Counter(table.label.tolist())
    return np.array([made[label] ** 2 / there[label] for label in table.label.tolist()])


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
