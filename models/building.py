"""What every training of a network has in common: its size, its working conditions, and the files that come of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models import cards, ensemble, judging, lightcurves, report
from models.ensemble import Trained
from models.lightcurves import BandLightCurves
from models.network import Architecture
from models.tables import Table

OnStep = Callable[[str, float, float], None]

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


def assembled(made: Any) -> BandLightCurves:
    """Synthetic light curves in the form of real ones."""
    owner = np.repeat(np.arange(len(made)), np.diff(made.offsets))
    points = {"band": made.band, "mjd": made.mjd, "mag": made.mag, "magerr": made.magerr}
    return lightcurves.assemble(made.object_id, made.label, owner, **points)


def save(
    trained: Trained, output: Path, name: str, bands: tuple[str, ...], table: Table, notes: dict[str, Any]
) -> dict[str, Any]:
    """Writes a network, with its scores on training objects, each by a member that had not seen it; gives its card."""
    answers = ensemble.unseen(trained, table)
    scores = {"of": "training objects, each by the member and the calibration that had not seen it"}
    notes["scores"] = scores | judging.judge(trained.classes, table, answers)
    card = cards.save(trained, output, survey=name, bands=bands, notes=notes)
    report.write(output, card)
    return card


def training_notes(source: str, light_curves: str, table: Table, seed: int) -> dict[str, Any]:
    """What a card says about the training set."""
    objects = dict(Counter(table.label.tolist()))
    return {"source": source, "light_curves": light_curves, "objects": objects, "rows": len(table.owner), "seed": seed}
