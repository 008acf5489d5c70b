"""Transfers a source network to the labelled light curves of a survey."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.columns import AS_NAMED, Form
from starsieve.features.tools.commands import check_folder
from starsieve.features.tools.files import survey_of
from starsieve.features.tools.folder import read_light_curves
from starsieve.features.tools.lightcurves import LightCurves
from starsieve.models import ModelError
from starsieve.models.data import splits, tables, training_set
from starsieve.models.data.tables import Table
from starsieve.models.recipes import building, sources, upsilont
from starsieve.models.recipes.building import OURS, Work
from starsieve.models.serving import taxonomy
from starsieve.models.serving.card import Card
from starsieve.models.training import ensemble
from starsieve.models.training.ensemble import Recipe, Source, Trained
from starsieve.models.training.fit import Schedule
from starsieve.models.training.network import UPSILONT

FROM_UPSILONT = replace(UPSILONT, members=5, norm_logits=False)
SCRATCH_RATE, TRANSFER_RATE = 2e-3, 1e-3  # of the body
STEPS, MIN_STEPS = 10, 300  # times the square root of the rows; twice as many are no better
# Few rows are learned better with more dropout, longer, and closer to the source (docs/notebook.md).
FEW_ROWS, DROPOUT_OF_FEW, LONGER_FOR_FEW, TRANSFER_RATE_OF_FEW = 10_000, 0.3, 2, 4e-4
POINTS_IN_VIEWS = 12_000_000  # more points than this in augmented views cost more time than they bring
MAX_VIEWS = 12
MIN_CLASSES = 2


def transfer(
    data: Path,
    output: Path,
    *,
    source: str,
    published: Path,
    fraction: float,
    name: str,
    seed: int,
    work: Work,
    origin: str | None = None,
    form: Form = AS_NAMED,
    parents: Mapping[str, int] | None = None,
) -> Card:
    """Transfers to labelled light curves, or to a fraction of them; writes the network, gives its card.

    The scores on the card are of the training objects themselves, each judged by the member that had not seen it.
    Classes without a place in the taxonomy get one under their parent; see `taxonomy.class_ids`.
    Raises ModelError for light curves or labels that nothing can be learned from.
    """
    start = find_source(source, published)
    curves = read_light_curves(data, form)
    check_folder(output)
    labels = Counter(curves.label.tolist())
    common = sorted(label for label, count in labels.items() if label and count >= splits.MIN_CLASS_OBJECTS)
    ensemble.check_labels(common)
    taxonomy.class_ids(common, parents)
    with work.telling("features"):
        full = training_set.training_set(curves, views(curves), cache=work.cache, threads=work.threads)
    if len(np.unique(full.table.label)) < MIN_CLASSES:
        raise ModelError(
            f"{data} has too few labelled light curves to learn from: a class needs {splits.MIN_CLASS_OBJECTS} objects "
            f"with {MIN_EPOCHS} epochs in a band, and a network needs {MIN_CLASSES} classes"
        )
    table = full.table
    if fraction < 1:
        table = table.select(splits.fraction(table.label, fraction, seed))
    trained = ensemble.train(table, recipe(len(table.owner), start), start, seed, work.told(name))
    notes = {
        "training": building.training_notes(
            source, f"{survey_of(data)}, {100 * fraction:.3g} % of the labels", table, seed
        ),
        "dropped_classes": full.dropped,
        "not_classified": full.not_classified,
        "repeated": full.repeated,
        "macro_f1_by_epochs": building.by_epochs(trained, curves, table, work),
        "unfamiliar": _unfamiliar(trained, table, full.strange, data.resolve().parent / "ztf_snia", seed, work),
    }
    if origin:
        notes["origin"] = origin
    return building.save(trained, output, name, full.bands, table, notes, parents)


def find_source(name: str, published: Path) -> Source | None:
    """The source of this name: ogle3, upsilont (read from the folder `published`), none, or a folder of `train`.

    Raises ModelError where its weights are not at hand.
    """
    if name == "none":
        return None
    if name == "upsilont":
        return upsilont.source(upsilont.read(published), FROM_UPSILONT)
    return sources.own(None if name == "ogle3" else Path(name))


def recipe(rows: int, source: Source | None) -> Recipe:
    """Training for so many rows."""
    few = rows < FEW_ROWS
    steps = max(MIN_STEPS, int(STEPS * rows**0.5)) * (LONGER_FOR_FEW if few else 1)
    transfer_rate = TRANSFER_RATE_OF_FEW if few else TRANSFER_RATE
    architecture = replace(OURS, dropout=DROPOUT_OF_FEW) if few else OURS
    return Recipe(architecture, Schedule(steps, body_rate=transfer_rate if source else SCRATCH_RATE))


def views(curves: LightCurves) -> int:
    """How many augmented views of these light curves training sees."""
    return int(np.clip(POINTS_IN_VIEWS // max(len(curves.mjd), 1), 1, MAX_VIEWS))


def _unfamiliar(
    trained: Trained, table: Table, dropped: Table, supernovae: Path, seed: int, work: Work
) -> dict[str, float]:
    """AUROC of Residual, of training objects by members that had not seen them, against what isn't among them.

    Dropped classes have few objects, so the class in the middle by size, if it has enough, is left out of a training of
    its own.
    """
    groups = {"of classes with too few objects": dropped}
    if supernovae.is_dir():
        groups["ZTF supernovae"] = tables.extract(read_light_curves(supernovae), cache=work.cache, threads=work.threads)
    found = {
        f"{len(np.unique(group.owner))} {name}": round(ensemble.unfamiliar(trained, table, group), 3)
        for name, group in groups.items()
        if len(group.owner)
    }
    by_size = Counter(table.label.tolist()).most_common()
    label, count = by_size[len(by_size) // 2]
    if len(by_size) > MIN_CLASSES and count >= splits.MIN_CLASS_OBJECTS:
        found |= [building.left_out(table, label, recipe(len(table.owner), None), seed, work)]
    return found
