"""What every training of a network has in common: its size, its working conditions, and the files that come of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from starsieve.features.tools.lightcurves import LightCurves
from starsieve.models.data import splits, tables
from starsieve.models.data.tables import Table
from starsieve.models.judging import judging, report
from starsieve.models.recipes.references import reference_of
from starsieve.models.serving.card import Card
from starsieve.models.serving.taxonomy import RESIDUAL
from starsieve.models.training import ensemble, write
from starsieve.models.training.ensemble import Recipe, Trained
from starsieve.models.training.network import Architecture

OnStep = Callable[[str, float, float], None]

EPOCH_STEPS = (20, 30, 50, 100, 200)  # first epochs at which a card gives the macro-F1
OURS = Architecture(hidden=(64, 128, 256), members=5, dropout=0.1)


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


def save(
    trained: Trained,
    output: Path,
    name: str,
    bands: tuple[str, ...],
    table: Table,
    notes: dict[str, Any],
    parents: Mapping[str, int] | None = None,
) -> Card:
    """Writes a network, with its scores on training objects, each by a member that had not seen it; gives its card."""
    answers = ensemble.unseen(trained, table)
    scores = {"of": "training objects, each by the member and the calibration that had not seen it"}
    notes["scores"] = scores | judging.judge(trained.classes, table, answers)
    of = "training objects, whole and as training sees them with fewer epochs and more noise"
    notes["drift"] = reference_of(of, table, trained.scaler, (*trained.classes, RESIDUAL), answers).to_json()
    card = write.save(trained, output, survey=name, bands=bands, notes=notes, parents=parents)
    report.write(output, card)
    return card


def by_epochs(trained: Trained, curves: LightCurves, table: Table, work: Work) -> dict[int, float]:
    """Macro-F1 of training objects cut to their first epochs, each by the member that had not seen it."""
    place = {name: number for number, name in enumerate(curves.object_id.tolist())}
    own = curves.select(np.sort([place[name] for name in table.object_id.tolist()]))
    found = {}
    for count in EPOCH_STEPS:
        seen = tables.extract(own.first(count), cache=work.cache, threads=work.threads)
        found[count] = judging.judge(trained.classes, seen, ensemble.unseen(trained, seen))["macro_f1"]
    return found


def left_out(table: Table, label: str, recipe: Recipe, seed: int, work: Work) -> tuple[str, float]:
    """AUROC of Residual of a network trained from scratch without a class: its objects against the others."""
    rest = table.select(np.flatnonzero(table.label != label))
    strange = table.select(np.flatnonzero(table.label == label))
    trained = ensemble.train(rest, recipe, None, seed, work.told(f"without {label}"))
    name = f"{len(strange.object_id)} {label}, left out of a training from scratch"
    return name, round(ensemble.unfamiliar(trained, rest, strange), 3)


def training_notes(source: str, light_curves: str, table: Table, seed: int) -> dict[str, Any]:
    """What a card says about the training set; several light curves made of one star are one object."""
    stars = {(label, splits.star(name)) for label, name in zip(table.label, table.object_id, strict=True)}
    objects = dict(Counter(str(label) for label, _ in sorted(stars)))
    return {"source": source, "light_curves": light_curves, "objects": objects, "rows": len(table.owner), "seed": seed}
