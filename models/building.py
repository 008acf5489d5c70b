"""Builds networks from start to end: light curves, features, training, scores, files."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models import (
    ModelError,
    cards,
    ensemble,
    judging,
    lightcurves,
    report,
    sources,
    splits,
    survey,
    synthesis,
    tables,
    upsilont,
)
from models.ensemble import Recipe, Source, Trained
from models.lightcurves import BandLightCurves
from models.network import PUBLISHED, Architecture
from models.tables import Table
from models.training import Schedule

OnStep = Callable[[str, float, float], None]

OURS = Architecture(hidden=(64, 128, 256), members=5, dropout=0.1)
UPSILONT = replace(PUBLISHED, members=5, norm_logits=False)
SOURCE_RECIPE = Recipe(OURS, Schedule(8000, batch=256), balance=0.0)
SCRATCH_RATE, TRANSFER_RATE = 2e-3, 1e-3  # of the body
STEPS, MIN_STEPS = 10, 300  # times the square root of the rows; twice as many are no better
# Few rows are learned better with more dropout, longer, and closer to the source (docs/science.md).
FEW_ROWS, DROPOUT_OF_FEW, LONGER_FOR_FEW, TRANSFER_RATE_OF_FEW = 10_000, 0.3, 2, 4e-4
POINTS_IN_VIEWS = 12_000_000  # more points than this in worsened views cost more time than they bring
MAX_VIEWS = 12
MIN_CLASSES = 2
EPOCH_STEPS = (20, 30, 50, 100, 200)  # first epochs at which a card gives the macro-F1


@dataclass(frozen=True)
class Work:
    """Where features are kept between runs, threads for their extraction, and whom to tell of progress."""

    cache: Path
    threads: int
    on_step: OnStep

    @contextmanager
    def telling(self, name: str) -> Iterator[None]:
        """Tells that something is under way which cannot say how far it is."""
        self.on_step(name, 0, 0)
        yield
        self.on_step(name, 1, 1)

    def told(self, name: str) -> Callable[[int, int], None]:
        """Tells of the steps of a training."""
        return lambda step, steps: self.on_step(name, step, steps)


def recipe(rows: int, source: Source | None) -> Recipe:
    """Training for so many rows."""
    few = rows < FEW_ROWS
    steps = max(MIN_STEPS, int(STEPS * rows**0.5)) * (LONGER_FOR_FEW if few else 1)
    transfer_rate = TRANSFER_RATE_OF_FEW if few else TRANSFER_RATE
    architecture = replace(OURS, dropout=DROPOUT_OF_FEW) if few else OURS
    return Recipe(architecture, Schedule(steps, body_rate=transfer_rate if source else SCRATCH_RATE))


def find_source(name: str, published: Path) -> Source | None:
    """The source of this name: ogle3, upsilont (read from the folder `published`), none, or a folder of `train`.

    Raises ModelError where its weights are not at hand.
    """
    if name == "none":
        return None
    if name == "upsilont":
        return upsilont.source(upsilont.read(published), UPSILONT)
    return sources.own(None if name == "ogle3" else Path(name))


def train_source(name: str, data: Path, output: Path, *, objects: int, seed: int, work: Work) -> None:
    """Trains the source network on light curves synthesised from data/catalogs and writes it to a folder."""
    catalog = synthesis.read_catalog(data / "catalogs")
    output.mkdir(parents=True, exist_ok=True)
    made = synthesis.concatenate(synthesis.ogle3_light_curves(catalog, objects, seed))
    with work.telling("features"):
        table = tables.extract(assembled(made), cache=work.cache, threads=work.threads)
    table = table.select(np.flatnonzero(table.reason == ""))
    trained = ensemble.train(table, SOURCE_RECIPE, None, seed, work.told(name))
    notes = {
        "training": training_notes("none", "light curves synthesised from the OGLE-III catalogue", table, seed),
        "architecture": asdict(OURS),
    }
    _save(trained, output, name, ("I",), table, notes)
    sources.save_weights(trained, output)


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
) -> dict[str, Any]:
    """Transfers to the labelled light curves of a folder, or to a fraction of them; writes the network, gives its card.

    The scores on the card are of the training objects themselves, each judged by the member that had not seen it.
    Raises ModelError for light curves or labels that nothing can be learned from.
    """
    start = find_source(source, published)
    curves = lightcurves.read(data)
    output.mkdir(parents=True, exist_ok=True)  # now, not after the training
    labels = Counter(curves.label.tolist())
    ensemble.check_labels(label for label, count in labels.items() if label and count >= splits.MIN_CLASS_OBJECTS)
    with work.telling("features"):
        full = survey.training_set(curves, views(curves), cache=work.cache, threads=work.threads)
    if len(np.unique(full.table.label)) < MIN_CLASSES:
        raise ModelError(
            f"{data} has too few labelled light curves to learn from: a class needs {splits.MIN_CLASS_OBJECTS} objects "
            f"with {tables.MIN_EPOCHS} epochs in a band, and a network needs {MIN_CLASSES} classes"
        )
    table = full.table
    if fraction < 1:
        table = table.select(splits.fraction(table.label, fraction, seed))
    trained = ensemble.train(table, recipe(len(table.owner), start), start, seed, work.told(name))
    notes = {
        "training": training_notes(source, f"{data.resolve().name}, {100 * fraction:.3g} % of the labels", table, seed),
        "dropped_classes": full.dropped,
        "not_classified": full.not_classified,
        "repeated": full.repeated,
        "macro_f1_by_epochs": _by_epochs(trained, curves, table, work),
        "unfamiliar": _unfamiliar(trained, table, full.strange, data.resolve().parent / "ztf_snia", work),
    }
    if origin:
        notes["origin"] = origin
    return _save(trained, output, name, full.bands, table, notes)


def _save(
    trained: Trained, output: Path, name: str, bands: tuple[str, ...], table: Table, notes: dict[str, Any]
) -> dict[str, Any]:
    answers = ensemble.unseen(trained, table)
    scores = {"of": "training objects, each by the member and the calibration that had not seen it"}
    notes["scores"] = scores | judging.judge(trained.classes, table, answers)
    card = cards.save(trained, output, survey=name, bands=bands, notes=notes)
    report.write(output, card)
    return card


def _unfamiliar(trained: Trained, table: Table, strange: Table, supernovae: Path, work: Work) -> dict[str, float]:
    """AUROC of Residual, of training objects by members that had not seen them, against what isn't among them."""
    groups = {"classes left out of training": strange}
    if supernovae.is_dir():
        groups["ZTF supernovae"] = tables.extract(lightcurves.read(supernovae), cache=work.cache, threads=work.threads)
    return {
        name: round(ensemble.unfamiliar(trained, table, group), 3) for name, group in groups.items() if len(group.owner)
    }


def views(curves: BandLightCurves) -> int:
    """How many worsened views of these light curves training sees."""
    return int(np.clip(POINTS_IN_VIEWS // max(len(curves.mjd), 1), 1, MAX_VIEWS))


def assembled(made: Any) -> BandLightCurves:
    """Synthetic light curves in the form of real ones."""
    owner = np.repeat(np.arange(len(made)), np.diff(made.offsets))
    points = {"band": made.band, "mjd": made.mjd, "mag": made.mag, "magerr": made.magerr}
    return lightcurves.assemble(made.object_id, made.label, owner, **points)


def _by_epochs(trained: Trained, curves: BandLightCurves, table: Table, work: Work) -> dict[int, float]:
    place = {name: number for number, name in enumerate(curves.object_id.tolist())}
    own = curves.select(np.sort([place[name] for name in table.object_id.tolist()]))
    found = {}
    for count in EPOCH_STEPS:
        seen = tables.extract(own.first(count), cache=work.cache, threads=work.threads)
        found[count] = judging.judge(trained.classes, seen, ensemble.unseen(trained, seen))["macro_f1"]
    return found


def training_notes(source: str, light_curves: str, table: Table, seed: int) -> dict[str, Any]:
    """What a card says about the training set."""
    objects = dict(Counter(table.label.tolist()))
    return {"source": source, "light_curves": light_curves, "objects": objects, "rows": len(table.owner), "seed": seed}
